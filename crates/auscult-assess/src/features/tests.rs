//! Findings against lists of parts.

use auscult_model::{
    AdvisoryId, AffectedMatch, BinaryFacts, BootEntry, BootSource, BootState, Facts,
    FeatureInventory, Finding, Known, MatchSource, RootOperation, Sha256, Step, Version, VexStatus,
};

use super::{Features, Named};
use crate::{files::Files, stated::made};

const BUSYBOX: &str = "image@0x0/squashfs:/bin/busybox";
const AWK: &str = "A use-after-free in Busybox's awk applet leads to denial of service";

fn list(component: &str, present: &[&str], absent: &[&str], complete: bool) -> FeatureInventory {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    FeatureInventory {
        locator: format!("{BUSYBOX}@0x100").parse().unwrap(),
        component: component.into(),
        present: names(present),
        absent: names(absent),
        complete,
    }
}

fn binary(place: &str, soname: Option<&str>, needed: &[&str], exports: &[&str]) -> BinaryFacts {
    BinaryFacts {
        locator: place.parse().unwrap(),
        sha256: Sha256::of(place.as_bytes()),
        architecture: "arm-32-le".into(),
        kind: "shared".into(),
        interpreter: None,
        soname: soname.map(str::to_owned),
        needed: needed.iter().map(|&name| name.to_owned()).collect(),
        imports: Known::Known(Vec::new()),
        exports: Known::Known(exports.iter().map(|&name| name.to_owned()).collect()),
        build_id: None,
        stripped: Known::Known(true),
    }
}

/// A finding about a component whose code is in these binaries.
fn finding(component: &str, facts: &Facts) -> Finding {
    let mut finding = made::finding();
    finding.component = component.into();
    finding.version = Version("1".into());
    finding.locators = facts.binaries.iter().map(|one| one.locator.at(0x20)).collect();
    finding
}

fn judged(facts: &Facts, mut finding: Finding, text: &str) -> (VexStatus, Option<String>, String) {
    let (component, holding) = Features::component(&finding).unwrap();
    let binaries = Files::of(facts);
    let binaries = binaries.of_finding(&finding);
    let named = Named::read(component, &finding.id.0, &[], text);
    let said = Features::of(facts).judge(component, holding, &binaries, &named);
    if let Some(statement) = said {
        statement.apply(&mut finding);
    }
    (finding.vex.status, finding.vex.strength, finding.vex.evidence.join("\n"))
}

fn busybox(lists: Vec<FeatureInventory>) -> Facts {
    let mut facts = made::facts();
    facts.binaries = vec![binary(BUSYBOX, None, &[], &[])];
    facts.features = lists;
    facts
}

#[test]
fn an_applet_that_is_not_in_the_whole_table_closes() {
    let facts = busybox(vec![list("busybox", &["ash", "cat", "sh", "wget"], &[], true)]);
    let (status, strength, evidence) = judged(&facts, finding("busybox", &facts), AWK);
    assert_eq!((status, strength.as_deref()), (VexStatus::NotAffected, Some("strong")));
    assert_eq!(
        evidence,
        "awk is not built in: the list at image@0x0/squashfs:/bin/busybox@0x100 has 4 parts and \
         lacks awk"
    );
    // `sh` may be either shell, so that the other may be there.
    let text = "A NULL pointer dereference in Busybox's hush applet leads to";
    assert_eq!(judged(&facts, finding("busybox", &facts), text).0, VexStatus::Affected);
}

#[test]
fn an_applet_that_is_there_stays_open_and_is_told_with_its_callers() {
    let mut facts = busybox(vec![list("busybox", &["awk", "cat"], &[], true)]);
    let (status, strength, evidence) = judged(&facts, finding("busybox", &facts), AWK);
    assert_eq!((status, strength), (VexStatus::Affected, None));
    assert!(evidence.ends_with("nothing was seen that calls it by this name"), "{evidence}");
    let boot = BootEntry {
        source: BootSource::Sysv,
        name: "S10stats".into(),
        command: "/usr/bin/awk".into(),
        arguments: Vec::new(),
        user: None,
        trigger: "S".into(),
        state: BootState::StartsAtBoot,
        configuration: "image@0x0/squashfs:/etc/init.d/stats@0x4".parse().unwrap(),
        program: Some(BUSYBOX.parse().unwrap()),
    };
    let root = RootOperation { boot: Known::Known(vec![boot]), ..made::root() };
    facts.operation.roots = Known::Known(vec![root]);
    let (_, _, evidence) = judged(&facts, finding("busybox", &facts), AWK);
    assert!(evidence.ends_with("called by S10stats (image@0x0/squashfs:/etc/init.d/stats@0x4)"));
}

