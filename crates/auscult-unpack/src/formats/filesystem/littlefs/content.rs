//! Files of blocks: each names the one before it, and some before that, at its start ("CTZ
//! skip-lists" of `DESIGN.md`).

use super::Blocks;
use crate::{
    Endian::Little,
    Extent, Fault, View,
    formats::support::runs::{Run, Runs},
};

/// The last block of a file, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Skips {
    pub(super) head: u32,
    pub(super) size: u32,
}

/// Bytes of the numbers at the start of a block: one more than times that its index is even.
fn pointer_bytes(index: u64) -> u64 {
    if index == 0 { 0 } else { (u64::from(index.trailing_zeros()) + 1) * 4 }
}

impl Skips {
    /// The bytes of the file. `budget` bounds the blocks that are followed in all.
    pub(super) fn content(
        self,
        blocks: &Blocks,
        budget: &mut u64,
        faults: &mut Vec<Fault>,
    ) -> Extent {
        let size = u64::from(self.size);
        let mut runs = Runs::default();
        if let Err(fault) = self.collect(blocks, budget, &mut runs) {
            faults.push(fault);
            // What comes before is lost: it counts as past the end, not as a hole.
            let lost = Run { logical: 0, place: blocks.image.len(), length: size };
            faults.extend(runs.push(lost).err());
        }
        runs.join(&blocks.image, size, faults)
    }

    /// Follows the blocks from the last to the first.
    fn collect(self, blocks: &Blocks, budget: &mut u64, runs: &mut Runs) -> Result<(), Fault> {
        let (size, mut starts, mut start) = (u64::from(self.size), Vec::new(), 0);
        for index in 0.. {
            if start >= size {
                break;
            }
            let place = blocks.place(self.head);
            *budget = budget.checked_sub(1).ok_or_else(|| {
                Fault::new(place, "map a file", "more blocks than the file system has")
            })?;
            starts.push((index, start));
            start += blocks.block_bytes.saturating_sub(pointer_bytes(index)).max(1);
        }
        let mut block = self.head;
        for &(index, start) in starts.iter().rev() {
            let skipped = pointer_bytes(index);
            let extent = blocks.block(block)?;
            let length = (size - start).min(blocks.block_bytes.saturating_sub(skipped));
            let place = blocks.place(block) + skipped;
            runs.push(Run { logical: start, place, length })?;
            if index > 0 {
                block = View(&extent.read(0, 4)?).u32(0, Little)?;
            }
        }
        Ok(())
    }
}
