//! UEFI firmware volumes with their files and sections (UEFI Platform Initialization 1.8, volume 3).
//!
//! Each file is a part named by its user interface name or its GUID. Sections that hold others, plain
//! or packed with LZMA, are looked into; those packed with Tiano's own method are told as not read.

use std::ops::Range;

use crate::{
    Endian::Little,
    Entry, Extent, Fault, Reading, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{guid::guid, layout::sanitize};

pub(crate) static FORMAT: Format =
    Format { name: "uefi-volume", magics: &[Magic::at(40, b"_FVH")], carve: true, open };

const HEADER_BYTES: u64 = 56;
const FILE_BYTES: u64 = 24;
const LARGE_FILE_BYTES: u64 = 32;
const ATTRIBUTE_LARGE: u8 = 1;
const FILES_MAX: usize = 1 << 16;
const DEPTH_MAX: u32 = 8;
const TYPE_RAW: u8 = 1;
const TYPE_PAD: u8 = 0xf0;

const SECTION_COMPRESSED: u8 = 1;
const SECTION_GUIDED: u8 = 2;
const SECTION_NAME: u8 = 0x15;
const SECTION_VOLUME: u8 = 0x17;
/// `LZMA_CUSTOM_DECOMPRESS_GUID` of EDK II.
const GUID_LZMA: &str = "ee4e5898-3914-4259-9d6e-dc7bd79403cf";

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let length = view.u64(32, Little)?;
    let header_bytes = u64::from(view.u16(48, Little)?);
    let extended = u64::from(view.u16(52, Little)?);
    let revision = view.u8(55)?;
    if !(HEADER_BYTES..=4096).contains(&header_bytes)
        || length <= header_bytes
        || !(1..=2).contains(&revision)
        || sum(&extent.read(0, header_bytes)?) != 0
    {
        return Err(NotThis);
    }
    let volume = extent.clamp(0, length);
    let mut walk = Walk::default();
    let mut start = header_bytes;
    if extended != 0 {
        let size = View(&volume.read(extended, 20)?).u32(16, Little)?;
        start = (extended + u64::from(size)).next_multiple_of(8);
    }
    // Volumes of variables hold no files and have another file system GUID.
    let system = guid(&view.array(16)?);
    let holds_files = matches!(
        system.as_str(),
        "8c8ce578-8a3d-4f1c-9935-896185c32dd3"
            | "5473c07a-3dcb-4dca-bd6f-1e9689e7349a"
            | "7a9354d9-0468-444a-81ce-0bf617d890df"
    );
    if holds_files {
        walk.files(&volume, start);
    } else {
        walk.entries.push(Entry::payload(volume.from(start)));
    }
    let attributes = vec![("file-system", system), ("revision", revision.to_string())];
    Ok(Opened { length, attributes, entries: walk.entries, faults: walk.faults, unread: None })
}

/// The sum of the 16-bit words of a header, which is zero.
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes.as_chunks::<2>().0.iter();
    words.fold(0, |sum: u16, word| sum.wrapping_add(u16::from_le_bytes(*word)))
}

#[derive(Default)]
struct Walk {
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

impl Walk {
    /// Walks the files from `start`; the erased rest ends them.
    fn files(&mut self, volume: &Extent, start: u64) {
        let mut at = start;
        while at + FILE_BYTES <= volume.len() && self.entries.len() < FILES_MAX {
            let Ok(head) = volume.read_up_to(at, LARGE_FILE_BYTES) else { return };
            let erased = |byte: &u8| *byte == 0xff;
            if head.iter().take(24).all(erased) {
                return;
            }
            let Some((range, kind)) =
                file(View(&head)).filter(|file| at + file.0.end <= volume.len())
            else {
                let why = "its header or its size is impossible";
                self.faults.push(Fault::new(at, "read a file of the volume", why));
                self.entries
                    .push(Entry::part(format!("rest-{at:#x}").into_bytes(), volume.from(at)));
                return;
            };
            let content = volume.clamp(at + range.start, range.end - range.start);
            let name = guid(&View(&head).array(0).unwrap_or_default());
            match kind {
                TYPE_PAD => {}
                TYPE_RAW => self.entries.push(Entry::part(name.into_bytes(), content)),
                _ => self.sections(&name, &content, 0),
            }
            at = (at + range.end).next_multiple_of(8);
        }
    }

    /// Walks the sections of a file: one part for itself, and one for each section that holds others.
    fn sections(&mut self, file: &str, content: &Extent, depth: u32) {
        let (mut at, mut name, mut holders) = (0, None, 0);
        while let Some((range, kind)) = section(content, at) {
            let inside = content.clamp(range.start, range.end - range.start);
            match kind {
                SECTION_NAME => name = name_of(&inside),
                SECTION_VOLUME => {
                    holders += 1;
                    let path = format!("{file}-volume-{at:#x}");
                    self.entries.push(Entry::part(path.into_bytes(), inside));
                }
                SECTION_GUIDED | SECTION_COMPRESSED => {
                    holders += 1;
                    self.packed(file, &inside, kind, at, depth);
                }
                _ => {}
            }
            at = range.end.next_multiple_of(4);
        }
        if holders == 0 && depth == 0 {
            let path = name.unwrap_or_else(|| file.to_owned());
            let mut entry = Entry::part(sanitize(&path).into_bytes(), content.clone());
            entry.reading = Reading::Leaf;
            self.entries.push(entry);
        }
    }

