//! Directory entries: a bitmap of used slots, the entries, and names in slots of eight bytes. The
//! levels of hash buckets matter to who looks for a name, not to who lists all.

use crate::{Endian::Little, Fault, View};

const ENTRY_BYTES: usize = 11;
const SLOT_BYTES: usize = 8;

/// Reads the entries of a block or of the room in an inode.
pub(super) fn read(area: &[u8], children: &mut Vec<(Vec<u8>, u32)>) -> Result<(), Fault> {
    let view = View(area);
    // A slot takes its entry, eight bytes of name and one bit.
    let slots = area.len() * 8 / ((ENTRY_BYTES + SLOT_BYTES) * 8 + 1);
    let names = area.len() - slots * SLOT_BYTES;
    let entries = names - slots * ENTRY_BYTES;
    let mut slot = 0;
    while slot < slots {
        let used = area.get(slot / 8).is_some_and(|byte| byte >> (slot % 8) & 1 == 1);
        if !used {
            slot += 1;
            continue;
        }
        let entry = entries + slot * ENTRY_BYTES;
        let number = view.u32(entry + 4, Little)?;
        let length = usize::from(view.u16(entry + 8, Little)?);
        let taken = length.div_ceil(SLOT_BYTES).max(1);
        if length == 0 || slot + taken > slots {
            slot += 1;
            continue;
        }
        let name = view.bytes(names + slot * SLOT_BYTES, length)?;
        if !matches!(name, b"." | b"..") {
            children.push((name.to_vec(), number));
        }
        slot += taken;
    }
    Ok(())
}
