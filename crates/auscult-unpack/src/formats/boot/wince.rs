//! Images of Windows CE (Microsoft's Platform Builder: `romldr.h`, "Windows CE binary image data
//! format"): records for a boot loader (`B000FF`), and the ROM image with its table of contents (`ECEC`).
//!
//! Modules are stored as sections that were moved to their place in memory; their bytes are given in
//! that order, without the headers of a program file. What is packed by CE's own method is named.

use std::ops::Range;

use crate::{
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    checksum::{agrees, each_piece},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::text_of;

pub(crate) static RECORDS: Format = Format {
    name: "wince-bin",
    magics: &[Magic::start(b"B000FF\n")],
    carve: true,
    open: open_records,
};

pub(crate) static ROM: Format =
    Format { name: "wince-rom", magics: &[Magic::at(0x40, b"ECEC")], carve: true, open: open_rom };

const HEADER_BYTES: u64 = 15;
const RECORD_BYTES: u64 = 12;
const RECORDS_MAX: usize = 1 << 16;
const IMAGE_BYTES_MAX: u64 = 1 << 30;

struct Record {
    address: u64,
    place: u64,
    length: u64,
}

/// Records of an address, a length, a sum and data, up to one whose address is zero.
fn open_records(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let (base, size) = (View(&head).u32(7, Little)?, View(&head).u32(11, Little)?);
    let (base, size) = (u64::from(base), u64::from(size));
    if size == 0 || size > IMAGE_BYTES_MAX {
        return Err(NotThis);
    }
    let (mut records, mut faults, mut at, mut entry_point) =
        (Vec::new(), Vec::new(), HEADER_BYTES, None);
    while records.len() < RECORDS_MAX {
        let Ok(bytes) = extent.read(at, RECORD_BYTES) else { break };
        let view = View(&bytes);
        let (address, length) = (view.u32(0, Little)?, view.u32(4, Little)?);
        let place = at + RECORD_BYTES;
        if address == 0 {
            entry_point = Some(length);
            at = place;
            break;
        }
        let (address, length) = (u64::from(address), u64::from(length));
        if address < base || address - base + length > size {
            // The first record decides whether it is such an image at all.
            if records.is_empty() {
                return Err(NotThis);
            }
            faults.push(Fault::new(at, "read a record", "its address is outside the image"));
            break;
        }
        faults.extend(check_record(&extent.clamp(place, length), length, view, place));
        records.push(Record { address: address - base, place, length });
        at = place + length;
    }
    if records.is_empty() {
        return Err(NotThis);
    }
    let image = assembled(extent, records, size);
    let mut attributes = vec![("load-address", format!("{base:#010x}"))];
    match entry_point {
        Some(entry) => attributes.push(("entry-point", format!("{entry:#010x}"))),
        None => faults.push(Fault::new(at, "read the last record", "there is none")),
    }
    let entries = vec![Entry::payload(image)];
    Ok(Opened { length: at, attributes, entries, faults, unread: None })
}

fn check_record(data: &Extent, length: u64, view: View<'_>, place: u64) -> Option<Fault> {
    if data.len() < length {
        return None;
    }
    let stored = view.u32(8, Little).ok()?;
    let mut sum = 0_u32;
    let read = each_piece(data, |bytes| {
        sum = bytes.iter().fold(sum, |sum, &byte| sum.wrapping_add(u32::from(byte)));
    });
    match read {
        Err(fault) => Some(fault.within(place)),
        Ok(()) if agrees(stored, sum) => None,
        Ok(()) => {
            let why = format!("{stored:#x} stored, {sum:#x} computed");
            Some(Fault::new(place, "check a record's sum", why))
        }
    }
}

/// The memory that the records describe, with zeros between them.
fn assembled(extent: &Extent, mut records: Vec<Record>, size: u64) -> Extent {
    records.sort_by_key(|record| record.address);
    let (mut parts, mut end) = (Vec::new(), 0);
    for record in records {
        let Some(gap) = record.address.checked_sub(end) else { continue };
        let data = extent.clamp(record.place, record.length);
        if gap > 0 {
            parts.push(Extent::zeros(extent.vault(), gap));
        }
        end = record.address + data.len();
        parts.push(data);
    }
    if end < size {
        parts.push(Extent::zeros(extent.vault(), size - end));
    }
    Extent::joined(extent.vault(), parts)
}

/// Where the pointer to the table of contents stands.
const POINTER_AT: u64 = 0x44;
const TABLE_BYTES: u64 = 84;
const PAGE_BYTES: u64 = 4096;
const MODULE_BYTES: u64 = 32;
const FILE_BYTES: u64 = 28;
const ENTRIES_MAX: u64 = 8192;
const SECTIONS_MAX: u64 = 64;
/// In the flags of a section.
const PACKED: u32 = 0x2000;
/// Seconds from 1601 to 1970, and the ticks of Windows in a second.
const EPOCH_SECONDS: i64 = 11_644_473_600;
const TICKS: u64 = 10_000_000;
const FOREIGN: &str = "compressed by Windows CE's own method";

struct Rom<'extent> {
    extent: &'extent Extent,
    /// The address of the first byte.
    base: u64,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

fn open_rom(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, POINTER_AT + 8)?;
    let pointer = u64::from(View(&head).u32(0x44, Little)?);
    let offset = u64::from(View(&head).u32(0x48, Little)?);
    // Images start at pages; anywhere else the search would be for nothing.
    let searched = candidate.offset.is_multiple_of(PAGE_BYTES);
    let (place, table) = table(extent, pointer, offset, searched).ok_or(NotThis)?;
    let view = View(&table);
    let word = |at| view.u32(at, Little).map(u64::from);
    let (base, end) = (word(8)?, word(12)?);
    let (modules, files) = (word(16)?, word(48)?);
    let length = end.checked_sub(base).filter(|length| *length <= IMAGE_BYTES_MAX);
    let length = length.filter(|length| *length > place + TABLE_BYTES).ok_or(NotThis)?;
    if modules + files == 0 || modules > ENTRIES_MAX || files > ENTRIES_MAX {
        return Err(NotThis);
    }
    let mut rom = Rom { extent, base, entries: Vec::new(), faults: Vec::new() };
    let modules_at = place + TABLE_BYTES;
    let files_at = modules_at + modules * MODULE_BYTES;
    for index in 0..modules {
        rom.module(modules_at + index * MODULE_BYTES);
    }
    for index in 0..files {
        rom.file(files_at + index * FILE_BYTES);
    }
    if rom.entries.is_empty() {
        return Err(NotThis);
    }
    let attributes = vec![
        ("load-address", format!("{base:#010x}")),
        ("cpu", format!("{:#x}", view.u16(68, Little)?)),
        ("modules", modules.to_string()),
        ("files", files.to_string()),
    ];
    let Rom { entries, faults, .. } = rom;
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// The table of contents: newer images tell its offset, in older ones it is where its own address
/// agrees with the address that the image starts at.
fn table(extent: &Extent, pointer: u64, offset: u64, searched: bool) -> Option<(u64, Vec<u8>)> {
    const STEP_BYTES: u64 = 1 << 20;
    let at = |offset: u64| {
        let bytes = extent.read(offset, TABLE_BYTES).ok()?;
        let base = u64::from(View(&bytes).u32(8, Little).ok()?);
        (base + offset == pointer).then(|| (offset, bytes.to_vec()))
    };
    if offset > 0
        && let Some(found) = at(offset)
    {
        return Some(found);
    }
    let mut position = 0;
    while searched && position < extent.len().min(IMAGE_BYTES_MAX) {
        let bytes = extent.read_up_to(position, STEP_BYTES).ok()?;
        let words = bytes.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word));
        let offsets = (position..).step_by(4);
        // The base stands 8 bytes into the table.
        let found = offsets.zip(words).find_map(|(place, word)| {
            let offset = place.checked_sub(8)?;
            (u64::from(word) + offset == pointer && word != 0).then(|| at(offset))?
        });
        if found.is_some() {
            return found;
        }
        position += STEP_BYTES;
    }
    None
}

