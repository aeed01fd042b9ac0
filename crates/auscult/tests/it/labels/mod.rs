//! What `scan` reports, against labels that people gave to another scanner's results: per image,
//! package, version and CVE, whether it is true (`match-labels` of the shared folder).
//!
//! The images are not at hand, so each becomes an SBOM of the packages that its labels name. A row
//! counts where its package can be expressed as one of a distribution ([`packages`]) and the data hold
//! that CVE for the package: its distribution's for the release, or else upstream's for a product of
//! that name. The rest is counted and told.

#![expect(clippy::print_stdout, reason = "the score is told, and that a test was skipped")]

mod packages;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use self::packages::{Listed, System};
use crate::support::{auscult, code, root, stderr, stdout, text};

/// Rows whose CVE the distribution's own data hold, at least.
const BY_DISTRIBUTION_MIN: usize = 430;
/// Rows whose CVE upstream's data hold, at least.
const BY_UPSTREAM_MIN: usize = 600;
/// Of these, rows labelled false that are reported: only the distribution's own data could tell.
const UPSTREAM_WRONG_MAX: usize = 4;
/// Of these, rows labelled true that are not: upstream's ranges leave the version out, as of releases
/// that only distributions still repair, or say that the code is in the tool and not in the library.
const UPSTREAM_MISSED_MAX: usize = 86;
/// Rows labelled false of none of these distributions, at least: most are language packages, which other
/// scanners match by name. A program by itself cannot be told from them, and proves nothing here.
const LANGUAGES_MIN: usize = 3000;
/// Ids asked about at once.
const IDS_AT_ONCE: usize = 500;

/// Feeds that speak of products in upstream's versions.
const UPSTREAM: &[&str] = &[
    "cve5",
    "cve5-adp",
    "cve-enrichment",
    "curl",
    "kernel-cna",
    "kernel-dyads",
    "nvd",
    "nvd-overrides",
    "openssl",
    "osv",
    "rustsec",
];

/// A label.
struct Row {
    image: String,
    /// Whether people found the CVE to be in the package.
    is_true: bool,
    id: String,
    package: String,
    version: String,
}

/// The rows that were decided and name a package.
fn rows(archive: &Path) -> Vec<Row> {
    let file = File::open(archive).expect("open the labels");
    let decoder = ruzstd::decoding::StreamingDecoder::new(file).expect("a zstd stream");
    let mut table = String::new();
    for entry in tar::Archive::new(decoder).entries().expect("a tar archive") {
        let mut entry = entry.expect("an entry");
        if entry.path().expect("a path").ends_with("labels.tsv") {
            entry.read_to_string(&mut table).expect("a text");
        }
    }
    let mut reader = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(table.as_bytes());
    let head = reader.headers().expect("a header").clone();
    let column = |name: &str| head.iter().position(|one| one == name).expect("a column");
    let columns =
        ["image", "label", "vulnerability_id", "effective_cve", "package", "version"].map(column);
    let row = |row: csv::StringRecord| {
        let [image, label, id, cve, package, version] =
            columns.map(|column| row.get(column).unwrap_or_default().to_owned());
        let id = if cve.is_empty() { id } else { cve };
        let decided = matches!(&*label, "TP" | "FP") && !package.is_empty();
        decided.then(|| Row { image, is_true: label == "TP", id, package, version })
    };
    reader.records().filter_map(|one| row(one.expect("a record"))).collect()
}

/// Who says something of a product.
struct Claim {
    source: String,
    product: String,
    release: String,
}

