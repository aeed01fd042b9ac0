//! RAR 5: headers of numbers with seven bits per byte, each with a CRC-32.

use super::{Archive, Member, Split, system};
use crate::{
    Endian::Little,
    Extent, Fault, Metadata, View,
    checksum::{Crc32, agrees},
    format::NotThis,
    formats::support::epoch,
};

const MARK_BYTES: u64 = 8;
/// Longest header, of the format.
const HEADER_BYTES_MAX: u64 = 2 << 20;
/// Types of headers.
const MAIN: u64 = 1;
const FILE: u64 = 2;
const ENCRYPTION: u64 = 4;
const END: u64 = 5;
/// Flags of any header.
const HAS_EXTRA: u64 = 1;
const HAS_DATA: u64 = 2;
const CONTINUED_BEFORE: u64 = 8;
const CONTINUED_AFTER: u64 = 0x10;
/// Flags of the archive.
const ARCHIVE_VOLUME: u64 = 1;
const ARCHIVE_NUMBERED: u64 = 2;
const ARCHIVE_SOLID: u64 = 4;
const ARCHIVE_RECOVERY: u64 = 8;
/// Flags of a file.
const FILE_DIRECTORY: u64 = 1;
const FILE_TIME: u64 = 2;
const FILE_CRC: u64 = 4;
/// Records behind a file's header.
const EXTRA_ENCRYPTION: u64 = 1;
const EXTRA_TIME: u64 = 3;
const EXTRA_LINK: u64 = 5;
const EXTRA_OWNER: u64 = 6;

const SYSTEMS: &[&str] = &["Windows", "Unix"];
const UNIX: u64 = 1;

/// A reader of a header's fields.
struct Fields<'data> {
    bytes: &'data [u8],
    at: usize,
}

impl<'data> Fields<'data> {
    fn bytes(&mut self, count: u64) -> Result<&'data [u8], Fault> {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let bytes = View(self.bytes).bytes(self.at, count)?;
        self.at += count;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        View(self.bytes(4)?).u32(0, Little)
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        View(self.bytes(8)?).u64(0, Little)
    }

    /// Seven bits per byte, the lowest first; the top bit says that more follow.
    fn number(&mut self) -> Result<u64, Fault> {
        let mut value = 0_u64;
        for index in 0..10 {
            let byte = View(self.bytes).u8(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f).checked_shl(7 * index).unwrap_or(0);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::new(0, "read a rar header", "a number without an end"))
    }
}

struct Header {
    kind: u64,
    flags: u64,
    bytes: bytes::Bytes,
    /// Where the fields of its type start, and where the extra records do.
    fields: usize,
    extra: usize,
    /// Bytes behind the header.
    data: u64,
    /// Where the data starts.
    end: u64,
}

impl Header {
    fn read(extent: &Extent, at: u64) -> Result<Self, Fault> {
        let fault = |why: &str| Fault::new(at, "read a rar header", why);
        let head = extent.read_up_to(at, 14)?;
        let mut fields = Fields { bytes: &head, at: 4 };
        let size = fields.number()?;
        if size == 0 || size > HEADER_BYTES_MAX {
            return Err(fault("an impossible size"));
        }
        let start = u64::try_from(fields.at).unwrap_or(0);
        let bytes = extent.read(at, start + size)?;
        let stored = View(&bytes).u32(0, Little)?;
        if !agrees(stored, Crc32::of(bytes.get(4..).unwrap_or_default())) {
            return Err(fault("its checksum is wrong"));
        }
        let mut fields = Fields { bytes: &bytes, at: fields.at };
        let (kind, flags) = (fields.number()?, fields.number()?);
        let extra = if flags & HAS_EXTRA != 0 { fields.number()? } else { 0 };
        let data = if flags & HAS_DATA != 0 { fields.number()? } else { 0 };
        let extra = usize::try_from(extra).ok().and_then(|extra| bytes.len().checked_sub(extra));
        let extra = extra.ok_or_else(|| fault("more extra records than the header has bytes"))?;
        let (fields, end) = (fields.at, at + start + size);
        Ok(Self { kind, flags, bytes, fields, extra, data, end })
    }

    fn fields(&self) -> Fields<'_> {
        Fields { bytes: &self.bytes, at: self.fields }
    }
}

