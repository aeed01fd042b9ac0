//! The journal: the log refers to the blocks ("buds") that were written to since the last commit
//! (`fs/ubifs/log.c`, `fs/ubifs/replay.c`).

use std::collections::BTreeMap;

use super::{
    node::{self, COMMIT_START, REFERENCE},
    state::Change,
    superblock::{Master, Superblock},
};
use crate::{Endian::Little, Extent, Fault};

/// `UBIFS_LOG_LNUM`: the log's first block.
const LOG_BLOCK: u64 = 3;

/// What was changed since the last commit. Nodes that make no sense go to `faults`.
///
/// # Errors
/// Where the log does not tell where the commit was.
pub(super) fn read(
    image: &Extent,
    superblock: &Superblock,
    master: Master,
    faults: &mut Vec<Fault>,
) -> Result<Vec<Change>, Fault> {
    let mut log = Vec::new();
    for block in LOG_BLOCK..LOG_BLOCK + superblock.log_blocks {
        let place = block.saturating_mul(superblock.block_bytes);
        if place >= image.len() {
            break;
        }
        let nodes = node::scan(image, place, superblock.end(block));
        log.extend(nodes.into_iter().filter(|node| matches!(node.kind, COMMIT_START | REFERENCE)));
    }
    let starts = log.iter().filter(|node| {
        let commit = node.view().u64(24, Little).ok();
        node.kind == COMMIT_START && commit == Some(master.commit)
    });
    let start = starts.map(|node| node.sequence).max().ok_or_else(|| {
        let why = format!("the log has no start of commit {}", master.commit);
        Fault::new(LOG_BLOCK * superblock.block_bytes, "replay the journal", why)
    })?;
    // The blocks and where in them the journal begins. References from before the commit are
    // leftovers.
    let mut buds: BTreeMap<u32, u32> = BTreeMap::new();
    for node in log.iter().filter(|node| node.kind == REFERENCE && node.sequence > start) {
        let (block, offset) = (node.view().u32(24, Little)?, node.view().u32(28, Little)?);
        let known = buds.entry(block).or_insert(offset);
        *known = offset.min(*known);
    }
    let mut changes = Vec::new();
    for (block, offset) in buds {
        let place = superblock.place(block, offset);
        let mut bud = node::scan(image, place, superblock.end(u64::from(block)));
        // A group counts only whole; power may have been lost in the middle.
        while bud.last().is_some_and(|node| node.is_in_group) {
            bud.pop();
        }
        for node in bud.iter().filter(|node| node.sequence > start) {
            match Change::of(node) {
                Ok(change) => changes.extend(change),
                Err(fault) => faults.push(fault),
            }
        }
    }
    Ok(changes)
}
