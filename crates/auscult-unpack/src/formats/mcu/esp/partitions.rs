//! The table of partitions in the flash of Espressif's chips (ESP-IDF's documentation, "Partition Tables";
//! `esp_flash_partitions.h`): entries of 32 bytes, then their MD5.
//!
//! In a dump of a whole flash it splits what follows into partitions; in a file of its own it is told.
//! Of the two copies of the data of updates the newer one says which application starts.

use super::crc32;
use crate::{
    Endian::Little,
    Extent, Fault, View, digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{Layout, text_of},
};

pub(in crate::formats::mcu) static FORMAT: Format = Format {
    name: "esp-partitions",
    magics: &[Magic::start(&[0xaa, 0x50, 0]), Magic::start(&[0xaa, 0x50, 1])],
    carve: true,
    open,
};

const ENTRY_BYTES: usize = 32;
/// Room for the table.
const TABLE_BYTES: u64 = 0xc00;
const SECTOR_BYTES: u64 = 4096;
/// A table that stands alone is written at this size at most.
const MD5_MARK: [u8; 16] = [
    0xeb, 0xeb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
];
const APPLICATION: u8 = 0;
const DATA: u8 = 1;
const DATA_OTA: u8 = 0;
const FLAG_ENCRYPTED: u32 = 1;
const DATA_KINDS: &[(u8, &str)] = &[
    (0, "ota"),
    (1, "phy"),
    (2, "nvs"),
    (3, "coredump"),
    (4, "nvs_keys"),
    (5, "efuse"),
    (6, "undefined"),
    (0x80, "esphttpd"),
    (0x81, "fat"),
    (0x82, "spiffs"),
    (0x83, "littlefs"),
];

struct Partition {
    kind: u8,
    subkind: u8,
    offset: u64,
    bytes: u64,
    label: String,
    flags: u32,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    if !candidate.offset.is_multiple_of(SECTOR_BYTES) {
        return Err(NotThis);
    }
    let table = extent.read_up_to(0, TABLE_BYTES)?;
    let (partitions, table_bytes, hashed) = read(&table).ok_or(NotThis)?;
    let mut faults = Vec::new();
    let mut attributes =
        vec![("partitions", partitions.iter().map(describe).collect::<Vec<_>>().join("; "))];
    if let Some(holds) = hashed {
        attributes.push(("md5", if holds { "verified" } else { "wrong" }.to_owned()));
        if !holds {
            let place = u64::try_from(table_bytes).unwrap_or(0);
            faults.push(Fault::new(place, "check the table's md5", "it does not fit"));
        }
    }
    let table_bytes = u64::try_from(table_bytes).map_err(|_| NotThis)?;
    // Offsets count from the start of the flash: of a file of its own it is not known where that is.
    let after = |partition: &&Partition| partition.offset >= candidate.offset + SECTOR_BYTES;
    let inside: Vec<&Partition> = partitions.iter().filter(after).collect();
    let ends = inside.iter().map(|partition| partition.offset + partition.bytes - candidate.offset);
    let end = ends.max().filter(|_| candidate.offset > 0 && inside.len() == partitions.len());
    let Some(end) = end else {
        return Ok(Opened { length: table_bytes, attributes, faults, ..Opened::default() });
    };
    let mut layout = Layout::new(extent.clamp(0, end));
    layout.consumed(0, table_bytes);
    for partition in &inside {
        let place = partition.offset - candidate.offset;
        if partition.kind == DATA && partition.subkind == DATA_OTA {
            let content = extent.clamp(place, partition.bytes);
            attributes.push(("starts", active(&content, &partitions)));
            layout.leaf(partition.label.as_str(), place, partition.bytes);
        } else {
            layout.part(partition.label.as_str(), place, partition.bytes);
        }
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length: end, attributes, entries: laid.entries, faults, unread: None })
}

/// The entries, how many bytes they take up with their digest, and whether that holds.
fn read(table: &[u8]) -> Option<(Vec<Partition>, usize, Option<bool>)> {
    let (mut partitions, mut hashed, mut at) = (Vec::new(), None, 0);
    while let Some(entry) = table.get(at..at + ENTRY_BYTES) {
        let view = View(entry);
        if entry.starts_with(&MD5_MARK) {
            let stored = view.bytes(16, 16).ok()?;
            hashed = Some(digest::md5(table.get(..at)?) == stored);
            at += ENTRY_BYTES;
            break;
        }
        if view.bytes(0, 2).ok()? != [0xaa, 0x50] {
            break;
        }
        partitions.push(partition(view)?);
        at += ENTRY_BYTES;
    }
    // Without a digest, it ends with erased flash.
    let ended = hashed.is_some()
        || table.get(at..at + ENTRY_BYTES).is_none_or(|rest| rest.iter().all(|&byte| byte == 0xff));
    let named = partitions.iter().any(|one| one.kind == APPLICATION || one.kind == DATA);
    (ended && named && (hashed.is_some() || partitions.len() > 1))
        .then_some((partitions, at, hashed))
}

