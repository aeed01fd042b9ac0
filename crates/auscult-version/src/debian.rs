//! Debian versions, also used by opkg: `[epoch:]upstream[-revision]` (deb-version(7)).
//!
//! `~` comes before the end of a part, letters before all other characters, digits as numbers.

use std::cmp::Ordering;

use crate::key::Digits;

/// Orders two Debian versions; `None` where an epoch is no number or a version is empty.
pub(crate) fn compare(left: &str, right: &str) -> Option<Ordering> {
    let (left_epoch, left) = epoch(left)?;
    let (right_epoch, right) = epoch(right)?;
    let (left_upstream, left_revision) = left.rsplit_once('-').unwrap_or((left, ""));
    let (right_upstream, right_revision) = right.rsplit_once('-').unwrap_or((right, ""));
    Some(
        left_epoch
            .cmp(&right_epoch)
            .then_with(|| part(left_upstream, right_upstream))
            .then_with(|| part(left_revision, right_revision)),
    )
}

fn epoch(text: &str) -> Option<(Digits, &str)> {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let valid = !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) && !rest.is_empty();
    valid.then(|| (Digits::new(epoch), rest))
}

/// The rank of a character outside numbers; the end of the text ranks 0.
fn rank(byte: u8) -> i32 {
    match byte {
        b'~' => -1,
        b if b.is_ascii_alphabetic() => i32::from(b),
        b => i32::from(b) + 256,
    }
}

/// Orders two upstream versions or two revisions: in turns text and number.
fn part(mut left: &str, mut right: &str) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = take(left, |byte| !byte.is_ascii_digit());
        let (right_text, right_rest) = take(right, |byte| !byte.is_ascii_digit());
        let text = words(left_text, right_text);
        if text != Ordering::Equal {
            return text;
        }
        let (left_number, left_rest) = take(left_rest, |byte| byte.is_ascii_digit());
        let (right_number, right_rest) = take(right_rest, |byte| byte.is_ascii_digit());
        let number = Digits::new(left_number).cmp(&Digits::new(right_number));
        if number != Ordering::Equal {
            return number;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

fn words(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    for index in 0..left.len().max(right.len()) {
        let of = |bytes: &[u8]| bytes.get(index).map_or(0, |byte| rank(*byte));
        let order = of(left).cmp(&of(right));
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn take(text: &str, wanted: impl Fn(u8) -> bool) -> (&str, &str) {
    let end = text.bytes().position(|byte| !wanted(byte)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}
