//! The signature rules against labelled packages of other people's builds.
//!
//! The oracle is the label of each package: product and version. The packages live outside the
//! repository; without them the test says so and passes.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
};

use auscult_inspect::signatures::{FileContext, FileKind, Hit, Rule, RuleSet};
use auscult_model::{EvidenceClass, Limits};
use auscult_unpack::Tree;
use serde::Deserialize;

/// How many labelled packages there are.
const CASES: usize = 476;
/// How many of them must be named with their exact version, at least.
const EXACT_MIN: usize = 463;

fn shared() -> Option<PathBuf> {
    let folder = env::var_os("AUSCULT_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    folder.join("corpus/packages").is_dir().then_some(folder)
}

/// One labelled package.
#[derive(Deserialize)]
struct Label {
    file: String,
    components: [Labelled; 1],
}

/// What it is.
#[derive(Deserialize)]
struct Labelled {
    name: String,
    version: String,
}

impl Label {
    fn what(&self) -> &Labelled {
        let [what] = &self.components;
        what
    }
}

fn labels(folder: &Path) -> Vec<Label> {
    serde_json::from_slice(&fs::read(folder.join("GROUND_TRUTH.json")).unwrap()).unwrap()
}

/// The files of a package.
fn files(archive: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let tree = Tree::from_bytes(fs::read(archive).unwrap(), &Limits::default());
    let files = tree.nodes().filter(|(_, node)| node.is_file());
    files.map(|(id, n)| (n.name.as_bytes().to_vec(), tree.bytes(id).unwrap().to_vec())).collect()
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
    named: Vec<String>,
    wrong: Vec<String>,
    missed: BTreeMap<String, usize>,
    others: BTreeMap<String, usize>,
}

impl Score {
    fn count(&mut self, label: &Label, hits: &[Hit<'_>]) {
        let claims = claims(hits, &label.what().name);
        let wrong: Vec<_> =
            claims.iter().filter(|version| !same(version, &label.what().version)).collect();
        if !wrong.is_empty() {
            self.wrong.push(format!("{} {}: {wrong:?}", label.file, label.what().version));
        }
        if claims.len() > wrong.len() {
            self.exact += 1;
        } else if hits.iter().any(|hit| names(hit.rule, &label.what().name)) {
            self.named.push(format!("{} {}", label.what().name, label.what().version));
        } else {
            *self.missed.entry(label.what().name.clone()).or_default() += 1;
        }
        for hit in hits.iter().filter(|hit| !names(hit.rule, &label.what().name)) {
            let row =
                format!("{} {} {:?} in {}", hit.rule.id, hit.version, hit.class, label.what().name);
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
    eprintln!("named only: {:#?}\nwrong: {:#?}", score.named, score.wrong);
    let named = score.named.len();
    eprintln!("{} packages: {} exact, {named} named only", labels.len(), score.exact);
    assert!(score.wrong.is_empty(), "{:#?}", score.wrong);
    assert!(score.exact >= EXACT_MIN, "{}", score.exact);
}
