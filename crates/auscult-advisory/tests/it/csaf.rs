//! Advisories of the Common Security Advisory Framework: documents, mirrors, signatures.

use std::{fs, path::Path};

use auscult_advisory::{Build, BuildOptions, Snapshot, build};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{component, conformance::shared};

fn built(from: &Path) -> Build {
    build(from, &BuildOptions::default()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A provider's tree in a folder of our own, so that it can be damaged.
fn provider(kind: &str) -> Option<TempDir> {
    let from = shared(&format!("conformance/csaf/gocsaf/testdata/simple-{kind}-provider"))?;
    let folder = tempfile::tempdir().unwrap();
    copy(&from, folder.path());
    Some(folder)
}

const DOCUMENT: &str = "white/avendor-advisory-0004.json";
const ID: &str = "CVE-2020-1234";

/// Records and failures of the one source.
fn counts(built: &Build) -> (u64, u64) {
    let source = built.sources.iter().find(|source| source.name == "csaf-acme-inc").unwrap();
    (source.records, source.failures)
}

fn tells(built: &Build, text: &str) -> bool {
    built.problems.iter().any(|problem| problem.contains(text))
}

#[test]
fn a_signed_document_of_a_mirror_is_used() {
    for kind in ["directory", "rolie"] {
        let Some(folder) = provider(kind) else { return };
        let built = built(folder.path());
        let (records, failures) = counts(&built);
        assert!(records > 0, "{built:?}");
        // The directory holds a second document, without digest and signature: it is refused.
        assert_eq!(failures, u64::from(kind == "directory"), "{:?}", built.problems);
        assert_eq!(tells(&built, "has no signature"), kind == "directory");
        assert!(!tells(&built, "not checked"), "{:?}", built.problems);
        let source = built.sources.iter().find(|source| source.name == "csaf-acme-inc").unwrap();
        assert!(source.licence.contains("TLP:WHITE"), "{source:?}");
        assert_eq!(source.date.unwrap().to_string(), "2020-01-01");
    }
}

/// A changed document is refused by each of the three checks alone.
#[test]
fn a_changed_document_is_refused() {
    for left in ["sha256", "sha512", "asc"] {
        let Some(folder) = provider("rolie") else { return };
        let path = folder.path().join(DOCUMENT);
        let changed = fs::read_to_string(&path).unwrap().replace("product_1", "product_2");
        fs::write(&path, changed).unwrap();
        for ending in ["sha256", "sha512", "asc"].iter().filter(|ending| **ending != left) {
            fs::remove_file(folder.path().join(format!("{DOCUMENT}.{ending}"))).unwrap();
        }
        let built = build(folder.path(), &BuildOptions::default()).unwrap();
        assert_eq!(counts(&built), (0, 1), "{left}: {:?}", built.problems);
        assert!(tells(&built, "refused"), "{left}: {:?}", built.problems);
        let snapshot = Snapshot::from_vec(built.bytes).unwrap();
        assert_eq!(snapshot.show(ID).unwrap(), None);
    }
}

/// A signature that is no signature, one of another document, and none at all.
#[test]
fn a_wrong_signature_is_refused() {
    for wrong in ["poisoned", "other", "none"] {
        let Some(folder) = provider("rolie") else { return };
        let signature = folder.path().join(format!("{DOCUMENT}.asc"));
        match wrong {
            "poisoned" => {
                let text = fs::read_to_string(&signature).unwrap();
                fs::write(&signature, text.replacen("iHU", "iHX", 1).replacen('A', "B", 3))
                    .unwrap();
            }
            "other" => {
                let path = folder.path().join(DOCUMENT);
                let mut text = fs::read_to_string(&path).unwrap();
                text.push('\n');
                fs::write(&path, text).unwrap();
                for ending in ["sha256", "sha512"] {
                    fs::remove_file(folder.path().join(format!("{DOCUMENT}.{ending}"))).unwrap();
                }
            }
            _ => fs::remove_file(&signature).unwrap(),
        }
        let built = built(folder.path());
        assert_eq!(counts(&built), (0, 1), "{wrong}: {:?}", built.problems);
    }
}

/// Without the key a signature is not checked, and that is told; another key is not taken for it.
#[test]
fn a_missing_key_is_told() {
    for wrong in ["missing", "other", "damaged"] {
        let Some(folder) = provider("rolie") else { return };
        let key = folder.path().join("openpgp/pubkey.asc");
        let metadata = folder.path().join("provider-metadata.json");
        match wrong {
            "missing" => fs::remove_file(&key).unwrap(),
            "other" => {
                let text = fs::read_to_string(&metadata).unwrap();
                fs::write(&metadata, text.replace("A8914CA2", "00000000")).unwrap();
            }
            _ => fs::write(&key, "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n").unwrap(),
        }
        let built = built(folder.path());
        assert_eq!(counts(&built).1, 0, "{wrong}: {:?}", built.problems);
        assert!(tells(&built, "signature not checked: no key"), "{wrong}: {:?}", built.problems);
        assert!(tells(&built, "the key"), "{wrong}: {:?}", built.problems);
    }
}

/// What an index lists and the mirror lacks is told.
#[test]
fn a_document_that_is_listed_and_missing_is_told() {
    let Some(folder) = provider("directory") else { return };
    let index = folder.path().join("white/index.txt");
    fs::write(index, "avendor-advisory-0004.json\navendor-advisory-0005.json\n").unwrap();
    let built = built(folder.path());
    assert!(tells(&built, "1 of 2 documents"), "{:?}", built.problems);
}

/// A mirror in an archive is checked as one in a folder; members may stand in any order.
#[test]
fn a_mirror_in_an_archive_is_checked() {
    for damaged in [false, true] {
        let Some(folder) = provider("rolie") else { return };
        if damaged {
            fs::write(folder.path().join(format!("{DOCUMENT}.sha512")), "00  x").unwrap();
        }
        let out = tempfile::tempdir().unwrap();
        let mut archive =
            tar::Builder::new(fs::File::create(out.path().join("mirror.tar")).unwrap());
        let mut names = Vec::new();
        for part in ["white", "openpgp", "."] {
            for entry in fs::read_dir(folder.path().join(part)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    names.push((part, entry.file_name()));
                }
            }
        }
        names.sort();
        names.reverse();
        for (part, name) in names {
            let path = Path::new(part).join(&name);
            archive.append_path_with_name(folder.path().join(&path), &path).unwrap();
        }
        archive.finish().unwrap();
        drop(archive);
        let built = built(out.path());
        let (records, failures) = counts(&built);
        assert_eq!((records > 0, failures), (!damaged, u64::from(damaged)), "{:?}", built.problems);
        assert!(!tells(&built, "not checked"), "{:?}", built.problems);
    }
}

/// CISA's advisories for medical devices: every digest holds, and no key is at hand.
#[test]
fn the_medical_advisories_are_read_and_checked() {
    let Some(folder) = shared("feeds/csaf_icsma") else { return };
    let built = built(&folder.join("csaf_files"));
    let source = built.sources.iter().find(|source| source.name == "csaf-cisa").unwrap();
    println!("ICSMA: {source:?}");
    for problem in &built.problems {
        println!("{problem}");
    }
    assert_eq!(source.failures, 0);
    assert_eq!(source.records, 433);
    assert!(tells(&built, "signature not checked: no key (144 of 144 documents)"));
    assert!(!tells(&built, "no digest") && !tells(&built, "refused"));
    assert!(built.unrecognised.is_empty(), "{:?}", built.unrecognised);
}

/// The same office's whole archive, its members' digests among them.
#[test]
fn an_archive_of_all_advisories_is_read_and_checked() {
    let Some(archive) = shared("feeds/csaf_icsma/csaf_all_cisa.tar.zst") else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::copy(archive, folder.path().join("all.tar.zst")).unwrap();
    let built = built(folder.path());
    let source = built.sources.iter().find(|source| source.name == "csaf-cisa").unwrap();
    println!("CISA: {source:?}");
    for problem in &built.problems {
        println!("{problem}");
    }
    assert!(tells(&built, "no key (2383 of 2383 documents)"), "{:?}", built.problems);
    assert!(!tells(&built, "no digest"), "{:?}", built.problems);
    assert_eq!(source.failures, 0, "{:?}", built.problems);
    assert_eq!(source.records, 7916);
}

/// A document that states everything.
fn document() -> Value {
    json!({
        "document": {
            "category": "csaf_vex", "csaf_version": "2.0", "title": "Title",
            "distribution": { "tlp": { "label": "GREEN" } },
            "publisher": { "category": "vendor", "name": "Maker", "namespace": "https://m.example" },
            "tracking": {
                "id": "M-1", "status": "final", "version": "2",
                "current_release_date": "2026-02-03T00:00:00Z",
            },
        },
        "product_tree": {
            "branches": [{ "category": "vendor", "name": "Maker", "branches": [
                { "category": "product_name", "name": "Pump", "branches": [
                    { "category": "product_version_range", "name": ">= 1.0 | < 2.0",
                      "product": { "name": "Maker Pump 1", "product_id": "old" } },
                    { "category": "product_version", "name": "2.0",
                      "product": { "name": "Maker Pump 2.0", "product_id": "new" } },
                ] },
                { "category": "product_name", "name": "Library", "branches": [
                    { "category": "product_version", "name": "1.2.3", "product": {
                        "name": "Library 1.2.3", "product_id": "library",
                        "product_identification_helper": {
                            "purl": "pkg:generic/library@1.2.3",
                            "cpe": "cpe:2.3:a:maker:library:1.2.3:*:*:*:*:*:*:*" } } },
                ] },
            ] }],
            "relationships": [{
                "category": "default_component_of", "product_reference": "library",
                "relates_to_product_reference": "old",
                "full_product_name": { "name": "Library in Pump", "product_id": "both" } }],
        },
        "vulnerabilities": [
            { "cve": "CVE-2026-0001", "ids": [{ "system_name": "S", "text": "VDE-2026-7" }],
              "cwe": { "id": "CWE-287", "name": "Improper Authentication" },
              "notes": [{ "category": "description", "text": "What it is." }],
              "product_status": { "known_affected": ["old", "library"], "fixed": ["new"] },
              "scores": [{ "products": ["old"], "cvss_v3": {
                  "version": "3.1", "baseScore": 9.8, "baseSeverity": "CRITICAL",
                  "vectorString": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" } }],
              "remediations": [{ "category": "vendor_fix", "details": "Update.", "product_ids": ["old"] }],
              "threats": [{ "category": "exploit_status", "details": "None known." }] },
            { "cve": "CVE-2026-0002",
              "product_status": { "known_not_affected": ["both"] },
              "flags": [{ "label": "component_not_present", "product_ids": ["both"] }] },
        ],
    })
}

fn snapshot_of(documents: &[Value]) -> (Snapshot, Build) {
    let folder = tempfile::tempdir().unwrap();
    for (at, document) in documents.iter().enumerate() {
        fs::write(folder.path().join(format!("{at}.json")), document.to_string()).unwrap();
    }
    let built = built(folder.path());
    (Snapshot::from_vec(built.bytes.clone()).unwrap(), built)
}

#[test]
fn a_document_becomes_claims_and_statements() {
    let (snapshot, built) = snapshot_of(&[document()]);
    let source = built.sources.first().unwrap();
    assert_eq!((source.name.as_str(), source.records), ("csaf-maker", 2));
    assert!(source.licence.contains("TLP:GREEN"), "{source:?}");
    assert!(tells(&built, "1 of 1 documents have no signature"), "{:?}", built.problems);
    let view = snapshot.show("VDE-2026-7").unwrap().unwrap();
    assert_eq!(view.id, "CVE-2026-0001");
    assert_eq!(view.weaknesses, ["CWE-287"]);
    assert_eq!(view.cvss.first().unwrap().score_tenths, 98);
    assert_eq!(view.description.as_deref(), Some("What it is."));
    let range = |product: &str| {
        let claim = view.claims.iter().find(|claim| claim.product == product);
        claim.map(|claim| claim.range.clone())
    };
    assert_eq!(range("Maker:Pump").as_deref(), Some(">= 1.0, < 2.0"));
    assert_eq!(range("pkg:generic/library").as_deref(), Some("= 1.2.3"));
    assert_eq!(range("maker:library").as_deref(), Some("= 1.2.3"));
    let said: Vec<_> =
        view.statements.iter().map(|s| (s.kind.as_str(), s.label.as_str())).collect();
    assert_eq!(said, [("remediation", "vendor_fix"), ("threat", "exploit_status")]);
    let other = snapshot.show("CVE-2026-0002").unwrap().unwrap();
    assert_eq!(other.statements.first().unwrap().label, "component_not_present");
    let mut library = component("library", "1.2.3");
    library.cpes.push(auscult_model::Cpe("cpe:2.3:a:maker:library:1.2.3:*:*:*:*:*:*:*".into()));
    let outcome = auscult_advisory::match_component(&snapshot, &library).unwrap();
    let auscult_advisory::MatchOutcome::Matches(found) = outcome else { panic!("{outcome:?}") };
    assert_eq!(found.len(), 1, "{found:?}");
}

/// Of two copies of a document the newer one counts, with all that it left out.
#[test]
fn the_newest_version_of_a_document_counts() {
    let mut newer = document();
    newer["document"]["tracking"]["current_release_date"] = json!("2026-03-01T00:00:00Z");
    newer["vulnerabilities"].as_array_mut().unwrap().truncate(1);
    for documents in [[document(), newer.clone()], [newer.clone(), document()]] {
        let (snapshot, _) = snapshot_of(&documents);
        assert!(snapshot.show("CVE-2026-0001").unwrap().is_some());
        assert_eq!(snapshot.show("CVE-2026-0002").unwrap(), None);
    }
    let bytes = |documents: &[Value]| snapshot_of(documents).1.bytes;
    assert_eq!(bytes(&[document(), newer.clone()]), bytes(&[newer, document()]));
}

/// Times have zones and versions are numbers: as text the older of these would come last.
#[test]
fn releases_are_ordered_by_what_they_mean() {
    let release = |date: &str, version: &str, vulnerabilities: usize| {
        let mut document = document();
        document["document"]["tracking"]["current_release_date"] = json!(date);
        document["document"]["tracking"]["version"] = json!(version);
        document["vulnerabilities"].as_array_mut().unwrap().truncate(vulnerabilities);
        document
    };
    let zones =
        [release("2026-03-02T01:00:00+05:00", "1", 2), release("2026-03-01T23:00:00Z", "2", 1)];
    let numbers =
        [release("2026-03-01T00:00:00Z", "9", 2), release("2026-03-01T01:00:00+01:00", "10", 1)];
    for [older, newer] in [zones, numbers] {
        for documents in [[older.clone(), newer.clone()], [newer, older]] {
            let (snapshot, _) = snapshot_of(&documents);
            assert_eq!(snapshot.show("CVE-2026-0002").unwrap(), None);
        }
    }
}

/// A document may say nothing but what to do.
#[test]
fn what_only_advises_is_kept() {
    let mut document = document();
    document["vulnerabilities"] = json!([{ "cve": "CVE-2026-0003", "remediations": [
        { "category": "mitigation", "details": "Unplug it.", "product_ids": ["old"] }] }]);
    let (snapshot, _) = snapshot_of(&[document]);
    let view = snapshot.show("CVE-2026-0003").unwrap().unwrap();
    assert_eq!(view.statements.first().unwrap().text, "Unplug it.");
}

/// A list may be longer than a signature, and its name belongs to nobody.
#[test]
fn lists_in_archives_are_compared_and_other_files_of_their_names_read() {
    let archive = |members: &[(&str, &str)]| {
        let folder = tempfile::tempdir().unwrap();
        let file = fs::File::create(folder.path().join("feed.tar")).unwrap();
        let mut archive = tar::Builder::new(file);
        for (path, text) in members {
            let mut header = tar::Header::new_gnu();
            header.set_mode(0o644);
            header.set_size(u64::try_from(text.len()).unwrap());
            archive.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        archive.into_inner().unwrap();
        built(folder.path())
    };
    let document = document().to_string();
    let metadata = json!({ "publisher": { "name": "Maker" } }).to_string();
    let missing = "2026/a-document-that-nobody-has.json\n".repeat(4_000);
    let built = archive(&[
        ("index.txt", &format!("m-1.json\n{missing}")),
        ("m-1.json", &document),
        ("provider-metadata.json", &metadata),
    ]);
    assert!(tells(&built, "4000 of 4001 documents"), "{:?}", built.problems);
    assert_eq!(built.sources.first().unwrap().records, 2);
    let osv = json!({ "id": "GHSA-1", "modified": "2026-01-01T00:00:00Z", "affected": [{
        "package": { "ecosystem": "npm", "name": "a" }, "versions": ["1"] }] });
    let built = archive(&[("2026/feed.json", &osv.to_string()), ("m-1.json", &document)]);
    let sources: Vec<_> =
        built.sources.iter().map(|one| (one.name.as_str(), one.records)).collect();
    assert_eq!(sources, [("osv", 1), ("csaf-maker", 2)]);
}

#[test]
fn drafts_and_withdrawn_documents_claim_nothing() {
    let mut draft = document();
    draft["document"]["tracking"]["status"] = json!("draft");
    let (snapshot, _) = snapshot_of(&[draft]);
    assert_eq!(snapshot.show("CVE-2026-0001").unwrap(), None);
    let mut withdrawn = document();
    withdrawn["document"]["csaf_version"] = json!("2.1");
    withdrawn["document"]["category"] = json!("csaf_withdrawn");
    let (snapshot, _) = snapshot_of(&[withdrawn]);
    let view = snapshot.show("CVE-2026-0001").unwrap();
    assert!(view.is_none_or(|view| view.claims.is_empty()));
}

/// The shapes that 2.1 brings: purls, paths, metrics, several weaknesses, dates of exploitation.
#[test]
fn documents_of_2_1_are_read() {
    let mut later = document();
    later["document"]["csaf_version"] = json!("2.1");
    let tree = later["product_tree"].as_object_mut().unwrap();
    tree.remove("relationships");
    tree.insert(
        "product_paths".to_owned(),
        json!([{
        "beginning_product_reference": "library",
        "subpaths": [{ "category": "installed_on", "next_product_reference": "old" }],
        "full_product_name": { "name": "Library on Pump", "product_id": "both" } }]),
    );
    let vulnerability = later["vulnerabilities"][0].as_object_mut().unwrap();
    vulnerability.remove("scores");
    vulnerability.remove("cwe");
    vulnerability.insert("cwes".to_owned(), json!([{ "id": "CWE-287" }, { "id": "CWE-20" }]));
    vulnerability.insert(
        "metrics".to_owned(),
        json!([{ "products": ["old"], "content": { "cvss_v4": {
        "version": "4.0", "baseScore": 5.4, "baseSeverity": "MEDIUM",
        "vectorString": "CVSS:4.0/AV:L/AC:L/AT:P/PR:H/UI:A/VC:H/VI:H/VA:H/SC:L/SI:L/SA:L" } } }]),
    );
    vulnerability.insert(
        "first_known_exploitation_dates".to_owned(),
        json!([{ "date": "2026-01-01T00:00:00Z", "exploitation_date": "2026-01-01T00:00:00Z" }]),
    );
    vulnerability.insert("product_status".to_owned(), json!({ "known_affected": ["both"] }));
    let (snapshot, _) = snapshot_of(&[later]);
    let view = snapshot.show("CVE-2026-0001").unwrap().unwrap();
    assert_eq!(view.weaknesses, ["CWE-20", "CWE-287"]);
    assert_eq!(view.cvss.first().unwrap().score_tenths, 54);
    assert_eq!(view.exploitation, auscult_model::Exploitation::Active);
    let claim = view.claims.iter().find(|claim| claim.product == "maker:library").unwrap();
    assert_eq!(claim.requires, [["*:maker:pump"]]);
    assert!(view.claims.iter().any(|claim| claim.product == "Maker:Pump"));
}

/// First and last affected versions are the ends of a range.
#[test]
fn first_and_last_versions_make_a_range() {
    let version = |name: &str| {
        json!({ "category": "product_version", "name": name,
                "product": { "name": name, "product_id": name } })
    };
    let mut ranged = document();
    ranged["product_tree"]["branches"][0]["branches"][0]["branches"] =
        json!([version("1.0"), version("1.5"), version("2.0"), version("2.4"), version("3.0")]);
    ranged["product_tree"].as_object_mut().unwrap().remove("relationships");
    ranged["vulnerabilities"] = json!([{ "cve": "CVE-2026-0001", "product_status": {
        "first_affected": ["1.0", "2.0"], "last_affected": ["1.5"], "first_fixed": ["2.4"] } }]);
    let (snapshot, _) = snapshot_of(&[ranged]);
    let view = snapshot.show("CVE-2026-0001").unwrap().unwrap();
    let claim = view.claims.iter().find(|claim| claim.product == "Maker:Pump").unwrap();
    assert_eq!(claim.range, ">= 1.0, <= 1.5 | >= 2.0, < 2.4");
}

/// A damaged document is told and costs nothing else.
#[test]
fn a_damaged_document_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), document().to_string()).unwrap();
    let whole = document().to_string();
    fs::write(folder.path().join("b.json"), whole.get(..whole.len() / 2).unwrap()).unwrap();
    fs::write(folder.path().join("c.json"), format!("{whole} garbage")).unwrap();
    let built = built(folder.path());
    let refused = built.problems.iter().filter(|problem| problem.contains("refused")).count();
    assert_eq!(refused, 2, "{:?}", built.problems);
    assert!(built.sources.iter().any(|source| source.name == "csaf-maker" && source.records == 2));
}
