//! RPM versions: `[epoch:]version[-release]` (rpm-version(7)).
//!
//! Segments of digits or letters are compared in turn, a number beats letters, `~` comes before
//! the end and `^` after it but before any further segment.

use std::cmp::Ordering;

use crate::key::Digits;

/// Orders two RPM versions; `None` where an epoch is no number.
pub(crate) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left_epoch, left) = epoch(left)?;
    let (right_epoch, right) = epoch(right)?;
    let (left_version, left_release) = left.rsplit_once('-').unwrap_or((left, ""));
    let (right_version, right_release) = right.rsplit_once('-').unwrap_or((right, ""));
    Some(
        left_epoch
            .cmp(&right_epoch)
            .then_with(|| segments(left_version, right_version))
            .then_with(|| segments(left_release, right_release)),
    )
}

fn epoch(text: &str) -> Option<(Digits, &str)> {
    match text.split_once(':') {
        None => Some((Digits::new("0"), text)),
        Some((epoch, rest)) if epoch.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((Digits::new(epoch), rest))
        }
        Some(_) => None,
    }
}

fn trim(text: &str) -> &str {
    text.trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^')
}

fn segments(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (trim(left), trim(right));
    loop {
        match (left.strip_prefix('~'), right.strip_prefix('~')) {
            (Some(left_rest), Some(right_rest)) => {
                (left, right) = (trim(left_rest), trim(right_rest));
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (left.strip_prefix('^'), right.strip_prefix('^')) {
            (Some(left_rest), Some(right_rest)) => {
                (left, right) = (trim(left_rest), trim(right_rest));
                continue;
            }
            (Some(_), None) => return caret(right),
            (None, Some(_)) => return caret(left).reverse(),
            (None, None) => {}
        }
        if left.is_empty() || right.is_empty() {
            return right.is_empty().cmp(&left.is_empty());
        }
        let (left_segment, left_rest) = segment(left);
        let (right_segment, right_rest) = segment(right);
        let order = one(left_segment, right_segment);
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (trim(left_rest), trim(right_rest));
    }
}

/// A side with `^` against the rest of the other: more than its end, less than a segment.
fn caret(other: &str) -> Ordering {
    if other.is_empty() { Ordering::Greater } else { Ordering::Less }
}

fn segment(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text
        .find(|c: char| if digits { !c.is_ascii_digit() } else { !c.is_ascii_alphabetic() })
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn one(left: &str, right: &str) -> Ordering {
    let number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    match (number(left), number(right)) {
        (true, true) => Digits::new(left).cmp(&Digits::new(right)),
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => left.cmp(right),
    }
}