impl Rom<'_> {
    /// The offset of an address.
    fn offset(&self, address: u32) -> Option<u64> {
        u64::from(address).checked_sub(self.base).filter(|offset| *offset < self.extent.len())
    }

    /// The text at an address.
    fn name(&self, address: u32) -> Option<String> {
        const NAME_BYTES_MAX: u64 = 260;
        let bytes = self.extent.read_up_to(self.offset(address)?, NAME_BYTES_MAX).ok()?;
        let text = bytes.split(|&byte| byte == 0).next()?;
        let printable = !text.is_empty() && text.iter().all(|byte| (0x20..0x7f).contains(byte));
        printable.then(|| text_of(text))
    }

    fn module(&mut self, at: u64) {
        let Ok(bytes) = self.extent.read(at, MODULE_BYTES) else { return };
        let view = View(&bytes);
        let word = |at| view.u32(at, Little).ok();
        let (Some(name), Some(e32), Some(o32)) =
            (word(16).and_then(|at| self.name(at)), word(20), word(24))
        else {
            self.faults.push(Fault::new(at, "read a module's entry", "its name is nowhere"));
            return;
        };
        let sections = self.offset(e32).and_then(|at| self.extent.read(at, 2).ok());
        let count = sections.and_then(|bytes| View(&bytes).u16(0, Little).ok()).unwrap_or(0);
        let sections = self.sections(o32, u64::from(count).min(SECTIONS_MAX));
        let packed = sections.iter().any(|(_, packed)| *packed);
        let stored: Vec<Extent> = sections
            .iter()
            .map(|(range, _)| self.extent.clamp(range.start, range.end - range.start))
            .collect();
        let content = Extent::joined(self.extent.vault(), stored);
        let modified = view.u64(4, Little).ok().map(seconds);
        let metadata = Metadata { modified, ..Metadata::default() };
        let size = content.len();
        let mut member = Entry::member(name.as_bytes(), EntryKind::File, metadata);
        if !content.is_empty() {
            member = member.with_content(content);
        }
        self.entries.push(if packed { member.unreadable(size, FOREIGN) } else { member });
    }

    /// Where the sections of a module are, and whether each is packed.
    fn sections(&self, o32: u32, count: u64) -> Vec<(Range<u64>, bool)> {
        const SECTION_BYTES: u64 = 24;
        let Some(table) = self.offset(o32) else { return Vec::new() };
        let section = |index: u64| {
            let bytes = self.extent.read(table + index * SECTION_BYTES, SECTION_BYTES).ok()?;
            let view = View(&bytes);
            let (memory, stored) = (view.u32(0, Little).ok()?, view.u32(8, Little).ok()?);
            let place = self.offset(view.u32(12, Little).ok()?)?;
            let packed = view.u32(20, Little).ok()? & PACKED != 0 && stored < memory;
            (stored > 0).then(|| (place..place + u64::from(stored), packed))
        };
        (0..count).filter_map(section).collect()
    }

    fn file(&mut self, at: u64) {
        let Ok(bytes) = self.extent.read(at, FILE_BYTES) else { return };
        let view = View(&bytes);
        let word = |at| view.u32(at, Little).ok();
        let found =
            word(20).and_then(|at| self.name(at)).zip(word(24).and_then(|at| self.offset(at)));
        let (Some((name, place)), Some(real), Some(stored)) = (found, word(12), word(16)) else {
            self.faults.push(Fault::new(at, "read a file's entry", "its name or data is nowhere"));
            return;
        };
        let content = self.extent.clamp(place, stored.into());
        let size = content.len();
        if size < u64::from(stored) {
            let why = format!("{stored} bytes promised, {size} there: truncated");
            self.faults.push(Fault::new(place, format!("read {name} whole"), why));
        }
        let modified = view.u64(4, Little).ok().map(seconds);
        let metadata = Metadata { modified, ..Metadata::default() };
        let member =
            Entry::member(name.as_bytes(), EntryKind::File, metadata).with_content(content);
        let packed = stored != real;
        self.entries.push(if packed { member.unreadable(size, FOREIGN) } else { member });
    }
}

