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

#[test]
fn the_starter_opens_and_is_whole() {
    let starter = auscult_advisory::starter().unwrap();
    starter.verify().unwrap();
    let info = starter.info();
    assert!(info.coverage.starts_with("starter"), "{}", info.coverage);
    assert!(!info.layers.contains_key("prose"));
}
