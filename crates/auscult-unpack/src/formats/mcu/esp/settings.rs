//! Settings that Espressif's chips keep in flash (ESP-IDF's documentation, "Non-Volatile Storage Library",
//! version 2 of its pages): keys with values, in namespaces.
//!
//! Each value becomes a member `NAMESPACE/KEY`: numbers as text, texts and blobs as their bytes. Erased
//! values are left out. Pages that are encrypted are told.

use std::collections::BTreeMap;

use super::crc32;
use crate::{
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, Reading, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{sanitize, text_of},
};

pub(in crate::formats::mcu) static FORMAT: Format = Format {
    name: "esp-nvs",
    // The version of a page, and bytes that are not used, behind its state and its number.
    magics: &[Magic::at(
        8,
        &[
            0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ],
    )],
    carve: true,
    open,
};

const PAGE_BYTES: u64 = 4096;
const PAGES_MAX: u64 = 1024;
const ENTRY_BYTES: usize = 32;
const ENTRIES_AT: usize = 64;
const ENTRIES: usize = 126;
const WRITTEN: u8 = 2;
/// States of a page that hold entries: active, full, being freed.
const STATES: [u32; 3] = [0xffff_fffe, 0xffff_fffc, 0xffff_fff8];
const EMPTY: u32 = u32::MAX;

const TEXT: u8 = 0x21;
const BLOB: u8 = 0x41;
const BLOB_DATA: u8 = 0x42;
const BLOB_INDEX: u8 = 0x48;

/// A value, in pieces where it is a blob.
struct Value {
    space: u8,
    key: String,
    kind: u8,
    pieces: BTreeMap<u8, Extent>,
}

#[derive(Default)]
struct Reader {
    names: BTreeMap<u8, String>,
    values: Vec<Value>,
    written: usize,
    damaged: usize,
    faults: Vec<Fault>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    page_state(extent, 0).filter(|state| STATES.contains(state)).ok_or(NotThis)?;
    let mut reader = Reader::default();
    let mut pages = 0;
    while pages < PAGES_MAX {
        match page_state(extent, pages * PAGE_BYTES) {
            Some(EMPTY) => {}
            Some(_) => reader.page(extent, pages * PAGE_BYTES),
            None => break,
        }
        pages += 1;
    }
    let length = pages * PAGE_BYTES;
    let mut attributes = vec![
        ("pages", pages.to_string()),
        ("namespaces", reader.names.values().cloned().collect::<Vec<_>>().join(", ")),
    ];
    let (written, damaged) = (reader.written, reader.damaged);
    if written > 0 && damaged * 2 > written {
        attributes.clear();
        let unread = Some("encrypted".to_owned());
        return Ok(Opened { length, attributes, unread, ..Opened::default() });
    }
    attributes.push(("values", reader.values.len().to_string()));
    let (entries, faults) = reader.finish(extent);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// The state of the page at this place: an empty one is erased whole, of the others the header's
/// checksum holds.
fn page_state(extent: &Extent, at: u64) -> Option<u32> {
    let head = extent.read(at, PAGE_BYTES).ok()?;
    let view = View(&head);
    let state = view.u32(0, Little).ok()?;
    if state == EMPTY {
        return head.iter().all(|&byte| byte == 0xff).then_some(EMPTY);
    }
    let holds = view.u32(28, Little).ok()? == crc32(view.bytes(4, 24).ok()?);
    (holds && STATES.contains(&state)).then_some(state)
}

impl Reader {
    fn page(&mut self, extent: &Extent, at: u64) {
        let Ok(page) = extent.read(at, PAGE_BYTES) else { return };
        let view = View(&page);
        let mut index = 0;
        while index < ENTRIES {
            let bits = view.u8(32 + index / 4).unwrap_or(0xff) >> (index % 4 * 2) & 3;
            let place = ENTRIES_AT + index * ENTRY_BYTES;
            let Ok(entry) = view.bytes(place, ENTRY_BYTES) else { return };
            let span = usize::from(entry.get(2).copied().unwrap_or(1)).max(1);
            if bits != WRITTEN {
                index += 1;
                continue;
            }
            self.written += 1;
            let from = at + u64::try_from(place).unwrap_or(0);
            if self.entry(View(entry), extent, from).is_none() {
                self.damaged += 1;
                index += 1;
                continue;
            }
            index += span;
        }
    }

    /// Takes in an entry whose checksum holds; none where it does not.
    fn entry(&mut self, view: View<'_>, extent: &Extent, place: u64) -> Option<()> {
        let covered = [view.bytes(0, 4).ok()?, view.bytes(8, 24).ok()?].concat();
        if view.u32(4, Little).ok()? != crc32(&covered) {
            return None;
        }
        let [space, kind, span, chunk] = view.array(0).ok()?;
        let key = text_of(view.text(8, 16).ok()?);
        if space == 0 {
            self.names.insert(view.u8(24).ok()?, key);
            return Some(());
        }
        let content = match kind {
            TEXT | BLOB | BLOB_DATA => {
                let size = u64::from(view.u16(24, Little).ok()?);
                let room = u64::from(span.saturating_sub(1)) * 32;
                let content = extent.clamp(place + 32, size.min(room));
                self.check(view, &content, &key, place);
                // Texts end with a NUL.
                if kind == TEXT {
                    content.clamp(0, content.len().saturating_sub(1))
                } else {
                    content
                }
            }
            BLOB_INDEX => return Some(()),
            number => number_text(extent, number, view)?,
        };
        let same =
            |value: &&mut Value| value.space == space && value.key == key && value.kind == kind;
        let other = self.values.iter_mut().rev().take(64).find(same);
        if let Some(value) = other.filter(|_| kind == BLOB_DATA) {
            value.pieces.insert(chunk, content);
            return Some(());
        }
        let pieces = BTreeMap::from([(chunk, content)]);
        self.values.push(Value { space, key, kind, pieces });
        Some(())
    }

