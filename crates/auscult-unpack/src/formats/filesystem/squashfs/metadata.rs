//! Metadata blocks: chunks of at most 8 KiB with a two-byte header, decoded once and kept.
//!
//! Inodes, directories and tables run across block borders. A reference is the place of a block
//! in the image and an offset in its decoded bytes; a [`Cursor`] follows the chain from there.

use std::collections::HashMap;

use bytes::Bytes;

use crate::{Endian, Extent, Fault, View, formats::filesystem::coding::Coding};

/// Decoded bytes of a full metadata block.
pub(super) const METADATA_BYTES: usize = 8192;
/// Set in a block's header where its bytes are stored as they are.
const STORED: u16 = 0x8000;
/// Decoded blocks that are kept: 256 MiB. The largest real images have a few thousand.
const BLOCKS_MAX: usize = 32_768;
/// Bytes handed out in all, against references that send the reader in circles.
const READ_BYTES_MAX: usize = 1 << 30;

/// What precedes the bytes of a metadata block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Framing {
    /// Byte order of the length. AVM's big-endian images have it in little endian.
    pub(super) endian: Endian,
    /// Whether a marker follows the length (`SQUASHFS_CHECK_DATA` of versions before 4).
    pub(super) has_marker: bool,
}

/// Reads metadata of one image.
pub(super) struct Metadata<'image> {
    image: &'image Extent,
    coding: Coding,
    framing: Framing,
    /// Byte order of what the blocks hold.
    pub(super) endian: Endian,
    /// By the place of the header; the decoded bytes and the place of the next header.
    blocks: HashMap<u64, Result<(Bytes, u64), Fault>>,
    read_bytes: usize,
}

/// A place in decoded metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cursor {
    block: u64,
    offset: usize,
}

impl Cursor {
    /// A place in a table from a reference: the block's place relative to the table in the upper
    /// 48 bits, the offset in its decoded bytes in the lower 16.
    pub(super) fn of_reference(table: u64, reference: u64) -> Self {
        Self::new(table.saturating_add(reference >> 16), reference & 0xffff)
    }

    /// An offset in the decoded bytes of the block at this place of the image.
    pub(super) fn new(block: u64, offset: u64) -> Self {
        Self { block, offset: usize::try_from(offset).unwrap_or(usize::MAX) }
    }

    /// Place of the block in the image, for faults.
    pub(super) fn block(self) -> u64 {
        self.block
    }
}

/// A metadata block before it is decoded.
pub(super) struct StoredBlock {
    /// Its bytes.
    pub(super) bytes: Bytes,
    /// Whether they are coded.
    pub(super) is_coded: bool,
    /// Place of the next block's header.
    next: u64,
}

/// Reads the metadata block at `place`.
pub(super) fn stored_block(
    image: &Extent,
    framing: Framing,
    place: u64,
) -> Result<StoredBlock, Fault> {
    let header = View(&image.read(place, 2)?).u16(0, framing.endian)?;
    // A length of zero means the whole 32 KiB in the format's first days; no block is that long.
    let length = u64::from(header & !STORED);
    if length == 0 || header & !STORED > 8192 {
        return Err(Fault::new(place, "read a metadata block", format!("length {length}")));
    }
    let start = place + if framing.has_marker { 3 } else { 2 };
    let bytes = image.read(start, length)?;
    Ok(StoredBlock { bytes, is_coded: header & STORED == 0, next: start + length })
}

impl<'image> Metadata<'image> {
    pub(super) fn new(
        image: &'image Extent,
        coding: Coding,
        framing: Framing,
        endian: Endian,
    ) -> Self {
        Self { image, coding, framing, endian, blocks: HashMap::new(), read_bytes: 0 }
    }

    /// Reads `length` bytes and moves the cursor behind them.
    pub(super) fn read(&mut self, cursor: &mut Cursor, length: usize) -> Result<Vec<u8>, Fault> {
        self.read_bytes = self.read_bytes.saturating_add(length);
        if self.read_bytes > READ_BYTES_MAX {
            let why = format!("more than {READ_BYTES_MAX} bytes read");
            return Err(Fault::new(cursor.block, "read metadata", why));
        }
        let mut output = Vec::new();
        while output.len() < length {
            let (bytes, next) = self.block(cursor.block)?;
            let rest = bytes.get(cursor.offset..).unwrap_or_default();
            if rest.is_empty() {
                // Only a full block is followed by another one of the same table.
                if cursor.offset > bytes.len() || bytes.len() < METADATA_BYTES {
                    let why = format!("{length} bytes wanted, {} there", output.len());
                    return Err(Fault::new(cursor.block, "read metadata", why));
                }
                *cursor = Cursor { block: next, offset: 0 };
                continue;
            }
            let taken = rest.len().min(length - output.len());
            output.extend_from_slice(rest.get(..taken).unwrap_or_default());
            cursor.offset += taken;
        }
        Ok(output)
    }

    fn block(&mut self, place: u64) -> Result<(Bytes, u64), Fault> {
        if let Some(known) = self.blocks.get(&place) {
            return known.clone();
        }
        if self.blocks.len() >= BLOCKS_MAX {
            let why = format!("more than {BLOCKS_MAX} metadata blocks");
            return Err(Fault::new(place, "read metadata", why));
        }
        let decoded = self.decode(place);
        self.blocks.insert(place, decoded.clone());
        decoded
    }

    fn decode(&self, place: u64) -> Result<(Bytes, u64), Fault> {
        let StoredBlock { bytes, is_coded, next } = stored_block(self.image, self.framing, place)?;
        if !is_coded {
            return Ok((bytes, next));
        }
        let decoded =
            self.coding.decode(&bytes, METADATA_BYTES).map_err(|fault| fault.within(place))?;
        let mut sink = self.image.vault().sink(u64::try_from(bytes.len()).unwrap_or(0));
        sink.push(&decoded).map_err(|fault| fault.within(place))?;
        Ok((decoded.into(), next))
    }

    /// Reads entry `index` of a table that is reached through a list of block places: entries of
    /// `entry_bytes` (a divisor of 8192) in metadata blocks, their places from `list` on, in 8
    /// bytes each.
    pub(super) fn table_entry(
        &mut self,
        list: u64,
        index: u64,
        entry_bytes: u64,
    ) -> Result<Vec<u8>, Fault> {
        let pointer = list.saturating_add(index / (8192 / entry_bytes) * 8);
        let block = View(&self.image.read(pointer, 8)?).u64(0, self.endian)?;
        self.entry_in(block, index, entry_bytes)
    }

    /// The same where the places take up 4 bytes each, as before version 3.
    pub(super) fn short_table_entry(
        &mut self,
        list: u64,
        index: u64,
        entry_bytes: u64,
    ) -> Result<Vec<u8>, Fault> {
        let pointer = list.saturating_add(index / (8192 / entry_bytes) * 4);
        let block = View(&self.image.read(pointer, 4)?).u32(0, self.endian)?;
        self.entry_in(u64::from(block), index, entry_bytes)
    }

    fn entry_in(&mut self, block: u64, index: u64, entry_bytes: u64) -> Result<Vec<u8>, Fault> {
        let per_block = 8192 / entry_bytes;
        let mut cursor = Cursor::new(block, index % per_block * entry_bytes);
        self.read(&mut cursor, usize::try_from(entry_bytes).unwrap_or(0))
    }
}
