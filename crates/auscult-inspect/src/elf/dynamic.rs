//! The dynamic section: soname, needed libraries and dynamic symbols.
//!
//! Found through `PT_DYNAMIC` and the loadable segments, as a dynamic loader does it; the number of
//! symbols comes from the hash tables or, on MIPS, from its own tag.

use std::collections::BTreeSet;

use auscult_model::Known;
use auscult_unpack::Fault;
use object::{
    Endianness, StringTable, elf,
    read::elf::{Dyn as _, FileHeader, GnuHashTable, HashTable, ProgramHeader as _, Sym as _},
};

/// Entries of the dynamic section at most; real ones end after some dozens with `DT_NULL`.
const ENTRIES_MAX: usize = 8192;
/// Symbols of one file at most; the largest libraries have some ten thousand.
const SYMBOLS_MAX: usize = 500_000;
/// Length of a symbol name at most, and of all names of one file together, in bytes: crafted
/// tables let every symbol name the same long string.
const NAME_BYTES_MAX: usize = 4096;
const NAMES_BYTES_MAX: usize = 32 << 20;

/// What the dynamic section tells.
pub(super) struct Dynamic {
    pub(super) soname: Option<String>,
    pub(super) needed: Vec<String>,
    pub(super) imports: Known<Vec<String>>,
    pub(super) exports: Known<Vec<String>>,
}

/// Values of the tags that matter here.
#[derive(Default)]
struct Tags {
    soname: Option<u64>,
    needed: Vec<u64>,
    strings: Option<u64>,
    strings_size: u64,
    symbols: Option<u64>,
    hash: Option<u64>,
    gnu_hash: Option<u64>,
    mips_symbols: Option<u64>,
}

struct Reader<'data, Elf: FileHeader<Endian = Endianness>> {
    endian: Endianness,
    segments: &'data [Elf::ProgramHeader],
    bytes: &'data [u8],
}

/// Reads the dynamic section. A file without one is static and has no dynamic symbols.
pub(super) fn read<'data, Elf: FileHeader<Endian = Endianness>>(
    endian: Endianness,
    segments: &'data [Elf::ProgramHeader],
    bytes: &'data [u8],
    faults: &mut Vec<Fault>,
) -> Dynamic {
    let empty = || Dynamic {
        soname: None,
        needed: Vec::new(),
        imports: Known::Known(Vec::new()),
        exports: Known::Known(Vec::new()),
    };
    let Some(segment) = segments.iter().find(|one| one.p_type(endian) == elf::PT_DYNAMIC) else {
        return empty();
    };
    let reader = Reader::<Elf> { endian, segments, bytes };
    let Some(entries) = reader.entries(segment) else {
        faults.push(super::fault("read the dynamic section", "no segment holds its address"));
        let unknown = || Known::unknown("the dynamic section cannot be read");
        return Dynamic { imports: unknown(), exports: unknown(), ..empty() };
    };
    let tags = Tags::read::<Elf>(endian, entries);
    let Some(strings) = reader.strings(&tags) else {
        faults.push(super::fault("read the dynamic strings", "no segment holds their address"));
        let unknown = || Known::unknown("the dynamic strings cannot be read");
        return Dynamic { imports: unknown(), exports: unknown(), ..empty() };
    };
    let string = |offset: u64| {
        let name = strings.get(u32::try_from(offset).ok()?).ok()?;
        (!name.is_empty() && name.len() <= NAME_BYTES_MAX).then(|| super::text(name))
    };
    let symbols = reader.symbols(&tags, strings);
    let (imports, exports) = match symbols {
        Ok((imports, exports)) => (Known::Known(imports), Known::Known(exports)),
        Err(reason) => (Known::unknown(reason.clone()), Known::Unknown(reason)),
    };
    Dynamic {
        soname: tags.soname.and_then(string),
        needed: tags.needed.iter().copied().filter_map(string).collect(),
        imports,
        exports,
    }
}

impl Tags {
    fn read<Elf: FileHeader<Endian = Endianness>>(
        endian: Endianness,
        entries: &[Elf::Dyn],
    ) -> Self {
        let mut tags = Self::default();
        for entry in entries {
            let value: u64 = entry.d_val(endian).into();
            match entry.d_tag(endian) {
                elf::DT_NULL => break,
                elf::DT_SONAME => tags.soname = Some(value),
                elf::DT_NEEDED if tags.needed.len() < 4096 => tags.needed.push(value),
                elf::DT_STRTAB => tags.strings = Some(value),
                elf::DT_STRSZ => tags.strings_size = value,
                elf::DT_SYMTAB => tags.symbols = Some(value),
                elf::DT_HASH => tags.hash = Some(value),
                elf::DT_GNU_HASH => tags.gnu_hash = Some(value),
                elf::DT_MIPS_SYMTABNO => tags.mips_symbols = Some(value),
                _ => {}
            }
        }
        tags
    }
}

