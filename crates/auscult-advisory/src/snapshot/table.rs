//! A layer's tables: sorted keys with values, in compressed blocks that are verified when read.

use std::{
    io::Read,
    ops::Range,
    sync::{Arc, OnceLock},
};

use auscult_model::Sha256;
use rayon::prelude::*;

use crate::{
    Error, Result,
    codec::{Decoded, Reader, Short},
    snapshot::format::{LayerHeader, Source},
};

/// Room made for a block before it is unpacked; a larger one makes its room as it grows.
const ROOM_BYTES_MAX: u64 = 1 << 20;

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Deflate (RFC 1951): quick to read; for snapshots on disk.
    Deflate,
    /// XZ: small; for the snapshot inside the program.
    Xz,
}

impl Compression {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Deflate => 0,
            Self::Xz => 1,
        }
    }
}

/// The directory entry of a block.
struct BlockHeader {
    offset: u64,
    length: u64,
    raw_length: u64,
    digest: Sha256,
    first_key: Vec<u8>,
}

/// A block in memory, with the places of its keys and values.
struct Block {
    bytes: Vec<u8>,
    entries: Vec<(Range<usize>, Range<usize>)>,
}

impl Block {
    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.bytes.get(range.clone()).unwrap_or_default()
    }

    fn find(&self, key: &[u8]) -> Option<&[u8]> {
        let at = self.entries.binary_search_by(|(k, _)| self.slice(k).cmp(key)).ok()?;
        self.entries.get(at).map(|(_, value)| self.slice(value))
    }
}

/// A table of a layer.
pub(crate) struct Table {
    layer: String,
    compression: u8,
    blocks: Vec<BlockHeader>,
    cache: Vec<OnceLock<Arc<Block>>>,
}

/// Reads the directory of a layer, verifies it, and gives its tables in order.
pub(crate) fn read_tables(source: &Source, base: u64, header: &LayerHeader) -> Result<Vec<Table>> {
    let start = base.saturating_add(header.offset);
    let directory = source.read(start, header.directory_bytes)?;
    if Sha256::of(&directory) != header.digest {
        return Err(Error::Digest { layer: header.name.clone(), what: "its directory".into() });
    }
    let blocks_at = start.saturating_add(header.directory_bytes);
    let blocks_end = start.saturating_add(header.length);
    directory_tables(&directory, &header.name, blocks_at, blocks_end).map_err(|Short| {
        Error::Malformed { layer: header.name.clone(), what: "a directory of tables" }
    })
}

fn directory_tables(bytes: &[u8], layer: &str, at: u64, end: u64) -> Decoded<Vec<Table>> {
    let mut reader = Reader::new(bytes);
    let mut offset = at;
    let tables = reader.list(|reader| {
        let compression = reader.byte()?;
        let blocks = reader.list(|reader| {
            let length = reader.number()?;
            let raw_length = reader.number()?;
            let digest = reader.fixed(32)?.try_into().map_err(|_| Short)?;
            let first_key = reader.slice()?.to_vec();
            let block =
                BlockHeader { offset, length, raw_length, digest: Sha256(digest), first_key };
            offset = offset.checked_add(length).ok_or(Short)?;
            Ok(block)
        })?;
        let cache = blocks.iter().map(|_| OnceLock::new()).collect();
        Ok(Table { layer: layer.to_owned(), compression, blocks, cache })
    })?;
    // Blocks fill the layer to its last byte: nothing can hide between them.
    if offset == end && reader.is_empty() { Ok(tables) } else { Err(Short) }
}

impl Table {
    /// Reads the value of a key where it stands: that of the kernel has megabytes.
    pub(crate) fn get<T>(
        &self,
        source: &Source,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> T,
    ) -> Result<Option<T>> {
        let after = self.blocks.partition_point(|block| block.first_key.as_slice() <= key);
        let Some(index) = after.checked_sub(1) else { return Ok(None) };
        Ok(self.block(source, index)?.find(key).map(read))
    }

    /// Calls a function with every key and value, in order.
    pub(crate) fn each(&self, source: &Source, mut visit: impl FnMut(&[u8], &[u8])) -> Result<()> {
        for index in 0..self.blocks.len() {
            let block = self.read_block(source, index)?;
            for (key, value) in &block.entries {
                visit(block.slice(key), block.slice(value));
            }
        }
        Ok(())
    }

