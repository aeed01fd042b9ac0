//! StuffIt X (`SitxSpecs` in the wiki of XADMaster): elements that declare files, folders and their
//! forks; a catalogue with their names; streams in which forks lie one after the other.
//!
//! Resource forks are members with the name `file/..namedfork/rsrc`, as on HFS; forks of other kinds,
//! such as thumbnails, are named by their number. Archives with data for recovery have another
//! structure, which is not known, and are said.

mod catalogue;
mod cursor;
mod element;
mod listing;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use self::{
    catalogue::Record,
    cursor::Cursor,
    element::{Element, kind},
};
use crate::{
    Extent, Fault,
    codec::stuffit::{Compression, Filter, Packing, Unpacking},
    format::{Candidate, NotThis, Opened},
    formats::support::gathering::Gathering,
};

/// Where the elements begin.
const START: u64 = 8;
/// Largest catalogue read, in bytes.
const CATALOGUE_BYTES_MAX: u64 = 256 << 20;

/// Everything that the elements tell.
#[derive(Debug, Default)]
struct Archive {
    /// Files and folders, in their order; the records of the catalogue belong to them.
    objects: Vec<Element>,
    records: Vec<Record>,
    /// Streams and the forks in them, by their numbers; those without a place are the second.
    streams: Vec<Element>,
    forks: HashMap<u64, BTreeMap<u64, Vec<Element>>>,
    comment: Vec<u8>,
    /// Why there are no names, if so.
    nameless: Option<String>,
}

pub(super) fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let mut cursor = Cursor::new(extent, START);
    let root = element::read(extent, &mut cursor)?;
    if root.kind != kind::ROOT {
        return Err(NotThis);
    }
    let attributes = vec![("version", "X".to_owned())];
    if root.recovery {
        let unread = Some("not extracted: StuffIt X with data for recovery".to_owned());
        return Ok(Opened { length: extent.len(), attributes, unread, ..Opened::default() });
    }
    let mut opened = Opened { attributes, ..Opened::default() };
    let mut gathering = Gathering::new(extent);
    let archive = read(extent, &mut cursor, &mut gathering);
    // Something else that begins with the same word.
    if archive.objects.is_empty() && archive.streams.is_empty() && cursor.place() < extent.len() {
        return Err(NotThis);
    }
    opened.length = cursor.place();
    listing::list(&archive, gathering, &mut opened);
    Ok(opened)
}

/// Reads all elements up to the end, or to the first that cannot be read.
fn read<'extent>(
    extent: &'extent Extent,
    cursor: &mut Cursor<'extent>,
    gathering: &mut Gathering,
) -> Archive {
    let mut archive = Archive::default();
    let limit = extent.vault().limits().entries;
    let (mut count, mut owned) = (0, false);
    loop {
        let place = cursor.place();
        let mut element = match element::read(extent, cursor) {
            Ok(element) => element,
            Err(fault) => {
                // What follows cannot be placed, and is looked through like anything else.
                *cursor = Cursor::new(extent, place);
                gathering.report(fault, b"");
                return archive;
            }
        };
        let cut = element.cut.take();
        count += 1;
        if element.kind == kind::END {
            return archive;
        }
        if count > limit {
            let why = format!("more than {limit} (limit entries)");
            gathering.report(Fault::new(place, "read all stuffit elements", why), b"");
            return archive;
        }
        let follows_owner = std::mem::replace(&mut owned, element.kind == kind::OWNER);
        match element.kind {
            kind::FILE | kind::DIRECTORY => archive.objects.push(element),
            kind::DATA => archive.streams.push(element),
            kind::FORK => {
                let slots = archive.forks.entry(element.stream.unwrap_or(0)).or_default();
                slots.entry(element.slot.unwrap_or(0)).or_default().push(element);
            }
            kind::CATALOGUE => archive.read_catalogue(&element, follows_owner, gathering),
            _ => {}
        }
        if let Some(fault) = cut {
            gathering.report(fault, b"");
            return archive;
        }
    }
}

impl Archive {
    /// Reads the names of the files declared so far, or the comment of the archive.
    fn read_catalogue(&mut self, element: &Element, is_comment: bool, gathering: &mut Gathering) {
        let packing = packing(element);
        let obstacle =
            if element.encrypted { Some("encrypted".to_owned()) } else { packing.obstacle() };
        let size = element.length.unwrap_or(0);
        if let Some(reason) = obstacle {
            self.nameless = Some(reason);
            return;
        }
        let Some(input) = element.packed.clone() else { return };
        if size > CATALOGUE_BYTES_MAX {
            let why = format!("{size} bytes are more than any catalogue has");
            gathering.report(Fault::new(element.place, "read the stuffit catalogue", why), b"");
            return;
        }
        let content = Unpacking { packing, input, size }.extent();
        let count = if is_comment { 1 } else { self.objects.len() };
        let (mut records, fault) = catalogue::read(&content, count);
        if let Some(fault) = fault {
            let why = format!("{}: {}", fault.what, fault.why);
            gathering.report(Fault::new(element.place, "read the stuffit catalogue", why), b"");
        }
        if is_comment {
            self.comment = records.pop().unwrap_or_default().comment;
        } else {
            self.records = records;
        }
    }
}

/// How an element is packed.
fn packing(element: &Element) -> Packing {
    Packing {
        compression: Compression::of(element.compression),
        filter: element.filter.map(Filter::of),
    }
}
