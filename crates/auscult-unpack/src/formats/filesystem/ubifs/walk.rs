//! What the walk through the directories asks of UBIFS: inodes, names, contents, attributes.

use auscult_model::ByteName;

use super::{
    content,
    node::{INODE, NODE_BYTES_MAX, Node},
    state::State,
};
use crate::{
    Endian::Little,
    EntryKind, Extent, Fault, Metadata, Unread, View,
    formats::support::{
        gathering::device_number,
        hex::hex,
        walk::{About, Walk, kind_of_mode},
    },
};

/// `UBIFS_CRYPT_FL`: names in it, its target or its bytes are encrypted.
const FLAG_ENCRYPTED: u32 = 0x40;
/// The attribute with the policy of encryption (`UBIFS_XATTR_NAME_ENCRYPTION_CONTEXT`).
const ENCRYPTION_CONTEXT: &[u8] = b"c";

/// Attributes of one inode that are read: a file with many names has them with each.
const ATTRIBUTES_MAX: usize = 128;

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    pub(super) image: &'image Extent,
    pub(super) state: State,
}

/// An inode, read.
pub(super) struct Inode {
    number: u32,
    size: u64,
    is_encrypted: bool,
}

impl Reader<'_> {
    fn node(&self, number: u32) -> Result<Node, Fault> {
        let missing =
            |place, why: &str| Fault::new(place, format!("read inode {number}"), why.to_owned());
        let leaf = self.state.inodes.get(&number).ok_or_else(|| missing(0, "it is not there"))?;
        let length = u64::from(leaf.length).min(NODE_BYTES_MAX);
        let node = Node::read(self.image, leaf.place, length)?;
        if node.kind != INODE || node.key()?.inode != number {
            return Err(missing(leaf.place, "another node is in its place"));
        }
        Ok(node)
    }

    /// The bytes that an inode itself holds: a target, a device's number, an attribute's value.
    fn data(node: &Node) -> Result<&[u8], Fault> {
        let length = node.view().u32(112, Little)?;
        node.view().bytes(160, usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn attributes(&self, number: u32, faults: &mut Vec<Fault>) -> Vec<(ByteName, Vec<u8>)> {
        let names = self.state.attributes.get(&number).into_iter().flatten();
        let names = names.filter(|(name, _)| name.as_slice() != ENCRYPTION_CONTEXT);
        let mut attributes = Vec::new();
        for (name, &value) in names.take(ATTRIBUTES_MAX) {
            match self.node(value).and_then(|node| Ok(Self::data(&node)?.to_vec())) {
                Ok(value) => attributes.push((ByteName(name.clone()), value)),
                Err(fault) => faults.push(fault),
            }
        }
        attributes
    }
}

impl Walk for Reader<'_> {
    type Link = u32;
    type Inode = Inode;

    fn inode(&mut self, link: &u32, faults: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let node = match self.node(*link) {
            Ok(node) => node,
            // A directory that is lost but for its names.
            Err(fault) if self.state.names.contains_key(link) => {
                faults.push(fault);
                return Ok(nodeless(*link));
            }
            Err(fault) => return Err(fault),
        };
        let view = node.view();
        let mode = view.u32(104, Little)?;
        let is_encrypted = view.u32(108, Little)? & FLAG_ENCRYPTED != 0;
        let target = || {
            let data = Self::data(&node)?;
            Ok(if is_encrypted { hidden(data.get(2..).unwrap_or_default()) } else { data.to_vec() })
        };
        let device = || {
            // Four bytes or, of the "huge" kind, eight; the same bits matter.
            let data = Self::data(&node)?;
            Ok(device_number(View(data).u32(0, Little)?))
        };
        let kind = kind_of_mode(mode, node.place, target, device)?;
        let mut size = view.u64(48, Little)?;
        if kind == EntryKind::File {
            size = size.max(self.state.ends.get(link).copied().unwrap_or(0));
        }
        let about = About {
            identity: u64::from(*link),
            place: node.place,
            kind,
            metadata: Metadata {
                mode: Some(mode & 0o7777),
                user: Some(view.u32(96, Little)?),
                group: Some(view.u32(100, Little)?),
                modified: i64::try_from(view.u64(72, Little)?).ok(),
                xattrs: self.attributes(*link, faults),
            },
            links: u64::from(view.u32(92, Little)?),
        };
        Ok((about, Inode { number: *link, size, is_encrypted }))
    }

    fn list(&mut self, inode: &Inode, _: &mut Vec<Fault>) -> Vec<(Vec<u8>, u32)> {
        let names = self.state.names.get(&inode.number).into_iter().flatten();
        let readable =
            |name: &Vec<u8>| if inode.is_encrypted { hidden(name) } else { name.clone() };
        names.map(|(name, &target)| (readable(name), target)).collect()
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        let blocks = self.state.blocks.get(&inode.number);
        (!inode.is_encrypted).then(|| content::content(self.image, blocks, inode.size, faults))
    }

    fn unread(&self, inode: &Inode) -> Option<Unread> {
        let blocks = self.state.blocks.get(&inode.number).into_iter().flatten();
        let bytes = blocks.map(|(_, leaf)| u64::from(leaf.length)).sum();
        inode.is_encrypted.then(|| Unread { bytes, reason: "encrypted (fscrypt)".to_owned() })
    }
}

/// A directory of which only the names are left.
fn nodeless(number: u32) -> (About, Inode) {
    let about = About {
        identity: u64::from(number),
        place: 0,
        kind: EntryKind::Directory,
        metadata: Metadata::default(),
        links: 1,
    };
    (about, Inode { number, size: 0, is_encrypted: false })
}

/// A name that is encrypted, as text.
fn hidden(name: &[u8]) -> Vec<u8> {
    format!("encrypted-{}", hex(name)).into_bytes()
}
