//! Perl modules (perldoc `version`): dotted (`v1.2.3`, `1.2.3`) or decimal (`1.002003`), where
//! three decimals make one number: 1.5 is v1.500.

use crate::key::{Key, is_number};

/// The key of a Perl version; `None` where it is neither dotted nor decimal.
pub(crate) fn key(text: &str) -> Option<Key> {
    let mut key = Key::new();
    let text = text.replace('_', "");
    let dotted = text.strip_prefix('v');
    if dotted.is_some() || text.matches('.').count() > 1 {
        key.release(dotted.unwrap_or(&text))?;
        return Some(key);
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((&text, "0"));
    if !is_number(decimals) {
        return None;
    }
    let mut digits = decimals.to_owned();
    while digits.len() % 3 != 0 {
        digits.push('0');
    }
    let groups = digits.as_bytes().chunks(3).filter_map(|group| std::str::from_utf8(group).ok());
    key.numbers(std::iter::once(whole).chain(groups), true)?;
    Some(key)
}
