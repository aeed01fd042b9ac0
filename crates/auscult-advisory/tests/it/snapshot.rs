//! The file: deterministic bytes, and no byte that can change unseen.

use auscult_advisory::{BuildOptions, Error, Snapshot, build, write_file};

const FEED: &str = r#"{"format":"NVD_CVE","vulnerabilities":[{"cve":{"id":"CVE-2026-0001",
    "lastModified":"2026-01-02T00:00:00.000","descriptions":[{"lang":"en","value":"Text."}],
    "metrics":{"cvssMetricV31":[{"cvssData":{"vectorString":
      "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H","baseScore":9.8}}]},
    "configurations":[{"nodes":[{"operator":"OR","cpeMatch":[{"vulnerable":true,
      "criteria":"cpe:2.3:a:busybox:busybox:1.2:*:*:*:*:*:*:*"}]}]}]}}]}"#;
const EPSS: &str = "cve,epss,percentile\nCVE-2026-0001,0.5,0.6\n";
const MODULES: &str = "/modules/exploits/linux/demo.rb:CVE-2026-0001\n";

fn bytes(prose: bool) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [("a.json", FEED), ("epss-2026-01-01.csv", EPSS), ("m.txt", MODULES)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    build(folder.path(), &BuildOptions { prose, ..BuildOptions::default() }).unwrap().bytes
}

#[test]
fn the_same_feeds_give_the_same_bytes() {
    assert_eq!(bytes(true), bytes(true));
    let (with, without) =
        (Snapshot::from_vec(bytes(true)).unwrap(), Snapshot::from_vec(bytes(false)).unwrap());
    assert_ne!(with.info().root, without.info().root);
    // Leaving the prose out changes no other layer.
    for (layer, digest) in &without.info().layers {
        assert_eq!(with.info().layers.get(layer), Some(digest), "{layer}");
    }
    assert_eq!(with.prose("CVE-2026-0001").unwrap().unwrap().1, "Text.");
    assert_eq!(without.prose("CVE-2026-0001").unwrap(), None);
    let view = with.show("CVE-2026-0001").unwrap().unwrap();
    assert_eq!((view.cvss[0].score_tenths, view.claims[0].range.as_str()), (98, "= 1.2"));
    assert_eq!(with.show("CVE-1999-0001").unwrap(), None);
}

#[test]
fn a_flipped_byte_is_seen_and_its_layer_named() {
    let good = bytes(true);
    Snapshot::from_vec(good.clone()).unwrap().verify().unwrap();
    let mut layers = std::collections::BTreeSet::new();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        match Snapshot::from_vec(bad).and_then(|snapshot| snapshot.verify()) {
            Ok(()) => panic!("byte {at} changed unseen"),
            Err(Error::Digest { layer, .. }) => {
                layers.insert(layer);
            }
            Err(_) => {}
        }
    }
    let expected = ["epss", "exploitation", "header", "prose", "ranges"];
    assert_eq!(layers.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn a_truncated_file_is_seen_at_once() {
    let good = bytes(true);
    for length in [0, 7, 47, 60, good.len() - 1] {
        let opened = Snapshot::from_vec(good[..length].to_vec());
        assert!(opened.is_err(), "{length}");
    }
    let mut longer = good;
    longer.push(0);
    assert!(matches!(Snapshot::from_vec(longer), Err(Error::Truncated { .. })));
}

#[test]
fn a_file_is_replaced_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("advisories");
    std::fs::write(&path, "old").unwrap();
    write_file(&path, &bytes(false)).unwrap();
    assert_eq!(Snapshot::open(&path).unwrap().info().layers.len(), 3);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_folder_without_feeds_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("README.md"), "nothing here").unwrap();
    let error = build(folder.path(), &BuildOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NoFeeds { files: 1, .. }), "{error}");
}

