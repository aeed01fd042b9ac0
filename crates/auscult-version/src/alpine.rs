//! Alpine package versions: `digits{.digits}[letter]{_suffix[number]}[-rN]`.
//!
//! The order of suffixes is that of apk-tools: alpha, beta, pre, rc, none, cvs, svn, git, hg, p.

use crate::key::{Digits, Part};

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const AFTER: [&str; 5] = ["cvs", "svn", "git", "hg", "p"];

/// The key of an Alpine version; `None` where the text does not follow the grammar.
pub(crate) fn parse(text: &str) -> Option<Vec<Part>> {
    let (rest, revision) = match text.rsplit_once("-r") {
        Some((rest, revision)) => (rest, Some(revision)),
        None => (text, None),
    };
    let rest = rest.split_once('~').map_or(rest, |(kept, _commit)| kept);
    let mut pieces = rest.split('_');
    let mut parts = numbers(pieces.next()?)?;
    for suffix in pieces {
        push_suffix(&mut parts, suffix)?;
    }
    if let Some(revision) = revision {
        if !revision.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        parts.push(Part::Revision(Digits::new(revision)));
    }
    Some(parts)
}

/// The numbers and the letter. A number after the first with a leading zero is a decimal
/// fraction: its zeros come first, so that 1.01 is less than 1.1.
fn numbers(text: &str) -> Option<Vec<Part>> {
    let end = text.find(|c: char| c.is_ascii_lowercase()).unwrap_or(text.len());
    let (digits, letter) = text.split_at_checked(end)?;
    let mut parts = Vec::new();
    for (index, number) in digits.split('.').enumerate() {
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let significant = number.trim_start_matches('0');
        let zeros = number.len() - significant.len();
        if index > 0 && zeros > 0 {
            // More zeros come first; 200 is far above any real count and keeps the order.
            parts.push(Part::After(200_u8.saturating_sub(u8::try_from(zeros).unwrap_or(200))));
            if significant.is_empty() {
                continue;
            }
        }
        parts.push(Part::Number(Digits::new(significant)));
    }
    if let Some(tail) = letter.get(1..) {
        parts.push(Part::Letter(letter.get(..1)?.to_owned()));
        // Packages of OpenSSH and sudo carry upstream's `p1` without an underscore.
        if !tail.is_empty() {
            if !tail.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            parts.push(Part::TagNumber(Digits::new(tail)));
        }
    }
    Some(parts)
}

fn push_suffix(parts: &mut Vec<Part>, suffix: &str) -> Option<()> {
    let end = suffix.find(|c: char| c.is_ascii_digit()).unwrap_or(suffix.len());
    let (name, number) = suffix.split_at_checked(end)?;
    let rank = |names: &[&str]| {
        names.iter().position(|known| *known == name).and_then(|rank| u8::try_from(rank).ok())
    };
    if let Some(rank) = rank(&BEFORE) {
        parts.push(Part::Before(rank));
    } else {
        parts.push(Part::After(rank(&AFTER)?));
    }
    if !number.is_empty() {
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        parts.push(Part::TagNumber(Digits::new(number)));
    }
    Some(())
}
