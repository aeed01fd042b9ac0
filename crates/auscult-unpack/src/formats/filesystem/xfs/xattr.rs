//! Extended attributes (`xfs_da_format.h`): short ones in the inode, others in a tree of blocks by
//! hash. Values that are large have blocks of their own.

use std::collections::HashSet;

use auscult_model::ByteName;

use super::{mapping::Piece, superblock::Superblock};
use crate::{Endian::Big, Extent, Fault, View};

/// Bits of an attribute's flags.
const LOCAL: u8 = 0x1;
const TRUSTED: u8 = 0x2;
const SECURITY: u8 = 0x4;
const PARENT: u8 = 0x8;
const INCOMPLETE: u8 = 0x80;
/// Magics of nodes and leaves, for versions 4 and 5.
const NODE_4: u16 = 0xfebe;
const NODE_5: u16 = 0x3ebe;
const LEAF_4: u16 = 0xfbee;
const LEAF_5: u16 = 0x3bee;
/// Header of each block of a large value in version 5.
pub(super) const REMOTE_HEADER_BYTES: usize = 56;
const REMOTE_MAGIC: &[u8] = b"XARM";
/// Longest value (`XATTR_SIZE_MAX`).
const VALUE_BYTES_MAX: usize = 65_536;
/// Levels of the tree (`XFS_DA_NODE_MAXDEPTH`).
const LEVELS_MAX: usize = 5;
const WHAT: &str = "read extended attributes";

type Attributes = Vec<(ByteName, Vec<u8>)>;

fn fault(why: impl Into<String>) -> Fault {
    Fault::new(0, WHAT, why)
}

/// The name with what its flags stand for; nothing for what is not an attribute of the user's.
fn full_name(flags: u8, name: &[u8]) -> Option<ByteName> {
    // Pointers to parents are kept like attributes, and unfinished ones do not exist yet.
    if flags & (PARENT | INCOMPLETE) != 0 {
        return None;
    }
    let prefix: &[u8] = match flags & (TRUSTED | SECURITY) {
        TRUSTED => b"trusted.",
        SECURITY => b"security.",
        _ => b"user.",
    };
    Some(ByteName([prefix, name].concat()))
}

/// Reads the attributes in an inode.
pub(super) fn read_short(bytes: &[u8]) -> Result<Attributes, Fault> {
    let view = View(bytes);
    let (mut attributes, mut position) = (Vec::new(), 4);
    for _ in 0..view.u8(2)? {
        let (name_bytes, value_bytes) =
            (usize::from(view.u8(position)?), usize::from(view.u8(position + 1)?));
        let flags = view.u8(position + 2)?;
        let name = view.bytes(position + 3, name_bytes)?;
        let value = view.bytes(position + 3 + name_bytes, value_bytes)?;
        position += 3 + name_bytes + value_bytes;
        attributes.extend(full_name(flags, name).map(|name| (name, value.to_vec())));
    }
    Ok(attributes)
}

/// The fork of attributes as a file: its blocks by their number.
pub(super) struct Blocks<'image> {
    pub(super) image: &'image Extent,
    pub(super) superblock: &'image Superblock,
    pub(super) pieces: Vec<Piece>,
}

impl Blocks<'_> {
    fn block(&self, number: u64) -> Result<bytes::Bytes, Fault> {
        let piece = self.pieces.iter().find(|piece| {
            number.checked_sub(piece.logical).is_some_and(|within| within < piece.count)
        });
        let piece = piece.ok_or_else(|| fault(format!("block {number} is not mapped")))?;
        let place = self.superblock.block_place(piece.block + (number - piece.logical));
        self.image.read(place, self.superblock.block_bytes())
    }

    /// Reads all attributes: down to the first leaf, then from leaf to leaf.
    pub(super) fn read(&self) -> Result<Attributes, Fault> {
        let (mut attributes, mut number) = (Vec::new(), 0);
        for _ in 0..=LEVELS_MAX {
            let block = self.block(number)?;
            let view = View(&block);
            let first = match view.u16(8, Big)? {
                NODE_4 => 16,
                NODE_5 => 64,
                LEAF_4 | LEAF_5 => break,
                other => return Err(fault(format!("magic {other:#06x}"))),
            };
            number = view.u32(first + 4, Big)?.into();
        }
        let mut visited = HashSet::new();
        loop {
            if !visited.insert(number) {
                return Err(fault("a leaf is used twice"));
            }
            let block = self.block(number)?;
            self.leaf(&block, &mut attributes)?;
            number = View(&block).u32(0, Big)?.into();
            if number == 0 {
                return Ok(attributes);
            }
        }
    }

    fn leaf(&self, block: &[u8], attributes: &mut Attributes) -> Result<(), Fault> {
        let view = View(block);
        let (count_place, entries) = match view.u16(8, Big)? {
            LEAF_4 => (12, 32),
            LEAF_5 => (56, 80),
            other => return Err(fault(format!("magic {other:#06x} in a leaf"))),
        };
        for index in 0..usize::from(view.u16(count_place, Big)?) {
            let entry = entries + index * 8;
            let at = usize::from(view.u16(entry + 4, Big)?);
            let flags = view.u8(entry + 6)?;
            if flags & LOCAL != 0 {
                let (value_bytes, name_bytes) =
                    (usize::from(view.u16(at, Big)?), usize::from(view.u8(at + 2)?));
                let name = view.bytes(at + 3, name_bytes)?;
                let value = view.bytes(at + 3 + name_bytes, value_bytes)?;
                attributes.extend(full_name(flags, name).map(|name| (name, value.to_vec())));
                continue;
            }
            let (first, value_bytes) = (view.u32(at, Big)?, view.u32(at + 4, Big)?);
            let name = view.bytes(at + 9, view.u8(at + 8)?.into())?;
            if let Some(name) = full_name(flags, name) {
                let value = self.remote(first.into(), usize::try_from(value_bytes).unwrap_or(0))?;
                attributes.push((name, value));
            }
        }
        Ok(())
    }

    /// A large value; in version 5 each of its blocks has a header.
    fn remote(&self, first: u64, length: usize) -> Result<Vec<u8>, Fault> {
        if length > VALUE_BYTES_MAX {
            return Err(fault(format!("a value of {length} bytes")));
        }
        let (mut value, mut number) = (Vec::with_capacity(length), first);
        while value.len() < length {
            let block = self.block(number)?;
            let body = if self.superblock.is_5() {
                if View(&block).bytes(0, 4)? != REMOTE_MAGIC {
                    return Err(fault(format!("block {number} is none of a value")));
                }
                block.get(REMOTE_HEADER_BYTES..).unwrap_or_default()
            } else {
                &block
            };
            let step = body.len().min(length - value.len());
            value.extend_from_slice(body.get(..step).unwrap_or_default());
            number += 1;
        }
        Ok(value)
    }
}
