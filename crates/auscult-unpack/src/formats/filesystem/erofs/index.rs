//! Where the packed clusters of a file are: the index of logical clusters, with 8 bytes for each
//! (`struct z_erofs_lcluster_index`) or with 2 or 4 (`fs/erofs/zmap.c`, compacted indexes), and the
//! list of extents (`struct z_erofs_extent`) of large images.
//!
//! A logical cluster is the head of a packed cluster, from some byte on, or belongs to one before.

use super::{
    inode::{Inode, Layout},
    superblock::Superblock,
};
use crate::{Endian::Little, Extent, Fault, View, formats::support::budget::Budget};

/// Bits of `h_advise`.
const ADVISE_TWO_BYTES: u16 = 0x1;
const ADVISE_EXTENTS: u16 = 0x1;
const ADVISE_BIG_1: u16 = 0x2;
const ADVISE_BIG_2: u16 = 0x4;
const ADVISE_INLINE: u16 = 0x8;
const ADVISE_INTERLACED: u16 = 0x10;
const ADVISE_FRAGMENT: u16 = 0x20;

/// `Z_EROFS_LI_D0_CBLKCNT`: the distance is a count of packed blocks instead.
const COUNT_FLAG: u32 = 1 << 11;
/// `Z_EROFS_EXTENT_PLEN_MASK`.
const EXTENT_LENGTH_MASK: u32 = (2 << 20) - 1;
const WHAT: &str = "map a packed file";

/// How a cluster is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    /// Not packed; where `interlaced`, its bytes stand at the same offset of the block as in the
    /// file, turned round at the end.
    Plain { interlaced: bool },
    /// By the algorithm of this number.
    Packed(u8),
}

/// A packed cluster.
#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// Its first byte in the file.
    pub(super) logical: u64,
    pub(super) packing: Packing,
    pub(super) source: Source,
}

/// Where the bytes of a cluster are.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// In the image.
    Image {
        place: u64,
        length: u64,
    },
    /// Behind the index.
    Inline {
        place: u64,
        length: u64,
    },
    /// In the packed inode.
    Fragment {
        offset: u64,
    },
    Hole,
}

/// An entry of the index.
struct Entry {
    kind: u8,
    /// The offset in the logical cluster, or the distance to the head.
    low: u32,
    block: u32,
}

const KIND_PLAIN: u8 = 0;
const KIND_NEXT: u8 = 2;
const KIND_HEAD_2: u8 = 3;

/// `struct z_erofs_map_header`, which stands before the index.
struct Header {
    first: u32,
    tail_bytes: u16,
    advise: u16,
    algorithms: u8,
    cluster_log: u32,
    extents: u64,
}

/// Reads the index of one file.
pub(super) struct Reader<'image> {
    pub(super) superblock: &'image Superblock,
    /// The image, or the metabox if the inode is there.
    pub(super) area: &'image Extent,
    pub(super) budget: &'image mut Budget,
}