/// What the snapshot holds of each id.
fn claims(snapshot: &Path, rows: &[Row]) -> BTreeMap<String, Vec<Claim>> {
    let ids: BTreeSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().filter(|id| id.starts_with("CVE-")).collect();
    let mut claims = BTreeMap::new();
    for ids in ids.chunks(IDS_AT_ONCE) {
        let mut arguments =
            vec!["advisories", "show", "--advisories", text(snapshot), "-o", "json"];
        arguments.extend(ids);
        let output = auscult(&arguments);
        let shown: Vec<Value> = serde_json::from_slice(&output.stdout).expect("an array");
        for one in shown {
            let word =
                |claim: &Value, key: &str| claim[key].as_str().unwrap_or_default().to_owned();
            let of = one["claims"].as_array().into_iter().flatten().map(|claim| Claim {
                source: word(claim, "source"),
                product: word(claim, "product"),
                release: word(claim, "release"),
            });
            claims.insert(word(&one, "id"), of.collect());
        }
    }
    claims
}

/// Whose data hold a CVE for a package.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    ByDistribution,
    ByUpstream,
}

/// Whose data hold it, and the source package under which.
fn held(system: &System, row: &Row, claims: &[Claim]) -> Option<(Held, String)> {
    let of_release = claims.iter().filter(|claim| claim.release == system.release);
    let own = of_release.filter_map(|claim| claim.product.strip_prefix(system.prefix()?.as_str()));
    if let Some(source) = packages::source(&row.package, own) {
        return Some((Held::ByDistribution, source));
    }
    let upstream = claims.iter().filter(|claim| UPSTREAM.contains(&&*claim.source));
    let products =
        upstream.map(|claim| claim.product.rsplit(['/', ':']).next().unwrap_or_default());
    packages::source(&row.package, products).map(|source| (Held::ByUpstream, source))
}

/// What is asked of one image: the SBOM, and for each row the entries that it became.
#[derive(Default)]
struct Question<'a> {
    listed: Vec<Listed>,
    rows: Vec<(&'a Row, Option<Held>, Vec<usize>)>,
}

impl<'a> Question<'a> {
    fn add(&mut self, row: &'a Row, held: Option<Held>, listed: Vec<Listed>) {
        let places = listed.into_iter().map(|one| {
            let known = self.listed.iter().position(|known| *known == one);
            known.unwrap_or_else(|| {
                self.listed.push(one);
                self.listed.len() - 1
            })
        });
        let places = places.collect();
        self.rows.push((row, held, places));
    }

    /// The ids that are reported in each entry.
    fn reported(&self, snapshot: &Path, folder: &Path) -> BTreeSet<(String, usize)> {
        let components: Vec<Value> = self
            .listed
            .iter()
            .map(|one| json!({"type": "library", "name": one.name, "version": one.version, "purl": one.purl}))
            .collect();
        let bom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "components": components});
        let path = folder.join("bom.json");
        fs::write(&path, bom.to_string()).expect("write the SBOM");
        let output = auscult(&["scan", text(&path), "--advisories", text(snapshot), "-o", "json"]);
        // 4: a name that is none in its ecosystem is left out, and told.
        assert!(matches!(code(&output), 0 | 4), "{}", stderr(&output));
        let result: Value = serde_json::from_slice(&output.stdout).expect("a result");
        let mut reported = BTreeSet::new();
        for finding in result["findings"].as_array().into_iter().flatten() {
            if finding["vex"]["status"] != "affected" {
                continue;
            }
            let aliases = finding["aliases"].as_array().into_iter().flatten();
            for id in aliases.chain([&finding["id"]]).filter_map(Value::as_str) {
                let places = finding["locators"].as_array().into_iter().flatten();
                let places =
                    places.filter_map(|place| place.as_str()?.rsplit('/').next()?.parse().ok());
                reported.extend(places.map(|place: usize| (id.to_owned(), place)));
            }
        }
        reported
    }
}

/// How rows of one kind came out.
#[derive(Default)]
struct Score {
    found: usize,
    missed: Vec<String>,
    silent: usize,
    wrong: Vec<String>,
}

impl Score {
    fn add(&mut self, row: &Row, is_reported: bool) {
        let line = || format!("{} {} {}", row.id, row.package, row.version);
        match (row.is_true, is_reported) {
            (true, true) => self.found += 1,
            (true, false) => self.missed.push(line()),
            (false, true) => self.wrong.push(line()),
            (false, false) => self.silent += 1,
        }
    }