#[test]
fn a_bad_feed_does_not_lose_the_others() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.json"), FEED).unwrap();
    std::fs::write(folder.path().join("b.json"), r#"{"dataType":"CVE_RECORD"}"#).unwrap();
    std::fs::write(folder.path().join("c.tar.zst"), [0x28, 0xb5, 0x2f, 0xfd, 0, 0, 9]).unwrap();
    let built = build(folder.path(), &BuildOptions::default()).unwrap();
    let counts: Vec<_> =
        built.sources.iter().map(|s| (s.name.as_str(), s.records, s.failures)).collect();
    assert_eq!(counts, [("cve5", 0, 1), ("nvd", 1, 0)]);
    assert_eq!(built.problems.len(), 1);
}

/// A date that is still to come would make a source look fresh for years.
#[test]
fn dates_that_are_still_to_come_do_not_count() {
    let folder = tempfile::tempdir().unwrap();
    let entry = |day: &str| {
        format!(
            r#"{{"catalogVersion":"1","dateReleased":"{day}T00:00:00Z","vulnerabilities":[
            {{"cveID":"CVE-2026-0001","dateAdded":"2026-01-01"}}]}}"#
        )
    };
    std::fs::write(folder.path().join("a.json"), entry("2026-11-20")).unwrap();
    std::fs::write(folder.path().join("b.json"), entry("2099-01-01")).unwrap();
    let at = |newest: Option<&str>| {
        let newest = newest.map(|day| day.parse().unwrap());
        let options = BuildOptions { newest, ..BuildOptions::default() };
        let built = build(folder.path(), &options).unwrap();
        (built.sources[0].date.unwrap().to_string(), built.ahead)
    };
    assert_eq!(at(None).0, "2099-01-01");
    let (date, ahead) = at(Some("2026-11-27"));
    assert_eq!(date, "2026-11-20");
    assert!(ahead[0].contains("kev: 1 documents are of a day that is still to come"));
}

#[test]
fn the_starter_opens_and_is_whole() {
    let starter = auscult_advisory::starter().unwrap();
    starter.verify().unwrap();
    let info = starter.info();
    assert!(info.coverage.starts_with("starter"), "{}", info.coverage);
    assert!(!info.layers.contains_key("prose"));
}

