//! Go modules and the Go toolchain: `v1.2.3-0.20200101000000-abcdef012345`, `v2.0.0+incompatible`,
//! `go1.21rc2` (go.dev/ref/mod, package `go/version`).
//!
//! Modules follow Semantic Versioning. A toolchain names its candidates without a dash, and what a
//! builder adds after a dash or a space says nothing about the release.

use super::semver;
use crate::key::{Key, take, without_v};

/// The key of a Go version; `None` where the core is not numbers between dots.
pub(crate) fn key(text: &str) -> Option<Key> {
    let Some(toolchain) = text.strip_prefix("go") else {
        let (core, tag) = take(without_v(text), |c| c.is_ascii_digit() || c == '.');
        return if tag.starts_with(|c: char| c.is_ascii_alphabetic()) {
            candidate(core, tag)
        } else {
            semver::key(text)
        };
    };
    let release = toolchain.split(['-', ' ', '+']).next()?;
    let (core, tag) = take(release, |c| c.is_ascii_digit() || c == '.');
    candidate(core, tag)
}

fn candidate(core: &str, tag: &str) -> Option<Key> {
    let mut key = Key::new();
    match tag {
        "" => semver::parse(&mut key, core)?,
        tag if tag.starts_with("rc") || tag.starts_with("beta") || tag.starts_with("alpha") => {
            semver::parse(&mut key, &format!("{core}-{}", semver::apart(tag)))?;
        }
        _ => return None,
    }
    Some(key)
}
