//! Where blocks and segments are, found without decoding any.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;

use crate::{
    Endian::{Big, Little},
    Extent, Fault, View,
    codec::zpaq::{Header, Packed},
    formats::support::budget::Budget,
};

/// The mark by which a block is found anywhere, with the mark of the block behind it.
pub(super) const LOCATOR: &[u8] = b"\x37\x6b\x53\x74\xa0\x31\x83\xd3\x8c\xb2\x28\xb0\xd3zPQ";
/// The mark of a block, which is enough for the first one.
const MARK: &[u8] = b"zPQ";
/// Level, type and length at the start of a header.
const HEADER_START_BYTES: u64 = 4;
/// What follows a header or a segment: another segment or the end of the block.
const SEGMENT: u8 = 1;
const BLOCK_END: u8 = 255;
/// What follows the bytes of a segment: their SHA-1 or nothing.
const SUM: u8 = 253;
const NO_SUM: u8 = 254;
/// Longest name or comment, in bytes.
const TEXT_BYTES_MAX: u64 = 65_535;
/// Bytes looked at once.
const STEP_BYTES: u64 = 1 << 20;
/// What modelled bytes end with; there are never so many zeros in a row among them.
const ZEROS: &[u8] = &[0; 4];
/// Bytes that may be looked at for each byte of the archive: twice where all is well, more often
/// where blocks have no end, so that it is looked for behind each.
const LOOKS_PER_BYTE: u64 = 16;
const LOOKS_MIN: u64 = 1 << 20;

/// A segment, not decoded.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) name: Vec<u8>,
    pub(super) comment: Vec<u8>,
    /// The coded bytes.
    pub(super) data: Extent,
    pub(super) sha1: Option<[u8; 20]>,
}

/// A block, not decoded.
#[derive(Debug)]
pub(super) struct Block {
    /// Where it starts, mark and all, and where it ends.
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) header: Arc<Header>,
    pub(super) segments: Vec<Segment>,
    /// How many blocks the archive has.
    of: u64,
}

impl Block {
    /// Its length.
    pub(super) fn bytes(&self) -> u64 {
        self.end - self.start
    }

    /// The transform of the bytes of its segments.
    pub(super) fn packed(&self, archive: &Extent) -> Packed {
        Packed {
            header: Arc::clone(&self.header),
            segments: self.segments.iter().map(|segment| segment.data.clone()).collect(),
            block: archive.clamp(self.start, self.bytes()),
            blocks: self.of,
        }
    }
}

/// What was found from the start of an archive on.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) blocks: Vec<Block>,
    /// Bytes between blocks that are none: where, and how many.
    pub(super) gaps: Vec<(u64, u64)>,
    pub(super) faults: Vec<Fault>,
    /// Where the last block ends.
    pub(super) end: u64,
}

/// Finds all blocks. Bytes between two that are none count to the archive, those behind the last do
/// not.
///
/// # Errors
/// Where no block is at the start.
pub(super) fn find(archive: &Extent) -> Result<Found, Fault> {
    let entries = archive.vault().limits().entries;
    let mut finder = Finder {
        archive,
        segments_left: usize::try_from(entries).unwrap_or(usize::MAX),
        budget: Budget::new(archive.len().saturating_mul(LOOKS_PER_BYTE).max(LOOKS_MIN)),
    };
    let mut found = Found::default();
    let (first, fault) = finder.block(0)?;
    found.add(first, fault);
    if let Err(fault) = finder.others(&mut found) {
        found.faults.push(fault);
    }
    let count = u64::try_from(found.blocks.len()).unwrap_or(u64::MAX);
    for block in &mut found.blocks {
        block.of = count;
    }
    Ok(found)
}

impl Found {
    fn add(&mut self, block: Block, fault: Option<Fault>) {
        if block.start > self.end {
            self.gaps.push((self.end, block.start - self.end));
        }
        self.end = block.end;
        self.blocks.push(block);
        self.faults.extend(fault);
    }

    /// What seemed to belong to the last block belongs to the one that starts here.
    fn cut(&mut self, start: u64) {
        if let Some(last) = self.blocks.last_mut() {
            last.end = last.end.min(start.max(last.start));
            self.end = last.end;
        }
    }
}

struct Finder<'archive> {
    archive: &'archive Extent,
    segments_left: usize,
    budget: Budget,
}

