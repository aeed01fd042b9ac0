//! UEFI firmware volumes with their files and sections (UEFI Platform Initialization 1.8, volume 3), of file
//! systems 2 and 3 and the one before.
//!
//! Programs, volumes inside and data are parts named after their file. Sections that hold others are opened,
//! as they are packed. Names, versions and dependencies are told or passed over.

use std::ops::Range;

use crate::{
    Endian::Little,
    Entry, Extent, Fault, Reading, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use super::section::{self, Inside, Section};
use crate::formats::support::{guid::guid, known::begins_known, layout::sanitize};

pub(crate) static FORMAT: Format =
    Format { name: "uefi-volume", magics: &[Magic::at(40, b"_FVH")], carve: true, open };

const HEADER_BYTES: u64 = 56;
const FILE_BYTES: u64 = 24;
const LARGE_FILE_BYTES: u64 = 32;
const ATTRIBUTE_LARGE: u8 = 1;
const ATTRIBUTE_CHECKSUM: u8 = 0x40;
/// What stands in the place of a checksum that is not kept.
const NO_CHECKSUM: [u8; 2] = [0xaa, 0x5a];
const FILES_MAX: usize = 1 << 16;
const DEPTH_MAX: u32 = 8;
const TYPE_RAW: u8 = 1;
const TYPE_PAD: u8 = 0xf0;
/// Raw sections that only align others are smaller.
const FILLING_BYTES_MAX: u64 = 4096;

/// GUIDs of file systems that hold files.
const FILE_SYSTEMS: &[&str] = &[
    "7a9354d9-0468-444a-81ce-0bf617d890df",
    "8c8ce578-8a3d-4f1c-9935-896185c32dd3",
    "5473c07a-3dcb-4dca-bd6f-1e9689e7349a",
    "04adeead-61ff-4d31-b6ba-64f8bf901f5a",
    "ad3ffffe-d28b-44c4-9f13-9ea98a97f9f0",
];

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
    let system = guid(&view.array(16)?);
    let mut attributes = vec![("file-system", system.clone()), ("revision", revision.to_string())];
    if extended != 0 {
        let more = volume.read(extended, 20)?;
        attributes.push(("name", guid(&View(&more).array(0)?)));
        start = (extended + u64::from(View(&more).u32(16, Little)?)).next_multiple_of(8);
    }
    // Volumes of variables hold no files and have another GUID.
    let first = volume.read_up_to(start, LARGE_FILE_BYTES)?;
    if FILE_SYSTEMS.contains(&system.as_str()) || file(View(&first)).is_some() {
        walk.files(&volume, start);
        attributes.push(("files", walk.files.to_string()));
    } else {
        walk.entries.push(Entry::payload(volume.from(start)));
    }
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
    files: usize,
}

/// A file's header.
struct File {
    range: Range<u64>,
    kind: u8,
    attributes: u8,
    /// Checksum of the data.
    checksum: u8,
}

/// What the sections of a file have told so far.
#[derive(Default)]
struct Told {
    name: Option<String>,
    parts: Vec<(String, Extent, bool)>,
}

impl Walk {
    /// Walks the files from `start`; the erased rest ends them.
    fn files(&mut self, volume: &Extent, start: u64) {
        let mut at = start;
        while at + FILE_BYTES <= volume.len() && self.files < FILES_MAX {
            let Ok(head) = volume.read_up_to(at, LARGE_FILE_BYTES) else { return };
            let erased = |value: u8| head.iter().take(24).all(|&byte| byte == value);
            if erased(0xff) || erased(0) {
                break;
            }
            let Some(file) = file(View(&head)).filter(|file| file.range.end <= volume.len() - at)
            else {
                let why = "its header or its size is impossible";
                self.faults.push(Fault::new(at, "read a file of the volume", why));
                self.entries
                    .push(Entry::part(format!("rest-{at:#x}").into_bytes(), volume.from(at)));
                return;
            };
            self.files += 1;
            let content = volume.clamp(at + file.range.start, file.range.end - file.range.start);
            let name = guid(&View(&head).array(0).unwrap_or_default());
            self.check(&file, &content, &name, at);
            match file.kind {
                TYPE_PAD => self.leftover(&format!("padding-{at:#x}"), content),
                TYPE_RAW => self.entries.push(Entry::part(name.into_bytes(), content)),
                _ => self.sectioned(name, content, at),
            }
            at = (at + file.range.end).next_multiple_of(8);
        }
        self.leftover(&format!("free-{at:#x}"), volume.from(at));
    }

    /// Bytes that should be empty become a part where they are not.
    fn leftover(&mut self, name: &str, content: Extent) {
        const STEP_BYTES: u64 = 1 << 20;
        let mut at = 0;
        while at < content.len() {
            let Ok(bytes) = content.read_up_to(at, STEP_BYTES) else { break };
            if !bytes.iter().all(|&byte| byte == 0xff) && !bytes.iter().all(|&byte| byte == 0) {
                self.entries.push(Entry::part(name.as_bytes(), content));
                return;
            }
            at += STEP_BYTES;
        }
    }

