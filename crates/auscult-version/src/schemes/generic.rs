//! Versions of upstream projects that follow no written scheme: numbers, letters and tags.
//!
//! `1.0-rc2 < 1.0 < 1.0a < 1.0p1 < 1.0.1`. A single letter after a number counts up; tags are the
//! usual ones; separators mean nothing. A commit id or an unknown word cannot be compared, except
//! where an earlier number decides already.

use crate::key::{END, Key, NUMBER, OPAQUE, runs, without_v};

/// What may follow a number, from the least: the number of a tag, a tag that comes after the
/// release, a letter that counts up. Tags before the release have the ranks of [`BEFORE`].
const TAG_NUMBER: u8 = END + 1;
const AFTER_TAG: u8 = END + 2;
const LETTER: u8 = END + 3;

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
pub(crate) fn key(text: &str) -> Option<Key> {
    let text = text.to_ascii_lowercase();
    let text = without_v(&text);
    if is_commit(text) || !text.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut key = Key::new();
    let (mut after_tag, mut tilde) = (false, false);
    for run in runs(text) {
        let first = run.bytes().next()?;
        if first.is_ascii_digit() {
            let zero = run.bytes().all(|byte| byte == b'0');
            match (after_tag, zero) {
                (true, true) => {}
                (true, false) => key.number(TAG_NUMBER, run),
                (false, _) => key.number(NUMBER, run),
            }
            after_tag = false;
        } else if first.is_ascii_alphabetic() && !NEUTRAL.contains(&run) {
            // 1.0, 1.0.0 and 1 are one release; the first number stays, so that 0 is a version.
            key.drop_zeros(1);
            after_tag = word(&mut key, run, tilde);
        }
        tilde = first == b'~';
    }
    key.drop_zeros(1);
    key.mark(END);
    Some(key)
}

/// Adds what a word means at its place; tells whether it is a tag.
fn word(key: &mut Key, run: &str, tilde: bool) -> bool {
    if key.len() == 0 {
        key.text(OPAQUE, run);
    } else if let Some(rank) = before(run) {
        key.mark(rank);
        return true;
    } else if AFTER.contains(&run) && !tilde {
        key.mark(AFTER_TAG);
        return true;
    } else if run.len() == 1 || (run.len() == 2 && run.starts_with('z')) {
        key.text(LETTER, run);
    } else {
        key.text(OPAQUE, run);
    }
    false
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
