//! Archives and packages: many files in one.

use crate::{format::Format, formats::support::dos_time::dos_time};

mod ar;
mod arc;
mod arj;
pub(in crate::formats) mod bundle;
mod cab;
mod cpio;
mod lha;
mod ole;
mod rar;
mod recognised;
mod rpm;
mod sevenz;
mod shar;
mod signed_data;
mod tar;
mod wim;
mod xar;
mod zip;
mod zoo;
mod zpaq;

pub use rpm::RpmHeader;

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
    &zpaq::FORMAT,
    &xar::FORMAT,
    &shar::FORMAT,
    &signed_data::FORMAT,
    &recognised::ACE,
    &recognised::STUFFIT,
    &recognised::INSTALL_SHIELD,
];

/// Date and time of DOS in one word, the date in its upper half, as seconds since 1970.
fn dos_word(word: u32) -> Option<i64> {
    let [t0, t1, d0, d1] = word.to_le_bytes();
    dos_time(u16::from_le_bytes([d0, d1]), u16::from_le_bytes([t0, t1]))
}

/// Bundles that begin like a file system: they are tried before it.
pub(super) static BUNDLES: &[&Format] = &[&bundle::RAUC];
