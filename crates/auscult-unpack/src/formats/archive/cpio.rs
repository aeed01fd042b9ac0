//! cpio archives: the new ASCII format (`newc`), the same with checksums (`crc`), the POSIX
//! octet-oriented one (`odc`), and the old binary one in both byte orders (`bin`), after the Linux
//! kernel's `initramfs buffer format` and cpio(5).
//!
//! An initramfs may be several archives in a row, some of them compressed: each is a container of
//! its own, with the zeros that fill up its last record.

use std::collections::HashMap;

use crate::{
    Endian::{self, Big, Little},
    Entry, EntryKind, Extent, Fault, View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{hardlinks, unix_mode},
};

pub(crate) static FORMAT: Format = Format {
    name: "cpio",
    magics: &[Magic::start(b"070701"), Magic::start(b"070702"), Magic::start(b"070707")],
    carve: true,
    open,
};

/// The old binary format: two bytes are too little to look for everywhere.
pub(crate) static BINARY_FORMAT: Format = Format {
    name: "cpio-binary",
    magics: &[Magic::start(&[0xc7, 0x71]), Magic::start(&[0x71, 0xc7])],
    carve: false,
    open,
};

/// Archives end at a multiple of this, filled up with zeros.
const RECORD_BYTES: u64 = 512;
/// Longest name or link target, well over what a file system takes.
const NAME_BYTES_MAX: u64 = 1 << 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variant {
    Newc,
    Crc,
    Odc,
    Binary(Endian),
}

impl Variant {
    fn name(self) -> &'static str {
        match self {
            Self::Newc => "newc",
            Self::Crc => "crc",
            Self::Odc => "odc",
            Self::Binary(Little) => "bin little-endian",
            Self::Binary(Big) => "bin big-endian",
        }
    }

    fn alignment(self) -> u64 {
        match self {
            Self::Odc => 1,
            Self::Binary(_) => 2,
            Self::Newc | Self::Crc => 4,
        }
    }

    /// Bytes of a header before the name.
    fn header_bytes(self) -> u64 {
        match self {
            Self::Odc => 76,
            Self::Binary(_) => 26,
            Self::Newc | Self::Crc => 110,
        }
    }
}

/// A member's header with the places of its name and data.
struct Header {
    variant: Variant,
    inode: u64,
    /// Device of the inode, for telling hard links apart.
    device: (u32, u32),
    mode: u32,
    user: u32,
    group: u32,
    links: u32,
    modified: i64,
    size: u64,
    /// Device number of a device file.
    special: (u32, u32),
    checksum: u32,
    name: Vec<u8>,
    data_offset: u64,
}

impl Header {
    fn read(extent: &Extent, at: u64) -> Result<Self, Fault> {
        let magic = extent.read(at, 6)?;
        let mut header = match &magic[..] {
            b"070701" => Self::parse_new(&extent.read(at, 110)?, Variant::Newc)?,
            b"070702" => Self::parse_new(&extent.read(at, 110)?, Variant::Crc)?,
            b"070707" => Self::parse_old(&extent.read(at, 76)?)?,
            [0xc7, 0x71, ..] => Self::parse_binary(&extent.read(at, 26)?, Little)?,
            [0x71, 0xc7, ..] => Self::parse_binary(&extent.read(at, 26)?, Big)?,
            _ => return Err(Fault::new(at, "read a cpio header", "no magic")),
        };
        // The parsers leave the length of the name, NUL included, in `data_offset`.
        let name_length = header.data_offset;
        if name_length == 0 || name_length > NAME_BYTES_MAX {
            return Err(Fault::new(at, "read a cpio header", "an impossible length of a name"));
        }
        let fixed = header.variant.header_bytes();
        let name = extent.read(at + fixed, name_length)?;
        header.name = match name.split_last() {
            Some((0, name)) => View(name).text(0, name.len())?.to_vec(),
            _ => return Err(Fault::new(at, "read a cpio header", "a name without an end")),
        };
        let end = at + fixed + name_length;
        header.data_offset = end.next_multiple_of(header.variant.alignment());
        Ok(header)
    }

    /// 13 fields of 8 hexadecimal digits behind the magic.
    fn parse_new(bytes: &[u8], variant: Variant) -> Result<Self, Fault> {
        let field = |index: usize| number(bytes, 6 + 8 * index, 8, 16);
        Ok(Self {
            variant,
            inode: field(0)?,
            mode: narrow(field(1)?)?,
            user: narrow(field(2)?)?,
            group: narrow(field(3)?)?,
            links: narrow(field(4)?)?,
            modified: i64::try_from(field(5)?).unwrap_or(0),
            size: field(6)?,
            device: (narrow(field(7)?)?, narrow(field(8)?)?),
            special: (narrow(field(9)?)?, narrow(field(10)?)?),
            data_offset: field(11)?,
            checksum: narrow(field(12)?)?,
            name: Vec::new(),
        })
    }

