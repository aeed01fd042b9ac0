//! VHDX, the virtual disks of Hyper-V ([MS-VHDX]): two headers, two tables of regions, metadata,
//! and a table of blocks. Everything is little-endian.
//!
//! The log is not replayed: a disk that has one says so. What a differencing disk leaves to its
//! parent reads as zeros and is told.

use super::assembly::{Assembled, Assembly, parent_fault};
use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    checksum::{agrees, crc32c_seeded},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::guid::guid,
};

pub(crate) static FORMAT: Format =
    Format { name: "vhdx", magics: &[Magic::start(b"vhdxfile")], carve: true, open };

const MIB: u64 = 1 << 20;
const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
const HEADER_BYTES: u64 = 4096;
const REGIONS: [u64; 2] = [192 << 10, 256 << 10];
const REGIONS_BYTES: u64 = 64 << 10;
const METADATA_TABLE_BYTES: u64 = 64 << 10;

/// Regions and items of the metadata ([MS-VHDX] 2.2.3 and 2.6.2), as they stand in the file.
const REGION_BLOCKS: &str = "2dc27766-f623-4200-9d64-115e9bfd4a08";
const REGION_METADATA: &str = "8b7ca206-4790-4b9a-b8fe-575f050f886e";
const ITEM_FILE: &str = "caa16737-fa36-4d43-b3b6-33f0aa44e76b";
const ITEM_SIZE: &str = "2fa54224-cd1b-4876-b211-5dbed83bf4b8";
const ITEM_ID: &str = "beca12ab-b2e6-4523-93ef-c309e000c746";
const ITEM_SECTOR: &str = "8141bf1d-a96f-4709-ba47-f233a8faab5f";

/// States of a block.
const BLOCK_NOT_PRESENT: u64 = 0;
const BLOCK_WHOLE: u64 = 6;
const BLOCK_PARTLY: u64 = 7;
/// Largest disk ([MS-VHDX] 2.6.2.2: 64 TiB).
const SIZE_MAX: u64 = 64 << 40;

/// Whether a structure's CRC32C, computed with its field as zeros, holds.
fn holds(bytes: &[u8]) -> bool {
    let Ok(stored) = View(bytes).u32(4, Little) else { return false };
    let start = crc32c_seeded(!0, bytes.get(..4).unwrap_or_default());
    let zeroed = crc32c_seeded(start, &[0; 4]);
    agrees(stored, !crc32c_seeded(zeroed, bytes.get(8..).unwrap_or_default()))
}

/// What the newer valid header tells of the log.
struct Log {
    place: u64,
    length: u64,
    pending: bool,
}

fn log(image: &Extent) -> Option<Log> {
    let headers = HEADERS.iter().filter_map(|&place| {
        let bytes = image.read(place, HEADER_BYTES).ok()?;
        let view = View(&bytes);
        if view.bytes(0, 4).ok()? != b"head" || !holds(&bytes) {
            return None;
        }
        let log = Log {
            place: view.u64(72, Little).ok()?,
            length: view.u32(68, Little).ok()?.into(),
            pending: view.bytes(48, 16).ok()? != [0; 16],
        };
        Some((view.u64(8, Little).ok()?, log))
    });
    headers.max_by_key(|(sequence, _)| *sequence).map(|(_, log)| log)
}

/// A stretch of the file.
#[derive(Clone, Copy, Debug, Default)]
struct Region {
    place: u64,
    length: u64,
}

/// The regions of blocks and of metadata.
fn regions(image: &Extent) -> Option<(Region, Region)> {
    REGIONS.iter().find_map(|&place| {
        let bytes = image.read(place, REGIONS_BYTES).ok()?;
        let view = View(&bytes);
        if view.bytes(0, 4).ok()? != b"regi" || !holds(&bytes) {
            return None;
        }
        let (mut blocks, mut metadata) = (None, None);
        for index in 0..usize::try_from(view.u32(8, Little).ok()?).ok()?.min(2047) {
            let at = 16 + index * 32;
            let region = Region {
                place: view.u64(at + 16, Little).ok()?,
                length: view.u32(at + 24, Little).ok()?.into(),
            };
            match guid(&view.array(at).ok()?).as_str() {
                REGION_BLOCKS => blocks = Some(region),
                REGION_METADATA => metadata = Some(region),
                _ => {}
            }
        }
        blocks.zip(metadata)
    })
}

/// What the metadata tells.
#[derive(Clone, Debug, Default)]
struct Metadata {
    block_bytes: u64,
    has_parent: bool,
    size: u64,
    sector_bytes: u64,
    id: String,
}

