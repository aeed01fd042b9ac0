//! Signed bundles: what comes out is what went in, and nothing else ever comes out.

use std::{fmt::Write as _, fs, path::Path};

use auscult_advisory::{
    BuildOptions, Error, Snapshot, build,
    bundle::{Base, Bundle, PublicKey, SigningKey, Statement, import, seal},
    regression,
};
use auscult_model::Sha256;

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

/// A snapshot of so many records of one day, of which one has another range.
fn made(records: u32, changed: Option<u32>, day: u32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let mut text = r#"{"format":"NVD_CVE","vulnerabilities":["#.to_owned();
    for number in 0..records {
        let comma = if number == 0 { "" } else { "," };
        let version = if changed == Some(number) { "1.3" } else { "1.2" };
        // Not all descriptions are of one length, as in life.
        let words = "word ".repeat(20 + usize::try_from(number % 37).unwrap());
        write!(
            text,
            r#"{comma}{{"cve":{{"id":"CVE-2026-{number:04}","lastModified":"2026-01-{day:02}T00:00:00",
            "descriptions":[{{"lang":"en","value":"{words}{number}"}}],
            "configurations":[{{"nodes":[{{"operator":"OR","cpeMatch":[{{"vulnerable":true,
            "criteria":"cpe:2.3:a:maker{number}:thing:{version}:*:*:*:*:*:*:*"}}]}}]}}]}}}}"#
        )
        .unwrap();
    }
    text.push_str("]}");
    fs::write(folder.path().join("feed.json"), text).unwrap();
    build(folder.path(), &BuildOptions::default()).unwrap().bytes
}

fn snapshot(bytes: &[u8]) -> Snapshot {
    Snapshot::from_vec(bytes.to_vec()).unwrap()
}

fn bundled(new: &[u8], since: Option<&[u8]>) -> Vec<u8> {
    let mut out = Vec::new();
    snapshot(new).bundle(since.map(snapshot).as_ref(), &key(), &mut out).unwrap();
    out
}

fn restored(bundle: &[u8], base: Option<&[u8]>, trusted: &[PublicKey]) -> Result<Vec<u8>, Error> {
    let bundle = Bundle::from_vec(bundle.to_vec())?.verify(trusted)?;
    let mut out = Vec::new();
    bundle.restore(base.map(snapshot).as_ref(), &mut out)?;
    Ok(out)
}

#[test]
fn a_whole_bundle_gives_the_snapshot_back_and_is_the_same_each_time() {
    let bytes = made(3, None, 1);
    let bundle = bundled(&bytes, None);
    assert_eq!(bundle, bundled(&bytes, None));
    let trusted = [key().public()];
    assert_eq!(restored(&bundle, None, &trusted).unwrap(), bytes);
    let statement = Bundle::from_vec(bundle).unwrap().verify(&trusted).unwrap().statement;
    let info = snapshot(&bytes).info();
    assert_eq!((statement.root, statement.date), (info.root, info.date));
    assert_eq!((statement.sources, statement.coverage), (info.sources, info.coverage));
    assert_eq!((statement.snapshot, statement.base), (Sha256::of(&bytes), None));
}

#[test]
fn a_delta_gives_the_new_snapshot_back_and_carries_little_else() {
    let (old, new) = (made(3000, None, 1), made(3001, Some(1500), 2));
    let bundle = bundled(&new, Some(&old));
    assert_eq!(bundle, bundled(&new, Some(&old)));
    let trusted = [key().public()];
    assert_eq!(restored(&bundle, Some(&old), &trusted).unwrap(), new);
    let whole = bundled(&new, None).len();
    assert!(bundle.len() * 2 < whole, "{} bytes for a changed record of {whole}", bundle.len());
    for wrong in [None, Some(new.as_slice()), Some(made(3, None, 1).as_slice())] {
        let error = restored(&bundle, wrong, &trusted).unwrap_err();
        assert!(matches!(error, Error::Base { .. }), "{error}");
        assert!(error.to_string().contains("2026-01-01"), "{error}");
    }
    // Between equal snapshots, and from nothing in common.
    assert_eq!(restored(&bundled(&new, Some(&new)), Some(&new), &trusted).unwrap(), new);
    let other = made(1, None, 1);
    assert_eq!(restored(&bundled(&other, Some(&new)), Some(&new), &trusted).unwrap(), other);
}

