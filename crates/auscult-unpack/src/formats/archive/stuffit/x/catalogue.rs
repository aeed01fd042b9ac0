//! The catalogue: names, times and owners of all files and folders, in the order of their elements.

use super::cursor::Cursor;
use crate::{Extent, Fault, Metadata, formats::support::epoch};

/// Longest string read, in bytes: names and comments.
const STRING_BYTES_MAX: u64 = 1 << 20;
/// What an entry of the catalogue tells.
mod key {
    pub(super) const NAME: u64 = 1;
    pub(super) const MODIFIED: u64 = 2;
    pub(super) const UNKNOWN_WORD: u64 = 3;
    pub(super) const FINDER: u64 = 4;
    pub(super) const FINDER_MORE: u64 = 5;
    pub(super) const UNIX: u64 = 6;
    pub(super) const UNKNOWN_NUMBER: u64 = 7;
    pub(super) const CREATED: u64 = 8;
    pub(super) const COMMENT: u64 = 9;
    pub(super) const PATH: u64 = 10;
    pub(super) const UNKNOWN_STRING: u64 = 11;
    pub(super) const UNKNOWN_STRING_MORE: u64 = 12;
}
/// What the Finder knows a symbolic link by: type and creator.
const LINK: &[u8] = b"slnkrhap";
/// The name under which macOS keeps what the Finder knows.
const FINDER_NAME: &[u8] = b"com.apple.FinderInfo";

/// What the catalogue tells of a file or folder.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) name: Vec<u8>,
    pub(super) metadata: Metadata,
    pub(super) link: bool,
    pub(super) comment: Vec<u8>,
}

/// Reads so many records; those before a fault are kept.
pub(super) fn read(content: &Extent, count: usize) -> (Vec<Record>, Option<Fault>) {
    let mut cursor = Cursor::new(content, 0);
    let mut records = Vec::new();
    while records.len() < count {
        match record(&mut cursor) {
            Ok(record) => records.push(record),
            Err(fault) => return (records, Some(fault)),
        }
    }
    (records, None)
}

fn record(cursor: &mut Cursor<'_>) -> Result<Record, Fault> {
    let mut record = Record::default();
    loop {
        match cursor.number()? {
            0 => break,
            key::NAME => record.name = cursor.string(STRING_BYTES_MAX)?.to_vec(),
            key::MODIFIED => {
                record.metadata.modified = epoch::windows_time(u64::from_be_bytes(cursor.bytes()?));
            }
            key::CREATED => drop(cursor.bytes::<8>()?),
            key::UNKNOWN_WORD => drop(cursor.bytes::<4>()?),
            key::FINDER | key::FINDER_MORE => finder(&mut record, cursor.bytes::<32>()?),
            key::UNIX => unix(&mut record.metadata, cursor)?,
            key::UNKNOWN_NUMBER => drop(cursor.number()?),
            key::COMMENT => record.comment = cursor.string(STRING_BYTES_MAX)?.to_vec(),
            key::PATH => {
                let count = cursor.number()?;
                cursor.align();
                for _ in 0..count {
                    cursor.string(STRING_BYTES_MAX)?;
                }
            }
            key::UNKNOWN_STRING | key::UNKNOWN_STRING_MORE => {
                drop(cursor.string(STRING_BYTES_MAX)?);
            }
            _ => return Err(cursor.fault("an unknown key in the catalogue")),
        }
    }
    cursor.align();
    Ok(record)
}

fn finder(record: &mut Record, info: [u8; 32]) {
    if info.starts_with(LINK) {
        record.link = true;
    } else if info != [0; 32] {
        record.metadata.xattrs.retain(|(name, _)| name.0 != FINDER_NAME);
        record.metadata.xattrs.push((FINDER_NAME.into(), info.to_vec()));
    }
}

/// Whether an owner follows, the mode, user and group.
fn unix(metadata: &mut Metadata, cursor: &mut Cursor<'_>) -> Result<(), Fault> {
    let [owned] = cursor.bytes()?;
    metadata.mode = Some(u32::from_be_bytes(cursor.bytes()?) & 0o7777);
    if owned != 0 {
        metadata.user = Some(u32::from_be_bytes(cursor.bytes()?));
        metadata.group = Some(u32::from_be_bytes(cursor.bytes()?));
    }
    Ok(())
}
