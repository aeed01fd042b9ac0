//! Versions of the Linux kernel: `4.4.92`, `2.6.32.27`, `6.1-rc3`, `5.10.0-21-amd64`.
//!
//! Only the numbers and a release candidate count; the rest is a local name that the builder
//! chose (`CONFIG_LOCALVERSION`).

use std::cmp::Ordering;

use crate::key::{END, Key, take, take_digits};

const CANDIDATE: u8 = END - 1;

/// Orders two kernel versions as their keys do, without making keys: a kernel meets tens of
/// thousands of ranges.
pub(crate) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let ((left, left_candidate), (right, right_candidate)) = (split(left)?, split(right)?);
    let (mut lefts, mut rights) = (left.split('.'), right.split('.'));
    loop {
        let (one, other) = match (lefts.next(), rights.next()) {
            (None, None) => break,
            (one, other) => (one.unwrap_or_default(), other.unwrap_or_default()),
        };
        let order = numbers(one, other);
        if order.is_ne() {
            return Some(order);
        }
    }
    Some(match (left_candidate, right_candidate) {
        (Some(left), Some(right)) => numbers(left, right),
        (left, right) => left.is_none().cmp(&right.is_none()),
    })
}

/// Orders decimal numbers of any length.
fn numbers(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// The key of a kernel version, `None` where it does not begin with a number.
pub(crate) fn key(text: &str) -> Option<Key> {
    let (release, candidate) = split(text)?;
    let mut key = Key::new();
    key.release(release)?;
    match candidate {
        Some(digits) => key.number(CANDIDATE, digits),
        None => key.mark(END),
    }
    Some(key)
}

/// Numbers between dots, and the number of a release candidate.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (release, suffix) = take(text, |c| c.is_ascii_digit() || c == '.');
    let release = release.trim_end_matches('.');
    let sound = !release.is_empty() && !release.starts_with('.') && !release.contains("..");
    sound.then(|| (release, candidate(suffix)))
}

fn candidate(suffix: &str) -> Option<&str> {
    let rest = suffix.strip_prefix('-').unwrap_or(suffix).strip_prefix("rc")?;
    let digits = take_digits(rest).0;
    (!digits.is_empty()).then_some(digits)
}
