//! Small ELF files (System V gABI): 32 and 64 bits, both byte orders, with the parts that an
//! inspection reads: dynamic section, dynamic symbols, read-only data, interpreter, build id.
//!
//! The files are well formed and do not run: by default `.text` holds a single "bx lr" of ARM.

use crate::writer::{Endian, Writer, u16_of, u32_of};

/// Width of addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfClass {
    /// `ELFCLASS32`.
    Elf32,
    /// `ELFCLASS64`.
    Elf64,
}

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfKind {
    /// `ET_EXEC`.
    Executable,
    /// `ET_DYN`: a library, or with an interpreter a position-independent executable.
    Shared,
    /// `ET_REL`: a kernel module; it has no program headers and no dynamic section.
    Relocatable,
}

/// The description of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elf<'a> {
    /// Width.
    pub class: ElfClass,
    /// Byte order.
    pub endian: Endian,
    /// `e_machine`: 40 ARM, 8 MIPS, 3 i386, 62 x86-64, 183 AArch64, 20 PowerPC.
    pub machine: u16,
    /// `e_flags`; 0x0500_0200 is ARM EABI5 with soft float.
    pub flags: u32,
    /// Kind.
    pub kind: ElfKind,
    /// Program interpreter; a file without one and without `needed` is static.
    pub interpreter: Option<&'a str>,
    /// `DT_SONAME`.
    pub soname: Option<&'a str>,
    /// `DT_NEEDED`, in order.
    pub needed: &'a [&'a str],
    /// Undefined dynamic symbols.
    pub imports: &'a [&'a str],
    /// Defined dynamic symbols.
    pub exports: &'a [&'a str],
    /// Content of `.rodata`.
    pub rodata: &'a [u8],
    /// Content of `.text`.
    pub text: &'a [u8],
    /// GNU build id.
    pub build_id: Option<&'a [u8]>,
    /// `PT_GNU_STACK`: whether the stack is executable; `None` leaves the header out.
    pub executable_stack: Option<bool>,
    /// Whether immediate binding is asked for (`DF_BIND_NOW`) and `PT_GNU_RELRO` is present.
    pub full_relro: bool,
    /// Whether there is no `.symtab`.
    pub stripped: bool,
    /// Further sections, such as `.modinfo` or `.comment`.
    pub sections: &'a [(&'a str, &'a [u8])],
}

impl Default for Elf<'_> {
    fn default() -> Self {
        Self {
            class: ElfClass::Elf32,
            endian: Endian::Little,
            machine: 40,
            flags: 0x0500_0200,
            kind: ElfKind::Executable,
            interpreter: None,
            soname: None,
            needed: &[],
            imports: &[],
            exports: &[],
            rodata: &[],
            text: &[0x1e, 0xff, 0x2f, 0xe1],
            build_id: None,
            executable_stack: None,
            full_relro: false,
            stripped: true,
            sections: &[],
        }
    }
}

/// A section to be laid out.
struct Section {
    name: String,
    kind: u32,
    flags: u64,
    data: Vec<u8>,
    link: &'static str,
    info: u32,
    entry_bytes: u64,
    /// Set by the layout.
    offset: usize,
}

impl Section {
    fn new(name: &str, kind: u32, flags: u64, data: Vec<u8>) -> Self {
        let name = name.to_owned();
        Self { name, kind, flags, data, link: "", info: 0, entry_bytes: 0, offset: 0 }
    }
}

// sh_type, gABI figure 4-9.
const PROGBITS: u32 = 1;
const SYMTAB: u32 = 2;
const STRTAB: u32 = 3;
const HASH: u32 = 5;
const DYNAMIC: u32 = 6;
const NOTE: u32 = 7;
const DYNSYM: u32 = 11;
// sh_flags: SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR.
const WRITE: u64 = 1;
const ALLOC: u64 = 2;
const EXECUTE: u64 = 4;

