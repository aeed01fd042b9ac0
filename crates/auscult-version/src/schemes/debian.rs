//! Debian versions, also used by opkg: `[epoch:]upstream[-revision]` (deb-version(7)).
//!
//! `~` comes before the end of a part, letters before all other characters, digits as numbers.

use crate::key::{Key, NUMBER, TEXT, take, take_digits};

/// The key of a Debian version; `None` where an epoch is no number or the version is empty.
pub(crate) fn key(text: &str) -> Option<Key> {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    if rest.is_empty() || !epoch.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
    let mut key = Key::new();
    key.number(NUMBER, epoch);
    push(&mut key, upstream);
    push(&mut key, revision);
    Some(key)
}

/// Adds a part as text, number, text, number and so on, and a text that ends it.
fn push(key: &mut Key, mut rest: &str) {
    // Text and number of nothing end the part; only the first pair is always there.
    let mut first = true;
    let mut pending: Vec<(String, &str)> = Vec::new();
    while first || !rest.is_empty() {
        first = false;
        let (text, after) = take(rest, |c| !c.is_ascii_digit());
        let (digits, after) = take_digits(after);
        pending.push((weigh(text), digits));
        rest = after;
    }
    for (text, digits) in pending {
        key.text(TEXT, &text);
        key.number(NUMBER, digits);
    }
    key.text(TEXT, &weigh(""));
}

/// A text whose bytes have the order that Debian gives its characters, with its end.
fn weigh(text: &str) -> String {
    let weigh = |c: char| match c {
        '~' => '\u{1}',
        c if c.is_ascii_alphabetic() => c,
        // Behind all letters, in the order of their codes.
        c => char::from_u32(u32::from(c).saturating_add(0x100)).unwrap_or(char::MAX),
    };
    text.chars().map(weigh).chain(['\u{2}']).collect()
}
