//! Haskell packages (Haskell Package Versioning Policy): numbers between dots; `1.0 < 1.0.0`.

use crate::key::Key;

/// The key of a Haskell version; `None` where a part is no number.
pub(crate) fn key(text: &str) -> Option<Key> {
    let mut key = Key::new();
    key.numbers(text.split('.'), false)?;
    Some(key)
}