impl Finder<'_> {
    /// Finds the blocks behind the first.
    fn others(&mut self, found: &mut Found) -> Result<(), Fault> {
        // Where a block is damaged, what was taken for its end may lie in another.
        let mut at = if found.faults.is_empty() { found.end } else { 1 };
        while let Some(place) = self.search(at, LOCATOR)? {
            if self.segments_left == 0 {
                let why = "more segments than there may be members (limit entries)";
                return Err(Fault::new(place, "list a zpaq archive", why));
            }
            // A mark may also stand there by chance.
            let faults = found.faults.len();
            let Ok((block, fault)) = self.block(place) else {
                at = place + 1;
                continue;
            };
            found.cut(place);
            found.add(block, fault);
            at = if found.faults.len() > faults { place + 1 } else { found.end };
        }
        Ok(())
    }

    /// Counts bytes as looked at.
    fn spend(&mut self, at: u64, bytes: u64) -> Result<(), Fault> {
        self.budget.take(bytes, at, "list a zpaq archive")
    }

    fn read_up_to(&mut self, at: u64, count: u64) -> Result<Bytes, Fault> {
        self.spend(at, count)?;
        self.archive.read_up_to(at, count)
    }

    fn byte(&mut self, at: u64) -> Result<Option<u8>, Fault> {
        self.read_up_to(at, 1).map(|bytes| bytes.first().copied())
    }

    /// The first place of a few bytes from here on.
    fn search(&mut self, from: u64, wanted: &[u8]) -> Result<Option<u64>, Fault> {
        let finder = memmem::Finder::new(wanted);
        let more = length(wanted).saturating_sub(1);
        // What is near is looked for first, so that little is read to no end.
        let (mut at, mut step) = (from, 256);
        while at < self.archive.len() {
            let bytes = self.archive.read_up_to(at, step + more)?;
            let place = finder.find(&bytes).and_then(|place| u64::try_from(place).ok());
            self.spend(at, place.unwrap_or(step))?;
            if let Some(place) = place {
                return Ok(Some(at + place));
            }
            at += step;
            step = (step * 4).min(STEP_BYTES);
        }
        Ok(None)
    }

    /// Reads a block; what is wrong with a later segment does not spoil those before it.
    fn block(&mut self, start: u64) -> Result<(Block, Option<Fault>), Fault> {
        let wrong = |at: u64, why: &str| Fault::new(at, "read a zpaq block", why);
        let head = self.read_up_to(start, length(LOCATOR))?;
        let mark = if head.starts_with(LOCATOR) { LOCATOR } else { MARK };
        if !head.starts_with(mark) {
            return Err(wrong(start, "no mark"));
        }
        let at = start + length(mark);
        let head = self.read_up_to(at, HEADER_START_BYTES)?;
        let body = View(&head).u16(2, Little)?;
        let head = self.read_up_to(at, HEADER_START_BYTES + u64::from(body))?;
        let (header, header_bytes) = Header::parse(&head).map_err(|why| wrong(start, why))?;
        let modelled = header.is_modelled();
        let end = at + u64::try_from(header_bytes).unwrap_or(0);
        let mut block = Block { start, end, header: Arc::new(header), segments: Vec::new(), of: 1 };
        loop {
            let at = block.end;
            let first = block.segments.is_empty();
            let read = match self.byte(at)? {
                Some(BLOCK_END) if !first => {
                    block.end = at + 1;
                    return Ok((block, None));
                }
                Some(SEGMENT) if self.segments_left > 0 => self.segment(at + 1, modelled),
                None => Err(wrong(at, "the block has no end: truncated")),
                _ => Err(wrong(at, "neither a segment nor the end of the block")),
            };
            let fault = match read {
                Ok((segment, end, fault)) => {
                    block.segments.push(segment);
                    self.segments_left -= 1;
                    block.end = end;
                    fault
                }
                Err(fault) if first => return Err(fault),
                Err(fault) => Some(fault),
            };
            if fault.is_some() {
                return Ok((block, fault));
            }
        }
    }

    /// Reads a segment from its name on. Returns where it ends and what is wrong with that.
    fn segment(
        &mut self,
        start: u64,
        modelled: bool,
    ) -> Result<(Segment, u64, Option<Fault>), Fault> {
        let wrong = |at: u64, why: &str| Fault::new(at, "read a zpaq segment", why);
        let (name, at) = self.text(start)?;
        let (comment, at) = self.text(at)?;
        if self.byte(at)? != Some(0) {
            return Err(wrong(at, "no reserved byte"));
        }
        let start = at + 1;
        let end = if modelled { self.modelled_end(start)? } else { self.stored_end(start)? };
        let Some(end) = end else {
            let segment = Segment { name, comment, data: self.archive.from(start), sha1: None };
            let fault = wrong(start, "its bytes have no end: truncated");
            return Ok((segment, self.archive.len(), Some(fault)));
        };
        let data = self.archive.clamp(start, end - start);
        let segment = Segment { name, comment, data, sha1: None };
        let tail = self.read_up_to(end, 21)?;
        match tail.split_first() {
            Some((&NO_SUM, _)) => Ok((segment, end + 1, None)),
            Some((&SUM, sum)) if sum.len() == 20 => {
                Ok((Segment { sha1: sum.first_chunk().copied(), ..segment }, end + 21, None))
            }
            None => Ok((segment, end, Some(wrong(end, "it ends early: truncated")))),
            _ => Ok((segment, end, Some(wrong(end, "its end is not marked")))),
        }
    }

    /// A text up to its zero, and where the next thing is.
    fn text(&mut self, start: u64) -> Result<(Vec<u8>, u64), Fault> {
        // Nearly all are short.
        for most in [256, TEXT_BYTES_MAX + 1] {
            let bytes = self.archive.read_up_to(start, most)?;
            let end = memchr::memchr(0, &bytes);
            let text = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
            self.spend(start, length(text) + 1)?;
            if end.is_some() {
                return Ok((text.to_vec(), start + length(text) + 1));
            }
        }
        Err(Fault::new(start, "read a zpaq segment", "a text without its end"))
    }

    /// Where modelled bytes end: behind four zeros or more.
    fn modelled_end(&mut self, start: u64) -> Result<Option<u64>, Fault> {
        let Some(zeros) = self.search(start, ZEROS)? else { return Ok(None) };
        let mut at = zeros + length(ZEROS);
        loop {
            let bytes = self.archive.read_up_to(at, 64)?;
            self.spend(at, 1)?;
            match bytes.iter().position(|&byte| byte != 0) {
                Some(count) => return Ok(Some(at + u64::try_from(count).unwrap_or(0))),
                None if bytes.is_empty() => return Ok(Some(at)),
                None => at += length(&bytes),
            }
        }
    }

    /// Where stored bytes end: behind a piece of no length.
    fn stored_end(&mut self, start: u64) -> Result<Option<u64>, Fault> {
        let mut at = start;
        loop {
            let bytes = self.read_up_to(at, 4)?;
            let Ok(count) = View(&bytes).u32(0, Big) else { return Ok(None) };
            at += 4;
            if count == 0 {
                return Ok(Some(at));
            }
            at += u64::from(count);
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
