//! What an image is started from: boot images (El Torito 1.0) and partitions of hybrid images.

use std::collections::HashMap;

use crate::{
    Endian::Little, Entry, EntryKind, Extent, Fault, Metadata, Reading, View,
    formats::filesystem::fat,
};
use auscult_model::ByteName;

/// Blocks and sectors of El Torito, whatever the file system has.
const BLOCK_BYTES: u64 = 2048;
const SECTOR_BYTES: u64 = 512;
/// Entries of the catalog.
const ENTRY_BYTES: usize = 32;
const VALIDATION: u8 = 1;
const BOOTABLE: u8 = 0x88;
const NOT_BOOTABLE: u8 = 0;
const SECTION: u8 = 0x90;
const LAST_SECTION: u8 = 0x91;
/// Boot images of one catalog.
const IMAGES_MAX: usize = 64;
/// The sectors in front of the descriptors, which the file system leaves to others.
const SYSTEM_AREA_BYTES: u64 = 16 * BLOCK_BYTES;
/// Place of the partition table of a PC.
const TABLE: usize = 446;
/// `FILE` systems have no business in this folder.
const FOLDER: &str = "[boot]";

/// A boot image as the catalog has it.
struct Image {
    platform: &'static str,
    media: u8,
    place: u64,
    sectors: u64,
}

/// The images of the catalog, partitions, and the system area, as members; and what is told of
/// them. Those that are files of the image already are links to them.
pub(super) fn entries(
    image: &Extent,
    catalog: Option<u64>,
    files: &[Entry],
) -> (Vec<Entry>, Vec<(&'static str, String)>) {
    let mut known: HashMap<u64, &Entry> = HashMap::new();
    for file in files {
        let place = file.content.as_ref().and_then(|content| content.offset_in(image));
        if let Some(place) = place.filter(|_| file.kind == EntryKind::File) {
            known.entry(place).or_insert(file);
        }
    }
    let (mut found, mut told, mut hybrid) = (Vec::new(), Vec::new(), Vec::new());
    let images = catalog.map_or(Ok(Vec::new()), |block| read_catalog(image, block));
    let mut places = Vec::new();
    for (number, boot) in (1..).zip(images.unwrap_or_default()) {
        let name = format!("{FOLDER}/{number}-{}.img", boot.platform);
        let file = known.get(&boot.place);
        let content = if file.is_some() { None } else { boot.content(image) };
        let shown = match (file, &content) {
            (Some(file), _) => file.path.to_string(),
            (None, Some(_)) => name.clone(),
            (None, None) => format!("at {:#x}, behind the file system", boot.place),
        };
        told.push(format!("{} {}: {shown}", boot.platform, boot.media()));
        places.push(boot.place);
        found.extend(file.map(|file| link(&name, file)));
        found.extend(content.map(|content| member(&name, content)));
    }
    let head = image.read_up_to(0, SYSTEM_AREA_BYTES).unwrap_or_default();
    for (number, place, length) in partitions(&head) {
        hybrid.push("mbr");
        let is_known = known.contains_key(&place) || places.contains(&place);
        // One that covers the file system itself, or lies behind it, is none of its members.
        if place >= SYSTEM_AREA_BYTES && place < image.len() && !is_known {
            let content = image.clamp(place, length);
            found.push(member(&format!("{FOLDER}/partition{number}.img"), content));
        }
    }
    if head.get(512..520) == Some(b"EFI PART") {
        hybrid.push("gpt");
    }
    if head.get(512..514) == Some(b"PM") {
        hybrid.push("apple-partition-map");
    }
    if head.iter().any(|&byte| byte != 0) {
        let mut area =
            member(&format!("{FOLDER}/system-area.img"), image.clamp(0, SYSTEM_AREA_BYTES));
        area.reading = Reading::Leaf;
        found.push(area);
    }
    hybrid.dedup();
    let told = [("boot", told.join("; ")), ("hybrid", hybrid.join(", "))];
    (found, told.into_iter().filter(|(_, text)| !text.is_empty()).collect())
}

fn member(name: &str, content: Extent) -> Entry {
    Entry::member(name.as_bytes(), EntryKind::File, Metadata::default()).with_content(content)
}

/// Another name for a file of the image.
fn link(name: &str, file: &Entry) -> Entry {
    let kind = EntryKind::Hardlink(file.path.clone());
    let mut entry = Entry::member(ByteName::from(name.as_bytes()), kind, Metadata::default());
    entry.content.clone_from(&file.content);
    entry.reading = Reading::Leaf;
    entry
}

impl Image {
    fn media(&self) -> &'static str {
        match self.media {
            0 => "without emulation",
            1..=3 => "as a floppy disk",
            _ => "as a hard disk",
        }
    }

    /// The bytes of the image: the catalog only says how much of it is loaded first.
    fn content(&self, image: &Extent) -> Option<Extent> {
        let rest = image.from(self.place);
        let floppy_kib = [0, 1200, 1440, 2880].get(usize::from(self.media)).copied().unwrap_or(0);
        let file_system = rest.read_up_to(0, 512).ok().and_then(|head| fat::length(&head));
        let disk = rest.read_up_to(0, SECTOR_BYTES).ok().map(|head| {
            partitions(&head).map(|(_, place, length)| place.saturating_add(length)).max()
        });
        let disk = disk.flatten().filter(|_| self.media >= 4).unwrap_or(0);
        let loaded = self.sectors.max(1) * SECTOR_BYTES;
        let length = loaded.max(floppy_kib << 10).max(file_system.unwrap_or(0)).max(disk);
        Some(rest.clamp(0, length)).filter(|content| !content.is_empty())
    }
}

