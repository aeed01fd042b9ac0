//! The state of the file system: which node of each key counts. The index gives that of the last
//! commit; the nodes of the journal change it in the order in which they were written.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::node::{DATA, ENTRY, INODE, Key, Name, Node, TRUNCATION, XATTR_ENTRY};
use crate::{Endian::Little, Fault};

/// Bytes of a block of a file (`UBIFS_BLOCK_SIZE`).
pub(super) const BLOCK_BYTES: u64 = 4096;

/// Where a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) place: u64,
    pub(super) length: u32,
}

/// Names with the numbers of the inodes they lead to.
type Names = BTreeMap<Vec<u8>, u32>;

/// Everything that is found by a key.
#[derive(Default)]
pub(super) struct State {
    pub(super) inodes: HashMap<u32, Leaf>,
    /// Blocks of each file by their number in it.
    pub(super) blocks: HashMap<u32, BTreeMap<u32, Leaf>>,
    pub(super) names: HashMap<u32, Names>,
    pub(super) attributes: HashMap<u32, Names>,
    /// Ends of what was written to files whose new size did not reach the flash.
    pub(super) ends: HashMap<u32, u64>,
}

impl State {
    /// Adds an inode or a block.
    pub(super) fn add(&mut self, key: Key, leaf: Leaf) {
        if key.kind == INODE {
            self.inodes.insert(key.inode, leaf);
        } else if key.kind == DATA {
            self.blocks.entry(key.inode).or_default().insert(key.rest, leaf);
        }
    }

    /// Adds a name, or takes it away.
    pub(super) fn add_name(&mut self, name: Name) {
        let names = if name.is_attribute { &mut self.attributes } else { &mut self.names };
        let names = names.entry(name.host).or_default();
        if name.target == 0 {
            names.remove(&name.text);
        } else {
            names.insert(name.text, name.target);
        }
    }

    fn remove_inode(&mut self, inode: u32) {
        self.inodes.remove(&inode);
        self.blocks.remove(&inode);
        self.names.remove(&inode);
        self.attributes.remove(&inode);
        self.ends.remove(&inode);
    }

    fn truncate(&mut self, inode: u32, size: u64) {
        if let Some(blocks) = self.blocks.get_mut(&inode) {
            let first_gone = u32::try_from(size.div_ceil(BLOCK_BYTES)).unwrap_or(u32::MAX);
            blocks.split_off(&first_gone);
        }
    }

    /// Gives a name in this directory to whatever has none, where names may be lost.
    pub(super) fn adopt(&mut self, directory: u32) {
        let names = self.names.values().chain(self.attributes.values());
        let mut known: HashSet<u32> = names.flat_map(BTreeMap::values).copied().collect();
        known.insert(directory);
        let objects = self.inodes.keys().chain(self.names.keys());
        let lost: Vec<u32> = objects.copied().filter(|inode| !known.contains(inode)).collect();
        let names = self.names.entry(directory).or_default();
        names.extend(lost.into_iter().map(|inode| (format!("lost-inode-{inode}").into(), inode)));
    }

    /// Replays changes (`fs/ubifs/replay.c`), in the order in which they were made. `recovers`
    /// says that sizes may be missing, as after a loss of power.
    pub(super) fn replay(&mut self, mut changes: Vec<Change>, recovers: bool) {
        changes.sort_by_key(|change| change.sequence);
        // A file without a name may get one later: what its last node says holds.
        let last_is_removal: HashMap<u32, bool> = changes
            .iter()
            .map(|change| (change.inode, matches!(change.what, What::Removal)))
            .collect();
        for Change { leaf, inode, what, .. } in changes {
            match what {
                What::Inode => {
                    self.inodes.insert(inode, leaf);
                }
                What::Removal => {
                    if last_is_removal.get(&inode) == Some(&true) {
                        self.remove_inode(inode);
                    }
                }
                What::Block { number, end } => {
                    self.blocks.entry(inode).or_default().insert(number, leaf);
                    if recovers {
                        let known = self.ends.entry(inode).or_default();
                        *known = end.max(*known);
                    }
                }
                What::Name(name) => self.add_name(name),
                What::Truncation { size } => {
                    self.truncate(inode, size);
                    if let Some(end) = self.ends.get_mut(&inode) {
                        *end = size.min(*end);
                    }
                }
            }
        }
    }
}

/// A change that a node makes.
pub(super) struct Change {
    sequence: u64,
    leaf: Leaf,
    /// The inode that it belongs to.
    inode: u32,
    what: What,
}

enum What {
    Inode,
    Removal,
    Block {
        number: u32,
        /// Where in the file it ends.
        end: u64,
    },
    Name(Name),
    Truncation {
        size: u64,
    },
}

impl Change {
    /// The change that a node makes, if it is of a type that makes one.
    pub(super) fn of(node: &Node) -> Result<Option<Self>, Fault> {
        let view = node.view();
        let length = u32::try_from(node.bytes.len()).unwrap_or(u32::MAX);
        let (inode, what) = match node.kind {
            INODE if view.u32(92, Little)? == 0 => (node.key()?.inode, What::Removal),
            INODE => (node.key()?.inode, What::Inode),
            DATA => {
                let (key, size) = (node.key()?, u64::from(view.u32(40, Little)?));
                let end = u64::from(key.rest) * BLOCK_BYTES + size.min(BLOCK_BYTES);
                (key.inode, What::Block { number: key.rest, end })
            }
            ENTRY | XATTR_ENTRY => (node.key()?.inode, What::Name(Name::parse(node)?)),
            TRUNCATION => (view.u32(24, Little)?, What::Truncation { size: view.u64(48, Little)? }),
            _ => return Ok(None),
        };
        let leaf = Leaf { place: node.place, length };
        Ok(Some(Self { sequence: node.sequence, leaf, inode, what }))
    }
}
