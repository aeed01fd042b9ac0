//! Extended attributes (`fs/f2fs/xattr.h`): one list that begins in the inode and goes on in a node
//! of its own.

use auscult_model::ByteName;

use crate::{Endian::Little, Fault, View};

const MAGIC: u32 = 0xf2f5_2011;
const HEADER_BYTES: usize = 24;

/// Reads the list.
pub(super) fn read(list: &[u8]) -> Result<Vec<(ByteName, Vec<u8>)>, Fault> {
    let view = View(list);
    let mut attributes = Vec::new();
    // Room that was never used has no header.
    if view.u32(0, Little).unwrap_or(0) != MAGIC {
        return Ok(attributes);
    }
    let mut position = HEADER_BYTES;
    while view.u32(position, Little).unwrap_or(0) != 0 {
        let (index, name_bytes) = (view.u8(position)?, usize::from(view.u8(position + 1)?));
        let value_bytes = usize::from(view.u16(position + 2, Little)?);
        let name = view.bytes(position + 4, name_bytes)?;
        let value = view.bytes(position + 4 + name_bytes, value_bytes)?;
        attributes.push((ByteName([prefix(index), name].concat()), value.to_vec()));
        position += (4 + name_bytes + value_bytes).next_multiple_of(4);
    }
    Ok(attributes)
}

/// What `e_name_index` stands for (`F2FS_XATTR_INDEX_*`).
fn prefix(index: u8) -> &'static [u8] {
    match index {
        1 => b"user.",
        2 => b"system.posix_acl_access",
        3 => b"system.posix_acl_default",
        4 => b"trusted.",
        5 => b"lustre.",
        6 => b"security.",
        7 => b"system.advise",
        9 => b"encryption.",
        11 => b"verity.",
        _ => b"unknown.",
    }
}
