//! Tables of an SQLite database (<https://www.sqlite.org/fileformat2.html>): as much as it takes to
//! read every row of one table.
//!
//! Only the pages that the table's b-tree reaches are read; indexes, free pages and the write-ahead
//! log are not. The pieces of a row stay where they are: nothing is copied before it is wanted.

use std::collections::HashSet;

use auscult_unpack::{Endian::Big, Extent, Fault, View};

use super::Blobs;

pub(super) const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER_BYTES: u64 = 100;
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;
/// Rows of the schema table are short statements.
const SCHEMA_ROW_BYTES_MAX: u64 = 64 << 10;
/// The head of a record: its own length and one serial type for each column.
const RECORD_HEAD_BYTES: u64 = 128;
const COLUMNS_MAX: usize = 16;
const WHAT: &str = "read the SQLite database";

/// The blobs in one column of a table, the columns counted from 0.
pub(super) fn column(extent: &Extent, table: &str, column: usize) -> Blobs {
    let mut found = Blobs::default();
    let database = match Database::open(extent) {
        Ok(database) => database,
        Err(fault) => {
            found.faults.push(fault);
            return found;
        }
    };
    let mut root = None;
    let mut faults = Vec::new();
    database.rows(1, &mut faults, |_, row| root = root.or_else(|| root_of(row, table)));
    match root {
        Some(root) => database.rows(root, &mut faults, |offset, row| {
            match row.read_up_to(0, RECORD_HEAD_BYTES).ok().and_then(|head| value(&head, column)) {
                Some((start, length)) => found.push(offset, row.clamp(start, length)),
                None => found.faults.push(Fault::new(offset, WHAT, "a row is cut off")),
            }
        }),
        None => faults.push(Fault::new(0, WHAT, format!("it has no table {table}"))),
    }
    found.faults.extend(faults);
    found
}

struct Database<'file> {
    extent: &'file Extent,
    page_bytes: u64,
    /// Bytes of a page without what extensions reserve at its end.
    usable: u64,
}

impl<'file> Database<'file> {
    fn open(extent: &'file Extent) -> Result<Self, Fault> {
        let head = extent.read(0, HEADER_BYTES)?;
        let view = View(&head);
        let page_bytes = match view.u16(16, Big)? {
            1 => 65536,
            other => u64::from(other),
        };
        let usable = page_bytes.saturating_sub(u64::from(view.u8(20)?));
        if view.bytes(0, MAGIC.len())? != MAGIC || !page_bytes.is_power_of_two() || usable < 480 {
            return Err(Fault::new(0, WHAT, "its header is damaged"));
        }
        Ok(Self { extent, page_bytes, usable })
    }

    fn offset(&self, page: u64) -> u64 {
        page.saturating_sub(1).saturating_mul(self.page_bytes)
    }

    /// Visits every row of the b-tree with this root, with its place in the file.
    fn rows(&self, root: u64, faults: &mut Vec<Fault>, mut visit: impl FnMut(u64, &Extent)) {
        let mut waiting = vec![root];
        let mut seen = HashSet::new();
        // In a sound file no two rows share their bytes.
        let mut budget = self.extent.len();
        while let Some(page) = waiting.pop() {
            if !seen.insert(page) {
                faults.push(Fault::new(self.offset(page), WHAT, "a page is reached twice"));
                continue;
            }
            if let Err(fault) = self.page(page, &mut budget, &mut waiting, &mut visit) {
                faults.push(fault);
            }
        }
    }

    /// Reads a page: visits the rows of a leaf, or notes the pages below.
    fn page(
        &self,
        page: u64,
        budget: &mut u64,
        waiting: &mut Vec<u64>,
        visit: &mut impl FnMut(u64, &Extent),
    ) -> Result<(), Fault> {
        let base = self.offset(page);
        if page == 0 {
            return Err(Fault::new(0, WHAT, "page 0 is none"));
        }
        let bytes = self.extent.read(base, self.page_bytes)?;
        let view = View(&bytes);
        let start = if page == 1 { 100 } else { 0 };
        let (kind, count) = (view.u8(start)?, usize::from(view.u16(start + 3, Big)?));
        let cells = start + if kind == INTERIOR { 12 } else { 8 };
        let cell = |index: usize| view.u16(cells + 2 * index, Big).map(usize::from);
        match kind {
            INTERIOR => {
                waiting.push(u64::from(view.u32(start + 8, Big)?));
                for index in (0..count).rev() {
                    waiting.push(u64::from(view.u32(cell(index)?, Big)?));
                }
                Ok(())
            }
            LEAF => {
                for index in 0..count {
                    let at = cell(index)?;
                    let offset = base.saturating_add(u64::try_from(at).unwrap_or(0));
                    let row = self.row(&bytes, base, at, budget).map_err(|f| f.within(base))?;
                    visit(offset, &row);
                }
                Ok(())
            }
            other => Err(Fault::new(base, WHAT, format!("page {page} has the type {other:#x}"))),
        }
    }

