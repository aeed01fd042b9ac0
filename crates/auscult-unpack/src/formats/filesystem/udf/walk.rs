//! What the walk through the directories asks of UDF.

use super::{
    allocation,
    descriptor::{Address, IDENTIFIER, INDIRECT, LongAddress, Tag, name},
    entry::{
        BLOCK_DEVICE, CHARACTER_DEVICE, DIRECTORY, FIFO, FileEntry, REAL_TIME, REGULAR, SOCKET,
        SYMLINK,
    },
    partition::Partitions,
};
use crate::{
    Endian::Little,
    EntryKind, Extent, Fault, View,
    formats::support::walk::{About, Stream, Walk},
};

/// Characteristics of a name: deleted; the directory above.
const DELETED: u8 = 4;
const PARENT: u8 = 8;
/// Versions of an entry, and jumps between them.
const VERSIONS_MAX: u32 = 256;
/// Longest directory and target of a link.
const DIRECTORY_BYTES_MAX: u64 = 256 << 20;
const TARGET_BYTES_MAX: u64 = 64 << 10;

/// What a name leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Link {
    Root(LongAddress),
    Named(LongAddress),
}

/// An object.
pub(super) struct Node {
    entry: FileEntry,
    address: Address,
}

/// Reads the objects of one volume.
pub(super) struct Reader<'image> {
    image: &'image Extent,
    partitions: Partitions,
    /// Bytes of directories that may still be read: together they are not longer than the image.
    bytes_left: u64,
}

impl<'image> Reader<'image> {
    pub(super) fn new(image: &'image Extent, partitions: Partitions) -> Self {
        Self { image, partitions, bytes_left: image.len() }
    }

    /// Reads an entry. Where all versions are kept, the last one counts.
    fn node(&mut self, link: LongAddress) -> Result<Node, Fault> {
        let LongAddress { mut address, .. } = link;
        let mut latest: Option<Node> = None;
        let mut blocks = u64::from(link.length).div_ceil(self.partitions.block_bytes());
        for _ in 0..VERSIONS_MAX {
            let place = self.partitions.place(address);
            let bytes = self.partitions.block(self.image, address).map_err(|f| f.within(place));
            if let Ok(bytes) = &bytes
                && let Ok(tag) = Tag::read(bytes)
                && tag.kind == INDIRECT
            {
                let next = LongAddress::read(View(bytes), 36)?;
                address = next.address;
                blocks = u64::from(next.length).div_ceil(self.partitions.block_bytes());
                continue;
            }
            let entry = bytes.and_then(|bytes| FileEntry::parse(&bytes));
            match (entry, latest.take()) {
                (Ok(entry), _) => {
                    let more = entry.has_versions && blocks > 1;
                    latest = Some(Node { entry, address });
                    if !more {
                        break;
                    }
                }
                // Behind the last version, nothing was written.
                (Err(_), Some(known)) => {
                    latest = Some(known);
                    break;
                }
                (Err(fault), None) => return Err(Fault { offset: place, ..fault }),
            }
            blocks -= 1;
            address.block = address.block.saturating_add(1);
        }
        let none = || Fault::new(0, "read the entry of a file", "its versions do not end");
        latest.ok_or_else(none)
    }

