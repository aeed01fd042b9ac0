//! Directory listings: runs of entries, each with a header that their inodes share.

use super::{
    bits::BitFields,
    metadata::{Cursor, Metadata},
    superblock::Version,
};
use crate::Fault;

/// Entries under one header (`SQUASHFS_DIR_COUNT`).
const RUN_ENTRIES_MAX: u32 = 256;
/// From version 3 on, the size in an inode counts "." and ".." as this many bytes, which are not
/// stored.
const DOTS_BYTES: u32 = 3;

/// An entry: its name and the reference to its inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: Vec<u8>,
    pub(super) inode: u64,
}

/// How wide the fields are, in bits, and how long what they add up to is, in bytes.
struct Widths {
    header_bytes: usize,
    count: usize,
    block: usize,
    entry_bytes: usize,
    offset: usize,
    /// Of what stands between the offset and the length of the name.
    between: usize,
    name_length: usize,
}

impl Widths {
    fn of(version: Version) -> Self {
        let old = Self {
            header_bytes: 4,
            count: 8,
            block: 24,
            entry_bytes: 3,
            offset: 13,
            between: 3,
            name_length: 8,
        };
        match version {
            Version::One | Version::Two => old,
            // A number in the header, and what each entry adds to it behind the length.
            Version::Three => Self { header_bytes: 9, block: 32, entry_bytes: 5, ..old },
            Version::Four => Self {
                header_bytes: 12,
                count: 32,
                block: 32,
                entry_bytes: 8,
                offset: 16,
                between: 32,
                name_length: 16,
            },
        }
    }
}

/// Reads a listing. What was listed before a fault is kept.
pub(super) fn read(
    metadata: &mut Metadata<'_>,
    version: Version,
    cursor: Cursor,
    listing_bytes: u32,
) -> (Vec<Listed>, Option<Fault>) {
    let dots_bytes = if version < Version::Three { 0 } else { DOTS_BYTES };
    let left = listing_bytes.saturating_sub(dots_bytes);
    let mut listed = Vec::new();
    let fault = read_into(metadata, &Widths::of(version), cursor, left, &mut listed).err();
    (listed, fault)
}

fn read_into(
    metadata: &mut Metadata<'_>,
    widths: &Widths,
    mut cursor: Cursor,
    mut left: u32,
    listed: &mut Vec<Listed>,
) -> Result<(), Fault> {
    let endian = metadata.endian;
    let bytes = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    while left > 0 {
        let header = metadata.read(&mut cursor, widths.header_bytes)?;
        let mut fields = BitFields::new(&header, endian);
        let count = fields.take_u32(widths.count).saturating_add(1);
        let block = fields.take(widths.block);
        if count > RUN_ENTRIES_MAX {
            let why = format!("{count} entries in a run");
            return Err(Fault::new(cursor.block(), "read a directory", why));
        }
        left = left.saturating_sub(bytes(widths.header_bytes));
        for _ in 0..count {
            let entry = metadata.read(&mut cursor, widths.entry_bytes)?;
            let mut fields = BitFields::new(&entry, endian);
            let offset = fields.take(widths.offset);
            let _number_and_type = fields.take(widths.between);
            let name_bytes = usize::from(fields.take_u16(widths.name_length)) + 1;
            let name = metadata.read(&mut cursor, name_bytes)?;
            left = left.saturating_sub(bytes(widths.entry_bytes + name_bytes));
            listed.push(Listed { name, inode: block << 16 | offset });
        }
    }
    Ok(())
}
