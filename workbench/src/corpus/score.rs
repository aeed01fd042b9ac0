//! Compares a result with the ground truth of a file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::Value;

use super::{Case, Truth, run::Outcome};

/// How much of the truth was found.
#[derive(Debug, Default)]
pub(crate) struct Score {
    pub(crate) total: usize,
    /// Truths whose name was found.
    pub(crate) names: usize,
    /// Truths whose name, or that of the project that the package was built from, was found.
    pub(crate) projects: usize,
    /// Truths whose name and version were found; a truth without a version needs its name only.
    pub(crate) exact: usize,
    /// Truths whose name was found only with other, exact versions.
    pub(crate) wrong: Vec<String>,
    /// Truths whose name was not found.
    pub(crate) missed: Vec<String>,
    /// Rows of a package database that are not listed with their version.
    pub(crate) rows_missing: usize,
}

pub(crate) const HEADER: &str = "file                                               exit  names project   exact wrong   read%  time s  MiB  formats";

/// The names of the project that a package was built from, by its name and version, as the package
/// databases of the images tell that were scanned before.
#[derive(Debug, Default)]
pub(crate) struct Projects(BTreeMap<(String, String), BTreeSet<String>>);

impl Projects {
    /// Takes the source package and the CPE products of each package of a result.
    pub(crate) fn learn(&mut self, result: &Value) {
        let components = result.get("components").and_then(Value::as_array);
        for component in components.into_iter().flatten() {
            let text = |path: &str| component.pointer(path).and_then(Value::as_str);
            let (Some(name), Some(version)) = (text("/name"), text("/version")) else { continue };
            let Some(source) = text("/origin/source") else { continue };
            let names = self.0.entry((name.to_owned(), version.to_owned())).or_default();
            names.insert(plain(source));
            names.extend(cpe_names(component));
        }
    }

    fn of(&self, truth: &Truth) -> impl Iterator<Item = &String> {
        self.0.get(&(truth.name.clone(), truth.version.clone())).into_iter().flatten()
    }
}

pub(crate) fn of(case: &Case, result: &Value, projects: &Projects) -> Score {
    let found = components(result);
    let is_found = |wanted: &String| found.iter().any(|(names, _)| names.contains(wanted));
    let mut score = Score { total: case.components.len(), ..Score::default() };
    for truth in &case.components {
        let wanted = plain(&truth.name);
        let versions: Vec<&Option<String>> = found
            .iter()
            .filter(|(names, _)| names.contains(&wanted))
            .map(|(_, version)| version)
            .collect();
        let project = !versions.is_empty() || projects.of(truth).any(is_found);
        score.projects += usize::from(project);
        if versions.is_empty() {
            score.missed.push(truth.name.clone());
            score.rows_missing += usize::from(truth.source_db.is_some());
            continue;
        }
        score.names += 1;
        let exact: Vec<&String> = versions.into_iter().flatten().collect();
        if no_version(truth) || exact.iter().any(|version| same_version(version, &truth.version)) {
            score.exact += 1;
            continue;
        }
        score.rows_missing += usize::from(truth.source_db.is_some());
        if !exact.is_empty() {
            score.wrong.push(format!("{} {} != {exact:?}", truth.name, truth.version));
        }
    }
    score
}

fn no_version(truth: &Truth) -> bool {
    truth.version.is_empty() || truth.version.starts_with('(')
}

