//! File contents: blocks of 4 KiB, each packed in a node of its own (`struct ubifs_data_node`).

use std::collections::BTreeMap;

use super::{
    node::{DATA, NODE_BYTES_MAX, Node},
    state::{BLOCK_BYTES, Leaf},
};
use crate::{
    Derive,
    Endian::Little,
    Extent, Fault, Recipe, Sink,
    codec::{BlockCodec, decode_block},
};

/// Names of the codings, by their number (`UBIFS_COMPR_…`).
pub(super) const CODINGS: [&str; 4] = ["none", "lzo", "zlib", "zstd"];

/// A block that is decoded when read.
struct Block {
    stored: Extent,
    length: u64,
}

impl Derive for Block {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let node = Node::read(&self.stored, 0, NODE_BYTES_MAX)?;
        let broken = |why: String| Fault::new(0, "read a block", why);
        if node.kind != DATA {
            return Err(broken(format!("a node of type {}", node.kind)));
        }
        let view = node.view();
        let (size, coding) = (view.u32(40, Little)?, view.u16(44, Little)?);
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let stored = node.bytes.get(48..).unwrap_or_default();
        let length = usize::try_from(BLOCK_BYTES).unwrap_or(0);
        let codec = match coding {
            0 => None,
            1 => Some(BlockCodec::Lzo),
            2 => Some(BlockCodec::Deflate),
            3 => Some(BlockCodec::Zstd),
            _ => return Err(broken(format!("coding {coding} is not known"))),
        };
        let mut bytes = match codec {
            Some(codec) => decode_block(codec, stored, length)?,
            None => stored.to_vec(),
        };
        if bytes.len() < size {
            return Err(broken(format!("{} of {size} bytes are there", bytes.len())));
        }
        bytes.truncate(size);
        // What a file gained at its end after the block was written is a hole.
        bytes.resize(usize::try_from(self.length).unwrap_or(0), 0);
        sink.push(&bytes)
    }

    fn input_bytes(&self) -> u64 {
        self.stored.weight()
    }

    /// The header has a sequence number and the file's number, which differ between builds.
    fn recipe(&self) -> Option<Recipe> {
        let node =
            Node::read(&self.stored, 0, NODE_BYTES_MAX).ok().filter(|one| one.kind == DATA)?;
        let packing = node.bytes.get(40..46)?;
        let length = u64::try_from(node.bytes.len()).ok()?.checked_sub(48)?;
        let method = format!("ubifs {packing:?} {}", self.length);
        Some(Recipe { method, inputs: vec![self.stored.slice(48, length)?] })
    }
}

/// The bytes of a file of this size, with zeros where it has no block.
pub(super) fn content(
    image: &Extent,
    blocks: Option<&BTreeMap<u32, Leaf>>,
    size: u64,
    faults: &mut Vec<Fault>,
) -> Extent {
    let vault = image.vault();
    let (mut parts, mut position, mut lost) = (Vec::new(), 0, 0_u64);
    for (&number, &leaf) in blocks.into_iter().flatten() {
        let start = u64::from(number) * BLOCK_BYTES;
        if start >= size {
            break;
        }
        if start > position {
            parts.push(Extent::zeros(vault, start - position));
        }
        let length = BLOCK_BYTES.min(size - start);
        let stored = image.slice(leaf.place, u64::from(leaf.length));
        lost += u64::from(stored.is_none());
        let missing = || {
            let why = format!("{} bytes are not all in the image", leaf.length);
            Extent::missing(vault, length, Fault::new(leaf.place, "find a block", why))
        };
        let block = |stored| Extent::derived(vault, length, Block { stored, length });
        parts.push(stored.map_or_else(missing, block));
        position = start + length;
    }
    if position < size {
        parts.push(Extent::zeros(vault, size - position));
    }
    if lost > 0 {
        let why = format!("{lost} blocks are past the end of the image");
        faults.push(Fault::new(image.len(), "find a file's blocks", why));
    }
    Extent::joined(vault, parts)
}