    /// Calls a function with every key that begins with a text, in order; only the blocks that may
    /// hold such keys are read.
    pub(crate) fn each_beginning(
        &self,
        source: &Source,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8]),
    ) -> Result<()> {
        let start = self.blocks.partition_point(|block| block.first_key.as_slice() <= prefix);
        for index in start.saturating_sub(1)..self.blocks.len() {
            let past = |block: &BlockHeader| {
                block.first_key.as_slice() > prefix && !block.first_key.starts_with(prefix)
            };
            if self.blocks.get(index).is_none_or(past) {
                break;
            }
            let block = self.block(source, index)?;
            for (key, _) in &block.entries {
                let key = block.slice(key);
                if key.starts_with(prefix) {
                    visit(key);
                }
            }
        }
        Ok(())
    }

    fn block(&self, source: &Source, index: usize) -> Result<Arc<Block>> {
        let Some(slot) = self.cache.get(index) else { return Err(self.malformed()) };
        if let Some(block) = slot.get() {
            return Ok(Arc::clone(block));
        }
        let block = Arc::new(self.read_block(source, index)?);
        Ok(Arc::clone(slot.get_or_init(|| block)))
    }

    fn malformed(&self) -> Error {
        Error::Malformed { layer: self.layer.clone(), what: "a block of sorted keys" }
    }

    /// Compares every block with its digest, without unpacking it.
    pub(crate) fn check(&self, source: &Source) -> Result<()> {
        let indices = (0..self.blocks.len()).into_par_iter();
        indices.map(|index| self.packed_block(source, index).map(drop)).collect()
    }

    /// Compares every block with its digest, unpacks it.
    pub(crate) fn verify(&self, source: &Source) -> Result<()> {
        let indices = (0..self.blocks.len()).into_par_iter();
        indices.map(|index| self.read_block(source, index).map(drop)).collect()
    }

    /// Digest, offset in the file and length of each block as it is stored.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = (Sha256, u64, u64)> {
        self.blocks.iter().map(|block| (block.digest, block.offset, block.length))
    }

    /// The bytes of a block as they are stored, verified.
    fn packed_block(&self, source: &Source, index: usize) -> Result<(&BlockHeader, Vec<u8>)> {
        let header = self.blocks.get(index).ok_or_else(|| self.malformed())?;
        let packed = source.read(header.offset, header.length)?;
        if Sha256::of(&packed) != header.digest {
            let what = format!("block {index}");
            return Err(Error::Digest { layer: self.layer.clone(), what });
        }
        Ok((header, packed))
    }

    fn read_block(&self, source: &Source, index: usize) -> Result<Block> {
        let (header, packed) = self.packed_block(source, index)?;
        let bytes =
            unpack(&packed, self.compression, header.raw_length).ok_or_else(|| self.malformed())?;
        let entries = places(&bytes).map_err(|Short| self.malformed())?;
        Ok(Block { bytes, entries })
    }
}

fn unpack(packed: &[u8], compression: u8, raw_length: u64) -> Option<Vec<u8>> {
    // One byte more than announced is read, so that a longer stream shows.
    let limit = raw_length.checked_add(1)?;
    let mut bytes = Vec::with_capacity(usize::try_from(limit.min(ROOM_BYTES_MAX)).ok()?);
    match compression {
        0 => flate2::read::DeflateDecoder::new(packed).take(limit).read_to_end(&mut bytes).ok()?,
        1 => lzma_rust2::XzReader::new(packed, false).take(limit).read_to_end(&mut bytes).ok()?,
        _ => return None,
    };
    (u64::try_from(bytes.len()).ok()? == raw_length).then_some(bytes)
}

fn places(bytes: &[u8]) -> Decoded<Vec<(Range<usize>, Range<usize>)>> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    let place = |reader: &mut Reader<'_>| {
        let length = reader.slice()?.len();
        let end = bytes.len() - reader.remaining();
        Ok(end - length..end)
    };
    while !reader.is_empty() {
        entries.push((place(&mut reader)?, place(&mut reader)?));
    }
    Ok(entries)
}
