//! Numbers between dots, up to the first other character (VERS type `intdot`).

use crate::key::{Key, take};

/// The key of the numbers; `None` where the text does not begin with one.
pub(crate) fn key(text: &str) -> Option<Key> {
    let (numbers, _) = take(text, |c| c.is_ascii_digit() || c == '.');
    let numbers = numbers.trim_end_matches('.');
    let mut key = Key::new();
    key.release(numbers)?;
    Some(key)
}
