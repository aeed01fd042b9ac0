//! The order of versions per ecosystem, and ranges over them.
//!
//! [`compare`] puts two versions of one [`Scheme`] in order, or says `None`: "cannot compare". It
//! never guesses: a text that is no version of the scheme is only ever equal to itself. Among the
//! versions that can be compared each order is total, so that sorting is stable.
//!
//! This crate knows no advisories; which scheme a product follows is decided by its caller.

mod alpine;
mod debian;
mod generic;
mod kernel;
mod key;
mod openssl;
mod pep440;
mod range;
mod rpm;
mod semver;

use std::cmp::Ordering;

pub use generic::split_update;
pub use openssl::may_lack_letter;
pub use range::{Bound, Event, Range, events_contain, within};
use serde::{Deserialize, Serialize};

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
    /// Semantic Versioning 2.0.0, with the leniency of missing or additional numbers.
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
}

impl Scheme {
    /// Every scheme.
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
    ];
}

/// Orders two versions of a scheme; `None` where they cannot be compared.
pub fn compare(scheme: Scheme, left: &str, right: &str) -> Option<Ordering> {
    let (left, right) = (left.trim(), right.trim());
    if left == right {
        return Some(Ordering::Equal);
    }
    match scheme {
        Scheme::Debian => debian::compare(left, right),
        Scheme::Rpm => rpm::compare(left, right),
        Scheme::Alpine => key::order(&alpine::parse(left)?, &alpine::parse(right)?),
        Scheme::Semver => Some(semver::parse(left)?.cmp(&semver::parse(right)?)),
        Scheme::Generic | Scheme::OpenSsh => {
            key::order(&generic::parse(left)?, &generic::parse(right)?)
        }
        Scheme::OpenSsl => key::order(&openssl::parse(left)?, &openssl::parse(right)?),
        Scheme::Kernel => Some(kernel::parse(left)?.cmp(&kernel::parse(right)?)),
        Scheme::Pep440 => Some(pep440::parse(left)?.cmp(&pep440::parse(right)?)),
    }
}
