//! What the walk through the directories asks of btrfs: inodes, listings, contents, attributes. A
//! subvolume is a directory whose inode is in another tree.

use std::collections::HashMap;

use auscult_model::ByteName;

use super::{
    extent::{FileExtent, Packed, Packing, Place},
    tree::{Item, Key, Trees},
};
use crate::{
    Endian::Little,
    EntryKind, Extent, Fault, Metadata, View,
    formats::support::walk::{About, Walk, kind_of_mode},
};

/// Kinds of items.
const INODE_ITEM: u8 = 1;
const XATTR_ITEM: u8 = 24;
const DIR_ITEM: u8 = 84;
const DIR_INDEX: u8 = 96;
const EXTENT_DATA: u8 = 108;
const ROOT_ITEM: u8 = 132;
const ROOT_REF: u8 = 156;
/// The tree of the subvolume that holds all others (`BTRFS_FS_TREE_OBJECTID`).
pub(super) const TOP_TREE: u64 = 5;
/// The first object of a tree of files, its root directory.
pub(super) const FIRST_OBJECT: u64 = 256;
/// Bytes of an entry of a directory before its name, and of a reference to a subvolume.
const ENTRY_BYTES: usize = 30;
const REFERENCE_BYTES: usize = 18;
/// Longest target of a symbolic link (`PATH_MAX`, and a page of the largest kernels).
const TARGET_BYTES_MAX: u64 = 65_536;

/// An object of a tree of files, or a subvolume that is not here any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    pub(super) tree: u64,
    pub(super) object: u64,
    /// The directory that a snapshot has in place of a subvolume.
    lost: bool,
}

impl Link {
    pub(super) fn root(tree: u64) -> Self {
        Self { tree, object: FIRST_OBJECT, lost: false }
    }
}

/// An object, read.
pub(super) struct Object {
    link: Link,
    root: u64,
    size: u64,
}

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    pub(super) trees: Trees<'image>,
    /// Root nodes of the trees of files.
    roots: HashMap<u64, Result<u64, Fault>>,
    /// Numbers for what tells objects of all trees apart.
    identities: HashMap<Link, u64>,
    /// Packed extents, which several pieces of files may share.
    packed: HashMap<(u64, u64), Extent>,
}

impl<'image> Reader<'image> {
    pub(super) fn new(trees: Trees<'image>) -> Self {
        Self { trees, roots: HashMap::new(), identities: HashMap::new(), packed: HashMap::new() }
    }

    /// The root node of a tree: the root tree tells.
    pub(super) fn root_of(&mut self, tree: u64) -> Result<u64, Fault> {
        if let Some(known) = self.roots.get(&tree) {
            return known.clone();
        }
        let root_tree = self.trees.superblock.root_tree;
        let mut faults = Vec::new();
        let items = self.trees.of_object(root_tree, tree, (ROOT_ITEM, ROOT_ITEM), &mut faults);
        let lost = faults.pop().unwrap_or_else(|| {
            Fault::new(0, "find a subvolume", format!("the root tree has no tree {tree}"))
        });
        let root = items.last().ok_or(lost).and_then(|item| View(&item.data).u64(176, Little));
        self.roots.insert(tree, root.clone());
        root
    }

    /// The number of the subvolume that is mounted where nobody names one.
    pub(super) fn default_subvolume(&mut self) -> Option<u64> {
        let superblock = self.trees.superblock;
        let (root, object) = (superblock.root_tree, superblock.root_directory);
        let items = self.trees.of_object(root, object, (DIR_ITEM, DIR_ITEM), &mut Vec::new());
        items.iter().find_map(|item| {
            let (location, name, _) = entries(&item.data).ok()?.into_iter().next()?;
            (name == b"default").then_some(location.object)
        })
    }

    fn identity(&mut self, link: Link) -> u64 {
        let next = u64::try_from(self.identities.len()).unwrap_or(u64::MAX);
        *self.identities.entry(link).or_insert(next)
    }

