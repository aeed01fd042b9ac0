//! Compressed streams: one payload each.

use crate::format::Format;

mod bzip2;
mod gzip;
mod lz4;
mod lzip;
mod lzma;
mod lzop;
mod xz;
mod zstd;

pub(in crate::formats) use lzma::is_likely as is_likely_lzma;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &gzip::FORMAT,
    &xz::FORMAT,
    &zstd::FORMAT,
    &lz4::FORMAT,
    &bzip2::FORMAT,
    &lzip::FORMAT,
    &lzop::FORMAT,
    &lzma::FORMAT,
];
