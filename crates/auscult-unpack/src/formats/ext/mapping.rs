//! Which blocks hold a file: extent trees (`ifork.rst`, "Extent Tree") and the classic map of
//! direct and indirect blocks.

use std::collections::HashSet;

use super::{inode::Inode, superblock::Superblock};
use crate::{Endian::Little, Extent, Fault, View};

/// `eh_magic` of a node of an extent tree.
const NODE_MAGIC: u16 = 0xf30a;
/// Levels of an extent tree; the kernel makes five.
const DEPTH_MAX: u16 = 5;
/// Extents longer than this are allocated but not written: they read as zeros.
const WRITTEN_BLOCKS_MAX: u16 = 32_768;
/// Runs of one file; a larger number is damage.
const RUNS_MAX: usize = 1 << 20;
/// Direct blocks of the classic map; single, double and triple indirection follow.
const DIRECT_BLOCKS: usize = 12;

/// Blocks in a row, in the file and on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    logical: u64,
    physical: u64,
    count: u64,
}

/// Maps the files of one file system.
pub(super) struct Mapper<'image> {
    pub(super) image: &'image Extent,
    pub(super) superblock: &'image Superblock,
    /// Blocks of maps read so far. Each belongs to one file: a second use is a loop or damage.
    visited: HashSet<u64>,
}

/// The runs of one file, and what could not be read of its map.
#[derive(Default)]
struct Runs {
    runs: Vec<Run>,
    faults: Vec<Fault>,
}

impl Runs {
    fn push(&mut self, run: Run) -> Result<(), Fault> {
        if let Some(last) = self.runs.last_mut()
            && last.logical + last.count == run.logical
            && last.physical + last.count == run.physical
        {
            last.count += run.count;
            return Ok(());
        }
        if self.runs.len() >= RUNS_MAX {
            let why = format!("more than {RUNS_MAX} pieces");
            return Err(Fault::new(0, "map a file", why));
        }
        self.runs.push(run);
        Ok(())
    }
}

impl<'image> Mapper<'image> {
    pub(super) fn new(image: &'image Extent, superblock: &'image Superblock) -> Self {
        Self { image, superblock, visited: HashSet::new() }
    }

    /// The content of an inode with blocks, with what is missing of it.
    pub(super) fn content(&mut self, inode: &Inode) -> (Extent, Vec<Fault>) {
        let mut runs = Runs::default();
        let result = if inode.has_extents() {
            self.extent_node(&inode.block_field, inode.place, None, &mut runs)
        } else {
            self.classic_map(inode, &mut runs)
        };
        runs.faults.extend(result.err());
        runs.runs.sort_unstable_by_key(|run| run.logical);
        let content = self.join(&runs.runs, inode.size, &mut runs.faults);
        (content, runs.faults)
    }

    /// Puts the runs one after the other, with zeros in the holes, up to `size`.
    fn join(&self, runs: &[Run], size: u64, faults: &mut Vec<Fault>) -> Extent {
        let vault = self.image.vault();
        let block_bytes = u64::from(self.superblock.block_bytes);
        let (mut parts, mut position) = (Vec::new(), 0);
        for run in runs {
            let start = run.logical.saturating_mul(block_bytes);
            let end = start.saturating_add(run.count.saturating_mul(block_bytes)).min(size);
            // Overlapping runs are damage; the first one wins.
            if start < position || start >= end {
                continue;
            }
            if start > position {
                parts.push(Extent::zeros(vault, start - position));
            }
            self.push_run(
                run.physical.saturating_mul(block_bytes),
                end - start,
                &mut parts,
                faults,
            );
            position = end;
        }
        if position < size {
            parts.push(Extent::zeros(vault, size - position));
        }
        match <[Extent; 1]>::try_from(parts) {
            Ok([single]) => single,
            Err(parts) => Extent::joined(vault, parts),
        }
    }

    /// Adds bytes of the image; those past its end are missing.
    fn push_run(&self, place: u64, length: u64, parts: &mut Vec<Extent>, faults: &mut Vec<Fault>) {
        let there = self.image.clamp(place, length);
        let missing = length - there.len();
        if !there.is_empty() {
            parts.push(there);
        }
        if missing > 0 {
            let why = format!("{missing} bytes are past the end");
            let fault = Fault::new(place, "find a file's blocks", why);
            faults.push(fault.clone());
            parts.push(Extent::missing(self.image.vault(), missing, fault));
        }
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
        runs: &mut Runs,
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
                runs.push_extent(entry)?;
                continue;
            }
            let low = u64::from(entry.u32(4, Little)?);
            let block = low | u64::from(entry.u16(8, Little)?) << 32;
            let child = self.map_block(block).and_then(|child| {
                let place = block.saturating_mul(u64::from(self.superblock.block_bytes));
                self.extent_node(&child, place, Some(found - 1), runs)
            });
            // A lost branch costs its part of the file.
            runs.faults.extend(child.err());
        }
        Ok(())
    }

    fn classic_map(&mut self, inode: &Inode, runs: &mut Runs) -> Result<(), Fault> {
        let view = View(&inode.block_field);
        let per_block = u64::from(self.superblock.block_bytes / 4);
        let mut logical = 0;
        for index in 0..DIRECT_BLOCKS + 3 {
            let block = u64::from(view.u32(index * 4, Little)?);
            let level = u32::try_from((index + 1).saturating_sub(DIRECT_BLOCKS)).unwrap_or(0);
            self.classic_block(block, level, logical, runs)?;
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
        runs: &mut Runs,
    ) -> Result<(), Fault> {
        if block == 0 {
            return Ok(());
        }
        if level == 0 {
            return runs.push(Run { logical, physical: block, count: 1 });
        }
        let map = match self.map_block(block) {
            Ok(map) => map,
            Err(fault) => {
                runs.faults.push(fault);
                return Ok(());
            }
        };
        let step = u64::from(self.superblock.block_bytes / 4).pow(level - 1);
        let mut position = logical;
        for word in map.chunks_exact(4) {
            let block = u64::from(View(word).u32(0, Little)?);
            self.classic_block(block, level - 1, position, runs)?;
            position += step;
        }
        Ok(())
    }
}

impl Runs {
    fn push_extent(&mut self, entry: View<'_>) -> Result<(), Fault> {
        let count = entry.u16(4, Little)?;
        // What was never written reads as zeros, as a hole does.
        if count == 0 || count > WRITTEN_BLOCKS_MAX {
            return Ok(());
        }
        let physical = u64::from(entry.u32(8, Little)?) | u64::from(entry.u16(6, Little)?) << 32;
        let logical = u64::from(entry.u32(0, Little)?);
        self.push(Run { logical, physical, count: u64::from(count) })
    }
}
