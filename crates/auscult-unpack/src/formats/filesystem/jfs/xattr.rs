//! Extended attributes (`jfs_xattr.h`): a list with its length, of flag, lengths, name and value.

use auscult_model::ByteName;

use crate::{Endian::Little, Fault, View};

/// What names may begin with on Linux; those of OS/2 begin with none of these.
const PREFIXES: [&[u8]; 4] = [b"user.", b"system.", b"security.", b"trusted."];

/// Reads a list.
pub(super) fn read(list: &[u8]) -> Result<Vec<(ByteName, Vec<u8>)>, Fault> {
    let view = View(list);
    let length = usize::try_from(view.u32(0, Little)?).unwrap_or(usize::MAX);
    let (mut attributes, mut position) = (Vec::new(), 4);
    while position < length.min(list.len()) {
        let name_bytes = usize::from(view.u8(position + 1)?);
        let value_bytes = usize::from(view.u16(position + 2, Little)?);
        let name = view.bytes(position + 4, name_bytes)?;
        // A zero ends the name.
        let value = view.bytes(position + 4 + name_bytes + 1, value_bytes)?;
        let known = PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let prefix: &[u8] = if known { b"" } else { b"os2." };
        attributes.push((ByteName([prefix, name].concat()), value.to_vec()));
        position += 4 + name_bytes + 1 + value_bytes;
    }
    Ok(attributes)
}