fn read_catalog(image: &Extent, block: u64) -> Result<Vec<Image>, Fault> {
    let place = block.saturating_mul(BLOCK_BYTES);
    let bytes = image.read_up_to(place, BLOCK_BYTES)?;
    let view = View(&bytes);
    let sum = |words: &[[u8; 2]]| {
        words.iter().fold(0_u16, |sum, &word| sum.wrapping_add(u16::from_le_bytes(word)))
    };
    let (words, _) = view.bytes(0, ENTRY_BYTES)?.as_chunks();
    if view.u8(0)? != VALIDATION || view.bytes(30, 2)? != [0x55, 0xaa] || sum(words) != 0 {
        return Err(Fault::new(place, "read the boot catalog", "its checksum is wrong"));
    }
    let mut platform = platform(view.u8(1)?);
    let mut images = Vec::new();
    for entry in bytes.chunks_exact(ENTRY_BYTES).skip(1) {
        let entry = View(entry);
        match entry.u8(0)? {
            SECTION | LAST_SECTION => platform = self::platform(entry.u8(1)?),
            BOOTABLE | NOT_BOOTABLE if images.len() < IMAGES_MAX => {
                let block = u64::from(entry.u32(8, Little)?);
                if block > 0 {
                    images.push(Image {
                        platform,
                        media: entry.u8(1)? & 0xf,
                        place: block * BLOCK_BYTES,
                        sectors: u64::from(entry.u16(6, Little)?),
                    });
                }
            }
            _ => {}
        }
    }
    Ok(images)
}

fn platform(number: u8) -> &'static str {
    match number {
        0 => "x86",
        1 => "powerpc",
        2 => "mac",
        0xef => "efi",
        _ => "other",
    }
}

/// The partitions of a boot record: number, place and length in bytes.
fn partitions(head: &[u8]) -> impl Iterator<Item = (usize, u64, u64)> {
    let marked = head.get(510..512) == Some(&[0x55, 0xaa]);
    let slots = head.get(TABLE..510).filter(|_| marked).unwrap_or_default();
    (1..).zip(slots.chunks_exact(16)).filter_map(|(number, slot)| {
        let view = View(slot);
        let (first, count) = (view.u32(8, Little).ok()?, view.u32(12, Little).ok()?);
        let used = matches!(view.u8(0).ok()?, 0 | 0x80) && view.u8(4).ok()? != 0 && count > 0;
        used.then(|| (number, u64::from(first) * SECTOR_BYTES, u64::from(count) * SECTOR_BYTES))
    })
}
