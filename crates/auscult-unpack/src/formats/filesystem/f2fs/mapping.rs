//! Which blocks hold a file: addresses in its inode, in direct nodes and behind indirect ones.

use std::collections::HashSet;

use super::{
    checkpoint::NodeTable,
    compressed::Cluster,
    inode::{Compression, Inode},
    superblock::Superblock,
};
use crate::{
    Endian::Little,
    Extent, Fault, View,
    formats::support::runs::{Run, Runs},
};

/// Addresses that stand for no block: a hole, one that was reserved, the start of a cluster.
const HOLE: u32 = 0;
const RESERVED: u32 = u32::MAX;
const CLUSTER: u32 = u32::MAX - 1;
/// What ends a node.
const FOOTER_BYTES: usize = 24;
/// Clusters have 4 to 256 blocks (`MIN_` and `MAX_COMPRESS_LOG_SIZE`).
const CLUSTER_LOGS: std::ops::RangeInclusive<u32> = 2..=8;

/// A block of a file: its index there and its address.
type Block = (u64, u32);

/// Maps the files of one file system.
pub(super) struct Mapper<'image> {
    pub(super) image: &'image Extent,
    pub(super) superblock: &'image Superblock,
    pub(super) nodes: NodeTable<'image>,
    /// Nodes of addresses read so far: each belongs to one file.
    visited: HashSet<u32>,
}

/// The blocks of one file while they are collected.
struct Map {
    blocks: Vec<Block>,
    /// Index of the next block.
    next: u64,
    /// Addresses of a node that are used: whole clusters of them.
    unit: usize,
    faults: Vec<Fault>,
}

impl<'image> Mapper<'image> {
    pub(super) fn new(
        image: &'image Extent,
        superblock: &'image Superblock,
        nodes: NodeTable<'image>,
    ) -> Self {
        Self { image, superblock, nodes, visited: HashSet::new() }
    }

    /// Addresses in a node.
    fn per_node(&self) -> usize {
        (usize::try_from(self.superblock.block_bytes()).unwrap_or(4096) - FOOTER_BYTES) / 4
    }