impl Elf<'_> {
    /// Writes the file.
    pub fn build(&self) -> Vec<u8> {
        let mut sections = self.sections_to_write();
        self.lay_out(&mut sections);
        // Addresses are known now: the sections that hold some are written again.
        self.fill_symbols(&mut sections);
        if let Some(dynamic) = self.dynamic(&sections) {
            replace(&mut sections, ".dynamic", dynamic);
        }
        self.write(&sections)
    }

    fn is_dynamic(&self) -> bool {
        self.kind == ElfKind::Shared
            || self.interpreter.is_some()
            || !self.needed.is_empty()
            || !self.imports.is_empty()
    }

    fn wide(&self) -> bool {
        self.class == ElfClass::Elf64
    }

    fn header_bytes(&self) -> usize {
        if self.wide() { 64 } else { 52 }
    }

    fn base(&self) -> usize {
        match self.kind {
            ElfKind::Executable => 0x1_0000,
            ElfKind::Shared | ElfKind::Relocatable => 0,
        }
    }

    fn word(&self, writer: &mut Writer, value: usize) {
        if self.wide() {
            writer.u64(u64::try_from(value).expect("fits 64 bits"));
        } else {
            writer.u32(u32_of(value));
        }
    }

    fn sections_to_write(&self) -> Vec<Section> {
        let mut sections = Vec::new();
        if let Some(interpreter) = self.interpreter {
            let path = [interpreter.as_bytes(), b"\0"].concat();
            sections.push(Section::new(".interp", PROGBITS, ALLOC, path));
        }
        if let Some(build_id) = self.build_id {
            let mut note = Writer::new(self.endian);
            note.u32(4).u32(u32_of(build_id.len())).u32(3).bytes(b"GNU\0").bytes(build_id);
            note.align(4, 0);
            let note = note.finish();
            sections.push(Section::new(".note.gnu.build-id", NOTE, ALLOC, note));
        }
        if self.is_dynamic() && self.kind != ElfKind::Relocatable {
            self.add_dynamic(&mut sections);
        }
        sections.push(Section::new(".text", PROGBITS, ALLOC | EXECUTE, self.text.to_vec()));
        sections.push(Section::new(".rodata", PROGBITS, ALLOC, self.rodata.to_vec()));
        for (name, data) in self.sections {
            sections.push(Section::new(name, PROGBITS, 0, data.to_vec()));
        }
        if !self.stripped {
            let (symbols, strings) = self.symbols(0, 0);
            let table = Section::new(".symtab", SYMTAB, 0, symbols);
            let entry_bytes = self.symbol_bytes();
            sections.push(Section { link: ".strtab", info: 1, entry_bytes, ..table });
            sections.push(Section::new(".strtab", STRTAB, 0, strings));
        }
        sections.push(Section::new(".shstrtab", STRTAB, 0, Vec::new()));
        let names: Vec<&str> = sections.iter().map(|section| section.name.as_str()).collect();
        let table = format!("\0{}\0", names.join("\0")).into_bytes();
        replace(&mut sections, ".shstrtab", table);
        sections
    }

    fn add_dynamic(&self, sections: &mut Vec<Section>) {
        let (symbols, _) = self.symbols(0, 0);
        let count = u32_of(1 + self.imports.len() + self.exports.len());
        let mut hash = Writer::new(self.endian);
        // One bucket that chains every symbol: slow to search, right by the specification.
        hash.u32(1).u32(count).u32(u32::from(count > 1)).u32(0);
        for number in 1..count {
            hash.u32(if number + 1 < count { number + 1 } else { 0 });
        }
        let table = Section::new(".hash", HASH, ALLOC, hash.finish());
        sections.push(Section { link: ".dynsym", entry_bytes: 4, ..table });
        let table = Section::new(".dynsym", DYNSYM, ALLOC, symbols);
        let entry_bytes = self.symbol_bytes();
        sections.push(Section { link: ".dynstr", info: 1, entry_bytes, ..table });
        sections.push(Section::new(".dynstr", STRTAB, ALLOC, self.dynamic_strings()));
        let dynamic = self.dynamic(&[]).unwrap_or_default();
        let table = Section::new(".dynamic", DYNAMIC, ALLOC | WRITE, dynamic);
        let entry_bytes = if self.wide() { 16 } else { 8 };
        sections.push(Section { link: ".dynstr", entry_bytes, ..table });
    }

    fn symbol_bytes(&self) -> u64 {
        if self.wide() { 24 } else { 16 }
    }

    fn segments(&self, sections: &[Section]) -> usize {
        if self.kind == ElfKind::Relocatable {
            return 0;
        }
        let has = |name| usize::from(sections.iter().any(|section| section.name == name));
        1 + has(".interp")
            + has(".dynamic") * (1 + usize::from(self.full_relro))
            + has(".note.gnu.build-id")
            + usize::from(self.executable_stack.is_some())
    }

    fn lay_out(&self, sections: &mut [Section]) {
        let segment_bytes = if self.wide() { 56 } else { 32 };
        let mut offset = self.header_bytes() + self.segments(sections) * segment_bytes;
        for section in sections {
            offset = offset.next_multiple_of(8);
            section.offset = offset;
            offset += section.data.len();
        }
    }

    /// The symbol table and its strings; the exports lie in the section with this number.
    fn symbols(&self, text_number: usize, text_address: usize) -> (Vec<u8>, Vec<u8>) {
        let mut table = Writer::new(self.endian);
        table.fill(0, if self.wide() { 24 } else { 16 });
        let mut strings = vec![0];
        let imports = self.imports.iter().map(|name| (name, 0, 0));
        let exports = self.exports.iter().map(|name| (name, text_number, text_address));
        for (name, number, address) in imports.chain(exports) {
            let at = u32_of(strings.len());
            strings.extend_from_slice(name.as_bytes());
            strings.push(0);
            table.u32(at);
            // st_info 0x12: STB_GLOBAL, STT_FUNC.
            if self.wide() {
                table.u8(0x12).u8(0).u16(u16_of(number));
                self.word(&mut table, address);
                table.u64(if number == 0 { 0 } else { 4 });
            } else {
                self.word(&mut table, address);
                table.u32(if number == 0 { 0 } else { 4 }).u8(0x12).u8(0).u16(u16_of(number));
            }
        }
        (table.finish(), strings)
    }

    fn fill_symbols(&self, sections: &mut [Section]) {
        let text = sections.iter().position(|section| section.name == ".text").unwrap_or(0);
        let address = sections.get(text).map_or(0, |section| section.offset) + self.base();
        // Section numbers count from one: the null section stands first.
        let (symbols, _) = self.symbols(text + 1, address);
        replace(sections, ".dynsym", symbols.clone());
        replace(sections, ".symtab", symbols);
    }

    fn dynamic_strings(&self) -> Vec<u8> {
        let (_, mut strings) = self.symbols(0, 0);
        for name in self.needed.iter().chain(&self.soname) {
            strings.extend_from_slice(name.as_bytes());
            strings.push(0);
        }
        strings
    }

    /// The dynamic array; addresses are zero as long as the sections are not laid out.
    fn dynamic(&self, sections: &[Section]) -> Option<Vec<u8>> {
        if !self.is_dynamic() {
            return None;
        }
        let (_, symbol_strings) = self.symbols(0, 0);
        let mut at = symbol_strings.len();
        let mut entries = Vec::new();
        for name in self.needed {
            entries.push((1, at));
            at += name.len() + 1;
        }
        if self.soname.is_some() {
            entries.push((14, at));
        }
        let address = |name: &str| {
            let found = sections.iter().find(|section| section.name == name);
            found.map_or(0, |section| section.offset + self.base())
        };
        entries.push((4, address(".hash")));
        entries.push((5, address(".dynstr")));
        entries.push((6, address(".dynsym")));
        entries.push((10, self.dynamic_strings().len()));
        entries.push((11, usize::try_from(self.symbol_bytes()).expect("small")));
        if self.full_relro {
            entries.push((30, 8)); // DT_FLAGS, DF_BIND_NOW
        }
        entries.push((0, 0));
        let mut writer = Writer::new(self.endian);
        for (tag, value) in entries {
            self.word(&mut writer, tag);
            self.word(&mut writer, value);
        }
        Some(writer.finish())
    }
}

