//! Alpine packages (apk-package(5)): `digits{.digits}[letter]{_suffix[number]}[~hash][-rN]`.
//!
//! The order of suffixes is that of apk-tools: alpha, beta, pre, rc, none, cvs, svn, git, hg, p.
//! Where one version has more than the other it is greater, unless that is a pre-release suffix.

use crate::key::{END, Key, NUMBER, is_number, take, take_digits};

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// The ranks of what may follow, from the least: the revision, the number of a suffix, the
/// suffixes, a letter, a decimal fraction, a number.
const REVISION: u8 = END + 1;
const SUFFIX_NUMBER: u8 = END + 2;
const SUFFIX: u8 = END + 3;
const LETTER: u8 = NUMBER - 2;
const FRACTION: u8 = NUMBER - 1;

/// The key of an Alpine version; `None` where the text does not follow the grammar.
pub(crate) fn key(text: &str) -> Option<Key> {
    let mut key = Key::new();
    let (digits, mut rest) = take_digits(text);
    if digits.is_empty() {
        return None;
    }
    key.number(NUMBER, digits);
    while let Some(after) = rest.strip_prefix('.') {
        let (digits, after) = take_digits(after);
        match digits.as_bytes() {
            [] => return None,
            // A decimal fraction: 1.01 comes before 1.1.
            [b'0', ..] => key.text(FRACTION, digits),
            _ => key.number(NUMBER, digits),
        }
        rest = after;
    }
    rest = letter(&mut key, rest);
    while let Some(after) = rest.strip_prefix('_') {
        rest = suffix(&mut key, after)?;
    }
    if let Some(after) = rest.strip_prefix('~') {
        rest = take(after, |c| c.is_ascii_hexdigit()).1;
    }
    if !rest.is_empty() {
        let revision = rest.strip_prefix("-r")?;
        if !is_number(revision) {
            return None;
        }
        key.number(REVISION, revision);
    }
    key.mark(END);
    Some(key)
}

/// Adds a letter. Packages of OpenSSH and sudo carry upstream's `p1` without an underscore.
fn letter<'a>(key: &mut Key, rest: &'a str) -> &'a str {
    let Some(letter) = rest.get(..1).filter(|one| one.bytes().all(|b| b.is_ascii_lowercase()))
    else {
        return rest;
    };
    key.text(LETTER, letter);
    let (digits, after) = take_digits(rest.get(1..).unwrap_or_default());
    if !digits.is_empty() {
        key.number(SUFFIX_NUMBER, digits);
    }
    after
}

fn suffix<'a>(key: &mut Key, text: &'a str) -> Option<&'a str> {
    let (name, rest) = take(text, |c| c.is_ascii_lowercase());
    let place = |names: &[&str]| {
        names.iter().position(|known| *known == name).and_then(|at| u64::try_from(at).ok())
    };
    match (place(&BEFORE), place(&AFTER)) {
        (Some(place), _) => key.count(END - 1, place),
        (None, Some(place)) => key.count(SUFFIX, place),
        (None, None) => return None,
    }
    let (digits, rest) = take_digits(rest);
    if !digits.is_empty() {
        key.number(SUFFIX_NUMBER, digits);
    }
    Some(rest)
}
