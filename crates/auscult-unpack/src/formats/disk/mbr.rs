//! Disks with a master boot record: the partition table of PCs, with extended partitions.
//!
//! Its magic is two bytes, so that every field of the table must make sense, and it is looked for
//! only at the start of an image, payload or part. Disks with a protective record are left to the
//! GUID partition table.

use crate::{
    Endian::Little,
    Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::Layout;

pub(crate) static FORMAT: Format =
    Format { name: "mbr", magics: &[Magic::at(510, &[0x55, 0xaa])], carve: false, open };

const SECTOR_BYTES: u64 = 512;
const TABLE: usize = 446;
const ENTRY_BYTES: usize = 16;
/// Type of the one partition that shields a GUID partition table from old tools.
const TYPE_PROTECTIVE: u8 = 0xee;
/// Types of extended partitions: plain, with LBA, of Linux.
const TYPES_EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
/// Logical partitions read at most: a chain of extended records may be circular.
const LOGICAL_MAX: usize = 128;

#[derive(Clone, Copy, Debug)]
struct Slot {
    number: usize,
    active: bool,
    kind: u8,
    first: u64,
    sectors: u64,
}

impl Slot {
    fn end(self) -> u64 {
        self.first + self.sectors
    }

    fn is_extended(self) -> bool {
        TYPES_EXTENDED.contains(&self.kind)
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let slots = table(&extent.read(0, SECTOR_BYTES)?).ok_or(NotThis)?;
    let sectors = extent.len() / SECTOR_BYTES;
    let protective = slots.iter().any(|slot| slot.kind == TYPE_PROTECTIVE);
    if protective
        || slots.is_empty()
        || slots.iter().any(|slot| slot.first >= sectors)
        || overlap(&slots)
    {
        return Err(NotThis);
    }
    let claimed = slots.iter().map(|slot| slot.end()).max().unwrap_or(0) * SECTOR_BYTES;
    let mut layout = Layout::new(extent.clamp(0, claimed));
    let mut faults = Vec::new();
    layout.consumed(0, SECTOR_BYTES);
    let mut all = Vec::new();
    for slot in slots {
        all.push(slot);
        if slot.is_extended() {
            all.extend(logical(extent, slot, &mut layout, &mut faults));
        }
    }
    for slot in all.iter().filter(|slot| !slot.is_extended()) {
        let name = format!("partition{}", slot.number);
        layout.part(name, slot.first * SECTOR_BYTES, slot.sectors * SECTOR_BYTES);
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    let signature = View(&extent.read(0, SECTOR_BYTES)?).u32(440, Little)?;
    Ok(Opened {
        length: claimed,
        attributes: vec![
            ("disk-signature", format!("{signature:#010x}")),
            ("partitions", all.iter().map(describe).collect::<Vec<_>>().join("; ")),
        ],
        entries: laid.entries,
        faults,
        unread: None,
    })
}

/// The used slots of a record, if every one of its four makes sense.
fn table(record: &[u8]) -> Option<Vec<Slot>> {
    let view = View(record);
    if view.u16(510, Little).ok()? != 0xaa55 {
        return None;
    }
    let mut slots = Vec::new();
    for index in 0..4 {
        let at = TABLE + index * ENTRY_BYTES;
        let status = view.u8(at).ok()?;
        let kind = view.u8(at + 4).ok()?;
        let first = u64::from(view.u32(at + 8, Little).ok()?);
        let sectors = u64::from(view.u32(at + 12, Little).ok()?);
        if status & 0x7f != 0 {
            return None;
        }
        match (kind, first, sectors) {
            (0, 0, 0) => {}
            (0, ..) | (_, 0, _) | (_, _, 0) => return None,
            _ => {
                let active = status != 0;
                slots.push(Slot { number: index + 1, active, kind, first, sectors });
            }
        }
    }
    (slots.iter().filter(|slot| slot.active).count() <= 1).then_some(slots)
}

fn overlap(slots: &[Slot]) -> bool {
    let mut sorted = slots.to_vec();
    sorted.sort_by_key(|slot| slot.first);
    sorted.windows(2).any(|pair| match pair {
        [one, other] => one.end() > other.first,
        _ => false,
    })
}

/// Follows the chain of records inside an extended partition. The first slot of each is relative to
/// the record, the second, the link, to the extended partition.
fn logical(
    extent: &Extent,
    outer: Slot,
    layout: &mut Layout,
    faults: &mut Vec<Fault>,
) -> Vec<Slot> {
    let (mut found, mut at) = (Vec::new(), outer.first);
    loop {
        let offset = at * SECTOR_BYTES;
        let record = extent.read(offset, SECTOR_BYTES).ok().and_then(|bytes| table(&bytes));
        let Some(slots) = record else {
            faults.push(Fault::new(offset, "read an extended partition", "no valid record"));
            return found;
        };
        layout.consumed(offset, SECTOR_BYTES);
        let mut next = None;
        for slot in slots {
            if slot.is_extended() {
                next = Some(outer.first + slot.first);
            } else {
                found.push(Slot { number: 5 + found.len(), first: at + slot.first, ..slot });
            }
        }
        match next {
            // Links only lead forward, so that no chain is circular.
            Some(next) if next > at && next < outer.end() && found.len() < LOGICAL_MAX => at = next,
            Some(_) => {
                let why = "the link to the next record leads back, out, or too far";
                faults.push(Fault::new(offset, "read an extended partition", why));
                return found;
            }
            None => return found,
        }
    }
}

fn describe(slot: &Slot) -> String {
    let active = if slot.active { ", active" } else { "" };
    let name = match slot.kind {
        0x01 | 0x04 | 0x06 | 0x0b | 0x0c | 0x0e => " FAT",
        0x05 | 0x0f | 0x85 => " extended",
        0x07 => " NTFS or exFAT",
        0x82 => " Linux swap",
        0x83 => " Linux",
        0x8e => " Linux LVM",
        0xda => " raw data",
        0xef => " EFI system",
        _ => "",
    };
    let Slot { number, kind, first, sectors, .. } = slot;
    format!("{number}: type {kind:#04x}{name}, sectors {first}+{sectors}{active}")
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::disk::{Partition, mbr};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn disk() -> Vec<u8> {
        let one = Partition { kind: 0x83, name: "", first_sector: 3, data: b"the first" };
        let two = Partition { kind: 0x0c, name: "", first_sector: 6, data: &[7; 600] };
        let mut bytes = mbr(&[one, two]);
        bytes[600..605].copy_from_slice(b"hello");
        bytes
    }

    #[test]
    fn partitions_and_gaps_are_parts() {
        let tree = Tree::from_bytes(disk(), &Limits::default());
        let found = locators(&tree);
        for name in ["gap-0x200", "partition1", "gap-0x800", "partition2"] {
            assert!(found.iter().any(|locator| locator.ends_with(name)), "{name}: {found:?}");
        }
        assert!(attribute(&tree, "mbr", "partitions").unwrap().contains("2: type 0x0c FAT"));
        assert!(tree.problems().is_empty());
        assert_eq!(tree.coverage().bytes_read, 512);
    }

    #[test]
    fn logical_partitions_are_found_and_circles_end() {
        let mut bytes = vec![0; 20 * 512];
        let mut slot = |at: usize, kind: u8, first: u32, sectors: u32| {
            bytes[at + 4] = kind;
            bytes[at + 8..at + 12].copy_from_slice(&first.to_le_bytes());
            bytes[at + 12..at + 16].copy_from_slice(&sectors.to_le_bytes());
        };
        slot(446, 0x05, 2, 18);
        slot(2 * 512 + 446, 0x83, 1, 3);
        slot(2 * 512 + 462, 0x05, 6, 4);
        slot(8 * 512 + 446, 0x83, 1, 3);
        slot(8 * 512 + 462, 0x05, 0, 4);
        for record in [0, 2, 8] {
            bytes[record * 512 + 510..record * 512 + 512].copy_from_slice(&[0x55, 0xaa]);
        }
        let circular = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert!(circular.problems().iter().any(|problem| problem.what.contains("extended")));
        bytes[8 * 512 + 462..8 * 512 + 478].fill(0);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/mbr:/partition5".to_owned()), "{found:?}");
        assert!(found.contains(&"image@0x0/mbr:/partition6".to_owned()), "{found:?}");
        assert!(tree.problems().is_empty());
    }

    #[test]
    fn a_boot_sector_without_a_table_is_no_disk() {
        let mut bytes = vec![0x90; 4096];
        bytes[510] = 0x55;
        bytes[511] = 0xaa;
        assert!(Tree::from_bytes(bytes.clone(), &Limits::default()).coverage().bytes_read == 0);
        bytes[446..510].fill(0);
        assert!(Tree::from_bytes(bytes, &Limits::default()).coverage().bytes_read == 0);
    }

    #[test]
    fn damage_does_no_harm() {
        check(&disk(), 512);
    }
}
