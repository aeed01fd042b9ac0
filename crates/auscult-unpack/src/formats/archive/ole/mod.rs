//! Compound files of Microsoft (MS-CFB): a file system in a file, as documents and installers are
//! stored. Installer databases are read further, so that the files in them have their names.
//!
//! Property sets and the contents of documents are left as streams.

use std::collections::HashSet;

use crate::{
    Entry, EntryKind, Extent, Fault, Metadata,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{epoch, gathering::Gathering, guid},
};

mod chains;
mod database;
mod installer;
#[cfg(test)]
mod tests;

use chains::{Chains, Item};

const MAGIC: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

pub(crate) static FORMAT: Format =
    Format { name: "ole", magics: &[Magic::start(MAGIC)], carve: true, open };

/// Deepest storage read.
const DEPTH_MAX: usize = 64;

/// A stream or storage with its path.
#[derive(Clone, Debug)]
struct Found {
    path: Vec<u8>,
    item: Item,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let mut faults = Vec::new();
    let mut chains = Chains::open(&candidate.extent, &mut faults)?;
    let items = chains.directory(&mut faults)?;
    let root = items.first().filter(|item| item.kind == chains::ROOT).ok_or(NotThis)?;
    let mut attributes = vec![("version", chains.version.to_string())];
    if root.class != [0; 16] {
        attributes.push(("class", guid::guid(&root.class)));
    }
    let installer = installer::kind(&root.class);
    chains.set_mini_stream(root, &mut faults);
    let mut gathering = Gathering::new(&candidate.extent);
    let found = walk(&items, installer.is_some(), &mut gathering);
    let mut streams = Vec::new();
    for Found { path, item } in found {
        if gathering.is_full() {
            break;
        }
        let modified = epoch::windows_time(item.modified);
        let metadata = Metadata { modified, ..Metadata::default() };
        let mut entry = Entry::member(path.as_slice(), EntryKind::Directory, metadata);
        if item.kind == chains::STREAM {
            let mut lost = Vec::new();
            let content = chains.content(&item, &mut lost);
            for fault in lost {
                gathering.report(fault, &path);
            }
            streams.push((path, content.clone()));
            entry = Entry { kind: EntryKind::File, ..entry }.with_content(content);
        }
        gathering.add(entry);
    }
    let (mut entries, more) = gathering.finish();
    faults.extend(more);
    if let Some(kind) = installer {
        attributes.push(("type", kind.to_owned()));
        installer::read(&streams, &mut entries, &mut attributes, &mut faults);
    }
    Ok(Opened { length: chains.length(), attributes, entries, faults, unread: None })
}

/// Goes through the trees of siblings from the root storage. Each item is visited once.
fn walk(items: &[Item], decode: bool, gathering: &mut Gathering) -> Vec<Found> {
    let (mut found, mut visited) = (Vec::new(), HashSet::new());
    let first = items.first().map_or(chains::NO_ITEM, |root| root.child);
    let mut pending = vec![(first, Vec::new(), 0)];
    while let Some((index, parent, depth)) = pending.pop() {
        if index == chains::NO_ITEM {
            continue;
        }
        let item = usize::try_from(index).ok().and_then(|index| items.get(index));
        let why = match item {
            None => "an entry that is not there",
            Some(_) if !visited.insert(index) => "an entry that was met before",
            Some(item) if !matches!(item.kind, chains::STORAGE | chains::STREAM) => {
                "an entry of an unknown type"
            }
            Some(item) => {
                pending.push((item.left, parent.clone(), depth));
                pending.push((item.right, parent.clone(), depth));
                let name = if decode { installer::decode_name(&item.name) } else { item.name() };
                if let Some(path) = gathering.child(&parent, &name, item.place) {
                    if item.kind == chains::STORAGE && depth < DEPTH_MAX {
                        pending.push((item.child, path.clone(), depth + 1));
                    }
                    found.push(Found { path, item: item.clone() });
                }
                continue;
            }
        };
        gathering.report(Fault::new(u64::from(index), "list the compound file", why), &parent);
    }
    found
}

/// The bytes of a stream, where they can be had at once.
fn read_stream(content: &Extent, bytes_max: u64) -> Result<bytes::Bytes, Fault> {
    if content.len() > bytes_max {
        let why = format!("{} bytes are too many", content.len());
        return Err(Fault::new(0, "read a table of the installer", why));
    }
    content.read_all()
}
