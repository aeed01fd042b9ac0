//! How an image is laid out: sizes of pages and spare bytes, and where in these the tags are.
//! Nothing tells it. The first chunk is a header; the layout is right under which its tags, and
//! those of the chunks behind it, say what their pages hold.

use std::cmp::Reverse;

use super::{
    header::{HEADER_BYTES, Header, Kind},
    tags::{Found, SPARE1_BYTES, TAGS_BYTES, parse_tags1, parse_tags2},
};
use crate::{Endian, Extent, formats::support::window::Window};

/// Pages with the sizes of spare bytes that go with them.
const LAYOUTS: [(u64, &[u64]); 6] = [
    (512, &[16, 32, 64]),
    (1024, &[32, 16, 64]),
    (2048, &[64, 128, 112, 32]),
    (4096, &[128, 256, 218, 224, 64, 512]),
    (8192, &[256, 512, 448, 640, 128]),
    (16_384, &[512, 1280, 1024, 256]),
];
/// Chunks that are looked at.
const CHUNKS_CHECKED: u64 = 64;
/// Bytes that these take up at most.
const BYTES_CHECKED: u64 = CHUNKS_CHECKED * (16_384 + 1280);
/// Furthest offset of the tags in the spare bytes.
const OFFSET_MAX: u64 = 64;
/// Of this many chunks, one may make no sense: flash has errors.
const ERROR_SHARE: u64 = 8;

/// A layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) endian: Endian,
    /// Bytes of a chunk that are the file's.
    pub(super) data_bytes: u64,
    /// Bytes from one chunk to the next.
    pub(super) stride: u64,
    pub(super) tagging: Tagging,
}

/// How and where chunks are tagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tagging {
    /// YAFFS1, in the spare bytes.
    One,
    /// YAFFS2, at this offset of the spare bytes.
    Two {
        /// That offset.
        offset: u64,
    },
    /// YAFFS2, in the page itself, whose last bytes they take.
    InBand,
    /// The spare bytes were left out.
    Lost,
}

impl Geometry {
    /// Place and length of a chunk's tags, from its start.
    fn tags_at(&self) -> (u64, u64) {
        match self.tagging {
            Tagging::One => (self.data_bytes, SPARE1_BYTES),
            Tagging::Two { offset } => (self.data_bytes + offset, TAGS_BYTES),
            Tagging::InBand => (self.data_bytes, TAGS_BYTES),
            Tagging::Lost => (0, 0),
        }
    }

    /// Reads the tags of the chunk at `place`.
    pub(super) fn tags(&self, window: &mut Window<'_>, place: u64) -> Option<Found> {
        let (offset, length) = self.tags_at();
        let bytes = window.at(place.saturating_add(offset), length);
        match self.tagging {
            Tagging::One => parse_tags1(bytes, self.endian, self.data_bytes),
            Tagging::Two { .. } | Tagging::InBand => {
                parse_tags2(bytes, self.endian, self.data_bytes)
            }
            Tagging::Lost => None,
        }
    }

    /// How many of the first chunks have tags that fit what they hold; nothing where too many do
    /// not.
    fn score(&self, window: &mut Window<'_>, length: u64) -> Option<u64> {
        let (mut good, mut bad) = (0, 0);
        for index in 0..CHUNKS_CHECKED {
            let place = index * self.stride;
            if place + self.stride > length {
                break;
            }
            let fits = match self.tags(window, place) {
                Some(Found::Erased | Found::Other) if index > 0 => continue,
                Some(Found::Chunk(tags)) if tags.chunk == 0 => {
                    Header::parse(window.at(place, HEADER_BYTES), self.endian).is_some()
                }
                Some(Found::Chunk(_)) => index > 0,
                _ => false,
            };
            if fits {
                good += 1;
            } else if index == 0 {
                return None;
            } else {
                bad += 1;
            }
        }
        (good > 0 && bad * ERROR_SHARE <= good).then_some(good)
    }

    /// How many headers follow each other where chunks have no tags: the data of each file stands
    /// behind its header, as the tools write it. Nothing where they do not follow.
    fn chain(&self, window: &mut Window<'_>, length: u64) -> Option<u64> {
        let (mut place, mut headers) = (0_u64, 0);
        while place < length && headers < CHUNKS_CHECKED {
            let head = window.at(place, HEADER_BYTES);
            let Some(header) = Header::parse(head, self.endian) else {
                let is_erased = headers > 1 && head.iter().all(|&byte| byte == 0xff);
                return is_erased.then_some(headers);
            };
            headers += 1;
            place = place.saturating_add(self.file_chunks(&header).saturating_mul(self.stride));
        }
        // A single one must end with the image.
        (headers > 1 || place == length).then_some(headers)
    }

    /// Chunks that a file takes up: its header and its data.
    pub(super) fn file_chunks(&self, header: &Header) -> u64 {
        let size = if header.kind == Kind::File { header.size } else { 0 };
        size.div_ceil(self.data_bytes).saturating_add(1)
    }
}

/// Every layout with tags, the usual ones first.
fn layouts(endian: Endian) -> impl Iterator<Item = Geometry> {
    let pages = LAYOUTS.into_iter();
    let spares = pages.flat_map(|(page_bytes, spares)| {
        spares.iter().map(move |&spare_bytes| (page_bytes, spare_bytes))
    });
    let outside = spares.flat_map(move |(page_bytes, spare_bytes)| {
        let layout = move |tagging| {
            let stride = page_bytes + spare_bytes;
            Geometry { endian, data_bytes: page_bytes, stride, tagging }
        };
        let offset_max = spare_bytes.saturating_sub(TAGS_BYTES).min(OFFSET_MAX);
        let one = (page_bytes == 512).then(|| layout(Tagging::One));
        one.into_iter().chain((0..=offset_max).map(move |offset| layout(Tagging::Two { offset })))
    });
    let inside = LAYOUTS.into_iter().map(move |(page_bytes, _)| {
        let data_bytes = page_bytes - TAGS_BYTES;
        Geometry { endian, data_bytes, stride: page_bytes, tagging: Tagging::InBand }
    });
    outside.chain(inside.filter(|geometry| geometry.data_bytes >= HEADER_BYTES))
}

/// Finds the layout of an image that begins with a header in this byte order.
pub(super) fn find(image: &Extent, endian: Endian) -> Option<Geometry> {
    let head = Extent::from_memory(image.vault(), image.read_up_to(0, BYTES_CHECKED).ok()?);
    let mut window = Window::new(&head);
    let mut best: Option<(u64, Geometry)> = None;
    for geometry in layouts(endian) {
        let Some(score) = geometry.score(&mut window, head.len()) else { continue };
        // A file of whole chunks speaks for a layout. The first of equal ones is the usual one.
        let score = score * 2 + u64::from(image.len().is_multiple_of(geometry.stride));
        if best.is_none_or(|(known, _)| score > known) {
            best = Some((score, geometry));
        }
    }
    let without_spare = || {
        let mut window = Window::new(image);
        let pages = LAYOUTS.into_iter().map(|(page_bytes, _)| {
            let (data_bytes, stride) = (page_bytes, page_bytes);
            Geometry { endian, data_bytes, stride, tagging: Tagging::Lost }
        });
        let scores = pages
            .filter_map(|geometry| Some((geometry.chain(&mut window, image.len())?, geometry)));
        let best = scores.max_by_key(|&(headers, geometry)| (headers, Reverse(geometry.stride)));
        best.map(|(_, geometry)| geometry)
    };
    best.map(|(_, geometry)| geometry).or_else(without_spare)
}
