//! ISO 9660 (ECMA-119) with Rock Ridge (IEEE P1282), Joliet, the enhanced version of 1999, El Torito
//! and zisofs.
//!
//! One tree of names is listed: Rock Ridge if it is there, then Joliet, the enhanced one, the plain
//! one. Files that only Joliet has are added. Boot images are members, and so are the partitions of
//! a hybrid image that are no files of it. Interleaved and sparse files are told as unread. Earlier
//! sessions of a disc are not looked for, nor are images of raw sectors or High Sierra.

mod boot;
mod descriptor;
mod record;
mod rock;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::HashSet;

use self::{
    descriptor::{Descriptors, Volume},
    walk::{Names, Node, Reader},
};
use crate::{
    Entry, EntryKind, Extent, Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::walk,
};

pub(crate) static FORMAT: Format = Format {
    name: "iso9660",
    magics: &[Magic::at(descriptor::PLACE + 1, b"CD001\x01")],
    carve: true,
    open,
};

/// Where files go that only the names of Joliet lead to.
const JOLIET_ONLY: &[u8] = b"[joliet]/";

/// What the file system holds.
pub(super) struct Listing {
    pub(super) length: u64,
    pub(super) attributes: Vec<(&'static str, String)>,
    pub(super) entries: Vec<Entry>,
    pub(super) faults: Vec<Fault>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let Listing { length, attributes, mut entries, faults } =
        list(&candidate.extent).ok_or(NotThis)?;
    let image = candidate.extent.clamp(0, length);
    let (boot, told) = boot_entries(&image, &entries);
    entries.extend(boot);
    let attributes = attributes.into_iter().chain(told).collect();
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// Lists the files of an ISO 9660 file system; none if there is none.
pub(super) fn list(extent: &Extent) -> Option<Listing> {
    let descriptors = Descriptors::read(extent)?;
    let length = descriptors.primary.length();
    let image = extent.clamp(0, length);
    let primary = &descriptors.primary;
    let mut faults = Vec::new();
    let skip = rock::skip(&image, primary);
    let (names, volume) = choose(&descriptors, skip);
    let mut reader = Reader::new(&image, volume, names, HashSet::new());
    let (mut entries, walked) = walk(&image, &mut reader, Node::root(volume));
    faults.extend(walked);
    if let (Names::Rock { .. }, Some((_, joliet))) = (names, &descriptors.joliet) {
        let seen = reader.starts;
        let mut second = Reader::new(&image, joliet, Names::Joliet, seen);
        let (more, _) = walk(&image, &mut second, Node::root(joliet));
        entries.extend(more.into_iter().filter_map(only_there));
    }
    let mut attributes = descriptors.attributes();
    attributes.push(("names", names.told().to_owned()));
    Some(Listing { length, attributes, entries, faults })
}

/// The tree whose names tell most.
fn choose(descriptors: &Descriptors, skip: Option<usize>) -> (Names, &Volume) {
    if let Some(skip) = skip {
        return (Names::Rock { skip }, &descriptors.primary);
    }
    if let Some((_, joliet)) = &descriptors.joliet {
        return (Names::Joliet, joliet);
    }
    match &descriptors.enhanced {
        Some(enhanced) => (Names::Enhanced, enhanced),
        None => (Names::Plain, &descriptors.primary),
    }
}

/// A file of the second tree, if its bytes are not in the first one.
fn only_there(mut entry: Entry) -> Option<Entry> {
    let filled = entry.content.as_ref().is_some_and(|content| !content.is_empty());
    entry.path = [JOLIET_ONLY, entry.path.as_bytes()].concat().into();
    (filled && entry.kind == EntryKind::File).then_some(entry)
}

/// The boot images and partitions of an image as further entries, and what is told of them.
pub(super) fn boot_entries(
    image: &Extent,
    entries: &[Entry],
) -> (Vec<Entry>, Vec<(&'static str, String)>) {
    let catalog = Descriptors::read(image).and_then(|descriptors| descriptors.boot_catalog);
    boot::entries(image, catalog, entries)
}
