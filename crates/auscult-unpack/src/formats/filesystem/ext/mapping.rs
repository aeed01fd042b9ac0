//! Which blocks hold a file: extent trees (`ifork.rst`, "Extent Tree") and the classic map of
//! direct and indirect blocks.

use std::collections::HashSet;

use super::{inode::Inode, superblock::Superblock};
use crate::{
    Endian::Little,
    Extent, Fault, View,
    formats::support::runs::{Run, Runs},
};

/// `eh_magic` of a node of an extent tree.
const NODE_MAGIC: u16 = 0xf30a;
/// Levels of an extent tree; the kernel makes five.
const DEPTH_MAX: u16 = 5;
/// Extents longer than this are allocated but not written: they read as zeros.
const WRITTEN_BLOCKS_MAX: u16 = 32_768;
/// Direct blocks of the classic map; single, double and triple indirection follow.
const DIRECT_BLOCKS: usize = 12;

/// Maps the files of one file system.
pub(super) struct Mapper<'image> {
    pub(super) image: &'image Extent,
    pub(super) superblock: &'image Superblock,
    /// Blocks of maps read so far. Each belongs to one file: a second use is a loop or damage.
    visited: HashSet<u64>,
}

/// The runs of one file, and what could not be read of its map.
struct Map {
    runs: Runs,
    block_bytes: u64,
    faults: Vec<Fault>,
}

impl<'image> Mapper<'image> {
    pub(super) fn new(image: &'image Extent, superblock: &'image Superblock) -> Self {
        Self { image, superblock, visited: HashSet::new() }
    }

    /// The content of an inode with blocks; what is missing of it goes to `faults`.
    pub(super) fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Extent {
        let block_bytes = u64::from(self.superblock.block_bytes);
        let mut map = Map { runs: Runs::default(), block_bytes, faults: Vec::new() };
        let result = if inode.has_extents() {
            self.extent_node(&inode.block_field, inode.place, None, &mut map)
        } else {
            self.classic_map(inode, &mut map)
        };
        faults.append(&mut map.faults);
        faults.extend(result.err());
        map.runs.join(self.image, inode.size, faults)
    }

    /// Reads a block of a map, once.
    fn map_block(&mut self, block: u64) -> Result<bytes::Bytes, Fault> {
        let block_bytes = u64::from(self.superblock.block_bytes);
        let place = block.saturating_mul(block_bytes);
        if !self.visited.insert(block) {
            return Err(Fault::new(place, "map a file", "a block of the map is used twice"));
        }
        self.image.read(place, block_bytes)
    }

    /// Reads a node of an extent tree; `depth` is what its parent expects.
    fn extent_node(
        &mut self,
        node: &[u8],
        place: u64,
        depth: Option<u16>,
        map: &mut Map,
    ) -> Result<(), Fault> {
        let view = View(node);
        let (magic, entries) = (view.u16(0, Little)?, view.u16(2, Little)?);
        let found = view.u16(6, Little)?;
        if magic != NODE_MAGIC || found > DEPTH_MAX || depth.is_some_and(|depth| depth != found) {
            let why = format!("magic {magic:#06x} and depth {found} in an extent tree");
            return Err(Fault::new(place, "map a file", why));
        }
        for index in 1..=usize::from(entries) {
            let entry = View(view.bytes(index * 12, 12)?);
            if found == 0 {
                map.push_extent(entry)?;
                continue;
            }
            let low = u64::from(entry.u32(4, Little)?);
            let block = low | u64::from(entry.u16(8, Little)?) << 32;
            let child = self.map_block(block).and_then(|child| {
                let place = block.saturating_mul(u64::from(self.superblock.block_bytes));
                self.extent_node(&child, place, Some(found - 1), map)
            });
            // A lost branch costs its part of the file.
            map.faults.extend(child.err());
        }
        Ok(())
    }

    fn classic_map(&mut self, inode: &Inode, map: &mut Map) -> Result<(), Fault> {
        let view = View(&inode.block_field);
        let per_block = u64::from(self.superblock.block_bytes / 4);
        let mut logical = 0;
        for index in 0..DIRECT_BLOCKS + 3 {
            let block = u64::from(view.u32(index * 4, Little)?);
            let level = u32::try_from((index + 1).saturating_sub(DIRECT_BLOCKS)).unwrap_or(0);
            self.classic_block(block, level, logical, map)?;
            logical += per_block.pow(level);
        }
        Ok(())
    }

    /// Adds what a block of the classic map stands for; 0 is a hole.
    fn classic_block(
        &mut self,
        block: u64,
        level: u32,
        logical: u64,
        map: &mut Map,
    ) -> Result<(), Fault> {
        if block == 0 {
            return Ok(());
        }
        if level == 0 {
            return map.push(logical, block, 1);
        }
        let pointers = match self.map_block(block) {
            Ok(pointers) => pointers,
            Err(fault) => {
                map.faults.push(fault);
                return Ok(());
            }
        };
        let step = u64::from(self.superblock.block_bytes / 4).pow(level - 1);
        let mut position = logical;
        for word in pointers.chunks_exact(4) {
            let block = u64::from(View(word).u32(0, Little)?);
            self.classic_block(block, level - 1, position, map)?;
            position += step;
        }
        Ok(())
    }
}

impl Map {
    /// Adds a number of blocks from a logical one on, at a physical one.
    fn push(&mut self, logical: u64, physical: u64, count: u64) -> Result<(), Fault> {
        self.runs.push(Run {
            logical: logical.saturating_mul(self.block_bytes),
            place: physical.saturating_mul(self.block_bytes),
            length: count.saturating_mul(self.block_bytes),
        })
    }

    fn push_extent(&mut self, entry: View<'_>) -> Result<(), Fault> {
        let count = entry.u16(4, Little)?;
        // What was never written reads as zeros, as a hole does.
        if count == 0 || count > WRITTEN_BLOCKS_MAX {
            return Ok(());
        }
        let physical = u64::from(entry.u32(8, Little)?) | u64::from(entry.u16(6, Little)?) << 32;
        let logical = u64::from(entry.u32(0, Little)?);
        self.push(logical, physical, u64::from(count))
    }
}
