//! The package database of SUSE's "ndb" (`lib/backend/ndb/rpmpkg.c` of rpm): a table of slots in
//! pages at the start, then blobs in blocks of 16 bytes. All numbers are little-endian.

use auscult_unpack::{Endian::Little, Extent, Fault, View};

use super::Blobs;

pub(super) const MAGIC: &[u8] = b"RpmP";
const PAGE_BYTES: u64 = 4096;
const BLOCK_BYTES: u64 = 16;
const SLOT_BYTES: usize = 16;
/// The header takes the place of the first two slots.
const HEADER_BYTES: usize = 32;
/// A table for four million packages.
const PAGES_MAX: u64 = 16 << 10;
const SLOT: &[u8] = b"Slot";
const BLOB: &[u8] = b"BlbS";
const WHAT: &str = "read the ndb database";

/// The blobs of all slots in use.
pub(super) fn blobs(extent: &Extent) -> Blobs {
    let mut found = Blobs::default();
    let table = match table(extent) {
        Ok(table) => table,
        Err(fault) => {
            found.faults.push(fault);
            return found;
        }
    };
    if u64::try_from(table.len()).is_ok_and(|bytes| bytes % PAGE_BYTES != 0) {
        found.faults.push(Fault::new(0, WHAT, "the table of slots is cut off"));
    }
    // In a sound file no two packages share their bytes.
    let mut budget = extent.len();
    for (index, slot) in table.chunks_exact(SLOT_BYTES).enumerate().skip(2) {
        let place = u64::try_from(index * SLOT_BYTES).unwrap_or(0);
        match blob(extent, slot, place, &mut budget) {
            Ok(Some((offset, blob))) => found.push(offset, blob),
            Ok(None) => {}
            Err(fault) => found.faults.push(fault),
        }
    }
    found
}

fn table(extent: &Extent) -> Result<impl std::ops::Deref<Target = [u8]> + use<>, Fault> {
    let head = extent.read(0, u64::try_from(HEADER_BYTES).unwrap_or(0))?;
    let view = View(&head);
    let (version, pages) = (view.u32(4, Little)?, u64::from(view.u32(12, Little)?));
    if view.bytes(0, 4)? != MAGIC || version != 0 || pages > PAGES_MAX {
        return Err(Fault::new(0, WHAT, format!("version {version}, {pages} pages of slots")));
    }
    extent.read_up_to(0, pages * PAGE_BYTES)
}

/// The package of a slot and its place; none where the slot is free.
fn blob(
    extent: &Extent,
    slot: &[u8],
    place: u64,
    budget: &mut u64,
) -> Result<Option<(u64, Extent)>, Fault> {
    let view = View(slot);
    let block = u64::from(view.u32(8, Little)?);
    if view.bytes(0, 4)? != SLOT {
        return Err(Fault::new(place, WHAT, "a slot is damaged"));
    }
    if block == 0 {
        return Ok(None);
    }
    let offset = block * BLOCK_BYTES;
    let head = extent.read(offset, 16)?;
    let head = View(&head);
    let length = u64::from(head.u32(12, Little)?);
    if head.bytes(0, 4)? != BLOB || head.bytes(4, 4)? != view.bytes(4, 4)? {
        return Err(Fault::new(offset, WHAT, "a slot leads to no package"));
    }
    let left = budget.checked_sub(length);
    *budget = left.ok_or_else(|| Fault::new(offset, WHAT, "packages share their bytes"))?;
    let blob = extent.slice(offset + 16, length);
    let blob = blob.ok_or_else(|| Fault::new(offset, WHAT, "a package is cut off"))?;
    Ok(Some((offset + 16, blob)))
}
