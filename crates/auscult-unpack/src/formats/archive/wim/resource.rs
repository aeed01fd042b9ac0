//! Resources of Windows images: bytes in chunks that are packed one by one.

use std::sync::Arc;

use crate::{
    Derive,
    Endian::Little,
    Extent, Fault, Sink, View,
    codec::{BlockCodec, decode_block},
};

/// Flags of a resource.
const FLAG_METADATA: u8 = 2;
const FLAG_COMPRESSED: u8 = 4;
const FLAG_SOLID: u8 = 0x10;
/// Offsets of chunks have eight bytes in resources larger than this.
const NARROW_BYTES_MAX: u64 = u32::MAX as u64;
/// Chunks of one resource, at most.
const CHUNKS_MAX: u64 = 1 << 22;
/// Header of a solid resource: size, size of its chunks, compression.
const SOLID_HEADER_BYTES: u64 = 16;

/// How chunks are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Xpress,
    Lzx,
    Lzms,
    Other(u32),
}

impl Compression {
    pub(super) fn name(self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Xpress => "xpress".to_owned(),
            Self::Lzx => "lzx".to_owned(),
            Self::Lzms => "lzms".to_owned(),
            Self::Other(other) => format!("{other:#x}"),
        }
    }

    /// The decoder of a chunk; otherwise why there is none.
    fn codec(self, chunk_bytes: u64) -> Result<BlockCodec, String> {
        match self {
            Self::Xpress => Ok(BlockCodec::XpressHuffman),
            Self::Lzx => Ok(BlockCodec::ImageLzx(chunk_bytes.trailing_zeros().max(15))),
            other => Err(format!("compressed by {}", other.name().to_uppercase())),
        }
    }
}

/// Where a resource is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) packed: u64,
    flags: u8,
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Header {
    /// Seven bytes of packed size, flags, offset, size.
    pub(super) fn parse(view: View<'_>, at: usize) -> Result<Self, Fault> {
        let [size @ .., flags] = view.array::<8>(at)?;
        let [s0, s1, s2, s3, s4, s5, s6] = size;
        Ok(Self {
            packed: u64::from_le_bytes([s0, s1, s2, s3, s4, s5, s6, 0]),
            flags,
            offset: view.u64(at + 8, Little)?,
            size: view.u64(at + 16, Little)?,
        })
    }

    pub(super) fn end(&self) -> u64 {
        if self.packed == 0 { 0 } else { self.offset.saturating_add(self.packed) }
    }

    pub(super) fn is_metadata(self) -> bool {
        self.flags & FLAG_METADATA != 0
    }

    pub(super) fn is_solid(self) -> bool {
        self.flags & FLAG_SOLID != 0
    }
}

/// A resource and how it is packed.
pub(super) struct Resource {
    pub(super) header: Header,
    pub(super) compression: Compression,
    pub(super) chunk_bytes: u64,
    pub(super) pipable: bool,
}

fn fault(at: u64, why: impl Into<String>) -> Fault {
    Fault::new(at, "read a resource of the image", why)
}

impl Resource {
    /// Its unpacked bytes.
    pub(super) fn extent(&self, file: &Extent) -> Result<Extent, Fault> {
        let Header { packed, flags, offset, size } = self.header;
        let stored = file.slice(offset, packed).ok_or_else(|| fault(offset, "truncated"))?;
        if flags & FLAG_COMPRESSED == 0 {
            return Ok(stored.clamp(0, size));
        }
        let codec = self.compression.codec(self.chunk_bytes).map_err(|why| fault(offset, why))?;
        let count = chunk_count(size, self.chunk_bytes).ok_or_else(|| fault(offset, "too long"))?;
        let places = if self.pipable {
            piped(&stored, count)?
        } else {
            let width = if size > NARROW_BYTES_MAX { 8 } else { 4 };
            let base = count.saturating_sub(1) * width;
            let mut starts = vec![0];
            starts.extend(words(&stored, 0, base, width)?);
            let ends = starts.iter().copied().skip(1).chain([stored.len().saturating_sub(base)]);
            starts.iter().zip(ends).map(|(&start, end)| (base + start, base + end)).collect()
        };
        Ok(join(&stored, &places, codec, self.chunk_bytes, size))
    }
}