/// A time of Windows: ticks since 1601.
fn seconds(ticks: u64) -> i64 {
    i64::try_from(ticks / TICKS).unwrap_or(0) - EPOCH_SECONDS
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    const BASE: u32 = 0x8000_1000;

    fn rom(with_offset: bool) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.pad_to(0x40, 0).bytes(b"ECEC").u32(BASE + 0x80);
        writer.u32(if with_offset { 0x80 } else { 0 }).pad_to(0x80, 0);
        writer.u32(0).u32(0).u32(BASE).u32(BASE + 0x300).u32(1).pad_to(0x80 + 48, 0).u32(2);
        writer.pad_to(0x80 + 68, 0).u16(0x1c0).pad_to(0x80 + 84, 0);
        // One module with two sections, two files of which one is packed.
        writer.u32(7).u64(132_000_000_000_000_000).u32(9).u32(BASE + 0x200).u32(BASE + 0x220);
        writer.u32(BASE + 0x230).u32(BASE + 0x280);
        for (real, stored, name, data) in [(6, 6, 0x208, 0x288), (40, 8, 0x210, 0x290)] {
            writer.u32(7).u64(132_000_000_000_000_000).u32(real).u32(stored);
            writer.u32(BASE + name).u32(BASE + data);
        }
        writer.pad_to(0x200, 0).field("nk.exe", 8).field("boot.h", 8).field("a.dll", 16);
        writer.u16(2).u16(0).pad_to(0x230, 0);
        for (place, size) in [(0x280, 5), (0x285, 3)] {
            writer.u32(size).u32(0x1000).u32(size).u32(BASE + place).u32(0).u32(0x20);
        }
        writer.pad_to(0x280, 0).bytes(b".text.da").bytes(b"config").pad_to(0x290, 0);
        writer.bytes(b"\x9a\x11\x22\x33\x44\x55\x66\x77").pad_to(0x300, 0);
        writer.finish()
    }

    fn records() -> Vec<u8> {
        let rom = rom(true);
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"B000FF\n").u32(BASE).u32(0x300);
        for (at, part) in [(0_u32, &rom[..0x1f0]), (0x200, &rom[0x200..])] {
            let sum = part.iter().map(|&byte| u32::from(byte)).sum();
            writer.u32(BASE + at).u32(u32::try_from(part.len()).unwrap()).u32(sum).bytes(part);
        }
        writer.u32(0).u32(BASE).u32(0);
        writer.finish()
    }

    #[test]
    fn records_are_put_together_and_the_rom_is_listed() {
        let tree = Tree::from_bytes(records(), &Limits::default());
        assert_eq!(attribute(&tree, "wince-bin", "entry-point").unwrap(), "0x80001000");
        assert_eq!(attribute(&tree, "wince-rom", "modules").unwrap(), "1");
        for (name, content) in [("nk.exe", ".text.da"), ("boot.h", "config")] {
            let path = format!("image@0x0/wince-bin@0x0/wince-rom:/{name}").parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), content);
        }
        let unread = &tree.coverage().regions_unread;
        assert!(unread.iter().any(|region| region.reason.contains("own method")), "{unread:?}");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&records(), 40, 29);
        let mut damaged = records();
        damaged[100] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert!(tree.problems()[0].what.contains("sum"), "{:?}", tree.problems());
    }

    #[test]
    fn older_images_do_not_tell_where_their_table_is() {
        let tree = Tree::from_bytes(rom(false), &Limits::default());
        assert_eq!(attribute(&tree, "wince-rom", "files").unwrap(), "2");
        assert_survives_damage(&rom(false), 0x50, 29);
        assert_survives_damage(&rom(true)[..0x2a0], 0x150, 997);
    }
}