    /// Fields of 6 or 11 octal digits behind the magic.
    fn parse_old(bytes: &[u8]) -> Result<Self, Fault> {
        let short = |at: usize| number(bytes, at, 6, 8);
        let special: u32 = narrow(short(42)?)?;
        Ok(Self {
            variant: Variant::Odc,
            device: (0, narrow(short(6)?)?),
            inode: short(12)?,
            mode: narrow(short(18)?)?,
            user: narrow(short(24)?)?,
            group: narrow(short(30)?)?,
            links: narrow(short(36)?)?,
            special: (special >> 8, special & 0xff),
            modified: i64::try_from(number(bytes, 48, 11, 8)?).unwrap_or(0),
            data_offset: short(59)?,
            size: number(bytes, 65, 11, 8)?,
            checksum: 0,
            name: Vec::new(),
        })
    }

    /// Thirteen words of 16 bits; of long numbers the upper half stands first.
    fn parse_binary(bytes: &[u8], endian: Endian) -> Result<Self, Fault> {
        let word = |index: usize| View(bytes).u16(2 * index, endian).map(u32::from);
        let long = |index: usize| Ok::<_, Fault>(word(index)? << 16 | word(index + 1)?);
        let special = word(7)?;
        Ok(Self {
            variant: Variant::Binary(endian),
            device: (0, word(1)?),
            inode: u64::from(word(2)?),
            mode: word(3)?,
            user: word(4)?,
            group: word(5)?,
            links: word(6)?,
            special: (special >> 8, special & 0xff),
            modified: i64::from(long(8)?),
            data_offset: u64::from(word(10)?),
            size: u64::from(long(11)?),
            checksum: 0,
            name: Vec::new(),
        })
    }

    fn is_trailer(&self) -> bool {
        self.name == b"TRAILER!!!"
    }

    /// Where the next header is.
    fn end(&self) -> u64 {
        self.data_offset.saturating_add(self.size).next_multiple_of(self.variant.alignment())
    }
}

fn number(bytes: &[u8], at: usize, digits: usize, radix: u32) -> Result<u64, Fault> {
    let field = View(bytes).bytes(at, digits)?;
    let text = std::str::from_utf8(field).ok().filter(|text| !text.starts_with('+'));
    text.and_then(|text| u64::from_str_radix(text, radix).ok())
        .ok_or_else(|| Fault::new(0, "read a cpio header", "a field that is no number"))
}

fn narrow(value: u64) -> Result<u32, Fault> {
    u32::try_from(value).map_err(|_| Fault::new(0, "read a cpio header", "too large a number"))
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let first = Header::read(extent, 0)?;
    let plausible = unix_mode::kind(first.mode, 0, 0).is_some()
        || unix_mode::type_bits(first.mode) == unix_mode::SYMLINK;
    if !plausible && !first.is_trailer() {
        return Err(NotThis);
    }
    // A magic of two bytes proves little: another header must follow.
    let binary = matches!(first.variant, Variant::Binary(_));
    if binary && !first.is_trailer() && Header::read(extent, first.end()).is_err() {
        return Err(NotThis);
    }
    let mut opened = Opened::default();
    opened.attributes.push(("variant", first.variant.name().to_owned()));
    let headers = read_headers(extent, first, &mut opened);
    let owners = link_owners(&headers);
    for (index, header) in headers.iter().enumerate() {
        match entry(extent, header, owners.get(&index).map(Vec::as_slice)) {
            Ok(entry) => opened.entries.push(entry),
            Err(fault) => opened.faults.push(fault),
        }
    }
    hardlinks::fill(&mut opened.entries);
    if opened.entries.is_empty() && opened.faults.is_empty() && opened.length < 200 {
        // Only a trailer: the empty archive that kernels carry. It is one, with nothing in it.
        opened.attributes.push(("empty", "true".to_owned()));
    }
    Ok(opened)
}

