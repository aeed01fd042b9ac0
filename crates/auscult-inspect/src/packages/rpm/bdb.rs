//! Hash databases of Berkeley DB, versions 7 to 10 of the format (`src/dbinc/db_page.h` of Berkeley
//! DB), in either byte order.
//!
//! All hash pages are read one after the other instead of by the table of buckets: every pair is on
//! one of them, and a free page has another type. Encrypted files are not read.

use auscult_unpack::{Endian, Extent, Fault, View};

use super::Blobs;

const MAGIC: u32 = 0x0006_1561;
const MAGIC_AT: usize = 12;
const HEADER_BYTES: usize = 26;
const UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH: u8 = 13;
const INLINE: u8 = 1;
const OFF_PAGE: u8 = 3;
const WHAT: &str = "read the Berkeley DB file";

/// Whether these are the first bytes of such a file.
pub(super) fn is_hash(head: &[u8]) -> bool {
    order(head).is_some()
}

fn order(head: &[u8]) -> Option<Endian> {
    [Endian::Little, Endian::Big]
        .into_iter()
        .find(|&endian| View(head).u32(MAGIC_AT, endian).ok() == Some(MAGIC))
}

/// All values but that of key 0, under which rpm counts its packages.
pub(super) fn values(extent: &Extent) -> Blobs {
    let mut found = Blobs::default();
    let file = match File::open(extent) {
        Ok(file) => file,
        Err(fault) => {
            found.faults.push(fault);
            return found;
        }
    };
    // In a sound file no two values share their bytes.
    let mut budget = extent.len();
    for page in 1..=file.last {
        let base = page * file.page_bytes;
        if base >= extent.len() {
            found.faults.push(Fault::new(base, WHAT, "the file ends before its last page"));
            break;
        }
        if let Err(fault) = file.page(base, &mut budget, &mut found) {
            found.faults.push(fault);
        }
    }
    found
}

struct File<'file> {
    extent: &'file Extent,
    endian: Endian,
    page_bytes: u64,
    last: u64,
}

impl<'file> File<'file> {
    fn open(extent: &'file Extent) -> Result<Self, Fault> {
        let head = extent.read(0, 72)?;
        let view = View(&head);
        let damaged = |why: &str| Fault::new(0, WHAT, why);
        let endian = order(&head).ok_or_else(|| damaged("its header is damaged"))?;
        let page_bytes = u64::from(view.u32(20, endian)?);
        if !page_bytes.is_power_of_two() || !(512..=65536).contains(&page_bytes) {
            return Err(damaged("its pages have no possible size"));
        }
        if view.u8(24)? != 0 {
            return Err(damaged("it is encrypted"));
        }
        Ok(Self { extent, endian, page_bytes, last: u64::from(view.u32(32, endian)?) })
    }

    /// Notes the values of a hash page; other pages hold none.
    fn page(&self, base: u64, budget: &mut u64, found: &mut Blobs) -> Result<(), Fault> {
        let kind = self.extent.read(base, 26)?;
        if !matches!(View(&kind).u8(25)?, HASH | UNSORTED) {
            return Ok(());
        }
        let bytes = self.extent.read(base, self.page_bytes)?;
        let view = View(&bytes);
        let count = usize::from(view.u16(20, self.endian)?);
        let item = |index: usize| {
            let place =
                |index: usize| view.u16(HEADER_BYTES + 2 * index, self.endian).map(usize::from);
            let start = place(index)?;
            let end = match index.checked_sub(1) {
                Some(before) => place(before)?,
                None => bytes.len(),
            };
            let length = end.checked_sub(start);
            let length =
                length.ok_or_else(|| Fault::new(0, WHAT, "the items of a page overlap"))?;
            Ok::<_, Fault>((start, view.bytes(start, length)?))
        };
        // Keys and values take turns.
        for pair in 0..count / 2 {
            let here = |fault: Fault| fault.within(base);
            let (_, key) = item(2 * pair).map_err(here)?;
            let (start, value) = item(2 * pair + 1).map_err(here)?;
            if key.iter().all(|&byte| matches!(byte, 0 | INLINE)) && key.get(1..) == Some(&[0; 4]) {
                continue;
            }
            let offset = base.saturating_add(u64::try_from(start).unwrap_or(0));
            match self.value(value, offset, budget) {
                Ok(Some(blob)) => found.push(offset, blob),
                Ok(None) => {}
                Err(fault) => found.faults.push(fault),
            }
        }
        Ok(())
    }

    fn value(&self, item: &[u8], offset: u64, budget: &mut u64) -> Result<Option<Extent>, Fault> {
        let view = View(item);
        let length = match view.u8(0)? {
            INLINE => u64::try_from(item.len() - 1).unwrap_or(0),
            OFF_PAGE => u64::from(view.u32(8, self.endian)?),
            _ => return Ok(None),
        };
        let left = budget.checked_sub(length);
        *budget = left.ok_or_else(|| Fault::new(offset, WHAT, "values share their bytes"))?;
        if view.u8(0)? == INLINE {
            return Ok(Some(self.extent.clamp(offset.saturating_add(1), length)));
        }
        let mut parts = Vec::new();
        let (mut left, mut next) = (length, u64::from(view.u32(4, self.endian)?));
        while left > 0 {
            let base = next * self.page_bytes;
            let head = self.extent.read(base, 26)?;
            let head = View(&head);
            let held = u64::from(head.u16(22, self.endian)?).min(left);
            let part = self.extent.slice(base + 26, held);
            let part = part.filter(|_| head.u8(25) == Ok(OVERFLOW) && held > 0);
            let why = "a chain of overflow pages is broken";
            parts.push(part.ok_or_else(|| Fault::new(base, WHAT, why))?);
            left -= held;
            next = u64::from(head.u32(16, self.endian)?);
        }
        Ok(Some(Extent::joined(self.extent.vault(), parts)))
    }
}
