//! Archives and packages: many files in one.

use crate::format::Format;

mod ar;
mod cpio;
mod riff;
mod signed_data;
mod tar;
mod zip;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] =
    &[&cpio::FORMAT, &tar::FORMAT, &zip::FORMAT, &ar::FORMAT, &riff::FORMAT, &signed_data::FORMAT];
