//! A layer's tables: sorted keys with values, in compressed blocks that are verified when read.

use std::{
    cell::RefCell,
    io::Read as _,
    sync::{Arc, OnceLock},
};

use auscult_model::Sha256;
use flate2::{Decompress, FlushDecompress, Status};
use rayon::prelude::*;

use crate::{
    Error, Result,
    codec::{Decoded, Reader, Short},
    snapshot::format::{LayerHeader, PART_BYTES_MAX, Source},
};

/// Room made for a block before it is unpacked; a larger one makes its room as it grows.
const ROOM_BYTES_MAX: u64 = 1 << 20;
/// Deflate packs nothing smaller than this part of it (258 bytes in two bits).
const DEFLATE_RATIO_MAX: u64 = 1032;

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// Deflate (RFC 1951): quick to read; for snapshots on disk.
    Deflate,
    /// XZ: small; for the snapshot inside the program.
    Xz,
    /// Not at all.
    Stored,
}

impl Compression {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Deflate => 0,
            Self::Xz => 1,
            Self::Stored => 2,
        }
    }
}

/// The checksum of a block as it is stored.
pub(crate) fn checksum(bytes: &[u8]) -> u64 {
    twox_hash::XxHash3_64::oneshot(bytes)
}

/// The directory entry of a block.
struct BlockHeader {
    offset: u64,
    length: u64,
    raw_length: u64,
    digest: Sha256,
    checksum: u64,
    /// In the directory: thousands of keys are quick to search where they stand side by side.
    first_key: Place,
}

/// A place in the bytes of a directory or a block, which are less than [`PART_BYTES_MAX`].
#[derive(Clone, Copy)]
struct Place {
    start: u32,
    end: u32,
}

impl Place {
    /// The place of what a reader of these bytes took last.
    fn of_last(taken: &[u8], reader: &Reader<'_>, bytes: &[u8]) -> Decoded<Self> {
        let end = bytes.len() - reader.remaining();
        let narrow = |at: usize| u32::try_from(at).map_err(|_| Short);
        Ok(Self { start: narrow(end - taken.len())?, end: narrow(end)? })
    }

    fn in_bytes(self, bytes: &[u8]) -> &[u8] {
        let range = usize::try_from(self.start).ok().zip(usize::try_from(self.end).ok());
        range.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default()
    }
}

/// A block in memory, with the places of its keys and values.
struct Block {
    bytes: Vec<u8>,
    entries: Vec<(Place, Place)>,
}

impl Block {
    fn slice(&self, place: Place) -> &[u8] {
        place.in_bytes(&self.bytes)
    }

    fn find(&self, key: &[u8]) -> Option<&[u8]> {
        let at = self.entries.binary_search_by(|(known, _)| self.slice(*known).cmp(key)).ok()?;
        self.entries.get(at).map(|(_, value)| self.slice(*value))
    }
}

/// The first bytes of a key as a number: two keys are in the order of these where they differ.
fn beginning(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    for (byte, of_key) in bytes.iter_mut().zip(key) {
        *byte = *of_key;
    }
    u128::from_be_bytes(bytes)
}

/// A table of a layer.
pub(crate) struct Table {
    layer: String,
    compression: u8,
    directory: Arc<[u8]>,
    blocks: Vec<BlockHeader>,
    /// What the first key of each block begins with: side by side, so that most steps of a search
    /// read nothing else.
    beginnings: Vec<u128>,
    cache: Vec<OnceLock<Block>>,
}

/// Reads the directory of a layer, verifies it, and gives its tables in order.
pub(crate) fn read_tables(source: &Source, base: u64, header: &LayerHeader) -> Result<Vec<Table>> {
    let start = base.saturating_add(header.offset);
    let directory: Arc<[u8]> = source.read(start, header.directory_bytes)?.into();
    if Sha256::of(&directory) != header.digest {
        return Err(Error::Digest { layer: header.name.clone(), what: "its directory".into() });
    }
    let blocks_at = start.saturating_add(header.directory_bytes);
    let blocks_end = start.saturating_add(header.length);
    directory_tables(&directory, &header.name, blocks_at, blocks_end).map_err(|Short| {
        Error::Malformed { layer: header.name.clone(), what: "a directory of tables" }
    })
}

