//! VHD, the virtual disks of Virtual PC and Azure (Microsoft "Virtual Hard Disk Image Format
//! Specification"). Everything is big-endian.
//!
//! A dynamic disk begins with a copy of the footer. A fixed disk is its content with the footer
//! behind it: the content is searched like any image, and the footer is told where it stands. What
//! a differencing disk leaves to its parent reads as zeros and is told.

use std::collections::HashSet;

use super::assembly::{Assembled, Assembly, parent_fault};
use crate::{
    Endian::Big,
    Entry, Extent, Fault, View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{date::iso_8601, guid::uuid, layout::text_of},
};

pub(crate) static FORMAT: Format =
    Format { name: "vhd", magics: &[Magic::start(b"conectix")], carve: true, open };

const FOOTER_BYTES: u64 = 512;
const HEADER_BYTES: u64 = 1024;
const HEADER_MAGIC: &[u8] = b"cxsparse";
const SECTOR_BYTES: u64 = 512;
/// Kinds of disks.
const FIXED: u32 = 2;
const DYNAMIC: u32 = 3;
const DIFFERENCING: u32 = 4;
/// An entry of the table without a block.
const UNUSED: u32 = u32::MAX;
/// Times count from 1 January 2000.
const EPOCH: i64 = 946_684_800;
/// Largest disk that is believed.
const SIZE_MAX: u64 = 1 << 60;

/// Whether the sum of all bytes but those of the field, inverted, is what the field says.
fn holds(bytes: &[u8], field: usize) -> bool {
    let Ok(stored) = View(bytes).u32(field, Big) else { return false };
    let sum = bytes.iter().enumerate().filter(|(at, _)| !(field..field + 4).contains(at));
    let sum = sum.fold(0_u32, |sum, (_, &byte)| sum.wrapping_add(byte.into()));
    agrees(stored, !sum)
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    let footer = image.read(0, FOOTER_BYTES)?;
    let view = View(&footer);
    let (kind, size) = (view.u32(60, Big)?, view.u64(48, Big)?);
    if !holds(&footer, 64) || !(FIXED..=DIFFERENCING).contains(&kind) || size >= SIZE_MAX {
        return Err(NotThis);
    }
    let created = EPOCH.saturating_add(view.u32(24, Big)?.into());
    let name = match kind {
        FIXED => "fixed",
        DYNAMIC => "dynamic",
        _ => "differencing",
    };
    let mut attributes = vec![
        ("kind", name.to_owned()),
        ("size", size.to_string()),
        ("created", iso_8601(created)),
        ("made-by", text_of(view.bytes(28, 4)?)),
        ("uuid", uuid(&view.array(68)?)),
    ];
    if kind == FIXED {
        return Ok(Opened { length: FOOTER_BYTES, attributes, ..Opened::default() });
    }
    let place = view.u64(16, Big)?;
    let Ok(header) = image.read(place, HEADER_BYTES) else {
        return Ok(footer_alone(attributes));
    };
    if !header.starts_with(HEADER_MAGIC) {
        return Ok(footer_alone(attributes));
    }
    let mut faults = Vec::new();
    if !holds(&header, 36) {
        faults.push(Fault::new(place, "verify the header", "its checksum is wrong"));
    }
    let view = View(&header);
    let parent = parent(view)?;
    if kind == DIFFERENCING {
        attributes.push(("parent", parent.clone()));
    }
    let mut disk = Assembly::new(image, size);
    disk.used(place, HEADER_BYTES);
    if let Err(fault) = read(image, view, kind == DIFFERENCING, &mut disk) {
        disk.missing(disk.left(), fault);
    }
    let Assembled { content, end, elsewhere, faults: more } = disk.finish();
    faults.extend(more);
    faults.extend(parent_fault(elsewhere, &format!("{parent:?}")));
    let entries = vec![Entry::part("disk", content)];
    Ok(Opened { length: end + FOOTER_BYTES, attributes, entries, faults, unread: None })
}

/// The footer at the end of a dynamic disk whose start was not found.
fn footer_alone(attributes: Vec<(&'static str, String)>) -> Opened {
    let why = "no header of a dynamic disk stands where the footer says";
    let faults = vec![Fault::new(16, "find the disk", why)];
    Opened { length: FOOTER_BYTES, attributes, faults, ..Opened::default() }
}

/// The name of the parent, in UTF-16.
fn parent(view: View<'_>) -> Result<String, Fault> {
    let (pairs, _) = view.bytes(64, 512)?.as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).take_while(|&unit| unit != 0);
    Ok(String::from_utf16_lossy(&units.collect::<Vec<_>>()))
}

