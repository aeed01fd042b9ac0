//! Disks with a GUID partition table (UEFI 2.10 section 5), read from its backup where the primary
//! header is damaged.

use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    guid::guid,
    layout::{Layout, sanitize},
};

pub(crate) static FORMAT: Format = Format {
    name: "gpt",
    // The header stands in the second sector; a sector has 512 or 4096 bytes. Where it is damaged,
    // the protective record in front of it still gives the backup a chance.
    magics: &[Magic::at(512, SIGNATURE), Magic::at(4096, SIGNATURE), Magic::at(510, &[0x55, 0xaa])],
    carve: false,
    open,
};

const SIGNATURE: &[u8] = b"EFI PART";
const SECTORS: [u64; 2] = [512, 4096];
/// A table usually has 128 entries of 128 bytes.
const TABLE_BYTES_MAX: u64 = 4 << 20;

struct Header {
    sector_bytes: u64,
    this: u64,
    other: u64,
    disk: [u8; 16],
    table: u64,
    count: u64,
    entry_bytes: u64,
    table_crc: u32,
}

struct Slot {
    number: u64,
    kind: [u8; 16],
    first: u64,
    last: u64,
    flags: u64,
    name: String,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let primary = SECTORS.iter().find_map(|&sector| header(extent, sector, sector));
    match primary {
        Some(header) => read(extent, &header, Vec::new()),
        None => open_backup(candidate),
    }
}

/// Opens a disk by the backup header in its last sector.
fn open_backup(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let header = SECTORS
        .iter()
        .find_map(|&sector| header(extent, extent.len().checked_sub(sector)?, sector))
        .ok_or(NotThis)?;
    let fault = Fault::new(header.sector_bytes, "read the primary header", "its checksum is wrong");
    read(extent, &header, vec![fault])
}

/// The header at this offset, if its checksum holds.
fn header(extent: &Extent, offset: u64, sector_bytes: u64) -> Option<Header> {
    let bytes = extent.read(offset, 512).ok()?;
    let view = View(&bytes);
    let size = usize::try_from(view.u32(12, Little).ok()?).ok()?;
    if view.bytes(0, 8).ok()? != SIGNATURE || !(92..=512).contains(&size) {
        return None;
    }
    let mut covered = view.bytes(0, size).ok()?.to_vec();
    covered.get_mut(16..20)?.fill(0);
    if !agrees(view.u32(16, Little).ok()?, Crc32::of(&covered)) {
        return None;
    }
    let header = Header {
        sector_bytes,
        this: view.u64(24, Little).ok()?,
        other: view.u64(32, Little).ok()?,
        disk: view.array(56).ok()?,
        table: view.u64(72, Little).ok()?,
        count: u64::from(view.u32(80, Little).ok()?),
        entry_bytes: u64::from(view.u32(84, Little).ok()?),
        table_crc: view.u32(88, Little).ok()?,
    };
    let table_bytes = header.count.checked_mul(header.entry_bytes)?;
    let plausible = header.this.checked_mul(sector_bytes) == Some(offset)
        && header.entry_bytes >= 128
        && table_bytes <= TABLE_BYTES_MAX;
    plausible.then_some(header)
}

fn read(extent: &Extent, header: &Header, mut faults: Vec<Fault>) -> Result<Opened, NotThis> {
    let sector = header.sector_bytes;
    let slots = slots(extent, header, &mut faults);
    let last = slots.iter().map(|slot| slot.last).chain([header.this, header.other]).max();
    let claimed = last.and_then(|last| last.checked_add(1)?.checked_mul(sector)).ok_or(NotThis)?;
    let mut layout = Layout::new(extent.clamp(0, claimed));
    layout.consumed(0, sector);
    layout.consumed(header.this * sector, sector);
    let table_bytes = header.count * header.entry_bytes;
    layout.consumed(header.table.saturating_mul(sector), table_bytes);
    if let Some(other) = header_at_other(extent, header) {
        layout.consumed(header.other * sector, sector);
        layout.consumed(other.table.saturating_mul(sector), other.count * other.entry_bytes);
    } else if faults.is_empty() {
        let at = header.other.saturating_mul(sector);
        faults.push(Fault::new(at, "read the backup header", "none with a right checksum there"));
    }
    for slot in &slots {
        let length = (slot.last - slot.first).saturating_add(1).saturating_mul(sector);
        layout.part(part_name(slot), slot.first.saturating_mul(sector), length);
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened {
        length: claimed,
        attributes: vec![
            ("disk-guid", guid(&header.disk)),
            ("sector-size", sector.to_string()),
            ("partitions", slots.iter().map(describe).collect::<Vec<_>>().join("; ")),
        ],
        entries: laid.entries,
        faults,
        unread: None,
    })
}

fn header_at_other(extent: &Extent, one: &Header) -> Option<Header> {
    header(extent, one.other.checked_mul(one.sector_bytes)?, one.sector_bytes)
}

