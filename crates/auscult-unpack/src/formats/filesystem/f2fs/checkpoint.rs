//! The newer of two checkpoints (`struct f2fs_checkpoint`), and from it where each node is: the
//! table of nodes, of whose blocks there are two, and the last changes to it, in a journal.

use std::collections::HashMap;

use super::superblock::{Superblock, checksum};
use crate::{Endian::Little, Extent, Fault, View, checksum::agrees};

/// Bits of `ckpt_flags`.
const FLAG_UNMOUNTED: u32 = 0x1;
const FLAG_COMPACT_SUMMARIES: u32 = 0x4;
const FLAG_FASTBOOT: u32 = 0x20;
const FLAG_LARGE_BITMAP: u32 = 0x400;
/// Place of the bitmaps that tell the valid blocks of the tables.
const BITMAPS: usize = 192;
/// An entry of the table: version, inode, block.
const ENTRY_BYTES: usize = 9;
/// An entry of the journal: node and the same.
const JOURNAL_ENTRY_BYTES: usize = 13;
/// Bytes of a summary, and of what ends a block of them.
const SUMMARY_BYTES: usize = 7;
const SUMMARY_FOOTER_BYTES: usize = 5;

/// A checkpoint.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    version: u64,
    flags: u32,
    /// Blocks of the pack; the last one repeats the first.
    blocks: u64,
    summaries: u64,
    /// First block of the pack.
    start: u64,
    /// A bit for each block of the node table: whether its second copy is valid.
    bitmap: Vec<u8>,
}

impl Checkpoint {
    /// The newer one of those whose checksums hold.
    pub(super) fn read(image: &Extent, superblock: &Superblock) -> Result<Self, [Fault; 2]> {
        let first = superblock.checkpoint_block;
        let second = first + (1 << superblock.segment_log);
        match (Self::pack(image, superblock, first), Self::pack(image, superblock, second)) {
            (Ok(one), Ok(other)) => {
                // Versions are compared as the kernel does, so that they may wrap.
                let newer = other.version.wrapping_sub(one.version).cast_signed() > 0;
                Ok(if newer { other } else { one })
            }
            (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one),
            (Err(one), Err(other)) => Err([one, other]),
        }
    }

    fn pack(image: &Extent, superblock: &Superblock, start: u64) -> Result<Self, Fault> {
        let block_bytes = superblock.block_bytes();
        let place = start << superblock.block_log;
        let head = image.read(place, block_bytes)?;
        let view = View(&head);
        verify(&head, place)?;
        let blocks = u64::from(view.u32(136, Little)?);
        if !(2..=1 << superblock.segment_log).contains(&blocks) {
            let why = format!("a pack of {blocks} blocks");
            return Err(Fault::new(place, "read a checkpoint", why));
        }
        let end = place + (blocks - 1) * block_bytes;
        let tail = image.read(end, block_bytes)?;
        verify(&tail, end)?;
        let version = view.u64(0, Little)?;
        if View(&tail).u64(0, Little)? != version {
            return Err(Fault::new(end, "read a checkpoint", "its end is of another version"));
        }
        let flags = view.u32(132, Little)?;
        let whole = image.read(place, block_bytes * (1 + superblock.checkpoint_payload))?;
        let segment_bitmap = usize::try_from(view.u32(156, Little)?).unwrap_or(usize::MAX);
        let bitmap_bytes = usize::try_from(view.u32(160, Little)?).unwrap_or(usize::MAX);
        // Large bitmaps follow the checksum; where there is a payload, the other bitmap is in it.
        let start_of_bitmap = if flags & FLAG_LARGE_BITMAP != 0 {
            BITMAPS + 4
        } else if superblock.checkpoint_payload > 0 {
            BITMAPS
        } else {
            BITMAPS.saturating_add(segment_bitmap)
        };
        Ok(Self {
            version,
            flags,
            blocks,
            summaries: u64::from(view.u32(140, Little)?),
            start,
            bitmap: View(&whole).bytes(start_of_bitmap, bitmap_bytes)?.to_vec(),
        })
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// Whether it was written when the file system was taken down.
    pub(super) fn is_unmounted(&self) -> bool {
        self.flags & FLAG_UNMOUNTED != 0
    }

    /// The block with the journal of the node table, and its place there.
    fn journal(&self, superblock: &Superblock) -> (u64, usize) {
        if self.flags & FLAG_COMPACT_SUMMARIES != 0 {
            return (self.start + self.summaries, 0);
        }
        // Summaries of three data segments, and of three node segments if written, end the pack.
        let nodes = self.flags & (FLAG_UNMOUNTED | FLAG_FASTBOOT) != 0;
        let behind = if nodes { 7 } else { 4 };
        let block_bytes = usize::try_from(superblock.block_bytes()).unwrap_or(4096);
        let summaries = block_bytes / 8 * SUMMARY_BYTES;
        (self.start + self.blocks.saturating_sub(behind), summaries)
    }
}

/// The checksum stands inside the block that it covers: the rest follows it.
fn verify(block: &[u8], place: u64) -> Result<(), Fault> {
    let wrong = |why: &str| Fault::new(place, "read a checkpoint", why);
    let view = View(block);
    let at = usize::try_from(view.u32(164, Little)?).unwrap_or(usize::MAX);
    if at < BITMAPS || at > block.len() - 4 {
        return Err(wrong("the place of its checksum is impossible"));
    }
    let (before, after) = (view.bytes(0, at)?, block.get(at + 4..).unwrap_or_default());
    if agrees(view.u32(at, Little)?, checksum(&[before, after])) {
        return Ok(());
    }
    Err(wrong("its checksum is wrong"))
}

/// Finds nodes.
pub(super) struct NodeTable<'image> {
    image: &'image Extent,
    superblock: &'image Superblock,
    bitmap: Vec<u8>,
    journal: HashMap<u32, u32>,
}