#[test]
fn without_a_whole_list_of_every_program_nothing_closes() {
    let incomplete = busybox(vec![list("busybox", &["cat"], &[], false)]);
    let other = busybox(vec![list("dnsmasq", &["cat"], &[], true)]);
    let mut second = busybox(vec![list("busybox", &["cat"], &[], true)]);
    second.binaries.push(binary("image@0x0/squashfs:/bin/busybox.suid", None, &[], &[]));
    for facts in [busybox(Vec::new()), incomplete, other, second] {
        let (status, ..) = judged(&facts, finding("busybox", &facts), AWK);
        assert_eq!(status, VexStatus::Affected);
    }
    // Another place that the text names leaves it open too.
    let facts = busybox(vec![list("busybox", &["cat"], &[], true)]);
    let text = format!("{AWK}, as do other applets");
    let (status, _, evidence) = judged(&facts, finding("busybox", &facts), &text);
    assert_eq!(status, VexStatus::Affected);
    assert!(evidence.contains("also names applets"), "{evidence}");
}

#[test]
fn an_option_that_is_left_out_by_name_is_proof() {
    let text = "A heap overflow in dnsmasq when DNSSEC is enabled";
    for (absent, complete, expected) in
        [(&["DNSSEC"][..], false, Some("proven")), (&[], false, None)]
    {
        let facts = busybox(vec![list("dnsmasq", &["DHCP"], absent, complete)]);
        let (status, strength, _) = judged(&facts, finding("dnsmasq", &facts), text);
        assert_eq!(strength.as_deref(), expected);
        assert_eq!(status == VexStatus::NotAffected, expected.is_some());
    }
}

#[test]
fn a_library_tells_by_what_it_exports() {
    let text = "invalid DTLS handshake to an OpenSSL DTLS client";
    let ssl = |exports| {
        binary("image@0x0/squashfs:/lib/libssl.so.1.0.0", Some("libssl.so.1.0.0"), &[], exports)
    };
    let crypto = binary(
        "image@0x0/squashfs:/lib/libcrypto.so.1.0.0",
        Some("libcrypto.so.1.0.0"),
        &[],
        &["MD5"],
    );
    let tool = binary("image@0x0/squashfs:/bin/openssl", None, &["libssl.so.1.0.0"], &[]);
    let fixed = binary("image@0x0/squashfs:/bin/static", None, &["libc.so.6"], &[]);
    for (binaries, expected) in [
        (vec![ssl(&["SSL_new"]), crypto.clone(), tool.clone()], VexStatus::NotAffected),
        (vec![ssl(&["SSL_new", "DTLSv1_method"]), tool.clone()], VexStatus::Affected),
        // The code may have been linked into the program; where the library is not, nothing is told.
        (vec![ssl(&["SSL_new"]), fixed], VexStatus::Affected),
        (vec![crypto, tool], VexStatus::Affected),
        (vec![ssl(&[])], VexStatus::Affected),
    ] {
        let mut facts = made::facts();
        facts.binaries = binaries;
        let mut finding = finding("libssl1.0.0", &facts);
        finding.matches = vec![AffectedMatch {
            source: MatchSource { source: "nvd".into(), record: "CVE-1".into() },
            name: "cpe:2.3:a:openssl:openssl".into(),
            range: "< 2".into(),
            fixed: None,
            confidence: 90,
        }];
        assert_eq!(judged(&facts, finding, text).0, expected, "{:?}", facts.binaries.len());
    }
}

#[test]
fn steps_of_a_list_are_those_of_its_file() {
    let one: &[Step] = &list("busybox", &[], &[], true).locator.steps;
    assert_eq!(one, binary(BUSYBOX, None, &[], &[]).locator.steps.as_slice());
}

