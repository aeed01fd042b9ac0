//! Code for microcontrollers with ARM's Cortex-M cores, recognised by the table that it begins with: the
//! stack and the handlers of exceptions (Armv7-M Architecture Reference Manual, section B1.5.3).
//!
//! The table says where the code starts, and bounds where it was linked for; the rest stays unread machine
//! code, and is said so.

use crate::{
    Endian::Little,
    Entry, Reading, View,
    format::Opened,
    probe::{Found, Probe, Region},
};

pub(crate) static PROBE: Probe = Probe { name: "cortex-m", find };

/// Tables are aligned to their size, but headers in front of them may be as short as this.
const TABLE_ALIGN: usize = 16;
/// Exceptions of the core, the stack among them.
const EXCEPTIONS: usize = 16;
/// With all interrupts that a core may have.
const VECTORS_MAX: usize = 16 + 496;
const CODE_BYTES_MIN: usize = 512;
/// Largest memory that one image is linked into.
const CODE_BYTES_MAX: u32 = 32 << 20;
/// Where memory for the stack is: SRAM, and the tightly coupled memories of several makers.
const STACKS: [std::ops::RangeInclusive<u32>; 3] =
    [0x2000_0004..=0x3fff_fffc, 0x1000_0004..=0x101f_fffc, 0x1ffe_0004..=0x1fff_fffc];
/// Exceptions that no core has (the seventh is one of Armv8-M, and the place of a checksum at NXP).
const RESERVED: [usize; 4] = [8, 9, 10, 13];
/// Handlers that every core has: the reset, the non-maskable interrupt, hard faults.
const REQUIRED: [usize; 3] = [1, 2, 3];
/// Places of which one must be set, or the table is as good as empty: calls, and the system's timer.
const USUAL: [usize; 3] = [11, 14, 15];
/// Images in one region: loaders and applications.
const FOUND_MAX: usize = 64;

struct Table {
    stack: u32,
    /// Entries from the reset on that are handlers or empty.
    handlers: Vec<u32>,
}

fn find(region: &Region) -> Vec<Found> {
    let Ok(bytes) = region.code.read_all() else { return Vec::new() };
    let (mut tables, mut at) = (Vec::new(), 0);
    while at + CODE_BYTES_MIN <= bytes.len() && tables.len() < FOUND_MAX {
        match bytes.get(at..).and_then(table) {
            Some(table) => {
                let table_bytes = (table.handlers.len() + 1) * 4;
                tables.push((at, table));
                at = (at + table_bytes).next_multiple_of(TABLE_ALIGN);
            }
            None => at += TABLE_ALIGN,
        }
    }
    let ends = tables.iter().skip(1).map(|(start, _)| *start).chain([bytes.len()]);
    let images = tables.iter().zip(ends);
    images
        .filter_map(|((start, table), end)| image(region, table, bytes.get(*start..end)?, *start))
        .collect()
}

/// The table at the start of these bytes, if all that it must hold makes sense.
fn table(bytes: &[u8]) -> Option<Table> {
    let view = View(bytes);
    let word = |index: usize| view.u32(index * 4, Little).ok();
    let stack = word(0)?;
    if !stack.is_multiple_of(4) || !STACKS.iter().any(|range| range.contains(&stack)) {
        return None;
    }
    let reset = word(1)?;
    let near = |address: u32| address.abs_diff(reset) < CODE_BYTES_MAX;
    let handler = |address: u32| address & 1 == 1 && near(address) && address < 0xe000_0000;
    let exceptions: Vec<u32> = (0..EXCEPTIONS).map_while(word).collect();
    let at = |index: &usize| exceptions.get(*index).copied().unwrap_or(u32::MAX);
    let sound = REQUIRED.iter().all(|index| handler(at(index)))
        && RESERVED.iter().all(|index| at(index) == 0 || handler(at(index)))
        && RESERVED.iter().filter(|index| at(index) == 0).count() >= 3
        && USUAL.iter().any(|index| handler(at(index)))
        && [4, 5, 6, 11, 12, 14, 15].iter().all(|index| at(index) == 0 || handler(at(index)));
    if !sound {
        return None;
    }
    let rest = (EXCEPTIONS..VECTORS_MAX).map_while(word);
    let interrupts = rest.take_while(|&address| address == 0 || handler(address));
    let mut handlers: Vec<u32> = exceptions.into_iter().skip(1).chain(interrupts).collect();
    while handlers.last() == Some(&0) {
        handlers.pop();
    }
    Some(Table { stack, handlers })
}

fn image(region: &Region, table: &Table, bytes: &[u8], start: usize) -> Option<Found> {
    let reset = *table.handlers.first()?;
    let mut attributes = vec![
        ("stack", format!("{:#010x}", table.stack)),
        ("entry-point", format!("{:#010x}", reset & !1)),
        ("vectors", (table.handlers.len() + 1).to_string()),
    ];
    let load = load_address(table, bytes);
    attributes.extend(load.map(|load| ("load-address-guess", format!("{load:#010x}"))));
    let offset = u64::try_from(start).ok()?;
    let length = u64::try_from(bytes.len()).ok()?;
    let mut code = Entry::payload(region.code.slice(offset, length)?);
    code.reading = Reading::Leaf;
    let unread = Some("machine code of a program that is not known".to_owned());
    let opened = Opened { length, attributes, entries: vec![code], unread, ..Opened::default() };
    Some(Found { offset, opened })
}

