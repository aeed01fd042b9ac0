//! What the headers of ELF files tell (System V ABI, chapters 4 and 5).
//!
//! Most facts are read from the program headers, because vendors strip section headers to save
//! flash; the section table only tells about symbols for the debugger and kernel modules. All reads
//! go through `object`, which cannot read out of bounds, and every list has a limit.

mod dynamic;
pub(crate) mod pointers;

use std::fmt::{self, Write as _};

use auscult_model::{BinaryFacts, Known, Locator, Sha256};
use auscult_unpack::Fault;
use object::{
    Endianness, FileKind, elf,
    read::elf::{FileHeader, ProgramHeader as _, SectionHeader as _},
};
use serde::{Deserialize, Serialize};

/// Facts of one ELF file, and of the kernel module in it.
#[derive(Debug)]
pub(crate) struct Binary {
    pub(crate) facts: BinaryFacts,
    /// The `.modinfo` section of a kernel module.
    pub(crate) module: Option<ModuleInfo>,
    /// What could not be read.
    pub(crate) faults: Vec<Fault>,
}

/// The telling lines of `.modinfo`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ModuleInfo {
    pub(crate) name: Option<String>,
    pub(crate) vermagic: Option<String>,
}

/// Whether the bytes begin like an ELF file.
pub(crate) fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(&elf::ELFMAG)
}

/// Reads an ELF file; none where the header itself is no ELF header.
pub(crate) fn read(locator: &Locator, bytes: &[u8]) -> Option<Binary> {
    match FileKind::parse(bytes) {
        Ok(FileKind::Elf32) => read_class::<elf::FileHeader32<Endianness>>(locator, bytes, 32),
        Ok(FileKind::Elf64) => read_class::<elf::FileHeader64<Endianness>>(locator, bytes, 64),
        _ => None,
    }
}

/// A fault without a better place than the file.
fn fault(what: &str, why: impl fmt::Display) -> Fault {
    Fault::new(0, what, format!("{why}"))
}

fn read_class<Elf: FileHeader<Endian = Endianness>>(
    locator: &Locator,
    bytes: &[u8],
    width: u8,
) -> Option<Binary> {
    let header = Elf::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let mut faults = Vec::new();
    let segments = header.program_headers(endian, bytes).unwrap_or_else(|error| {
        faults.push(fault("read the program headers", error));
        &[]
    });
    let interpreter = segments.iter().find_map(|segment| {
        segment.interpreter(endian, bytes).ok()?.map(|path| text(path.get(..4096).unwrap_or(path)))
    });
    let sections = Sections::read(header, endian, bytes, &mut faults);
    let relocatable = header.e_type(endian) == elf::ET_REL;
    let dynamic = dynamic::read::<Elf>(endian, segments, bytes, &mut faults);
    let no_symbols = || Known::unknown("a relocatable object has no dynamic symbols");
    let facts = BinaryFacts {
        locator: locator.clone(),
        sha256: Sha256::of(bytes),
        architecture: architecture(header.e_machine(endian).0, width, endian),
        kind: kind(header.e_type(endian).0).to_owned(),
        interpreter,
        soname: dynamic.soname,
        needed: dynamic.needed,
        imports: if relocatable { no_symbols() } else { dynamic.imports },
        exports: if relocatable { no_symbols() } else { dynamic.exports },
        build_id: build_id::<Elf>(endian, segments, bytes).or(sections.build_id),
        stripped: Known::Known(!sections.has_symbols),
    };
    Some(Binary { facts, module: sections.module, faults })
}

/// What the section table tells. Without one (sstrip) there are no symbols either.
#[derive(Default)]
struct Sections {
    has_symbols: bool,
    module: Option<ModuleInfo>,
    build_id: Option<String>,
}

impl Sections {
    fn read<Elf: FileHeader<Endian = Endianness>>(
        header: &Elf,
        endian: Endianness,
        bytes: &[u8],
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut found = Self::default();
        let sections = match header.sections(endian, bytes) {
            Ok(sections) => sections,
            Err(error) => {
                faults.push(fault("read the section headers", error));
                return found;
            }
        };
        for section in sections.iter() {
            found.has_symbols |= section.sh_type(endian) == elf::SHT_SYMTAB;
            if sections.section_name(endian, section).is_ok_and(|name| name == b".modinfo") {
                let data = section.data(endian, bytes).unwrap_or_default();
                found.module = Some(module_info(data));
            }
            if let Ok(Some(notes)) = section.notes(endian, bytes) {
                found.build_id = found.build_id.take().or_else(|| note_id::<Elf>(endian, notes));
            }
        }
        found
    }
}

