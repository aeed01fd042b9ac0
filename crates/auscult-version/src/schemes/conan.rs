//! Conan packages (docs.conan.io, "Range expressions"): pieces between dots, then `-pre-release`
//! and `+build`; both are pieces themselves.
//!
//! Conan compares a number and a text as texts, which is no order (`10 < "1a" < 9`); here a piece
//! is its leading number and what follows it, and one without a number comes last.

use crate::key::{END, Key, NUMBER, TEXT, take_digits};

const PRE_RELEASE: u8 = END - 1;
const BUILD: u8 = END + 1;

/// The key of a Conan version; `None` where it is empty.
pub(crate) fn key(text: &str) -> Option<Key> {
    if text.is_empty() {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let (text, build) = text.split_once('+').map_or((text.as_str(), None), |(a, b)| (a, Some(b)));
    let (core, pre) = text.split_once('-').map_or((text, None), |(a, b)| (a, Some(b)));
    let mut key = Key::new();
    pieces(&mut key, core);
    for (part, rank) in [(pre, PRE_RELEASE), (build, BUILD)] {
        match part {
            Some(part) => {
                key.mark(rank);
                pieces(&mut key, part);
            }
            None => key.mark(END),
        }
    }
    Some(key)
}

/// Adds pieces without the zeros at their end.
fn pieces(key: &mut Key, text: &str) {
    let start = key.len();
    for piece in text.split('.') {
        let (digits, rest) = take_digits(piece);
        if !digits.is_empty() && rest.is_empty() {
            key.number(NUMBER, digits);
        } else if digits.is_empty() {
            key.text(TEXT + 1, rest);
        } else {
            key.number(NUMBER, digits);
            key.text(TEXT, rest);
        }
    }
    key.drop_zeros(start);
    key.mark(END);
}
