//! Which data of an ELF file point to a place in it?
//!
//! In a program that can lie anywhere, pointers stand in the data only where the loader adds to
//! what is there (`Elf_Rel`, and the packed form RELR); with `Elf_Rela` the address stands in the
//! relocation (System V ABI, chapter 4, "Relocation"). Both are looked at.

use object::{
    Endianness, FileKind, elf,
    read::elf::{Dyn as _, FileHeader, ProgramHeader as _, Rela as _},
};

/// Relocations that are looked at, at most; the largest libraries have some hundred thousand.
const RELOCATIONS_MAX: usize = 1 << 20;
/// Pointers to one place at most.
const POINTERS_MAX: usize = 64;

/// How an ELF file stores numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes of a pointer: 4 or 8.
    pub(crate) pointer_bytes: usize,
    pub(crate) is_big_endian: bool,
}

/// The offsets in the file of all pointers to the byte at an offset; none if the bytes are no ELF
/// file or nothing of it is loaded there.
pub(crate) fn to(bytes: &[u8], offset: usize) -> Option<(Layout, Vec<usize>)> {
    match FileKind::parse(bytes).ok()? {
        FileKind::Elf32 => read::<elf::FileHeader32<Endianness>>(bytes, offset, 4),
        FileKind::Elf64 => read::<elf::FileHeader64<Endianness>>(bytes, offset, 8),
        _ => None,
    }
}

fn read<Elf: FileHeader<Endian = Endianness>>(
    bytes: &[u8],
    offset: usize,
    pointer_bytes: usize,
) -> Option<(Layout, Vec<usize>)> {
    let header = Elf::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let is_big_endian = endian == Endianness::Big;
    let segments = header.program_headers(endian, bytes).ok()?;
    let is_mips64el = header.is_mips64el(endian);
    let file = Loaded::<Elf> { endian, segments, bytes, is_mips64el };
    let address = file.address(u64::try_from(offset).ok()?)?;
    let mut found = file.relocated(address);
    found.extend(file.stored(address, pointer_bytes, is_big_endian));
    found.sort_unstable();
    found.dedup();
    Some((Layout { pointer_bytes, is_big_endian }, found))
}

struct Loaded<'data, Elf: FileHeader<Endian = Endianness>> {
    endian: Endianness,
    segments: &'data [Elf::ProgramHeader],
    bytes: &'data [u8],
    /// The relocations of this machine have a form of their own.
    is_mips64el: bool,
}

impl<'data, Elf: FileHeader<Endian = Endianness>> Loaded<'data, Elf> {
    fn loads(&self) -> impl Iterator<Item = &'data Elf::ProgramHeader> {
        let endian = self.endian;
        self.segments.iter().filter(move |one| one.p_type(endian) == elf::PT_LOAD)
    }

    /// Where the loader puts the byte at this offset.
    fn address(&self, offset: u64) -> Option<u64> {
        self.loads().find_map(|segment| {
            let (start, size) = segment.file_range(self.endian);
            let inside = offset.checked_sub(start).filter(|inside| *inside < size)?;
            let base: u64 = segment.p_vaddr(self.endian).into();
            base.checked_add(inside)
        })
    }

    /// Where the byte for this address stands in the file.
    fn offset(&self, address: u64) -> Option<usize> {
        self.loads().find_map(|segment| {
            let base: u64 = segment.p_vaddr(self.endian).into();
            let (start, size) = segment.file_range(self.endian);
            let inside = address.checked_sub(base).filter(|inside| *inside < size)?;
            usize::try_from(start.checked_add(inside)?).ok()
        })
    }

    /// Places that a relocation with an addend fills with this address.
    fn relocated(&self, address: u64) -> Vec<usize> {
        let dynamic = self.segments.iter().find(|one| one.p_type(self.endian) == elf::PT_DYNAMIC);
        let entries = dynamic.and_then(|one| one.dynamic(self.endian, self.bytes).ok().flatten());
        let value = |wanted| {
            let mut entries = entries.unwrap_or_default().iter();
            let entry = entries.find(|entry| entry.d_tag(self.endian) == wanted)?;
            Some(entry.d_val(self.endian).into())
        };
        let table = || {
            let start = self.offset(value(elf::DT_RELA)?)?;
            let size = usize::try_from(value(elf::DT_RELASZ)?).ok()?;
            let count = (size / size_of::<Elf::Rela>()).min(RELOCATIONS_MAX);
            let data = self.bytes.get(start..)?;
            object::pod::slice_from_bytes::<Elf::Rela>(data, count).ok().map(|(table, _)| table)
        };
        table()
            .unwrap_or_default()
            .iter()
            .filter(|one| {
                let addend: i64 = one.r_addend(self.endian).into();
                u64::try_from(addend) == Ok(address)
                    && one.r_sym(self.endian, self.is_mips64el) == 0
            })
            .filter_map(|one| self.offset(one.r_offset(self.endian).into()))
            .take(POINTERS_MAX)
            .collect()
    }

    /// Words of the data that hold this address.
    fn stored(&self, address: u64, pointer_bytes: usize, is_big_endian: bool) -> Vec<usize> {
        let whole = if is_big_endian { address.to_be_bytes() } else { address.to_le_bytes() };
        let start = if is_big_endian { 8 - pointer_bytes } else { 0 };
        let Some(word) = whole.get(start..start + pointer_bytes) else { return Vec::new() };
        let writable = self.loads().filter(|one| one.p_flags(self.endian).0 & elf::PF_W.0 != 0);
        let mut found = Vec::new();
        for segment in writable {
            let (offset, size) = segment.file_range(self.endian);
            let (Ok(offset), Ok(size)) = (usize::try_from(offset), usize::try_from(size)) else {
                continue;
            };
            let data = self.bytes.get(offset..).unwrap_or_default();
            let data = data.get(..size).unwrap_or(data);
            let places = memchr::memmem::find_iter(data, word).map(|at| offset + at);
            found.extend(places.filter(|at| at % pointer_bytes == 0).take(POINTERS_MAX));
        }
        found
    }
}