/// Reads headers up to the trailer, and sets the length of the archive.
fn read_headers(extent: &Extent, first: Header, opened: &mut Opened) -> Vec<Header> {
    let limit = extent.vault().limits().entries;
    let (variant, mut headers, mut header) = (first.variant, Vec::new(), first);
    loop {
        let end = header.end();
        if header.is_trailer() {
            opened.length = end_of_record(extent, end);
            return headers;
        }
        let at = header.data_offset;
        let fits = header.data_offset.saturating_add(header.size) <= extent.len();
        headers.push(header);
        if !fits {
            opened.length = extent.len();
            opened.faults.push(Fault::new(at, "read a cpio member", "the archive is cut off"));
            return headers;
        }
        opened.length = end.min(extent.len());
        let next = Header::read(extent, end);
        match next {
            Ok(next) if next.variant == variant => header = next,
            Ok(_) => {
                opened.faults.push(Fault::new(end, "read a cpio header", "another variant"));
                return headers;
            }
            Err(fault) => {
                let why = format!("no trailer: {}", fault.why);
                opened.faults.push(Fault::new(end, "read a cpio header", why));
                return headers;
            }
        }
        if u64::try_from(headers.len()).unwrap_or(u64::MAX) > limit {
            let why = format!("more than {limit} members (limit entries)");
            opened.faults.push(Fault::new(end, "list all members", why));
            return headers;
        }
    }
}

/// The end of the record that `end` lies in, if only zeros fill it up.
fn end_of_record(extent: &Extent, end: u64) -> u64 {
    let full = end.next_multiple_of(RECORD_BYTES).min(extent.len());
    let fill = extent.read(end.min(full), full - end.min(full));
    if fill.is_ok_and(|fill| fill.iter().all(|&byte| byte == 0)) { full } else { end }
}

/// For members that are hard links to another one: the index of the member and the other's path.
///
/// The new format stores the data with the last link; the ones before it have none. A link with
/// data of its own (the old format, or an archive without inode numbers) is a file by itself.
fn link_owners(headers: &[Header]) -> HashMap<usize, Vec<u8>> {
    let mut groups: HashMap<(u64, (u32, u32)), Vec<usize>> = HashMap::new();
    for (index, header) in headers.iter().enumerate() {
        let regular = unix_mode::type_bits(header.mode) == unix_mode::REGULAR;
        if regular && header.links > 1 && header.inode != 0 {
            groups.entry((header.inode, header.device)).or_default().push(index);
        }
    }
    let mut owners = HashMap::new();
    for group in groups.values() {
        let members = group.iter().filter_map(|&index| Some((index, headers.get(index)?)));
        let owner = members.clone().max_by_key(|(index, header)| (header.size > 0, *index));
        let Some((owner, owner_header)) = owner else { continue };
        for (index, header) in members {
            if index != owner && header.size == 0 {
                owners.insert(index, owner_header.name.clone());
            }
        }
    }
    owners
}

fn entry(extent: &Extent, header: &Header, owner: Option<&[u8]>) -> Result<Entry, Fault> {
    let Header { mode, user, group, modified, .. } = *header;
    let metadata = unix_mode::metadata(mode, user, group, modified);
    let data = extent.clamp(header.data_offset, header.size);
    let name = header.name.as_slice();
    if let Some(owner) = owner {
        return Ok(Entry::member(name, EntryKind::Hardlink(owner.into()), metadata));
    }
    if unix_mode::type_bits(mode) == unix_mode::SYMLINK {
        let target = data.read_up_to(0, NAME_BYTES_MAX)?;
        let target = View(&target).text(0, target.len())?;
        return Ok(Entry::member(name, EntryKind::Symlink(target.into()), metadata));
    }
    let (major, minor) = header.special;
    let kind = unix_mode::kind(mode, major, minor).ok_or_else(|| {
        let what = format!("read {}", String::from_utf8_lossy(name));
        Fault::new(header.data_offset, what, format!("unknown file type in mode {mode:o}"))
    })?;
    if header.variant == Variant::Crc && kind == EntryKind::File {
        verify(header, &data)?;
    }
    let file = kind == EntryKind::File;
    let entry = Entry::member(name, kind, metadata);
    Ok(if file { entry.with_content(data) } else { entry })
}

/// The `crc` variant holds the sum of all bytes of a file.
fn verify(header: &Header, data: &Extent) -> Result<(), Fault> {
    let bytes = data.read_all()?;
    let sum = bytes.iter().fold(0_u32, |sum, &byte| sum.wrapping_add(u32::from(byte)));
    if agrees(header.checksum, sum) {
        return Ok(());
    }
    let what = format!("verify {}", String::from_utf8_lossy(&header.name));
    Err(Fault::new(header.data_offset, what, "the checksum is wrong"))
}

#[cfg(test)]
mod tests;
