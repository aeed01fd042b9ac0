//! Puts the newest state together: names, inodes and attributes by their highest version.

use std::collections::{BTreeMap, HashMap, HashSet};

use auscult_model::ByteName;

use super::{
    content,
    node::{AttributeNode, InodeNode, Name, Node, Reference},
};
use crate::{
    Endian, Entry, EntryKind, Extent, Fault, Metadata, View,
    formats::support::gathering::{Gathering, device_number, entry_path},
};

/// The root directory's inode.
const ROOT: u32 = 1;
/// Longest target of a symbolic link, and of a device's number with room to spare.
const SHORT_BYTES_MAX: u64 = 65_536;

/// The state that the nodes add up to.
#[derive(Default)]
struct State {
    /// Newest entry for each name of each directory.
    names: HashMap<u32, BTreeMap<Vec<u8>, (u32, u32)>>,
    inodes: HashMap<u32, Vec<InodeNode>>,
    attributes: HashMap<u32, AttributeNode>,
    references: HashMap<u32, BTreeMap<u32, u32>>,
    /// Inodes by how many names they have.
    links: HashMap<u32, u32>,
}

impl State {
    fn of(nodes: Vec<Node>) -> Self {
        let mut state = Self::default();
        for node in nodes {
            match node {
                Node::Name(name) => state.add_name(name),
                Node::Inode(inode) => state.inodes.entry(inode.inode).or_default().push(inode),
                Node::Attribute(attribute) => {
                    let known = state.attributes.get(&attribute.id);
                    if known.is_none_or(|known| known.version <= attribute.version) {
                        state.attributes.insert(attribute.id, attribute);
                    }
                }
                Node::Reference(Reference { inode, attribute, sequence }) => {
                    let known = state.references.entry(inode).or_default();
                    let newest = known.entry(attribute).or_default();
                    *newest = sequence.max(*newest);
                }
                Node::Filler => {}
            }
        }
        for nodes in state.inodes.values_mut() {
            nodes.sort_by_key(|node| node.version);
        }
        for (_, inode) in state.names.values().flat_map(BTreeMap::values) {
            *state.links.entry(*inode).or_default() += 1;
        }
        state
    }

    fn add_name(&mut self, name: Name) {
        let directory = self.names.entry(name.parent).or_default();
        let newest = directory.entry(name.text).or_insert((name.version, name.inode));
        if newest.0 <= name.version {
            *newest = (name.version, name.inode);
        }
    }

    fn metadata(&self, number: u32, newest: Option<&InodeNode>) -> Metadata {
        let references = self.references.get(&number);
        // An odd sequence number says that the attribute was removed.
        let xattrs = references
            .into_iter()
            .flatten()
            .filter(|(_, sequence)| *sequence & 1 == 0)
            .filter_map(|(id, _)| self.attributes.get(id))
            .map(|attribute| (attribute.name.clone(), attribute.value.clone()))
            .collect();
        Metadata {
            mode: newest.map(|node| node.mode & 0o7777),
            user: newest.map(|node| u32::from(node.user)),
            group: newest.map(|node| u32::from(node.group)),
            modified: newest.map(|node| i64::from(node.modified)),
            xattrs,
        }
    }
}

/// Walks the names from the root.
pub(super) fn walk(image: &Extent, endian: Endian, nodes: Vec<Node>) -> (Vec<Entry>, Vec<Fault>) {
    let state = State::of(nodes);
    let mut gathering = Gathering::new(image);
    let mut listed = HashSet::new();
    let mut pending = vec![(ROOT, Vec::new())];
    while let Some((number, path)) = pending.pop() {
        if gathering.is_full() {
            break;
        }
        let nodes = state.inodes.get(&number).map_or(&[][..], Vec::as_slice);
        match make_entry(image, endian, &state, number, nodes, &path) {
            Ok(entry)
                if state.links.get(&number).is_some_and(|&links| links > 1)
                    && entry.kind == EntryKind::File =>
            {
                gathering.add_linked(entry, u64::from(number));
            }
            Ok(entry) => gathering.add(entry),
            Err(fault) => gathering.report(fault, &path),
        }
        let Some(names) = state.names.get(&number) else { continue };
        if !listed.insert(number) {
            let why = "a directory that was listed before";
            gathering.report(Fault::new(0, "list a directory", why), &path);
            continue;
        }
        for (name, &(_, child)) in names.iter().rev().filter(|(_, (_, child))| *child != 0) {
            if let Some(path) = gathering.child(&path, name, 0) {
                pending.push((child, path));
            }
        }
    }
    gathering.finish()
}

fn make_entry(
    image: &Extent,
    endian: Endian,
    state: &State,
    number: u32,
    nodes: &[InodeNode],
    path: &[u8],
) -> Result<Entry, Fault> {
    let newest = nodes.last();
    let metadata = state.metadata(number, newest);
    // The root directory of an image often has no inode of its own.
    let mode = newest.map(|node| node.mode);
    let kind = match mode.map_or(0o4, |mode| mode >> 12) {
        0o1 => EntryKind::Fifo,
        0o2 => {
            let (major, minor) = read_device(&content::content(image, nodes), endian)?;
            EntryKind::CharacterDevice { major, minor }
        }
        0o4 if newest.is_some() || number == ROOT || state.names.contains_key(&number) => {
            EntryKind::Directory
        }
        0o6 => {
            let (major, minor) = read_device(&content::content(image, nodes), endian)?;
            EntryKind::BlockDevice { major, minor }
        }
        0o10 => EntryKind::File,
        0o12 => {
            let target = content::content(image, nodes).read_up_to(0, SHORT_BYTES_MAX)?;
            // The maker of images pads some targets with zeros; the kernel stops at the first.
            let target = View(&target).text(0, target.len())?;
            EntryKind::Symlink(ByteName(target.to_vec()))
        }
        0o14 => EntryKind::Socket,
        _ => {
            let why = format!("inode {number} is not in the image or has no known type");
            return Err(Fault::new(0, "read an inode", why));
        }
    };
    let is_file = kind == EntryKind::File;
    let entry = Entry::member(entry_path(path), kind, metadata);
    Ok(if is_file { entry.with_content(content::content(image, nodes)) } else { entry })
}

/// A device's number: 16 bits in the old packing or 32 in the kernel's new one.
fn read_device(content: &Extent, endian: Endian) -> Result<(u32, u32), Fault> {
    let bytes = content.read_up_to(0, 4)?;
    let view = View(&bytes);
    if bytes.len() >= 4 {
        return Ok(device_number(view.u32(0, endian)?));
    }
    let old = u32::from(view.u16(0, endian)?);
    Ok((old >> 8, old & 0xff))
}
