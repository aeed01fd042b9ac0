//! Sections and segments of ELF files (System V ABI, chapters 4 and 5) and PE files (Microsoft, "PE
//! Format"), read straight from the content: a program of Go may be too large to be held as a whole.

use auscult_unpack::{
    Endian::{self, Big, Little},
    Extent, Fault, View,
};

const SECTIONS_MAX: usize = 4096;
const NAME_BYTES_MAX: u64 = 64;
const RELOCATIONS_BYTES_MAX: u64 = 64 << 20;
/// `PT_LOAD` and `PT_NOTE`, `SHT_NOTE` and `SHT_NOBITS`, `PF_W`.
const LOAD: u32 = 1;
const NOTE_SEGMENT: u32 = 4;
const NOTE_SECTION: u32 = 7;
const NO_BITS: u32 = 8;
const WRITABLE: u32 = 2;
/// `IMAGE_SCN_MEM_WRITE`.
const PE_WRITABLE: u32 = 0x8000_0000;
/// Place of the list of directories in the optional header of a PE file, narrow and wide.
const DIRECTORIES_AT: [u64; 2] = [96, 112];

/// A stretch of the file, with the address at which it is loaded.
#[derive(Clone, Debug, Default)]
pub(super) struct Stretch {
    pub(super) name: String,
    pub(super) address: u64,
    pub(super) offset: u64,
    pub(super) bytes: u64,
    /// Bytes in memory; those that the file does not hold are zero.
    memory_bytes: u64,
    pub(super) note: bool,
    pub(super) loaded: bool,
    pub(super) writable: bool,
}

/// The layout of a program.
pub(super) struct Program<'file> {
    pub(super) content: &'file Extent,
    pub(super) endian: Endian,
    /// Sections by name; none where a vendor stripped them.
    pub(super) sections: Vec<Stretch>,
    /// What is loaded where; in a PE file the same as the sections.
    pub(super) segments: Vec<Stretch>,
    /// Directories of a PE file: address and size, the address with the base of the image.
    directories: Vec<(u64, u64)>,
    pub(super) subsystem: u16,
    pub(super) is_library: bool,
}

impl<'file> Program<'file> {
    /// Reads the headers; none where they are damaged, which others report.
    pub(super) fn read(content: &'file Extent) -> Option<Self> {
        let head = content.read_up_to(0, 64).ok()?;
        if head.starts_with(b"\x7fELF") {
            elf(content, &head).ok()
        } else {
            pe(content, &head).ok()
        }
    }

    pub(super) fn section(&self, name: &str) -> Option<&Stretch> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The place in the file of an address.
    pub(super) fn place(&self, address: u64) -> Option<u64> {
        self.segments.iter().filter(|one| one.loaded).find_map(|one| {
            let inside = address.checked_sub(one.address).filter(|&inside| inside < one.bytes)?;
            one.offset.checked_add(inside)
        })
    }

    /// Whether an address is in memory that starts as zeros and is not in the file.
    pub(super) fn is_blank(&self, address: u64) -> bool {
        self.segments.iter().filter(|one| one.loaded).any(|one| {
            let inside = address.checked_sub(one.address);
            inside.is_some_and(|inside| (one.bytes..one.memory_bytes).contains(&inside))
        })
    }

    /// The value that the loader puts at an address, where the file holds none: the addend of a
    /// relocation without a symbol in a position-independent program (`Elf64_Rela`).
    pub(super) fn relocated(&self, address: u64) -> Option<u64> {
        let table = self.section(".rela.dyn")?;
        let bytes = table.bytes.min(RELOCATIONS_BYTES_MAX);
        let entries = self.content.read_up_to(table.offset, bytes).ok()?;
        entries.as_chunks::<24>().0.iter().find_map(|entry| {
            let view = View(entry);
            let word = |at| view.u64(at, self.endian).ok();
            (word(0)? == address && word(8)? >> 32 == 0).then(|| word(16))?
        })
    }

    /// The address of a place in the file.
    pub(super) fn address(&self, place: u64) -> Option<u64> {
        self.segments.iter().filter(|one| one.loaded).find_map(|one| {
            let inside = place.checked_sub(one.offset).filter(|&inside| inside < one.bytes)?;
            one.address.checked_add(inside)
        })
    }

    /// Place in the file and size of a directory of a PE file.
    pub(super) fn directory(&self, index: usize) -> Option<(u64, u64)> {
        let &(address, bytes) = self.directories.get(index)?;
        Some((self.place(address)?, bytes)).filter(|_| bytes > 0)
    }

    /// The place in the file of an address relative to the base of a PE image.
    pub(super) fn relative(&self, address: u32) -> Option<u64> {
        let (resources, _) = *self.directories.first()?;
        self.place(resources.checked_add(u64::from(address))?)
    }
}

/// Reads a number of the width of addresses.
pub(super) fn pointer(view: View<'_>, at: usize, wide: bool, endian: Endian) -> Result<u64, Fault> {
    if wide { view.u64(at, endian) } else { view.u32(at, endian).map(u64::from) }
}

