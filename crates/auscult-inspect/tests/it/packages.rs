//! The signature rules against labelled packages of other people's builds.
//!
//! The oracle is the label of each package: product and version. The packages live outside the
//! repository; without them the test says so and passes.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use auscult_inspect::signatures::{FileContext, FileKind, Hit, Rule, RuleSet};
use auscult_model::EvidenceClass;

/// How many labelled packages there are.
const CASES: usize = 476;
/// How many of them must be named with their exact version, at least.
const EXACT_MIN: usize = 100;
/// How many may get a wrong version.
const WRONG_MAX: usize = 0;

fn shared() -> Option<PathBuf> {
    let folder = env::var_os("AUSCULT_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    folder.join("corpus/packages").is_dir().then_some(folder)
}

/// One labelled package.
struct Label {
    file: String,
    name: String,
    version: String,
}

fn labels(folder: &Path) -> Vec<Label> {
    let text = fs::read(folder.join("GROUND_TRUTH.json")).unwrap();
    let list: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
    let label = |entry: &serde_json::Value| {
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let component = &entry["components"][0];
        Label {
            file: text(&entry["file"]),
            name: text(&component["name"]),
            version: text(&component["version"]),
        }
    };
    list.iter().filter(|entry| entry["components"][0]["version"] != "").map(label).collect()
}

/// The files of a package.
fn files(archive: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(fs::File::open(archive).unwrap()));
    let mut files = Vec::new();
    for entry in tar.entries().unwrap() {
        let mut entry = entry.unwrap();
        let (path, mut bytes) = (entry.path_bytes().into_owned(), Vec::new());
        entry.read_to_end(&mut bytes).unwrap();
        files.push((path, bytes));
    }
    files
}

fn squeeze(name: &str) -> String {
    name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}

/// Whether the rule speaks of this product.
fn names(rule: &Rule, product: &str) -> bool {
    let products = rule.cpes.iter().filter_map(|cpe| cpe.rsplit(':').next());
    let names = rule.aliases.iter().map(String::as_str).chain([rule.name.as_str()]);
    products.chain(names).any(|name| squeeze(name) == squeeze(product))
}

/// Whether two spellings mean one version: equal, or one with a suffix of a release.
fn same(left: &str, right: &str) -> bool {
    let (short, long) = if left.len() < right.len() { (left, right) } else { (right, left) };
    long.strip_prefix(short).is_some_and(|rest| {
        rest.chars().next().is_none_or(|next| !next.is_ascii_digit() && !next.is_ascii_lowercase())
    })
}

/// The exact versions that hits of the product's rules say its code has.
fn claims<'h>(hits: &'h [Hit<'_>], product: &str) -> BTreeSet<&'h str> {
    hits.iter()
        .filter(|hit| hit.class == EvidenceClass::ContainsCode && names(hit.rule, product))
        .filter_map(|hit| hit.version.exact())
        .map(|version| version.0.as_str())
        .collect()
}

#[derive(Default)]
struct Score {
    exact: usize,
    named: usize,
    wrong: Vec<String>,
    missed: BTreeMap<String, usize>,
    others: BTreeMap<String, usize>,
}

impl Score {
    fn count(&mut self, label: &Label, hits: &[Hit<'_>]) {
        let claims = claims(hits, &label.name);
        let wrong: Vec<_> =
            claims.iter().filter(|version| !same(version, &label.version)).collect();
        if !wrong.is_empty() {
            self.wrong.push(format!("{} {}: {wrong:?}", label.file, label.version));
        }
        if claims.len() > wrong.len() {
            self.exact += 1;
        } else if hits.iter().any(|hit| names(hit.rule, &label.name)) {
            self.named += 1;
        } else {
            *self.missed.entry(label.name.clone()).or_default() += 1;
        }
        for hit in hits.iter().filter(|hit| !names(hit.rule, &label.name)) {
            let row = format!("{} {} {:?} in {}", hit.rule.id, hit.version, hit.class, label.name);
            *self.others.entry(row).or_default() += 1;
        }
    }
}

#[test]
fn labelled_packages_are_named_with_their_version() {
    let Some(folder) = shared() else {
        eprintln!("SKIPPED: needs the shared folder");
        return;
    };
    let labels = labels(&folder.join("corpus/packages"));
    assert_eq!(labels.len(), CASES);
    let (rules, mut score) = (RuleSet::builtin(), Score::default());
    for label in &labels {
        let files = files(&folder.join("corpus").join(&label.file));
        let hits: Vec<_> = files
            .iter()
            .flat_map(|(path, bytes)| {
                let kind =
                    if bytes.starts_with(b"\x7fELF") { FileKind::Elf } else { FileKind::Raw };
                rules.scan(&FileContext { path, soname: None, kind }, bytes)
            })
            .collect();
        score.count(label, &hits);
    }
    eprintln!("missed: {:#?}\nother hits: {:#?}", score.missed, score.others);
    eprintln!("wrong: {:#?}", score.wrong);
    eprintln!("{} packages: {} exact, {} named only", labels.len(), score.exact, score.named);
    assert!(score.wrong.len() <= WRONG_MAX, "{:#?}", score.wrong);
    assert!(score.exact >= EXACT_MIN, "{}", score.exact);
}
