//! The version resource of PE files: VS_VERSIONINFO of the Windows API, reached through the tree of
//! resources (Microsoft, "PE Format", "The .rsrc Section").

use auscult_unpack::{Endian::Little, Extent, View};
use memchr::memmem;

use super::program::Program;

/// Place of the resources and of the runtime header in the list of directories.
const RESOURCES: usize = 2;
const RUNTIME: usize = 14;
const VERSION_TYPE: u32 = 16;
/// Languages: of the two that makers use for everybody, then any.
const ENGLISH: u32 = 0x409;
const NEUTRAL: u32 = 0;
const ANY: u32 = u32::MAX;
const SUBDIRECTORY: u32 = 0x8000_0000;
const ENTRIES_MAX: u16 = 1024;
const INFO_BYTES_MAX: u64 = 64 << 10;
const TEXT_UNITS_MAX: usize = 512;
/// `VS_FIXEDFILEINFO.dwSignature`.
const FIXED: &[u8] = &[0xbd, 0x04, 0xef, 0xfe];

/// What the resource says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct VersionInfo {
    pub(super) company: Option<String>,
    pub(super) product: Option<String>,
    pub(super) product_version: Option<String>,
    pub(super) file_version: Option<String>,
    pub(super) internal_name: Option<String>,
    pub(super) original_name: Option<String>,
    /// The four numbers of the file and of the product.
    pub(super) file_numbers: Option<[u16; 4]>,
    pub(super) product_numbers: Option<[u16; 4]>,
    /// The program holds managed code (ECMA-335).
    pub(super) is_managed: bool,
    /// Where the resource stands.
    pub(super) offset: u64,
}

/// Reads the first version resource.
pub(super) fn read(program: &Program<'_>) -> Option<VersionInfo> {
    let (offset, bytes) = find(program)?;
    let info = program.content.read_up_to(offset, bytes.min(INFO_BYTES_MAX)).ok()?;
    let mut found = parse(&info);
    found.offset = offset;
    found.is_managed = program.directory(RUNTIME).is_some();
    Some(found)
}

/// Place and size of the resource: by type, the first name and the language.
fn find(program: &Program<'_>) -> Option<(u64, u64)> {
    let (base, _) = program.directory(RESOURCES)?;
    let content = program.content;
    let mut at = entry(content, base, 0, &[VERSION_TYPE])?;
    for wanted in [&[ANY][..], &[ENGLISH, NEUTRAL, ANY]] {
        if at & SUBDIRECTORY == 0 {
            break;
        }
        at = entry(content, base, at & !SUBDIRECTORY, wanted)?;
    }
    let place = content.read(base.checked_add(u64::from(at))?, 8).ok()?;
    let view = View(&place);
    let address = view.u32(0, Little).ok()?;
    Some((program.relative(address)?, u64::from(view.u32(4, Little).ok()?)))
}

/// Where the entry with the first of these keys leads that is there.
fn entry(content: &Extent, base: u64, at: u32, wanted: &[u32]) -> Option<u32> {
    let at = base.saturating_add(u64::from(at));
    let head = content.read(at, 16).ok()?;
    let count = |at| View(&head).u16(at, Little).unwrap_or(0);
    let count = count(12).saturating_add(count(14)).min(ENTRIES_MAX);
    let table = content.read_up_to(at.saturating_add(16), u64::from(count) * 8).ok()?;
    let entries: Vec<(u32, u32)> = table
        .as_chunks::<8>()
        .0
        .iter()
        .filter_map(|entry| {
            Some((View(entry).u32(0, Little).ok()?, View(entry).u32(4, Little).ok()?))
        })
        .collect();
    wanted.iter().find_map(|&wanted| {
        let found = entries.iter().find(|&&(key, _)| wanted == ANY || key == wanted);
        found.map(|&(_, target)| target)
    })
}

/// Reads the structure. Texts are found by their names, since linkers disagree on the lengths.
pub(super) fn parse(info: &[u8]) -> VersionInfo {
    let text = |name: &str| value(info, name);
    let numbers = |at: usize| {
        let start = memmem::find(info, FIXED)? + at;
        let view = View(info);
        let half = |at| view.u16(start + at, Little).ok();
        // Two words, each with its upper half last.
        let numbers = [half(2)?, half(0)?, half(6)?, half(4)?];
        (numbers != [0; 4]).then_some(numbers)
    };
    VersionInfo {
        company: text("CompanyName"),
        product: text("ProductName"),
        product_version: text("ProductVersion"),
        file_version: text("FileVersion"),
        internal_name: text("InternalName"),
        original_name: text("OriginalFilename"),
        file_numbers: numbers(8),
        product_numbers: numbers(16),
        is_managed: false,
        offset: 0,
    }
}

/// The text of this name: both in UTF-16, the value at a multiple of four.
fn value(info: &[u8], name: &str) -> Option<String> {
    let wanted: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    let at = memmem::find(info, &wanted)?;
    let start = (at + wanted.len()).next_multiple_of(4);
    let units = info.get(start..)?.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    // Some linkers put one more zero before the value.
    let units = units.enumerate().skip_while(|&(index, unit)| index == 0 && unit == 0);
    let units: Vec<u16> =
        units.map(|(_, unit)| unit).take(TEXT_UNITS_MAX).take_while(|&unit| unit != 0).collect();
    let text = String::from_utf16_lossy(&units).trim().to_owned();
    let control = text.chars().any(char::is_control);
    (!text.is_empty() && !control).then_some(text)
}