/// Blocks, each behind a map of the sectors that were written.
fn read(
    image: &Extent,
    header: View<'_>,
    has_parent: bool,
    disk: &mut Assembly<'_>,
) -> Result<(), Fault> {
    let (table, entries) = (header.u64(16, Big)?, u64::from(header.u32(28, Big)?));
    let block_bytes = u64::from(header.u32(32, Big)?);
    if !block_bytes.is_power_of_two() || block_bytes < SECTOR_BYTES {
        return Err(Fault::new(32, "read the header", format!("blocks of {block_bytes} bytes")));
    }
    let map_bytes = (block_bytes / SECTOR_BYTES).div_ceil(8).next_multiple_of(SECTOR_BYTES);
    let wanted = entries.min(disk.left().div_ceil(block_bytes));
    disk.used(table, (entries * 4).next_multiple_of(SECTOR_BYTES));
    let bytes = image.read(table, wanted * 4)?;
    let (words, _) = bytes.as_chunks::<4>();
    let mut visited = HashSet::new();
    for word in words {
        match u32::from_be_bytes(*word) {
            UNUSED if has_parent => disk.elsewhere(block_bytes),
            UNUSED => disk.zeros(block_bytes),
            sector => {
                let place = u64::from(sector) * SECTOR_BYTES;
                disk.used(place, map_bytes + block_bytes);
                if !visited.insert(sector) {
                    let fault = Fault::new(place, "find a block", "it is used twice");
                    disk.missing(block_bytes, fault);
                } else if has_parent {
                    sectors(image, place, map_bytes, block_bytes, disk);
                } else {
                    disk.stored(place + map_bytes, block_bytes);
                }
            }
        }
    }
    Ok(())
}

/// A block of a differencing disk: sectors that are not in its map are the parent's.
fn sectors(image: &Extent, place: u64, map_bytes: u64, block_bytes: u64, disk: &mut Assembly<'_>) {
    let map = match image.read(place, map_bytes) {
        Ok(map) => map,
        Err(fault) => return disk.missing(block_bytes, fault),
    };
    let here = |sector: u64| {
        let byte = usize::try_from(sector / 8).ok().and_then(|byte| map.get(byte));
        byte.is_some_and(|byte| byte << (sector % 8) & 0x80 != 0)
    };
    let count = block_bytes / SECTOR_BYTES;
    let mut sector = 0;
    while sector < count {
        let first = here(sector);
        let run = (sector..count).take_while(|&next| here(next) == first).count();
        let run = u64::try_from(run).unwrap_or(1).max(1);
        if first {
            disk.stored(place + map_bytes + sector * SECTOR_BYTES, run * SECTOR_BYTES);
        } else {
            disk.elsewhere(run * SECTOR_BYTES);
        }
        sector += run;
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::{
            disk::virtual_tests::{self, Case, content, convert, disk},
            testing::hostile::attribute,
        },
    };

    #[test]
    fn disks_of_the_reference_tool() {
        let cases: [Case; 2] = [
            ("vhd", &["-O", "vpc"]),
            ("vhd", &["-O", "vpc", "-o", "subformat=dynamic,force_size=on"]),
        ];
        virtual_tests::compare(&cases);
    }

    #[test]
    fn the_footer_of_a_fixed_disk_is_told_behind_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let options = ["-O", "vpc", "-o", "subformat=fixed,force_size=on"];
        let Some(image) = convert(folder.path(), &disk(), &options) else { return };
        let place = image.len() as u64 - 512;
        let tree = Tree::from_bytes(image, &Limits::default());
        let found = tree.nodes().find(|(_, node)| node.format() == Some("vhd")).unwrap().1;
        assert_eq!((found.offset, found.len()), (place, 512));
        assert_eq!(attribute(&tree, "vhd", "kind").unwrap(), "fixed");
    }

    #[test]
    fn sectors_of_a_parent_read_as_zeros_and_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let source = vec![5; 4 << 20];
        let options = ["-O", "vpc", "-o", "force_size=on"];
        let Some(mut image) = convert(folder.path(), &source, &options) else { return };
        // As differencing disk: one sector of the first block is the parent's.
        let sign = |bytes: &mut [u8], field: usize| {
            bytes[field..field + 4].fill(0);
            let sum = bytes.iter().fold(0_u32, |sum, &byte| sum + u32::from(byte));
            bytes[field..field + 4].copy_from_slice(&(!sum).to_be_bytes());
        };
        image[63] = 4;
        sign(&mut image[..512], 64);
        image[512 + 65] = b'p';
        sign(&mut image[512..1536], 36);
        let sector = u32::from_be_bytes(image[1536..1540].try_into().unwrap());
        image[usize::try_from(sector).unwrap() * 512] ^= 0x40;
        let tree = Tree::from_bytes(image, &Limits::default());
        let found = content(&tree, "vhd");
        assert_eq!(attribute(&tree, "vhd", "parent").unwrap(), "p");
        assert!(found[512..1024].iter().all(|&byte| byte == 0));
        assert!(found[..512].iter().chain(&found[1024..]).all(|&byte| byte == 5));
        assert!(tree.problems().iter().any(|problem| problem.why.starts_with("512 bytes")));
    }

    #[test]
    fn damage_never_panics() {
        virtual_tests::damage(&[("vhd", &["-O", "vpc"])], 200);
    }
}
