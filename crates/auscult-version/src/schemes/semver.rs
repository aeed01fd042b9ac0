//! Semantic Versioning 2.0.0, clause 11 (precedence); also npm, Cargo, Hex, Swift and others that
//! follow it.
//!
//! Lenient where feeds are: a leading `v`, missing numbers (`1.2`), a fourth number, and the usual
//! names of pre-releases without their dash (`1.21rc2`, `1.0.0.beta`) are taken. Other letters are
//! not: in `1.0.2k` they are no pre-release.

use crate::key::{END, Key, NUMBER, TEXT, is_number, take, take_digits, without_v};

/// Rank of a version with pre-release identifiers, and of the release itself.
const PRE_RELEASE: u8 = END - 1;
const RELEASE: u8 = END;
/// Words that begin a pre-release even without a dash.
const TAGS: [&str; 9] =
    ["alpha", "beta", "rc", "pre", "preview", "dev", "snapshot", "canary", "nightly"];

/// The key of a semantic version; `None` where the core is not numbers between dots.
pub(crate) fn key(text: &str) -> Option<Key> {
    let text = without_v(text.strip_prefix('=').unwrap_or(text));
    let text = text.split_once('+').map_or(text, |(kept, _build)| kept);
    let mut key = Key::new();
    parse(&mut key, text)?;
    Some(key)
}

/// Adds core and pre-release.
pub(crate) fn parse(key: &mut Key, text: &str) -> Option<()> {
    let (core, tail) = split(text)?;
    key.release(core)?;
    let Some(tail) = tail else {
        key.mark(RELEASE);
        return Some(());
    };
    key.mark(PRE_RELEASE);
    identifiers(key, tail);
    Some(())
}

/// Adds identifiers between dots and their end; numbers come before texts.
pub(crate) fn identifiers(key: &mut Key, text: &str) {
    for identifier in text.split('.') {
        if is_number(identifier) {
            key.number(NUMBER, identifier);
        } else {
            key.text(TEXT, identifier);
        }
    }
    key.mark(END);
}

/// Splits a version without its build into numbers and pre-release.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some((core, tail)) = text.split_once('-') {
        if core.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
            return Some((core, Some(tail)));
        }
    } else if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Some((text, None));
    }
    let (core, tail) = take(text, |c| c.is_ascii_digit() || c == '.');
    let word = take(tail, |c| c.is_ascii_alphabetic()).0.to_ascii_lowercase();
    TAGS.contains(&word.as_str()).then(|| (core.trim_end_matches('.'), Some(tail)))
}

/// A pre-release such as `rc2` with its number apart, as `rc.2`; others as they are.
pub(crate) fn apart(tag: &str) -> String {
    let (word, rest) = take(tag, |c| c.is_ascii_alphabetic());
    let (digits, after) = take_digits(rest);
    if word.is_empty() || digits.is_empty() || !after.is_empty() {
        return tag.to_owned();
    }
    format!("{word}.{digits}")
}