impl<'image> NodeTable<'image> {
    /// The table; a journal that cannot be read is in the faults.
    pub(super) fn new(
        image: &'image Extent,
        superblock: &'image Superblock,
        checkpoint: &Checkpoint,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let mut journal = HashMap::new();
        let (block, start) = checkpoint.journal(superblock);
        let place = block << superblock.block_log;
        let read = image.read(place, superblock.block_bytes()).and_then(|block| {
            read_journal(&block, start, &mut journal).map_err(|fault| fault.within(place))
        });
        faults.extend(read.err());
        Self { image, superblock, bitmap: checkpoint.bitmap.clone(), journal }
    }

    /// The block of a node, and in it the node itself.
    pub(super) fn node(&self, number: u32) -> Result<(u64, bytes::Bytes), Fault> {
        let block = match self.journal.get(&number) {
            Some(&block) => block,
            None => self.lookup(number)?,
        };
        let place = u64::from(block) << self.superblock.block_log;
        // 0 and all ones stand for no block and for one that was never written.
        if block == 0 || block == u32::MAX {
            return Err(Fault::new(place, "find a node", format!("node {number} has no block")));
        }
        let bytes = self.image.read(place, self.superblock.block_bytes())?;
        let stored = View(&bytes).u32(bytes.len() - 24, Little)?;
        if stored != number {
            let why = format!("node {stored} stands in the place of {number}");
            return Err(Fault::new(place, "find a node", why));
        }
        Ok((place, bytes))
    }

    fn lookup(&self, number: u32) -> Result<u32, Fault> {
        let superblock = self.superblock;
        let per_block = superblock.block_bytes() / 9;
        let index = u64::from(number) / per_block;
        let table_blocks = superblock.node_table_segments << superblock.segment_log;
        if index >= table_blocks / 2 {
            let why = format!("node {number} is not in the table");
            return Err(Fault::new(superblock.node_table_block, "find a node", why));
        }
        // Segments of the table alternate with their copies.
        let segment = 1_u64 << superblock.segment_log;
        let mut block = superblock.node_table_block + index * 2 - index % segment;
        let byte = usize::try_from(index / 8).ok().and_then(|byte| self.bitmap.get(byte));
        if byte.is_some_and(|byte| byte >> (7 - index % 8) & 1 == 1) {
            block += segment;
        }
        let within = u64::from(number) % per_block * 9;
        let place = (block << superblock.block_log) + within;
        View(&self.image.read(place, 9)?).u32(5, Little)
    }
}

fn read_journal(block: &[u8], start: usize, journal: &mut HashMap<u32, u32>) -> Result<(), Fault> {
    let view = View(block);
    let count = usize::from(view.u16(start, Little)?);
    let room = block.len() / 8 * (8 - SUMMARY_BYTES) - SUMMARY_FOOTER_BYTES - 2;
    if count > room / JOURNAL_ENTRY_BYTES {
        return Err(Fault::new(0, "read the journal of nodes", format!("{count} entries")));
    }
    for index in 0..count {
        let entry = start + 2 + index * JOURNAL_ENTRY_BYTES;
        let block = view.u32(entry + JOURNAL_ENTRY_BYTES - ENTRY_BYTES + 5, Little)?;
        journal.insert(view.u32(entry, Little)?, block);
    }
    Ok(())
}