pub(super) fn read(extent: &Extent) -> Result<Archive, NotThis> {
    let mut archive = Archive::default();
    archive.attributes.push(("version", "5".to_owned()));
    let mut header = Header::read(extent, MARK_BYTES)?;
    if !matches!(header.kind, MAIN | ENCRYPTION) {
        return Err(NotThis);
    }
    let (mut at, mut host) = (MARK_BYTES, None);
    for _ in 0..extent.vault().limits().entries {
        match header.kind {
            MAIN => describe(&header, &mut archive)?,
            FILE => match member(&header, at) {
                Ok((member, system)) => {
                    host.get_or_insert(system);
                    archive.members.push(member);
                }
                Err(fault) => archive.faults.push(fault.within(at)),
            },
            ENCRYPTION => {
                // Nothing tells where encrypted headers end.
                archive.attributes.push(("encrypted-headers", "true".to_owned()));
                archive.locked = Some("encrypted".to_owned());
                archive.length = extent.len();
                return Ok(archive);
            }
            _ => {}
        }
        at = header.end.saturating_add(header.data);
        archive.length = at;
        if header.kind == END || at >= extent.len() {
            break;
        }
        header = match Header::read(extent, at) {
            Ok(header) => header,
            Err(fault) => {
                archive.faults.push(fault);
                break;
            }
        };
    }
    if let Some(host) = host {
        archive.attributes.push(("os", system(SYSTEMS, host)));
    }
    Ok(archive)
}

fn describe(header: &Header, archive: &mut Archive) -> Result<(), Fault> {
    let mut fields = header.fields();
    let flags = fields.number()?;
    if flags & ARCHIVE_VOLUME != 0 {
        let number = if flags & ARCHIVE_NUMBERED != 0 { fields.number()? } else { 0 };
        archive.attributes.push(("volume", number.saturating_add(1).to_string()));
    }
    for (flag, name) in [(ARCHIVE_SOLID, "solid"), (ARCHIVE_RECOVERY, "recovery-record")] {
        if flags & flag != 0 {
            archive.attributes.push((name, "true".to_owned()));
        }
    }
    Ok(())
}

/// Reads a file's header; also gives the number of the system it comes from.
fn member(header: &Header, place: u64) -> Result<(Member, u64), Fault> {
    let mut fields = header.fields();
    let flags = fields.number()?;
    let size = fields.number()?;
    let attributes = fields.number()?;
    let modified = if flags & FILE_TIME != 0 { Some(fields.u32()?) } else { None };
    let crc = if flags & FILE_CRC != 0 { Some(fields.u32()?) } else { None };
    let compression = fields.number()?;
    let host = fields.number()?;
    let length = fields.number()?;
    let name = fields.bytes(length)?.to_vec();
    let mode = (host == UNIX).then(|| u32::try_from(attributes).unwrap_or(0));
    let method = compression >> 7 & 7;
    let mut member = Member {
        place,
        name,
        directory: flags & FILE_DIRECTORY != 0,
        metadata: Metadata {
            mode: mode.map(|mode| mode & 0o7777),
            modified: modified.map(i64::from),
            ..Metadata::default()
        },
        mode,
        data: header.end,
        packed: header.data,
        size,
        crc,
        stored: method == 0,
        compression: format!("version {} (method {method})", 50 + 20 * (compression & 0x3f)),
        split: Split {
            before: header.flags & CONTINUED_BEFORE != 0,
            after: header.flags & CONTINUED_AFTER != 0,
        },
        ..Member::default()
    };
    read_extra(header, &mut member);
    Ok((member, host))
}

/// Goes through the records behind the fields; what is malformed ends it.
fn read_extra(header: &Header, member: &mut Member) {
    let mut fields = Fields { bytes: &header.bytes, at: header.extra };
    while let Ok(size) = fields.number() {
        let Ok(bytes) = fields.bytes(size) else { return };
        let mut record = Fields { bytes, at: 0 };
        let Ok(kind) = record.number() else { return };
        let _ = match kind {
            EXTRA_ENCRYPTION => {
                member.encrypted = true;
                Ok(())
            }
            EXTRA_TIME => read_time(&mut record, member),
            EXTRA_LINK => read_link(&mut record, member),
            EXTRA_OWNER => read_owner(&mut record, member),
            _ => Ok(()),
        };
    }
}

fn read_time(record: &mut Fields<'_>, member: &mut Member) -> Result<(), Fault> {
    let flags = record.number()?;
    if flags & 2 != 0 {
        member.metadata.modified = if flags & 1 != 0 {
            Some(i64::from(record.u32()?))
        } else {
            epoch::windows_time(record.u64()?)
        };
    }
    Ok(())
}

/// Kinds: 1 to 3 are links of Unix and Windows, 4 a hard link, 5 a copy of another member.
fn read_link(record: &mut Fields<'_>, member: &mut Member) -> Result<(), Fault> {
    let (kind, _flags) = (record.number()?, record.number()?);
    let length = record.number()?;
    member.link = Some((record.bytes(length)?.to_vec(), kind >= 4));
    Ok(())
}

fn read_owner(record: &mut Fields<'_>, member: &mut Member) -> Result<(), Fault> {
    let flags = record.number()?;
    for flag in [1, 2] {
        if flags & flag != 0 {
            let length = record.number()?;
            record.bytes(length)?;
        }
    }
    if flags & 4 != 0 {
        member.metadata.user = u32::try_from(record.number()?).ok();
    }
    if flags & 8 != 0 {
        member.metadata.group = u32::try_from(record.number()?).ok();
    }
    Ok(())
}
