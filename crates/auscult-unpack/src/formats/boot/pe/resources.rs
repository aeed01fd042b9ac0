//! Resources of a PE file: a tree of types, names and languages ("The .rsrc Section"), and what the
//! version information says ("VS_VERSIONINFO structure").

use super::header::{Header, RESOURCES};
use crate::{
    Endian::Little,
    Extent, Fault, View,
    formats::support::{budget::Budget, layout::sanitize},
};

const ENTRIES_MAX: usize = 4096;
const LEVELS: usize = 3;
const SUBDIRECTORY: u32 = 0x8000_0000;
const VERSION_TYPE: u32 = 16;
const VERSION_BYTES_MAX: u64 = 64 << 10;
/// Names in the version information that are told.
const TEXTS: &[(&str, &str)] = &[
    ("CompanyName", "company"),
    ("ProductName", "product"),
    ("ProductVersion", "product-version"),
    ("FileVersion", "file-version"),
    ("FileDescription", "description"),
    ("InternalName", "internal-name"),
    ("OriginalFilename", "original-name"),
    ("LegalCopyright", "copyright"),
];

/// A resource.
pub(super) struct Resource {
    pub(super) name: String,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

/// What was found.
#[derive(Default)]
pub(super) struct Resources {
    pub(super) large: Vec<Resource>,
    pub(super) attributes: Vec<(&'static str, String)>,
    pub(super) faults: Vec<Fault>,
    count: usize,
}

/// Reads all resources; those of at least `bytes_min` are listed.
pub(super) fn read(extent: &Extent, header: &Header, bytes_min: u64) -> Resources {
    let mut found = Resources::default();
    let Some((address, bytes)) = header.directory(RESOURCES) else { return found };
    let Some(offset) = header.place(address) else { return found };
    let tree = extent.clamp(offset, bytes);
    // In a sound file no two resources share their bytes.
    let budget = Budget::new(extent.len().saturating_mul(2));
    let mut walk = Walk { extent, header, tree, bytes_min, budget };
    walk.directory(0, &mut Vec::new(), &mut found);
    found
}

struct Walk<'file> {
    extent: &'file Extent,
    header: &'file Header,
    tree: Extent,
    bytes_min: u64,
    budget: Budget,
}

/// What leads to a resource: numbers, or names.
#[derive(Clone)]
enum Key {
    Number(u32),
    Name(String),
}

impl Walk<'_> {
    /// Reads a directory and those below it.
    fn directory(&mut self, at: u64, keys: &mut Vec<Key>, found: &mut Resources) {
        let Ok(head) = self.tree.read(at, 16) else { return };
        let count = |place| View(&head).u16(place, Little).map_or(0, u64::from);
        for index in 0..count(12) + count(14) {
            found.count += 1;
            if found.count > ENTRIES_MAX {
                return;
            }
            let Ok(entry) = self.tree.read(at + 16 + index * 8, 8) else { return };
            let view = View(&entry);
            let (Ok(name), Ok(target)) = (view.u32(0, Little), view.u32(4, Little)) else { return };
            keys.push(self.key(name));
            if target & SUBDIRECTORY == 0 {
                self.resource(u64::from(target), keys, found);
            } else if keys.len() < LEVELS {
                self.directory(u64::from(target & !SUBDIRECTORY), keys, found);
            }
            keys.pop();
        }
    }

    /// A name is a count of UTF-16 units and the units.
    fn key(&self, name: u32) -> Key {
        if name & SUBDIRECTORY == 0 {
            return Key::Number(name);
        }
        let at = u64::from(name & !SUBDIRECTORY);
        let units =
            self.tree.read(at, 2).and_then(|bytes| View(&bytes).u16(0, Little)).unwrap_or(0);
        let text = self.tree.read_up_to(at + 2, 2 * u64::from(units.min(64))).unwrap_or_default();
        Key::Name(utf16(&text))
    }

    /// An address in memory and a size.
    fn resource(&mut self, at: u64, keys: &[Key], found: &mut Resources) {
        let Ok(entry) = self.tree.read(at, 16) else { return };
        let word = |place| View(&entry).u32(place, Little).map_or(0, u64::from);
        let bytes = word(4);
        let Some(offset) = self.header.place(word(0)) else { return };
        match keys.first() {
            Some(Key::Number(VERSION_TYPE)) if found.attributes.is_empty() => {
                let version = self.extent.read(offset, bytes.min(VERSION_BYTES_MAX));
                found.attributes = version.map(|bytes| version_texts(&bytes)).unwrap_or_default();
            }
            _ if bytes >= self.bytes_min => {
                let names = keys.iter().map(|key| match key {
                    Key::Number(number) => number.to_string(),
                    Key::Name(name) => name.clone(),
                });
                let name = sanitize(&format!("resource-{}", names.collect::<Vec<_>>().join("-")));
                match self.budget.take(bytes, offset, "list all resources") {
                    Ok(()) => found.large.push(Resource { name, offset, bytes }),
                    Err(fault) => found.faults = vec![fault],
                }
            }
            _ => {}
        }
    }
}

fn utf16(bytes: &[u8]) -> String {
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    String::from_utf16_lossy(&units)
}

/// The texts of the version information. Each is a structure of its length, the length of its value, a
/// kind, its name and its value, all in UTF-16 and aligned to four bytes; here they are found by name, since
/// linkers disagree on the lengths.
fn version_texts(bytes: &[u8]) -> Vec<(&'static str, String)> {
    let mut attributes = Vec::new();
    for (name, key) in TEXTS {
        let wanted: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
        let Some(at) = memchr::memmem::find(bytes, &wanted) else { continue };
        let start = (at + wanted.len()).next_multiple_of(4);
        let value = utf16(bytes.get(start..).unwrap_or_default());
        let value = value.trim();
        if !value.is_empty() && value.len() <= 512 {
            attributes.push((*key, value.to_owned()));
        }
    }
    attributes
}