fn build_id<Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &[Elf::ProgramHeader],
    bytes: &[u8],
) -> Option<String> {
    segments.iter().find_map(|segment| {
        let notes = segment.notes(endian, bytes).ok()??;
        note_id::<Elf>(endian, notes)
    })
}

/// The build id among these notes, in hexadecimal.
fn note_id<Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    notes: object::read::elf::NoteIterator<'_, Elf>,
) -> Option<String> {
    let notes = notes.take(64).map_while(Result::ok);
    let mut ids = notes.filter(|note| {
        note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID
    });
    let id = ids.next()?.desc();
    if id.is_empty() || id.len() > 64 {
        return None;
    }
    Some(id.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Reads `key=value` strings, each with its NUL.
fn module_info(data: &[u8]) -> ModuleInfo {
    let mut info = ModuleInfo::default();
    for entry in data.split(|&byte| byte == 0) {
        if let Some(name) = entry.strip_prefix(b"name=") {
            info.name = Some(text(name));
        } else if let Some(vermagic) = entry.strip_prefix(b"vermagic=") {
            info.vermagic = Some(text(vermagic).trim().to_owned());
        }
    }
    info
}

/// Bytes as text, shortened to what a name can hold.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..4096).unwrap_or(bytes)).into_owned()
}

fn kind(e_type: u16) -> &'static str {
    match elf::FileType(e_type) {
        elf::ET_REL => "relocatable",
        elf::ET_EXEC => "executable",
        elf::ET_DYN => "shared",
        elf::ET_CORE => "core",
        _ => "unknown",
    }
}

/// `mips-32-be`: machine, width, byte order. Machines without a name here show their number.
fn architecture(machine: u16, width: u8, endian: Endianness) -> String {
    let name = match elf::Machine(machine) {
        elf::EM_386 => "x86",
        elf::EM_X86_64 => "x86_64",
        elf::EM_ARM => "arm",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_MIPS | elf::EM_MIPS_RS3_LE => "mips",
        elf::EM_PPC => "powerpc",
        elf::EM_PPC64 => "powerpc64",
        elf::EM_RISCV => "riscv",
        elf::EM_XTENSA => "xtensa",
        elf::EM_SH => "superh",
        elf::EM_SPARC => "sparc",
        elf::EM_SPARCV9 => "sparc64",
        elf::EM_68K => "m68k",
        elf::EM_ARC => "arc",
        elf::EM_ARC_COMPACT => "arc-compact",
        elf::EM_AVR => "avr",
        elf::EM_MSP430 => "msp430",
        elf::EM_MICROBLAZE => "microblaze",
        elf::EM_ALTERA_NIOS2 => "nios2",
        elf::EM_BLACKFIN => "blackfin",
        elf::EM_S390 => "s390",
        elf::EM_TRICORE => "tricore",
        elf::EM_LOONGARCH => "loongarch",
        elf::EM_BPF => "bpf",
        _ => "",
    };
    let order = if endian == Endianness::Big { "be" } else { "le" };
    if name.is_empty() {
        return format!("machine{machine}-{width}-{order}");
    }
    format!("{name}-{width}-{order}")
}

#[cfg(test)]
mod tests {
    use auscult_model::Locator;

    use super::{is_elf, module_info, read};

