//! What the walk through the directories asks of HFS and HFS Plus.

use std::collections::{HashMap, HashSet};

use super::{
    attribute::Attributes,
    btree::{Spot, Tree},
    catalog::{self, Item, Key, LinksTo},
    compression::{self, Packed},
    fork::{Fork, Overflow, Which, extents, extents_classic},
    volume::Volume,
};
use crate::{
    Endian::Big,
    EntryKind, Extent, Fault, Metadata, Unread, View,
    formats::support::walk::{About, Stream, Walk, kind_of_mode},
};

/// Numbers of folders: what the root is in, and the root.
const ROOT_PARENT: u32 = 1;
const ROOT: u32 = 2;
/// Numbers of the trees themselves.
const EXTENTS_FILE: u32 = 3;
const CATALOG_FILE: u32 = 4;
const ATTRIBUTES_FILE: u32 = 8;
/// Where files and folders with several names are kept, as [`catalog`] spells them.
const FILES_FOLDER: &[u8] = b"[HFS+ Private Data]";
const FOLDERS_FOLDER: &[u8] = b".HFS+ Private Directory Data\r";
/// Files without a way to the root hang here.
const LOST: &[u8] = b"[lost]";
/// Links of links.
const LINKS_MAX: u32 = 4;
const TARGET_BYTES_MAX: u64 = 64 << 10;

/// What a name leads to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Link {
    Root,
    Record(Spot),
    /// The folder of what no folder leads to.
    Lost,
}

/// A folder or file.
pub(super) struct Node {
    /// None for the folder of what is lost.
    item: Option<Item>,
    place: u64,
    packed: Option<Packed>,
}

/// Reads the objects of one volume.
pub(super) struct Reader<'image> {
    image: &'image Extent,
    volume: &'image Volume,
    catalog: Tree,
    overflow: Overflow,
    attributes: Attributes,
    /// Names by the folder that they are in.
    children: HashMap<u32, Vec<(Vec<u8>, Spot)>>,
    folders: HashSet<u32>,
    /// Files and folders with several names, by their name in the folders that keep them.
    shared: HashMap<Vec<u8>, Spot>,
    pub(super) label: Option<String>,
}

impl<'image> Reader<'image> {
    /// Reads the names of the whole catalog.
    ///
    /// # Errors
    /// Where the catalog is no tree.
    pub(super) fn new(
        image: &'image Extent,
        volume: &'image Volume,
        faults: &mut Vec<Fault>,
    ) -> Result<Self, Fault> {
        let overflow = overflow(image, volume, faults);
        let file = |fork: &Fork, number: u32| {
            let which = (number, Which::Data);
            let extent = fork.content(image, volume, &overflow, which, 0, &mut Vec::new());
            extent.clamp(0, image.len())
        };
        let mut catalog = Tree::open(file(&volume.catalog, CATALOG_FILE), volume.is_plus)?;
        let attributes = Attributes::read(file(&volume.attributes, ATTRIBUTES_FILE), faults);
        let mut children: HashMap<u32, Vec<(Vec<u8>, Spot)>> = HashMap::new();
        let (mut folders, mut label) = (HashSet::new(), None);
        catalog.leaves(faults, |record| {
            let Some((is_folder, number)) = catalog::number(&record.data, volume.is_plus) else {
                return;
            };
            let Ok(Key { parent, name }) = catalog::key(&record.key, volume.is_plus) else {
                return;
            };
            if is_folder {
                folders.insert(number);
            }
            if parent == ROOT_PARENT && number == ROOT && volume.is_plus {
                label = Some(String::from_utf8_lossy(&name).into_owned());
            }
            children.entry(parent).or_default().push((name, record.spot));
        });
        let mut reader = Self {
            image,
            volume,
            catalog,
            overflow,
            attributes,
            children,
            folders,
            shared: HashMap::new(),
            label,
        };
        reader.find_shared();
        Ok(reader)
    }

