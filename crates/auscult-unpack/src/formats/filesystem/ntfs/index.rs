//! Indexes of names: a root in the record of the directory, and blocks in clusters.

use super::{
    attribute::{BITMAP, INDEX_ALLOCATION, INDEX_ROOT},
    fault_at,
    file::{File, Name},
    record::{Reference, mend},
    table::Table,
};
use bytes::Bytes;

use crate::{Endian::Little, Fault, View};

/// The index of the names of a directory.
const NAMES: &[u8] = b"$I30";
/// Place of the header of a list of entries in the root, and in a block.
const ROOT_HEADER: usize = 16;
const BLOCK_HEADER: usize = 24;
/// Flag of an entry: the last of its list, which has no name.
const LAST: u16 = 2;
/// Largest block that is believed.
const BLOCK_BYTES_MAX: u64 = 64 << 10;

/// A name in a directory.
#[derive(Clone, Debug)]
pub(super) struct Indexed {
    pub(super) reference: Reference,
    pub(super) name: Name,
}

/// All names in the index of a directory: of its root and of every block in use. The order of the
/// tree is of no interest. `bytes_left` limits what may still be read of all indexes.
pub(super) fn names(
    table: &Table,
    directory: &File,
    bytes_left: &mut u64,
    faults: &mut Vec<Fault>,
) -> Vec<Indexed> {
    let place = table.place(directory.number);
    let mut found = Vec::new();
    let root = directory.stream(INDEX_ROOT, NAMES).and_then(|root| root.resident());
    let Some(root) = root else {
        faults.push(fault_at(place, "list a directory", "it has no index of names"));
        return found;
    };
    if let Err(fault) = entries(root, ROOT_HEADER, &mut found) {
        faults.push(Fault { offset: place, ..fault });
    }
    let result = blocks(table, directory, root, bytes_left, &mut found, faults);
    faults.extend(result.map_err(|fault| Fault { offset: place, ..fault }).err());
    found
}

fn blocks(
    table: &Table,
    directory: &File,
    root: &[u8],
    bytes_left: &mut u64,
    found: &mut Vec<Indexed>,
    faults: &mut Vec<Fault>,
) -> Result<(), Fault> {
    let Some(allocation) = directory.stream(INDEX_ALLOCATION, NAMES) else { return Ok(()) };
    let block_bytes = u64::from(View(root).u32(8, Little)?);
    if !(512..=BLOCK_BYTES_MAX).contains(&block_bytes) || !block_bytes.is_power_of_two() {
        let why = format!("blocks of {block_bytes} bytes");
        return Err(fault_at(0, "list a directory", why));
    }
    let many = || fault_at(0, "list a directory", "the indexes are longer than the image");
    let place = table.place(directory.number);
    let extent = table.content(allocation, place, faults);
    let mut count = extent.len() / block_bytes;
    // One bit for each block; without it, all are taken to be in use.
    let used = match directory.stream(BITMAP, NAMES) {
        Some(bitmap) => {
            let bytes = count.div_ceil(8).min(bitmap.size());
            *bytes_left = bytes_left.checked_sub(bytes).ok_or_else(many)?;
            count = count.min(bytes.saturating_mul(8));
            Some(table.content(bitmap, place, faults).read(0, bytes)?)
        }
        None => None,
    };
    for index in 0..count {
        let is_used = |used: &Bytes| {
            let byte = usize::try_from(index / 8).ok().and_then(|at| used.get(at));
            byte.is_some_and(|byte| byte >> (index % 8) & 1 == 1)
        };
        if !used.as_ref().is_none_or(is_used) {
            continue;
        }
        *bytes_left = bytes_left.checked_sub(block_bytes).ok_or_else(many)?;
        let block = extent.read(index * block_bytes, block_bytes);
        let result = block.and_then(|block| {
            let mut block = block.to_vec();
            mend(&mut block, *b"INDX")?;
            entries(&block, BLOCK_HEADER, found)
        });
        if let Err(fault) = result {
            let why = format!("block {index} of its index: {}", fault.why);
            faults.push(fault_at(place, "list a directory", why));
        }
    }
    Ok(())
}

/// Reads a list of entries, whose header stands at `header`.
fn entries(bytes: &[u8], header: usize, found: &mut Vec<Indexed>) -> Result<(), Fault> {
    let list = bytes.get(header..).unwrap_or_default();
    let size = |offset| -> Result<usize, Fault> {
        Ok(usize::try_from(View(list).u32(offset, Little)?).unwrap_or(usize::MAX))
    };
    let (start, end) = (size(0)?, size(4)?);
    let wrong = |why: &str| fault_at(0, "read an index", why);
    let list = list.get(..end).ok_or_else(|| wrong("its entries are longer than it is"))?;
    let mut at = start;
    loop {
        let entry = View(list.get(at..).unwrap_or_default());
        let (length, flags) = (usize::from(entry.u16(8, Little)?), entry.u16(12, Little)?);
        if flags & LAST != 0 {
            return Ok(());
        }
        let key_bytes = usize::from(entry.u16(10, Little)?);
        if length < 16 + key_bytes {
            return Err(wrong("an entry is shorter than its key"));
        }
        let name = Name::parse(entry.bytes(16, key_bytes)?)?;
        found.push(Indexed { reference: Reference::of(entry.u64(0, Little)?), name });
        at += length;
    }
}
