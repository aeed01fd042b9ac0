//! Archives and packages: many files in one.

use crate::format::Format;

mod ar;
mod cab;
mod cpio;
mod ole;
mod rar;
mod rpm;
mod sevenz;
mod tar;
mod wim;
mod zip;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &cpio::FORMAT,
    &cpio::BINARY_FORMAT,
    &tar::FORMAT,
    &tar::OLD_FORMAT,
    &zip::FORMAT,
    &ar::FORMAT,
    &sevenz::FORMAT,
    &rar::FORMAT,
    &cab::FORMAT,
    &ole::FORMAT,
    &rpm::FORMAT,
    &wim::FORMAT,
];
