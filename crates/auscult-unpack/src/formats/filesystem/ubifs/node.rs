//! Nodes: everything on the flash is one, with a common header and a checksum
//! (`struct ubifs_ch`).

use bytes::Bytes;

use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::{Crc32, agrees},
};

/// Starts every node (`UBIFS_NODE_MAGIC`).
pub(super) const MAGIC: [u8; 4] = [0x31, 0x18, 0x10, 0x06];
/// Bytes of the common header.
pub(super) const HEADER_BYTES: u64 = 24;
/// Largest node but those of the index: an inode with its data (`UBIFS_MAX_NODE_SZ`).
pub(super) const NODE_BYTES_MAX: u64 = 160 + 4096;
/// Longer nodes are not looked for: only those of the index are, and it is read otherwise.
const SCANNED_BYTES_MAX: u64 = 8192;

/// `UBIFS_IN_NODE_GROUP`; the last node of a group has another number.
const IN_GROUP: u8 = 1;

/// The types of nodes that are read.
pub(super) const INODE: u8 = 0;
pub(super) const DATA: u8 = 1;
pub(super) const ENTRY: u8 = 2;
pub(super) const XATTR_ENTRY: u8 = 3;
pub(super) const TRUNCATION: u8 = 4;
const PADDING: u8 = 5;
pub(super) const SUPERBLOCK: u8 = 6;
pub(super) const MASTER: u8 = 7;
pub(super) const REFERENCE: u8 = 8;
pub(super) const INDEX: u8 = 9;
pub(super) const COMMIT_START: u8 = 10;

/// A node with a right checksum.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: u64,
    pub(super) sequence: u64,
    pub(super) kind: u8,
    /// Whether more nodes of its group follow, without which it does not count.
    pub(super) is_in_group: bool,
    pub(super) bytes: Bytes,
}

impl Node {
    /// Reads the node at `place`, of at most so many bytes.
    ///
    /// # Errors
    /// Where there is none, or a broken one.
    pub(super) fn read(image: &Extent, place: u64, length_max: u64) -> Result<Self, Fault> {
        let broken = |why: &str| Fault::new(place, "read a node", why);
        let head = image.read(place, HEADER_BYTES)?;
        let view = View(&head);
        let length = u64::from(view.u32(16, Little)?);
        if !head.starts_with(&MAGIC) {
            return Err(broken("there is none"));
        }
        if length < HEADER_BYTES || length > length_max {
            return Err(broken(&format!("a length of {length}")));
        }
        let bytes = image.read(place, length)?;
        let signed = bytes.get(8..).unwrap_or_default();
        // The checksum starts inverted and is not inverted at the end.
        if !agrees(view.u32(4, Little)?, !Crc32::of(signed)) {
            return Err(broken("the checksum is wrong"));
        }
        let (sequence, kind, group) = (view.u64(8, Little)?, view.u8(20)?, view.u8(21)?);
        Ok(Self { place, sequence, kind, is_in_group: group == IN_GROUP, bytes })
    }

    /// Its fields.
    pub(super) fn view(&self) -> View<'_> {
        View(&self.bytes)
    }

    /// The key behind the header, for the types that have one.
    pub(super) fn key(&self) -> Result<Key, Fault> {
        Key::parse(self.view(), 24)
    }
}

/// What a node is found by (`UBIFS_SIMPLE_KEY_FMT`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) inode: u32,
    /// The type of the node.
    pub(super) kind: u8,
    /// Number of a block, or the hash of a name.
    pub(super) rest: u32,
}

impl Key {
    pub(super) fn parse(view: View<'_>, offset: usize) -> Result<Self, Fault> {
        let (inode, word) = (view.u32(offset, Little)?, view.u32(offset + 4, Little)?);
        let kind = u8::try_from(word >> 29).unwrap_or(u8::MAX);
        Ok(Self { inode, kind, rest: word & 0x1fff_ffff })
    }
}

/// A name in a directory or of an extended attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    /// The directory, or what the attribute belongs to.
    pub(super) host: u32,
    pub(super) is_attribute: bool,
    pub(super) text: Vec<u8>,
    /// Zero takes the name away.
    pub(super) target: u32,
}

impl Name {
    pub(super) fn parse(node: &Node) -> Result<Self, Fault> {
        let view = node.view();
        let target = view.u64(40, Little)?;
        let target = u32::try_from(target).map_err(|_| {
            Fault::new(node.place, "read a name", format!("inode {target} is not possible"))
        })?;
        let length = usize::from(view.u16(50, Little)?);
        let text = view.bytes(56, length)?.to_vec();
        let is_attribute = node.kind == XATTR_ENTRY;
        Ok(Self { host: node.key()?.inode, is_attribute, text, target })
    }
}

/// The nodes of a logical erase block from an offset on. What is no node is passed over, in the
/// steps in which nodes are aligned; at erased flash, which ends what was written, it stops.
pub(super) fn scan(image: &Extent, place: u64, end: u64) -> Vec<Node> {
    let mut nodes = Vec::new();
    let Ok(block) = image.read_up_to(place, end.saturating_sub(place)) else { return nodes };
    let block = Extent::from_memory(image.vault(), block);
    let mut position = 0;
    while position + HEADER_BYTES <= block.len() {
        let Ok(mut node) = Node::read(&block, position, SCANNED_BYTES_MAX) else {
            let head = block.read(position, HEADER_BYTES).unwrap_or_default();
            if head.iter().all(|&byte| byte == 0xff) {
                break;
            }
            position += 8;
            continue;
        };
        let length = u64::try_from(node.bytes.len()).unwrap_or(u64::MAX);
        let padding = if node.kind == PADDING { node.view().u32(24, Little) } else { Ok(0) };
        position = position
            .saturating_add(length)
            .saturating_add(u64::from(padding.unwrap_or(0)))
            .next_multiple_of(8);
        node.place += place;
        nodes.push(node);
    }
    nodes
}