    /// A 32-bit big-endian MIPS shared object: header, two program headers, dynamic section,
    /// strings and two symbols; no section headers, as sstrip leaves it.
    fn sstripped() -> Vec<u8> {
        let strings = b"\0libdemo.so.1\0libc.so.0\0provided\0wanted\0";
        let (dynamic_at, symbols_at, strings_at) = (0x100_u32, 0x180_u32, 0x1c0_u32);
        let mut file = vec![0_u8; 0x1c0];
        file[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 1, 2, 1, 0]);
        let half = |file: &mut Vec<u8>, at: usize, value: u16| {
            file[at..at + 2].copy_from_slice(&value.to_be_bytes());
        };
        let word = |file: &mut Vec<u8>, at: usize, value: u32| {
            file[at..at + 4].copy_from_slice(&value.to_be_bytes());
        };
        for (at, value) in [(16, 3), (18, 8), (40, 52), (42, 32), (44, 2), (46, 40)] {
            half(&mut file, at, value);
        }
        word(&mut file, 20, 1);
        word(&mut file, 28, 52);
        // PT_LOAD of the whole file at 0x10000, PT_DYNAMIC inside it.
        for (index, value) in [1, 0, 0x10000, 0x10000, 0x400, 0x400, 5, 0x1000].iter().enumerate() {
            word(&mut file, 52 + 4 * index, *value);
        }
        let size = 8 * 7;
        let base = 0x10000 + dynamic_at;
        for (index, value) in [2, dynamic_at, base, base, size, size, 6, 4].iter().enumerate() {
            word(&mut file, 84 + 4 * index, *value);
        }
        let entries = [
            (14, 1),                                     // DT_SONAME
            (1, 14),                                     // DT_NEEDED
            (5, 0x10000 + strings_at),                   // DT_STRTAB
            (10, u32::try_from(strings.len()).unwrap()), // DT_STRSZ
            (6, 0x10000 + symbols_at),                   // DT_SYMTAB
            (0x7000_0011, 3),                            // DT_MIPS_SYMTABNO
            (0, 0),
        ];
        for (index, (tag, value)) in entries.iter().enumerate() {
            word(&mut file, dynamic_at as usize + 8 * index, *tag);
            word(&mut file, dynamic_at as usize + 8 * index + 4, *value);
        }
        // Symbol 1 is defined in section 5, symbol 2 is undefined; both global functions.
        for (index, (name, section)) in [(24, 5), (33, 0)].iter().enumerate() {
            let at = symbols_at as usize + 16 * (index + 1);
            word(&mut file, at, *name);
            file[at + 12] = 0x12;
            half(&mut file, at + 14, *section);
        }
        file.extend_from_slice(strings);
        file.resize(0x400, 0);
        file
    }

    #[test]
    fn facts_come_without_section_headers() {
        let bytes = sstripped();
        assert!(is_elf(&bytes));
        let binary = read(&Locator::image(), &bytes).unwrap();
        let facts = binary.facts;
        assert_eq!((facts.architecture.as_str(), facts.kind.as_str()), ("mips-32-be", "shared"));
        assert_eq!(facts.soname.as_deref(), Some("libdemo.so.1"));
        assert_eq!(facts.needed, ["libc.so.0"]);
        assert_eq!(facts.exports.known().unwrap(), &["provided"]);
        assert_eq!(facts.imports.known().unwrap(), &["wanted"]);
        assert_eq!(facts.stripped.known(), Some(&true));
        assert!(binary.faults.is_empty(), "{:?}", binary.faults);
    }

    #[test]
    fn no_cut_or_flipped_byte_panics() {
        let whole = sstripped();
        for length in 0..whole.len() {
            drop(read(&Locator::image(), &whole[..length]));
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            for value in [0xff, 0x80, 0x00] {
                broken[at] = value;
                drop(read(&Locator::image(), &broken));
            }
        }
    }

    /// A program that exports nothing has a table of hashes that counts nothing: its imports are
    /// there all the same. This test's own program is such a one.
    #[test]
    fn programs_without_exports_have_their_imports() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let binary = read(&Locator::image(), &own).unwrap();
        let imports = binary.facts.imports.known().unwrap();
        assert!(imports.iter().any(|name| name == "__libc_start_main"), "{imports:?}");
        assert!(imports.len() > 20, "{imports:?}");
    }

    #[test]
    fn module_info_is_read() {
        let info = module_info(b"license=GPL\0vermagic=4.4.92 SMP mod_unload \0name=ath9k\0\0");
        assert_eq!(info.name.as_deref(), Some("ath9k"));
        assert_eq!(info.vermagic.as_deref(), Some("4.4.92 SMP mod_unload"));
    }
}
