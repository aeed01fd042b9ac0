//! The header of an rpm package: an index of tags and the data that it points into
//! (`docs/manual/format_header.md` of rpm). A package file and a package database hold the same.

use bytes::Bytes;

use crate::{Endian::Big, Extent, Fault, View};

/// Signature of a header in a file: magic and version 1. A database leaves it out.
const MAGIC: &[u8] = b"\x8e\xad\xe8\x01";
const MAGIC_BYTES: u64 = 8;
const INDEX_BYTES: usize = 16;
/// Limits of rpm itself.
const ENTRIES_MAX: u32 = 0xffff;
const DATA_BYTES_MAX: u32 = 256 << 20;

/// A header: tags of `include/rpm/rpmtag.h` with their values.
#[derive(Debug)]
pub struct RpmHeader {
    index: Vec<Index>,
    data: Bytes,
    /// Bytes of the whole header.
    pub(super) length: u64,
}

#[derive(Clone, Copy, Debug)]
struct Index {
    tag: u32,
    offset: usize,
    count: usize,
}

impl RpmHeader {
    /// Reads the header that stands in a package file at this offset.
    pub(super) fn read(extent: &Extent, at: u64) -> Result<Self, Fault> {
        if extent.read(at, 4)?[..] != *MAGIC {
            return Err(Fault::new(at, "read an rpm header", "not a header"));
        }
        let mut header = Self::of(&extent.from(at + MAGIC_BYTES)).map_err(|f| f.within(at))?;
        header.length += MAGIC_BYTES;
        Ok(header)
    }

    /// Reads a header as the package database keeps it: without the magic number.
    ///
    /// # Errors
    /// A [`Fault`] where the counts are over the limits of rpm or the bytes end too early.
    pub fn of(extent: &Extent) -> Result<Self, Fault> {
        let head = extent.read(0, 8)?;
        let view = View(&head);
        let (count, size) = (view.u32(0, Big)?, view.u32(4, Big)?);
        if count > ENTRIES_MAX || size > DATA_BYTES_MAX {
            return Err(Fault::new(0, "read an rpm header", "not a header"));
        }
        let index_bytes = u64::from(count) * 16;
        let index = extent.read(8, index_bytes)?;
        let data = extent.read(8 + index_bytes, u64::from(size))?;
        let entry = |bytes: &[u8]| {
            let word = |at: usize| View(bytes).u32(at, Big);
            let wide = |at: usize| word(at).map(|word| usize::try_from(word).unwrap_or(usize::MAX));
            Ok(Index { tag: word(0)?, offset: wide(8)?, count: wide(12)? })
        };
        let index = index.chunks_exact(INDEX_BYTES).map(entry).collect::<Result<_, Fault>>()?;
        Ok(Self { index, data, length: 8 + index_bytes + u64::from(size) })
    }

    /// The data of a tag, from its first value on, and the number of values.
    pub(super) fn find(&self, tag: u32) -> Option<(View<'_>, usize)> {
        let index = self.index.iter().find(|index| index.tag == tag)?;
        Some((View(self.data.get(index.offset..)?), index.count))
    }

    /// The first string of a tag.
    pub fn text(&self, tag: u32) -> Option<&[u8]> {
        let (view, _) = self.find(tag)?;
        let end = memchr::memchr(0, view.0)?;
        view.0.get(..end)
    }

    /// All strings of a tag; they stand one after the other, each with a zero.
    pub fn texts(&self, tag: u32) -> Vec<&[u8]> {
        let Some((view, count)) = self.find(tag) else { return Vec::new() };
        view.0.split(|&byte| byte == 0).take(count).collect()
    }

    /// The first 32-bit number of a tag.
    pub fn number(&self, tag: u32) -> Option<u32> {
        self.find(tag)?.0.u32(0, Big).ok()
    }

    /// All numbers of a tag, of `width` bytes each.
    pub fn numbers(&self, tag: u32, width: usize) -> Vec<u64> {
        let Some((view, count)) = self.find(tag).filter(|_| width > 0) else { return Vec::new() };
        let numbers = view.0.chunks_exact(width).take(count);
        numbers.map(|bytes| bytes.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))).collect()
    }
}
