//! Gentoo packages (Package Manager Specification, section 3.3):
//! `digits{.digits}[letter]{_suffix[number]}[-rN]`.

use crate::key::{END, Key, NUMBER, is_number, take, take_digits};

const BEFORE: [&str; 4] = ["alpha", "beta", "pre", "rc"];
const LETTER: u8 = END + 1;
const SUFFIX_AFTER: u8 = END + 1;
const FRACTION: u8 = NUMBER - 1;

/// The key of a Gentoo version; `None` where the text does not follow the grammar.
pub(crate) fn key(text: &str) -> Option<Key> {
    let mut key = Key::new();
    let (digits, mut rest) = take_digits(text);
    if digits.is_empty() {
        return None;
    }
    key.number(NUMBER, digits);
    while let Some(after) = rest.strip_prefix('.') {
        let (digits, after) = take_digits(after);
        match digits.as_bytes() {
            [] => return None,
            // A decimal fraction: zeros at its end do not count, and 1.01 comes before 1.1.
            [b'0', ..] => key.text(FRACTION, digits.trim_end_matches('0')),
            _ => key.number(NUMBER, digits),
        }
        rest = after;
    }
    key.mark(END);
    match rest.get(..1).filter(|one| one.bytes().all(|byte| byte.is_ascii_lowercase())) {
        Some(letter) => {
            key.text(LETTER, letter);
            rest = rest.get(1..)?;
        }
        None => key.mark(END),
    }
    while let Some(after) = rest.strip_prefix('_') {
        rest = suffix(&mut key, after)?;
    }
    key.mark(END);
    let revision = if rest.is_empty() { "0" } else { rest.strip_prefix("-r")? };
    if !is_number(revision) {
        return None;
    }
    key.number(NUMBER, revision);
    Some(key)
}

fn suffix<'a>(key: &mut Key, text: &'a str) -> Option<&'a str> {
    let (name, rest) = take(text, |c| c.is_ascii_lowercase());
    let (digits, rest) = take_digits(rest);
    let before = BEFORE.iter().zip(1_u8..).find(|(known, _)| **known == name);
    match before {
        Some((_, rank)) => key.number(rank, digits),
        None if name == "p" => key.number(SUFFIX_AFTER, digits),
        None => return None,
    }
    Some(rest)
}
