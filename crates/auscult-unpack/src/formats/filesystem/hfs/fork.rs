//! Forks: the bytes of a file in extents, of which the first stand with the file and the rest in a
//! tree of their own.

use std::collections::BTreeMap;

use super::volume::Volume;
use crate::{
    Endian::Big,
    Extent, Fault, View,
    formats::support::runs::{Run, Runs},
};

/// Extents in a record of HFS, and of HFS Plus.
const CLASSIC_EXTENTS: usize = 3;
const PLUS_EXTENTS: usize = 8;

/// A fork as a header or record has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Fork {
    pub(super) size: u64,
    /// First block and number of blocks.
    pub(super) extents: Vec<(u32, u32)>,
}

/// Which of the two forks of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Data,
    Resource,
}

/// Extents that found no place with their file: by file, fork and first block in it.
pub(super) type Overflow = BTreeMap<(u32, Which, u32), Vec<(u32, u32)>>;

impl Fork {
    /// Reads a fork of HFS Plus (`HFSPlusForkData`).
    pub(super) fn read(view: View<'_>, at: usize) -> Result<Self, Fault> {
        Ok(Self { size: view.u64(at, Big)?, extents: extents(view, at + 16)? })
    }

    /// Reads a fork of HFS, whose size stands elsewhere.
    pub(super) fn read_classic(view: View<'_>, at: usize, size: u32) -> Result<Self, Fault> {
        Ok(Self { size: u64::from(size), extents: extents_classic(view, at)? })
    }

    /// The bytes of a fork of this file, whose record stands at `place`.
    pub(super) fn content(
        &self,
        image: &Extent,
        volume: &Volume,
        overflow: &Overflow,
        (file, which): (u32, Which),
        place: u64,
        faults: &mut Vec<Fault>,
    ) -> Extent {
        let (mut runs, mut logical) = (Runs::default(), 0_u64);
        let mut next = self.extents.as_slice();
        let mut blocks = 0_u64;
        while logical < self.size {
            let before = blocks;
            for &(first, count) in next.iter().filter(|(_, count)| *count > 0) {
                let length = u64::from(count) * volume.block_bytes;
                let place = if u64::from(first) + u64::from(count) <= volume.blocks {
                    volume.start + u64::from(first) * volume.block_bytes
                } else {
                    u64::MAX
                };
                if let Err(fault) = runs.push(Run { logical, place, length }) {
                    faults.push(fault);
                    break;
                }
                blocks += u64::from(count);
                logical = logical.saturating_add(length);
            }
            let key = u32::try_from(blocks).ok().map(|blocks| (file, which, blocks));
            let more = key.and_then(|key| overflow.get(&key));
            match more {
                Some(more) if blocks > before => next = more,
                _ => break,
            }
        }
        if logical < self.size {
            let why = format!("its extents have {logical} of {} bytes", self.size);
            let fault = Fault::new(place, "find a file's blocks", why);
            faults.push(fault.clone());
            let there = runs.join(image, logical, faults);
            let missing = Extent::missing(image.vault(), self.size - logical, fault);
            let parts = [there, missing].into_iter().filter(|part| !part.is_empty()).collect();
            return Extent::joined(image.vault(), parts);
        }
        runs.join(image, self.size, faults)
    }
}

/// The extents of a record of HFS Plus.
pub(super) fn extents(view: View<'_>, at: usize) -> Result<Vec<(u32, u32)>, Fault> {
    let pair = |index| Ok((view.u32(at + index * 8, Big)?, view.u32(at + index * 8 + 4, Big)?));
    (0..PLUS_EXTENTS).map(pair).collect()
}

/// The extents of a record of HFS.
pub(super) fn extents_classic(view: View<'_>, at: usize) -> Result<Vec<(u32, u32)>, Fault> {
    let short = |at| view.u16(at, Big).map(u32::from);
    let pair = |index| Ok((short(at + index * 4)?, short(at + index * 4 + 2)?));
    (0..CLASSIC_EXTENTS).map(pair).collect()
}