    /// What an entry of a directory leads to. Of a subvolume the root tree must know that it is
    /// here: a snapshot has the entry, but not the subvolume inside.
    fn target(&mut self, directory: &Object, location: Key, name: &[u8]) -> Link {
        let tree = directory.link.tree;
        if location.kind != ROOT_ITEM {
            return Link { tree, object: location.object, lost: false };
        }
        let key = Key { object: tree, kind: ROOT_REF, offset: location.object };
        let root = self.trees.superblock.root_tree;
        let references = self.trees.items(root, (key, key), &mut Vec::new());
        let here = references.iter().any(|item| {
            View(&item.data).u64(0, Little).ok() == Some(directory.link.object)
                && item.data.get(REFERENCE_BYTES..) == Some(name)
        });
        Link { tree: location.object, object: FIRST_OBJECT, lost: !here }
    }

    fn read(&mut self, link: Link, faults: &mut Vec<Fault>) -> Result<(About, Object), Fault> {
        let identity = self.identity(link);
        if link.lost {
            let metadata = Metadata { mode: Some(0o755), ..Metadata::default() };
            let kind = EntryKind::Directory;
            let about = About { identity, place: 0, kind, metadata, links: 1 };
            return Ok((about, Object { link, root: 0, size: 0 }));
        }
        let root = self.root_of(link.tree)?;
        let items = self.trees.of_object(root, link.object, (INODE_ITEM, XATTR_ITEM), faults);
        let what = || format!("object {} of tree {}", link.object, link.tree);
        let inode = items.iter().find(|item| item.key.kind == INODE_ITEM);
        let inode = inode.ok_or_else(|| Fault::new(0, "find an inode", what()))?;
        let view = View(&inode.data);
        let mode = view.u32(52, Little)?;
        let mut metadata = Metadata {
            mode: Some(mode & 0o7777),
            user: Some(view.u32(44, Little)?),
            group: Some(view.u32(48, Little)?),
            modified: Some(view.u64(136, Little)?.cast_signed()),
            xattrs: Vec::new(),
        };
        for item in items.iter().filter(|item| item.key.kind == XATTR_ITEM) {
            match entries(&item.data) {
                Ok(list) => metadata.xattrs.extend(
                    list.into_iter()
                        .map(|(_, name, value)| (ByteName(name.to_vec()), value.to_vec())),
                ),
                Err(fault) => faults.push(fault),
            }
        }
        let object = Object { link, root, size: view.u64(16, Little)? };
        // The kernel's own form of a device number: 12 bits of major above 20 of minor.
        let device = view.u64(56, Little)?;
        let numbers = (device >> 20 & 0xfff, device & 0xf_ffff);
        let device = || {
            let narrow = |number| u32::try_from(number).unwrap_or(u32::MAX);
            Ok((narrow(numbers.0), narrow(numbers.1)))
        };
        let target = || {
            if object.size > TARGET_BYTES_MAX {
                let why = format!("a link target of {} bytes", object.size);
                return Err(Fault::new(0, "read a link", why));
            }
            Ok(self.bytes_of(&object, &mut Vec::new()).read_all()?.to_vec())
        };
        let kind = kind_of_mode(mode, 0, target, device)?;
        let links = view.u32(40, Little)?.into();
        Ok((About { identity, place: 0, kind, metadata, links }, object))
    }

    /// The content of a file or link.
    fn bytes_of(&mut self, object: &Object, faults: &mut Vec<Fault>) -> Extent {
        let items = self.trees.of_object(
            object.root,
            object.link.object,
            (EXTENT_DATA, EXTENT_DATA),
            faults,
        );
        let vault = self.trees.image.vault();
        let (mut parts, mut position) = (Vec::new(), 0);
        for item in &items {
            let start = item.key.offset;
            if start < position || start >= object.size {
                continue;
            }
            if start > position {
                parts.push(Extent::zeros(vault, start - position));
            }
            let left = object.size - start;
            let part = FileExtent::parse(&item.data).map(|extent| {
                let length = extent.length.min(left);
                self.piece(item, &extent, length, faults).unwrap_or_else(|fault| {
                    faults.push(fault.clone());
                    Extent::missing(vault, length, fault)
                })
            });
            let part = part.unwrap_or_else(|fault| {
                faults.push(fault.clone());
                // Its length is not known: the next extent or the end bounds it.
                let next = items.iter().map(|item| item.key.offset).find(|&next| next > start);
                Extent::missing(vault, next.map_or(left, |next| (next - start).min(left)), fault)
            });
            position = start + part.len();
            parts.push(part);
        }
        if position < object.size {
            parts.push(Extent::zeros(vault, object.size - position));
        }
        Extent::joined(vault, parts)
    }

