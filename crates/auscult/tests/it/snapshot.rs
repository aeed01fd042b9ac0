//! Snapshots from the command line: built, asked, and refused when a byte is wrong.

use std::fs;

use crate::support::{auscult, code, sample, stderr, stdout, text};

/// A folder with one record in the form of the CVE list and one known exploited vulnerability.
fn feeds(folder: &std::path::Path) {
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