    /// The payload of a cell with what overflows to other pages.
    fn row(&self, page: &[u8], base: u64, at: usize, budget: &mut u64) -> Result<Extent, Fault> {
        let view = View(page);
        let place = u64::try_from(at).unwrap_or(0);
        let damaged = |why| Fault::new(place, WHAT, why);
        let short = || damaged("a cell is cut off");
        let (length, length_bytes) = varint(page, at).ok_or_else(short)?;
        let (_, key_bytes) = varint(page, at + length_bytes).ok_or_else(short)?;
        let start = at + length_bytes + key_bytes;
        *budget = budget.checked_sub(length).ok_or_else(|| damaged("rows share their bytes"))?;
        let local = self.local_bytes(length);
        let held = usize::try_from(local).map_err(|_| short())?;
        view.bytes(start, held)?;
        let start = u64::try_from(start).unwrap_or(0);
        let mut parts = vec![self.extent.clamp(base.saturating_add(start), local)];
        let mut left = length - local;
        let mut next = match left {
            0 => 0,
            _ => u64::from(view.u32(at + length_bytes + key_bytes + held, Big)?),
        };
        while left > 0 {
            let overflow = self.offset(next);
            let head = self.extent.read(overflow, 4)?;
            let taken = left.min(self.usable - 4);
            let part = self.extent.slice(overflow.saturating_add(4), taken).ok_or_else(short)?;
            if next == 0 {
                return Err(damaged("a chain of overflow pages ends too early"));
            }
            parts.push(part);
            left -= taken;
            next = u64::from(View(&head).u32(0, Big)?);
        }
        Ok(match parts.as_slice() {
            [only] => only.clone(),
            _ => Extent::joined(self.extent.vault(), parts),
        })
    }

    /// How much of a payload stands in its cell (section 1.6, "B-tree Pages").
    fn local_bytes(&self, length: u64) -> u64 {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let even = least + (length - least) % (self.usable - 4);
        if even <= most { even } else { least }
    }
}

/// The root page of a table, if this row of the schema describes it.
fn root_of(row: &Extent, table: &str) -> Option<u64> {
    let bytes = row.read_up_to(0, SCHEMA_ROW_BYTES_MAX).ok()?;
    let text = |column| {
        let (start, length) = value(&bytes, column)?;
        let start = usize::try_from(start).ok()?;
        bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
    };
    let ours = text(0)? == b"table" && text(1)? == table.as_bytes();
    let number = || Some(text(3)?.iter().fold(0, |sum: u64, &byte| sum << 8 | u64::from(byte)));
    if ours { number() } else { None }
}

/// Start and length of a column's value in a record (section 2.1, "Record Format").
fn value(record: &[u8], column: usize) -> Option<(u64, u64)> {
    let (head, mut at) = varint(record, 0)?;
    let mut start = head;
    for index in 0..COLUMNS_MAX {
        let (kind, bytes) = varint(record, at).filter(|_| (at as u64) < head)?;
        at += bytes;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            12.. => (kind - 12) / 2,
        };
        if index == column {
            return Some((start, length));
        }
        start = start.checked_add(length)?;
    }
    None
}

/// A number in groups of seven bits, the most significant first, and the bytes it takes.
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut number = 0_u64;
    for count in 0..9 {
        let byte = *bytes.get(at.checked_add(count)?)?;
        if count == 8 {
            return Some((number << 8 | u64::from(byte), 9));
        }
        number = number << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((number, count + 1));
        }
    }
    None
}
