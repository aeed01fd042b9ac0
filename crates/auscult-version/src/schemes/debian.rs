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
    // Every part begins with a text, be it empty; behind the last number there is an empty one.
    loop {
        let (text, after) = take(rest, |c| !c.is_ascii_digit());
        let (digits, after) = take_digits(after);
        weigh(key, text);
        key.number(NUMBER, digits);
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    weigh(key, "");
}

/// Characters of a text in one number, and the bits of each.
const CHARACTERS: usize = 7;
const BITS: u32 = 9;

/// Adds a text as numbers that have the order of Debian: `~` comes before the end, the end before
/// letters, and letters before all others.
fn weigh(key: &mut Key, text: &str) {
    let weight = |byte: u8| match byte {
        b'~' => 1,
        byte if byte.is_ascii_alphabetic() => 3_u64.saturating_add(u64::from(byte)),
        byte => 256_u64.saturating_add(u64::from(byte)),
    };
    let mut weights = text.bytes().map(weight).chain([2]).peekable();
    while weights.peek().is_some() {
        let mut number: u64 = 0;
        for _ in 0..CHARACTERS {
            number = (number << BITS) | weights.next().unwrap_or_default();
        }
        key.count(TEXT, number);
    }
}