fn directory_tables(bytes: &Arc<[u8]>, layer: &str, at: u64, end: u64) -> Decoded<Vec<Table>> {
    let mut reader = Reader::new(bytes);
    let mut offset = at;
    let tables = reader.list(|reader| {
        let compression = reader.byte()?;
        let blocks = reader.list(|reader| {
            let length = reader.number()?;
            let raw_length = reader.number()?;
            let digest = Sha256(reader.fixed(32)?.try_into().map_err(|_| Short)?);
            let checksum = reader.fixed(8)?.try_into().map_err(|_| Short)?;
            let checksum = u64::from_le_bytes(checksum);
            let key = reader.slice()?;
            let first_key = Place::of_last(key, reader, bytes)?;
            let block = BlockHeader { offset, length, raw_length, digest, checksum, first_key };
            offset = offset.checked_add(length).ok_or(Short)?;
            Ok(block)
        })?;
        let first_key = |block: &BlockHeader| beginning(block.first_key.in_bytes(bytes));
        let beginnings = blocks.iter().map(first_key).collect();
        let cache = blocks.iter().map(|_| OnceLock::new()).collect();
        let directory = Arc::clone(bytes);
        Ok(Table { layer: layer.to_owned(), compression, directory, blocks, beginnings, cache })
    })?;
    // Blocks fill the layer to its last byte: nothing can hide between them.
    if offset == end && reader.is_empty() { Ok(tables) } else { Err(Short) }
}

impl Table {
    /// The value of a key where it stands: that of the kernel has megabytes.
    pub(crate) fn get(&self, source: &Source, key: &[u8]) -> Result<Option<&[u8]>> {
        let Some(index) = self.after(key).checked_sub(1) else { return Ok(None) };
        Ok(self.block(source, index)?.find(key))
    }