impl Reader<'_> {
    /// The clusters of a file in order. An empty file has none.
    pub(super) fn clusters(&mut self, inode: &Inode) -> Result<Vec<Cluster>, Fault> {
        let place = inode.tail_place().next_multiple_of(8);
        let bytes = self.area.read(place, 8)?;
        let view = View(&bytes);
        let word = view.u64(0, Little)?;
        if word >> 63 == 1 {
            // The whole file is a fragment.
            let source = Source::Fragment { offset: word & !(1 << 63) };
            return Ok(vec![Cluster { logical: 0, packing: Packing::Packed(0), source }]);
        }
        let header = Header {
            first: view.u32(0, Little)?,
            tail_bytes: view.u16(2, Little)?,
            advise: view.u16(4, Little)?,
            algorithms: view.u8(6)?,
            cluster_log: self.superblock.block_log + u32::from(view.u8(7)? & 0xf),
            extents: u64::from(view.u32(0, Little)?) | u64::from(view.u16(6, Little)?) << 32,
        };
        if inode.layout == Layout::Full && header.advise & ADVISE_EXTENTS != 0 {
            return self.extents(inode, &header, place + 8);
        }
        let count = inode.size.div_ceil(1 << header.cluster_log);
        let (entries, end) = if inode.layout == Layout::Full {
            self.full_index(place + 16, count)?
        } else {
            self.compact_index(&header, place + 8, count)?
        };
        self.heads(inode, &header, &entries, end)
    }

    /// Reads bytes of an index, which belong to no other file.
    fn take(&mut self, place: u64, length: Option<u64>) -> Result<bytes::Bytes, Fault> {
        let length = length.ok_or_else(|| Fault::new(place, WHAT, "the index is too long"))?;
        self.budget.take(length, place, WHAT)?;
        self.area.read(place, length)
    }

    fn full_index(&mut self, place: u64, count: u64) -> Result<(Vec<Entry>, u64), Fault> {
        let bytes = self.take(place, count.checked_mul(8))?;
        let mut entries = Vec::with_capacity(bytes.len() / 8);
        for record in bytes.chunks_exact(8) {
            let view = View(record);
            let (advise, offset) = (view.u16(0, Little)?, view.u16(2, Little)?);
            let kind = u8::try_from(advise & 3).unwrap_or(0);
            let (block, distance) = (view.u32(4, Little)?, view.u16(4, Little)?);
            let low = u32::from(if kind == KIND_NEXT { distance } else { offset });
            entries.push(Entry { kind, low, block });
        }
        Ok((entries, place + count * 8))
    }

    /// Packs of two entries in 8 bytes, then of sixteen in 32 if the file has them, then of two
    /// again. The long packs begin at a multiple of their length.
    fn compact_index(
        &mut self,
        header: &Header,
        place: u64,
        count: u64,
    ) -> Result<(Vec<Entry>, u64), Fault> {
        if header.cluster_log > 14 {
            let why = format!("logical clusters of 2^{} bytes", header.cluster_log);
            return Err(Fault::new(place, WHAT, why));
        }
        let aligning = (place.next_multiple_of(32) - place) / 4;
        let long = header.advise & ADVISE_TWO_BYTES != 0 && aligning < count;
        let first = if long { aligning } else { count };
        let middle = if long { (count - aligning) / 16 * 16 } else { 0 };
        let mut entries = Vec::new();
        let mut position = place;
        for (part, pack, pack_bytes) in
            [(first, 2, 8), (middle, 16, 32), (count - first - middle, 2, 8)]
        {
            let length = part.div_ceil(pack).checked_mul(pack_bytes);
            let bytes = self.take(position, length)?;
            position += length.unwrap_or(0);
            let pack_bytes = usize::try_from(pack_bytes).unwrap_or(8);
            for pack in bytes.chunks_exact(pack_bytes) {
                unpack(pack, header, &mut entries)?;
            }
            // The last pack may have an entry too many.
            if part % pack != 0 {
                entries.pop();
            }
        }
        Ok((entries, position))
    }

    /// Joins the entries to clusters; what the index ends at is the place of inline data.
    fn heads(
        &self,
        inode: &Inode,
        header: &Header,
        entries: &[Entry],
        end: u64,
    ) -> Result<Vec<Cluster>, Fault> {
        let cluster_bytes = 1_u64 << header.cluster_log;
        let mut clusters = Vec::new();
        let mut last = None;
        for (number, entry) in (0_u64..).zip(entries) {
            if entry.kind == KIND_NEXT {
                continue;
            }
            let logical = number.saturating_mul(cluster_bytes) + u64::from(entry.low);
            if u64::from(entry.low) >= cluster_bytes {
                let why = format!("offset {} in cluster {number}", entry.low);
                return Err(Fault::new(inode.place, WHAT, why));
            }
            if logical >= inode.size {
                break;
            }
            let next = usize::try_from(number + 1).ok().and_then(|next| entries.get(next));
            let source = Source::Image {
                place: u64::from(entry.block) << self.superblock.block_log,
                length: self.packed_bytes(header, entry, next),
            };
            clusters.push(Cluster { logical, packing: packing(header, entry.kind), source });
            last = Some((number, entry.block));
        }
        let (Some((number, block)), Some(cluster)) = (last, clusters.last_mut()) else {
            return Ok(clusters);
        };
        if header.advise & ADVISE_INLINE != 0 {
            cluster.source = Source::Inline { place: end, length: header.tail_bytes.into() };
        } else if header.advise & ADVISE_FRAGMENT != 0 {
            let high = if inode.layout == Layout::Full { u64::from(block) << 32 } else { 0 };
            cluster.source = Source::Fragment { offset: u64::from(header.first) | high };
            if number == 0 {
                cluster.logical = 0;
            }
        }
        Ok(clusters)
    }

    /// Packed bytes of the cluster of a head: the entry after it tells the number of blocks if
    /// there are several.
    fn packed_bytes(&self, header: &Header, head: &Entry, next: Option<&Entry>) -> u64 {
        let big = if head.kind == KIND_HEAD_2 { ADVISE_BIG_2 } else { ADVISE_BIG_1 };
        match next {
            Some(next)
                if header.advise & big != 0
                    && next.kind == KIND_NEXT
                    && next.low & COUNT_FLAG != 0 =>
            {
                u64::from(next.low & !COUNT_FLAG) << self.superblock.block_log
            }
            _ => 1 << header.cluster_log,
        }
    }

    /// Reads the list of extents; its records have from 4 to 32 bytes.
    fn extents(
        &mut self,
        inode: &Inode,
        header: &Header,
        after_header: u64,
    ) -> Result<Vec<Cluster>, Fault> {
        let record_bytes = 4_u64 << (header.advise >> 1 & 3);
        let mut place = after_header.next_multiple_of(record_bytes);
        // Short records stand for a logical cluster each; the shortest follow each other on disk
        // from a place that stands in front of them.
        let short = record_bytes <= 8;
        let mut following = None;
        if record_bytes == 4 {
            following = Some(View(&self.area.read(place, 8)?).u64(0, Little)?);
            place += 8;
        }
        let each = 1_u64 << header.cluster_log;
        let count = if short { inode.size.div_ceil(each) } else { header.extents };
        let bytes = self.take(place, count.checked_mul(record_bytes))?;
        let record_bytes = usize::try_from(record_bytes).unwrap_or(32);
        let mut clusters: Vec<Cluster> = Vec::new();
        for (number, record) in (0_u64..).zip(bytes.chunks_exact(record_bytes)) {
            let view = View(record);
            let word = |offset| view.u32(offset, Little).map_or(0, u64::from);
            let length = view.u32(0, Little)?;
            let logical = if short { number * each } else { word(12) | word(16) << 32 };
            if logical >= inode.size || clusters.last().is_some_and(|last| last.logical >= logical)
            {
                let why = format!("extent {number} begins at {logical:#x}");
                return Err(Fault::new(inode.place, WHAT, why));
            }
            let at = following.unwrap_or_else(|| word(4) | word(8) << 32);
            following = following.map(|at| at.saturating_add((length & EXTENT_LENGTH_MASK).into()));
            let last = number + 1 == count;
            clusters.push(Cluster {
                logical,
                packing: self.extent_packing(header, length, at),
                source: if last && header.advise & ADVISE_FRAGMENT != 0 {
                    Source::Fragment { offset: u64::from(length) | at.checked_shl(32).unwrap_or(0) }
                } else if length == 0 {
                    Source::Hole
                } else {
                    Source::Image { place: at, length: (length & EXTENT_LENGTH_MASK).into() }
                },
            });
        }
        Ok(clusters)
    }

    /// The upper four bits of the length tell the algorithm, counted from one.
    fn extent_packing(&self, header: &Header, length: u32, place: u64) -> Packing {
        match u8::try_from(length >> 28).unwrap_or(0) {
            0 => Packing::Plain {
                interlaced: header.advise & ADVISE_INTERLACED != 0
                    && place.is_multiple_of(self.superblock.block_bytes()),
            },
            number => Packing::Packed(number - 1),
        }
    }
}

