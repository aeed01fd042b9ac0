//! NuGet packages (learn.microsoft.com/nuget/concepts/package-versioning): Semantic Versioning
//! with up to four numbers, in which case does not count.

use super::semver;
use crate::key::{Key, without_v};

/// The key of a NuGet version; `None` where the core is not numbers between dots.
pub(crate) fn key(text: &str) -> Option<Key> {
    let text = text.to_ascii_lowercase();
    let text = without_v(&text);
    let text = text.split_once('+').map_or(text, |(kept, _build)| kept);
    let mut key = Key::new();
    semver::parse(&mut key, text)?;
    Some(key)
}
