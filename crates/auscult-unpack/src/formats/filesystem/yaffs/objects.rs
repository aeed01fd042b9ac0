//! The newest state of each object, put together from the newest chunk to the oldest
//! (`yaffs2_scan_backwards` of `yaffs_yaffs2.c`).

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    geometry::{Geometry, Tagging},
    header::{HEADER_BYTES, Header, Kind, LOST_AND_FOUND, ROOT, attributes},
    scan::Chunk,
};
use crate::{
    Extent, Fault,
    formats::support::runs::{Run, Runs},
};

/// Numbers of objects that hold no files but what YAFFS keeps for itself
/// (`YAFFS_OBJECTID_SB_HEADER`, `…SB_DATA`, `…SUMMARY`).
const INTERNAL: [u32; 3] = [0x10, 0x20, 0x21];

/// An object in its newest state.
#[derive(Default)]
pub(super) struct Object {
    pub(super) header: Option<Header>,
    pub(super) attributes: Vec<(Vec<u8>, Vec<u8>)>,
    pub(super) place: u64,
    pub(super) size: u64,
    is_gone: bool,
    /// What older chunks hold from here on is gone.
    shrunk_to: Option<u64>,
    pieces: BTreeMap<u32, Piece>,
}

struct Piece {
    place: u64,
    bytes: u32,
}

impl Object {
    fn shrink(&mut self, size: u64) {
        self.shrunk_to = Some(self.shrunk_to.map_or(size, |known| known.min(size)));
    }

    /// The bytes of a file.
    pub(super) fn content(
        &self,
        image: &Extent,
        geometry: &Geometry,
        faults: &mut Vec<Fault>,
    ) -> Extent {
        let mut runs = Runs::default();
        for (&number, piece) in &self.pieces {
            let logical = u64::from(number - 1) * geometry.data_bytes;
            let run = Run { logical, place: piece.place, length: u64::from(piece.bytes) };
            if let Err(fault) = runs.push(run) {
                faults.push(fault);
                break;
            }
        }
        runs.join(image, self.size, faults)
    }
}

/// All objects, and who is in which directory.
pub(super) struct Objects {
    pub(super) by_number: HashMap<u32, Object>,
    pub(super) children: HashMap<u32, BTreeMap<Vec<u8>, u32>>,
    /// How many hard links lead to an object.
    pub(super) links: HashMap<u32, u64>,
}

impl Objects {
    pub(super) fn new(image: &Extent, geometry: &Geometry, mut chunks: Vec<Chunk>) -> Self {
        if geometry.tagging == Tagging::One {
            chunks = newest_by_counter(chunks);
        }
        let mut order: Vec<(u32, usize)> =
            chunks.iter().enumerate().map(|(index, chunk)| (chunk.tags.sequence, index)).collect();
        // Within a block the later chunk is the newer one.
        order.sort_unstable();
        let mut objects = HashMap::new();
        for (_, index) in order.into_iter().rev() {
            let Some(chunk) = chunks.get(index) else { continue };
            if INTERNAL.contains(&chunk.tags.object) {
                continue;
            }
            match chunk.resize {
                Some(_) => add_header(image, geometry, &mut objects, chunk),
                None => add_piece(geometry, objects.entry(chunk.tags.object).or_default(), chunk),
            }
        }
        objects.retain(|_, object| !object.is_gone);
        let mut found =
            Self { by_number: objects, children: HashMap::new(), links: HashMap::new() };
        found.attach();
        found
    }

    fn is_directory(&self, number: u32) -> bool {
        number == ROOT
            || number == LOST_AND_FOUND
            || self
                .by_number
                .get(&number)
                .and_then(|object| object.header.as_ref())
                .is_some_and(|header| header.kind == Kind::Directory)
    }