fn elf<'file>(content: &'file Extent, head: &[u8]) -> Result<Program<'file>, Fault> {
    let view = View(head);
    let wide = view.u8(4)? == 2;
    let endian = if view.u8(5)? == 2 { Big } else { Little };
    let at = |narrow, wider| if wide { wider } else { narrow };
    let half = |place| view.u16(place, endian).map(usize::from);
    let segments_at = pointer(view, at(28, 32), wide, endian)?;
    let sections_at = pointer(view, at(32, 40), wide, endian)?;
    let (segment_bytes, segment_count) = (half(at(42, 54))?, half(at(44, 56))?);
    let (section_bytes, section_count) = (half(at(46, 58))?, half(at(48, 60))?);
    let names = half(at(50, 62))?;
    let mut program = Program {
        content,
        endian,
        sections: Vec::new(),
        segments: Vec::new(),
        directories: Vec::new(),
        subsystem: 0,
        is_library: false,
    };
    for entry in table(content, segments_at, segment_bytes, segment_count) {
        let view = View(&entry);
        let Ok(kind) = view.u32(0, endian) else { continue };
        let word = |narrow, wider| pointer(view, at(narrow, wider), wide, endian).unwrap_or(0);
        program.segments.push(Stretch {
            name: String::new(),
            offset: word(4, 8),
            address: word(8, 16),
            bytes: word(16, 32),
            memory_bytes: word(20, 40),
            note: kind == NOTE_SEGMENT,
            loaded: kind == LOAD,
            writable: view.u32(at(24, 4), endian).unwrap_or(0) & WRITABLE != 0,
        });
    }
    let mut name_places = Vec::new();
    for entry in table(content, sections_at, section_bytes, section_count) {
        let view = View(&entry);
        let (Ok(name), Ok(kind)) = (view.u32(0, endian), view.u32(4, endian)) else { continue };
        let word = |narrow, wider| pointer(view, at(narrow, wider), wide, endian).unwrap_or(0);
        name_places.push(u64::from(name));
        program.sections.push(Stretch {
            name: String::new(),
            address: word(12, 16),
            offset: word(16, 24),
            bytes: if kind == NO_BITS { 0 } else { word(20, 32) },
            memory_bytes: 0,
            note: kind == NOTE_SECTION,
            loaded: false,
            writable: false,
        });
    }
    let strings = program.sections.get(names).cloned().unwrap_or_default();
    for (section, place) in program.sections.iter_mut().zip(name_places) {
        let left = strings.bytes.saturating_sub(place).min(NAME_BYTES_MAX);
        let name = content.read_up_to(strings.offset.saturating_add(place), left);
        section.name = name.map(|bytes| text(&bytes)).unwrap_or_default();
    }
    Ok(program)
}

/// The entries of a table, as far as the file goes.
fn table(content: &Extent, at: u64, entry_bytes: usize, count: usize) -> Vec<Vec<u8>> {
    let count = count.min(SECTIONS_MAX);
    let bytes = u64::try_from(entry_bytes.saturating_mul(count)).unwrap_or(0);
    if at == 0 || bytes == 0 {
        return Vec::new();
    }
    let table = content.read_up_to(at, bytes).unwrap_or_default();
    table.chunks_exact(entry_bytes).map(<[u8]>::to_vec).collect()
}

fn pe<'file>(content: &'file Extent, head: &[u8]) -> Result<Program<'file>, Fault> {
    let at = u64::from(View(head).u32(0x3c, Little)?);
    let header = content.read(at, 24)?;
    let view = View(&header);
    if view.bytes(0, 4)? != b"PE\0\0" {
        return Err(Fault::new(at, "read a PE file", "no PE header"));
    }
    let (count, optional_bytes) = (view.u16(6, Little)?, view.u16(20, Little)?);
    let optional_at = at.saturating_add(24);
    let optional = content.read(optional_at, u64::from(optional_bytes))?;
    let optional = View(&optional);
    let wide = optional.u16(0, Little)? == 0x20b;
    let base = pointer(optional, if wide { 24 } else { 28 }, wide, Little)?;
    let [narrow, wider] = DIRECTORIES_AT;
    let list = usize::try_from(if wide { wider } else { narrow }).unwrap_or(0);
    let mut directories = vec![(base, 0)];
    for index in 1..16 {
        let Ok(address) = optional.u32(list + index * 8, Little) else { break };
        let bytes = optional.u32(list + index * 8 + 4, Little).unwrap_or(0);
        directories.push((base.wrapping_add(u64::from(address)), u64::from(bytes)));
    }
    let sections_at = optional_at.saturating_add(u64::from(optional_bytes));
    let mut sections = Vec::new();
    for entry in table(content, sections_at, 40, usize::from(count)) {
        let view = View(&entry);
        let word = |at| view.u32(at, Little).map_or(0, u64::from);
        sections.push(Stretch {
            name: text(entry.get(..8).unwrap_or_default()),
            address: base.wrapping_add(word(12)),
            offset: word(20),
            bytes: word(16),
            memory_bytes: word(8),
            note: false,
            loaded: true,
            writable: view.u32(36, Little).unwrap_or(0) & PE_WRITABLE != 0,
        });
    }
    Ok(Program {
        content,
        endian: Little,
        segments: sections.clone(),
        sections,
        directories,
        subsystem: optional.u16(68, Little).unwrap_or(0),
        is_library: view.u16(22, Little)? & 0x2000 != 0,
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|&byte| byte == 0).next().unwrap_or_default()).into_owned()
}
