//! What is read: every valid document, and something of most invalid ones.

use std::path::PathBuf;

use auscult_model::{ComponentKind, Facts, InputKind, Limits, Origin, VersionClaim};
use auscult_sbom::{Error, WriteOptions, read_cyclonedx, write_cyclonedx};

use crate::{facts, shared, tool};

fn read(bytes: &[u8]) -> Result<Facts, Error> {
    read_cyclonedx(bytes, tool(), &Limits::default())
}

fn read_json(components: &str) -> Facts {
    let document =
        format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":{components}}}"#);
    read(document.as_bytes()).unwrap()
}

#[test]
fn official_documents_read_and_invalid_ones_do_no_harm() {
    let Some(folder) = shared::folder() else { return };
    let json = |name: &str| name.rsplit('.').next() == Some("json");
    let files = shared::files(&folder.join("conformance/cyclonedx/tests"), &json);
    let is_valid = |path: &PathBuf| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|n| n.starts_with("valid-"))
    };
    let (valid, invalid): (Vec<_>, Vec<_>) = files.into_iter().partition(is_valid);
    let mut components = 0;
    for path in &valid {
        let bytes = std::fs::read(path).unwrap();
        if !String::from_utf8_lossy(&bytes).contains("bomFormat") {
            continue; // an extension's own document
        }
        let facts = read(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        components += facts.components.len();
    }
    let read_anyway =
        invalid.iter().filter(|path| read(&std::fs::read(path).unwrap()).is_ok()).count();
    eprintln!(
        "{} valid documents with {components} components; {read_anyway} of {} invalid ones read",
        valid.len(),
        invalid.len()
    );
    assert!(valid.len() > 100 && components > 100 && !invalid.is_empty());
}

#[test]
fn what_was_written_reads_back() {
    let original = facts();
    let bytes = write_cyclonedx(&original, &WriteOptions::default()).unwrap();
    let back = read(&bytes).unwrap();
    assert_eq!(back.input.kind, InputKind::Sbom);
    assert_eq!(back.problems, []);
    let mut expected: Vec<_> =
        original.components.iter().map(|c| (c.name.clone(), c.purl.clone())).collect();
    expected.sort();
    let mut found: Vec<_> =
        back.components.iter().map(|c| (c.name.clone(), c.purl.clone())).collect();
    found.sort();
    assert_eq!(found, expected);
    let busybox = back.components.iter().find(|c| c.name == "busybox").unwrap();
    assert_eq!((busybox.cpes.len(), busybox.confidence()), (2, 95));
    let openssl = back.components.iter().filter(|c| c.name == "openssl");
    assert!(openssl.clone().all(|c| c.version.exact().is_none()));
    assert!(openssl.clone().any(|c| matches!(&c.version,
        VersionClaim::Incomplete { known, .. } if known.0 == "1.0.2")));
    let range = back.components.iter().find(|c| c.name == "libxml2").unwrap();
    assert_eq!(range.version.to_string(), "\u{2265} 2.9.11, < 2.10.0");
}

#[test]
fn sloppy_entries_are_kept_and_reported() {
    let facts = read_json(
        r#"[
            {"type":"library","name":"OpenSSL","version":3.1,"cpe":"cpe:/a:openssl:openssl:3.1"},
            {"type":"gadget","purl":"pkg:deb/debian/zlib1g@1%3A1.2.13","licenses":{}},
            {"type":"device","name":"radio","version":"UNKNOWN","components":[
                {"type":"firmware","name":"inner","purl":"no purl","supplier":{"name":"Acme"}}]},
            {"type":"library"}, 7,
            {"type":"cryptographic-asset","name":"AES"}
        ]"#,
    );
    let summary: Vec<_> =
        facts.components.iter().map(|c| (c.name.as_str(), c.version.to_string(), c.kind)).collect();
    assert_eq!(
        summary,
        [
            ("inner", "unknown".to_owned(), ComponentKind::Firmware),
            ("openssl", "3.1".to_owned(), ComponentKind::Library),
            ("radio", "unknown".to_owned(), ComponentKind::Firmware),
            ("zlib1g", "1:1.2.13".to_owned(), ComponentKind::Library),
        ]
    );
    assert!(
        facts.components.iter().all(|component| matches!(component.origin, Origin::Sbom { .. }))
    );
    let places: Vec<_> = facts.problems.iter().map(|p| p.locator.to_string()).collect();
    let expected = ["", "/0/version", "/1/licenses", "/1/type", "/2/components/0/purl", "/3", "/4"]
        .map(|rest| format!("image@0x0/cyclonedx:/components{rest}"));
    assert_eq!(places, expected);
    assert_eq!(facts.coverage.bytes_read, facts.input.size);
}