const KDC: &str = "ec_verify in kdc/kdc_preauth_ec.c in the Key Distribution Center (KDC) in MIT \
                   Kerberos 5 allows remote attackers to cause a daemon crash";

fn made_match() -> AffectedMatch {
    AffectedMatch {
        source: MatchSource { source: "debian".into(), record: "DSA-1-1".into() },
        name: String::new(),
        range: "< 2".into(),
        fixed: None,
        confidence: 95,
    }
}

/// What is said of a finding about a package of which only an SBOM is at hand.
fn of_package(purl: &str, name: &str, source: &str, text: &str) -> (VexStatus, String) {
    let facts = Facts { binaries: Vec::new(), ..made::facts() };
    let mut finding = finding(name, &facts);
    finding.purl = Some(purl.to_owned());
    let name = format!("debian:buster:{source}");
    finding.matches = vec![AffectedMatch { name, ..made_match() }];
    let (status, _, evidence) = judged(&facts, finding, text);
    (status, evidence)
}

#[test]
fn a_package_of_libraries_holds_no_program() {
    let libraries = "pkg:deb/debian/libk5crypto3@1.17-3?distro=debian-10";
    let (status, evidence) = of_package(libraries, "libk5crypto3", "krb5", KDC);
    assert_eq!(status, VexStatus::NotAffected, "{evidence}");
    assert_eq!(evidence, "the package holds libraries alone, and kdc is in krb5kdc");
    let server = "pkg:deb/debian/krb5-kdc@1.17-3?distro=debian-10";
    assert_eq!(of_package(server, "krb5-kdc", "krb5", KDC).0, VexStatus::Affected);
    let elsewhere = "unbounded recursion in lib/krb5/asn.1/asn1_encode.c of MIT Kerberos 5";
    assert_eq!(of_package(libraries, "libk5crypto3", "krb5", elsewhere).0, VexStatus::Affected);
}

#[test]
fn a_package_of_one_program_holds_that_program_alone() {
    let purl = "pkg:apk/alpine/ssl_client@1.31.1-r11";
    let (status, evidence) = of_package(purl, "ssl_client", "busybox", AWK);
    assert_eq!(status, VexStatus::NotAffected, "{evidence}");
    let own = "a flaw in the ssl_client applet of BusyBox";
    let (status, evidence) = of_package(purl, "ssl_client", "busybox", own);
    assert_eq!(
        (status, &*evidence),
        (VexStatus::Affected, "the package is ssl_client, which has it")
    );
    // A record that the table knows needs no text: there are snapshots without any.
    let mut finding = finding("ssl_client", &made::facts());
    (finding.id, finding.purl) = (AdvisoryId("CVE-2018-20679".into()), Some(purl.to_owned()));
    finding.matches = vec![AffectedMatch { name: "busybox:busybox".into(), ..made_match() }];
    let (status, _, evidence) = judged(&made::facts(), finding, "");
    assert_eq!(status, VexStatus::NotAffected, "{evidence}");
    let whole = "pkg:apk/alpine/busybox@1.31.1-r11";
    assert_eq!(of_package(whole, "busybox", "busybox", AWK).0, VexStatus::Affected);
}

/// In an image the files decide: a library is no program, and the program is there or not.
#[test]
fn a_program_of_its_own_is_there_or_not() {
    const ROOT: &str = "image@0x0/squashfs:";
    let library =
        binary(&format!("{ROOT}/lib/libk5crypto.so.3"), Some("libk5crypto.so.3"), &[], &["f"]);
    let tool = binary(&format!("{ROOT}/usr/bin/kinit"), None, &["libkrb5.so.3"], &[]);
    let server = binary(&format!("{ROOT}/usr/sbin/krb5kdc"), None, &["libkrb5.so.3"], &[]);
    let other = binary(&format!("{ROOT}/usr/bin/vendord"), None, &["libkrb5.so.3"], &[]);
    for (binaries, expected) in [
        (vec![library.clone(), tool.clone()], VexStatus::NotAffected),
        (vec![library.clone(), server], VexStatus::Affected),
        (vec![library, other], VexStatus::Affected),
    ] {
        let facts = Facts { binaries, ..made::facts() };
        let (status, _, evidence) = judged(&facts, finding("krb5", &facts), KDC);
        assert_eq!(status, expected, "{evidence}");
    }
}