    fn check(&mut self, view: View<'_>, content: &Extent, key: &str, place: u64) {
        let stored = view.u32(28, Little).unwrap_or(0);
        let holds = content.read_all().is_ok_and(|bytes| crc32(&bytes) == stored);
        if !holds && self.faults.len() < 50 {
            self.faults.push(Fault::new(
                place,
                format!("check the value of {key}"),
                "its crc32 is wrong",
            ));
        }
    }

    fn finish(self, extent: &Extent) -> (Vec<Entry>, Vec<Fault>) {
        let entry = |value: Value| {
            let space = self.names.get(&value.space).cloned();
            let space = space.unwrap_or_else(|| format!("namespace{}", value.space));
            let path = format!("{}/{}", sanitize(&space), sanitize(&value.key));
            let content = Extent::joined(extent.vault(), value.pieces.into_values().collect());
            let entry = Entry::member(path.into_bytes(), EntryKind::File, Metadata::default());
            Entry { reading: Reading::Whole, ..entry.with_content(content) }
        };
        (self.values.into_iter().map(entry).collect(), self.faults)
    }
}

/// A number as decimal text; the kind tells its bytes and whether it has a sign.
fn number_text(extent: &Extent, kind: u8, view: View<'_>) -> Option<Extent> {
    let bytes = view.array::<8>(24).ok()?;
    let width = usize::from(kind & 0xf);
    if !matches!(width, 1 | 2 | 4 | 8) || kind & 0xf0 > 0x10 {
        return None;
    }
    let mut padded = [0; 8];
    padded.get_mut(..width)?.copy_from_slice(bytes.get(..width)?);
    let value = u64::from_le_bytes(padded);
    let shift = 64 - 8 * u32::try_from(width).ok()?;
    let text = if kind & 0x10 == 0 {
        value.to_string()
    } else {
        ((value << shift).cast_signed() >> shift).to_string()
    };
    Some(Extent::from_memory(extent.vault(), text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use super::crc32;
    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn entry(space: u8, kind: u8, span: u8, chunk: u8, key: &str, data: [u8; 8]) -> Vec<u8> {
        let mut entry = vec![space, kind, span, chunk, 0, 0, 0, 0];
        entry.extend(key.as_bytes());
        entry.resize(24, 0);
        entry.extend(data);
        let crc = crc32(&[&entry[..4], &entry[8..]].concat());
        entry[4..8].copy_from_slice(&crc.to_le_bytes());
        entry
    }

    fn long(space: u8, kind: u8, chunk: u8, key: &str, value: &[u8]) -> Vec<u8> {
        let span = u8::try_from(1 + value.len().div_ceil(32)).unwrap();
        let mut data = u16::try_from(value.len()).unwrap().to_le_bytes().to_vec();
        data.extend([0xff, 0xff]);
        data.extend(crc32(value).to_le_bytes());
        let mut bytes = entry(space, kind, span, chunk, key, data.try_into().unwrap());
        bytes.extend(value);
        bytes.resize(usize::from(span) * 32, 0xff);
        bytes
    }

    fn page() -> Vec<u8> {
        let entries = [
            entry(0, 1, 1, 0xff, "wifi", [1, 0, 0, 0, 0, 0, 0, 0]),
            long(1, 0x21, 0xff, "ssid", b"hospital\0"),
            entry(1, 0x14, 1, 0xff, "offset", [0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
            long(1, 0x42, 0, "blob", &[1; 40]),
            long(1, 0x42, 1, "blob", &[2; 3]),
            entry(1, 0x48, 1, 0xff, "blob", [43, 0, 0, 0, 2, 0, 0xff, 0xff]),
        ];
        let mut page = vec![0xfe, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xfe];
        page.resize(28, 0xff);
        let crc = crc32(&page[4..28]);
        page.extend(crc.to_le_bytes());
        let entries = entries.concat();
        let mut bitmap = vec![0xff_u8; 32];
        for index in 0..entries.len() / 32 {
            bitmap[index / 4] &= !(1 << (index % 4 * 2));
        }
        page.extend(bitmap);
        page.extend(entries);
        page.resize(4096, 0xff);
        page
    }

    #[test]
    fn values_are_members() {
        let mut bytes = page();
        bytes.extend([0xff; 4096]);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(tree.problems(), []);
        let value = |key: &str| {
            let locator = format!("image@0x0/esp-nvs:/wifi/{key}").parse().unwrap();
            tree.bytes(tree.resolve(&locator).unwrap().0).unwrap()
        };
        assert_eq!(value("ssid"), "hospital");
        assert_eq!(value("offset"), "-2");
        assert_eq!(value("blob"), [&[1; 40][..], &[2; 3]].concat());
        assert_eq!(attribute(&tree, "esp-nvs", "pages").unwrap(), "2");
        check(&page()[..1000], 64);
    }

    #[test]
    fn encrypted_and_damaged_pages_are_told() {
        let mut bytes = page();
        for byte in &mut bytes[64..512] {
            *byte ^= 0xa5;
        }
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(tree.coverage().regions_unread[0].reason.contains("encrypted"));
        let mut bytes = page();
        bytes[128] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(tree.problems()[0].what.contains("ssid"), "{:?}", locators(&tree));
    }
}
