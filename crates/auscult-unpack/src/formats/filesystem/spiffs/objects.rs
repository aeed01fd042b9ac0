//! Objects: a header with name and size, index pages, and pages of data.

use std::collections::BTreeMap;

use super::geometry::{FINAL, Geometry, INDEX, INDEX_DELETED, IS_INDEX, PAGE_DELETED, PageHeader};
use crate::{Endian::Little, Entry, EntryKind, Extent, Fault, Metadata, View};

/// Bytes of a page's header, and of an object's before the name.
const PAGE_HEADER_BYTES: u64 = 5;
const SIZE: usize = 8;
const KIND: usize = 12;
const NAME: usize = 13;
/// `SPIFFS_OBJ_NAME_LEN` everywhere.
const NAME_BYTES: usize = 32;
/// Bytes that ESP-IDF adds behind the name, for the time of the last change.
const META_BYTES: usize = 4;
/// A size that was never written.
const SIZE_UNDEFINED: u32 = u32::MAX;
/// Files that are reported one by one; the rest is counted.
const FAULTS_MAX: usize = 100;

/// An object while its pages are collected.
#[derive(Default)]
struct Object {
    header: Option<u64>,
    indices: Vec<u64>,
    /// Pages by what part they hold; of several, the index tells which one counts.
    data: BTreeMap<u16, Vec<u64>>,
}

/// What the header of an object says.
struct About {
    name: Vec<u8>,
    size: u32,
    modified: Option<u32>,
    meta_bytes: Option<usize>,
}

/// All objects by number.
pub(super) struct Objects {
    objects: BTreeMap<u16, Object>,
}

impl Objects {
    /// Collects the pages of all objects.
    pub(super) fn read(image: &Extent, geometry: Geometry) -> Self {
        let mut objects: BTreeMap<u16, Object> = BTreeMap::new();
        for block in 0..image.len() / geometry.block_bytes {
            for (page, header) in geometry.pages(image, block) {
                let PageHeader { object, span, flags } = header;
                // Pages that are being written, or were deleted.
                if flags & FINAL != 0 || flags & PAGE_DELETED == 0 {
                    continue;
                }
                let known = objects.entry(object & !INDEX).or_default();
                if object & INDEX == 0 {
                    known.data.entry(span).or_default().push(page);
                } else if flags & IS_INDEX == 0 && flags & INDEX_DELETED != 0 {
                    known.indices.push(page);
                    known.header = if span == 0 { Some(page) } else { known.header };
                }
            }
        }
        objects.retain(|_, object| object.header.is_some());
        Self { objects }
    }

    /// The files, what is wrong with them, and how many bytes stand behind names.
    pub(super) fn entries(
        &self,
        image: &Extent,
        geometry: Geometry,
    ) -> (Vec<Entry>, Vec<Fault>, Option<usize>) {
        let (mut entries, mut faults, mut meta_bytes) = (Vec::new(), Vec::new(), None);
        for (number, object) in &self.objects {
            let place = object.header.unwrap_or(0) * geometry.page_bytes;
            let Ok(header) = image.read(place, geometry.page_bytes) else { continue };
            let Some(about) = about(&header, geometry, object) else {
                let why = format!("object {number} has no name");
                faults.push(Fault::new(place, "read an object", why));
                continue;
            };
            meta_bytes = meta_bytes.or(about.meta_bytes);
            let (content, lost) = object.content(image, geometry, about.size);
            if lost > 0 {
                let name = String::from_utf8_lossy(&about.name);
                let why = format!("{lost} pages of {name} are not there");
                faults.push(Fault::new(place, "find a file's pages", why));
            }
            let modified = about.modified.map(i64::from);
            let metadata = Metadata { modified, ..Metadata::default() };
            let entry = Entry::member(about.name, EntryKind::File, metadata);
            entries.push(entry.with_content(content));
        }
        let unlisted = faults.len().saturating_sub(FAULTS_MAX);
        faults.truncate(FAULTS_MAX);
        if unlisted > 0 {
            let why = format!("{unlisted} more like these");
            faults.push(Fault::new(0, "read all files", why));
        }
        (entries, faults, meta_bytes)
    }
}

/// Reads the header of an object.
fn about(header: &[u8], geometry: Geometry, object: &Object) -> Option<About> {
    let view = View(header);
    let name = view.text(NAME, NAME_BYTES).ok()?;
    // The names are paths, mostly from a root that they do not know.
    let name = name.strip_prefix(b"/").unwrap_or(name);
    let is_known = matches!(view.u8(KIND).ok()?, 1..=4);
    if !is_known || name.is_empty() {
        return None;
    }
    // Whether something stands behind the name shows in where the table of pages begins.
    let first = object.data.get(&0).and_then(|pages| pages.first()).copied();
    let begins_at = |at: usize| {
        // Some compilers align the table.
        [at, at.next_multiple_of(2)].into_iter().any(|at| {
            view.u16(at, geometry.endian).is_ok_and(|page| Some(u64::from(page)) == first)
        })
    };
    let end = NAME + NAME_BYTES;
    let meta_bytes = [0, META_BYTES].into_iter().find(|&bytes| begins_at(end + bytes));
    let modified = view.u32(end, Little).ok().filter(|_| meta_bytes == Some(META_BYTES));
    Some(About {
        name: name.to_vec(),
        size: view.u32(SIZE, geometry.endian).ok()?,
        modified: modified.filter(|time| !matches!(time, 0 | &u32::MAX)),
        meta_bytes,
    })
}

impl Object {
    /// The bytes of a file, and how many of its pages are lost.
    fn content(&self, image: &Extent, geometry: Geometry, size: u32) -> (Extent, u64) {
        let vault = image.vault();
        let data_bytes = geometry.page_bytes - PAGE_HEADER_BYTES;
        let held = self.data.keys().next_back().map_or(0, |&span| u64::from(span) + 1);
        let size = match size {
            SIZE_UNDEFINED => held * data_bytes,
            size => u64::from(size),
        };
        // A size that the flash cannot hold is damage.
        let pages = size.div_ceil(data_bytes).min(image.len() / geometry.page_bytes);
        let (mut parts, mut lost) = (Vec::new(), 0);
        for span in 0..pages {
            let length = data_bytes.min(size - span * data_bytes);
            let page = u16::try_from(span).ok().and_then(|span| self.page(image, geometry, span));
            let place = page.map(|page| page * geometry.page_bytes + PAGE_HEADER_BYTES);
            parts.push(place.and_then(|place| image.slice(place, length)).unwrap_or_else(|| {
                lost += 1;
                let fault = Fault::new(0, "find a page", format!("page {span} is not there"));
                Extent::missing(vault, length, fault)
            }));
        }
        (Extent::joined(vault, parts), lost)
    }

    /// The page with a part of the data. Where there are two, a change was cut short, and the
    /// index has the one that counts.
    fn page(&self, image: &Extent, geometry: Geometry, span: u16) -> Option<u64> {
        let pages = self.data.get(&span)?;
        if let [page] = pages.as_slice() {
            return Some(*page);
        }
        let listed = |page: &&u64| {
            self.indices.iter().any(|&index| {
                let bytes = image.read(index * geometry.page_bytes, geometry.page_bytes);
                let bytes = bytes.unwrap_or_default();
                // The tables begin at even or odd places, behind the headers.
                let table = bytes.get(usize::from(self.header == Some(index)) * NAME..);
                table.unwrap_or_default().windows(2).any(|number| {
                    let number = View(number).u16(0, geometry.endian).map(u64::from);
                    number == Ok(**page)
                })
            })
        };
        pages.iter().find(listed).or(pages.last()).copied()
    }
}
