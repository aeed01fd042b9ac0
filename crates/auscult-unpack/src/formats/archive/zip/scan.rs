//! Archives without a directory, cut or still being written: members by their local headers, one
//! after the other (section 4.3.7).
//!
//! Where the sizes stand behind the data (section 4.3.9), deflated data tells its own end; other
//! data ends at the descriptor that gives just its length.

use memchr::memmem;

use super::{
    Record,
    directory::{Found, check_local},
};
use crate::{
    Endian, Extent, Fault, View,
    checksum::{Crc32, agrees},
    codec::{self, Codec},
};

/// Signature of a data descriptor, which may be left out.
const DESCRIPTOR: &[u8] = b"PK\x07\x08";
/// Furthest place of a descriptor that is looked for.
const SEARCH_BYTES_MAX: u64 = 64 << 20;
/// Data that decodes this far is no chance hit.
const PROOF_BYTES: u64 = 1024;

/// Members found in a row from the start, if at least one of them proves to be one.
pub(super) fn scan(extent: &Extent) -> Option<Found> {
    let limit = extent.vault().limits().entries;
    let (mut records, mut at, mut proven) = (Vec::new(), 0, false);
    for _ in 0..limit {
        if check_local(extent, at).is_none() {
            break;
        }
        let Ok((mut record, header_bytes)) = Record::from_local(extent, at) else { break };
        let Some(end) = measure(extent, &mut record, at + header_bytes, &mut proven) else { break };
        records.push(record);
        // Progress is certain: a header has thirty bytes.
        at = end.min(extent.len());
    }
    if !proven {
        return None;
    }
    let why = "members are listed by their local headers";
    let fault = Fault::new(at, "find the central directory of the zip archive", why);
    Some(Found {
        records,
        end: at,
        comment: Vec::new(),
        faults: vec![fault],
        volume: 0,
        signatures: Vec::new(),
    })
}

/// Where the member's bytes end; fills in what its descriptor tells.
fn measure(extent: &Extent, record: &mut Record, start: u64, proven: &mut bool) -> Option<u64> {
    if !record.has_descriptor() || record.packed > 0 {
        let there = extent.clamp(start, record.packed);
        let mut end = start.checked_add(there.len())?;
        let tail = extent.read_up_to(end, 16).ok()?;
        if record.has_descriptor() && tail.starts_with(DESCRIPTOR) {
            record.crc = View(&tail).u32(4, Endian::Little).ok()?;
            end = end.checked_add(16)?;
        }
        *proven |= proves(record, &there);
        record.packed = there.len();
        return Some(end);
    }
    if record.method != 8 || record.encrypted() {
        return by_descriptor(extent, record, start, proven);
    }
    let rest = extent.from(start);
    let payload = codec::payload(Codec::Deflate, &rest, |_| false);
    let packed = payload.consumed;
    (record.packed, record.size) = (packed, payload.extent.len());
    if payload.fault.is_some() {
        *proven |= start + packed == extent.len() && packed >= PROOF_BYTES;
        return (start + packed == extent.len()).then_some(extent.len());
    }
    let computed = Crc32::of_extent(&payload.extent).ok()?;
    let end = start + packed;
    let tail = extent.read_up_to(end, 24).ok()?;
    let signed = if tail.starts_with(DESCRIPTOR) { 4 } else { 0 };
    let stored = View(&tail).u32(signed, Endian::Little).ok();
    let right = stored.is_some_and(|stored| agrees(stored, computed));
    *proven |= right;
    record.crc = computed;
    if !right {
        return Some(end);
    }
    let narrow = View(&tail).u32(signed + 4, Endian::Little).ok().map(u64::from);
    let sizes = if narrow == Some(packed) { 8 } else { 16 };
    Some(end + u64::try_from(signed).unwrap_or(0) + 4 + sizes)
}

/// Whether a member with sizes of its own is one: its bytes have the checksum, or there are many of
/// them up to the end of a cut file.
fn proves(record: &Record, there: &Extent) -> bool {
    if there.len() < record.packed {
        return record.method == 8
            && there.len() >= PROOF_BYTES
            && codec::payload(Codec::Deflate, there, |_| false).consumed == there.len();
    }
    match record.method {
        0 if record.packed > 0 => {
            Crc32::of_extent(there).is_ok_and(|computed| agrees(record.crc, computed))
        }
        8 => {
            let payload = codec::payload(Codec::Deflate, there, |_| false);
            let computed = Crc32::of_extent(&payload.extent);
            payload.fault.is_none()
                && payload.consumed == there.len()
                && computed.is_ok_and(|computed| agrees(record.crc, computed))
        }
        _ => false,
    }
}

/// Finds the descriptor whose packed size is the distance to it.
fn by_descriptor(
    extent: &Extent,
    record: &mut Record,
    start: u64,
    proven: &mut bool,
) -> Option<u64> {
    let bytes = extent.read_up_to(start, SEARCH_BYTES_MAX).ok()?;
    for hit in memmem::find_iter(&bytes, DESCRIPTOR) {
        let view = View(bytes.get(hit..)?);
        let packed = view.u32(8, Endian::Little).ok()?;
        if usize::try_from(packed).ok() != Some(hit) {
            continue;
        }
        record.crc = view.u32(4, Endian::Little).ok()?;
        record.packed = u64::from(packed);
        record.size = u64::from(view.u32(12, Endian::Little).ok()?);
        *proven = true;
        return Some(start + record.packed + 16);
    }
    record.packed = extent.len() - start;
    record.size = record.packed;
    record.crc = Crc32::of_extent(&extent.from(start)).unwrap_or(0);
    Some(extent.len())
}