fn partition(view: View<'_>) -> Option<Partition> {
    let partition = Partition {
        kind: view.u8(2).ok()?,
        subkind: view.u8(3).ok()?,
        offset: u64::from(view.u32(4, Little).ok()?),
        bytes: u64::from(view.u32(8, Little).ok()?),
        label: text_of(view.text(12, 16).ok()?),
        flags: view.u32(28, Little).ok()?,
    };
    let plausible = partition.bytes > 0
        && partition.offset.is_multiple_of(SECTOR_BYTES)
        && partition.label.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
        && !partition.label.is_empty()
        && partition.flags < 0x100;
    plausible.then_some(partition)
}

fn describe(partition: &Partition) -> String {
    let Partition { kind, subkind, offset, bytes, label, flags } = partition;
    let kind = match (*kind, *subkind) {
        (APPLICATION, 0) => "app factory".to_owned(),
        (APPLICATION, slot @ 0x10..=0x1f) => format!("app ota_{}", slot & 0xf),
        (APPLICATION, 0x20) => "app test".to_owned(),
        (DATA, subkind) => {
            let known = DATA_KINDS.iter().find(|known| known.0 == subkind);
            known
                .map_or_else(|| format!("data {subkind:#04x}"), |known| format!("data {}", known.1))
        }
        (kind, subkind) => format!("{kind:#04x} {subkind:#04x}"),
    };
    let encrypted = if flags & FLAG_ENCRYPTED != 0 { ", encrypted" } else { "" };
    format!("{label} ({kind}, {bytes} bytes at {offset:#x}{encrypted})")
}

/// The application that the newer valid copy of the data of updates chooses (`esp_ota_select_entry_t`).
fn active(content: &Extent, partitions: &[Partition]) -> String {
    let slots = partitions
        .iter()
        .filter(|one| one.kind == APPLICATION && one.subkind & 0xf0 == 0x10)
        .count();
    let sequence = |copy: u64| {
        let bytes = content.read(copy * SECTOR_BYTES, 32).ok()?;
        let view = View(&bytes);
        let sequence = view.u32(0, Little).ok()?;
        let holds = view.u32(28, Little).ok()? == crc32(view.bytes(0, 4).ok()?);
        (holds && (1..u32::MAX).contains(&sequence)).then_some(sequence)
    };
    match (sequence(0).max(sequence(1)), u32::try_from(slots)) {
        (Some(sequence), Ok(slots @ 1..)) => format!("ota_{}", (sequence - 1) % slots),
        _ => "factory, or the first".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use super::crc32;
    use crate::{
        Tree, digest,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn entry(kind: u8, subkind: u8, offset: u32, bytes: u32, label: &str, flags: u32) -> Vec<u8> {
        let mut entry = vec![0xaa, 0x50, kind, subkind];
        entry.extend(offset.to_le_bytes());
        entry.extend(bytes.to_le_bytes());
        entry.extend(label.as_bytes());
        entry.resize(28, 0);
        entry.extend(flags.to_le_bytes());
        entry
    }

    fn table() -> Vec<u8> {
        let mut table = [
            entry(1, 2, 0x2000, 0x1000, "nvs", 0),
            entry(1, 0, 0x3000, 0x2000, "otadata", 0),
            entry(0, 0x10, 0x5000, 0x1000, "ota_0", 0),
            entry(0, 0x11, 0x6000, 0x1000, "ota_1", 0),
            entry(1, 0x82, 0x8000, 0x1000, "storage", 1),
        ]
        .concat();
        let md5 = digest::md5(&table);
        table.extend(super::MD5_MARK);
        table.extend(md5);
        table
    }

    fn flash() -> Vec<u8> {
        let mut flash = vec![0xff; 0x9000];
        flash[0x1000..0x1000 + table().len()].copy_from_slice(&table());
        for (copy, sequence) in [(0x3000, 5_u32), (0x4000, 6)] {
            flash[copy..copy + 4].copy_from_slice(&sequence.to_le_bytes());
            let crc = crc32(&sequence.to_le_bytes());
            flash[copy + 28..copy + 32].copy_from_slice(&crc.to_le_bytes());
        }
        flash[0x5000..0x5010].fill(1);
        flash[0x7000] = 0x77;
        flash
    }

    #[test]
    fn a_whole_flash_is_split() {
        let tree = Tree::from_bytes(flash(), &Limits::default());
        let found = locators(&tree);
        let inside = |name: &str| format!("image@0x1000/esp-partitions:/{name}");
        for name in ["nvs", "ota_0", "ota_1", "storage", "gap-0x6000"] {
            assert!(found.contains(&inside(name)), "{name}: {found:?}");
        }
        let told = |key| attribute(&tree, "esp-partitions", key).unwrap();
        assert_eq!((told("md5"), told("starts")), ("verified".into(), "ota_1".into()));
        let partitions = told("partitions");
        assert!(partitions.starts_with("nvs (data nvs, 4096 bytes at 0x2000); "), "{partitions}");
        assert!(partitions.ends_with("storage (data spiffs, 4096 bytes at 0x8000, encrypted)"));
        let mut damaged = flash();
        damaged[0x100c] = b'N';
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert_eq!(attribute(&tree, "esp-partitions", "md5").unwrap(), "wrong");
    }

    #[test]
    fn a_table_of_its_own_is_told() {
        let tree = Tree::from_bytes(table(), &Limits::default());
        assert_eq!(tree.coverage().bytes_read, table().len() as u64);
        assert!(attribute(&tree, "esp-partitions", "partitions").is_some());
        check(&table(), 192);
    }
}
