//! The formats, one module each, by family, and their registry.
//!
//! A new format is one file in the folder of its family and two lines in that folder's `mod.rs`.
//! Where two formats fit at the same offset, the one that stands first wins: families in the order
//! below, formats in the order of their family's list.

use std::sync::{Arc, LazyLock};

use auscult_model::Limits;

use crate::{
    Extent, Reading, Vault,
    format::{Candidate, Format},
    probe::Probe,
};

mod archive;
mod boot;
mod disk;
mod filesystem;
mod mcu;
mod stream;
mod support;
#[cfg(test)]
pub(crate) mod testing;
mod uefi;
mod vendor;

/// The families. A file system may begin with a boot sector that looks like a partition table, and
/// LZMA has no real magic: streams come last.
static FAMILIES: &[&[&Format]] = &[
    filesystem::FORMATS,
    disk::FORMATS,
    boot::FORMATS,
    vendor::FORMATS,
    uefi::FORMATS,
    mcu::FORMATS,
    archive::FORMATS,
    stream::FORMATS,
];

/// Every format the engine knows.
pub(crate) static REGISTRY: LazyLock<Vec<&'static Format>> = LazyLock::new(|| FAMILIES.concat());

/// Formats without a magic, looked for in what carving left over, in this order.
pub(crate) static PROBES: &[&Probe] = &[
    &filesystem::spiffs::PROBE,
    &mcu::dfu::PROBE,
    &boot::uboot_env::PROBE,
    &boot::u_boot::PROBE,
    &boot::linux_kernel::PROBE,
];

/// Names of all formats, in the order of the registry.
pub fn format_names() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|format| format.name).chain(PROBES.iter().map(|probe| probe.name))
}

/// Opens these bytes as each of the named formats whose magic fits, and reads what is inside to the
/// last byte; nothing in it is opened further. For fuzz targets, which so stay in one family.
#[doc(hidden)]
pub fn open_formats(names: &[&str], bytes: &[u8], limits: &Limits) {
    let vault = Arc::new(Vault::new(limits.clone()));
    let extent = Extent::from_memory(&vault, bytes.to_vec());
    for format in REGISTRY.iter().filter(|format| names.contains(&format.name)) {
        let fits = |magic: &crate::format::Magic| {
            bytes.get(magic.offset..).is_some_and(|rest| rest.starts_with(magic.bytes))
        };
        if !format.magics.iter().any(fits) {
            continue;
        }
        for reading in [Reading::Carve, Reading::Whole] {
            let candidate = Candidate { extent: extent.clone(), offset: 0, reading };
            let Ok(opened) = (format.open)(&candidate) else { continue };
            for content in opened.entries.iter().filter_map(|entry| entry.content.as_ref()) {
                let _ = content.read_up_to(0, limits.stream_bytes);
            }
        }
    }
}