fn slots(extent: &Extent, header: &Header, faults: &mut Vec<Fault>) -> Vec<Slot> {
    let offset = header.table.saturating_mul(header.sector_bytes);
    let table = match extent.read(offset, header.count * header.entry_bytes) {
        Ok(table) => table,
        Err(fault) => {
            faults.push(fault);
            return Vec::new();
        }
    };
    if !agrees(header.table_crc, Crc32::of(&table)) {
        faults.push(Fault::new(offset, "check the partition entries", "their checksum is wrong"));
    }
    let entry_bytes = usize::try_from(header.entry_bytes).unwrap_or(usize::MAX);
    let mut slots = Vec::new();
    for (number, entry) in (1..).zip(table.chunks_exact(entry_bytes)) {
        match slot(number, View(entry)) {
            Ok(slot) if slot.kind == [0; 16] => {}
            Ok(slot) if slot.first > 0 && slot.first <= slot.last => slots.push(slot),
            Ok(slot) => {
                let why = format!("sectors {} to {} make no range", slot.first, slot.last);
                faults.push(Fault::new(offset, format!("read partition {number}"), why));
            }
            Err(fault) => faults.push(fault.within(offset)),
        }
    }
    slots
}

fn slot(number: u64, view: View<'_>) -> Result<Slot, Fault> {
    let units: Vec<u16> = view
        .bytes(56, 72)?
        .chunks_exact(2)
        .map(|pair| {
            u16::from_le_bytes([
                pair.first().copied().unwrap_or(0),
                pair.last().copied().unwrap_or(0),
            ])
        })
        .take_while(|&unit| unit != 0)
        .collect();
    Ok(Slot {
        number,
        kind: view.array(0)?,
        first: view.u64(32, Little)?,
        last: view.u64(40, Little)?,
        flags: view.u64(48, Little)?,
        name: String::from_utf16_lossy(&units),
    })
}

fn part_name(slot: &Slot) -> String {
    let dash = if slot.name.is_empty() { "" } else { "-" };
    format!("partition{}{dash}{}", slot.number, sanitize(&slot.name))
}

fn describe(slot: &Slot) -> String {
    let kind = guid(&slot.kind);
    let flags = if slot.flags == 0 { String::new() } else { format!(", flags {:#x}", slot.flags) };
    let known = TYPES.iter().find(|known| known.0 == kind).map_or("", |known| known.1);
    let Slot { number, first, last, name, .. } = slot;
    format!("{number}: {name:?}, type {kind}{known}, sectors {first}..{last}{flags}")
}

/// Types that engineers ask for (UEFI 2.10 table 5.7 and the Discoverable Partitions Specification).
const TYPES: &[(&str, &str)] = &[
    ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", " EFI system"),
    ("21686148-6449-6e6f-744e-656564454649", " BIOS boot"),
    ("0fc63daf-8483-4772-8e79-3d69d8477de4", " Linux"),
    ("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", " Linux swap"),
    ("e6d6d379-f507-44c2-a23c-238f2a3df928", " Linux LVM"),
    ("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", " basic data"),
    ("b921b045-1df0-41c3-af44-4c6f280d3fae", " Linux root (arm64)"),
    ("69dad710-2ce4-4e3c-b16c-21a1d49abed3", " Linux root (arm)"),
    ("4f68bce3-e8cd-4db1-96e7-fbcaf984b709", " Linux root (x86-64)"),
];

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::disk::{Partition, gpt};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, locators},
    };

    fn disk() -> Vec<u8> {
        let one = Partition { kind: 0, name: "boot/α", first_sector: 34, data: b"the first" };
        let two = Partition { kind: 0, name: "root", first_sector: 40, data: &[7; 600] };
        gpt(&[one, two])
    }

    #[test]
    fn partitions_have_names_and_gaps_are_kept() {
        let tree = Tree::from_bytes(disk(), &Limits::default());
        let found = locators(&tree);
        for name in ["partition1-boot_α", "partition2-root", "gap-0x4600"] {
            let wanted = format!("image@0x0/gpt:/{name}");
            assert!(found.contains(&wanted), "{name}: {found:?}");
        }
        assert!(attribute(&tree, "gpt", "partitions").unwrap().contains(" Linux"));
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
    }

    #[test]
    fn a_damaged_primary_is_replaced_by_the_backup_and_told() {
        let mut bytes = disk();
        bytes[512 + 40] ^= 1;
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert!(locators(&tree).contains(&"image@0x0/gpt:/partition2-root".to_owned()));
        assert!(tree.problems().iter().any(|problem| problem.what.contains("primary header")));
        bytes[512..520].fill(0);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(locators(&tree).contains(&"image@0x0/gpt:/partition2-root".to_owned()));
    }

    #[test]
    fn damage_does_no_harm() {
        let bytes = disk();
        for length in (0..bytes.len()).step_by(97) {
            Tree::from_bytes(bytes[..length].to_vec(), &Limits::default());
        }
        for position in 446..1024 {
            let mut damaged = bytes.clone();
            damaged[position] ^= 0x10;
            let tree = Tree::from_bytes(damaged, &Limits::default());
            assert_eq!(tree.coverage().bytes_total, bytes.len() as u64);
        }
    }
}