/// Where the code was most likely linked for: all handlers must lie in it. Of the addresses that allow
/// that, the one at which most handlers stand behind the end of another function; of several, the roundest.
fn load_address(table: &Table, bytes: &[u8]) -> Option<u32> {
    const STEP_MIN: u32 = 0x100;
    const HANDLERS_MAX: usize = 32;
    const CANDIDATES_MAX: u32 = 1 << 13;
    let mut handlers: Vec<u32> = table
        .handlers
        .iter()
        .filter(|&&address| address & 1 == 1)
        .map(|address| address & !1)
        .collect();
    handlers.sort_unstable();
    handlers.dedup();
    let length = u32::try_from(bytes.len()).ok()?;
    let table_bytes = u32::try_from(table.handlers.len() * 4 + 4).ok()?;
    let highest = handlers.first()?.checked_sub(table_bytes)?;
    let lowest = handlers.last()?.saturating_sub(length);
    // Larger images are linked for rounder addresses.
    let range = highest.checked_sub(lowest)?;
    let step = (range / CANDIDATES_MAX).next_power_of_two().max(STEP_MIN);
    let lowest = lowest.checked_next_multiple_of(step)?;
    let score = |base: u32| {
        let ends = |&&handler: &&u32| follows_an_end(bytes, handler - base);
        handlers.iter().take(HANDLERS_MAX).filter(ends).count()
    };
    (lowest..=highest)
        .step_by(usize::try_from(step).ok()?)
        .max_by_key(|&base| (score(base), base.trailing_zeros(), std::cmp::Reverse(base)))
}

/// Whether a function may start here: behind a return, a jump, a filling or constants' end.
fn follows_an_end(bytes: &[u8], place: u32) -> bool {
    let Some(before) = usize::try_from(place).ok().and_then(|place| place.checked_sub(2)) else {
        return false;
    };
    let Ok(instruction) = View(bytes).u16(before, Little) else { return false };
    matches!(
        instruction,
        0x4770 | 0xbf00 | 0xe7fe // bx lr; nop; a loop to itself
    ) || instruction & 0xff00 == 0xbd00 // pop with pc
        || instruction & 0xf800 == 0xe000 // b
        || instruction & 0xff87 == 0x4700 // bx
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, locators, noise},
    };

    /// An image linked for `base`: a table, functions that end with `bx lr`, other bytes.
    fn image(base: u32) -> Vec<u8> {
        let code = |index: u32| base + 0x200 + index * 8 + 1;
        let mut words = vec![0x2000_8000, code(0), code(1), code(2)];
        words.extend([
            code(3),
            code(4),
            code(5),
            0,
            0,
            0,
            0,
            code(6),
            code(7),
            0,
            code(8),
            code(9),
        ]);
        words.extend((0..32).map(|index| code(10 + index)));
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.resize(0x1fe, 0xa5);
        bytes.extend([0x70, 0x47]);
        for _ in 0..42 {
            bytes.extend([0x2a, 0x20, 0, 0xbf, 0x01, 0x21, 0x70, 0x47]);
        }
        bytes.extend(noise(5000).iter().map(|byte| byte & 0x7f));
        bytes
    }

    #[test]
    fn the_table_tells_where_the_code_starts_and_it_stays_unread() {
        let tree = Tree::from_bytes(image(0x0800_4000), &Limits::default());
        let told = |key| attribute(&tree, "cortex-m", key).unwrap();
        assert_eq!(
            (told("stack"), told("entry-point")),
            ("0x20008000".into(), "0x08004200".into())
        );
        assert_eq!(
            (told("vectors"), told("load-address-guess")),
            ("48".into(), "0x08004000".into())
        );
        let coverage = tree.coverage();
        assert_eq!(coverage.bytes_unread, image(0).len() as u64);
        assert!(coverage.regions_unread[0].reason.starts_with("cortex-m: machine code"));
    }

    #[test]
    fn a_loader_and_an_application_are_two_images() {
        let mut bytes = image(0);
        bytes.resize(0x4000, 0xff);
        bytes.extend(image(0x4000));
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let found = locators(&tree);
        for wanted in ["image@0x0/cortex-m", "image@0x4000/cortex-m"] {
            assert!(found.contains(&wanted.to_owned()), "{found:?}");
        }
    }

    #[test]
    fn tables_that_make_no_sense_are_none() {
        for (place, value) in [(0, 0x4000_0000), (4, 0x0800_4200), (32, 0x1234), (12, 0)] {
            let mut bytes = image(0x0800_4000);
            bytes[place..place + 4].copy_from_slice(&u32::to_le_bytes(value));
            let tree = Tree::from_bytes(bytes, &Limits::default());
            assert_eq!(attribute(&tree, "cortex-m", "stack"), None, "{place}");
        }
        for length in [0, 3, 511, 600] {
            Tree::from_bytes(image(0)[..length].to_vec(), &Limits::default());
        }
    }
}
