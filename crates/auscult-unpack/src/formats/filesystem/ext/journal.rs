//! The journal (kernel `Documentation/filesystems/ext4/journal.rst`): what a machine that lost its
//! power had committed and not yet written to its place. The image is read as if it were.
//!
//! Fast commits are not replayed: they are told.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

use crate::{
    Endian::{Big, Little},
    Extent, Fault, View,
    checksum::{agrees, crc32c_seeded},
    formats::support::guid::uuid,
};

/// Every block that is not data begins with this, its kind and the number of its transaction.
const MAGIC: u32 = 0xc03b_3998;
const KIND_DESCRIPTOR: u32 = 1;
const KIND_COMMIT: u32 = 2;
const KIND_REVOKE: u32 = 5;
const HEADER_BYTES: usize = 12;

/// `s_feature_incompat`.
const INCOMPAT_64BIT: u32 = 0x2;
const INCOMPAT_CHECKSUM_2: u32 = 0x8;
const INCOMPAT_CHECKSUM_3: u32 = 0x10;
const INCOMPAT_FAST_COMMIT: u32 = 0x20;
/// Revoke records, asynchronous commits and the above.
const INCOMPAT_KNOWN: u32 = 0x3f;
/// Blocks for fast commits where the superblock does not tell.
const FAST_COMMIT_BLOCKS: u32 = 256;
/// `EXT4_FC_TAG_HEAD`.
const FAST_COMMIT_HEAD: u16 = 9;

/// Flags of a tag: the block began like one of the journal; no UUID follows; it is the last one.
const TAG_ESCAPED: u32 = 0x1;
const TAG_SAME_UUID: u32 = 0x2;
const TAG_LAST: u32 = 0x8;

const WHAT: &str = "replay the journal";

fn fault(why: impl Into<String>) -> Fault {
    Fault::new(0, WHAT, why)
}

/// A block that a transaction wrote.
#[derive(Clone, Copy, Debug)]
struct Write {
    transaction: u32,
    /// Block of the file system.
    target: u64,
    /// Block of the journal.
    source: u32,
    escaped: bool,
    checksum: Option<u32>,
}

/// The journal of a file system.
struct Journal<'extent> {
    content: &'extent Extent,
    block_bytes: u32,
    /// The blocks of the ring, which begins again behind the last.
    first: u32,
    last: u32,
    /// Where the oldest transaction is, and its number.
    start: u32,
    sequence: u32,
    incompat: u32,
    /// What the checksums begin with: the UUID of the journal.
    seed: u32,
}

/// What is to be replayed.
#[derive(Default)]
struct Log {
    writes: Vec<Write>,
    /// The last transaction that took each block back.
    revoked: HashMap<u64, u32>,
    transactions: u32,
}

/// What came of the replay.
pub(super) struct Replayed {
    /// The image with the committed blocks in their places.
    pub(super) image: Extent,
    pub(super) transactions: u32,
    pub(super) blocks: usize,
}

/// Lays the committed blocks of a journal over the image. What was not committed is not there.
pub(super) fn replay(
    image: &Extent,
    content: &Extent,
    block_bytes: u32,
    faults: &mut Vec<Fault>,
) -> Result<Replayed, Fault> {
    let Some(journal) = Journal::read(content, block_bytes)? else {
        return Ok(Replayed { image: image.clone(), transactions: 0, blocks: 0 });
    };
    let log = journal.scan();
    if journal.has_fast_commits(log.transactions) {
        faults.push(fault("fast commits wait behind it and are not replayed"));
    }
    let mut blocks = BTreeMap::new();
    for write in &log.writes {
        let revoked = log.revoked.get(&write.target);
        // A later transaction may have written the block again.
        let gone = revoked.is_some_and(|&number| !is_after(write.transaction, number));
        if gone {
            continue;
        }
        match journal.block_of(write) {
            Ok(bytes) => drop(blocks.insert(write.target, bytes)),
            Err(fault) => faults.push(fault),
        }
    }
    let count = blocks.len();
    let image = overlay(image, &blocks, u64::from(block_bytes));
    Ok(Replayed { image, transactions: log.transactions, blocks: count })
}

/// Transaction numbers wrap.
fn is_after(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() > 0
}

/// The image with these blocks in it.
fn overlay(image: &Extent, blocks: &BTreeMap<u64, Extent>, block_bytes: u64) -> Extent {
    let (mut parts, mut position) = (Vec::new(), 0);
    for (&block, content) in blocks {
        let place = block.saturating_mul(block_bytes);
        if place >= image.len() {
            break;
        }
        if place > position {
            parts.push(image.clamp(position, place - position));
        }
        parts.push(content.clamp(0, image.len() - place));
        position = place.saturating_add(block_bytes);
    }
    parts.push(image.from(position));
    Extent::joined(image.vault(), parts)
}