fn replace(sections: &mut [Section], name: &str, data: Vec<u8>) {
    if let Some(section) = sections.iter_mut().find(|section| section.name == name) {
        section.data = data;
    }
}

impl Elf<'_> {
    fn write(&self, sections: &[Section]) -> Vec<u8> {
        let end = sections.last().map_or(0, |section| section.offset + section.data.len());
        let table = end.next_multiple_of(8);
        let mut writer = Writer::new(self.endian);
        self.write_header(&mut writer, sections, table);
        self.write_segments(&mut writer, sections, end);
        for section in sections {
            writer.pad_to(section.offset, 0).bytes(&section.data);
        }
        writer.pad_to(table, 0);
        self.write_section_table(&mut writer, sections);
        writer.finish()
    }

    fn write_header(&self, writer: &mut Writer, sections: &[Section], table: usize) {
        let wide = self.wide();
        writer.bytes(b"\x7fELF").u8(if wide { 2 } else { 1 });
        writer.u8(if self.endian == Endian::Little { 1 } else { 2 }).u8(1).fill(0, 9);
        writer.u16(match self.kind {
            ElfKind::Relocatable => 1,
            ElfKind::Executable => 2,
            ElfKind::Shared => 3,
        });
        writer.u16(self.machine).u32(1);
        let text = sections.iter().find(|section| section.name == ".text");
        let runs = self.kind != ElfKind::Relocatable;
        let entry = text.map_or(0, |text| text.offset + self.base());
        self.word(writer, if runs { entry } else { 0 });
        self.word(writer, if runs { self.header_bytes() } else { 0 });
        self.word(writer, table);
        writer.u32(self.flags).u16(u16_of(self.header_bytes()));
        writer.u16(if wide { 56 } else { 32 }).u16(u16_of(self.segments(sections)));
        writer.u16(if wide { 64 } else { 40 }).u16(u16_of(sections.len() + 1));
        // .shstrtab is the last section.
        writer.u16(u16_of(sections.len()));
    }

    fn write_segments(&self, writer: &mut Writer, sections: &[Section], end: usize) {
        if self.kind == ElfKind::Relocatable {
            return;
        }
        // p_type, gABI figure 5-2 and the GNU extensions.
        for (name, kind) in [(".interp", 3), (".note.gnu.build-id", 4), (".dynamic", 2)] {
            if let Some(section) = sections.iter().find(|section| section.name == name) {
                self.segment(writer, kind, 4, section.offset, section.data.len());
                if kind == 2 && self.full_relro {
                    self.segment(writer, 0x6474_e552, 4, section.offset, section.data.len());
                }
            }
        }
        self.segment(writer, 1, 7, 0, end);
        if let Some(executable) = self.executable_stack {
            self.segment(writer, 0x6474_e551, if executable { 7 } else { 6 }, 0, 0);
        }
    }

    fn segment(&self, writer: &mut Writer, kind: u32, flags: u32, offset: usize, length: usize) {
        writer.u32(kind);
        if self.wide() {
            writer.u32(flags);
        }
        let address = if length == 0 { 0 } else { offset + self.base() };
        for value in [offset, address, address, length, length] {
            self.word(writer, value);
        }
        if !self.wide() {
            writer.u32(flags);
        }
        self.word(writer, if kind == 1 { 0x1000 } else { 8 });
    }

    fn write_section_table(&self, writer: &mut Writer, sections: &[Section]) {
        writer.fill(0, if self.wide() { 64 } else { 40 });
        let mut name_at = 1;
        for section in sections {
            let link = sections.iter().position(|other| other.name == section.link);
            let address = if section.flags & ALLOC == 0 { 0 } else { section.offset + self.base() };
            writer.u32(u32_of(name_at)).u32(section.kind);
            self.word(writer, usize::try_from(section.flags).expect("small"));
            for value in [address, section.offset, section.data.len()] {
                self.word(writer, value);
            }
            writer.u32(u32_of(link.map_or(0, |link| link + 1))).u32(section.info);
            self.word(writer, 8);
            self.word(writer, usize::try_from(section.entry_bytes).expect("small"));
            name_at += section.name.len() + 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use object::read::elf::{
        Dyn as _, FileHeader, ProgramHeader as _, SectionHeader as _, Sym as _,
    };
    use object::{Endianness, elf};

    use super::{Elf, ElfClass, ElfKind, Endian};

    fn sample(class: ElfClass, endian: Endian) -> Vec<u8> {
        Elf {
            class,
            endian,
            kind: ElfKind::Shared,
            soname: Some("libpump.so.1"),
            needed: &["libc.so.6", "libz.so.1"],
            imports: &["strcpy", "inflate"],
            exports: &["pump_start"],
            rodata: b"pump 1.0\0",
            build_id: Some(&[0xab; 20]),
            executable_stack: Some(true),
            full_relro: true,
            stripped: false,
            ..Elf::default()
        }
        .build()
    }

    /// Reads the file with an independent parser.
    fn check<H: FileHeader<Endian = Endianness>>(bytes: &[u8], endian: Endianness) {
        let header = H::parse(bytes).unwrap();
        assert_eq!(header.endian().unwrap(), endian);
        let sections = header.sections(endian, bytes).unwrap();
        let table = sections.symbols(endian, bytes, elf::SHT_DYNSYM).unwrap();
        let names: Vec<_> = table
            .iter()
            .skip(1)
            .map(|symbol| {
                let name = symbol.name(endian, table.strings()).unwrap();
                (std::str::from_utf8(name).unwrap(), symbol.is_undefined(endian))
            })
            .collect();
        assert_eq!(names, [("strcpy", true), ("inflate", true), ("pump_start", false)]);
        let (_, rodata) = sections.section_by_name(endian, b".rodata").unwrap();
        assert_eq!(rodata.data(endian, bytes).unwrap(), b"pump 1.0\0");

        let segments = header.program_headers(endian, bytes).unwrap();
        let dynamic = segments.iter().find_map(|one| one.dynamic(endian, bytes).unwrap()).unwrap();
        let value = |tag: elf::DynamicTag| {
            dynamic.iter().find(|entry| entry.d_tag(endian) == tag).unwrap().d_val(endian).into()
        };
        // A library is loaded at zero, so its addresses are file offsets.
        let strings: u64 = value(elf::DT_STRTAB);
        let soname: u64 = strings + value(elf::DT_SONAME);
        assert!(bytes[usize::try_from(soname).unwrap()..].starts_with(b"libpump.so.1\0"));
        let notes = segments.iter().find_map(|one| one.notes(endian, bytes).unwrap()).unwrap();
        let note = { notes }.next().unwrap().unwrap();
        assert_eq!((note.name(), note.desc()), (&b"GNU"[..], &[0xab; 20][..]));
    }

    #[test]
    fn an_independent_reader_agrees_in_every_width_and_order() {
        use object::elf::{FileHeader32, FileHeader64};
        let (little, big) = (Endianness::Little, Endianness::Big);
        check::<FileHeader32<_>>(&sample(ElfClass::Elf32, Endian::Little), little);
        check::<FileHeader32<_>>(&sample(ElfClass::Elf32, Endian::Big), big);
        check::<FileHeader64<_>>(&sample(ElfClass::Elf64, Endian::Little), little);
        check::<FileHeader64<_>>(&sample(ElfClass::Elf64, Endian::Big), big);
    }
}