fn packing(header: &Header, kind: u8) -> Packing {
    match kind {
        KIND_PLAIN => Packing::Plain { interlaced: header.advise & ADVISE_INTERLACED != 0 },
        KIND_HEAD_2 => Packing::Packed(header.algorithms >> 4),
        _ => Packing::Packed(header.algorithms & 0xf),
    }
}

/// Takes a pack of compact entries apart. Its last four bytes are the block before that of its
/// first head, or that of its first head where clusters may have several blocks; the blocks of
/// the others follow from how many the heads before them have.
fn unpack(pack: &[u8], header: &Header, entries: &mut Vec<Entry>) -> Result<(), Fault> {
    let view = View(pack);
    let count = if pack.len() == 8 { 2 } else { 16 };
    let entry_bits = (pack.len() - 4) * 8 / count;
    let low_bits = header.cluster_log.max(12);
    let base = view.u32(pack.len() - 4, Little)?;
    let big = header.advise & ADVISE_BIG_1 != 0;
    let mut blocks = u32::from(!big);
    let mut after_head = false;
    for index in 0..count {
        let bit = index * entry_bits;
        let word = view.u32(bit / 8, Little)? >> (bit % 8);
        let low = word & ((1 << low_bits) - 1);
        let kind = u8::try_from(word >> low_bits & 3).unwrap_or(0);
        entries.push(Entry { kind, low, block: base.wrapping_add(blocks) });
        if kind != KIND_NEXT {
            blocks = blocks.wrapping_add(1);
        } else if big && low & COUNT_FLAG != 0 {
            // The head before it counts as many blocks; it was counted as one if it is here.
            blocks = blocks.wrapping_add(low & !COUNT_FLAG);
            blocks = blocks.wrapping_sub(u32::from(after_head));
        }
        after_head = kind != KIND_NEXT;
    }
    Ok(())
}
