//! A snapshot on its way to a site without a network, from the command line.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
};

use crate::support::{auscult, code, stderr, stdout, text};

/// A folder with two sites in it: the maker's, which has keys and feeds, and the hospital's.
struct Sites {
    folder: tempfile::TempDir,
}

impl Sites {
    fn new() -> Self {
        let sites = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let output = auscult(&["advisories", "keygen", text(&sites.at("key"))]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        sites
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Builds a snapshot of records up to this number, of this day.
    fn build(&self, name: &str, records: u32, day: u32) -> PathBuf {
        let (mirror, out) = (self.at(&format!("{name}.feeds")), self.at(name));
        fs::create_dir(&mirror).expect("create the mirror");
        for number in 1..=records {
            let id = format!("CVE-2026-{number:04}");
            let record = format!(
                r#"{{"dataType":"CVE_RECORD","dataVersion":"5.1","cveMetadata":{{"cveId":"{id}",
                "state":"PUBLISHED","dateUpdated":"2026-11-{day:02}T00:00:00Z"}},"containers":{{"cna":
                {{"title":"made up","affected":[{{"vendor":"busybox","product":"busybox","versions":
                [{{"version":"1.0","status":"affected","lessThan":"2.0","versionType":"semver"}}]}}]}}}}}}"#
            );
            fs::write(mirror.join(format!("{id}.json")), record).expect("write a record");
        }
        let output =
            auscult(&["advisories", "build", "--from", text(&mirror), "--out", text(&out)]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        out
    }

    fn export(&self, snapshot: &Path, since: Option<&Path>, bundle: &str) -> PathBuf {
        let (key, bundle) = (self.at("key"), self.at(bundle));
        let mut arguments = vec!["advisories", "export", "--advisories", text(snapshot)];
        arguments.extend(["--key", text(&key), "-o", text(&bundle)]);
        arguments.extend(since.iter().flat_map(|since| ["--since", text(since)]));
        let output = auscult(&arguments);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        bundle
    }

    fn import(&self, bundle: &Path, more: &[&str]) -> Output {
        let (present, key) = (self.at("present"), self.at("key.pub"));
        let mut arguments = vec!["advisories", "import", text(bundle)];
        arguments.extend(["--advisories", text(&present), "--trust", text(&key)]);
        arguments.extend(more);
        auscult(&arguments)
    }
}

#[test]
fn a_bundle_and_a_delta_carry_a_snapshot_byte_for_byte() {
    let sites = Sites::new();
    let (old, new) = (sites.build("old", 5, 20), sites.build("new", 6, 21));
    let present = || fs::read(sites.at("present")).expect("read the snapshot");
    let whole = sites.export(&old, None, "whole");
    assert_eq!(code(&sites.import(&whole, &[])), 0);
    assert_eq!(present(), fs::read(&old).expect("read"));
    let delta = sites.export(&new, Some(&old), "delta");
    let output = sites.import(&delta, &[]);
    assert!(stdout(&output).contains("by a delta"), "{}{}", stdout(&output), stderr(&output));
    assert_eq!(present(), fs::read(&new).expect("read"));
    // The same inputs give the same bundle.
    let again = sites.export(&new, Some(&old), "again");
    assert_eq!(fs::read(delta).expect("read"), fs::read(again).expect("read"));
    // An older one needs force, and the reason is told.
    let output = sites.import(&whole, &[]);
    assert_eq!(code(&output), 1);
    let told = stderr(&output);
    assert!(told.contains("it is of 2026-11-20") && told.contains("--force"), "{told}");
    assert_eq!(present(), fs::read(&new).expect("read"));
    let output = sites.import(&whole, &["--force"]);
    assert!(stderr(&output).contains("replaced by force"), "{}", stderr(&output));
    assert_eq!(present(), fs::read(&old).expect("read"));
}

#[test]
fn what_cannot_be_trusted_is_refused_and_changes_nothing() {
    let sites = Sites::new();
    let (old, new) = (sites.build("old", 5, 20), sites.build("new", 6, 21));
    let whole = sites.export(&new, None, "whole");
    fs::copy(&old, sites.at("present")).expect("copy");
    let good = fs::read(&whole).expect("read");
    let refused = |bytes: &[u8], words: &str| {
        fs::write(sites.at("bad"), bytes).expect("write");
        let output = sites.import(&sites.at("bad"), &["--force"]);
        assert_eq!(code(&output), 1, "{words}");
        let told = stderr(&output);
        assert!(told.contains(words) && told.contains("hint:"), "{words}: {told}");
        assert_eq!(fs::read(sites.at("present")).ok(), fs::read(&old).ok(), "{words}");
    };
    refused(&good[..good.len() - 1], "bytes announced");
    refused(&good[..40], "bytes announced");
    refused(b"something else", "mark of a bundle");
    let mut changed = good.clone();
    *changed.last_mut().expect("a byte") ^= 1;
    refused(&changed, "digest that was signed");
    refused(&fs::read(sites.export(&new, Some(&new), "delta")).expect("read"), "is a delta to");
    // A key that nobody named, and another one.
    let (bundle, present) = (text(&whole).to_owned(), text(&sites.at("present")).to_owned());
    let arguments = ["advisories", "import", &bundle, "--advisories", &present];
    let output = auscult(&arguments);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("unknown key"), "{}", stderr(&output));
    let other = sites.at("other");
    assert_eq!(code(&auscult(&["advisories", "keygen", text(&other)])), 0);
    let public = text(&sites.at("other.pub")).to_owned();
    let output = auscult(&[&arguments[..], &["--trust", &public]].concat());
    assert!(stderr(&output).contains("unknown key"), "{}", stderr(&output));
    let output = auscult(&[&arguments[..], &["--trust", text(&other)]].concat());
    assert!(stderr(&output).contains("not a public"), "{}", stderr(&output));
    assert_eq!(fs::read(sites.at("present")).ok(), fs::read(&old).ok());
    assert_eq!(code(&auscult(&["advisories", "import", &bundle])), 2, "where to is not told");
}

