//! Trees of extents (`jfs_xtree.h`): the root is in the inode, the other pages have 4 KiB.

use std::collections::HashSet;

use super::Pxd;
use crate::{
    Endian::Little,
    Extent, Fault, View,
    formats::support::runs::{Run, Runs},
};

/// Bytes of a page, of a slot in it, and slots that the header takes.
pub(super) const PAGE_BYTES: u64 = 4096;
const SLOT_BYTES: usize = 16;
const FIRST_SLOT: usize = 2;
/// Flags of a page: leaf, internal.
const LEAF: u8 = 0x2;
const INTERNAL: u8 = 0x4;
/// Flag of an extent that was reserved and never written.
const UNWRITTEN: u8 = 0x8;
/// Levels of a tree (`MAXTREEHEIGHT`).
const LEVELS_MAX: u32 = 8;
const WHAT: &str = "map a file";

/// Maps files; each page belongs to one of them.
pub(super) struct Mapper<'image> {
    pub(super) image: &'image Extent,
    pub(super) block_log: u32,
    visited: HashSet<u64>,
}

impl<'image> Mapper<'image> {
    pub(super) fn new(image: &'image Extent, block_log: u32) -> Self {
        Self { image, block_log, visited: HashSet::new() }
    }

    pub(super) fn place(&self, extent: Pxd) -> u64 {
        extent.block << self.block_log
    }

    /// The bytes of a file of this size, whose root is given.
    pub(super) fn content(&mut self, root: &[u8], size: u64, faults: &mut Vec<Fault>) -> Extent {
        let mut runs = Runs::default();
        let read = self.page(root, LEVELS_MAX, &mut runs, faults);
        faults.extend(read.err());
        runs.join(self.image, size, faults)
    }

    fn page(
        &mut self,
        page: &[u8],
        levels: u32,
        runs: &mut Runs,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        let view = View(page);
        let (flags, next) = (view.u8(16)?, usize::from(view.u16(18, Little)?));
        let wrong = |why: String| Fault::new(0, WHAT, why);
        if flags & (LEAF | INTERNAL) == 0 || next * SLOT_BYTES > page.len() {
            return Err(wrong(format!("a page with flags {flags:#x} and {next} slots")));
        }
        for index in FIRST_SLOT..next {
            let slot = View(view.bytes(index * SLOT_BYTES, SLOT_BYTES)?);
            let extent = Pxd::parse(slot, 8)?;
            if flags & LEAF != 0 {
                let first = u64::from(slot.u8(3)?) << 32 | u64::from(slot.u32(4, Little)?);
                if slot.u8(0)? & UNWRITTEN == 0 {
                    runs.push(Run {
                        logical: first << self.block_log,
                        place: self.place(extent),
                        length: extent.count << self.block_log,
                    })?;
                }
                continue;
            }
            let place = self.place(extent);
            if levels == 0 || !self.visited.insert(place) {
                faults.push(Fault::new(place, WHAT, "a page of the map is used twice"));
                continue;
            }
            // A lost page costs its part of the file.
            let read = self.image.read(place, PAGE_BYTES).and_then(|page| {
                self.page(&page, levels - 1, runs, faults).map_err(|fault| fault.within(place))
            });
            faults.extend(read.err());
        }
        Ok(())
    }
}