fn metadata(image: &Extent, region: Region) -> Result<Metadata, Fault> {
    let table = image.read(region.place, METADATA_TABLE_BYTES)?;
    let view = View(&table);
    let wrong = |why: &str| Fault::new(region.place, "read the metadata", why);
    if view.bytes(0, 8)? != b"metadata" {
        return Err(wrong("its table is damaged"));
    }
    let mut found = Metadata::default();
    for index in 0..usize::from(view.u16(10, Little)?).min(2047) {
        let at = 32 + index * 32;
        let place = region.place.saturating_add(view.u32(at + 16, Little)?.into());
        let item = image.read_up_to(place, 16)?;
        let item = View(&item);
        match guid(&view.array(at)?).as_str() {
            ITEM_FILE => {
                found.block_bytes = item.u32(0, Little)?.into();
                found.has_parent = item.u32(4, Little)? & 2 != 0;
            }
            ITEM_SIZE => found.size = item.u64(0, Little)?,
            ITEM_SECTOR => found.sector_bytes = item.u32(0, Little)?.into(),
            ITEM_ID => found.id = guid(&item.array(0)?),
            _ => {}
        }
    }
    let fits = found.block_bytes.is_power_of_two()
        && (MIB..=256 * MIB).contains(&found.block_bytes)
        && matches!(found.sector_bytes, 512 | 4096)
        && found.size <= SIZE_MAX;
    fits.then_some(found).ok_or_else(|| wrong("its sizes are impossible"))
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let image = &candidate.extent;
    // The creator's name follows the signature, in UTF-16.
    let head = image.read(0, 8 + 512)?;
    let (pairs, _) = head.get(8..).unwrap_or_default().as_chunks::<2>();
    let units = pairs.iter().map(|pair| u16::from_le_bytes(*pair)).take_while(|&unit| unit != 0);
    let creator = String::from_utf16_lossy(&units.collect::<Vec<_>>());
    let log = log(image).ok_or(NotThis)?;
    let mut attributes = vec![("made-by", creator)];
    let mut faults = Vec::new();
    if log.pending {
        let why = "changes wait in the log, which is not replayed";
        faults.push(Fault::new(log.place, "read the latest state", why));
    }
    let found = regions(image).ok_or_else(|| "both tables of regions are damaged".to_owned());
    let found = found.and_then(|(blocks, region)| {
        let metadata = metadata(image, region).map_err(|fault| fault.to_string())?;
        Ok((blocks, region, metadata))
    });
    let (blocks, region, metadata) = match found {
        Ok(found) => found,
        Err(reason) => {
            let (length, unread) = (image.len(), Some(reason));
            return Ok(Opened { length, attributes, entries: Vec::new(), faults, unread });
        }
    };
    let kind = if metadata.has_parent { "differencing" } else { "dynamic or fixed" };
    attributes.extend([
        ("kind", kind.to_owned()),
        ("size", metadata.size.to_string()),
        ("block-size", metadata.block_bytes.to_string()),
        ("sector-size", metadata.sector_bytes.to_string()),
        ("uuid", metadata.id.clone()),
    ]);
    let mut disk = Assembly::new(image, metadata.size);
    for used in [(region.place, region.length), (log.place, log.length), (0, MIB)] {
        disk.used(used.0, used.1);
    }
    disk.used(blocks.place, blocks.length);
    if let Err(fault) = read(image, blocks, &metadata, &mut disk) {
        disk.missing(disk.left(), fault);
    }
    let Assembled { content, end, elsewhere, faults: more } = disk.finish();
    faults.extend(more);
    faults.extend(parent_fault(elsewhere, "its parent"));
    let entries = vec![Entry::part("disk", content)];
    Ok(Opened { length: end, attributes, entries, faults, unread: None })
}

/// The table of blocks: after as many as one map of sectors stands for, that map has its entry.
fn read(
    image: &Extent,
    table: Region,
    metadata: &Metadata,
    disk: &mut Assembly<'_>,
) -> Result<(), Fault> {
    let block_bytes = metadata.block_bytes;
    let per_map = ((1 << 23) * metadata.sector_bytes / block_bytes).max(1);
    let count = metadata.size.div_ceil(block_bytes);
    let entries = count + count.saturating_sub(1) / per_map;
    if entries.saturating_mul(8) > table.length {
        let why = format!("{entries} entries do not fit {} bytes", table.length);
        return Err(Fault::new(table.place, "read the table of blocks", why));
    }
    let bytes = image.read(table.place, entries * 8)?;
    let (words, _) = bytes.as_chunks::<8>();
    for (index, word) in (0_u64..).zip(words) {
        let word = u64::from_le_bytes(*word);
        let place = word & !(MIB - 1);
        if index % (per_map + 1) == per_map {
            disk.used(place, if word & 7 == BLOCK_WHOLE { MIB } else { 0 });
            continue;
        }
        match word & 7 {
            BLOCK_WHOLE => {
                disk.used(place, block_bytes);
                disk.stored(place, block_bytes);
            }
            BLOCK_PARTLY => {
                // Which sectors are the parent's is told by a map; those here are good.
                disk.used(place, block_bytes);
                disk.stored(place, block_bytes);
                let why = "some sectors of a block are the parent's, and read as stored";
                disk.tell(Fault::new(place, "read the whole disk", why));
            }
            BLOCK_NOT_PRESENT if metadata.has_parent => disk.elsewhere(block_bytes),
            _ => disk.zeros(block_bytes),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::disk::virtual_tests::{self, Case, convert, disk},
    };

    #[test]
    fn disks_of_the_reference_tool() {
        let cases: [Case; 3] = [
            ("vhdx", &["-O", "vhdx"]),
            ("vhdx", &["-O", "vhdx", "-o", "subformat=fixed"]),
            ("vhdx", &["-O", "vhdx", "-o", "block_size=1M,log_size=2M"]),
        ];
        virtual_tests::compare(&cases);
    }

    #[test]
    fn a_log_and_damaged_structures_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let Some(image) = convert(folder.path(), &disk(), &["-O", "vhdx"]) else { return };
        let mut damaged = image.clone();
        damaged[(192 << 10) + 20] ^= 1;
        let tree = Tree::from_bytes(damaged.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        damaged[(256 << 10) + 20] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert_eq!(tree.coverage().bytes_unread, image.len() as u64);
        let mut pending = image;
        for header in [64 << 10, 128 << 10] {
            pending[header + 50] = 1;
            let bytes = &mut pending[header..header + 4096];
            bytes[4..8].fill(0);
            let checksum = !crate::checksum::crc32c_seeded(!0, bytes);
            bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        }
        let tree = Tree::from_bytes(pending, &Limits::default());
        assert!(tree.problems().iter().any(|problem| problem.why.contains("log")));
    }

    #[test]
    fn damage_never_panics() {
        virtual_tests::damage(&[("vhdx", &["-O", "vhdx", "-o", "block_size=1M"])], 16);
    }
}
