//! OpenSSL's own versions: `0.9.8zc`, `1.0.2-beta3`, `1.1.1w`, `3.0.7`.
//!
//! Before 3.0 the letter is the patch level, counted a to z and then za, zb and so on. Words such
//! as `fips` or a distributor's suffix name a build, not a release, and are passed over.

use crate::key::{Digits, Part, drop_trailing_zeros, runs};

/// The key of an OpenSSL version.
pub(crate) fn parse(text: &str) -> Option<Vec<Part>> {
    let text = text.to_ascii_lowercase();
    let (release, suffix) = text.split_once(['-', '_', '+', ' ']).unwrap_or((&text, ""));
    let mut parts = Vec::new();
    for run in runs(release) {
        if run.bytes().all(|byte| byte.is_ascii_digit()) {
            parts.push(Part::Number(Digits::new(run)));
        } else if run.bytes().all(|byte| byte.is_ascii_lowercase()) {
            if parts.is_empty() || run.len() > 2 {
                return None;
            }
            parts.push(Part::Letter(run.to_owned()));
        } else if run != "." {
            return None;
        }
    }
    if parts.is_empty() {
        return None;
    }
    push_before(&mut parts, suffix);
    Some(drop_trailing_zeros(parts))
}

fn push_before(parts: &mut Vec<Part>, suffix: &str) {
    let mut words = runs(suffix).into_iter();
    let rank = match words.next() {
        Some("dev") => 0,
        Some("alpha") => 2,
        Some("beta") => 3,
        Some("pre") => 5,
        _ => return,
    };
    parts.push(Part::Before(rank));
    if let Some(number) = words.next().filter(|run| run.bytes().all(|b| b.is_ascii_digit())) {
        parts.push(Part::TagNumber(Digits::new(number)));
    }
}

/// Tells whether a version is of a series that had patch letters and carries none: "1.0.2" read
/// from a binary may stand for any of 1.0.2 to 1.0.2zz.
pub fn may_lack_letter(version: &str) -> bool {
    let Some(parts) = parse(version) else { return false };
    let lettered = parts.iter().any(|part| matches!(part, Part::Letter(_) | Part::Before(_)));
    let old = matches!(parts.first(), Some(Part::Number(major))
        if *major == Digits::new("0") || *major == Digits::new("1"));
    old && !lettered
}