    fn piece(
        &mut self,
        item: &Item,
        extent: &FileExtent,
        length: u64,
        faults: &mut Vec<Fault>,
    ) -> Result<Extent, Fault> {
        let vault = self.trees.image.vault();
        let short = || {
            let why = format!("{length} bytes of an extent of {}", extent.unpacked);
            Fault::new(0, "read an extent", why)
        };
        match extent.place {
            Place::Zeros => Ok(Extent::zeros(vault, length)),
            Place::Inline(start) => {
                let source =
                    Extent::from_memory(vault, item.data.slice(start.min(item.data.len())..));
                self.unpacked(source, extent).slice(0, length).ok_or_else(short)
            }
            Place::At { address, length: stored, offset } if extent.packing == Packing::None => {
                if offset.checked_add(length).is_none_or(|end| end > stored) {
                    return Err(short());
                }
                let address = address.saturating_add(offset);
                Ok(self.trees.chunks.extent(self.trees.image, address, length, faults))
            }
            Place::At { address, length: stored, offset } => {
                let key = (address, extent.unpacked);
                let whole = if let Some(known) = self.packed.get(&key) {
                    known.clone()
                } else {
                    let source =
                        self.trees.chunks.extent(self.trees.image, address, stored, faults);
                    let whole = self.unpacked(source, extent);
                    self.packed.insert(key, whole.clone());
                    whole
                };
                whole.slice(offset, length).ok_or_else(short)
            }
        }
    }

    fn unpacked(&self, source: Extent, extent: &FileExtent) -> Extent {
        if extent.packing == Packing::None {
            return source;
        }
        let vault = source.vault().clone();
        let packed = Packed {
            source,
            packing: extent.packing,
            length: usize::try_from(extent.unpacked).unwrap_or(0),
            sector_bytes: usize::try_from(self.trees.superblock.sector_bytes).unwrap_or(4096),
        };
        Extent::derived(&vault, extent.unpacked, packed)
    }
}

/// An entry of a directory or an attribute: where it leads, its name, its value.
type Entry<'data> = (Key, &'data [u8], &'data [u8]);

/// The entries of an item: several if their names have the same hash.
fn entries(item: &[u8]) -> Result<Vec<Entry<'_>>, Fault> {
    let (mut found, mut rest) = (Vec::new(), item);
    while !rest.is_empty() {
        let view = View(rest);
        let location = Key::parse(view, 0)?;
        let value_bytes = usize::from(view.u16(25, Little)?);
        let name_bytes = usize::from(view.u16(27, Little)?);
        let name = view.bytes(ENTRY_BYTES, name_bytes)?;
        let value = view.bytes(ENTRY_BYTES + name_bytes, value_bytes)?;
        found.push((location, name, value));
        rest = rest.get(ENTRY_BYTES + name_bytes + value_bytes..).unwrap_or_default();
    }
    Ok(found)
}

impl Walk for Reader<'_> {
    type Link = Link;
    type Inode = Object;

    fn inode(&mut self, link: &Link, faults: &mut Vec<Fault>) -> Result<(About, Object), Fault> {
        self.read(*link, faults)
    }

    fn list(&mut self, object: &Object, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Link)> {
        let mut children = Vec::new();
        if object.link.lost {
            return children;
        }
        let kinds = (DIR_INDEX, DIR_INDEX);
        for item in self.trees.of_object(object.root, object.link.object, kinds, faults) {
            match entries(&item.data) {
                Ok(list) => {
                    for (location, name, _) in list {
                        children.push((name.to_vec(), self.target(object, location, name)));
                    }
                }
                Err(fault) => faults.push(fault),
            }
        }
        children
    }

    fn content(&mut self, object: &Object, faults: &mut Vec<Fault>) -> Option<Extent> {
        Some(self.bytes_of(object, faults))
    }
}
