//! Java runtimes (JEP 223 and the scheme before it): `1.8.0_131-b11`, `8.0.131+b2`, `11.0.4`,
//! `17-ea`. Both name the same releases: `1.8.0_131` is `8.0.131`. The build does not count.

use crate::key::{END, Key, take, take_digits};

const EARLY_ACCESS: u8 = END - 1;

/// The key of a Java version; `None` where it does not begin with a number.
pub(crate) fn key(text: &str) -> Option<Key> {
    let text = text.to_ascii_lowercase();
    let text = text.split_once('+').map_or(text.as_str(), |(kept, _build)| kept);
    let (numbers, mut rest) = take(text, |c| c.is_ascii_digit() || c == '.');
    // Before Java 9 the release is the second number.
    let numbers = numbers.strip_prefix("1.").unwrap_or(numbers);
    let mut numbers: Vec<&str> = numbers.split('.').collect();
    for name in ["_", "-update_", "-update", "u"] {
        if let Some((update, after)) = rest.strip_prefix(name).map(take_digits)
            && !update.is_empty()
        {
            numbers.resize(2, "0");
            numbers.push(update);
            rest = after;
            break;
        }
    }
    let mut key = Key::new();
    key.numbers(numbers.into_iter(), true)?;
    let early = rest.split('-').any(|word| matches!(word, "ea" | "beta" | "internal"));
    key.mark(if early { EARLY_ACCESS } else { END });
    Some(key)
}