type Names = Vec<String>;

impl<'data, Elf: FileHeader<Endian = Endianness>> Reader<'data, Elf> {
    /// The file's bytes from this address to the end of its segment.
    fn at(&self, address: u64) -> Option<&'data [u8]> {
        self.segments.iter().filter(|one| one.p_type(self.endian) == elf::PT_LOAD).find_map(
            |segment| {
                let start: u64 = segment.p_vaddr(self.endian).into();
                let inside = usize::try_from(address.checked_sub(start)?).ok()?;
                let (offset, size) = segment.file_range(self.endian);
                let (offset, size) = (usize::try_from(offset).ok()?, usize::try_from(size).ok()?);
                // A cut file keeps what it has of the segment.
                let data = self.bytes.get(offset..)?;
                data.get(..size).unwrap_or(data).get(inside..).filter(|rest| !rest.is_empty())
            },
        )
    }

    /// The dynamic entries by their address, as the loader finds them: strippers of vendors leave
    /// offset and size of the segment in the file wrong.
    fn entries(&self, segment: &Elf::ProgramHeader) -> Option<&'data [Elf::Dyn]> {
        let by_address = || {
            let data = self.at(segment.p_vaddr(self.endian).into())?;
            let count = (data.len() / size_of::<Elf::Dyn>()).min(ENTRIES_MAX);
            object::pod::slice_from_bytes::<Elf::Dyn>(data, count).ok().map(|(entries, _)| entries)
        };
        let by_offset = || segment.dynamic(self.endian, self.bytes).ok().flatten();
        by_address().or_else(by_offset).filter(|entries| !entries.is_empty())
    }

    fn strings(&self, tags: &Tags) -> Option<StringTable<'data>> {
        let data = self.at(tags.strings?)?;
        let size = usize::try_from(tags.strings_size).unwrap_or(usize::MAX).min(data.len());
        Some(StringTable::new(data, 0, u64::try_from(size).ok()?))
    }

    /// Number of dynamic symbols.
    fn symbol_count(&self, tags: &Tags) -> Option<usize> {
        let classic = || {
            let table = HashTable::<Elf>::parse(self.endian, self.at(tags.hash?)?).ok()?;
            Some(table.symbol_table_length())
        };
        let gnu = || {
            let table = GnuHashTable::<Elf>::parse(self.endian, self.at(tags.gnu_hash?)?).ok()?;
            // An empty table hashes no symbol, and its base says nothing then.
            table.symbol_table_length(self.endian)
        };
        // Linkers lay the names right behind the symbols; dladdr(3) of glibc counts likewise.
        let by_names = || {
            let bytes = tags.strings?.checked_sub(tags.symbols?)?;
            let count = bytes / u64::try_from(size_of::<Elf::Sym>()).ok()?;
            tags.gnu_hash?;
            u32::try_from(count).ok()
        };
        let mips = || u32::try_from(tags.mips_symbols?).ok();
        usize::try_from(classic().or_else(mips).or_else(gnu).or_else(by_names)?).ok()
    }

    /// Undefined and defined dynamic symbols, each sorted.
    fn symbols(&self, tags: &Tags, strings: StringTable<'data>) -> Result<(Names, Names), String> {
        let Some(address) = tags.symbols else { return Ok((Vec::new(), Vec::new())) };
        let count = self
            .symbol_count(tags)
            .ok_or("no hash table tells the number of dynamic symbols")?
            .min(SYMBOLS_MAX + 1);
        if count > SYMBOLS_MAX {
            return Err(format!("more than {SYMBOLS_MAX} dynamic symbols"));
        }
        let data = self.at(address).ok_or("no segment holds the dynamic symbols")?;
        let fitting = data.len() / size_of::<Elf::Sym>();
        let (symbols, _) = object::pod::slice_from_bytes::<Elf::Sym>(data, count.min(fitting))
            .map_err(|()| "the dynamic symbols are cut off")?;
        let (mut imports, mut exports) = (BTreeSet::new(), BTreeSet::new());
        let mut total = 0_usize;
        for symbol in symbols.iter().skip(1) {
            let Ok(name) = symbol.name(self.endian, strings) else { continue };
            if name.is_empty() || symbol.st_bind() == elf::STB_LOCAL {
                continue;
            }
            total = total.saturating_add(name.len());
            if name.len() > NAME_BYTES_MAX || total > NAMES_BYTES_MAX {
                return Err("the dynamic symbols have names over the limit".to_owned());
            }
            let undefined = symbol.st_shndx(self.endian) == elf::SHN_UNDEF;
            let list = if undefined { &mut imports } else { &mut exports };
            list.insert(super::text(name));
        }
        Ok((imports.into_iter().collect(), exports.into_iter().collect()))
    }
}
