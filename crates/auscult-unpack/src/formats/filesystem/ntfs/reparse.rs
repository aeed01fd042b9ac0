//! Reparse points: links, and files whose content is elsewhere ([MS-FSCC] section 2.1.2).

use super::{
    attribute::{Attribute, DATA, REPARSE_POINT},
    content::value,
    fault_at,
    file::File,
    table::Table,
};
use crate::{Endian::Little, EntryKind, Fault, View, formats::support::utf16};

/// Longest reparse point.
const BYTES_MAX: u64 = 16 << 10;

const MOUNT_POINT: u32 = 0xa000_0003;
const SYMLINK: u32 = 0xa000_000c;
/// Of the Linux subsystem of Windows.
const LINUX_SYMLINK: u32 = 0xa000_001d;
const LINUX_FIFO: u32 = 0x8000_0024;
const LINUX_CHARACTER_DEVICE: u32 = 0x8000_0025;
const LINUX_BLOCK_DEVICE: u32 = 0x8000_0026;
const SOCKET: u32 = 0x8000_0023;
const FILTER: u32 = 0x8000_0017;
const DEDUPLICATED: u32 = 0x8000_0013;
/// Placeholders of cloud storage: the same number with one digit that differs.
const CLOUD: u32 = 0x9000_001a;
const CLOUD_MASK: u32 = 0xffff_0fff;

/// `FILE_ATTRIBUTE_SYSTEM`: such files may be links or devices of Interix, as ntfs-3g makes them.
const FLAG_SYSTEM: u32 = 4;
const INTERIX_BYTES_MAX: u64 = 4096;
const INTERIX_LINK: &[u8] = b"IntxLNK\x01";
const INTERIX_CHARACTER_DEVICE: &[u8] = b"IntxCHR\0";
const INTERIX_BLOCK_DEVICE: &[u8] = b"IntxBLK\0";

/// What a reparse point makes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Nothing else than it was.
    Plain,
    /// A link, device, pipe or socket.
    Kind(EntryKind),
    /// A file whose content is packed or elsewhere.
    Unread(String),
}

/// What the reparse point or the content of a file make of it.
pub(super) fn meaning(table: &Table, file: &File, faults: &mut Vec<Fault>) -> Meaning {
    if let Some(attribute) = file.stream(REPARSE_POINT, b"") {
        let point =
            value(table, attribute, BYTES_MAX).and_then(|point| of_point(&point, file, table));
        return point.unwrap_or_else(|fault| {
            faults.push(fault_at(table.place(file.number), "read a reparse point", fault.why));
            Meaning::Plain
        });
    }
    let data = file.stream(DATA, b"").filter(|data| data.size() <= INTERIX_BYTES_MAX);
    if file.flags() & FLAG_SYSTEM != 0
        && !file.is_directory
        && let Some(content) = data.and_then(|data| value(table, data, INTERIX_BYTES_MAX).ok())
        && let Some(kind) = of_interix(&content)
    {
        return Meaning::Kind(kind);
    }
    Meaning::Plain
}

fn of_point(point: &[u8], file: &File, table: &Table) -> Result<Meaning, Fault> {
    let view = View(point);
    let tag = view.u32(0, Little)?;
    let data = view.bytes(8, usize::from(view.u16(4, Little)?))?;
    let device = || file.device(table).unwrap_or((0, 0));
    Ok(Meaning::Kind(match tag {
        SYMLINK => EntryKind::Symlink(target(data, 12)?.into()),
        MOUNT_POINT => EntryKind::Symlink(target(data, 8)?.into()),
        LINUX_SYMLINK => EntryKind::Symlink(data.get(4..).unwrap_or_default().into()),
        LINUX_FIFO => EntryKind::Fifo,
        SOCKET => EntryKind::Socket,
        LINUX_CHARACTER_DEVICE => {
            let (major, minor) = device();
            EntryKind::CharacterDevice { major, minor }
        }
        LINUX_BLOCK_DEVICE => {
            let (major, minor) = device();
            EntryKind::BlockDevice { major, minor }
        }
        FILTER => return Ok(Meaning::Unread(filter(data))),
        DEDUPLICATED => return Ok(Meaning::Unread("deduplicated".to_owned())),
        tag if tag & CLOUD_MASK == CLOUD => {
            return Ok(Meaning::Unread("a placeholder: the content is in a cloud".to_owned()));
        }
        _ => return Ok(Meaning::Plain),
    }))
}

/// The target of a link, with slashes: its name for people if it has one.
fn target(data: &[u8], names: usize) -> Result<Vec<u8>, Fault> {
    let view = View(data);
    let field = |at: usize| -> Result<Vec<u8>, Fault> {
        let (start, length) = (view.u16(at, Little)?, view.u16(at + 2, Little)?);
        let bytes = view.bytes(names + usize::from(start), usize::from(length))?;
        Ok(utf16::little_endian(bytes))
    };
    let mut name = field(4)?;
    if name.is_empty() {
        name = field(0)?;
    }
    // The name space of the kernel.
    let name = name.strip_prefix(br"\??\").unwrap_or(&name);
    Ok(name.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect())
}

/// Files of the Windows overlay filter (`WOF_EXTERNAL_INFO`, `FILE_PROVIDER_EXTERNAL_INFO_V1`).
fn filter(data: &[u8]) -> String {
    let word = |at| View(data).u32(at, Little).unwrap_or(u32::MAX);
    match (word(4), word(12)) {
        (1, _) => "the content is in a WIM file".to_owned(),
        (2, 0) => "compressed by XPRESS4K".to_owned(),
        (2, 1) => "compressed by LZX".to_owned(),
        (2, 2) => "compressed by XPRESS8K".to_owned(),
        (2, 3) => "compressed by XPRESS16K".to_owned(),
        (provider, method) => format!("kept by provider {provider} with method {method}"),
    }
}

fn of_interix(content: &[u8]) -> Option<EntryKind> {
    let number =
        |at| View(content).u64(at, Little).ok().and_then(|number| u32::try_from(number).ok());
    if let Some(target) = content.strip_prefix(INTERIX_LINK) {
        return Some(EntryKind::Symlink(utf16::little_endian(target).into()));
    }
    let (major, minor) = (number(8)?, number(16)?);
    if content.starts_with(INTERIX_CHARACTER_DEVICE) {
        return Some(EntryKind::CharacterDevice { major, minor });
    }
    content.starts_with(INTERIX_BLOCK_DEVICE).then_some(EntryKind::BlockDevice { major, minor })
}

/// Whether a stream only carries what a filter made of the content.
pub(super) fn is_filter_stream(stream: &Attribute) -> bool {
    stream.name == b"WofCompressedData"
}
