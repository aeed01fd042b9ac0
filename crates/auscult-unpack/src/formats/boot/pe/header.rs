//! The headers of a PE file (Microsoft, "PE Format"): what it is for, its sections, its directories.

use crate::{Endian::Little, Extent, Fault, View, format::NotThis};

/// Where the offset of the header stands.
const NEW_HEADER_AT: u64 = 0x3c;
const NEW_HEADER_OFFSETS: std::ops::RangeInclusive<u64> = 0x40..=0x1000;
const FILE_HEADER_BYTES: u64 = 24;
const OPTIONAL_BYTES_MAX: u64 = 1024;
const SECTIONS_MAX: u64 = 96;
const SECTION_BYTES: usize = 40;
const SYMBOL_BYTES: u64 = 18;
const DIRECTORIES_MAX: usize = 16;

/// Places in the list of directories.
pub(super) const RESOURCES: usize = 2;
pub(super) const CERTIFICATES: usize = 4;
pub(super) const RUNTIME: usize = 14;

const MACHINES: &[(u16, &str)] = &[
    (0x014c, "x86"),
    (0x0166, "mips"),
    (0x01c0, "arm"),
    (0x01c2, "thumb"),
    (0x01c4, "arm-thumb-2"),
    (0x01f0, "powerpc"),
    (0x0200, "ia64"),
    (0x0ebc, "efi-byte-code"),
    (0x5032, "riscv32"),
    (0x5064, "riscv64"),
    (0x5128, "riscv128"),
    (0x6232, "loongarch32"),
    (0x6264, "loongarch64"),
    (0x8664, "x86_64"),
    (0xaa64, "aarch64"),
];
const SUBSYSTEMS: &[(u16, &str)] = &[
    (1, "native"),
    (2, "windows-gui"),
    (3, "windows-console"),
    (9, "windows-ce"),
    (10, "efi-application"),
    (11, "efi-boot-driver"),
    (12, "efi-runtime-driver"),
    (13, "efi-rom"),
    (14, "xbox"),
    (16, "windows-boot-application"),
];

/// The name of a machine; none where it is not known.
pub(in crate::formats) fn machine(code: u16) -> Option<&'static str> {
    MACHINES.iter().find(|known| known.0 == code).map(|known| known.1)
}

/// The name of a subsystem.
pub(in crate::formats) fn subsystem(code: u16) -> String {
    let known = SUBSYSTEMS.iter().find(|known| known.0 == code);
    known.map_or_else(|| code.to_string(), |known| known.1.to_owned())
}

/// A section of the file.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) address: u64,
    pub(super) memory_bytes: u64,
    pub(super) offset: u64,
    pub(super) bytes: u64,
}

#[derive(Debug)]
pub(super) struct Header {
    pub(super) machine: &'static str,
    pub(super) wide: bool,
    pub(super) characteristics: u16,
    pub(super) created: u32,
    pub(super) entry: u32,
    pub(super) base: u64,
    pub(super) subsystem: u16,
    pub(super) sections: Vec<Section>,
    /// Place and size of each directory: addresses in memory, but for the certificates.
    pub(super) directories: Vec<(u64, u64)>,
    /// Places in the file that a signature leaves out: the checksum and the entry of the certificates.
    pub(super) checksum_at: u64,
    pub(super) certificates_at: u64,
    /// The end of the headers, the sections and the symbols.
    pub(super) image_end: u64,
}