    fn rows(&self) -> usize {
        self.found + self.missed.len() + self.silent + self.wrong.len()
    }

    fn print(&self, whose: &str) {
        println!("{whose}: {} rows", self.rows());
        println!("  true: {} found, {} missed: {:#?}", self.found, self.missed.len(), self.missed);
        println!(
            "  false: {} silent, {} reported: {:#?}",
            self.silent,
            self.wrong.len(),
            self.wrong
        );
    }
}

/// The labels and a snapshot of the feeds, where the shared folder is.
fn inputs(folder: &Path) -> Option<(PathBuf, PathBuf)> {
    let shared = std::env::var_os("AUSCULT_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| root().join("..").join("shared"));
    let (archive, feeds) = (shared.join("conformance/match-labels.tar.zst"), shared.join("feeds"));
    if [&archive, &feeds].iter().any(|path| !path.try_exists().unwrap_or(false)) {
        println!("SKIPPED: needs the shared folder");
        return None;
    }
    let snapshot = folder.join("feeds.snapshot");
    let arguments = ["advisories", "build", "--from", text(&feeds), "--out", text(&snapshot)];
    let output = auscult(&arguments);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    Some((archive, snapshot))
}

#[test]
fn labels_of_another_scanner_are_met() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some((archive, snapshot)) = inputs(folder.path()) else { return };
    let rows = rows(&archive);
    let claims = claims(&snapshot, &rows);
    let mut images: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        images.entry(&row.image).or_default().push(row);
    }
    let (mut scores, mut languages, mut unheld) = (BTreeMap::new(), Score::default(), 0);
    for rows in images.into_values() {
        let versions = || rows.iter().map(|row| (row.package.as_str(), row.version.as_str()));
        let mut question = Question::default();
        for &row in &rows {
            let system = System::of(&row.version, &versions());
            let Some(system) = system else {
                if !row.is_true && packages::is_of_language(&row.version) {
                    question.add(row, None, packages::of_languages(&row.package, &row.version));
                }
                continue;
            };
            let known = claims.get(&row.id).map_or(&[][..], Vec::as_slice);
            match held(&system, row, known) {
                Some((held, source)) => {
                    let listed = system.listed(&row.package, &row.version, &source);
                    question.add(row, Some(held), vec![listed]);
                }
                None => unheld += 1,
            }
        }
        let reported = question.reported(&snapshot, folder.path());
        for (row, held, places) in question.rows {
            let is_reported = places.iter().any(|&at| reported.contains(&(row.id.clone(), at)));
            match held {
                Some(held) => {
                    scores.entry(held).or_insert_with(Score::default).add(row, is_reported);
                }
                None => languages.add(row, is_reported),
            }
        }
    }
    println!("{} rows decided; {unheld} of packages for which no data hold the CVE", rows.len());
    let [own, upstream] = [Held::ByDistribution, Held::ByUpstream]
        .map(|held| scores.remove(&held).unwrap_or_default());
    own.print("held by the distribution's data");
    upstream.print("held by upstream's data only");
    languages.print(
        "labelled false, of no such distribution, expressed in every ecosystem of languages",
    );
    assert!(own.rows() >= BY_DISTRIBUTION_MIN, "{}", own.rows());
    assert!(own.found * 100 > (own.found + own.missed.len()) * 95, "{:#?}", own.missed);
    assert!(own.wrong.len() * 100 < (own.silent + own.wrong.len()) * 5, "{:#?}", own.wrong);
    assert!(upstream.rows() >= BY_UPSTREAM_MIN, "{}", upstream.rows());
    assert!(upstream.missed.len() <= UPSTREAM_MISSED_MAX, "{:#?}", upstream.missed);
    assert!(upstream.wrong.len() <= UPSTREAM_WRONG_MAX, "{:#?}", upstream.wrong);
    assert!(languages.rows() >= LANGUAGES_MIN, "{}", languages.rows());
    assert!(languages.wrong.is_empty(), "{:#?}", languages.wrong);
}
