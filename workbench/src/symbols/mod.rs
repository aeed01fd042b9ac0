//! `cargo xtask symbols FOLDER`: makes `crates/auscult-inspect/symbols/` from Debian packages.
//!
//! `FOLDER/SUITE-ARCHITECTURE/*.deb` are packages of libraries, of several suites and
//! architectures. What each exports is read off its files; since when, off the list that its
//! packager keeps (deb-symbols(5)), checked against the files of all suites. A library counts
//! where a signature rule knows both its soname and its source package.
//!
//! `--check` writes nothing: it asks the histories about every file in the folder and counts how
//! often the range holds the true release. `--held-out SUITE` makes histories without that suite,
//! in memory, and checks them on it.

mod history;
mod observe;
mod versions;

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context as _, bail, ensure};
use auscult_inspect::{
    signatures::{Rule, RuleSet},
    symbols::{History, Library},
};
use auscult_version::{Bound, within};
use xtask::shell::root;

use self::{observe::Observed, versions::upstream};

/// Heads every file made.
const HEADER: &str = "# Made by `cargo xtask symbols`; not written by hand.\n";

/// The observations of each library: rule and stem.
type Groups<'o> = BTreeMap<(&'static str, String), Vec<&'o Observed>>;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let mut words = arguments.iter();
    let (mut folder, mut check, mut held_out) = (None, false, None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--check" => check = true,
            "--held-out" => held_out = Some(words.next().context("--held-out needs a suite")?),
            path if folder.is_none() => folder = Some(path.to_owned()),
            other => bail!("{other:?} is not understood"),
        }
    }
    let folder = folder.context("name the folder with the packages")?;
    let observed = observe::folder(Path::new(&folder))?;
    if let Some(suite) = held_out {
        let (tested, known): (Vec<&Observed>, Vec<&Observed>) =
            observed.iter().partition(|one| one.suite == *suite);
        ensure!(!tested.is_empty(), "no package of the suite {suite}");
        let histories = made(&known)?;
        return checked(&tested, |id| histories.get(id));
    }
    let all: Vec<&Observed> = observed.iter().collect();
    if check { checked(&all, History::builtin) } else { write(&made(&all)?) }
}

/// The libraries with a rule, by rule and stem.
fn groups<'o>(observed: &[&'o Observed]) -> Groups<'o> {
    let mut groups = Groups::new();
    for &one in observed {
        if let Some(rule) = rule_of(one) {
            let stem = auscult_inspect::symbols::stem(&one.soname).to_owned();
            groups.entry((&rule.id, stem)).or_default().push(one);
        }
    }
    groups
}

/// The rule that knows both the soname and the package; a soname alone may be another project's.
fn rule_of(one: &Observed) -> Option<&'static Rule> {
    let rules = RuleSet::builtin();
    let rule = rules.for_soname(&one.soname)?;
    let named = |name: &str| rules.for_name(name).is_some_and(|other| other.id == rule.id);
    (named(&one.source) || named(&one.package)).then_some(rule)
}

fn made(observed: &[&Observed]) -> anyhow::Result<BTreeMap<String, History>> {
    let mut histories: BTreeMap<String, Vec<Library>> = BTreeMap::new();
    for ((id, stem), files) in groups(observed) {
        let rule = rule_by_id(id)?;
        if let Some(library) = history::of(rule.scheme(), &stem, &files) {
            histories.entry(id.to_owned()).or_default().push(library);
        }
    }
    let history = |(id, libraries): (String, _)| (id.clone(), History { id, libraries });
    Ok(histories.into_iter().map(history).collect())
}

fn rule_by_id(id: &str) -> anyhow::Result<&'static Rule> {
    let mut rules = RuleSet::builtin().rules().iter();
    rules.find(|rule| rule.id == id).with_context(|| format!("no rule {id}"))
}

fn write(histories: &BTreeMap<String, History>) -> anyhow::Result<()> {
    let folder = root().join("crates/auscult-inspect/symbols");
    for entry in std::fs::read_dir(&folder).context("list the histories")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            std::fs::remove_file(path)?;
        }
    }
    let (mut libraries, mut steps) = (0, 0);
    for (id, history) in histories {
        let text = format!("{HEADER}{}", toml::to_string(history).context("write a history")?);
        std::fs::write(folder.join(format!("{id}.toml")), text)?;
        libraries += history.libraries.len();
        steps += history.libraries.iter().map(|library| library.steps.len()).sum::<usize>();
    }
    println!("{} components, {libraries} libraries, {steps} steps", histories.len());
    Ok(())
}

/// Counts of a check.
#[derive(Default)]
struct Score {
    files: usize,
    silent: usize,
    inside: usize,
    both: usize,
    /// For each file with two bounds the number of releases between them, as far as known.
    releases: Vec<usize>,
    wrong: Vec<String>,
}

fn checked<'h>(
    observed: &[&Observed],
    history_of: impl Fn(&str) -> Option<&'h History>,
) -> anyhow::Result<()> {
    let mut score = Score::default();
    for ((id, stem), files) in groups(observed) {
        let Some(library) = history_of(id).and_then(|history| history.library(&stem)) else {
            continue;
        };
        let scheme = rule_by_id(id)?.scheme();
        let known = versions::known(scheme, &files);
        for file in files {
            score.files += 1;
            let Some(reading) = library.read(&file.exports) else {
                score.silent += 1;
                continue;
            };
            let lower = reading.at_least.clone().map(Bound::Inclusive);
            let upper = reading.below.clone().map(Bound::Exclusive);
            let holds = |version: &str| {
                within(scheme, lower.as_ref(), upper.as_ref(), version) == Some(true)
            };
            if holds(&upstream(&file.version).text) {
                score.inside += 1;
            } else {
                let Observed { suite, architecture, package, version, .. } = file;
                score
                    .wrong
                    .push(format!("{suite} {architecture} {package} {version}: {reading:?}"));
            }
            if lower.is_some() && upper.is_some() {
                score.both += 1;
                score.releases.push(known.iter().filter(|version| holds(version)).count());
            }
        }
    }
    let Score { files, silent, inside, both, mut releases, wrong } = score;
    releases.sort_unstable();
    let median = releases.get(releases.len() / 2).copied().unwrap_or_default();
    for line in &wrong {
        println!("wrong: {line}");
    }
    let read = files - silent;
    println!("{files} files, {read} with a range, {inside} of them with the true release inside");
    println!("{both} with two bounds, between them {median} packaged releases in the median");
    ensure!(wrong.is_empty(), "{} ranges do not hold the true release", wrong.len());
    Ok(())
}