impl Header {
    /// Reads and checks the headers.
    pub(super) fn read(extent: &Extent) -> Result<Self, NotThis> {
        let start = extent.read(0, 64)?;
        let at = u64::from(View(&start).u32(0x3c, Little)?);
        if !NEW_HEADER_OFFSETS.contains(&at) || NEW_HEADER_AT + 4 > at {
            return Err(NotThis);
        }
        let head = extent.read(at, FILE_HEADER_BYTES)?;
        let view = View(&head);
        let machine = machine(view.u16(4, Little)?).ok_or(NotThis)?;
        let count = u64::from(view.u16(6, Little)?);
        let optional_bytes = u64::from(view.u16(20, Little)?);
        let plausible = view.bytes(0, 4)? == b"PE\0\0"
            && (1..=SECTIONS_MAX).contains(&count)
            && (96..=OPTIONAL_BYTES_MAX).contains(&optional_bytes);
        if !plausible {
            return Err(NotThis);
        }
        let optional_at = at + FILE_HEADER_BYTES;
        let optional = extent.read(optional_at, optional_bytes)?;
        let sections_at = optional_at + optional_bytes;
        let table = extent.read(sections_at, count * 40)?;
        let mut header = Self {
            machine,
            wide: false,
            characteristics: view.u16(22, Little)?,
            created: view.u32(8, Little)?,
            entry: 0,
            base: 0,
            subsystem: 0,
            sections: table.chunks_exact(SECTION_BYTES).map(section).collect::<Result<_, _>>()?,
            directories: Vec::new(),
            checksum_at: optional_at + 64,
            certificates_at: 0,
            image_end: sections_at + count * 40,
        };
        header.read_optional(View(&optional), optional_at)?;
        let symbols = (view.u32(12, Little)?, view.u32(16, Little)?);
        header.find_end(extent, symbols)?;
        Ok(header)
    }

    fn read_optional(&mut self, view: View<'_>, at: u64) -> Result<(), NotThis> {
        self.wide = match view.u16(0, Little)? {
            0x10b => false,
            0x20b => true,
            _ => return Err(NotThis),
        };
        let word = |at| view.u32(at, Little);
        self.entry = word(16)?;
        self.base = if self.wide { view.u64(24, Little)? } else { u64::from(word(28)?) };
        let (section_align, file_align) = (word(32)?, word(36)?);
        let headers_bytes = u64::from(word(60)?);
        self.subsystem = view.u16(68, Little)?;
        let directories_at = if self.wide { 112 } else { 96 };
        let count = usize::try_from(word(directories_at - 4)?).unwrap_or(usize::MAX);
        let aligned = section_align.is_power_of_two() && file_align.is_power_of_two();
        if !aligned || section_align < file_align || self.image_end > headers_bytes.max(4096) {
            return Err(NotThis);
        }
        for index in 0..count.min(DIRECTORIES_MAX) {
            let place = directories_at + index * 8;
            let Ok(address) = word(place) else { break };
            self.directories.push((u64::from(address), u64::from(word(place + 4)?)));
        }
        let place = u64::try_from(directories_at + CERTIFICATES * 8).map_err(|_| NotThis)?;
        self.certificates_at = at + place;
        self.image_end = self.image_end.max(headers_bytes);
        Ok(())
    }

    /// The end of what headers and sections describe; sections that make no sense are no file's.
    fn find_end(&mut self, extent: &Extent, symbols: (u32, u32)) -> Result<(), NotThis> {
        for section in &self.sections {
            let end = section.offset.checked_add(section.bytes).ok_or(NotThis)?;
            if section.bytes > 0 && section.offset > 0 {
                self.image_end = self.image_end.max(end);
            }
        }
        let (place, count) = (u64::from(symbols.0), u64::from(symbols.1));
        if place > 0 && count > 0 {
            let names = place + count * SYMBOL_BYTES;
            // The table of strings behind the symbols counts its own length.
            let strings = extent.read(names, 4).ok();
            let strings = strings.and_then(|bytes| View(&bytes).u32(0, Little).ok()).unwrap_or(0);
            let end = names + u64::from(strings);
            if end <= extent.len() {
                self.image_end = self.image_end.max(end);
            }
        }
        Ok(())
    }

    /// A directory that is there.
    pub(super) fn directory(&self, index: usize) -> Option<(u64, u64)> {
        self.directories.get(index).copied().filter(|&(place, bytes)| place > 0 && bytes > 0)
    }

    /// The place in the file of an address in memory.
    pub(super) fn place(&self, address: u64) -> Option<u64> {
        self.sections.iter().find_map(|section| {
            let inside = address.checked_sub(section.address)?;
            (inside < section.bytes.min(section.memory_bytes.max(section.bytes)))
                .then(|| section.offset.checked_add(inside))?
        })
    }

    /// The section of this name.
    pub(super) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }
}

fn section(bytes: &[u8]) -> Result<Section, Fault> {
    let view = View(bytes);
    let word = |at| view.u32(at, Little).map(u64::from);
    Ok(Section {
        name: String::from_utf8_lossy(view.text(0, 8)?).into_owned(),
        memory_bytes: word(8)?,
        address: word(12)?,
        bytes: word(16)?,
        offset: word(20)?,
    })
}