impl<'extent> Journal<'extent> {
    /// Reads the journal's own superblock; nothing where the ring is empty.
    fn read(content: &'extent Extent, block_bytes: u32) -> Result<Option<Self>, Fault> {
        let head = content.read(0, 1024)?;
        let view = View(&head);
        let u32_at = |offset| view.u32(offset, Big);
        let (kind, stored) = (u32_at(4)?, u32_at(12)?);
        if u32_at(0)? != MAGIC || !matches!(kind, 3 | 4) || stored != block_bytes {
            return Err(fault("its superblock is damaged"));
        }
        // The first version has no features.
        let incompat = if kind == 4 { u32_at(40)? } else { 0 };
        if incompat & !INCOMPAT_KNOWN != 0 {
            return Err(fault(format!("features {incompat:#x} are not known")));
        }
        let mut last = u32_at(16)?;
        if incompat & INCOMPAT_FAST_COMMIT != 0 {
            let blocks = match u32_at(84)? {
                0 => FAST_COMMIT_BLOCKS,
                blocks => blocks,
            };
            last = last.saturating_sub(blocks);
        }
        let (first, start) = (u32_at(20)?, u32_at(28)?);
        let there = content.len() / u64::from(block_bytes.max(1));
        if first == 0 || first >= last || u64::from(last) > there || start >= last {
            let why = format!("blocks {first} to {last} from {start} on make no ring");
            return Err(fault(why));
        }
        let sequence = u32_at(24)?;
        let seed = crc32c_seeded(!0, view.bytes(48, 16)?);
        let journal = Self { content, block_bytes, first, last, start, sequence, incompat, seed };
        Ok((start != 0).then_some(journal))
    }

    fn has_checksums(&self) -> bool {
        self.incompat & (INCOMPAT_CHECKSUM_2 | INCOMPAT_CHECKSUM_3) != 0
    }

    fn block(&self, number: u32) -> Result<Bytes, Fault> {
        let block_bytes = u64::from(self.block_bytes);
        self.content.read(u64::from(number) * block_bytes, block_bytes)
    }

    fn next(&self, number: u32) -> u32 {
        if number + 1 >= self.last { self.first } else { number + 1 }
    }

    /// Collects the transactions that were committed whole, up to the first that was not.
    fn scan(&self) -> Log {
        let (mut log, mut pending) = (Log::default(), Log::default());
        let (mut at, mut sequence) = (self.start, self.sequence);
        let mut left = self.last - self.first;
        while left > 0 {
            let Ok(block) = self.block(at) else { break };
            let view = View(&block);
            let word = |offset| view.u32(offset, Big).unwrap_or(0);
            if word(0) != MAGIC || word(8) != sequence {
                break;
            }
            left -= 1;
            at = self.next(at);
            let read = match word(4) {
                KIND_DESCRIPTOR => {
                    self.descriptor(&block, sequence, &mut at, &mut left, &mut pending)
                }
                KIND_REVOKE => self.revoke(&block, sequence, &mut pending),
                KIND_COMMIT if self.commit_holds(&block) => {
                    log.writes.append(&mut pending.writes);
                    for (target, number) in pending.revoked.drain() {
                        log.revoked.insert(target, number);
                    }
                    log.transactions += 1;
                    sequence = sequence.wrapping_add(1);
                    Ok(())
                }
                _ => Err(fault("a block of another kind")),
            };
            if read.is_err() {
                break;
            }
        }
        log
    }

    /// Whether the checksum in a block holds, which is computed with its field as zeros.
    fn holds(&self, block: &[u8], place: usize) -> bool {
        let Ok(stored) = View(block).u32(place, Big) else { return false };
        let start = crc32c_seeded(self.seed, block.get(..place).unwrap_or_default());
        let zeroed = crc32c_seeded(start, &[0; 4]);
        let rest = block.get(place + 4..).unwrap_or_default();
        agrees(stored, crc32c_seeded(zeroed, rest))
    }

    fn commit_holds(&self, block: &[u8]) -> bool {
        !self.has_checksums() || self.holds(block, 16)
    }

    /// Whether the checksum at the end of a block of tags or of revoke records holds.
    fn tail_holds(&self, block: &[u8]) -> bool {
        !self.has_checksums() || self.holds(block, block.len().saturating_sub(4))
    }

