//! The trees: nodes of keys and places, leaves of items (`struct btrfs_header`, `struct btrfs_leaf`).

use std::collections::HashMap;

use bytes::Bytes;

use super::{chunk::Chunks, superblock::Superblock};
use crate::{Endian::Little, Extent, Fault, View};

const HEADER_BYTES: usize = 101;
const ITEM_BYTES: usize = 25;
const POINTER_BYTES: usize = 33;
/// Levels of a tree (`BTRFS_MAX_LEVEL`).
const LEVEL_MAX: u8 = 7;
/// Bytes of nodes that are kept; the rest is read again.
const HELD_BYTES_MAX: usize = 64 << 20;
const WHAT: &str = "read a tree";

/// A key, in the order of the trees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) object: u64,
    pub(super) kind: u8,
    pub(super) offset: u64,
}

impl Key {
    pub(super) fn parse(view: View<'_>, at: usize) -> Result<Self, Fault> {
        Ok(Self {
            object: view.u64(at, Little)?,
            kind: view.u8(at + 8)?,
            offset: view.u64(at + 9, Little)?,
        })
    }
}

/// An item of a leaf.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) key: Key,
    pub(super) data: Bytes,
}

/// Reads the trees of one file system.
pub(super) struct Trees<'image> {
    pub(super) image: &'image Extent,
    pub(super) superblock: &'image Superblock,
    pub(super) chunks: Chunks,
    held: HashMap<u64, Bytes>,
    held_bytes: usize,
}

impl<'image> Trees<'image> {
    pub(super) fn new(
        image: &'image Extent,
        superblock: &'image Superblock,
    ) -> Result<Self, Fault> {
        let chunks = Chunks::new(superblock)?;
        Ok(Self { image, superblock, chunks, held: HashMap::new(), held_bytes: 0 })
    }

    /// Reads the node at an address: the first copy whose checksum holds.
    fn node(&mut self, address: u64) -> Result<Bytes, Fault> {
        if let Some(known) = self.held.get(&address) {
            return Ok(known.clone());
        }
        let mut wrong = Fault::new(0, WHAT, format!("no copy of the node {address:#x}"));
        for (place, _) in self.chunks.copies(address)? {
            let bytes = match self.image.read(place, self.superblock.node_bytes.into()) {
                Ok(bytes) => bytes,
                Err(fault) => {
                    wrong = fault;
                    continue;
                }
            };
            let at = View(&bytes).u64(48, Little)?;
            if at != address || !self.superblock.checksum.holds(&bytes) {
                wrong = Fault::new(place, WHAT, format!("the node {address:#x} is damaged"));
                continue;
            }
            if self.held_bytes > HELD_BYTES_MAX {
                self.held.clear();
                self.held_bytes = 0;
            }
            self.held_bytes += bytes.len();
            self.held.insert(address, bytes.clone());
            return Ok(bytes);
        }
        Err(wrong)
    }

    /// All items with keys in this range, in order. What could not be read is in the faults.
    pub(super) fn items(
        &mut self,
        root: u64,
        range: (Key, Key),
        faults: &mut Vec<Fault>,
    ) -> Vec<Item> {
        let mut items = Vec::new();
        let read = self.visit(root, None, None, range, &mut items, faults);
        faults.extend(read.err());
        items
    }

    /// The items of one object, of kinds from `first` to `last`.
    pub(super) fn of_object(
        &mut self,
        root: u64,
        object: u64,
        kinds: (u8, u8),
        faults: &mut Vec<Fault>,
    ) -> Vec<Item> {
        let from = Key { object, kind: kinds.0, offset: 0 };
        let to = Key { object, kind: kinds.1, offset: u64::MAX };
        self.items(root, (from, to), faults)
    }

    /// Visits a node. Its level and first key must be what its parent says: so a node can stand
    /// only once in a tree, and no walk visits more of them than there are.
    fn visit(
        &mut self,
        address: u64,
        level: Option<u8>,
        first: Option<Key>,
        range: (Key, Key),
        items: &mut Vec<Item>,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        let node = self.node(address)?;
        let view = View(&node);
        let wrong = |why: String| Fault::new(0, WHAT, format!("node {address:#x}: {why}"));
        let count = usize::try_from(view.u32(96, Little)?).unwrap_or(usize::MAX);
        let found = view.u8(100)?;
        if found > LEVEL_MAX || level.is_some_and(|level| level != found) {
            return Err(wrong(format!("level {found}")));
        }
        let step = if found == 0 { ITEM_BYTES } else { POINTER_BYTES };
        if count > (node.len() - HEADER_BYTES) / step {
            return Err(wrong(format!("{count} entries")));
        }
        if let Some(first) = first
            && (count == 0 || Key::parse(view, HEADER_BYTES)? != first)
        {
            return Err(wrong("the first key is another".to_owned()));
        }
        if found == 0 {
            return leaf(&node, count, range, items);
        }
        let key_at = |index: usize| Key::parse(view, HEADER_BYTES + index * POINTER_BYTES);
        // The last child whose first key is not beyond the start may hold it.
        let mut start = 0;
        let mut size = count;
        while size > 0 {
            let half = size / 2;
            if key_at(start + half)? <= range.0 {
                start += half + 1;
                size -= half + 1;
            } else {
                size = half;
            }
        }
        let mut before = None;
        for index in start.saturating_sub(1)..count {
            let key = key_at(index)?;
            if key > range.1 {
                break;
            }
            if before.is_some_and(|before| before >= key) {
                return Err(wrong("its keys are not in order".to_owned()));
            }
            before = Some(key);
            let child = view.u64(HEADER_BYTES + index * POINTER_BYTES + 17, Little)?;
            let visited = self.visit(child, Some(found - 1), Some(key), range, items, faults);
            // A lost branch costs its part.
            faults.extend(visited.err());
        }
        Ok(())
    }
}

/// Adds the items of a leaf in the range. Their data stands from the end of the leaf downwards.
fn leaf(node: &Bytes, count: usize, range: (Key, Key), items: &mut Vec<Item>) -> Result<(), Fault> {
    let view = View(node);
    let key_at = |index: usize| Key::parse(view, HEADER_BYTES + index * ITEM_BYTES);
    let mut start = 0;
    let mut size = count;
    while size > 0 {
        let half = size / 2;
        if key_at(start + half)? < range.0 {
            start += half + 1;
            size -= half + 1;
        } else {
            size = half;
        }
    }
    for index in start..count {
        let at = HEADER_BYTES + index * ITEM_BYTES;
        let key = Key::parse(view, at)?;
        if key > range.1 {
            break;
        }
        let offset = usize::try_from(view.u32(at + 17, Little)?).unwrap_or(usize::MAX);
        let length = usize::try_from(view.u32(at + 21, Little)?).unwrap_or(usize::MAX);
        let offset = offset.saturating_add(HEADER_BYTES);
        view.bytes(offset, length)?;
        items.push(Item { key, data: node.slice(offset..offset + length) });
    }
    Ok(())
}
