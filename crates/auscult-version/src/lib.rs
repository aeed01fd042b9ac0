//! The order of versions per ecosystem, and ranges over them.
//!
//! [`compare`] puts two versions of one [`Scheme`] in order, or says `None`: "cannot compare". It
//! never guesses: a text that is no version of the scheme is only ever equal to itself. Among the
//! versions that can be compared each order is total, so that sorting is stable.
//!
//! This crate knows no advisories; which scheme a product follows is decided by its caller.

mod ecosystem;
mod error;
mod key;
mod range;
mod schemes;
mod vers;

use std::cmp::Ordering;

pub use error::{Error, Fault};
pub use key::Key;
pub use range::{Bound, Event, Range, events_contain, within};
pub use schemes::{may_lack_letter, split_update};
use serde::{Deserialize, Serialize};
pub use vers::{Comparator, Constraint, Vers};

/// A way to order versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Debian and opkg: `[epoch:]upstream[-revision]` (deb-version(7)).
    Debian,
    /// RPM: `[epoch:]version[-release]` (rpm-version(7)).
    Rpm,
    /// Alpine: `1.2.3a_rc1-r4` (apk-package(5)).
    Alpine,
    /// Semantic Versioning 2.0.0, with the leniency of missing or additional numbers; also npm,
    /// Cargo, Hex and Swift.
    Semver,
    /// Numbers, letters and the usual pre- and post-release tags, for upstream C projects.
    Generic,
    /// OpenSSL before 3.0, where a letter (two after `z`) is the patch level.
    OpenSsl,
    /// OpenSSH portable: `9.3p2`, where `p2` is a level of the port of release 9.3.
    OpenSsh,
    /// The Linux kernel: what follows the numbers and `-rcN` is a local name.
    Kernel,
    /// Python packages (PEP 440).
    Pep440,
    /// Maven's version order.
    Maven,
    /// NuGet: Semantic Versioning with four numbers, without regard to case.
    Nuget,
    /// RubyGems.
    Gem,
    /// Go modules and the Go toolchain.
    Go,
    /// PHP packages (`version_compare`).
    Composer,
    /// R packages.
    Cran,
    /// Haskell packages.
    Hackage,
    /// Dart packages: Semantic Versioning in which the build counts.
    Pub,
    /// Gentoo packages.
    Gentoo,
    /// Arch Linux packages (vercmp(8)). A version without a release is equal to each of its
    /// releases there; keys tell them apart.
    Alpm,
    /// Conan packages.
    Conan,
    /// Perl modules.
    Cpan,
    /// Java runtimes.
    Jvm,
    /// Bitnami packages: Semantic Versioning; the revision of the package does not count.
    Bitnami,
    /// Numbers between dots, up to the first other character.
    Intdot,
    /// Texts, byte by byte.
    Lexicographic,
    /// Points in time (RFC 3339).
    Datetime,
}

impl Scheme {
    /// Every scheme. Files name a scheme by its place here, so new ones come last.
    pub const ALL: &[Self] = &[
        Self::Debian,
        Self::Rpm,
        Self::Alpine,
        Self::Semver,
        Self::Generic,
        Self::OpenSsl,
        Self::OpenSsh,
        Self::Kernel,
        Self::Pep440,
        Self::Maven,
        Self::Nuget,
        Self::Gem,
        Self::Go,
        Self::Composer,
        Self::Cran,
        Self::Hackage,
        Self::Pub,
        Self::Gentoo,
        Self::Alpm,
        Self::Conan,
        Self::Cpan,
        Self::Jvm,
        Self::Bitnami,
        Self::Intdot,
        Self::Lexicographic,
        Self::Datetime,
    ];
}

/// Orders two versions of a scheme; `None` where they cannot be compared.
pub fn compare(scheme: Scheme, left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (left.trim(), right.trim());
    if left == right {
        return Some(Ordering::Equal);
    }
    schemes::compare(scheme, left, right)
}

/// What of a version decides its order, for sorting and as a key of maps; `None` where the text is
/// no version of the scheme.
pub fn key(scheme: Scheme, version: &str) -> Option<Key> {
    schemes::key_of(scheme, version.trim())
}
