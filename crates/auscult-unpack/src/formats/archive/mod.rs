//! Archives and packages: many files in one.

use crate::format::Format;

mod ar;
mod arc;
mod arj;
mod cab;
mod cpio;
mod lha;
mod ole;
mod rar;
mod recognised;
mod rpm;
mod sevenz;
mod shar;
mod tar;
mod wim;
mod xar;
mod zip;
mod zoo;

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
    &lha::FORMAT,
    &arj::FORMAT,
    &arc::FORMAT,
    &zoo::FORMAT,
    &xar::FORMAT,
    &shar::FORMAT,
    &recognised::ACE,
    &recognised::STUFFIT,
    &recognised::ZPAQ,
    &recognised::INSTALL_SHIELD,
];
