//! Bitnami packages: Semantic Versioning with a revision of the package, `2.3.1-1`
//! (github.com/bitnami/vulndb). Advisories speak of the software, so the revision does not count.

use super::semver;
use crate::key::{Key, is_number};

/// The key of a Bitnami version; `None` where the core is not numbers between dots.
pub(crate) fn key(text: &str) -> Option<Key> {
    match text.rsplit_once('-') {
        Some((version, revision)) if is_number(revision) => semver::key(version),
        _ => semver::key(text),
    }
}
