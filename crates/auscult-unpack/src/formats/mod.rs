//! The formats, one module each, by family, and their registry.
//!
//! A new format is one file in the folder of its family and two lines in that folder's `mod.rs`.
//! Where two formats fit at the same offset, the one that stands first wins: families in the order
//! below, formats in the order of their family's list.

use std::sync::{Arc, LazyLock};

use auscult_model::Limits;

use crate::{
    Extent, Reading, Vault,
    carve::seen,
    format::{Candidate, Format, Opened, SecondLook},
    probe::Probe,
};

mod archive;
mod boot;
mod disk;
mod filesystem;
mod mcu;
mod media;
mod soc;
mod stream;
mod support;
#[cfg(test)]
pub(crate) mod testing;
mod uefi;
mod vendor;

pub use archive::RpmHeader;

/// The families by name. A file system may begin with a boot sector that looks like a partition table,
/// and LZMA has no real magic: streams come last.
static FAMILIES: &[(&str, &[&Format])] = &[
    ("bundle", archive::BUNDLES),
    ("filesystem", filesystem::FORMATS),
    ("disk", disk::FORMATS),
    ("boot", boot::FORMATS),
    ("soc", soc::FORMATS),
    ("vendor", vendor::FORMATS),
    ("uefi", uefi::FORMATS),
    ("mcu", mcu::FORMATS),
    ("archive", archive::FORMATS),
    ("media", media::FORMATS),
    ("stream", stream::FORMATS),
];

/// How far from the start of bytes a magic is looked for, where only their start counts.
pub(crate) const HEAD_BYTES: u64 = 128 << 10;

/// Every format the engine knows.
pub(crate) static REGISTRY: LazyLock<Vec<&'static Format>> =
    LazyLock::new(|| FAMILIES.iter().flat_map(|(_, formats)| formats.iter().copied()).collect());

/// Formats without a magic, looked for in what carving left over, in this order.
pub(crate) static PROBES: &[&Probe] = &[
    &filesystem::spiffs::PROBE,
    &mcu::dfu::PROBE,
    &mcu::cypress::PROBE,
    &boot::uboot_env::PROBE,
    &boot::u_boot::PROBE,
    &boot::linux_kernel::PROBE,
    &uefi::seabios::PROBE,
    &mcu::nordic::PROBE,
    &mcu::encoded_text::PROBE,
    &mcu::cortex_m::PROBE,
    &media::text::PROBE,
];

/// What needs the whole tree, in this order.
pub(crate) static SECOND_LOOKS: &[SecondLook] =
    &[boot::fit::second_look, archive::bundle::second_look];

/// Whether these bytes start with an archive, a file system or a compressed stream that opens. Formats
/// with a weak magic do not count.
pub(crate) fn is_archive(extent: &Extent) -> bool {
    let Ok(head) = extent.read_up_to(0, HEAD_BYTES) else { return false };
    let families = [archive::FORMATS, filesystem::FORMATS, stream::FORMATS];
    families.into_iter().flatten().filter(|format| format.carve).any(|format| {
        let candidate = Candidate { extent: extent.clone(), offset: 0, reading: Reading::Whole };
        let opens = || (format.open)(&candidate).is_ok_and(|opened| opened.length > 0);
        seen(format, &head) && opens()
    })
}

/// Names of all formats, in the order of the registry.
pub fn format_names() -> impl Iterator<Item = &'static str> {
    REGISTRY.iter().map(|format| format.name).chain(PROBES.iter().map(|probe| probe.name))
}

/// Opens these bytes as one format, for a module that has taken a maker's dress off it.
fn open_as(name: &str, extent: &Extent) -> Option<Opened> {
    let format = REGISTRY.iter().find(|format| format.name == name)?;
    let candidate = Candidate { extent: extent.clone(), offset: 0, reading: Reading::Whole };
    (format.open)(&candidate).ok()
}

/// Names of the formats of a family; none for a family that is not known.
#[doc(hidden)]
pub fn family(name: &str) -> Vec<&'static str> {
    let found = FAMILIES.iter().filter(|(family, _)| *family == name);
    found.flat_map(|(_, formats)| formats.iter()).map(|format| format.name).collect()
}

/// Opens an image of `length` bytes as each of the named formats whose magic fits, and reads what is
/// inside to the last byte; nothing in it is opened further. For fuzz targets, which so stay in one
/// family. Between the `runs`, which are in order, the image is zeros.
#[doc(hidden)]
pub fn open_formats(names: &[&str], length: u64, runs: &[(u64, &[u8])], limits: &Limits) {
    let vault = Arc::new(Vault::new(limits.clone()));
    let (mut parts, mut end) = (Vec::new(), 0);
    for &(offset, bytes) in runs.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        let Some(gap) = offset.checked_sub(end) else { return };
        parts.push(Extent::zeros(&vault, gap));
        let run = Extent::from_memory(&vault, bytes.to_vec());
        end = offset.saturating_add(run.len());
        parts.push(run);
    }
    parts.push(Extent::zeros(&vault, length.saturating_sub(end)));
    parts.retain(|part| !part.is_empty());
    let extent = Extent::joined(&vault, parts);
    let Ok(head) = extent.read_up_to(0, HEAD_BYTES) else { return };
    let wanted = |format: &&&Format| names.contains(&format.name) && seen(format, &head);
    for format in REGISTRY.iter().filter(wanted) {
        for reading in [Reading::Carve, Reading::Whole] {
            let candidate = Candidate { extent: extent.clone(), offset: 0, reading };
            let Ok(opened) = (format.open)(&candidate) else { continue };
            for content in opened.entries.iter().filter_map(|entry| entry.content.as_ref()) {
                let _ = content.read_up_to(0, limits.stream_bytes);
            }
        }
    }
}
