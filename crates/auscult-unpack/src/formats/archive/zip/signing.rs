//! The block of signatures that Android packages hold right before the central directory (APK
//! Signature Scheme v2, "Format"): pairs of length, id and value between two lengths, then a mark.

use crate::{Endian, Extent, View};

const MARK: &[u8] = b"APK Sig Block 42";
/// Largest block read.
const BLOCK_BYTES_MAX: u64 = 64 << 20;
const IDS: &[(u32, &str)] = &[
    (0x7109_871a, "apk-v2"),
    (0xf053_68c0, "apk-v3"),
    (0x1b93_ad61, "apk-v3.1"),
    (0x6dff_800d, "source-stamp"),
    (0x2b09_189e, "source-stamp-v1"),
    (0x504b_4453, "dependencies"),
    (0x2146_444e, "play"),
];
/// Filling, up to a multiple of 4096 bytes.
const PADDING: u32 = 0x4272_6577;

/// What the block that ends at `end` holds, if there is one.
pub(super) fn schemes(extent: &Extent, end: u64) -> Vec<String> {
    read(extent, end).unwrap_or_default()
}

fn read(extent: &Extent, end: u64) -> Option<Vec<String>> {
    let foot = extent.read(end.checked_sub(24)?, 24).ok()?;
    if foot.get(8..)? != MARK {
        return None;
    }
    let size = View(&foot).u64(0, Endian::Little).ok().filter(|&size| size <= BLOCK_BYTES_MAX)?;
    // The length does not count itself in front; the pairs end before the second length.
    let start = end.checked_sub(size)?;
    let pairs = extent.read(start, size.checked_sub(24)?).ok()?;
    let (mut at, mut found) = (0, Vec::new());
    while let (Ok(length), Ok(id)) =
        (View(&pairs).u64(at, Endian::Little), View(&pairs).u32(at + 8, Endian::Little))
    {
        let known = IDS.iter().find(|known| known.0 == id);
        let name = known.map_or_else(|| format!("{id:#x}"), |known| known.1.to_owned());
        if id != PADDING && found.len() < 16 {
            found.push(name);
        }
        at = usize::try_from(length).ok()?.checked_add(at)?.checked_add(8)?;
    }
    Some(found)
}