/// A solid resource: one run of chunks in which many blobs lie.
pub(super) fn solid(file: &Extent, header: Header) -> Result<Extent, Fault> {
    let offset = header.offset;
    let stored = file.slice(offset, header.packed).ok_or_else(|| fault(offset, "truncated"))?;
    let head = stored.read(0, SOLID_HEADER_BYTES)?;
    let size = View(&head).u64(0, Little)?;
    let chunk_bytes = u64::from(View(&head).u32(8, Little)?);
    let compression = match View(&head).u32(12, Little)? {
        0 => Compression::None,
        1 => Compression::Xpress,
        2 => Compression::Lzx,
        3 => Compression::Lzms,
        other => Compression::Other(other),
    };
    let codec = compression.codec(chunk_bytes).map_err(|why| fault(offset, why))?;
    let count = chunk_count(size, chunk_bytes).ok_or_else(|| fault(offset, "too long"))?;
    let mut at = SOLID_HEADER_BYTES + count * 4;
    let mut places = Vec::new();
    for length in words(&stored, SOLID_HEADER_BYTES, count * 4, 4)? {
        places.push((at, at.saturating_add(length)));
        at = at.saturating_add(length);
    }
    Ok(join(&stored, &places, codec, chunk_bytes, size))
}

fn chunk_count(size: u64, chunk_bytes: u64) -> Option<u64> {
    let count = size.div_ceil(chunk_bytes.max(1));
    (count <= CHUNKS_MAX && chunk_bytes > 0).then_some(count)
}

/// A table of numbers.
fn words(stored: &Extent, at: u64, length: u64, width: u64) -> Result<Vec<u64>, Fault> {
    let table = stored.read(at, length)?;
    let width = usize::try_from(width).unwrap_or(8);
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    Ok(table.chunks_exact(width).map(word).collect())
}

/// In pipable images each chunk has its length in front.
fn piped(stored: &Extent, count: u64) -> Result<Vec<(u64, u64)>, Fault> {
    let (mut at, mut places) = (0_u64, Vec::new());
    for _ in 0..count {
        let length = u64::from(View(&stored.read(at, 4)?).u32(0, Little)?);
        places.push((at + 4, at + 4 + length));
        at += 4 + length;
    }
    Ok(places)
}

fn join(
    stored: &Extent,
    places: &[(u64, u64)],
    codec: BlockCodec,
    chunk_bytes: u64,
    size: u64,
) -> Extent {
    let vault = stored.vault();
    let (mut left, mut parts) = (size, Vec::with_capacity(places.len()));
    for &(start, end) in places {
        let length = left.min(chunk_bytes);
        left -= length;
        let packed = end.checked_sub(start).and_then(|length| stored.slice(start, length));
        parts.push(match packed {
            None => {
                let fault = fault(start, "a chunk that is not there");
                Extent::missing(vault, length, fault)
            }
            // What does not pack is stored.
            Some(packed) if packed.len() == length => packed,
            Some(packed) => {
                Extent::derived(&Arc::clone(vault), length, Chunk { packed, codec, length })
            }
        });
    }
    Extent::joined(vault, parts)
}

/// A chunk that is unpacked when read.
struct Chunk {
    packed: Extent,
    codec: BlockCodec,
    length: u64,
}

impl Derive for Chunk {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let length = usize::try_from(self.length.min(sink.allowance().saturating_add(1)));
        let bytes = self.packed.read_all()?;
        sink.push(&decode_block(self.codec, &bytes, length.unwrap_or(usize::MAX))?)
    }

    fn input_bytes(&self) -> u64 {
        self.packed.weight()
    }
}
