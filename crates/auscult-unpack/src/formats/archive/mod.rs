//! Archives and packages: many files in one.

use crate::format::Format;

mod ar;
pub(in crate::formats) mod bundle;
mod cpio;
mod tar;
mod zip;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[&cpio::FORMAT, &tar::FORMAT, &zip::FORMAT, &ar::FORMAT];

/// Bundles that begin like a file system: they are tried before it.
pub(super) static BUNDLES: &[&Format] = &[&bundle::RAUC];
