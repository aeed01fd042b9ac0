//! Extended attributes, in the inode's tail and in a block of their own (`attributes.rst`).

use auscult_model::ByteName;

use crate::{Endian::Little, Fault, View};

/// Starts a list of attributes, in both places.
const MAGIC: u32 = 0xea02_0000;
/// Bytes of the header of a block of attributes; in an inode only the magic stands there.
const BLOCK_HEADER_BYTES: usize = 32;

/// An attribute as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: ByteName,
    pub(super) value: Value,
}

/// Where its value is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// In the list.
    Here(Vec<u8>),
    /// The content of this inode.
    Inode(u32),
}

/// Reads the attributes in the tail of an inode.
pub(super) fn in_inode(tail: &[u8]) -> Result<Vec<Attribute>, Fault> {
    match View(tail).u32(0, Little) {
        Ok(MAGIC) => read(tail.get(4..).unwrap_or_default(), 0, 0),
        _ => Ok(Vec::new()),
    }
}

/// Reads the attributes in a block.
pub(super) fn in_block(block: &[u8], place: u64) -> Result<Vec<Attribute>, Fault> {
    let magic = View(block).u32(0, Little)?;
    if magic != MAGIC {
        let why = format!("magic {magic:#010x}");
        return Err(Fault::new(place, "read extended attributes", why));
    }
    read(block, BLOCK_HEADER_BYTES, place)
}

/// Reads a list that starts at `start`; values are found from the start of `area`.
fn read(area: &[u8], start: usize, place: u64) -> Result<Vec<Attribute>, Fault> {
    let view = View(area);
    let (mut attributes, mut position) = (Vec::new(), start);
    // Four zero bytes end the list, as does the end of the room for it.
    while view.u32(position, Little).unwrap_or(0) != 0 {
        let attribute = read_one(view, position)
            .map_err(|fault| Fault::new(place, "read extended attributes", fault.why))?;
        let name_bytes = usize::from(view.u8(position)?);
        attributes.push(attribute);
        position += (16 + name_bytes).next_multiple_of(4);
    }
    Ok(attributes)
}

fn read_one(view: View<'_>, position: usize) -> Result<Attribute, Fault> {
    let name_bytes = usize::from(view.u8(position)?);
    let mut name = prefix(view.u8(position + 1)?).as_bytes().to_vec();
    name.extend_from_slice(view.bytes(position + 16, name_bytes)?);
    let offset = usize::from(view.u16(position + 2, Little)?);
    let inode = view.u32(position + 4, Little)?;
    let length = usize::try_from(view.u32(position + 8, Little)?).unwrap_or(usize::MAX);
    let value = match inode {
        0 => Value::Here(view.bytes(offset, length)?.to_vec()),
        number => Value::Inode(number),
    };
    Ok(Attribute { name: ByteName(name), value })
}

/// What `e_name_index` stands for.
fn prefix(index: u8) -> &'static str {
    match index {
        0 => "",
        1 => "user.",
        2 => "system.posix_acl_access",
        3 => "system.posix_acl_default",
        4 => "trusted.",
        6 => "security.",
        7 => "system.",
        8 => "system.richacl",
        9 => "encryption.",
        _ => "unknown.",
    }
}
