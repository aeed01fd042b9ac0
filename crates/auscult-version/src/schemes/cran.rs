//! R packages (R, `package_version`): numbers between dots or dashes; `0.1.0 < 0.1.0.0`.

use crate::key::Key;

/// The key of an R version; `None` where a part is no number.
pub(crate) fn key(text: &str) -> Option<Key> {
    let mut key = Key::new();
    key.numbers(text.split(['.', '-']), false)?;
    Some(key)
}
