//! Disks with an Apple partition map (Apple, Inside Macintosh: Devices, chapter 3).
//!
//! The map is a list of blocks, one for each partition, and itself one of them.

use crate::{
    Endian::Big,
    Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{Layout, sanitize, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "apm",
    // The first entry stands in the second block.
    magics: &[
        Magic::at(512, b"PM\0\0"),
        Magic::at(1024, b"PM\0\0"),
        Magic::at(2048, b"PM\0\0"),
        Magic::at(4096, b"PM\0\0"),
    ],
    carve: false,
    open,
};

const BLOCK_BYTES: [u64; 4] = [512, 1024, 2048, 4096];
/// Partitions of one map.
const COUNT_MAX: u64 = 1024;
/// Types of what is no partition to look into: the map itself, and free blocks.
const MAP: &str = "Apple_partition_map";
const FREE: &str = "Apple_Free";

/// An entry of the map; places are in bytes.
struct Slot {
    number: u64,
    start: u64,
    length: u64,
    name: String,
    kind: String,
}

/// The file systems of Macs that a map names, with the number, place and length of each: on hybrid
/// discs they stand beside another file system.
pub(in crate::formats) fn mac_partitions(extent: &Extent) -> Vec<(u64, u64, u64)> {
    let slots = BLOCK_BYTES.iter().find_map(|&block_bytes| slots(extent, block_bytes));
    let macs = slots.into_iter().flatten().filter(|slot| slot.kind.starts_with("Apple_HFS"));
    macs.map(|slot| (slot.number, slot.start, slot.length)).collect()
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let driver = extent.read(0, 512)?;
    let found = BLOCK_BYTES.iter().find_map(|&block_bytes| {
        let slots = slots(extent, block_bytes)?;
        Some((block_bytes, slots))
    });
    let (block_bytes, slots) = found.ok_or(NotThis)?;
    let claimed = slots.iter().map(|slot| slot.start.saturating_add(slot.length)).max();
    let mut claimed = claimed.ok_or(NotThis)?;
    let mut attributes = vec![("block-size", block_bytes.to_string())];
    let view = View(&driver);
    if view.bytes(0, 2)? == b"ER" {
        let (unit, count) = (u64::from(view.u16(2, Big)?), u64::from(view.u32(4, Big)?));
        // Where the two disagree on the size of a block, only partitions count.
        if unit == block_bytes {
            claimed = claimed.max(count.saturating_mul(unit).min(extent.len()));
        }
    }
    let mut layout = Layout::new(extent.clamp(0, claimed));
    let count = u64::try_from(slots.len()).unwrap_or(0);
    layout.consumed(0, block_bytes * (count + 1));
    let mut told = Vec::new();
    for slot in &slots {
        let Slot { number, start, length, name, kind } = slot;
        told.push(format!("{number}: {kind} {name:?}, bytes {start:#x}+{length:#x}"));
        if kind == MAP {
            layout.consumed(*start, *length);
        } else if kind != FREE {
            let name = if name.is_empty() { kind } else { name };
            layout.part(format!("{number}-{}", sanitize(name)), *start, *length);
        }
    }
    let laid = layout.finish();
    attributes.push(("partitions", told.join("; ")));
    Ok(Opened {
        length: claimed,
        attributes,
        entries: laid.entries,
        faults: laid.faults,
        unread: None,
    })
}

/// The entries of a map whose blocks have this size; none if it is not whole.
fn slots(extent: &Extent, block_bytes: u64) -> Option<Vec<Slot>> {
    let first = slot(extent, block_bytes, 1).ok()??;
    let count = first.1;
    if !(1..=COUNT_MAX).contains(&count) {
        return None;
    }
    let slots: Option<Vec<Slot>> = (1..=count)
        .map(|number| {
            let (slot, same) = slot(extent, block_bytes, number).ok()??;
            (same == count).then_some(slot)
        })
        .collect();
    // The map is one of its partitions, and no partition is empty or begins in front of it.
    slots.filter(|slots| {
        slots.iter().any(|slot| slot.kind == MAP)
            && slots.iter().all(|slot| slot.start >= block_bytes && slot.start < extent.len())
    })
}

/// An entry, and the number of all that it names.
fn slot(extent: &Extent, block_bytes: u64, number: u64) -> Result<Option<(Slot, u64)>, Fault> {
    let block = extent.read(number * block_bytes, 512)?;
    let view = View(&block);
    if view.bytes(0, 2)? != b"PM" {
        return Ok(None);
    }
    let bytes = |at| Ok::<u64, Fault>(u64::from(view.u32(at, Big)?) * block_bytes);
    let slot = Slot {
        number,
        start: bytes(8)?,
        length: bytes(12)?,
        name: text_of(view.text(16, 32)?),
        kind: text_of(view.text(48, 32)?),
    };
    Ok(Some((slot, u64::from(view.u32(4, Big)?))))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn entry(count: u8, start: u8, blocks: u8, name: &str, kind: &str) -> Vec<u8> {
        let mut entry = vec![b'P', b'M', 0, 0, 0, 0, 0, count, 0, 0, 0, start, 0, 0, 0, blocks];
        entry.extend(name.as_bytes());
        entry.resize(48, 0);
        entry.extend(kind.as_bytes());
        entry.resize(512, 0);
        entry
    }

    fn disk() -> Vec<u8> {
        let mut disk = b"ER\x02\0\0\0\0\x0c".to_vec();
        disk.resize(512, 0);
        disk.extend(entry(3, 1, 3, "Apple", "Apple_partition_map"));
        disk.extend(entry(3, 4, 4, "a/disk", "Apple_HFS"));
        disk.extend(entry(3, 8, 3, "", "Apple_Free"));
        disk.resize(12 * 512, 7);
        disk
    }

    #[test]
    fn partitions_are_parts_and_free_blocks_gaps() {
        let tree = Tree::from_bytes(disk(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let found = locators(&tree);
        for name in ["2-a_disk", "gap-0x1000"] {
            assert!(found.iter().any(|locator| locator.ends_with(name)), "{name}: {found:?}");
        }
        assert!(attribute(&tree, "apm", "partitions").unwrap().contains("2: Apple_HFS \"a/disk\""));
        assert_eq!(tree.coverage().bytes_read, 4 * 512);
        check(&disk(), 2048);
    }
}