/// Every component with the names it may be known by and its exact version.
pub(crate) fn components(result: &Value) -> Vec<(BTreeSet<String>, Option<String>)> {
    let components = result.get("components").and_then(Value::as_array);
    components
        .into_iter()
        .flatten()
        .map(|component| {
            let mut names = BTreeSet::new();
            let text = |field: &str| component.get(field).and_then(Value::as_str);
            let name = text("name").unwrap_or_default();
            let supplier = text("supplier").unwrap_or_default();
            names.extend([plain(name), plain(&format!("{supplier}{name}"))]);
            if text("kind") == Some("operating-system") {
                names.insert(plain(&format!("{name}os")));
            }
            if let Some(purl) = text("purl") {
                let stem = purl.split(['@', '?']).next().unwrap_or_default();
                names.extend(stem.rsplit('/').next().map(plain));
            }
            names.extend(cpe_names(component));
            let version = component.get("version").and_then(|version| {
                version.as_str().or_else(|| version.get("exact").and_then(Value::as_str))
            });
            (names, version.map(str::to_owned))
        })
        .collect()
}

/// The products of a component's CPE names, alone and behind their vendors.
fn cpe_names(component: &Value) -> BTreeSet<String> {
    let cpes = component.get("cpes").and_then(Value::as_array);
    let mut names = BTreeSet::new();
    for cpe in cpes.into_iter().flatten().filter_map(Value::as_str) {
        let mut fields = cpe.split(':').skip(3);
        let (Some(vendor), Some(product)) = (fields.next(), fields.next()) else { continue };
        names.extend([plain(product), plain(&format!("{vendor}{product}"))]);
    }
    names
}

/// A name without case, punctuation and what stands in brackets.
pub(crate) fn plain(name: &str) -> String {
    let outside = if name.starts_with('(') { name } else { name.split('(').next().unwrap_or(name) };
    outside.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether two versions say the same, up to a leading `v`, a package revision or a build suffix.
pub(crate) fn same_version(one: &str, other: &str) -> bool {
    let (one, other) = (one.trim_start_matches('v'), other.trim_start_matches('v'));
    let extends = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '+', ' ', '_', '~', '.']))
    };
    // "." only lengthens in one direction: 1.2 does not stand for 1.2.3.
    one == other
        || (extends(one, other) && !one.get(other.len()..).unwrap_or("").starts_with('.'))
        || (extends(other, one) && !other.get(one.len()..).unwrap_or("").starts_with('.'))
}

pub(crate) fn row(case: &Case, outcome: &Outcome, score: &Score) -> String {
    let number = |path: &str| outcome.result.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    let total = number("/coverage/bytes_total").max(1);
    let unread = number("/coverage/bytes_unread");
    let formats: BTreeSet<&str> = outcome
        .result
        .get("formats")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|format| format.get("format").and_then(Value::as_str))
        .collect();
    let formats: Vec<&str> = formats.into_iter().collect();
    let exit = outcome.exit.map_or("?".to_owned(), |code| code.to_string());
    let tenths = (total - unread.min(total)) * 1000 / total;
    let mut row = format!(
        "{:50} {exit:>4} {:>3}/{:<3} {:>3}/{:<3} {:>3}/{:<3} {:>4}  {:>4}.{} {:>7.2} {:>4}  {}",
        case.file,
        score.names,
        score.total,
        score.projects,
        score.total,
        score.exact,
        score.total,
        score.wrong.len(),
        tenths / 10,
        tenths % 10,
        outcome.seconds,
        outcome.peak_mib,
        formats.join(" "),
    );
    if !score.missed.is_empty() {
        let _ = write!(row, "\n    missed: {}", score.missed.join(", "));
    }
    for wrong in &score.wrong {
        let _ = write!(row, "\n    wrong: {wrong}");
    }
    row
}

#[cfg(test)]
mod tests {
    use super::{plain, same_version};

    #[test]
    fn versions_agree_up_to_revisions_but_not_up_to_digits() {
        assert!(same_version("1.25.1", "1.25.1-4"));
        assert!(same_version("v1.9.2-34-gd64", "1.9.2-34-gd64"));
        assert!(same_version("6.1.176", "6.1.176-1 (6.1.0-50-armmp)"));
        assert!(!same_version("1.2", "1.2.3"));
        assert!(!same_version("6.1.0", "6.1.176-1"));
        assert_eq!(plain("util-linux (libblkid)"), "utillinux");
    }
}