    /// Finds what the two hidden folders hold.
    fn find_shared(&mut self) {
        let root = self.children.get(&ROOT).cloned().unwrap_or_default();
        for (name, spot) in root {
            if name != FILES_FOLDER && name != FOLDERS_FOLDER {
                continue;
            }
            let folder = self.item(spot).ok().filter(|folder| folder.is_folder);
            let held = folder.and_then(|folder| self.children.get(&folder.number));
            self.shared.extend(held.into_iter().flatten().cloned());
        }
    }

    fn item(&mut self, spot: Spot) -> Result<Item, Fault> {
        let record = self.catalog.at(spot)?;
        catalog::item(&record.data, self.volume.is_plus)
    }

    /// The file or folder itself, where a record only links to it.
    fn resolved(&mut self, spot: Spot, faults: &mut Vec<Fault>) -> Result<Item, Fault> {
        let mut item = self.item(spot)?;
        for _ in 0..LINKS_MAX {
            let name = match item.links_to {
                Some(LinksTo::File) => format!("iNode{}", item.special),
                Some(LinksTo::Folder) => format!("dir_{}", item.special),
                None => break,
            };
            let Some(&target) = self.shared.get(name.as_bytes()) else {
                faults.push(Fault::new(0, "follow a hard link", format!("{name} is not there")));
                break;
            };
            item = self.item(target)?;
        }
        Ok(item)
    }

    fn content_of(&self, item: &Item, which: Which, place: u64, faults: &mut Vec<Fault>) -> Extent {
        let fork = if which == Which::Data { &item.data } else { &item.resource };
        let file = (item.number, which);
        fork.content(self.image, self.volume, &self.overflow, file, place, faults)
    }

    fn kind(&self, item: &Item) -> Result<EntryKind, Fault> {
        if item.is_folder {
            return Ok(EntryKind::Directory);
        }
        let target = || {
            let content = self.content_of(item, Which::Data, 0, &mut Vec::new());
            Ok(content.read_up_to(0, TARGET_BYTES_MAX)?.to_vec())
        };
        let device = || Ok((item.special >> 24, item.special & 0xff_ffff));
        match item.mode >> 12 & 0xf {
            0 | 0o4 => Ok(EntryKind::File),
            _ => kind_of_mode(item.mode, 0, target, device),
        }
    }

    /// Names whose folder is not there.
    fn lost(&self) -> Vec<(Vec<u8>, Link)> {
        let mut lost: Vec<_> = self
            .children
            .iter()
            .filter(|(parent, _)| **parent != ROOT_PARENT && !self.folders.contains(*parent))
            .flat_map(|(_, children)| children)
            .map(|(name, spot)| (name.clone(), Link::Record(*spot)))
            .collect();
        lost.sort_by(|one, other| one.0.cmp(&other.0));
        lost
    }
}

/// Reads the tree of further extents.
fn overflow(image: &Extent, volume: &Volume, faults: &mut Vec<Fault>) -> Overflow {
    let mut found = Overflow::new();
    if volume.extents.size == 0 {
        return found;
    }
    let which = (EXTENTS_FILE, Which::Data);
    let file = volume.extents.content(image, volume, &found, which, 0, &mut Vec::new());
    let mut tree = match Tree::open(file.clamp(0, image.len()), volume.is_plus) {
        Ok(tree) => tree,
        Err(fault) => {
            faults.push(fault);
            return found;
        }
    };
    tree.leaves(faults, |record| {
        let entry = || -> Result<_, Fault> {
            let (key, data) = (View(&record.key), View(&record.data));
            let which = if key.u8(0)? == 0 { Which::Data } else { Which::Resource };
            if volume.is_plus {
                let place = (key.u32(2, Big)?, which, key.u32(6, Big)?);
                return Ok((place, extents(data, 0)?));
            }
            let place = (key.u32(1, Big)?, which, u32::from(key.u16(5, Big)?));
            Ok((place, extents_classic(data, 0)?))
        };
        if let Ok((place, extents)) = entry() {
            found.insert(place, extents);
        }
    });
    found
}