    fn content_of(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Extent {
        allocation::content(&mut self.partitions, self.image, &node.entry, node.address, faults)
    }

    /// The names in a directory with what they lead to.
    fn names(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<Named> {
        let place = self.partitions.place(node.address);
        let size = node.entry.size;
        let left = self.bytes_left.checked_sub(size).filter(|_| size <= DIRECTORY_BYTES_MAX);
        let Some(left) = left else {
            let why = format!("{size} bytes of directory do not fit the image");
            faults.push(Fault::new(place, "list a directory", why));
            return Vec::new();
        };
        self.bytes_left = left;
        let bytes = match self.content_of(node, faults).read_all() {
            Ok(bytes) => bytes,
            Err(fault) => {
                faults.push(fault);
                return Vec::new();
            }
        };
        let mut found = Vec::new();
        let mut rest = &bytes[..];
        while rest.iter().any(|&byte| byte != 0) {
            match identifier(rest) {
                Ok((known, length)) => {
                    found.extend(known);
                    rest = rest.get(length..).unwrap_or_default();
                }
                Err(fault) => {
                    faults.push(Fault::new(place, "list a directory", fault.why));
                    break;
                }
            }
        }
        found
    }

    fn target(&mut self, node: &Node) -> Result<Vec<u8>, Fault> {
        let place = self.partitions.place(node.address);
        if node.entry.size > TARGET_BYTES_MAX {
            let why = format!("a link target of {} bytes", node.entry.size);
            return Err(Fault::new(place, "read a link", why));
        }
        let bytes = self.content_of(node, &mut Vec::new()).read_all()?;
        target(&bytes).map_err(|fault| Fault { offset: place, ..fault })
    }
}

/// A name with what it leads to.
type Named = (Vec<u8>, LongAddress);

/// The name at the start of these bytes, unless it is deleted or the directory above, and how many
/// bytes it takes up (4/14.4).
fn identifier(bytes: &[u8]) -> Result<(Option<Named>, usize), Fault> {
    let view = View(bytes);
    if Tag::read(bytes)?.kind != IDENTIFIER {
        return Err(Fault::new(0, "read a name", "something else stands among the names"));
    }
    let (flags, name_bytes) = (view.u8(18)?, usize::from(view.u8(19)?));
    let name_at = 38 + usize::from(view.u16(36, Little)?);
    let name = name(view.bytes(name_at, name_bytes)?);
    let link = LongAddress::read(view, 20)?;
    let known = flags & (DELETED | PARENT) == 0;
    Ok((known.then_some((name, link)), (name_at + name_bytes).next_multiple_of(4)))
}

/// The target of a link, from its components (4/14.16).
fn target(mut bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut target: Vec<u8> = Vec::new();
    while !bytes.is_empty() {
        let view = View(bytes);
        let (kind, length) = (view.u8(0)?, usize::from(view.u8(1)?));
        let text = match kind {
            1 | 2 => {
                target = b"/".to_vec();
                Vec::new()
            }
            3 => b"..".to_vec(),
            4 => b".".to_vec(),
            5 => name(view.bytes(4, length)?),
            _ => return Err(Fault::new(0, "read a link", format!("a component of kind {kind}"))),
        };
        if !text.is_empty() {
            if !target.is_empty() && !target.ends_with(b"/") {
                target.push(b'/');
            }
            target.extend(text);
        }
        bytes = bytes.get(4 + length..).unwrap_or_default();
    }
    Ok(target)
}

impl Walk for Reader<'_> {
    type Link = Link;
    type Inode = Node;

    fn inode(&mut self, link: &Link, _: &mut Vec<Fault>) -> Result<(About, Node), Fault> {
        let (Link::Root(address) | Link::Named(address)) = *link;
        let node = self.node(address)?;
        let place = self.partitions.place(node.address);
        let (major, minor) = node.entry.device.unwrap_or((0, 0));
        let kind = match node.entry.kind {
            DIRECTORY => EntryKind::Directory,
            0 | REGULAR | REAL_TIME => EntryKind::File,
            BLOCK_DEVICE => EntryKind::BlockDevice { major, minor },
            CHARACTER_DEVICE => EntryKind::CharacterDevice { major, minor },
            FIFO => EntryKind::Fifo,
            SOCKET => EntryKind::Socket,
            SYMLINK => EntryKind::Symlink(self.target(&node)?.into()),
            kind => {
                let why = format!("a file of kind {kind}");
                return Err(Fault::new(place, "read the entry of a file", why));
            }
        };
        if matches!(link, Link::Root(_)) && kind != EntryKind::Directory {
            return Err(Fault::new(place, "read the root directory", "it is none"));
        }
        let Address { partition, block } = node.address;
        let about = About {
            identity: u64::from(partition) << 32 | u64::from(block),
            place,
            kind,
            metadata: node.entry.metadata.clone(),
            links: u64::from(node.entry.links),
        };
        Ok((about, node))
    }

    fn list(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Link)> {
        let names = self.names(node, faults);
        names.into_iter().map(|(name, address)| (name, Link::Named(address))).collect()
    }

    fn content(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Option<Extent> {
        Some(self.content_of(node, faults))
    }

    fn streams(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<Stream> {
        let Some(directory) = node.entry.streams else { return Vec::new() };
        let listed = self.node(directory).map(|directory| self.names(&directory, faults));
        let names = listed.unwrap_or_else(|fault| {
            faults.push(fault);
            Vec::new()
        });
        let mut streams = Vec::new();
        for (name, address) in names {
            let content = self.node(address).map(|node| self.content_of(&node, faults));
            let content = content.map_err(|fault| faults.push(fault)).ok();
            streams.push(Stream { suffix: [b":", &name[..]].concat(), content, unread: None });
        }
        streams
    }
}
