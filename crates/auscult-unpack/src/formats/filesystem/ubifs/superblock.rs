//! The superblock node in the first logical erase block, and the master nodes in the next two
//! (`struct ubifs_sb_node`, `struct ubifs_mst_node`).

use super::node::{self, MASTER, Node, SUPERBLOCK};
use crate::{Endian::Little, Extent, Fault, View};

/// Bytes of the superblock node.
pub(super) const SUPERBLOCK_BYTES: u64 = 4096;
/// `UBIFS_MIN_LEB_SZ`, and more than any erase block has.
const BLOCK_BYTES_MIN: u32 = 15 << 10;
const BLOCK_BYTES_MAX: u32 = 64 << 20;
/// Superblock, two of master nodes, two of the log, two of the LPT, one of orphans, one of data.
/// Tools write less than the kernel wants (`UBIFS_MIN_LEB_CNT`), which adds blocks when it mounts.
const BLOCKS_MIN: u32 = 9;
/// Features that change what is on the flash.
const FLAG_ENCRYPTION: u32 = 0x10;
const FLAG_AUTHENTICATION: u32 = 0x20;

/// What the superblock says.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    /// Bytes of a logical erase block.
    pub(super) block_bytes: u64,
    pub(super) block_count: u64,
    /// Blocks of the log, which starts behind the master nodes.
    pub(super) log_blocks: u64,
    pub(super) version: u32,
    pub(super) compression: u16,
    pub(super) uuid: [u8; 16],
    pub(super) has_encryption: bool,
    pub(super) has_authentication: bool,
}

impl Superblock {
    /// Reads it; nothing where the fields do not fit.
    pub(super) fn read(image: &Extent) -> Result<Option<Self>, Fault> {
        let node = Node::read(image, 0, SUPERBLOCK_BYTES)?;
        let view = node.view();
        let (block_bytes, block_count) = (view.u32(36, Little)?, view.u32(40, Little)?);
        let log_blocks = view.u32(56, Little)?;
        let flags = view.u32(28, Little)?;
        let fits = node.kind == SUPERBLOCK
            && (BLOCK_BYTES_MIN..=BLOCK_BYTES_MAX).contains(&block_bytes)
            && block_count >= BLOCKS_MIN
            && (2..block_count).contains(&log_blocks)
            // `UBIFS_SIMPLE_KEY_FMT` is the only one.
            && view.u8(27)? == 0;
        Ok(fits.then_some(Self {
            block_bytes: u64::from(block_bytes),
            block_count: u64::from(block_count),
            log_blocks: u64::from(log_blocks),
            version: view.u32(80, Little)?,
            compression: view.u16(84, Little)?,
            uuid: view.array(108)?,
            has_encryption: flags & FLAG_ENCRYPTION != 0,
            has_authentication: flags & FLAG_AUTHENTICATION != 0,
        }))
    }

    /// The place of an offset in a logical erase block.
    pub(super) fn place(&self, block: u32, offset: u32) -> u64 {
        u64::from(block).saturating_mul(self.block_bytes).saturating_add(u64::from(offset))
    }

    /// The end of a logical erase block.
    pub(super) fn end(&self, block: u64) -> u64 {
        block.saturating_add(1).saturating_mul(self.block_bytes)
    }
}

/// What the newest master node says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Master {
    pub(super) commit: u64,
    pub(super) is_dirty: bool,
    /// Place and length of the root of the index.
    pub(super) root: (u64, u32),
}

impl Master {
    /// Finds the newest one. They are written one behind the other in two blocks alike.
    pub(super) fn find(image: &Extent, superblock: &Superblock) -> Option<Self> {
        let nodes = (1..=2_u32).flat_map(|block| {
            node::scan(image, superblock.place(block, 0), superblock.end(u64::from(block)))
        });
        let newest = nodes.filter(|node| node.kind == MASTER).max_by_key(|node| node.sequence)?;
        Self::parse(newest.view(), superblock).ok()
    }

    fn parse(view: View<'_>, superblock: &Superblock) -> Result<Self, Fault> {
        /// `UBIFS_MST_DIRTY`: set while it is mounted to be written to.
        const DIRTY: u32 = 1;
        let (block, offset) = (view.u32(48, Little)?, view.u32(52, Little)?);
        Ok(Self {
            commit: view.u64(32, Little)?,
            is_dirty: view.u32(40, Little)? & DIRTY != 0,
            root: (superblock.place(block, offset), view.u32(56, Little)?),
        })
    }
}