    /// All blocks of an inode that have an address, in order.
    pub(super) fn blocks(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Vec<Block> {
        let cluster_log = inode.compression.map_or(0, |compression| compression.cluster_log);
        let unit = 1 << cluster_log.min(*CLUSTER_LOGS.end());
        let mut map = Map { blocks: Vec::new(), next: 0, unit, faults: Vec::new() };
        map.addresses(&inode.words);
        for (&number, level) in inode.nodes.iter().zip([0, 0, 1, 1, 2]) {
            self.node(number, level, inode, &mut map);
        }
        faults.append(&mut map.faults);
        map.blocks
    }

    /// Adds what a node stands for; none is a hole.
    fn node(&mut self, number: u32, level: u32, inode: &Inode, map: &mut Map) {
        let used = self.per_node() / map.unit * map.unit;
        let per_node = u64::try_from(self.per_node()).unwrap_or(u64::MAX);
        let span = per_node.saturating_pow(level).saturating_mul(u64::try_from(used).unwrap_or(0));
        let next = map.next.saturating_add(span);
        if number != 0 && map.next.saturating_mul(self.superblock.block_bytes()) < inode.size {
            let read = self.read_node(number, inode).map(|node| {
                if level == 0 {
                    return map.addresses(&node);
                }
                let (words, _) = node.as_chunks::<4>();
                for word in words {
                    self.node(u32::from_le_bytes(*word), level - 1, inode, map);
                }
            });
            // A lost node costs its part of the file.
            map.faults.extend(read.err());
        }
        map.next = next;
    }

    fn read_node(&mut self, number: u32, inode: &Inode) -> Result<Vec<u8>, Fault> {
        let (place, node) = self.nodes.node(number)?;
        let wrong = |why: String| Fault::new(place, "map a file", why);
        if !self.visited.insert(number) {
            return Err(wrong(format!("node {number} is used twice")));
        }
        let owner = View(&node).u32(node.len() - FOOTER_BYTES + 4, Little)?;
        if owner != inode.number {
            return Err(wrong(format!("node {number} is of inode {owner}")));
        }
        Ok(node.get(..node.len() - FOOTER_BYTES).unwrap_or_default().to_vec())
    }

    /// The content of a file that is not inline.
    pub(super) fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Extent {
        let blocks = self.blocks(inode, faults);
        if let Some(compression) = inode.compression {
            return match self.clusters(inode, compression, &blocks, faults) {
                Ok(content) => content,
                Err(fault) => {
                    faults.push(fault.clone());
                    Extent::missing(self.image.vault(), inode.size, fault)
                }
            };
        }
        self.joined(&blocks, 0, inode.size, faults)
    }

    /// Blocks as the bytes of a file from this block on.
    fn joined(&self, blocks: &[Block], from: u64, size: u64, faults: &mut Vec<Fault>) -> Extent {
        let block_log = self.superblock.block_log;
        let mut runs = Runs::default();
        for &(index, address) in blocks {
            if address == CLUSTER {
                let fault = Fault::new(0, "map a file", "a packed cluster in a plain file");
                faults.push(fault);
                continue;
            }
            let run = Run {
                logical: index.saturating_sub(from).saturating_mul(1 << block_log),
                place: u64::from(address) << block_log,
                length: self.superblock.block_bytes(),
            };
            if let Err(fault) = runs.push(run) {
                faults.push(fault);
                break;
            }
        }
        runs.join(self.image, size, faults)
    }

    /// A compressed file: clusters that did not pack are stored as they are.
    fn clusters(
        &self,
        inode: &Inode,
        compression: Compression,
        blocks: &[Block],
        faults: &mut Vec<Fault>,
    ) -> Result<Extent, Fault> {
        let (vault, block_log) = (self.image.vault(), self.superblock.block_log);
        if !CLUSTER_LOGS.contains(&compression.cluster_log) {
            let why = format!("clusters of 2^{} blocks", compression.cluster_log);
            return Err(Fault::new(inode.place, "map a file", why));
        }
        let cluster_log = block_log + compression.cluster_log;
        let mut parts = Vec::new();
        let mut position = 0;
        for group in blocks.chunk_by(|one, other| {
            one.0 >> compression.cluster_log == other.0 >> compression.cluster_log
        }) {
            let Some(&(index, address)) = group.first() else { continue };
            let first = index >> compression.cluster_log << compression.cluster_log;
            let start = first.saturating_mul(1 << block_log);
            let length = inode.size.saturating_sub(start).min(1 << cluster_log);
            if length == 0 || start < position {
                continue;
            }
            if start > position {
                parts.push(Extent::zeros(vault, start - position));
            }
            let rest = group.get(1..).unwrap_or_default();
            parts.push(if address == CLUSTER {
                let source = self.packed(rest);
                let bytes = usize::try_from(1_u64 << cluster_log).unwrap_or(0);
                let cluster = Cluster { source, compression, length: bytes };
                Extent::derived(vault, 1 << cluster_log, cluster).clamp(0, length)
            } else {
                self.joined(group, first, length, faults)
            });
            position = start + length;
        }
        if position < inode.size {
            parts.push(Extent::zeros(vault, inode.size - position));
        }
        Ok(Extent::joined(vault, parts))
    }

    /// The blocks of a packed cluster one after the other.
    fn packed(&self, blocks: &[Block]) -> Extent {
        let block_bytes = self.superblock.block_bytes();
        let part = |&(_, address): &Block| {
            self.image.clamp(u64::from(address) << self.superblock.block_log, block_bytes)
        };
        Extent::joined(self.image.vault(), blocks.iter().map(part).collect())
    }
}

impl Map {
    /// Adds the addresses of a node or inode.
    fn addresses(&mut self, words: &[u8]) {
        let (words, _) = words.as_chunks::<4>();
        let used = words.len() / self.unit * self.unit;
        for word in words.iter().take(used) {
            let address = u32::from_le_bytes(*word);
            if address != HOLE && address != RESERVED {
                self.blocks.push((self.next, address));
            }
            self.next += 1;
        }
    }
}
