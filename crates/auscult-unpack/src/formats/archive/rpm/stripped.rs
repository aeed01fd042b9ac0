//! The cpio of packages with large files: `07070X` and the number of the file, then its data. All
//! else is in the header of the package (`lib/cpio.c` of rpm).

use super::RpmHeader;
use crate::{
    Entry, EntryKind, Extent, Fault, Reading,
    formats::support::{gathering::Gathering, unix_mode},
};

/// Tags of arrays with one value for each file.
const BASE_NAMES: u32 = 1117;
const DIRECTORY_NAMES: u32 = 1118;
const DIRECTORY_INDEXES: u32 = 1116;
const MODES: u32 = 1030;
const DEVICES: u32 = 1033;
const TIMES: u32 = 1034;
const LINKS: u32 = 1036;
const INODES: u32 = 1096;

const MAGIC: &[u8] = b"07070X";
/// Magic and number, filled up to a multiple of four.
const HEADER_BYTES: u64 = 16;

/// Lists the files of a payload.
pub(super) fn list(header: &RpmHeader, payload: &Extent) -> (Vec<Entry>, Vec<Fault>) {
    let (names, folders) = (header.texts(BASE_NAMES), header.texts(DIRECTORY_NAMES));
    let indexes = header.numbers(DIRECTORY_INDEXES, 4);
    let sizes = header.numbers(super::tag::FILE_SIZES_LONG, 8);
    let modes = header.numbers(MODES, 2);
    let (devices, times) = (header.numbers(DEVICES, 2), header.numbers(TIMES, 4));
    let (links, inodes) = (header.texts(LINKS), header.numbers(INODES, 4));
    let value = |values: &[u64], index: usize| values.get(index).copied().unwrap_or(0);
    let mut gathering = Gathering::new(payload);
    let mut at = 0;
    while at < payload.len() && !gathering.is_full() {
        let index = match index_at(payload, at) {
            Ok(Some(index)) if index < names.len() => index,
            Ok(None) => break,
            Ok(Some(index)) => {
                let why = format!("file {index} of {}", names.len());
                gathering.report(Fault::new(at, "read the payload of the package", why), b"");
                break;
            }
            Err(fault) => {
                gathering.report(fault, b"");
                break;
            }
        };
        let folder = usize::try_from(value(&indexes, index)).ok();
        let folder = folder.and_then(|folder| folders.get(folder)).copied().unwrap_or_default();
        let name = names.get(index).copied().unwrap_or_default();
        let path = [folder, name].concat();
        let mode = u32::try_from(value(&modes, index)).unwrap_or(0);
        let mut metadata = unix_mode::metadata(mode, 0, 0, 0);
        (metadata.user, metadata.group) = (None, None);
        metadata.modified = i64::try_from(value(&times, index)).ok();
        let size = value(&sizes, index);
        let device = u32::try_from(value(&devices, index)).unwrap_or(0);
        let symlink = unix_mode::type_bits(mode) == unix_mode::SYMLINK;
        let kind = if symlink {
            EntryKind::Symlink(links.get(index).copied().unwrap_or_default().into())
        } else {
            unix_mode::kind(mode, device >> 8, device & 0xff).unwrap_or(EntryKind::File)
        };
        at += HEADER_BYTES;
        let file = kind == EntryKind::File;
        let mut entry = Entry::member(path.as_slice(), kind, metadata);
        // Of hard links only the last one has its data here.
        let linked = file && size > 0 && index_at(payload, at).is_ok_and(|next| next.is_some());
        let held = if symlink || file && !linked { size } else { 0 };
        if file {
            entry.content = Some(payload.clamp(at, held));
            if held > payload.len().saturating_sub(at) {
                let why = format!("{held} bytes promised: truncated");
                gathering.report(Fault::new(at, "read the payload of the package", why), &path);
            }
        }
        at = at.saturating_add(held).saturating_add(3) & !3;
        if linked {
            entry.reading = Reading::Leaf;
        }
        match inodes.get(index) {
            Some(&inode) if file && linked => gathering.add_linked(entry, inode),
            _ => gathering.add(entry),
        }
    }
    gathering.finish()
}

/// The number of the file whose header is here; none for the trailer, an ordinary header.
fn index_at(payload: &Extent, at: u64) -> Result<Option<usize>, Fault> {
    let head = payload.read(at, 14)?;
    let digits = head.strip_prefix(MAGIC);
    let Some(digits) = digits else {
        let fault = || Fault::new(at, "read the payload of the package", "no header");
        return if head.starts_with(b"0707") { Ok(None) } else { Err(fault()) };
    };
    let text = std::str::from_utf8(digits).ok();
    let index = text.and_then(|text| usize::from_str_radix(text, 16).ok());
    let fault = || Fault::new(at, "read the payload of the package", "a number that is none");
    index.map(Some).ok_or_else(fault)
}
