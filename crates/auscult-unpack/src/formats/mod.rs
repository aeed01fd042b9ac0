//! The formats, one module each, and their registry.
//!
//! Where two formats fit at the same offset, the one that stands first in the registry wins.

use crate::{format::Format, probe::Probe};

mod ar;
mod banner;
mod bzip2;
mod cpio;
mod cramfs;
mod date;
mod dfu;
mod dtb;
mod egon;
mod elf;
mod esp32;
mod ext;
mod fdt;
mod fit;
mod gathering;
mod gpt;
mod gzip;
#[cfg(test)]
pub(crate) mod hostile;
mod ihex;
mod jffs2;
mod layout;
mod linux_kernel;
mod lz4;
mod lzip;
mod lzma;
mod lzop;
mod mbr;
mod recognised;
#[cfg(test)]
mod reference;
mod romfs;
mod squashfs;
#[cfg(test)]
mod stream_tests;
mod tar;
mod tplink;
mod trx;
mod u_boot;
mod ubi;
mod uboot_env;
mod uefi;
mod uimage;
mod unix_mode;
mod xz;
mod zimage;
mod zip;
mod zstd;

/// Every format the engine knows. LZMA has no real magic: it comes last.
pub(crate) static REGISTRY: &[&Format] = &[
    &ext::FORMAT,
    &gpt::FORMAT,
    &mbr::FORMAT,
    &uimage::FORMAT,
    &fit::FORMAT,
    &dtb::FORMAT,
    &tplink::FORMAT,
    &trx::FORMAT,
    &uefi::FORMAT,
    &egon::FORMAT,
    &esp32::FORMAT,
    &ihex::FORMAT,
    &dfu::DFUSE,
    &zimage::ARM,
    &zimage::X86,
    &elf::FORMAT,
    &gzip::FORMAT,
    &squashfs::FORMAT,
    &jffs2::FORMAT,
    &jffs2::MARKER,
    &ubi::FORMAT,
    &recognised::UBIFS,
    &recognised::EROFS,
    &recognised::F2FS,
    &cramfs::FORMAT,
    &romfs::FORMAT,
    &xz::FORMAT,
    &zstd::FORMAT,
    &lz4::FORMAT,
    &bzip2::FORMAT,
    &lzip::FORMAT,
    &lzop::FORMAT,
    &cpio::FORMAT,
    &tar::FORMAT,
    &zip::FORMAT,
    &ar::FORMAT,
    &lzma::FORMAT,
];

/// Formats without a magic, looked for in what carving left over, in this order.
pub(crate) static PROBES: &[&Probe] =
    &[&dfu::PROBE, &uboot_env::PROBE, &u_boot::PROBE, &linux_kernel::PROBE];

/// Names of all formats, in the order of the registry.
pub fn format_names() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|format| format.name).chain(PROBES.iter().map(|probe| probe.name))
}
