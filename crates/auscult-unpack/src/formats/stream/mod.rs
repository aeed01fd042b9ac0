//! Compressed streams: one payload each.

use crate::format::Format;

mod bzip2;
mod compress;
mod gzip;
mod lz4;
mod lzip;
mod lzma;
mod lzop;
mod recognised;
mod xz;
pub(super) mod zisofs;
mod zlib;
mod zstd;

/// All of them; where two fit at the same place, the first wins.
pub(super) static FORMATS: &[&Format] = &[
    &gzip::FORMAT,
    &xz::FORMAT,
    &zstd::FORMAT,
    &zisofs::FORMAT,
    &lz4::FORMAT,
    &bzip2::FORMAT,
    &lzip::FORMAT,
    &lzop::FORMAT,
    &compress::FORMAT,
    &recognised::LRZIP,
    &recognised::RZIP,
    &zlib::FORMAT,
    &lzma::FORMAT,
];
