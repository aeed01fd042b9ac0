//! Directories are trees of entries (`jfs_dtree.h`): slots of 32 bytes, a table of those that are
//! in use in the order of their names, and names of 16-bit units that go on in further slots.

use std::collections::HashSet;

use super::{Pxd, xtree::PAGE_BYTES};
use crate::{Endian::Little, Extent, Fault, View};

const SLOT_BYTES: usize = 32;
/// Flags of a page.
const LEAF: u8 = 0x2;
const INTERNAL: u8 = 0x4;
/// Place of the table in a root: there are at most eight entries.
const ROOT_TABLE: usize = 24;
const ROOT_SLOTS: usize = 9;
/// Units of a name in the first slot of an entry, with and without a number behind them, and in
/// each further slot.
const UNITS_INDEXED: usize = 11;
const UNITS_PLAIN: usize = 13;
const UNITS_MORE: usize = 15;
/// Levels of a tree (`MAXTREEHEIGHT`).
const LEVELS_MAX: u32 = 8;
const WHAT: &str = "list a directory";

type Children = Vec<(Vec<u8>, u32)>;

/// Lists directories; each page belongs to one of them.
pub(super) struct Lister<'image> {
    pub(super) image: &'image Extent,
    pub(super) block_log: u32,
    /// Whether each entry has a number in a table.
    pub(super) indexed: bool,
    visited: HashSet<u64>,
}

impl<'image> Lister<'image> {
    pub(super) fn new(image: &'image Extent, block_log: u32, indexed: bool) -> Self {
        Self { image, block_log, indexed, visited: HashSet::new() }
    }

    /// All entries below a root.
    pub(super) fn list(
        &mut self,
        root: &[u8],
        children: &mut Children,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        self.page(root, LEVELS_MAX, children, faults)
    }

    fn page(
        &mut self,
        page: &[u8],
        levels: u32,
        children: &mut Children,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        let view = View(page);
        let (flags, count) = (view.u8(16)?, usize::from(view.u8(17)?));
        let is_root = page.len() <= ROOT_SLOTS * SLOT_BYTES;
        let table = if is_root { ROOT_TABLE } else { usize::from(view.u8(21)?) * SLOT_BYTES };
        if flags & (LEAF | INTERNAL) == 0 {
            return Err(Fault::new(0, WHAT, format!("a page with flags {flags:#x}")));
        }
        for index in 0..count {
            let slot = usize::from(view.u8(table + index)?) * SLOT_BYTES;
            if flags & LEAF != 0 {
                let first = if self.indexed { UNITS_INDEXED } else { UNITS_PLAIN };
                let name = name(view, slot, first)?;
                children.push((name, view.u32(slot, Little)?));
                continue;
            }
            let place = Pxd::parse(view, slot)?.block << self.block_log;
            if levels == 0 || !self.visited.insert(place) {
                faults.push(Fault::new(place, WHAT, "a page is used twice"));
                continue;
            }
            // A lost page costs its entries.
            let read = self.image.read(place, PAGE_BYTES).and_then(|page| {
                self.page(&page, levels - 1, children, faults).map_err(|fault| fault.within(place))
            });
            faults.extend(read.err());
        }
        Ok(())
    }
}

/// The name of a leaf's entry.
fn name(view: View<'_>, slot: usize, first: usize) -> Result<Vec<u8>, Fault> {
    let mut left = usize::from(view.u8(slot + 5)?);
    let mut units = Vec::with_capacity(left);
    let mut take = |at: usize, count: usize| -> Result<(), Fault> {
        for index in 0..count {
            units.push(view.u16(at + index * 2, Little)?);
        }
        Ok(())
    };
    let count = left.min(first);
    take(slot + 6, count)?;
    left -= count;
    let mut next = view.u8(slot + 4)?;
    while left > 0 {
        let more = usize::from(next) * SLOT_BYTES;
        let count = left.min(UNITS_MORE);
        take(more + 2, count)?;
        left -= count;
        next = view.u8(more)?;
    }
    Ok(text_of(&units))
}

/// Linux keeps one byte of a name in each unit unless told otherwise; others keep UTF-16.
fn text_of(units: &[u16]) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = units.iter().map(|&unit| u8::try_from(unit).ok()).collect();
    match bytes {
        Some(bytes) if std::str::from_utf8(&bytes).is_ok() => bytes,
        _ => String::from_utf16_lossy(units).into_bytes(),
    }
}
