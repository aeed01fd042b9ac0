//! OpenSSL's own versions: `0.9.8zc`, `1.0.2-beta3`, `1.1.1w`, `3.0.7`.
//!
//! Before 3.0 the letter is the patch level, counted a to z and then za, zb and so on. Words such
//! as `fips` or a distributor's suffix name a build, not a release, and are passed over.

use crate::key::{END, Key, TEXT, runs, take};

/// Longest patch level: z, then za to zz, then zza and so on.
const LETTERS_MAX: usize = 3;
/// Words that come before a release, in their order.
const BEFORE: [&str; 4] = ["dev", "alpha", "beta", "pre"];

/// The key of an OpenSSL version.
pub(crate) fn key(text: &str) -> Option<Key> {
    let text = text.to_ascii_lowercase();
    let (release, suffix) = text.split_once(['-', '_', '+', ' ']).unwrap_or((&text, ""));
    let (numbers, letters) = take(release, |c| c.is_ascii_digit() || c == '.');
    if letters.len() > LETTERS_MAX || !letters.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return None;
    }
    let mut key = Key::new();
    key.release(numbers)?;
    if letters.is_empty() {
        key.mark(END);
    } else {
        key.text(TEXT, letters);
    }
    let words = runs(suffix);
    let before = BEFORE.iter().zip(1_u8..).find(|(word, _)| words.first() == Some(word));
    match before {
        Some((_, rank)) => key.number(rank, words.get(1).filter(|n| is_digits(n)).unwrap_or(&"")),
        None => key.mark(END),
    }
    Some(key)
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Tells whether a version is of a series that had patch letters and carries none: "1.0.2" read
/// from a binary may stand for any of 1.0.2 to 1.0.2zz.
pub fn may_lack_letter(version: &str) -> bool {
    let text = version.trim().to_ascii_lowercase();
    if key(&text).is_none() {
        return false;
    }
    let (release, suffix) = text.split_once(['-', '_', '+', ' ']).unwrap_or((&text, ""));
    let lettered = release.bytes().any(|byte| byte.is_ascii_lowercase());
    let early = BEFORE.iter().any(|word| runs(suffix).first() == Some(word));
    let major = release.split('.').next().unwrap_or_default().trim_start_matches('0');
    matches!(major, "" | "1") && !lettered && !early
}
