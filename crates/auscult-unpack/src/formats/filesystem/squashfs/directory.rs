//! Directory listings: runs of entries, each with a header that their inodes share.

use super::metadata::{Cursor, Metadata};
use crate::{Fault, View};

/// Entries under one header (`SQUASHFS_DIR_COUNT`).
const RUN_ENTRIES_MAX: u32 = 256;
/// The size in an inode counts "." and ".." as this many bytes, which are not stored.
const DOTS_BYTES: u32 = 3;

/// An entry: its name and the reference to its inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: Vec<u8>,
    pub(super) inode: u64,
}

/// Reads a listing. What was listed before a fault is kept.
pub(super) fn read(
    metadata: &mut Metadata<'_>,
    cursor: Cursor,
    listing_bytes: u32,
) -> (Vec<Listed>, Option<Fault>) {
    let mut listed = Vec::new();
    let fault = read_into(metadata, cursor, listing_bytes, &mut listed).err();
    (listed, fault)
}

fn read_into(
    metadata: &mut Metadata<'_>,
    mut cursor: Cursor,
    listing_bytes: u32,
    listed: &mut Vec<Listed>,
) -> Result<(), Fault> {
    let endian = metadata.endian;
    let mut left = listing_bytes.saturating_sub(DOTS_BYTES);
    while left > 0 {
        let header = metadata.read(&mut cursor, 12)?;
        let count = View(&header).u32(0, endian)?.saturating_add(1);
        let block = u64::from(View(&header).u32(4, endian)?);
        if count > RUN_ENTRIES_MAX {
            let why = format!("{count} entries in a run");
            return Err(Fault::new(cursor.block(), "read a directory", why));
        }
        left = left.saturating_sub(12);
        for _ in 0..count {
            let entry = metadata.read(&mut cursor, 8)?;
            let offset = u64::from(View(&entry).u16(0, endian)?);
            let name_bytes = usize::from(View(&entry).u16(6, endian)?) + 1;
            let name = metadata.read(&mut cursor, name_bytes)?;
            let entry_bytes = u32::try_from(8 + name_bytes).unwrap_or(u32::MAX);
            left = left.saturating_sub(entry_bytes);
            listed.push(Listed { name, inode: block << 16 | offset });
        }
    }
    Ok(())
}
