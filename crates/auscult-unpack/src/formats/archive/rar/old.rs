//! RAR 1.5 to 4: blocks with a checksum of 16 bits, a type, flags and a size.

use super::{super::dos_word, Archive, Member, Split, system};
use crate::{
    Endian::Little,
    Extent, Fault, Metadata, View,
    checksum::{Crc32, agrees},
    format::NotThis,
    formats::support::utf16,
};

const MARK_BYTES: u64 = 7;
/// Types of blocks.
const MAIN: u8 = 0x73;
const FILE: u8 = 0x74;
const END: u8 = 0x7b;
/// Flags of the main block.
const MAIN_VOLUME: u16 = 1;
const MAIN_COMMENT: u16 = 2;
const MAIN_SOLID: u16 = 8;
const MAIN_RECOVERY: u16 = 0x40;
const MAIN_ENCRYPTED: u16 = 0x80;
/// Flags of a file's block.
const FILE_BEFORE: u16 = 1;
const FILE_AFTER: u16 = 2;
const FILE_ENCRYPTED: u16 = 4;
const FILE_COMMENT: u16 = 8;
/// All three bits of the size of the window: a directory.
const FILE_DIRECTORY: u16 = 0xe0;
const FILE_LARGE: u16 = 0x100;
const FILE_UNICODE: u16 = 0x200;
/// Of any block: it has data behind it.
const LONG_BLOCK: u16 = 0x8000;
/// Fixed part of a file's block, and of any block.
const FILE_BYTES: usize = 32;
const BLOCK_BYTES: u64 = 7;

const SYSTEMS: &[&str] = &["MS-DOS", "OS/2", "Windows", "Unix", "Mac OS", "BeOS"];
const WINDOWS: u8 = 2;
const UNIX: u8 = 3;
/// "Stored" among the methods 0x30 to 0x35.
const METHOD_STORED: u8 = 0x30;

struct Block {
    kind: u8,
    flags: u16,
    bytes: bytes::Bytes,
    /// Bytes behind the header.
    data: u64,
}

impl Block {
    fn read(extent: &Extent, at: u64) -> Result<Self, Fault> {
        let fault = |why: &str| Fault::new(at, "read a rar block", why);
        let head = extent.read(at, BLOCK_BYTES)?;
        let view = View(&head);
        let (kind, flags) = (view.u8(2)?, view.u16(3, Little)?);
        let size = u64::from(view.u16(5, Little)?);
        if !(0x72..=0x7b).contains(&kind) || size < BLOCK_BYTES {
            return Err(fault("not a block"));
        }
        let bytes = extent.read(at, size)?;
        let [low, high, ..] = Crc32::of(bytes.get(2..).unwrap_or_default()).to_le_bytes();
        // Blocks with a comment inside have their checksum over the part before it.
        let commented = match kind {
            MAIN => flags & MAIN_COMMENT != 0,
            FILE => flags & FILE_COMMENT != 0,
            _ => false,
        };
        if !commented && !agrees(view.u16(0, Little)?, u16::from_le_bytes([low, high])) {
            return Err(fault("its checksum is wrong"));
        }
        let view = View(&bytes);
        let mut data = 0;
        if kind == FILE || flags & LONG_BLOCK != 0 {
            data = u64::from(view.u32(7, Little)?);
            if matches!(kind, FILE | 0x7a) && flags & FILE_LARGE != 0 {
                data |= u64::from(view.u32(FILE_BYTES, Little)?) << 32;
            }
        }
        Ok(Self { kind, flags, bytes, data })
    }
}

pub(super) fn read(extent: &Extent) -> Result<Archive, NotThis> {
    let main = Block::read(extent, MARK_BYTES)?;
    if main.kind != MAIN {
        return Err(NotThis);
    }
    let mut archive = Archive::default();
    describe(&main, &mut archive);
    let mut at = MARK_BYTES + u64::try_from(main.bytes.len()).unwrap_or(0);
    archive.length = at;
    if main.flags & MAIN_ENCRYPTED != 0 {
        // Nothing tells where encrypted blocks end.
        archive.length = extent.len();
        archive.locked = Some("encrypted".to_owned());
        return Ok(archive);
    }
    let mut system_of_first = None;
    for _ in 0..extent.vault().limits().entries {
        if at >= extent.len() {
            archive.length = at;
            return Ok(archive);
        }
        let block = match Block::read(extent, at) {
            Ok(block) => block,
            Err(fault) => {
                archive.faults.push(fault);
                break;
            }
        };
        let data = at + u64::try_from(block.bytes.len()).unwrap_or(0);
        let end = data.saturating_add(block.data);
        if block.kind == FILE {
            match member(&block, at, data) {
                Ok((member, host)) => {
                    system_of_first.get_or_insert(host);
                    archive.members.push(member);
                }
                Err(fault) => archive.faults.push(fault.within(at)),
            }
        }
        at = end;
        archive.length = at;
        if block.kind == END {
            break;
        }
    }
    if let Some(host) = system_of_first {
        archive.attributes.push(("os", system(SYSTEMS, u64::from(host))));
    }
    Ok(archive)
}

