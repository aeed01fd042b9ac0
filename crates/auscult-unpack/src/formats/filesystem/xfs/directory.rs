//! Directories: short ones in the inode, others in blocks of entries. Blocks of hashes and of free
//! room stand further up in the file and are not needed to list it.

use crate::{Endian::Big, Fault, View};

/// Where the blocks of hashes begin in the file (`XFS_DIR2_LEAF_OFFSET`).
pub(super) const ENTRIES_END: u64 = 1 << 35;
/// Magics of a block that is a whole directory, and of one of several, for versions 4 and 5.
const WHOLE_4: &[u8] = b"XD2B";
const WHOLE_5: &[u8] = b"XDB3";
const PART_4: &[u8] = b"XD2D";
const PART_5: &[u8] = b"XDD3";
/// What marks unused room in place of an inode's number.
const UNUSED: u16 = 0xffff;
/// Entries and unused room begin at multiples of this.
const ALIGNMENT: usize = 8;

type Children = Vec<(Vec<u8>, u64)>;

fn fault(why: String) -> Fault {
    Fault::new(0, "list a directory", why)
}

/// Reads the entries in an inode: counts, the parent, and for each a name and a number of 4 or 8
/// bytes.
pub(super) fn read_short(
    bytes: &[u8],
    has_types: bool,
    children: &mut Children,
) -> Result<(), Fault> {
    let view = View(bytes);
    let (count, wide) = (view.u8(0)?, view.u8(1)? > 0);
    let number_bytes = if wide { 8 } else { 4 };
    let mut position = 2 + number_bytes;
    for _ in 0..count {
        let name_bytes = usize::from(view.u8(position)?);
        let name = view.bytes(position + 3, name_bytes)?;
        position += 3 + name_bytes + usize::from(has_types);
        let number = if wide { view.u64(position, Big)? } else { view.u32(position, Big)?.into() };
        position += number_bytes;
        children.push((name.to_vec(), number));
    }
    Ok(())
}

/// Reads the entries of a block.
pub(super) fn read_block(
    block: &[u8],
    has_types: bool,
    children: &mut Children,
) -> Result<(), Fault> {
    let view = View(block);
    let (start, whole) = match view.bytes(0, 4)? {
        WHOLE_4 => (16, true),
        PART_4 => (16, false),
        WHOLE_5 => (64, true),
        PART_5 => (64, false),
        other => return Err(fault(format!("magic {other:02x?}"))),
    };
    let mut end = block.len();
    if whole {
        // The hashes of all names stand at the end, before their count.
        let count = usize::try_from(view.u32(end - 8, Big)?).unwrap_or(usize::MAX);
        end = count
            .checked_mul(8)
            .and_then(|bytes| (end - 8).checked_sub(bytes))
            .ok_or_else(|| fault(format!("{count} hashes do not fit a block")))?;
    }
    let mut position = start;
    while position < end {
        if view.u16(position, Big)? == UNUSED {
            let length = usize::from(view.u16(position + 2, Big)?);
            if length == 0 || !length.is_multiple_of(ALIGNMENT) {
                return Err(fault(format!("unused room of {length} bytes")));
            }
            position += length;
            continue;
        }
        let number = view.u64(position, Big)?;
        let name_bytes = usize::from(view.u8(position + 8)?);
        let name = view.bytes(position + 9, name_bytes)?;
        if name.is_empty() {
            return Err(fault("an entry without a name".to_owned()));
        }
        if !matches!(name, b"." | b"..") {
            children.push((name.to_vec(), number));
        }
        // A type may follow the name, and the entry's own offset always does.
        let length = 8 + 1 + name_bytes + usize::from(has_types) + 2;
        position += length.next_multiple_of(ALIGNMENT);
    }
    Ok(())
}
