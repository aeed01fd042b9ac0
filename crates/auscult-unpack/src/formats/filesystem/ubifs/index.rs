//! The index: a tree of branches from the root that the master node names to the nodes of each
//! key (`struct ubifs_idx_node`).

use std::collections::HashSet;

use super::{
    node::{DATA, ENTRY, INDEX, INODE, Key, NODE_BYTES_MAX, Name, Node, XATTR_ENTRY},
    state::{Leaf, State},
    superblock::{Master, Superblock},
};
use crate::{Endian::Little, Extent, Fault};

/// Bytes of an index node before its branches, and of a branch: place, length and key. With
/// authentication a hash follows.
const HEAD_BYTES: usize = 28;
const BRANCH_BYTES: usize = 20;
/// `UBIFS_MAX_LEVELS`.
const LEVELS_MAX: u16 = 512;
/// Leaves that cannot be read, in a row of many, before the rest is not even tried.
const FAULTS_MAX: usize = 1000;

/// A node of the index that is still to be read.
struct Pending {
    place: u64,
    length: u32,
    /// The level that it must have, one less than where it was found.
    level: Option<u16>,
}

/// Reads the state of the last commit.
///
/// # Errors
/// Where a node of the index itself is broken: the state is not whole then. Leaves that are broken
/// go to `faults`.
pub(super) fn read(
    image: &Extent,
    superblock: &Superblock,
    master: Master,
    faults: &mut Vec<Fault>,
) -> Result<State, Fault> {
    let mut state = State::default();
    let mut seen = HashSet::new();
    let (place, length) = master.root;
    let mut pending = vec![Pending { place, length, level: None }];
    while let Some(next) = pending.pop() {
        if !seen.insert(next.place) {
            return Err(Fault::new(next.place, "read the index", "a node with two parents"));
        }
        let node = Node::read(image, next.place, u64::from(next.length))?;
        let (count, level) = (node.view().u16(24, Little)?, node.view().u16(26, Little)?);
        let fits = node.kind == INDEX
            && level < LEVELS_MAX
            && count > 0
            && next.level.is_none_or(|wanted| wanted == level);
        if !fits {
            let why = format!("a node of type {} with level {level}", node.kind);
            return Err(Fault::new(next.place, "read the index", why));
        }
        let branches = node.bytes.get(HEAD_BYTES..).unwrap_or_default();
        let branch_bytes = (branches.len() / usize::from(count)).max(BRANCH_BYTES);
        for branch in 0..usize::from(count) {
            let (offset, view) = (HEAD_BYTES + branch * branch_bytes, node.view());
            let place = superblock.place(view.u32(offset, Little)?, view.u32(offset + 4, Little)?);
            let length = view.u32(offset + 8, Little)?;
            if let Some(level) = level.checked_sub(1) {
                pending.push(Pending { place, length, level: Some(level) });
                continue;
            }
            let key = Key::parse(view, offset + 12)?;
            let added = add_leaf(image, &mut state, key, Leaf { place, length });
            faults.extend(added.err());
            if faults.len() > FAULTS_MAX {
                return Err(Fault::new(place, "read the index", "too many broken nodes"));
            }
        }
    }
    Ok(state)
}

/// Adds what a branch leads to. Names are read, for they are not in the key; others can wait.
fn add_leaf(image: &Extent, state: &mut State, key: Key, leaf: Leaf) -> Result<(), Fault> {
    match key.kind {
        INODE | DATA => state.add(key, leaf),
        ENTRY | XATTR_ENTRY => {
            let length = u64::from(leaf.length).min(NODE_BYTES_MAX);
            let node = Node::read(image, leaf.place, length)?;
            if node.kind != key.kind {
                let why = format!("a node of type {}", node.kind);
                return Err(Fault::new(leaf.place, "read a name", why));
            }
            state.add_name(Name::parse(&node)?);
        }
        _ => {}
    }
    Ok(())
}
