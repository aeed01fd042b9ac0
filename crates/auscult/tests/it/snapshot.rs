//! Snapshots from the command line: built, asked, and refused when a byte is wrong.

use std::fs;

use crate::support::{auscult, code, sample, stderr, stdout, text};

/// A folder with one record in the form of the CVE list and one known exploited vulnerability.
pub(crate) fn feeds(folder: &std::path::Path) {
    let record = r#"{"dataType":"CVE_RECORD","dataVersion":"5.1",
        "cveMetadata":{"cveId":"CVE-2099-0001","state":"PUBLISHED","dateUpdated":"2026-11-20T00:00:00Z"},
        "containers":{"cna":{"title":"made up","affected":[{"vendor":"busybox","product":"busybox",
        "defaultStatus":"unaffected","versions":[{"version":"1.0","status":"affected",
        "lessThan":"2.0","versionType":"semver"}]}]}}}"#;
    fs::write(folder.join("CVE-2099-0001.json"), record).expect("write a record");
    let kev = r#"{"title":"CISA Catalog of Known Exploited Vulnerabilities","catalogVersion":"2026.11.21",
        "dateReleased":"2026-11-21T00:00:00Z","count":1,"vulnerabilities":[{"cveID":"CVE-2099-0001",
        "dateAdded":"2026-11-21","knownRansomwareCampaignUse":"Unknown"}]}"#;
    fs::write(folder.join("known_exploited_vulnerabilities.json"), kev).expect("write the list");
}

#[test]
fn a_snapshot_is_built_asked_and_used_and_a_flipped_byte_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mirror = folder.path().join("mirror");
    fs::create_dir(&mirror).expect("create the mirror");
    feeds(&mirror);
    let out = folder.path().join("made.snapshot");
    let output = auscult(&["advisories", "build", "--from", text(&mirror), "--out", text(&out)]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let output = auscult(&["advisories", "show", "CVE-2099-0001", "--advisories", text(&out)]);
    assert!(stdout(&output).contains("busybox"), "{}{}", stdout(&output), stderr(&output));
    let image = sample();
    let gate = ["--fail-on", "kev", "--as-of", "2026-11-23"];
    let scan = |snapshot: &std::path::Path| {
        let mut arguments = vec!["scan", text(&image), "--advisories", text(snapshot)];
        arguments.extend(gate);
        auscult(&arguments)
    };
    assert_eq!(code(&scan(&out)), 3);
    let good = fs::read(&out).expect("read the snapshot");
    let bad = folder.path().join("bad.snapshot");
    for at in (0..good.len()).step_by(1 + good.len() / 40) {
        let mut bytes = good.clone();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0x20;
        }
        fs::write(&bad, bytes).expect("write");
        let output = scan(&bad);
        assert_eq!(code(&output), 1, "byte {at}: {}", stdout(&output));
        assert!(stderr(&output).contains("snapshot"), "byte {at}: {}", stderr(&output));
    }
    fs::write(&bad, good.get(..good.len() / 2).expect("half")).expect("write");
    assert_eq!(code(&scan(&bad)), 1);
}

#[test]
fn an_empty_mirror_is_an_error() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = folder.path().join("none.snapshot");
    let from = folder.path().join("mirror");
    fs::create_dir(&from).expect("create");
    let output = auscult(&["advisories", "build", "--from", text(&from), "--out", text(&out)]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("hint:"), "{}", stderr(&output));
    assert!(!out.try_exists().expect("look"), "nothing is written");
}

/// An advisory that names a device in words is found by words; what none names is no data.
#[test]
fn a_device_is_asked_for_by_maker_model_and_version() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mirror = folder.path().join("mirror");
    fs::create_dir(&mirror).expect("create the mirror");
    let advisory = r#"{"document":{"category":"csaf_security_advisory","csaf_version":"2.0","title":"T",
        "publisher":{"category":"coordinator","name":"Office","namespace":"https://o.example"},
        "tracking":{"id":"O-26-001","status":"final","version":"1",
        "current_release_date":"2026-11-20T00:00:00Z"}},
        "product_tree":{"branches":[{"category":"vendor","name":"Mendtronik","branches":[
        {"category":"product_name","name":"Flow 300 Infusion Pump","branches":[
        {"category":"product_version","name":"Version 2.3.6 and below",
        "product":{"product_id":"P","name":"Flow 300"}}]}]}]},
        "vulnerabilities":[{"cve":"CVE-2099-0002","product_status":{"known_affected":["P"]}}]}"#;
    fs::write(mirror.join("o-26-001.json"), advisory).expect("write an advisory");
    let out = folder.path().join("made.snapshot");
    let output = auscult(&["advisories", "build", "--from", text(&mirror), "--out", text(&out)]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let ask = |vendor: &str, model: &str, more: &[&str]| {
        let mut arguments = vec!["advisories", "device", "--vendor", vendor, "--model", model];
        arguments.extend(["--advisories", text(&out)]);
        arguments.extend(more);
        auscult(&arguments)
    };
    // One letter of the maker's name is wrong, and the pump has a shorter name.
    let output = ask("Mendtronic, Inc.", "Flow 300", &["--version", "2.3"]);
    assert!(stdout(&output).contains("1 affected, 0 undetermined"), "{}", stdout(&output));
    assert_eq!(code(&output), 0);
    let output = ask("Mendtronik", "Flow 300", &["--version", "2.4", "-o", "json"]);
    assert!(stdout(&output).contains("\"outcome\": \"no_match\""), "{}", stdout(&output));
    let output = ask("Mendtronik", "Flow 300", &[]);
    assert!(stdout(&output).contains("0 affected, 1 undetermined"), "{}", stdout(&output));
    let output = ask("Mendtronik", "Breeze 7", &[]);
    assert!(stdout(&output).starts_with("no data"), "{}", stdout(&output));
    assert_eq!(code(&output), 4);
}

/// A letter of a maker: entered, built in, found by the device's name; and refused where it is wrong.
#[test]
fn a_disclosure_is_entered_by_hand_and_found() {
    let guide = include_str!("../../../../docs/disclosures.md");
    let (_, block) = guide.split_once("```toml\n").expect("an example");
    let (example, _) = block.split_once("\n```").expect("its end");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (letter, data) = (folder.path().join("letter.toml"), folder.path().join("data"));
    fs::write(&letter, example.replace("CVE-2026-90001", "CVE-90001")).expect("write the letter");
    let enter = || auscult(&["advisories", "enter", text(&letter), "--data", text(&data)]);
    let output = enter();
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("\"CVE-90001\" is no CVE id"), "{}", stderr(&output));
    fs::write(&letter, example).expect("write the letter");
    assert!(stdout(&enter()).starts_with("entered ACME-2026-03 as "));
    assert!(stdout(&enter()).starts_with("replaced ACME-2026-03 as "));
    let mirror = data.join("mirror");
    let output = auscult(&["advisories", "update", "--data", text(&data), "--from", text(&mirror)]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let snapshot = data.join("advisories.snapshot");
    let device = ["--vendor", "ACME Medical Inc.", "--model", "P300-EU", "--version", "2.4.0"];
    let mut arguments = vec!["advisories", "device", "--advisories", text(&snapshot)];
    arguments.extend(device);
    let output = auscult(&arguments);
    assert!(stdout(&output).contains("1 affected"), "{}{}", stdout(&output), stderr(&output));
}
