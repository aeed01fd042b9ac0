//! Directory entries (`directory.rst`), read one after the other: the blocks of a hash tree look
//! like deleted entries to such a reader, and so do the checksums at the end of blocks.

use crate::{Endian::Little, Fault, View};

/// An entry: a name and the number of its inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: Vec<u8>,
    pub(super) inode: u32,
}

/// Reads the entries of a block. Those before a fault are kept.
pub(super) fn read(block: &[u8], listed: &mut Vec<Listed>) -> Result<(), Fault> {
    let view = View(block);
    let mut position = 0;
    while position + 8 <= block.len() {
        let inode = view.u32(position, Little)?;
        let length = match view.u16(position + 4, Little)? {
            // In 64 KiB blocks the length of an entry that fills it does not fit its field.
            0 | u16::MAX if block.len() == 1 << 16 => 1 << 16,
            length => usize::from(length),
        };
        let name_bytes = usize::from(view.u8(position + 6)?);
        let fits = length >= 8 && length.is_multiple_of(4) && length <= block.len() - position;
        if !fits || (inode != 0 && name_bytes + 8 > length) {
            let why = format!("an entry of {length} bytes with a name of {name_bytes}");
            let place = u64::try_from(position).unwrap_or(0);
            return Err(Fault::new(place, "list a directory", why));
        }
        let name = view.bytes(position + 8, name_bytes)?;
        if inode != 0 && !matches!(name, b"." | b"..") {
            listed.push(Listed { name: name.to_vec(), inode });
        }
        position += length;
    }
    Ok(())
}
