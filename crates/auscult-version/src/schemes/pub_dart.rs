//! Dart packages (dart.dev/tools/pub/versioning): Semantic Versioning in which the build counts:
//! `1.0.0 < 1.0.0+1 < 1.0.0+2`.

use super::semver;
use crate::key::{END, Key, without_v};

/// Rank of a version with a build, behind one without.
const BUILD: u8 = END + 1;

/// The key of a Dart version; `None` where the core is not numbers between dots.
pub(crate) fn key(text: &str) -> Option<Key> {
    let text = without_v(text);
    let (version, build) = text.split_once('+').map_or((text, None), |(a, b)| (a, Some(b)));
    let mut key = Key::new();
    semver::parse(&mut key, version)?;
    match build {
        None => key.mark(END),
        Some(build) => {
            key.mark(BUILD);
            semver::identifiers(&mut key, build);
        }
    }
    Some(key)
}
