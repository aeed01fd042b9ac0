//! Finds the end record (section 4.3.16), which tells where the central directory is.

use memchr::memmem;

use super::{LOCAL, LOCAL_BYTES, Record, scan, signing};
use crate::{Endian, Extent, Fault, View};

const END: &[u8] = b"PK\x05\x06";
const END_BYTES: u64 = 22;
/// The zip64 end record (section 4.3.14) and its locator.
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const LOCATOR_64_BYTES: u64 = 20;
/// How far a data descriptor or the end is looked for at a time, and in all.
const WINDOW_BYTES: u64 = 1 << 20;
const SEARCH_BYTES_MAX: u64 = 256 << 20;
/// Largest directory read.
const DIRECTORY_BYTES_MAX: u64 = 256 << 20;

/// A central directory.
pub(super) struct Found {
    pub(super) records: Vec<Record>,
    /// The end of the archive.
    pub(super) end: u64,
    pub(super) comment: Vec<u8>,
    pub(super) faults: Vec<Fault>,
    /// Number of the volume that the end record stands in, the first one being 0.
    pub(super) volume: u16,
    /// Schemes of the block of signatures that Android puts before the directory.
    pub(super) signatures: Vec<String>,
}

/// Finds the directory of the archive that starts here.
pub(super) fn find(extent: &Extent) -> Option<Found> {
    if extent.read_up_to(0, 4).ok()? == END {
        return read_end(extent, 0);
    }
    check_local(extent, 0)?;
    find_at_the_end(extent).or_else(|| find_forward(extent)).or_else(|| scan::scan(extent))
}

/// The usual place: the end of the file, before a comment of at most 64 KiB.
fn find_at_the_end(extent: &Extent) -> Option<Found> {
    let start = extent.len().saturating_sub(END_BYTES + 0xffff);
    let tail = extent.read_up_to(start, u64::MAX).ok()?;
    memmem::rfind_iter(&tail, END)
        .take(16)
        .find_map(|at| read_end(extent, start + u64::try_from(at).ok()?))
}

/// Anywhere else: goes from one local header to the next, and on to the end record.
fn find_forward(extent: &Extent) -> Option<Found> {
    let limit = extent.vault().limits().entries;
    let mut at = 0;
    for _ in 0..limit {
        match check_local(extent, at) {
            Some(next) if next > at => at = next,
            _ => break,
        }
    }
    let mut searched = 0;
    while searched < SEARCH_BYTES_MAX {
        // Windows overlap, so that a signature across their edge is seen.
        let bytes = extent.read_up_to(at, WINDOW_BYTES + 3).ok()?;
        for hit in memmem::find_iter(&bytes, END) {
            let found = read_end(extent, at + u64::try_from(hit).ok()?);
            if found.is_some() {
                return found;
            }
        }
        if u64::try_from(bytes.len()).ok()? <= WINDOW_BYTES {
            return None;
        }
        (at, searched) = (at + WINDOW_BYTES, searched + WINDOW_BYTES);
    }
    None
}

/// Checks a local header; returns the end of its member as far as the header tells it.
pub(super) fn check_local(extent: &Extent, at: u64) -> Option<u64> {
    let head = extent.read(at, LOCAL_BYTES).ok()?;
    let view = View(&head);
    let short = |offset| view.u16(offset, Endian::Little).ok();
    let version = short(4)? & 0xff;
    let (method, name) = (short(8)?, short(26)?);
    let known = matches!(method, 0..=20 | 93..=99);
    if view.u32(0, Endian::Little).ok()? != LOCAL || version > 99 || !known || name == 0 {
        return None;
    }
    let text = extent.read(at + LOCAL_BYTES, u64::from(name)).ok()?;
    if text.contains(&0) {
        return None;
    }
    let packed = u64::from(view.u32(18, Endian::Little).ok()?);
    Some(at + LOCAL_BYTES + u64::from(name) + u64::from(short(28)?) + packed)
}

/// Reads the end record at `at` and the directory it tells of, if they belong to the archive that
/// starts at the start of the extent.
fn read_end(extent: &Extent, at: u64) -> Option<Found> {
    let head = extent.read(at, END_BYTES).ok()?;
    let view = View(&head);
    let comment_length = u64::from(view.u16(20, Endian::Little).ok()?);
    let mut total = u64::from(view.u16(10, Endian::Little).ok()?);
    let mut size = u64::from(view.u32(12, Endian::Little).ok()?);
    let mut offset = u64::from(view.u32(16, Endian::Little).ok()?);
    let mut end_of_directory = at;
    if let Some(wide) = read_end_64(extent, at) {
        (end_of_directory, total, size, offset) = wide;
    }
    let start = end_of_directory.checked_sub(size)?;
    if size > DIRECTORY_BYTES_MAX || total > extent.vault().limits().entries {
        return None;
    }
    let directory = extent.read(start, size).ok()?;
    let (mut records, mut faults) = (Vec::new(), Vec::new());
    let mut position = 0;
    while position < directory.len() {
        match Record::parse(&directory, position) {
            Ok((record, next)) => {
                records.push(record);
                position = next;
            }
            Err(fault) => {
                faults.push(fault.within(start));
                break;
            }
        }
    }
    // Programs put in front of an archive shift it; the first member must then be right here.
    for record in &mut records {
        let shifted = record.offset.checked_add(start)?.checked_sub(offset);
        record.offset = shifted.or((record.volume > 0).then_some(record.offset))?;
    }
    let first = records.iter().map(|record| record.offset).min();
    let volume = view.u16(4, Endian::Little).ok().filter(|&volume| volume != u16::MAX).unwrap_or(0);
    if first.unwrap_or(start) != 0 && volume == 0 {
        return None;
    }
    if u64::try_from(records.len()).ok()? != total {
        let why = format!("{total} members promised, {} there", records.len());
        faults.push(Fault::new(start, "read the zip directory", why));
    }
    let comment = extent.read_up_to(at + END_BYTES, comment_length).ok()?.to_vec();
    let end = (at + END_BYTES + comment_length).min(extent.len());
    let signatures = signing::schemes(extent, start);
    Some(Found { records, end, comment, faults, volume, signatures })
}

/// The zip64 end record through its locator right before the end record: its offset (which is the
/// end of the directory), the number of members, size and offset of the directory.
fn read_end_64(extent: &Extent, at: u64) -> Option<(u64, u64, u64, u64)> {
    let locator_at = at.checked_sub(LOCATOR_64_BYTES)?;
    let locator = extent.read(locator_at, LOCATOR_64_BYTES).ok()?;
    if View(&locator).u32(0, Endian::Little).ok()? != LOCATOR_64 {
        return None;
    }
    // Its own length is fixed unless it has an extensible part, which nothing writes.
    let record_at = locator_at.checked_sub(56)?;
    let bytes = extent.read(record_at, 56).ok()?;
    let view = View(&bytes);
    let wide = |offset| view.u64(offset, Endian::Little).ok();
    let right = view.u32(0, Endian::Little).ok()? == END_64;
    right.then_some((record_at, wide(32)?, wide(40)?, wide(48)?))
}
