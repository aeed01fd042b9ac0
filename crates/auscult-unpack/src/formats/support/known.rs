//! Whether bytes are worth a search: data that belongs to something known is only looked into where it
//! begins like a format.

use crate::{Extent, formats::REGISTRY};

/// Bytes that are compared with magics.
const HEAD_BYTES: u64 = 4096;
/// Shorter magics stand at the start of anything.
const MAGIC_BYTES_MIN: usize = 4;
/// The mark of an expansion ROM, short as it is.
const ROM: &[u8] = &[0x55, 0xaa];

/// Whether these bytes begin with a format's magic of more than a few bytes.
pub(crate) fn begins_known(content: &Extent) -> bool {
    let Ok(head) = content.read_up_to(0, HEAD_BYTES) else { return false };
    let magics = REGISTRY.iter().flat_map(|format| format.magics);
    let mut long = magics.filter(|magic| magic.bytes.len() >= MAGIC_BYTES_MIN);
    head.starts_with(ROM)
        || long
            .any(|magic| head.get(magic.offset..).is_some_and(|rest| rest.starts_with(magic.bytes)))
}