/// Records of several years: two with a product, one without, one withdrawn, one with a score only.
fn years() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let record = |id: &str, status: &str, configurations: &str| {
        format!(
            r#"{{"cve":{{"id":"{id}","vulnStatus":"{status}","lastModified":"2026-01-02T00:00:00",
            "descriptions":[{{"lang":"en","value":"Rejected"}}],"configurations":[{configurations}]}}}}"#
        )
    };
    let product = r#"{"nodes":[{"operator":"OR","cpeMatch":[{"vulnerable":true,
        "criteria":"cpe:2.3:a:busybox:busybox:1.2:*:*:*:*:*:*:*"}]}]}"#;
    let records = [
        record("CVE-2025-0001", "Analyzed", product),
        record("CVE-2026-0001", "Analyzed", product),
        record("CVE-2026-0002", "Received", ""),
        record(
            "CVE-2026-0003",
            "Received",
            r#"{"nodes":[{"operator":"OR","cpeMatch":[{
            "vulnerable":true,"criteria":"cpe:2.3:a:*:*:*:*:*:*:*:*:*:*"}]}]}"#,
        ),
        record("CVE-2026-0004", "Rejected", product),
    ];
    let feed = format!(r#"{{"format":"NVD_CVE","vulnerabilities":[{}]}}"#, records.join(","));
    let epss = "cve,epss,percentile\nCVE-2026-0001,0.5,0.6\nCVE-2026-0009,0.1,0.2\n";
    let modules = "/modules/exploits/linux/demo.rb:CVE-2026-0008\n";
    for (name, text) in
        [("a.json", feed.as_str()), ("epss-2026-01-01.csv", epss), ("m.txt", modules)]
    {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    build(folder.path(), &BuildOptions::default()).unwrap().bytes
}

#[test]
fn the_header_tells_which_records_carry_product_data() {
    let snapshot = Snapshot::from_vec(years()).unwrap();
    let counts: Vec<_> = snapshot
        .years()
        .iter()
        .map(|year| (year.year, year.records, year.with_product_data, year.scored_only))
        .collect();
    // A record without anything is still a record, a wildcard is no product, an exploit is a record, and what was rejected counts nowhere.
    assert_eq!(counts, [(2025, 1, 1, 0), (2026, 4, 1, 1)]);
    let coverage = snapshot.info().coverage;
    let expected = "2026: 25 % of 4 records carry product data";
    assert!(coverage.ends_with(expected), "{coverage}");
    assert_eq!(auscult_advisory::starter().unwrap().years(), []);
}

#[test]
fn every_name_leads_to_the_vulnerabilities_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let record = |id: &str, aliases: &str| {
        format!(
            r#"{{"id":"{id}","modified":"2026-01-01T00:00:00Z","aliases":[{aliases}],
            "affected":[{{"package":{{"ecosystem":"Debian:12","name":"busybox"}},
            "ranges":[{{"type":"ECOSYSTEM","events":[{{"introduced":"0"}},{{"fixed":"1.2"}}]}}]}}]}}"#
        )
    };
    let records = [
        ("GHSA-2abc-2def-2ghj", r#""CVE-2026-0001""#),
        ("CVE-2026-0001", r#""DSA-1-1""#),
        ("CVE-2026-0002", r#""DSA-1-1""#),
    ];
    for (id, aliases) in records {
        let path = folder.path().join(format!("{id}.json"));
        std::fs::write(path, record(id, aliases)).unwrap();
    }
    let bytes = build(folder.path(), &BuildOptions::default()).unwrap().bytes;
    let snapshot = Snapshot::from_vec(bytes).unwrap();
    let found = |id: &str| -> Vec<String> {
        snapshot.show_all(id).unwrap().into_iter().map(|view| view.id).collect()
    };
    for name in ["CVE-2026-0001", "cve-2026-0001", "GHSA-2abc-2def-2ghj", "ghsa-2ABC-2def-2ghj"] {
        assert_eq!(found(name), ["CVE-2026-0001"], "{name}");
    }
    assert_eq!(found("DSA-1-1"), ["CVE-2026-0001", "CVE-2026-0002"]);
    assert_eq!(found("DSA-1"), [""; 0]);
    let view = snapshot.show("CVE-2026-0001").unwrap().unwrap();
    assert!(view.claims.iter().all(|claim| claim.release == "bookworm"), "{:?}", view.claims);
    assert!(view.claims.iter().any(|claim| claim.record == "GHSA-2abc-2def-2ghj"));
}

/// What an earlier release wrote is named as such, and does not stand in the way of a new one.
#[test]
fn a_snapshot_of_an_earlier_format_is_refused_and_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("advisories");
    let mut earlier = bytes(false);
    earlier[8] = 1;
    std::fs::write(&path, &earlier).unwrap();
    let error = Snapshot::open(&path).err().unwrap();
    assert!(matches!(error, Error::Format { found: 1, known: 2 }), "{error}");
    let feeds = tempfile::tempdir().unwrap();
    std::fs::write(feeds.path().join("a.json"), FEED).unwrap();
    build(feeds.path(), &BuildOptions::default()).unwrap().replace(&path, false).unwrap();
    Snapshot::open(&path).unwrap().verify().unwrap();
}

/// The quick look for damage sees every byte of every block, used or not.
#[test]
fn a_flipped_byte_is_seen_by_the_quick_look_too() {
    let good = bytes(true);
    Snapshot::from_vec(good.clone()).unwrap().check().unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x01;
        let checked = Snapshot::from_vec(bad).and_then(|snapshot| snapshot.check());
        assert!(checked.is_err(), "byte {at} changed unseen");
    }
}
