//! ZOO archives (`zoo.h` of zoo 2.10): stored members, LZW, and the LZ77 with Huffman codes of LHA.
//!
//! Deleted members and older generations of a file are listed like the others.

use std::collections::HashSet;

use crate::{
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    checksum::agrees,
    codec::{LzwVariant, MemberCodec, Unpacking},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        dos_time::dos_time,
        gathering::Gathering,
        promise::{self, Promise, Sum, crc16_arc},
    },
};

const MAGIC: u32 = 0xfdc4_a7dc;

pub(crate) static FORMAT: Format =
    Format { name: "zoo", magics: &[Magic::at(20, &[0xdc, 0xa7, 0xc4, 0xfd])], carve: true, open };

const HEADER_BYTES: u64 = 34;
const ENTRY_BYTES: u64 = 51;
/// Longest entry: fixed part, then what its own length says.
const ENTRY_BYTES_MAX: u64 = ENTRY_BYTES + 5 + (1 << 16);
/// LZW codes have 9 to 13 bits; 256 clears the table, 257 ends the data.
const LZW: LzwVariant =
    LzwVariant { bits_max: 13, clear: Some(256), end: Some(257), grouped: false };

#[derive(Debug)]
struct Member {
    method: u8,
    next: u64,
    offset: u64,
    packed: u64,
    size: u64,
    crc: u16,
    modified: Option<i64>,
    path: Vec<u8>,
    deleted: bool,
    /// Where the entry ends.
    end: u64,
}

impl Member {
    fn read(extent: &Extent, at: u64) -> Result<Self, Fault> {
        let fault = |why: &str| Fault::new(at, "read a zoo entry", why);
        let bytes = extent.read_up_to(at, ENTRY_BYTES_MAX)?;
        let view = View(&bytes);
        let wide = |at: usize| view.u32(at, Little).map(u64::from);
        if view.u32(0, Little)? != MAGIC {
            return Err(fault("no mark"));
        }
        let mut member = Self {
            method: view.u8(5)?,
            next: wide(6)?,
            offset: wide(10)?,
            packed: wide(24)?,
            size: wide(20)?,
            crc: view.u16(18, Little)?,
            modified: dos_time(view.u16(14, Little)?, view.u16(16, Little)?),
            path: view.text(38, 13)?.to_vec(),
            deleted: view.u8(30)? == 1,
            end: at + ENTRY_BYTES,
        };
        if view.u8(4)? >= 2 {
            member.read_variable(view)?;
        }
        Ok(member)
    }

    /// Long name and directory, with a checksum over the whole entry in which itself is zero.
    fn read_variable(&mut self, view: View<'_>) -> Result<(), Fault> {
        let length = usize::from(view.u16(51, Little)?);
        let entry = view.bytes(0, 56 + length)?;
        let mut zeroed = entry.to_vec();
        if let Some(place) = zeroed.get_mut(54..56) {
            place.fill(0);
        }
        if !agrees(view.u16(54, Little)?, crc16_arc(&zeroed)) {
            return Err(Fault::new(0, "read a zoo entry", "its checksum is wrong"));
        }
        self.end += 5 + u64::try_from(length).unwrap_or(0);
        if length < 2 {
            return Ok(());
        }
        let (name, folder) = (usize::from(view.u8(56)?), usize::from(view.u8(57)?));
        let long = view.text(58, name)?;
        if !long.is_empty() {
            self.path = long.to_vec();
        }
        let folder = view.text(58 + name, folder)?;
        if !folder.is_empty() {
            self.path = [folder.strip_suffix(b"/").unwrap_or(folder), b"/", &self.path].concat();
        }
        Ok(())
    }