fn describe(main: &Block, archive: &mut Archive) {
    archive.attributes.push(("version", "1.5 to 4".to_owned()));
    let flags = [
        (MAIN_VOLUME, "volume"),
        (MAIN_SOLID, "solid"),
        (MAIN_RECOVERY, "recovery-record"),
        (MAIN_ENCRYPTED, "encrypted-headers"),
    ];
    for (flag, name) in flags {
        if main.flags & flag != 0 {
            archive.attributes.push((name, "true".to_owned()));
        }
    }
}

/// Reads a file's block; also gives the number of the system it comes from.
fn member(block: &Block, place: u64, data: u64) -> Result<(Member, u8), Fault> {
    let (view, flags) = (View(&block.bytes), block.flags);
    let mut size = u64::from(view.u32(11, Little)?);
    let host = view.u8(15)?;
    let attributes = view.u32(28, Little)?;
    let mut at = FILE_BYTES;
    if flags & FILE_LARGE != 0 {
        size |= u64::from(view.u32(at + 4, Little)?) << 32;
        at += 8;
    }
    let raw = view.bytes(at, usize::from(view.u16(26, Little)?))?;
    let mut name = if flags & FILE_UNICODE != 0 { wide_name(raw) } else { raw.to_vec() };
    if host <= WINDOWS {
        name.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
    }
    let mode = (host == UNIX).then_some(attributes);
    let metadata = Metadata {
        mode: mode.map(|mode| mode & 0o7777),
        modified: dos_word(view.u32(20, Little)?),
        ..Metadata::default()
    };
    let (version, method) = (view.u8(24)?, view.u8(25)?);
    let member = Member {
        place,
        name,
        directory: flags & FILE_DIRECTORY == FILE_DIRECTORY,
        link: None,
        metadata,
        mode,
        data,
        packed: block.data,
        size,
        crc: Some(view.u32(16, Little)?),
        encrypted: flags & FILE_ENCRYPTED != 0,
        stored: method == METHOD_STORED,
        compression: format!("version {version} (method {})", method.saturating_sub(METHOD_STORED)),
        split: Split { before: flags & FILE_BEFORE != 0, after: flags & FILE_AFTER != 0 },
    };
    Ok((member, host))
}

/// A plain name, a zero, and how its characters differ from the plain ones: two bits tell each as a
/// byte, a byte of a page, two bytes, or a run like the plain name. Without the zero it is UTF-8.
fn wide_name(raw: &[u8]) -> Vec<u8> {
    let Some(zero) = memchr::memchr(0, raw) else { return raw.to_vec() };
    let (plain, coded) = raw.split_at(zero);
    let mut coded = coded.iter().skip(1).copied();
    let Some(page) = coded.next() else { return plain.to_vec() };
    let (mut units, mut flags, mut flag_count) = (Vec::new(), 0_u8, 0);
    while let Some(byte) = coded.next() {
        if flag_count == 0 {
            (flags, flag_count) = (byte, 4);
            continue;
        }
        match flags >> 6 {
            0 => units.push(u16::from(byte)),
            1 => units.push(u16::from_le_bytes([byte, page])),
            2 => units.push(u16::from_le_bytes([byte, coded.next().unwrap_or(0)])),
            _ => {
                let shift = (byte & 0x80 != 0).then(|| coded.next().unwrap_or(0));
                let start = units.len();
                let run = plain.iter().skip(start).take(usize::from(byte & 0x7f) + 2);
                units.extend(run.map(|&plain| match shift {
                    Some(shift) => u16::from_le_bytes([plain.wrapping_add(shift), page]),
                    None => u16::from(plain),
                }));
            }
        }
        flags <<= 2;
        flag_count -= 1;
    }
    utf16::name(units)
}

#[cfg(test)]
mod tests {
    use super::wide_name;

    #[test]
    fn wide_names_are_put_together() {
        assert_eq!(wide_name(b"plain"), b"plain");
        // A byte, a byte of page 4, two bytes, a run of the plain name.
        let coded = b"a???e.txt\0\x04\x1bb\x10\xac\x20\x03";
        assert_eq!(wide_name(coded), "b\u{410}\u{20ac}?e.tx".as_bytes());
    }
}
