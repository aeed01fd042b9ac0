//! Arch Linux packages (vercmp(8)): `[epoch:]version[-release]`.
//!
//! Like RPM, but what stands between two segments counts by its length, and letters behind a
//! number come before nothing more: `1.5b < 1.5 < 1.5.a < 1.5.1`.
//!
//! A version without a release is equal to each of its releases. That is no order (1-1 and 1-2 are
//! both equal to 1), so a caller that sorts takes keys, in which it comes first.

use std::cmp::Ordering;

use crate::key::{END, Key, NUMBER, TEXT, is_number, take, take_digits};

/// Letters without a separator before them, and whatever has one, by its length.
const JOINED_LETTERS: u8 = END - 1;
const SEPARATED: u8 = END + 1;
/// What follows a separator: letters, nothing, or a number.
const LETTERS: u8 = END - 1;

/// Orders two versions, without the release where one of them has none.
pub(crate) fn compare(left: &str, right: &str) -> Option<Ordering> {
    if split(left).2.is_some() && split(right).2.is_some() {
        return key(left)?.order(&key(right)?);
    }
    let bare = |text: &str| {
        let (epoch, version, _) = split(text);
        parse(epoch, version, None)
    };
    bare(left)?.order(&bare(right)?)
}

/// The key of a version; `None` where it is empty.
pub(crate) fn key(text: &str) -> Option<Key> {
    let (epoch, version, release) = split(text);
    parse(epoch, version, release)
}

fn split(text: &str) -> (&str, &str, Option<&str>) {
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
        _ => ("", text),
    };
    match rest.rsplit_once('-') {
        Some((version, release)) => (epoch, version, Some(release)),
        None => (epoch, rest, None),
    }
}

fn parse(epoch: &str, version: &str, release: Option<&str>) -> Option<Key> {
    if version.is_empty() {
        return None;
    }
    let mut key = Key::new();
    key.number(NUMBER, epoch);
    segments(&mut key, version);
    if let Some(release) = release {
        key.mark(TEXT);
        segments(&mut key, release);
    }
    Some(key)
}

fn segments(key: &mut Key, mut rest: &str) {
    while !rest.is_empty() {
        let (separator, after) = take(rest, |c| !c.is_ascii_alphanumeric());
        let (digits, tail) = take_digits(after);
        if !digits.is_empty() {
            key.count(SEPARATED, u64::try_from(separator.len()).unwrap_or(u64::MAX));
            key.number(NUMBER, digits);
            rest = tail;
            continue;
        }
        let (letters, tail) = take(after, |c| c.is_ascii_alphabetic());
        if separator.is_empty() {
            key.mark(JOINED_LETTERS);
        } else {
            key.count(SEPARATED, u64::try_from(separator.len()).unwrap_or(u64::MAX));
        }
        if letters.is_empty() {
            // A separator at the very end.
            key.mark(END);
        } else {
            key.text(LETTERS, letters);
        }
        rest = tail;
    }
    key.mark(END);
}