    /// Reads the tags of the blocks that follow, and passes over these.
    fn descriptor(
        &self,
        block: &[u8],
        transaction: u32,
        at: &mut u32,
        left: &mut u32,
        pending: &mut Log,
    ) -> Result<(), Fault> {
        if !self.tail_holds(block) {
            return Err(fault("the checksum of a list of blocks is wrong"));
        }
        let view = View(block);
        let is_3 = self.incompat & INCOMPAT_CHECKSUM_3 != 0;
        let is_wide = self.incompat & INCOMPAT_64BIT != 0;
        // Without the third kind of checksum a tag has two bytes of it and two of flags, then the
        // upper half of the number, then two bytes more with the second kind.
        let narrow = 8
            + if is_wide { 4 } else { 0 }
            + if self.incompat & INCOMPAT_CHECKSUM_2 != 0 { 2 } else { 0 };
        let tag_bytes = if is_3 { 16 } else { narrow };
        let end = block.len() - if self.has_checksums() { 4 } else { 0 };
        let mut position = HEADER_BYTES;
        while position + tag_bytes <= end {
            let low = u64::from(view.u32(position, Big)?);
            let (flags, checksum) = if is_3 {
                (view.u32(position + 4, Big)?, view.u32(position + 12, Big)?)
            } else {
                let flags = u32::from(view.u16(position + 6, Big)?);
                (flags, u32::from(view.u16(position + 4, Big)?))
            };
            let high = if is_wide { u64::from(view.u32(position + 8, Big)?) } else { 0 };
            *left = left.checked_sub(1).ok_or_else(|| fault("more blocks than the ring has"))?;
            pending.writes.push(Write {
                transaction,
                target: low | high << 32,
                source: *at,
                escaped: flags & TAG_ESCAPED != 0,
                checksum: self.has_checksums().then_some(checksum),
            });
            *at = self.next(*at);
            position += tag_bytes + if flags & TAG_SAME_UUID == 0 { 16 } else { 0 };
            if flags & TAG_LAST != 0 {
                break;
            }
        }
        Ok(())
    }

    fn revoke(&self, block: &[u8], transaction: u32, pending: &mut Log) -> Result<(), Fault> {
        if !self.tail_holds(block) {
            return Err(fault("the checksum of revoked blocks is wrong"));
        }
        let view = View(block);
        let is_wide = self.incompat & INCOMPAT_64BIT != 0;
        let end = usize::try_from(view.u32(HEADER_BYTES, Big)?).unwrap_or(usize::MAX);
        let end = end.min(block.len());
        let (mut position, step) = (HEADER_BYTES + 4, if is_wide { 8 } else { 4 });
        while position + step <= end {
            let target =
                if is_wide { view.u64(position, Big)? } else { view.u32(position, Big)?.into() };
            pending.revoked.insert(target, transaction);
            position += step;
        }
        Ok(())
    }

    /// The bytes of a written block. One that would look like a block of the journal has its first
    /// four bytes replaced.
    fn block_of(&self, write: &Write) -> Result<Extent, Fault> {
        let block_bytes = u64::from(self.block_bytes);
        let place = u64::from(write.source) * block_bytes;
        let stored = self.content.slice(place, block_bytes).ok_or_else(|| fault("it is cut"))?;
        if !write.escaped && write.checksum.is_none() {
            return Ok(stored);
        }
        let bytes = stored.read_all()?;
        if let Some(checksum) = write.checksum {
            let start = crc32c_seeded(self.seed, &write.transaction.to_be_bytes());
            let computed = crc32c_seeded(start, &bytes);
            let is_3 = self.incompat & INCOMPAT_CHECKSUM_3 != 0;
            let computed = if is_3 { computed } else { computed & 0xffff };
            if !agrees(checksum, computed) {
                let why = format!("the checksum of block {} is wrong", write.target);
                return Err(fault(why));
            }
        }
        if !write.escaped {
            return Ok(stored);
        }
        let rest = bytes.get(4..).unwrap_or_default();
        let bytes = [&MAGIC.to_be_bytes()[..], rest].concat();
        Ok(Extent::from_memory(self.content.vault(), bytes))
    }

    /// Whether the blocks for fast commits hold some that follow the last transaction.
    fn has_fast_commits(&self, transactions: u32) -> bool {
        if self.incompat & INCOMPAT_FAST_COMMIT == 0 {
            return false;
        }
        let next = self.sequence.wrapping_add(transactions);
        // A block between the ring and those for fast commits is not used.
        let Ok(block) = self.block(self.last + 1) else { return false };
        let view = View(&block);
        let head = view.u16(0, Little).ok();
        head == Some(FAST_COMMIT_HEAD) && view.u32(8, Little).ok() == Some(next)
    }
}

/// What an external journal tells of itself, and what would have to be read with it.
pub(super) fn elsewhere(journal_uuid: [u8; 16]) -> Fault {
    fault(format!("it is on another device, {}", uuid(&journal_uuid)))
}
