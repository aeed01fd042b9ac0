//! RPM versions: `[epoch:]version[-release]` (rpm-version(7)).
//!
//! Segments of digits or letters are compared in turn, a number beats letters, `~` comes before
//! the end and `^` after it but before any further segment. A missing epoch is 0. What stands
//! before a colon and is no number belongs to the version, as in rpm itself.

use crate::key::{END, Key, NUMBER, is_number, take, take_digits};

/// A missing release comes before any, even an empty one.
const NO_RELEASE: u8 = 0;
const TILDE: u8 = END - 1;
const CARET: u8 = END + 1;
/// Letters come before numbers.
const LETTERS: u8 = NUMBER - 1;

/// The key of an RPM version; `None` where it is empty.
pub(crate) fn key(text: &str) -> Option<Key> {
    if text.is_empty() {
        return None;
    }
    let mut key = Key::new();
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) if is_number(epoch) => (epoch, rest),
        _ => ("", text),
    };
    key.number(NUMBER, epoch);
    let (version, release) = rest.rsplit_once('-').map_or((rest, None), |(a, b)| (a, Some(b)));
    segments(&mut key, version);
    match release {
        Some(release) => segments(&mut key, release),
        None => key.mark(NO_RELEASE),
    }
    Some(key)
}

fn segments(key: &mut Key, mut rest: &str) {
    loop {
        rest = rest
            .trim_start_matches(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '~' | '^'));
        let Some(first) = rest.chars().next() else { break };
        match first {
            '~' => {
                key.mark(TILDE);
                rest = rest.get(1..).unwrap_or_default();
            }
            '^' => {
                key.mark(CARET);
                rest = rest.get(1..).unwrap_or_default();
            }
            first if first.is_ascii_digit() => {
                let (digits, after) = take_digits(rest);
                key.number(NUMBER, digits);
                rest = after;
            }
            _ => {
                let (letters, after) = take(rest, |c| c.is_ascii_alphabetic());
                key.text(LETTERS, letters);
                rest = after;
            }
        }
    }
    key.mark(END);
}