#[test]
fn a_row_more_moves_few_blocks() {
    // What makes deltas small: a block ends where its own keys say so.
    let (old, new) = (made(6000, None, 1), made(6000, Some(10), 1));
    let blocks = |bytes: &[u8]| snapshot(bytes).info().layers;
    assert_ne!(blocks(&old).get("ranges"), blocks(&new).get("ranges"));
    assert_eq!(blocks(&old).get("prose"), blocks(&new).get("prose"));
    let share = bundled(&new, Some(&old)).len() * 100 / bundled(&new, None).len();
    assert!(share < 35, "{share} %");
}

#[test]
fn no_byte_of_a_bundle_can_change_or_go_missing_unseen() {
    let (old, new) = (made(2, None, 1), made(3, None, 2));
    let trusted = [key().public()];
    for (bundle, base) in [(bundled(&new, None), None), (bundled(&new, Some(&old)), Some(&old))] {
        let base = base.map(Vec::as_slice);
        assert_eq!(restored(&bundle, base, &trusted).unwrap(), new);
        for at in 0..bundle.len() {
            let mut bad = bundle.clone();
            bad[at] ^= 0x01;
            match restored(&bad, base, &trusted) {
                // The name of the key is a hint that nothing depends on.
                Ok(out) => assert_eq!(out, new, "byte {at}"),
                Err(error) => drop(error),
            }
            assert!(restored(&bundle[..at], base, &trusted).is_err(), "{at} bytes");
        }
        let mut longer = bundle.clone();
        longer.push(0);
        let error = restored(&longer, base, &trusted).unwrap_err();
        assert!(matches!(error, Error::TruncatedBundle { .. }), "{error}");
    }
}

#[test]
fn only_trusted_keys_count() {
    let bundle = bundled(&made(1, None, 1), None);
    let other = SigningKey::from_seed(&[8; 32]).public();
    for trusted in [&[][..], &[other.clone()][..]] {
        let error = restored(&bundle, None, trusted).unwrap_err();
        assert!(matches!(&error, Error::UnknownKey { keys } if *keys == key().public().id()));
    }
    assert!(restored(&bundle, None, &[other, key().public()]).is_ok());
}

#[test]
fn what_is_signed_and_wrong_is_refused_too() {
    let base = made(2, None, 1);
    let info = snapshot(&base).info();
    let content = |recipe: &[u8], own: &[u8]| {
        let length = u64::try_from(recipe.len()).unwrap();
        [&length.to_le_bytes(), recipe, own].concat()
    };
    let statement = |content: &[u8], bytes: u64| Statement {
        snapshot: Sha256::of(b"nothing"),
        snapshot_bytes: bytes,
        root: info.root,
        date: info.date,
        coverage: String::new(),
        sources: Vec::new(),
        base: Some(Base { root: info.root, date: info.date }),
        content: Sha256::of(content),
        content_bytes: u64::try_from(content.len()).unwrap(),
    };
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    let overflow = [&[2][..], &huge, &[0], &huge, &[0]].concat();
    let beyond = [&[1, 4, 1][..], &huge].concat();
    let cases: [(&str, Vec<u8>, u64); 8] = [
        ("no recipe at all", vec![1, 2, 3], 0),
        ("a recipe longer than the content", u64::MAX.to_le_bytes().to_vec(), 0),
        ("more parts than bytes", content(&[0x7f], &[]), 0),
        ("lengths that overflow", content(&overflow, &[]), 0),
        ("a place beyond the base", content(&beyond, &[]), 4),
        ("another length than stated", content(&[1, 2, 0], b"ab"), 3),
        ("bytes that no part takes", content(&[1, 2, 0], b"abc"), 2),
        ("another snapshot than stated", content(&[1, 2, 0], b"ab"), 2),
    ];
    for (what, content, bytes) in cases {
        let bundle = seal(&statement(&content, bytes), &content, &key()).unwrap();
        assert!(restored(&bundle, Some(&base), &[key().public()]).is_err(), "{what}");
    }
}

/// A site: a folder with a bundle and perhaps a snapshot.
struct Site(tempfile::TempDir);

impl Site {
    fn new(present: Option<&[u8]>, bundle: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if let Some(present) = present {
            fs::write(folder.path().join("present"), present).unwrap();
        }
        fs::write(folder.path().join("bundle"), bundle).unwrap();
        Self(folder)
    }