#[test]
fn keys_are_secret_and_never_written_over() {
    let sites = Sites::new();
    let mode = |name: &str| fs::metadata(sites.at(name)).expect("there").permissions().mode();
    assert_eq!(mode("key") & 0o077, 0);
    let key = fs::read(sites.at("key")).expect("read");
    assert_eq!(code(&auscult(&["advisories", "keygen", text(&sites.at("key"))])), 1);
    fs::remove_file(sites.at("key.pub")).expect("remove");
    assert_eq!(code(&auscult(&["advisories", "keygen", text(&sites.at("key"))])), 1);
    assert_eq!(fs::read(sites.at("key")).expect("read"), key);
    assert!(!sites.at("key.pub").try_exists().expect("look"), "no half pair is left");
}

#[test]
fn a_build_does_not_quietly_replace_a_larger_snapshot() {
    let sites = Sites::new();
    let (large, small) = (sites.build("large", 6, 20), sites.build("small", 3, 21));
    let feeds = sites.at("small.feeds");
    let arguments = ["advisories", "build", "--from", text(&feeds), "--out", text(&large)];
    let before = fs::read(&large).expect("read");
    let output = auscult(&arguments);
    assert_eq!(code(&output), 1);
    let told = stderr(&output);
    assert!(told.contains("the source cve5 has 3 records in place of 6"), "{told}");
    assert_eq!(fs::read(&large).expect("read"), before);
    assert_eq!(code(&auscult(&[&arguments[..], &["--force"]].concat())), 0);
    assert_eq!(fs::read(&large).expect("read"), fs::read(&small).expect("read"));
}

#[test]
fn status_tells_age_and_coverage() {
    let sites = Sites::new();
    let snapshot = sites.build("snapshot", 5, 20);
    let status = |more: &[&str]| {
        let arguments = ["advisories", "status", "--advisories", text(&snapshot), "--as-of"];
        stdout(&auscult(&[&arguments[..], more].concat()))
    };
    let fresh = status(&["2026-12-04"]);
    assert!(fresh.contains("(14 days before 2026-12-04)"), "{fresh}");
    assert!(fresh.contains("2026: 100 % of 5 records carry product data"), "{fresh}");
    assert!(status(&["2026-12-05"]).contains("STALE: older than 14 days"));
    assert!(!status(&["2026-12-05", "--max-snapshot-age", "15"]).contains("STALE"));
    let json = status(&["2026-12-05", "-o", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["age_days"], 15);
    assert_eq!(json["stale"], true);
    let year = serde_json::json!({
        "year": 2026, "records": 5, "with_product_data": 5, "scored_only": 0, "percent": 100
    });
    assert_eq!(json["years"], serde_json::json!([year]));
    assert_eq!(json["sources"][0]["name"], "cve5");
    let starter = stdout(&auscult(&["advisories", "status"]));
    assert!(starter.contains("years     unknown"), "{starter}");
}

#[test]
fn show_takes_several_ids_as_text_and_as_json() {
    let sites = Sites::new();
    let snapshot = sites.build("snapshot", 5, 20);
    let show = |more: &[&str]| {
        let arguments = ["advisories", "show", "--advisories", text(&snapshot)];
        auscult(&[&arguments[..], more].concat())
    };
    let page = stdout(&show(&["CVE-2026-0001", "cve-2026-0002"]));
    for words in ["CVE-2026-0001  made up", "CVE-2026-0002", "busybox:busybox", "< 2.0"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    // What is not known is said.
    for words in ["exploited     unknown", "epss          unknown", "cvss          unknown"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let json = |more: &[&str]| -> serde_json::Value {
        serde_json::from_str(&stdout(&show(&[more, &["-o", "json"]].concat()))).expect("JSON")
    };
    assert_eq!(json(&["CVE-2026-0001"])["claims"][0]["source"], "cve5");
    assert_eq!(json(&["CVE-2026-0001", "CVE-2026-0002"])[1]["id"], "CVE-2026-0002");
    let partly = show(&["CVE-2026-0001", "CVE-1999-0001", "-o", "json"]);
    assert_eq!(code(&partly), 4);
    assert!(stderr(&partly).contains("CVE-1999-0001: no data"), "{}", stderr(&partly));
    let known: serde_json::Value = serde_json::from_str(&stdout(&partly)).expect("JSON");
    assert_eq!(known.as_array().map(Vec::len), Some(1));
    assert_eq!(code(&show(&["CVE-1999-0001"])), 4);
    assert_eq!(code(&show(&["CVE-2026-0001", "-o", "xml"])), 2);
    assert_eq!(code(&show(&[])), 2);
}