    /// Compares the checksum over a file's data, where it is kept.
    fn check(&mut self, file: &File, content: &Extent, name: &str, at: u64) {
        if file.attributes & ATTRIBUTE_CHECKSUM == 0 || NO_CHECKSUM.contains(&file.checksum) {
            return;
        }
        let Ok(bytes) = content.read_all() else { return };
        let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        if sum.wrapping_add(file.checksum) != 0 {
            let what = format!("check the data of file {name}");
            self.faults.push(Fault::new(at, what, "its checksum is wrong"));
        }
    }

    /// The parts of a file that is made of sections.
    fn sectioned(&mut self, file: String, content: Extent, at: u64) {
        if section::read(&content, 0).is_none() {
            self.entries.push(part(file.into_bytes(), content, false));
            return;
        }
        let mut told = Told::default();
        self.sections(&content, 0, &mut told, at);
        let name = sanitize(&told.name.unwrap_or_else(|| file.clone()));
        let mut programs = 0;
        for (suffix, content, searched) in told.parts {
            // Mostly there is one program, which has the file's name.
            programs += usize::from(suffix.is_empty());
            let path = match (suffix.as_str(), programs) {
                ("", 1) => name.clone(),
                ("", number) => format!("{name}-program{number}"),
                (suffix, _) => format!("{name}-{suffix}"),
            };
            self.entries.push(part(path.into_bytes(), content, searched));
        }
    }

    /// Walks sections one after the other, and those inside of others.
    fn sections(&mut self, content: &Extent, depth: u32, told: &mut Told, place: u64) {
        let mut at = 0;
        while let Some(Section { kind, range }) = section::read(content, at) {
            let inside = content.clamp(range.start, range.end - range.start);
            let number = told.parts.len();
            match kind {
                section::NAME => told.name = section::text(&inside),
                section::VERSION
                | section::DEPENDENCIES
                | section::DEPENDENCIES_PEI
                | section::DEPENDENCIES_MM => {}
                section::PROGRAM | section::PROGRAM_PIC | section::PROGRAM_TERSE => {
                    told.parts.push((String::new(), inside, true));
                }
                section::VOLUME => told.parts.push((format!("volume{number}"), inside, true)),
                section::COMPRESSED..=section::DISPOSABLE if depth < DEPTH_MAX => {
                    let mut faults = Vec::new();
                    match section::open(kind, &inside, &mut faults) {
                        Inside::Sections(inner) => self.sections(&inner, depth + 1, told, place),
                        Inside::Unknown(data, why) => self.closed(told, data, why, place),
                    }
                    self.faults.extend(faults.into_iter().map(|fault| fault.within(place)));
                }
                section::FREEFORM => {
                    let head = inside.read_up_to(0, 16).unwrap_or_default();
                    let name = guid(&View(&head).array(0).unwrap_or_default());
                    told.parts.push((name, inside.from(16), false));
                }
                section::RAW if is_filling(&inside) => {}
                section::RAW | section::PROGRAM_16 => {
                    told.parts.push((format!("raw{number}"), inside, false));
                }
                other => told.parts.push((format!("{other:#04x}-{number}"), inside, true)),
            }
            at = range.end.next_multiple_of(4);
        }
    }

    /// A section that could not be opened.
    fn closed(&mut self, told: &mut Told, data: Extent, why: String, place: u64) {
        let number = told.parts.len();
        self.faults.push(Fault::new(place, "open a section", why));
        told.parts.push((format!("packed{number}"), data, true));
    }
}

/// Raw sections in front of others only align them.
fn is_filling(content: &Extent) -> bool {
    let bytes = content.read_up_to(0, FILLING_BYTES_MAX).unwrap_or_default();
    let uniform = [0, 0xff].iter().any(|value| bytes.iter().all(|byte| byte == value));
    content.len() <= FILLING_BYTES_MAX && uniform
}

/// A part that is searched, or one of data that is only looked at where it begins like a known format.
fn part(path: Vec<u8>, content: Extent, searched: bool) -> Entry {
    let mut entry = Entry::part(path, content);
    if !searched && !entry.content.as_ref().is_some_and(begins_known) {
        entry.reading = Reading::Leaf;
    }
    entry
}

/// The header of a file, if its checksum holds.
fn file(view: View<'_>) -> Option<File> {
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
    let checksum = view.u8(17).ok()?;
    let sum = bytes.wrapping_sub(checksum);
    (sum == 0 && end >= start).then_some(File { range: start..end, kind, attributes, checksum })
}

#[cfg(test)]
mod tests;
