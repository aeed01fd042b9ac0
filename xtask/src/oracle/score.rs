//! Compares what a scan says of a package with what Debian says.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use super::select::Case;
use crate::debian::{Archive, upstream};

/// What became of one package.
pub(crate) struct Outcome {
    /// `SUITE/ARCHITECTURE`.
    pub(crate) archive: String,
    pub(crate) package: String,
    pub(crate) rule: String,
    pub(crate) truth: String,
    pub(crate) verdict: Verdict,
    /// Whether the true version stands in a binary of the package as text.
    pub(crate) literal: bool,
    /// Whether the package holds an ELF file at all.
    pub(crate) binary: bool,
    /// Other components that are told with an exact version.
    pub(crate) others: Vec<String>,
}

/// How right the scan was.
pub(crate) enum Verdict {
    /// Named with the true version and with no other.
    Exact,
    /// Named, and the version is unknown, or known in part.
    Named,
    /// Not named.
    Missed,
    /// Named with versions that it does not have.
    Wrong(String),
}

pub(crate) fn of(archive: &Archive, case: &Case, facts: &Value, tree: &Path) -> Outcome {
    let truth = upstream(&case.package.source_version);
    let components = facts.get("components").and_then(Value::as_array);
    let (mut named, mut others) = (false, Vec::new());
    let mut versions: BTreeSet<&str> = BTreeSet::new();
    for component in components.into_iter().flatten() {
        let text = |path: &str| component.pointer(path).and_then(Value::as_str);
        let version = text("/version");
        let own = text("/origin/rule") == Some(&case.rule) || text("/name") == Some(&case.name);
        if own {
            named = true;
            versions.extend(version);
        } else if let (Some(name), Some(version)) = (text("/name"), version) {
            others.push(format!("{name} {version}"));
        }
    }
    let wrong: Vec<&str> =
        versions.iter().copied().filter(|version| !same(version, truth)).collect();
    let verdict = match (wrong.is_empty(), versions.is_empty(), named) {
        (false, ..) => Verdict::Wrong(wrong.join(", ")),
        (true, false, _) => Verdict::Exact,
        (true, true, true) => Verdict::Named,
        (true, true, false) => Verdict::Missed,
    };
    let mut search = Search { version: truth, literal: false, binary: false };
    search.folder(tree);
    Outcome {
        archive: format!("{}/{}", archive.suite, archive.architecture),
        package: case.package.name.clone(),
        rule: case.rule.clone(),
        truth: truth.to_owned(),
        verdict,
        literal: search.literal,
        binary: search.binary,
        others,
    }
}

/// Whether two spellings mean one version: 6.0 is 6.00, and a release may carry a suffix.
fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| text.trim_start_matches('v').replace(['_', '~'], "-").to_lowercase();
    let (one, other) = (plain(one), plain(other));
    let (short, long) = if one.len() < other.len() { (&one, &other) } else { (&other, &one) };
    let suffix = |rest: &str| {
        let first = rest.chars().next();
        first.is_none_or(|next| matches!(next, '-' | '+')) || zeros(rest)
    };
    long.strip_prefix(short.as_str()).is_some_and(suffix) || numbers(&one) == numbers(&other)
}

/// `.0`, `.0.0`.
fn zeros(text: &str) -> bool {
    text.starts_with('.') && text.chars().all(|c| matches!(c, '.' | '0'))
}

/// The numbers of a plain dotted version.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let dotted = version.replace('-', ".");
    let mut numbers =
        dotted.split('.').map(|part| part.parse().ok()).collect::<Option<Vec<u64>>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    Some(numbers)
}

/// Looks for the version as text in ELF files.
struct Search<'version> {
    version: &'version str,
    literal: bool,
    binary: bool,
}

impl Search<'_> {
    fn folder(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let kind = entry.file_type();
            match kind {
                Ok(kind) if kind.is_dir() => self.folder(&entry.path()),
                Ok(kind) if kind.is_file() => self.file(&entry.path()),
                _ => {}
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let Ok(bytes) = fs::read(path) else { return };
        if bytes.starts_with(b"\x7fELF") {
            self.binary = true;
            let wanted = self.version.as_bytes();
            self.literal =
                self.literal || bytes.windows(wanted.len()).any(|window| window == wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn spellings_of_one_version() {
        for (one, other, expect) in [
            ("6.00", "6.0", true),
            ("2.40", "2.40.0", true),
            ("7.88.1-DEV", "7.88.1", true),
            ("1.0.2a", "1.0.2", false),
            ("1.2", "1.2.3", false),
            ("6.1.0", "6.1.176", false),
            ("9.2p1", "9.2p1", true),
        ] {
            assert_eq!(same(one, other), expect, "{one} {other}");
        }
    }
}