    /// A section that is packed or guarded.
    fn packed(&mut self, file: &str, inside: &Extent, kind: u8, at: u64, depth: u32) {
        let Ok(head) = inside.read_up_to(0, 20) else { return };
        let view = View(&head);
        let path = format!("{file}-section-{at:#x}");
        if kind == SECTION_COMPRESSED {
            let stored = view.u8(4).is_ok_and(|method| method == 0);
            if stored && depth < DEPTH_MAX {
                self.sections(file, &inside.from(5), depth + 1);
            } else {
                self.entries.push(Entry::part(path.into_bytes(), inside.from(5)));
            }
            return;
        }
        // The data offset counts from the section's header of four bytes.
        let data = view.u16(16, Little).map_or(20, |offset| u64::from(offset).saturating_sub(4));
        let packer = guid(&view.array(0).unwrap_or_default());
        let content = inside.from(data);
        if packer == GUID_LZMA || depth >= DEPTH_MAX || section(&content, 0).is_none() {
            self.entries.push(Entry::part(path.into_bytes(), content));
        } else {
            self.sections(file, &content, depth + 1);
        }
    }
}

/// The place of a file's content and its type.
fn file(view: View<'_>) -> Option<(Range<u64>, u8)> {
    let (header, kind, attributes) =
        (view.bytes(0, 23).ok()?, view.u8(18).ok()?, view.u8(19).ok()?);
    let large = attributes & ATTRIBUTE_LARGE != 0;
    let [a, b, c] = view.array(20).ok()?;
    let (start, end) = if large {
        (LARGE_FILE_BYTES, view.u64(24, Little).ok()?)
    } else {
        (FILE_BYTES, u64::from(u32::from_le_bytes([a, b, c, 0])))
    };
    // The header's checksum leaves out the one of the data, and the state.
    let rest = if large { view.bytes(24, 8).ok()? } else { &[] };
    let bytes = header.iter().chain(rest).fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let sum = bytes.wrapping_sub(view.u8(17).ok()?);
    (sum == 0 && end >= start).then_some((start..end, kind))
}

/// The place of a section's content behind the common header, and its type.
fn section(content: &Extent, at: u64) -> Option<(Range<u64>, u8)> {
    let head = content.read_up_to(at, 8).ok()?;
    let [a, b, c, kind] = View(&head).array(0).ok()?;
    let size = u64::from(u32::from_le_bytes([a, b, c, 0]));
    let (header, size) = if size == 0x00ff_ffff {
        (8, u64::from(View(&head).u32(4, Little).ok()?))
    } else {
        (4, size)
    };
    let known = (1..=0x1c).contains(&kind);
    (known && size >= header && at + size <= content.len())
        .then_some((at + header..at + size, kind))
}

/// A name in UTF-16.
fn name_of(inside: &Extent) -> Option<String> {
    let bytes = inside.read_up_to(0, 512).ok()?;
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    let units: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    (!units.is_empty()).then(|| String::from_utf16_lossy(&units))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::stream;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn section(kind: u8, data: &[u8]) -> Vec<u8> {
        let size = u32::try_from(data.len() + 4).unwrap().to_le_bytes();
        let mut bytes = vec![size[0], size[1], size[2], kind];
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn file(id: u8, kind: u8, data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![id; 16];
        let size = u32::try_from(data.len() + 24).unwrap().to_le_bytes();
        bytes.extend([0, 0, kind, 0, size[0], size[1], size[2], 0xf8]);
        let sum = bytes[..23].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        bytes[16] = 0_u8.wrapping_sub(sum);
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0xff);
        bytes
    }

    fn volume(files: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes.extend([0x78, 0xe5, 0x8c, 0x8c, 0x3d, 0x8a, 0x1c, 0x4f]);
        bytes.extend([0x99, 0x35, 0x89, 0x61, 0x85, 0xc3, 0x2d, 0xd3]);
        let length = 72 + files.iter().map(Vec::len).sum::<usize>() as u64 + 64;
        bytes.extend(length.to_le_bytes());
        bytes.extend(b"_FVH\0\0\0\0\x48\0\0\0\0\0\0\x02");
        bytes.resize(72, 0);
        let sum = super::sum(&bytes);
        bytes[50..52].copy_from_slice(&0_u16.wrapping_sub(sum).to_le_bytes());
        bytes.extend(files.concat());
        bytes.resize(usize::try_from(length).unwrap(), 0xff);
        bytes
    }

    fn image() -> Vec<u8> {
        let name: Vec<u8> = "Shell\0".bytes().flat_map(|byte| [byte, 0]).collect();
        let program = [section(0x10, b"MZ program"), section(0x15, &name)].concat();
        let inner = volume(&[file(1, 7, &program)]);
        let sections = section(0x17, &inner);
        let mut guided = vec![0x98, 0x58, 0x4e, 0xee, 0x14, 0x39, 0x59, 0x42];
        guided.extend([0x9d, 0x6e, 0xdc, 0x7b, 0xd7, 0x94, 0x03, 0xcf, 24, 0, 1, 0]);
        guided.extend(stream::lzma_alone(&sections));
        volume(&[file(2, 0x0b, &section(2, &guided)), file(3, TYPE_PAD, b"")])
    }

    use super::TYPE_PAD;

    #[test]
    fn files_in_packed_volumes_have_their_names() {
        let tree = Tree::from_bytes(image(), &Limits::default());
        let found = locators(&tree);
        let shell = found.iter().find(|locator| locator.ends_with("uefi-volume:/Shell"));
        assert!(shell.is_some_and(|shell| shell.contains("/lzma@0x4/uefi-volume")), "{found:?}");
        assert_eq!(attribute(&tree, "uefi-volume", "revision").unwrap(), "2");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
    }

    #[test]
    fn damage_does_no_harm() {
        check(&image(), 200);
    }
}