    fn codec(&self) -> Option<MemberCodec> {
        match self.method {
            1 => Some(MemberCodec::Lzw(LZW)),
            2 => Some(MemberCodec::Lzh { distance_bits: 4 }),
            _ => None,
        }
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let start = view.u32(24, Little)?;
    // The start is told twice, the second time as a negative number.
    if view.u32(20, Little)? != MAGIC || start.wrapping_add(view.u32(28, Little)?) != 0 {
        return Err(NotThis);
    }
    let mut opened = Opened { length: HEADER_BYTES, ..Opened::default() };
    let text = String::from_utf8_lossy(view.bytes(0, 20)?).into_owned();
    opened.attributes.push(("text", text.trim_end_matches(['\0', '\u{1a}']).to_owned()));
    opened.attributes.push(("version", format!("{}.{}", view.u8(32)?, view.u8(33)?)));
    let mut gathering = Gathering::new(extent);
    let (mut promises, mut visited) = (Vec::new(), HashSet::new());
    let mut at = u64::from(start);
    while at != 0 && !gathering.is_full() {
        let member = match Member::read(extent, at) {
            Ok(member) if visited.insert(at) => member,
            Ok(_) => {
                gathering.report(Fault::new(at, "read a zoo entry", "read before"), b"");
                break;
            }
            Err(_) if visited.is_empty() => return Err(NotThis),
            Err(fault) => {
                gathering.report(fault, b"");
                break;
            }
        };
        opened.length = opened.length.max(member.end);
        // The last entry is an empty one that leads nowhere.
        if member.next == 0 {
            break;
        }
        opened.length = opened.length.max(member.offset.saturating_add(member.packed));
        let entry = entry(extent, at, &member, &mut gathering, &mut promises);
        gathering.add(entry);
        at = member.next;
    }
    let (entries, faults) = gathering.finish();
    opened.entries = entries;
    opened.faults = faults;
    opened.faults.extend(promise::verify(&promises));
    Ok(opened)
}

fn entry(
    extent: &Extent,
    at: u64,
    member: &Member,
    gathering: &mut Gathering,
    promises: &mut Vec<Promise>,
) -> Entry {
    let metadata = Metadata { modified: member.modified, ..Metadata::default() };
    let mut path = member.path.clone();
    if member.deleted {
        path.extend_from_slice(b" (deleted)");
    }
    let bare = Entry::member(path.as_slice(), EntryKind::File, metadata);
    let data = extent.clamp(member.offset, member.packed);
    if data.len() < member.packed {
        let why = format!("{} bytes promised, {} there: truncated", member.packed, data.len());
        gathering.report(Fault::new(member.offset, "read a zoo member", why), &path);
    }
    let content = match member.codec() {
        _ if member.method == 0 => data,
        Some(codec) => Unpacking { codec, input: data, size: member.size }.extent(),
        None => {
            let reason = format!("compressed by method {}", member.method);
            return bare.unreadable(member.packed, reason);
        }
    };
    let sum = Sum::Crc16(member.crc);
    promises.push(Promise { name: path, place: at, content: content.clone(), sum });
    bare.with_content(content)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use super::crc16_arc;
    use crate::{
        Tree,
        formats::testing::{hostile, reference::container},
    };

    /// An entry of the first kind, with `data` right behind it.
    fn entry(at: usize, name: &[u8], method: u8, data: &[u8], content: &[u8]) -> Vec<u8> {
        let mut entry = vec![0; 51];
        let word = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
        let last = name.is_empty();
        entry[..4].copy_from_slice(&0xfdc4_a7dc_u32.to_le_bytes());
        entry[4..6].copy_from_slice(&[1, method]);
        entry[6..10].copy_from_slice(&word(if last { 0 } else { at + 51 + data.len() }));
        entry[10..14].copy_from_slice(&word(at + 51));
        entry[14..18].copy_from_slice(&[0x21, 0, 0, 0]);
        entry[18..20].copy_from_slice(&crc16_arc(content).to_le_bytes());
        entry[20..24].copy_from_slice(&word(content.len()));
        entry[24..28].copy_from_slice(&word(data.len()));
        entry[38..38 + name.len()].copy_from_slice(name);
        [entry, data.to_vec()].concat()
    }

    /// Codes of nine bits from the low end: clear, `a`, the string being defined twice, end.
    fn lzw() -> Vec<u8> {
        let (mut bits, mut count) = (0_u64, 0);
        for code in [256, u64::from(b'a'), 258, 259, 257] {
            bits |= code << count;
            count += 9;
        }
        bits.to_le_bytes()[..6].to_vec()
    }

    fn archive() -> Vec<u8> {
        let mut bytes = b"ZOO 2.10 Archive.\x1a\0\0".to_vec();
        bytes.extend(0xfdc4_a7dc_u32.to_le_bytes());
        bytes.extend(34_u32.to_le_bytes());
        bytes.extend(34_u32.wrapping_neg().to_le_bytes());
        bytes.extend([2, 0]);
        bytes.extend(entry(bytes.len(), b"stored", 0, b"stored text", b"stored text"));
        bytes.extend(entry(bytes.len(), b"lzw", 1, &lzw(), b"aaaaaa"));
        bytes.extend(entry(bytes.len(), b"", 0, b"", b""));
        bytes
    }

    #[test]
    fn members_are_listed_and_unpacked() {
        let tree = Tree::from_bytes([archive(), b"tail".to_vec()].concat(), &Limits::default());
        assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 4));
        let inside = container(&tree, "zoo");
        for (path, content) in [("/stored", "stored text"), ("/lzw", "aaaaaa")] {
            let member = tree.member(inside, path.as_bytes()).unwrap();
            assert_eq!(tree.bytes(member).unwrap(), content);
        }
    }

    #[test]
    fn damage_does_no_harm() {
        hostile::check(&archive(), 300);
    }
}
