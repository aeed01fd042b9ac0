//! Allocation descriptors: where the bytes of a file are (ECMA-167 4/14.14, 4/14.5).

use super::{
    descriptor::{ALLOCATION, Address, LENGTH_MASK, Tag},
    entry::FileEntry,
    partition::Partitions,
};
use crate::{
    Endian::Little,
    Extent, Fault, View,
    formats::support::runs::{Run, Runs},
};

/// Kinds of descriptors, from the flags of the entry; the last is no descriptor but the content.
const SHORT: u8 = 0;
const LONG: u8 = 1;
const EXTENDED: u8 = 2;
const EMBEDDED: u8 = 3;
/// Kinds of extents, from the two highest bits of the length: written, or more descriptors.
const WRITTEN: u32 = 0;
const CONTINUED: u32 = 3;
/// Extents of descriptors of one file.
const CONTINUATIONS_MAX: u32 = 1 << 16;

/// Bytes of a file in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub(super) logical: u64,
    pub(super) length: u64,
    /// None for a hole.
    pub(super) place: Option<u64>,
}

/// A descriptor, whatever its kind.
struct Descriptor {
    kind: u32,
    length: u64,
    address: Address,
}

impl Descriptor {
    /// Reads the descriptor at `at`; short ones are of the partition in which they stand.
    fn read(view: View<'_>, at: usize, kind: u8, partition: u16) -> Option<(Self, usize)> {
        let raw = view.u32(at, Little).ok()?;
        let (block, partition, bytes) = match kind {
            SHORT => (view.u32(at + 4, Little).ok()?, partition, 8),
            LONG => (view.u32(at + 4, Little).ok()?, view.u16(at + 8, Little).ok()?, 16),
            EXTENDED => (view.u32(at + 12, Little).ok()?, view.u16(at + 16, Little).ok()?, 20),
            _ => return None,
        };
        let length = u64::from(raw & LENGTH_MASK);
        let address = Address { partition, block };
        (length > 0).then_some((Self { kind: raw >> 30, length, address }, bytes))
    }
}

/// The pieces of a file, up to its size.
pub(super) fn pieces(
    partitions: &mut Partitions,
    image: &Extent,
    entry: &FileEntry,
    own: Address,
    faults: &mut Vec<Fault>,
) -> Result<Vec<Piece>, Fault> {
    let mut found = Vec::new();
    let mut bytes = entry.descriptors.clone();
    let (mut at, mut logical, mut continuations) = (0, 0_u64, 0);
    while logical < entry.size {
        let read = Descriptor::read(View(&bytes), at, entry.allocation, own.partition);
        let Some((Descriptor { kind, length, address }, step)) = read else { break };
        at += step;
        match kind {
            CONTINUED => {
                continuations += 1;
                if continuations > CONTINUATIONS_MAX {
                    let why = "its descriptors go on too often";
                    return Err(Fault::new(0, "find a file's blocks", why));
                }
                bytes = continuation(partitions, image, address)?;
                at = 0;
            }
            WRITTEN => {
                let mut position = logical;
                match partitions.places(address, length) {
                    Ok(places) => {
                        for (place, length) in places {
                            let place = Some(place);
                            found.push(Piece { logical: position, length, place });
                            position += length;
                        }
                    }
                    Err(fault) => {
                        // It keeps its place and is missing.
                        faults.push(fault);
                        let place = Some(u64::MAX);
                        found.push(Piece { logical, length, place });
                    }
                }
                logical = logical.saturating_add(length);
            }
            _ => {
                found.push(Piece { logical, length, place: None });
                logical = logical.saturating_add(length);
            }
        }
    }
    if logical < entry.size {
        let place = partitions.place(own);
        let why = format!("{logical} of {} bytes have a place", entry.size);
        faults.push(Fault::new(place, "find a file's blocks", why));
    }
    Ok(found)
}

/// The descriptors of a further extent.
fn continuation(
    partitions: &mut Partitions,
    image: &Extent,
    address: Address,
) -> Result<Vec<u8>, Fault> {
    let block = partitions.block(image, address)?;
    if Tag::read(&block)?.kind != ALLOCATION {
        let why = "no further descriptors are there";
        return Err(Fault::new(partitions.place(address), "find a file's blocks", why));
    }
    let length = usize::try_from(View(&block).u32(20, Little)?).unwrap_or(usize::MAX);
    Ok(View(&block).bytes(24, length)?.to_vec())
}

/// The bytes of a file whose entry stands at `own`.
pub(super) fn content(
    partitions: &mut Partitions,
    image: &Extent,
    entry: &FileEntry,
    own: Address,
    faults: &mut Vec<Fault>,
) -> Extent {
    if entry.allocation == EMBEDDED {
        return embedded(partitions, image, entry, own, faults);
    }
    let pieces = match pieces(partitions, image, entry, own, faults) {
        Ok(pieces) => pieces,
        Err(fault) => {
            faults.push(fault.clone());
            return Extent::missing(image.vault(), entry.size, fault);
        }
    };
    let mut runs = Runs::default();
    for Piece { logical, length, place } in pieces {
        let Some(place) = place else { continue };
        if let Err(fault) = runs.push(Run { logical, place, length }) {
            faults.push(fault);
            break;
        }
    }
    runs.join(image, entry.size, faults)
}

/// Content in the block of the entry itself.
fn embedded(
    partitions: &mut Partitions,
    image: &Extent,
    entry: &FileEntry,
    own: Address,
    faults: &mut Vec<Fault>,
) -> Extent {
    let start = partitions.place(own).saturating_add(entry.descriptors_at);
    let length = u64::try_from(entry.descriptors.len()).unwrap_or(0);
    let there = image.clamp(start, length.min(entry.size));
    if there.len() == entry.size {
        return there;
    }
    let why = format!("{} of {} bytes are in its entry", there.len(), entry.size);
    let fault = Fault::new(start, "read a file", why);
    faults.push(fault.clone());
    let missing = Extent::missing(image.vault(), entry.size - there.len(), fault);
    Extent::joined(image.vault(), vec![there, missing])
}
