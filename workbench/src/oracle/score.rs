//! Compares what a scan says of a package with what Debian says.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;

use super::select::Case;
use crate::{
    debian::{Archive, upstream},
    standing,
};

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
    let wrong: Vec<&str> = versions
        .iter()
        .copied()
        .filter(|version| {
            let spellings = [version, upstream(version)];
            !spellings.iter().any(|one| same(one, truth))
                && !is_own_word(&case.rule, version, truth)
        })
        .collect();
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

/// Packages whose binaries call themselves otherwise than Debian calls the source, and why; what
/// they say themselves is the right answer: rule, Debian's version, the binary's.
const OWN_WORDS: &[(&str, &str, &str)] = &[
    ("aom", "1.0.0.errata1", "1.0.0"),   // its number was not raised
    ("bash", "5.1", "5.1.4"),            // with the patches that Debian keeps in its revision
    ("debianutils", "4.11.2", "4.11"),   // its number was not raised
    ("debianutils", "5.23.2", "5.23.1"), // its number was not raised
    ("iproute2", "5.10.0", "5.9.0"),     // its number was not raised
    ("insighttoolkit", "4.13.3withdata", "4.13.3"), // named after what else is in the archive
    ("jhead", "3.06.0.1", "3.06"),       // a fork that mends 3.06
    ("jq", "1.7.1", "1.7"),              // built without the script that tells the release
    ("luajit", "2.1.0", "2.1"),          // rolling: the third number is a time
    ("libgcrypt", "1.8.7", "1.8.8"),     // updated by a patch to the next release
    ("libserialport", "0.1.2", "0.1.1"), // its number was not raised
    ("lrzsz", "0.12.21", "0.12.21rc"),   // a snapshot on the way to it
    ("mariadb-connector-c", "10.5", "3.1.22"), // a part of the server's source with its own number
    ("nbd", "3.21", "3.18"),             // its number was not raised
    ("net-tools", "1.60+git20181103", "2.10"), // a snapshot on the way to 2.10
    ("netkit-telnet", "0.17.41", "0.17"), // a fork that counts its changes
    ("nng", "1.10.1", "1.10.0"),         // its number was not raised
    ("open62541", "1.4.11.1", "1.4.11"), // its number was not raised
    ("openssh", "10.0p1", "10.0p2"),     // released again on the same day
    ("qemu", "7.2", "7.2.22"),           // updated by patches to a stable release
    ("sane-backends", "1.2.1", "1.1.1"), // built without the tag of the release
    ("sane-backends", "1.3.1", "1.2.1"), // built without the tag of the release
    ("speex", "1.2~rc1.2", "1.2rc1"),    // its number was not raised
    ("tftpd-hpa", "5.2", "5.3"),         // a snapshot on the way to 5.3
    ("trousers", "0.3.14", "0.3.13"),    // its number was not raised
];

/// Whether the package is known to say this of itself.
fn is_own_word(rule: &str, version: &str, truth: &str) -> bool {
    let starts = |whole: &str, start: &str| {
        let rest = whole.strip_prefix(start);
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    OWN_WORDS.iter().any(|(known, debian, binary)| {
        *known == rule && starts(truth, debian) && starts(version, binary)
    })
}

/// Whether two spellings mean one version: 6.0 is 6.00, a release may carry a suffix, and a
/// snapshot is called after the release in front of it.
fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let text = text.trim_start_matches('v').replace(['_', '~'], "-").to_lowercase();
        let text = text.replace("beta.", "beta").replace("rc.", "rc");
        let text = text.replace("-beta", "beta").replace("-rc", "rc").replace(".snapshot.", "-");
        let snapshot = [".git", "+git", "-git"].iter().filter_map(|mark| text.find(mark)).min();
        text.get(..snapshot.unwrap_or(text.len())).unwrap_or_default().to_owned()
    };
    let (one, other) = (plain(one), plain(other));
    let (short, long) = if one.len() < other.len() { (&one, &other) } else { (&other, &one) };
    let suffix = |rest: &str| {
        let first = rest.chars().next();
        first.is_none_or(|next| matches!(next, '-' | '+')) || zeros(rest)
    };
    let equal = || numbers(&one).is_some_and(|known| Some(known) == numbers(&other));
    long.strip_prefix(short.as_str()).is_some_and(suffix) || equal()
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

/// What stands in front of the version in the note that names a file's package.
const NOTES: &[&[u8]] = &[b"\"version\":\"", b"\"version\":\"1:"];

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
            self.literal = self.literal || self.stands_in(&bytes);
        }
    }

    /// Whether the version stands there as a number of its own, and not only in the note that
    /// names the package.
    fn stands_in(&self, bytes: &[u8]) -> bool {
        standing::places(bytes, self.version).any(|at| {
            let before = bytes.get(..at).unwrap_or_default();
            !NOTES.iter().any(|note| before.ends_with(note))
        })
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
            ("5.12.0.git", "5.12.0", true),
            ("7.8.0", "7.8.git20221117.28daf24", true),
            ("1.7", "1.7.1", false),
            ("10.0p1", "10.0p2", false),
            ("4.1.0-beta.2", "4.1.0~beta2", true),
            ("3.8.0beta1", "3.8.0~beta1", true),
            ("6.9.11-60", "6.9.11.60", true),
        ] {
            assert_eq!(same(one, other), expect, "{one} {other}");
        }
    }
}
