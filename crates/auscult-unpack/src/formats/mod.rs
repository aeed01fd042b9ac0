//! The formats, one module each, and their registry.
//!
//! Where two formats fit at the same offset, the one that stands first in the registry wins.

use crate::format::Format;

mod date;
mod gzip;
#[cfg(test)]
mod reference;
mod squashfs;

/// Every format the engine knows.
pub(crate) static REGISTRY: &[&Format] = &[&gzip::FORMAT, &squashfs::FORMAT];

/// Names of all formats, in the order of the registry.
pub fn format_names() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|format| format.name)
}
