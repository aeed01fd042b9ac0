//! One module for each way to order versions.
//!
//! A new scheme is one file here with `key(text) -> Option<Key>`, a variant of
//! [`Scheme`](crate::Scheme) with its line in `key_of`, and its names in `ecosystem.rs`.

mod alpine;
mod alpm;
mod bitnami;
mod composer;
mod conan;
mod cpan;
mod cran;
mod datetime;
mod debian;
mod gem;
mod generic;
mod gentoo;
mod go;
mod hackage;
mod intdot;
mod jvm;
mod kernel;
mod lexicographic;
mod maven;
mod nuget;
mod openssl;
mod pep440;
mod pub_dart;
mod rpm;
mod semver;

use std::cmp::Ordering;

pub use generic::split_update;
pub use openssl::may_lack_letter;
pub(crate) use pep440::normal as pep440_normal;

use crate::{Key, Scheme};

/// Orders two versions by their keys, or as a scheme does it without them.
pub(crate) fn compare(scheme: Scheme, left: &str, right: &str) -> Option<Ordering> {
    match scheme {
        Scheme::Alpm => alpm::compare(left, right),
        Scheme::Kernel => kernel::compare(left, right),
        _ => key_of(scheme, left)?.order(&key_of(scheme, right)?),
    }
}

/// The key of a version in its scheme; `None` where the text is no version of it.
pub(crate) fn key_of(scheme: Scheme, text: &str) -> Option<Key> {
    match scheme {
        Scheme::Debian => debian::key(text),
        Scheme::Rpm => rpm::key(text),
        Scheme::Alpine => alpine::key(text),
        Scheme::Semver => semver::key(text),
        Scheme::Generic | Scheme::OpenSsh => generic::key(text),
        Scheme::OpenSsl => openssl::key(text),
        Scheme::Kernel => kernel::key(text),
        Scheme::Pep440 => pep440::key(text),
        Scheme::Maven => maven::key(text),
        Scheme::Nuget => nuget::key(text),
        Scheme::Gem => gem::key(text),
        Scheme::Go => go::key(text),
        Scheme::Composer => composer::key(text),
        Scheme::Cran => cran::key(text),
        Scheme::Hackage => hackage::key(text),
        Scheme::Pub => pub_dart::key(text),
        Scheme::Gentoo => gentoo::key(text),
        Scheme::Alpm => alpm::key(text),
        Scheme::Conan => conan::key(text),
        Scheme::Cpan => cpan::key(text),
        Scheme::Jvm => jvm::key(text),
        Scheme::Bitnami => bitnami::key(text),
        Scheme::Intdot => intdot::key(text),
        Scheme::Lexicographic => lexicographic::key(text),
        Scheme::Datetime => datetime::key(text),
    }
}