impl Walk for Reader<'_> {
    type Link = Link;
    type Inode = Node;

    fn inode(&mut self, link: &Link, faults: &mut Vec<Fault>) -> Result<(About, Node), Fault> {
        let spot = match *link {
            Link::Record(spot) => Some(spot),
            Link::Root => {
                let children = self.children.get(&ROOT_PARENT);
                children.and_then(|children| children.first()).map(|&(_, spot)| spot)
            }
            Link::Lost => None,
        };
        let place = self.volume.start
            + self.volume.block_bytes
                * u64::from(self.volume.catalog.extents.first().map_or(0, |&(first, _)| first));
        let (Some(spot), true) = (spot, !matches!(link, Link::Lost)) else {
            let about = About {
                identity: u64::MAX,
                place,
                kind: EntryKind::Directory,
                metadata: Metadata::default(),
                links: 1,
            };
            return Ok((about, Node { item: None, place, packed: None }));
        };
        let item = self.resolved(spot, faults)?;
        let kind = self.kind(&item).map_err(|fault| Fault { offset: place, ..fault })?;
        let mut metadata = item.metadata.clone();
        let mut packed = None;
        for (name, value) in self.attributes.of(item.number, self.image, self.volume, faults) {
            if item.is_compressed && name == compression::ATTRIBUTE {
                packed = Packed::parse(&value);
            } else {
                metadata.xattrs.push((name.into(), value));
            }
        }
        // The files that are kept for links say how many there are.
        let links = if kind == EntryKind::File && item.special > 1 { item.special } else { 1 };
        let about =
            About { identity: u64::from(item.number), place, kind, metadata, links: links.into() };
        Ok((about, Node { item: Some(item), place, packed }))
    }

    fn list(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, Link)> {
        let Some(item) = &node.item else { return self.lost() };
        let children = self.children.get(&item.number).cloned().unwrap_or_default();
        let linked = |(name, spot)| (name, Link::Record(spot));
        let mut names: Vec<(Vec<u8>, Link)> = children.into_iter().map(linked).collect();
        if item.number == ROOT {
            // Files with several names come last, so that they are known by a better one.
            names.sort_by_key(|(name, _)| name == FILES_FOLDER || name == FOLDERS_FOLDER);
            let lost = self.lost().len();
            if lost > 0 {
                let why = format!("{lost} files are in no folder");
                faults.push(Fault::new(node.place, "list all files", why));
                names.push((LOST.to_vec(), Link::Lost));
            }
        }
        names
    }

    fn content(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Option<Extent> {
        let item = node.item.as_ref()?;
        let Some(packed) = &node.packed else {
            return Some(self.content_of(item, Which::Data, node.place, faults));
        };
        if packed.unread().is_some() {
            return None;
        }
        let resource = self.content_of(item, Which::Resource, node.place, faults);
        packed.content(self.image, &resource, node.place, faults)
    }

    fn unread(&self, node: &Node) -> Option<Unread> {
        let (item, packed) = (node.item.as_ref()?, node.packed.as_ref()?);
        let reason = packed.unread()?;
        let outside = packed.uses_resource_fork();
        let bytes = if outside { item.resource.size } else { packed.inline_bytes() };
        Some(Unread { bytes, reason })
    }

    fn streams(&mut self, node: &Node, faults: &mut Vec<Fault>) -> Vec<Stream> {
        let Some(item) = &node.item else { return Vec::new() };
        let taken = node.packed.as_ref().is_some_and(Packed::uses_resource_fork);
        if item.resource.size == 0 || taken {
            return Vec::new();
        }
        let content = self.content_of(item, Which::Resource, node.place, faults);
        let suffix = b"/..namedfork/rsrc".to_vec();
        vec![Stream { suffix, content: Some(content), unread: None }]
    }
}
