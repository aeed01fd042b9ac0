//! Any text, byte by byte (VERS type `lexicographic`).

use crate::key::{Key, TEXT};

/// The key of a text; `None` where it is empty.
pub(crate) fn key(text: &str) -> Option<Key> {
    if text.is_empty() {
        return None;
    }
    let mut key = Key::new();
    key.text(TEXT, text);
    Some(key)
}
