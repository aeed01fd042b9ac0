//! Versions of the Linux kernel: `4.4.92`, `2.6.32.27`, `6.1-rc3`, `5.10.0-21-amd64`.
//!
//! Only the numbers and a release candidate count; the rest is a local name that the builder
//! chose (`CONFIG_LOCALVERSION`).

use crate::key::{END, Key, take, take_digits};

const CANDIDATE: u8 = END - 1;

/// The key of a kernel version, `None` where it does not begin with a number.
pub(crate) fn key(text: &str) -> Option<Key> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (release, suffix) = take(text, |c| c.is_ascii_digit() || c == '.');
    let mut key = Key::new();
    key.release(release.trim_end_matches('.'))?;
    match candidate(suffix) {
        Some(digits) => key.number(CANDIDATE, digits),
        None => key.mark(END),
    }
    Some(key)
}

fn candidate(suffix: &str) -> Option<&str> {
    let rest = suffix.strip_prefix('-').unwrap_or(suffix).strip_prefix("rc")?;
    let digits = take_digits(rest).0;
    (!digits.is_empty()).then_some(digits)
}
