//! Trees of hashes over the blocks of a device, as dm-verity and Android Verified Boot have them
//! (kernel `Documentation/admin-guide/device-mapper/verity.rst`): each block of hashes is hashed in
//! turn, up to one block, whose hash is the root.

use crate::{Extent, Fault, digest};

/// Levels of a tree: 64-bit block numbers and two hashes in a block at least.
const LEVELS_MAX: usize = 64;
/// Bytes that are hashed at once.
const STEP_BLOCKS: u64 = 256;

/// The shape of a tree.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub(super) algorithm: String,
    pub(super) salt: Vec<u8>,
    /// Whether the salt comes first, and hashes stand at powers of two; else it comes last, and
    /// they follow each other (Chrome OS).
    pub(super) normal: bool,
    pub(super) data_block_bytes: u64,
    pub(super) hash_block_bytes: u64,
    pub(super) data_blocks: u64,
}

/// What was found of a tree.
#[derive(Clone, Debug, Default)]
pub(super) struct Verified {
    pub(super) root: Vec<u8>,
    /// Blocks of the tree, and how many of them are not what the level above says.
    pub(super) blocks: u64,
    pub(super) wrong: u64,
}

impl Shape {
    /// Whether the sizes make sense.
    pub(super) fn fits(&self) -> bool {
        let size = |bytes: u64| bytes.is_power_of_two() && (512..=1 << 19).contains(&bytes);
        size(self.data_block_bytes)
            && size(self.hash_block_bytes)
            && self.data_blocks > 0
            && self.data_blocks < 1 << 48
    }

    /// The hash of a block; nothing where the algorithm is not known.
    fn hash(&self, block: &[u8]) -> Option<Vec<u8>> {
        let salted =
            if self.normal { [&self.salt, block].concat() } else { [block, &self.salt].concat() };
        digest::of(&self.algorithm, &salted)
    }

    /// Bytes from one hash to the next, and how many are in a block: a power of two.
    fn stride(&self) -> Option<(u64, u64)> {
        let hash_bytes = u64::try_from(digest::of(&self.algorithm, &[])?.len()).ok()?;
        let stride = if self.normal { hash_bytes.next_power_of_two() } else { hash_bytes };
        let count = self.hash_block_bytes / stride;
        (count >= 2).then(|| (stride, 1 << count.ilog2()))
    }

    /// Blocks of each level, from the lowest to the root.
    fn levels(&self) -> Option<Vec<u64>> {
        let (_, per_block) = self.stride()?;
        let (mut levels, mut blocks) = (Vec::new(), self.data_blocks);
        while blocks > 1 && levels.len() < LEVELS_MAX {
            blocks = blocks.div_ceil(per_block);
            levels.push(blocks);
        }
        Some(levels)
    }

    /// Bytes of the tree.
    pub(super) fn tree_bytes(&self) -> Option<u64> {
        let blocks: u64 = self.levels()?.iter().sum();
        Some(blocks * self.hash_block_bytes)
    }

    pub(super) fn data_bytes(&self) -> u64 {
        self.data_blocks * self.data_block_bytes
    }

    /// Computes the root of a stored tree, and compares each block of hashes with the level above.
    /// The root's level comes first. A tree over one block has no level: its root is the hash of
    /// the data.
    pub(super) fn verify_tree(&self, tree: &Extent) -> Result<Verified, Fault> {
        let unknown = || {
            Fault::new(
                0,
                "verify hashes",
                format!("the algorithm {:?} is not known", self.algorithm),
            )
        };
        let levels = self.levels().ok_or_else(unknown)?;
        let mut verified = Verified::default();
        // The hashes of the level above, and where that level begins.
        let mut above: Option<u64> = None;
        let mut place = 0;
        for &blocks in levels.iter().rev() {
            for index in 0..blocks {
                let block =
                    tree.read(place + index * self.hash_block_bytes, self.hash_block_bytes)?;
                let hash = self.hash(&block).ok_or_else(unknown)?;
                verified.blocks += 1;
                match above {
                    None => verified.root = hash,
                    Some(above) => {
                        let stored = self.stored(tree, above, index)?;
                        verified.wrong += u64::from(stored != hash);
                    }
                }
            }
            above = Some(place);
            place += blocks * self.hash_block_bytes;
        }
        Ok(verified)
    }

    /// The hash of an index in the level that begins at a place.
    fn stored(&self, tree: &Extent, level: u64, index: u64) -> Result<Vec<u8>, Fault> {
        let wrong = || Fault::new(level, "verify hashes", "the algorithm is not known");
        let (stride, per_block) = self.stride().ok_or_else(wrong)?;
        let hash_bytes = digest::of(&self.algorithm, &[]).ok_or_else(wrong)?.len();
        let at = level + index / per_block * self.hash_block_bytes + index % per_block * stride;
        Ok(tree.read(at, u64::try_from(hash_bytes).unwrap_or(0))?.to_vec())
    }

    /// How many blocks of the data are not what the lowest level says. Data of one block has no
    /// level, but gives the root.
    pub(super) fn verify_data(
        &self,
        tree: &Extent,
        data: &Extent,
        root: &mut Vec<u8>,
    ) -> Result<u64, Fault> {
        let unknown = || Fault::new(0, "verify hashes", "the algorithm is not known");
        let levels = self.levels().ok_or_else(unknown)?;
        let lowest = levels.iter().skip(1).sum::<u64>() * self.hash_block_bytes;
        let block_bytes = usize::try_from(self.data_block_bytes).unwrap_or(4096);
        let (mut index, mut wrong) = (0, 0);
        while index < self.data_blocks {
            let count = STEP_BLOCKS.min(self.data_blocks - index);
            let place = index * self.data_block_bytes;
            let bytes = data.read(place, count * self.data_block_bytes)?;
            for block in bytes.chunks_exact(block_bytes) {
                let hash = self.hash(block).ok_or_else(unknown)?;
                if levels.is_empty() {
                    root.clone_from(&hash);
                } else {
                    wrong += u64::from(self.stored(tree, lowest, index)? != hash);
                }
                index += 1;
            }
        }
        Ok(wrong)
    }
}
