//! Extended attributes: a table of lists, each a reference and a count of name and value pairs.

use auscult_model::ByteName;

use super::metadata::{Cursor, Metadata};
use crate::{Extent, Fault, View};

/// Set in a name's type where the value stands elsewhere and a reference in its place.
const ELSEWHERE: u16 = 0x100;
/// A value in the kernel is 64 KiB at most (`XATTR_SIZE_MAX`).
const VALUE_BYTES_MAX: u32 = 65_536;
/// Attributes of one inode that are read.
const COUNT_MAX: u32 = 1024;

/// The table of lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct XattrTable {
    /// Where the names and values start; references are relative to it.
    values: u64,
    count: u32,
    /// Place of the list of block places.
    list: u64,
}

impl XattrTable {
    /// Reads the table's header.
    pub(super) fn open(image: &Extent, metadata: &Metadata<'_>, place: u64) -> Result<Self, Fault> {
        let head = image.read(place, 16)?;
        let view = View(&head);
        let (values, count) = (view.u64(0, metadata.endian)?, view.u32(8, metadata.endian)?);
        Ok(Self { values, count, list: place.saturating_add(16) })
    }

    /// Reads the attributes of an inode.
    pub(super) fn read(
        self,
        metadata: &mut Metadata<'_>,
        index: u32,
    ) -> Result<Vec<(ByteName, Vec<u8>)>, Fault> {
        if index >= self.count {
            let why = format!("index {index} of {}", self.count);
            return Err(Fault::new(self.list, "read extended attributes", why));
        }
        let entry = metadata.table_entry(self.list, u64::from(index), 16)?;
        let reference = View(&entry).u64(0, metadata.endian)?;
        let count = View(&entry).u32(8, metadata.endian)?.min(COUNT_MAX);
        let mut cursor = Cursor::of_reference(self.values, reference);
        (0..count).map(|_| self.read_pair(metadata, &mut cursor)).collect()
    }

    fn read_pair(
        self,
        metadata: &mut Metadata<'_>,
        cursor: &mut Cursor,
    ) -> Result<(ByteName, Vec<u8>), Fault> {
        let endian = metadata.endian;
        let head = metadata.read(cursor, 4)?;
        let (kind, name_bytes) = (View(&head).u16(0, endian)?, View(&head).u16(2, endian)?);
        let prefix = match kind & 0xff {
            0 => "user.",
            1 => "trusted.",
            2 => "security.",
            _ => "unknown.",
        };
        let mut name = prefix.as_bytes().to_vec();
        name.extend(metadata.read(cursor, usize::from(name_bytes))?);
        let mut value = read_value(metadata, cursor)?;
        if kind & ELSEWHERE != 0 {
            let reference = View(&value).u64(0, endian)?;
            value = read_value(metadata, &mut Cursor::of_reference(self.values, reference))?;
        }
        Ok((ByteName(name), value))
    }
}

fn read_value(metadata: &mut Metadata<'_>, cursor: &mut Cursor) -> Result<Vec<u8>, Fault> {
    let length = View(&metadata.read(cursor, 4)?).u32(0, metadata.endian)?;
    if length > VALUE_BYTES_MAX {
        let why = format!("a value of {length} bytes");
        return Err(Fault::new(cursor.block(), "read extended attributes", why));
    }
    metadata.read(cursor, usize::try_from(length).unwrap_or(0))
}