    /// Calls a function with every key and value, in order.
    pub(crate) fn each(&self, source: &Source, mut visit: impl FnMut(&[u8], &[u8])) -> Result<()> {
        for index in 0..self.blocks.len() {
            let block = self.read_block(source, index)?;
            for (key, value) in &block.entries {
                visit(block.slice(*key), block.slice(*value));
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
        for index in self.after(prefix).saturating_sub(1)..self.blocks.len() {
            let past = |block: &BlockHeader| {
                let first_key = self.first_key(block);
                first_key > prefix && !first_key.starts_with(prefix)
            };
            if self.blocks.get(index).is_none_or(past) {
                break;
            }
            let block = self.block(source, index)?;
            for (key, _) in &block.entries {
                let key = block.slice(*key);
                if key.starts_with(prefix) {
                    visit(key);
                }
            }
        }
        Ok(())
    }

    /// The first block that begins behind a key.
    fn after(&self, key: &[u8]) -> usize {
        let begins = beginning(key);
        let start = self.beginnings.partition_point(|one| *one < begins);
        let end = self.beginnings.partition_point(|one| *one <= begins);
        let alike = self.blocks.get(start..end).unwrap_or_default();
        start + alike.partition_point(|block| self.first_key(block) <= key)
    }

    fn first_key(&self, block: &BlockHeader) -> &[u8] {
        block.first_key.in_bytes(&self.directory)
    }

    fn block(&self, source: &Source, index: usize) -> Result<&Block> {
        let Some(slot) = self.cache.get(index) else { return Err(self.malformed()) };
        if let Some(block) = slot.get() {
            return Ok(block);
        }
        // Two threads may both read it; the second result is dropped.
        let block = self.read_block(source, index)?;
        Ok(slot.get_or_init(|| block))
    }

    fn malformed(&self) -> Error {
        Error::Malformed { layer: self.layer.clone(), what: "a block of sorted keys" }
    }

    /// Compares every block with its checksum, without unpacking it.
    pub(crate) fn check(&self, source: &Source) -> Result<()> {
        let blocks = self.blocks.par_iter().enumerate();
        blocks.try_for_each_init(Vec::new, |room, (index, header)| {
            let packed = source.read_in(header.offset, header.length, room)?;
            if checksum(packed) == header.checksum { Ok(()) } else { Err(self.damaged(index)) }
        })
    }

    /// Compares every block with its checksum and its digest, unpacks it.
    pub(crate) fn verify(&self, source: &Source) -> Result<()> {
        self.check(source)?;
        let indices = (0..self.blocks.len()).into_par_iter();
        indices.map(|index| self.read_block(source, index).map(drop)).collect()
    }

    /// Digest, offset in the file and length of each block as it is stored.
    pub(crate) fn stretches(&self) -> impl Iterator<Item = (Sha256, u64, u64)> {
        self.blocks.iter().map(|block| (block.digest, block.offset, block.length))
    }

    fn damaged(&self, index: usize) -> Error {
        Error::Digest { layer: self.layer.clone(), what: format!("block {index}") }
    }

    fn read_block(&self, source: &Source, index: usize) -> Result<Block> {
        let header = self.blocks.get(index).ok_or_else(|| self.malformed())?;
        let bytes = ROOM.with_borrow_mut(|room| {
            let packed = source.read_in(header.offset, header.length, room)?;
            if Sha256::of(packed) != header.digest {
                return Err(self.damaged(index));
            }
            unpack(packed, self.compression, header.raw_length).ok_or_else(|| self.malformed())
        })?;
        let entries = places(&bytes).map_err(|Short| self.malformed())?;
        Ok(Block { bytes, entries })
    }
}

thread_local! {
    /// Where a thread reads the blocks that it unpacks.
    static ROOM: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// What unpacks them: making it anew takes as long as a small block.
    static INFLATER: RefCell<Decompress> = RefCell::new(Decompress::new(false));
}

/// Unpacks a block, which must be exactly as long as announced.
fn unpack(packed: &[u8], compression: u8, raw_length: u64) -> Option<Vec<u8>> {
    let packed_length = u64::try_from(packed.len()).ok()?;
    match compression {
        0 => {
            let most = packed_length.saturating_mul(DEFLATE_RATIO_MAX).min(PART_BYTES_MAX);
            let room = usize::try_from(raw_length).ok().filter(|_| raw_length <= most)?;
            INFLATER.with_borrow_mut(|inflater| {
                inflater.reset(false);
                let mut bytes = Vec::with_capacity(room);
                let finish = FlushDecompress::Finish;
                let status = inflater.decompress_vec(packed, &mut bytes, finish).ok()?;
                let whole = status == Status::StreamEnd && bytes.len() == room;
                whole.then_some(bytes)
            })
        }
        1 => {
            // One byte more than announced is read, so that a longer stream shows.
            let limit = raw_length.checked_add(1)?;
            let mut bytes = Vec::with_capacity(usize::try_from(limit.min(ROOM_BYTES_MAX)).ok()?);
            let reader = lzma_rust2::XzReader::new(packed, false);
            reader.take(limit).read_to_end(&mut bytes).ok()?;
            (u64::try_from(bytes.len()).ok()? == raw_length).then_some(bytes)
        }
        2 => (packed_length == raw_length).then(|| packed.to_vec()),
        _ => None,
    }
}

fn places(bytes: &[u8]) -> Decoded<Vec<(Place, Place)>> {
    let mut reader = Reader::new(bytes);
    // Short rows are some thirty bytes; room that is not used costs nothing.
    let mut entries = Vec::with_capacity(bytes.len() / 32);
    let place = |reader: &mut Reader<'_>| {
        let taken = reader.slice()?;
        Place::of_last(taken, reader, bytes)
    };
    while !reader.is_empty() {
        entries.push((place(&mut reader)?, place(&mut reader)?));
    }
    Ok(entries)
}