    /// Puts every object into its directory. What has no name, or a parent that is none, goes
    /// where the kernel puts it.
    fn attach(&mut self) {
        let mut numbers: Vec<u32> = self.by_number.keys().copied().collect();
        numbers.sort_unstable();
        let mut names: HashSet<(u32, Vec<u8>)> = HashSet::new();
        for number in numbers {
            let Some(object) = self.by_number.get(&number) else { continue };
            if number == ROOT || number == LOST_AND_FOUND {
                continue;
            }
            let named = object.header.as_ref().filter(|header| !header.name.is_empty());
            let (mut parent, mut name) = named.map_or_else(
                || (LOST_AND_FOUND, format!("obj{number}").into_bytes()),
                |header| (header.parent, header.name.clone()),
            );
            if let Some(header) = named.filter(|header| header.kind == Kind::Hardlink) {
                *self.links.entry(header.equivalent).or_default() += 1;
            }
            if !self.is_directory(parent) {
                parent = LOST_AND_FOUND;
            }
            if !names.insert((parent, name.clone())) {
                name.extend(format!("-obj{number}").into_bytes());
            }
            self.children.entry(parent).or_default().insert(name, number);
        }
        if self.children.contains_key(&LOST_AND_FOUND)
            || self.by_number.contains_key(&LOST_AND_FOUND)
        {
            let root = self.children.entry(ROOT).or_default();
            root.entry(b"lost+found".to_vec()).or_insert(LOST_AND_FOUND);
        }
    }
}

fn add_header(
    image: &Extent,
    geometry: &Geometry,
    objects: &mut HashMap<u32, Object>,
    chunk: &Chunk,
) {
    let Some(resize) = chunk.resize else { return };
    let number = chunk.tags.object;
    let object = objects.entry(number).or_default();
    if object.header.is_some() {
        if resize.is_shrink {
            object.shrink(resize.size);
        }
        return;
    }
    let Ok(bytes) = image.read_up_to(chunk.place, geometry.data_bytes) else { return };
    let Some(header) = Header::parse(&bytes, geometry.endian) else { return };
    let head_bytes = usize::try_from(HEADER_BYTES).unwrap_or(usize::MAX);
    object.attributes = attributes(bytes.get(head_bytes..).unwrap_or_default(), geometry.endian);
    object.place = chunk.place;
    object.is_gone = object.is_gone || header.is_removal();
    object.shrink(resize.size);
    object.size = object.size.max(resize.size);
    let shadows = header.shadows;
    object.header = Some(header);
    // What was replaced is gone unless it was written again later.
    if let Some(shadowed) = shadows.filter(|&shadowed| shadowed != number) {
        let gone = || Object { is_gone: true, shrunk_to: Some(0), ..Object::default() };
        objects.entry(shadowed).or_insert_with(gone);
    }
}

fn add_piece(geometry: &Geometry, object: &mut Object, chunk: &Chunk) {
    let start = u64::from(chunk.tags.chunk.saturating_sub(1)) * geometry.data_bytes;
    if object.shrunk_to.is_some_and(|size| start >= size) {
        return;
    }
    let piece = Piece { place: chunk.place, bytes: chunk.tags.bytes };
    object.pieces.entry(chunk.tags.chunk).or_insert(piece);
    if object.header.is_none() {
        // It was written to since its header was.
        object.size = object.size.max(start + u64::from(chunk.tags.bytes));
    }
}

/// YAFFS1 has no order of blocks: of two chunks with the same number, the one whose counter of two
/// bits is one further is the newer. Headers then go before data, whose size they tell.
fn newest_by_counter(chunks: Vec<Chunk>) -> Vec<Chunk> {
    let mut newest: BTreeMap<(u32, u32), Chunk> = BTreeMap::new();
    for chunk in chunks {
        let key = (chunk.tags.object, chunk.tags.chunk);
        let is_newer = newest
            .get(&key)
            .is_none_or(|known| (known.tags.sequence + 1) & 3 == chunk.tags.sequence & 3);
        if is_newer {
            newest.insert(key, chunk);
        }
    }
    let rank = |mut chunk: Chunk| {
        chunk.tags.sequence = u32::from(chunk.resize.is_some());
        chunk
    };
    newest.into_values().map(rank).collect()
}