#[test]
fn product_becomes_identity_not_component() {
    let facts = read(
        br#"{"bomFormat":"CycloneDX","specVersion":"1.7","metadata":{"component":{
            "type":"device","name":"Pump","version":"2.1","manufacturer":{"name":"Acme"},
            "components":[{"type":"library","name":"zlib","version":"1.3"}]}}}"#,
    )
    .unwrap();
    let stated: Vec<_> =
        facts.identities.iter().map(|i| (i.key.as_str(), i.value.as_str())).collect();
    assert_eq!(
        stated,
        [
            ("sbom:name", "Pump"),
            ("sbom:supplier", "Acme"),
            ("sbom:type", "device"),
            ("sbom:version", "2.1")
        ]
    );
    assert_eq!(facts.components.len(), 1);
    let written = write_cyclonedx(&facts, &WriteOptions::default()).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written["metadata"]["component"]["name"], "Pump");
}

#[test]
fn other_bytes_are_refused() {
    let deep = "[".repeat(100_000);
    for bytes in [&b""[..], b"[]", b"{}", b"{\"bomFormat\":\"x\"}", b"\xff\xfe", deep.as_bytes()] {
        assert!(read(bytes).is_err());
    }
}

#[test]
fn limits_are_kept_and_told() {
    let many = format!("[{}]", vec![r#"{"type":"library","name":"a"}"#; 20].join(","));
    let document =
        format!(r#"{{"bomFormat":"CycloneDX","specVersion":"1.6","components":{many}}}"#);
    let limits = Limits { entries: 5, ..Limits::default() };
    let facts = read_cyclonedx(document.as_bytes(), tool(), &limits).unwrap();
    assert_eq!((facts.components.len(), facts.problems.len()), (5, 1));
    let wrong = read_json(&format!("[{}]", vec!["1"; 5000].join(",")));
    assert_eq!(wrong.problems.len(), 1001);
}

#[test]
fn packages_stay_packages_of_their_distribution() {
    let original = facts();
    let bytes = write_cyclonedx(&original, &WriteOptions::default()).unwrap();
    let packages = |facts: &Facts| -> Vec<_> {
        let all = facts.components.iter();
        all.filter_map(|one| Some((one.name.clone(), one.package()?.clone()))).collect()
    };
    assert!(!packages(&original).is_empty());
    assert_eq!(packages(&read(&bytes).unwrap()), packages(&original));
}

#[test]
fn a_release_may_stand_beside_the_packages() {
    let facts = read_json(
        r#"[{"type":"operating-system","name":"Debian","version":"11"},
            {"type":"library","name":"libc6","purl":"pkg:deb/debian/libc6@2.31-13?arch=amd64"},
            {"type":"library","name":"bash","purl":"pkg:deb/debian/bash@5.0-4+deb10u1"},
            {"type":"library","name":"krb5","purl":"pkg:deb/debian/krb5@1.17?distro=debian-10"},
            {"type":"library","name":"curl","purl":"pkg:rpm/redhat/curl@7.61.1-22.el8"}]"#,
    );
    let releases: Vec<_> = facts
        .components
        .iter()
        .filter_map(|one| Some((one.name.as_str(), one.package()?.distribution.as_deref())))
        .collect();
    assert_eq!(
        releases,
        [
            ("bash", Some("debian-11")),
            ("curl", None),
            ("krb5", Some("debian-10")),
            ("libc6", Some("debian-11")),
        ]
    );
    let alone = read_json(
        r#"[{"type":"library","name":"bash","purl":"pkg:deb/debian/bash@5.0-4+deb10u1"}]"#,
    );
    let package = alone.components[0].package().unwrap();
    assert_eq!(package.distribution.as_deref(), Some("debian-10"));
}

#[test]
fn every_form_tells_the_source_package() {
    let purl = "pkg:deb/debian/libk5crypto3@1.17-3?distro=debian-10";
    let xml = format!(
        r#"<?xml version="1.0"?><bom xmlns="http://cyclonedx.org/schema/bom/1.5"><components>
        <component type="library"><name>libk5crypto3</name><version>1.17-3</version>
        <purl>{purl}</purl><properties><property name="aquasecurity:trivy:SrcName">krb5</property>
        </properties></component></components></bom>"#
    );
    let spdx = format!(
        r#"{{"spdxVersion":"SPDX-2.3","packages":[{{"name":"libk5crypto3","SPDXID":"SPDXRef-a",
        "versionInfo":"1.17-3","sourceInfo":"built package from: krb5 1.17-3","externalRefs":[
        {{"referenceType":"purl","referenceLocator":"{purl}"}}]}}]}}"#
    );
    let tags = format!(
        "SPDXVersion: SPDX-2.3\nPackageName: libk5crypto3\nSPDXID: SPDXRef-a\n\
         PackageVersion: 1.17-3\nPackageSourceInfo: <text>built package from: krb5 1.17-3</text>\n\
         ExternalRef: PACKAGE-MANAGER purl {purl}\n"
    );
    for text in [xml, spdx, tags] {
        let listed = auscult_sbom::read_components(text.as_bytes()).unwrap();
        let package = listed.components[0].package().unwrap();
        assert_eq!(package.source.as_deref(), Some("krb5"), "{text}");
        assert_eq!(package.distribution.as_deref(), Some("debian-10"), "{text}");
    }
}