    fn present(&self) -> std::path::PathBuf {
        self.0.path().join("present")
    }

    fn import(&self, force: bool) -> Result<auscult_advisory::bundle::Imported, Error> {
        import(&self.0.path().join("bundle"), &self.present(), &[key().public()], force)
    }

    fn holds(&self, present: Option<&[u8]>) -> bool {
        let files = |path: &Path| fs::read_dir(path).unwrap().count();
        fs::read(self.present()).ok().as_deref() == present
            && files(self.0.path()) == 1 + usize::from(present.is_some())
    }
}

#[test]
fn an_import_replaces_the_snapshot_or_changes_nothing() {
    let (old, new) = (made(20, None, 1), made(21, None, 2));
    let (whole, delta) = (bundled(&new, None), bundled(&new, Some(&old)));
    for (present, bundle) in [(None, &whole), (Some(&old), &whole), (Some(&old), &delta)] {
        let site = Site::new(present.map(Vec::as_slice), bundle);
        let imported = site.import(false).unwrap();
        assert!(!imported.unchanged && site.holds(Some(&new)));
        assert!(site.import(false).unwrap().unchanged && site.holds(Some(&new)));
    }
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let foreign = {
        let mut out = Vec::new();
        snapshot(&new).bundle(None, &SigningKey::from_seed(&[9; 32]), &mut out).unwrap();
        out
    };
    let half = whole[..whole.len() / 2].to_vec();
    let elsewhere = bundled(&new, Some(&made(5, None, 1)));
    for (what, bundle) in
        [("damaged", damaged), ("foreign", foreign), ("half", half), ("elsewhere", elsewhere)]
    {
        for present in [None, Some(old.as_slice())] {
            let site = Site::new(present, &bundle);
            // No force makes a wrong bundle right.
            assert!(site.import(false).is_err() && site.import(true).is_err(), "{what}");
            assert!(site.holds(present), "{what}");
        }
    }
}

#[test]
fn a_snapshot_that_lost_something_needs_force() {
    let (old, new) = (made(100, None, 2), made(89, None, 1));
    let site = Site::new(Some(&old), &bundled(&new, None));
    let Error::Regression { reasons } = site.import(false).unwrap_err() else {
        panic!("a smaller and older snapshot is refused")
    };
    let expected = [
        "it is of 2026-01-01, the present one of 2026-01-02",
        "the source nvd has 89 records in place of 100",
        "it holds 89 vulnerabilities in place of 100",
        "it holds 89 products in place of 100",
        "it holds 89 CVE records with product data in place of 100",
    ];
    assert_eq!(reasons, expected);
    assert!(site.holds(Some(&old)));
    assert_eq!(site.import(true).unwrap().overridden, expected);
    assert!(site.holds(Some(&new)));
    assert_eq!(regression(&snapshot(&old), &snapshot(&made(90, None, 2))), [""; 0]);
    // A file that is no snapshot is not lightly written over.
    let site = Site::new(Some(b"a letter"), &bundled(&new, None));
    assert!(matches!(site.import(false), Err(Error::Present { .. })));
    assert!(site.holds(Some(b"a letter")));
    assert!(site.import(true).is_ok() && site.holds(Some(&new)));
}

#[test]
fn a_lost_source_is_told_and_a_build_over_it_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (feeds, out) = (folder.path().join("feeds"), folder.path().join("snapshot"));
    fs::create_dir(&feeds).unwrap();
    let epss = feeds.join("epss-2026-01-01.csv");
    fs::write(&epss, "cve,epss,percentile\nCVE-2026-0001,0.5,0.6\n").unwrap();
    let list = "/modules/exploits/linux/demo.rb:CVE-2026-0001\n";
    fs::write(feeds.join("modules.txt"), list).unwrap();
    let built = || build(&feeds, &BuildOptions::default()).unwrap();
    assert_eq!(built().replace(&out, false).unwrap(), [""; 0]);
    let before = fs::read(&out).unwrap();
    fs::remove_file(epss).unwrap();
    let error = built().replace(&out, false).unwrap_err().to_string();
    assert!(error.contains("the source epss is gone, which had 1 records"), "{error}");
    assert_eq!(fs::read(&out).unwrap(), before);
    assert!(!built().replace(&out, true).unwrap().is_empty());
    assert_eq!(fs::read(&out).unwrap(), built().bytes);
}
