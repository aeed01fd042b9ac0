//! Tags: what tells of each chunk which part of which object it holds. YAFFS2 has words
//! (`yaffs_packedtags2.h`), YAFFS1 bit fields spread over the spare bytes (`yaffs_packedtags1.h`,
//! `yaffs_tagscompat.c`).

use super::header::OBJECT_MAX;
use crate::{Endian, Fault, View};

/// Bytes of YAFFS2's tags without what corrects their errors.
pub(super) const TAGS_BYTES: u64 = 16;
/// Bytes of spare that YAFFS1 uses.
pub(super) const SPARE1_BYTES: u64 = 16;
/// Numbers of blocks in the order in which they were written (`YAFFS_LOWEST_SEQUENCE_NUMBER`,
/// `YAFFS_HIGHEST_SEQUENCE_NUMBER`), and of those that hold a checkpoint instead.
const SEQUENCE_MIN: u32 = 0x1000;
const SEQUENCE_MAX: u32 = 0xefff_ff00;
const SEQUENCE_CHECKPOINT: u32 = 0x21;
/// Largest number of a chunk in an object (`YAFFS_MAX_CHUNK_ID`).
const CHUNK_MAX: u32 = 0xf_ffff;
/// Set in the number of a header's chunk where parts of the header replace other fields
/// (`EXTRA_HEADER_INFO_FLAG`, and all flags).
const EXTRA: u32 = 0x8000_0000;
const EXTRA_FLAGS: u32 = 0xf000_0000;

/// Where YAFFS1's tags and the status of the page are in the spare bytes (`struct yaffs_spare`).
const TAG_PLACES: [usize; 8] = [0, 1, 2, 3, 6, 7, 11, 12];
const PAGE_STATUS: usize = 4;

/// What is known of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tags {
    /// Number of its block in the order of writing; in YAFFS1 a counter of two bits.
    pub(super) sequence: u32,
    pub(super) object: u32,
    /// Zero for a header, else the number of the part, from one on.
    pub(super) chunk: u32,
    /// Bytes of the part.
    pub(super) bytes: u32,
}

/// What tags say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing was written.
    Erased,
    /// Something that is no part of any object, or was deleted.
    Other,
    /// A part of an object.
    Chunk(Tags),
}

/// Reads YAFFS2's tags; nothing where they make no sense for chunks of this size.
pub(super) fn parse_tags2(bytes: &[u8], endian: Endian, data_bytes: u64) -> Option<Found> {
    let view = View(bytes);
    let word = |offset| view.u32(offset, endian).ok();
    let (sequence, object, chunk, bytes) = (word(0)?, word(4)?, word(8)?, word(12)?);
    if sequence == u32::MAX {
        return ([object, chunk, bytes] == [u32::MAX; 3]).then_some(Found::Erased);
    }
    if sequence == SEQUENCE_CHECKPOINT {
        return Some(Found::Other);
    }
    let is_extra = chunk & EXTRA != 0;
    let tags = Tags {
        sequence,
        object: if is_extra { object & !EXTRA_FLAGS } else { object },
        chunk: if is_extra { 0 } else { chunk },
        bytes: if is_extra { 0 } else { bytes },
    };
    let fits = (SEQUENCE_MIN..SEQUENCE_MAX).contains(&sequence)
        && (1..=OBJECT_MAX).contains(&tags.object)
        && tags.chunk <= CHUNK_MAX
        && (tags.chunk == 0 || (1..=data_bytes).contains(&u64::from(bytes)));
    fits.then_some(Found::Chunk(tags))
}

/// Reads YAFFS1's tags out of the spare bytes, with the page's status between them.
pub(super) fn parse_tags1(spare: &[u8], endian: Endian, data_bytes: u64) -> Option<Found> {
    let page_status = spare.get(PAGE_STATUS)?;
    let mut tags = [0; 8];
    for (tag, place) in tags.iter_mut().zip(TAG_PLACES) {
        *tag = *spare.get(place)?;
    }
    if tags == [0xff; 8] {
        return Some(Found::Erased);
    }
    let fields = Fields::read(tags, endian).ok()?;
    let bytes = fields.bytes;
    let fits = fields.correction == correction_of(tags, endian)
        && fields.object > 0
        // A header's length is not told.
        && (fields.chunk == 0 || (1..=data_bytes).contains(&u64::from(bytes)));
    // A page is deleted by clearing its status; a bit may flip by itself.
    if fits && page_status.count_ones() < 7 {
        return Some(Found::Other);
    }
    let Fields { chunk, serial, object, .. } = fields;
    fits.then_some(Found::Chunk(Tags { sequence: serial, object, chunk, bytes }))
}

/// YAFFS1's bit fields (`struct yaffs_packed_tags1`).
struct Fields {
    chunk: u32,
    serial: u32,
    bytes: u32,
    object: u32,
    correction: u32,
}

impl Fields {
    fn read(tags: [u8; 8], endian: Endian) -> Result<Self, Fault> {
        let (first, second) = (View(&tags).u32(0, endian)?, View(&tags).u32(4, endian)?);
        Ok(match endian {
            Endian::Little => Self {
                chunk: first & 0xf_ffff,
                serial: first >> 20 & 3,
                bytes: first >> 22 | second >> 30 << 10,
                object: second & 0x3_ffff,
                correction: second >> 18 & 0xfff,
            },
            Endian::Big => Self {
                chunk: first >> 12,
                serial: first >> 10 & 3,
                bytes: first & 0x3ff | (second & 3) << 10,
                object: second >> 14,
                correction: second >> 2 & 0xfff,
            },
        })
    }
}

/// The code that corrects single flipped bits of the tags: the exclusive or of the numbers of all
/// bits that are set, from one on, itself not counted (`yaffs_calc_tags_ecc`).
fn correction_of(mut tags: [u8; 8], endian: Endian) -> u32 {
    let mask: u32 = match endian {
        Endian::Little => 0xfff << 18,
        Endian::Big => 0xfff << 2,
    };
    let bytes = match endian {
        Endian::Little => mask.to_le_bytes(),
        Endian::Big => mask.to_be_bytes(),
    };
    for (tag, mask) in tags.iter_mut().skip(4).zip(bytes) {
        *tag &= !mask;
    }
    let word = u64::from_le_bytes(tags);
    (0..64).filter(|bit| word >> bit & 1 == 1).fold(0, |code, bit| code ^ (bit + 1))
}

/// Packs tags as YAFFS1 does, for tests.
#[cfg(test)]
pub(super) fn pack_tags1(tags: Tags, endian: Endian) -> [u8; 8] {
    let Tags { sequence, object, chunk, bytes } = tags;
    let pack = |correction: u32| match endian {
        Endian::Little => {
            let first = chunk | sequence << 20 | (bytes & 0x3ff) << 22;
            let second = object | correction << 18 | bytes >> 10 << 30;
            [first.to_le_bytes(), second.to_le_bytes()].concat()
        }
        Endian::Big => {
            let first = chunk << 12 | sequence << 10 | bytes & 0x3ff;
            let second = object << 14 | correction << 2 | bytes >> 10;
            [first.to_be_bytes(), second.to_be_bytes()].concat()
        }
    };
    let bare: [u8; 8] = pack(0).try_into().unwrap();
    pack(correction_of(bare, endian)).try_into().unwrap()
}
