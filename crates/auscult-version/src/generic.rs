//! Versions of upstream projects that follow no written scheme: numbers, letters and tags.
//!
//! `1.0-rc2 < 1.0 < 1.0a < 1.0p1 < 1.0.1`. A single letter after a number counts up; tags are the
//! usual ones; separators mean nothing. A commit id or an unknown word cannot be compared, except
//! where an earlier number decides already.

use crate::key::{Digits, Part, drop_trailing_zeros, runs};

/// Tags before a release, in their order.
const BEFORE: &[(&str, u8)] = &[
    ("dev", 0),
    ("snapshot", 0),
    ("test", 1),
    ("alpha", 2),
    ("beta", 3),
    ("milestone", 4),
    ("pre", 5),
    ("preview", 5),
    ("prerelease", 5),
    ("rc", 6),
    ("candidate", 6),
];

/// Tags after a release.
const AFTER: &[&str] =
    &["p", "pl", "patch", "post", "sp", "hotfix", "hf", "fix", "update", "build", "rev", "rel"];

/// Words that add nothing.
const NEUTRAL: &[&str] = &["final", "ga", "release", "stable", "version", "fips"];

fn before(word: &str) -> Option<u8> {
    BEFORE.iter().find(|(tag, _)| *tag == word).map(|(_, rank)| *rank)
}

/// The key of a version, `None` where the text holds no number or looks like a commit id.
pub(crate) fn parse(text: &str) -> Option<Vec<Part>> {
    let text = text.to_ascii_lowercase();
    let text = text.strip_prefix('v').unwrap_or(&text);
    if is_commit(text) || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut parts = Vec::new();
    let (mut after_tag, mut tilde) = (false, false);
    for run in runs(text) {
        let first = run.bytes().next()?;
        if first.is_ascii_digit() {
            let digits = Digits::new(run);
            match (after_tag, digits.is_zero()) {
                (true, true) => {}
                (true, false) => parts.push(Part::TagNumber(digits)),
                (false, _) => parts.push(Part::Number(digits)),
            }
            after_tag = false;
        } else if first.is_ascii_alphabetic() {
            if NEUTRAL.contains(&run) {
                continue;
            }
            let part = word(run, parts.is_empty(), tilde);
            after_tag = matches!(part, Part::Before(_) | Part::After(_));
            parts.push(part);
        }
        tilde = first == b'~';
    }
    Some(drop_trailing_zeros(parts))
}

/// What a word means at its place.
fn word(run: &str, at_start: bool, tilde: bool) -> Part {
    if at_start {
        return Part::Opaque(run.to_owned());
    }
    if let Some(rank) = before(run) {
        return Part::Before(rank);
    }
    if AFTER.contains(&run) && !tilde {
        return Part::After(0);
    }
    if run.len() == 1 || (run.len() == 2 && run.starts_with('z')) {
        return Part::Letter(run.to_owned());
    }
    Part::Opaque(run.to_owned())
}

/// Tells whether a text looks like an abbreviated commit id.
fn is_commit(text: &str) -> bool {
    text.len() >= 7
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
        && text.bytes().any(|byte| byte.is_ascii_alphabetic())
}

/// Splits a version into what CPE calls version and update: `4.2.8p18` is (`4.2.8`, `p18`). A
/// letter that counts up, as in `1.0.2k`, belongs to the version.
pub fn split_update(version: &str) -> (&str, &str) {
    let mut position = 0;
    for run in runs(version) {
        let word = run.to_ascii_lowercase();
        let tag = before(&word).is_some() || AFTER.contains(&word.as_str());
        if tag && position > 0 {
            let (core, update) = version.split_at_checked(position).unwrap_or((version, ""));
            return (core.trim_end_matches(['-', '.', '_', '~', '+', ' ']), update);
        }
        position += run.len();
    }
    (version, "")
}
