//! The pass over all chunks.

use std::collections::{HashMap, HashSet};

use super::{
    geometry::{Geometry, Tagging},
    header::{HEADER_BYTES, Header, Kind},
    tags::{Found, Tags},
};
use crate::{Extent, Fault, checksum::Crc32, formats::support::window::Window};

/// Erased flash between chunks that still belongs to the file system: free erase blocks.
const ERASED_BYTES_MAX: u64 = 16 << 20;
/// Chunks in a row that make no sense, at most: a damaged erase block.
const BROKEN_CHUNKS_MAX: u64 = 128;
/// Erased chunks behind which another file system may begin.
const GAP_CHUNKS: u64 = 32;
/// Number of the first object that tools write (`YAFFS_NOBJECT_BUCKETS` and one).
const FIRST_OBJECT: u32 = 257;
/// Other numbers of the first object that are tried: they lie close to the usual one.
const FIRSTS_TRIED_MAX: usize = 64;

/// A chunk that belongs to an object.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) tags: Tags,
    pub(super) place: u64,
    /// What a header says about the size.
    pub(super) resize: Option<Resize>,
}

/// What a header says about the size of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resize {
    pub(super) size: u64,
    /// Whether what older chunks hold behind it is gone.
    pub(super) is_shrink: bool,
}

impl Resize {
    fn of(header: &Header) -> Self {
        // A file without a name has lost its bytes.
        let size = if header.is_removal() { 0 } else { header.size };
        Self { size, is_shrink: header.is_shrink || header.is_removal() }
    }
}

/// What a pass found.
#[derive(Default)]
pub(super) struct Scan {
    /// In the order in which they lie on the flash.
    pub(super) chunks: Vec<Chunk>,
    /// End of the last one.
    pub(super) end: u64,
    pub(super) faults: Vec<Fault>,
}

/// Reads all chunks from the start, where a header stands.
pub(super) fn scan(image: &Extent, geometry: &Geometry) -> Scan {
    if geometry.tagging == Tagging::Lost {
        scan_untagged(image, geometry)
    } else {
        scan_tagged(image, geometry)
    }
}

fn scan_tagged(image: &Extent, geometry: &Geometry) -> Scan {
    let (mut scan, mut window) = (Scan::default(), Window::new(image));
    let (mut place, mut erased, mut broken, mut broken_count) = (0_u64, 0, 0, 0_u64);
    let mut seen = HashMap::new();
    while place.saturating_add(geometry.stride) <= image.len()
        && erased * geometry.stride <= ERASED_BYTES_MAX
        && broken <= BROKEN_CHUNKS_MAX
    {
        let found = geometry.tags(&mut window, place);
        let (here, gap) = (place, erased);
        place += geometry.stride;
        let tags = match found {
            Some(Found::Erased) => {
                erased += 1;
                continue;
            }
            Some(Found::Other) => {
                (erased, broken, scan.end) = (0, 0, place);
                continue;
            }
            Some(Found::Chunk(tags)) => tags,
            None => {
                broken += 1;
                continue;
            }
        };
        let mut chunk = Chunk { tags, place: here, resize: None };
        if tags.chunk == 0 {
            let Some(header) = Header::parse(window.at(here, HEADER_BYTES), geometry.endian) else {
                broken_count += 1;
                continue;
            };
            if is_of_another(&mut seen, tags, &header, gap) {
                break;
            }
            chunk.resize = Some(Resize::of(&header));
        }
        (erased, broken, scan.end) = (0, 0, place);
        scan.chunks.push(chunk);
    }
    if broken_count > 0 {
        let why = format!("{broken_count} headers make no sense");
        scan.faults.push(Fault::new(0, "read all chunks", why));
    }
    scan
}

/// Kind, sequence number and checksum of the name of each object.
type Seen = HashMap<u32, (Kind, u32, u32)>;

/// Whether a header behind a gap is of another file system on the same flash: one that was written
/// at the same time gives the number of an object to a different one.
fn is_of_another(seen: &mut Seen, tags: Tags, header: &Header, gap: u64) -> bool {
    let about = (header.kind, tags.sequence, Crc32::of(&header.name));
    let Some(known) = seen.insert(tags.object, about) else { return false };
    let differs = known.0 != about.0 || (known.1 == about.1 && known.2 != about.2);
    gap >= GAP_CHUNKS && differs
}

/// Reads chunks without tags. Tools number the objects in the order in which they write them, and
/// write the data of each file behind its header.
fn scan_untagged(image: &Extent, geometry: &Geometry) -> Scan {
    let (mut scan, mut window) = (Scan::default(), Window::new(image));
    let (mut headers, mut place) = (Vec::new(), 0_u64);
    while place < image.len() {
        let Some(header) = Header::parse(window.at(place, HEADER_BYTES), geometry.endian) else {
            break;
        };
        let chunks = geometry.file_chunks(&header);
        headers.push((place, header));
        place = place.saturating_add(chunks.saturating_mul(geometry.stride));
    }
    scan.end = place.min(image.len());
    let first = first_object(&headers);
    for (number, (place, header)) in (first..).zip(&headers) {
        let tags = |chunk, bytes| Tags { sequence: 0, object: number, chunk, bytes };
        let resize = Some(Resize::of(header));
        scan.chunks.push(Chunk { tags: tags(0, 0), place: *place, resize });
        let mut left = if header.kind == Kind::File { header.size } else { 0 };
        let mut place = place + geometry.stride;
        for chunk in 1.. {
            if left == 0 || place >= image.len() {
                break;
            }
            let bytes = left.min(geometry.data_bytes);
            let bytes_tagged = u32::try_from(bytes).unwrap_or(u32::MAX);
            scan.chunks.push(Chunk { tags: tags(chunk, bytes_tagged), place, resize: None });
            (left, place) = (left - bytes, place + geometry.stride);
        }
    }
    scan
}

/// The number of the first object, so that every parent is a directory.
fn first_object(headers: &[(u64, Header)]) -> u32 {
    let numbered = (0_u32..).zip(headers);
    let directories: HashSet<u32> = numbered
        .filter(|(_, (_, header))| header.kind == Kind::Directory)
        .map(|(index, _)| index)
        .collect();
    let parents: HashSet<u32> =
        headers.iter().map(|(_, header)| header.parent).filter(|&parent| parent > 4).collect();
    let Some(&lowest) = parents.iter().min() else { return FIRST_OBJECT };
    let fits = |first: &u32| {
        parents.iter().all(|parent| {
            parent.checked_sub(*first).is_some_and(|index| directories.contains(&index))
        })
    };
    let mut candidates: Vec<u32> =
        directories.iter().filter_map(|index| lowest.checked_sub(*index)).collect();
    candidates.sort_unstable_by_key(|first| first.abs_diff(FIRST_OBJECT));
    candidates.truncate(FIRSTS_TRIED_MAX);
    candidates.into_iter().find(fits).unwrap_or(FIRST_OBJECT)
}
