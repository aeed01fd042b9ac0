//! B-trees: nodes of fixed size, of which the leaves form a chain (TN1150, "B-Trees").

use std::collections::HashSet;

use bytes::Bytes;

use crate::{Endian::Big, Extent, Fault, View, formats::support::pages::Pages};

/// Kinds of nodes.
const LEAF: u8 = 0xff;
const HEADER: u8 = 1;
/// Bytes of what every node begins with.
const DESCRIPTOR_BYTES: usize = 14;

/// A tree in a file of the volume.
#[derive(Debug)]
pub(super) struct Tree {
    pages: Pages,
    node_bytes: u64,
    nodes: u32,
    first_leaf: u32,
    /// Whether keys have a length of two bytes, as in HFS Plus.
    wide_keys: bool,
}

/// A place in a tree: a node and one of its records.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    pub(super) node: u32,
    pub(super) record: u16,
}

/// A record of a leaf.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) spot: Spot,
    /// The key without its length.
    pub(super) key: Bytes,
    pub(super) data: Bytes,
}

impl Tree {
    /// Reads the header in the first node.
    pub(super) fn open(file: Extent, wide_keys: bool) -> Result<Self, Fault> {
        let head = file.read(0, 256)?;
        let view = View(&head);
        let node_bytes = u64::from(view.u16(DESCRIPTOR_BYTES + 18, Big)?);
        let fits = view.u8(8)? == HEADER
            && node_bytes.is_power_of_two()
            && (512..=32_768).contains(&node_bytes);
        if !fits {
            return Err(Fault::new(0, "read a tree", "it has no header"));
        }
        Ok(Self {
            nodes: u32::try_from(file.len() / node_bytes).unwrap_or(u32::MAX),
            node_bytes,
            first_leaf: view.u32(DESCRIPTOR_BYTES + 10, Big)?,
            wide_keys,
            pages: Pages::new(file),
        })
    }

    fn node(&mut self, number: u32) -> Result<Bytes, Fault> {
        let missing = || Fault::new(0, "read a node", format!("there is no node {number}"));
        if number >= self.nodes {
            return Err(missing());
        }
        self.pages.bytes(u64::from(number) * self.node_bytes, self.node_bytes)
    }

    /// Shows every record of every leaf. Where the chain of leaves breaks, those that were not
    /// seen are looked for among all nodes.
    pub(super) fn leaves(&mut self, faults: &mut Vec<Fault>, mut take: impl FnMut(Record)) {
        let mut seen = HashSet::new();
        let mut number = self.first_leaf;
        while number != 0 {
            let node = match self.node(number) {
                Ok(node) if is_leaf(&node) && seen.insert(number) => node,
                Ok(_) => {
                    let why = format!("the chain of leaves breaks at node {number}");
                    faults.push(Fault::new(0, "read a tree", why));
                    break;
                }
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            };
            self.records(number, &node, faults, &mut take);
            number = View(&node).u32(0, Big).unwrap_or(0);
        }
        if number == 0 {
            return;
        }
        for number in 1..self.nodes {
            if let Ok(node) = self.node(number)
                && is_leaf(&node)
                && seen.insert(number)
            {
                self.records(number, &node, &mut Vec::new(), &mut take);
            }
        }
    }

    fn records(
        &self,
        number: u32,
        node: &Bytes,
        faults: &mut Vec<Fault>,
        take: &mut impl FnMut(Record),
    ) {
        let count = View(node).u16(10, Big).unwrap_or(0);
        for index in 0..count {
            match self.record(number, node, index) {
                Ok(record) => take(record),
                Err(fault) => {
                    let why = format!("record {index} of node {number}: {}", fault.why);
                    faults.push(Fault::new(0, "read a tree", why));
                    break;
                }
            }
        }
    }

    /// The record at a place.
    pub(super) fn at(&mut self, spot: Spot) -> Result<Record, Fault> {
        let node = self.node(spot.node)?;
        self.record(spot.node, &node, spot.record)
    }

    /// A record: offsets of all of them stand backwards from the end of the node.
    fn record(&self, number: u32, node: &Bytes, index: u16) -> Result<Record, Fault> {
        let view = View(node);
        let wrong = || Fault::new(0, "read a record", "its place makes no sense");
        let at = |index: usize| {
            let place = node.len().checked_sub(2 * (index + 1)).ok_or_else(wrong)?;
            view.u16(place, Big).map(usize::from)
        };
        let (start, end) = (at(usize::from(index))?, at(usize::from(index) + 1)?);
        if start < DESCRIPTOR_BYTES || end <= start || end > node.len() {
            return Err(wrong());
        }
        let record = View(node.get(start..end).ok_or_else(wrong)?);
        let (key_start, key_bytes) = if self.wide_keys {
            (2, usize::from(record.u16(0, Big)?))
        } else {
            (1, usize::from(record.u8(0)?))
        };
        // Data start at an even place.
        let data = (key_start + key_bytes).next_multiple_of(2);
        if start + data > end {
            return Err(wrong());
        }
        Ok(Record {
            spot: Spot { node: number, record: index },
            key: node.slice(start + key_start..start + key_start + key_bytes),
            data: node.slice(start + data..end),
        })
    }
}

fn is_leaf(node: &Bytes) -> bool {
    node.get(8) == Some(&LEAF)
}
