//! Elements, of which an archive of StuffIt X is made: a kind, numbered attributes, numbered
//! algorithms, and for some kinds two rows of blocks, the data and its checksum.

use super::cursor::Cursor;
use crate::{Extent, Fault};

/// What an element is.
pub(super) mod kind {
    pub(crate) const END: u64 = 0;
    pub(crate) const DATA: u64 = 1;
    pub(crate) const FILE: u64 = 2;
    pub(crate) const FORK: u64 = 3;
    pub(crate) const DIRECTORY: u64 = 4;
    pub(crate) const CATALOGUE: u64 = 5;
    pub(crate) const CLUE: u64 = 6;
    pub(crate) const ROOT: u64 = 7;
    // A boundary, which says nothing, is 8.
    /// What follows belongs to something else than a file, such as the comment of the archive.
    pub(crate) const OWNER: u64 = 9;
    /// Receipts, indices and the like have two rows of blocks, whatever is in them.
    pub(crate) const RECEIPT: u64 = 10;
    pub(crate) const LAST: u64 = 15;
}

/// Attributes with a meaning that is known.
const NUMBER: u64 = 1;
const PARENT: u64 = 2;
const STREAM: u64 = 3;
const SLOT: u64 = 4;
const LENGTH: u64 = 5;
/// Algorithms.
const COMPRESSION: u64 = 1;
const CHECKSUM: u64 = 2;
const FILTER: u64 = 3;
const CIPHER: u64 = 4;
const RECOVERY: u64 = 5;
/// Longest checksum read, in bytes.
const SUM_BYTES_MAX: u64 = 16;

/// An element as it stands in the archive.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Where it begins.
    pub(super) place: u64,
    pub(super) kind: u64,
    /// Its own number, and that of the folder or file that it belongs to.
    pub(super) number: Option<u64>,
    pub(super) parent: Option<u64>,
    /// Which stream a fork is in, and where in it among others.
    pub(super) stream: Option<u64>,
    pub(super) slot: Option<u64>,
    /// Unpacked bytes.
    pub(super) length: Option<u64>,
    pub(super) compression: Option<u64>,
    pub(super) checksum: Option<u64>,
    pub(super) filter: Option<u64>,
    pub(super) encrypted: bool,
    pub(super) recovery: bool,
    /// What follows a root (a version) and a fork (which fork it is).
    pub(super) detail: u64,
    /// The packed bytes, where there are blocks.
    pub(super) packed: Option<Extent>,
    /// The checksum of the unpacked bytes.
    pub(super) sum: Vec<u8>,
    /// What ended the blocks before they were all told.
    pub(super) cut: Option<Fault>,
}

/// Reads the element at the cursor, and goes behind it.
///
/// # Errors
/// What is wrong with it; the archive cannot be read any further then.
pub(super) fn read(extent: &Extent, cursor: &mut Cursor<'_>) -> Result<Element, Fault> {
    let mut element = Element { place: cursor.place(), ..Element::default() };
    // Always set, but for boundaries.
    cursor.flag()?;
    element.kind = cursor.number()?;
    if element.kind > kind::LAST {
        return Err(cursor.fault("an unknown kind of element"));
    }
    loop {
        let key = cursor.number()?;
        if key == 0 {
            break;
        }
        let value = cursor.number()?;
        let slot = match key {
            NUMBER => &mut element.number,
            PARENT => &mut element.parent,
            STREAM => &mut element.stream,
            SLOT => &mut element.slot,
            LENGTH => &mut element.length,
            _ => continue,
        };
        *slot = Some(value);
    }
    read_algorithms(cursor, &mut element)?;
    match element.kind {
        kind::ROOT | kind::FORK => element.detail = cursor.number()?,
        kind::CLUE => cursor.skip(element.length.unwrap_or(0)),
        kind::DATA | kind::CATALOGUE | kind::RECEIPT..=kind::LAST => {
            read_blocks(extent, cursor, &mut element)?;
        }
        _ => {}
    }
    cursor.align();
    Ok(element)
}

fn read_algorithms(cursor: &mut Cursor<'_>, element: &mut Element) -> Result<(), Fault> {
    loop {
        let key = cursor.number()?;
        if key == 0 {
            return Ok(());
        }
        let value = cursor.number()?;
        match key {
            COMPRESSION => element.compression = Some(value),
            CHECKSUM => element.checksum = Some(value),
            FILTER => element.filter = Some(value),
            CIPHER => {
                // The length of the key.
                cursor.number()?;
                element.encrypted = true;
            }
            RECOVERY => element.recovery = true,
            _ => {}
        }
    }
}

/// Both rows of blocks: a length in front of each, a zero behind the last. What is there of them is
/// kept.
fn read_blocks(
    extent: &Extent,
    cursor: &mut Cursor<'_>,
    element: &mut Element,
) -> Result<(), Fault> {
    let (packed, cut) = row(extent, cursor);
    element.packed = Some(Extent::joined(extent.vault(), packed));
    element.cut = cut;
    if element.cut.is_none() {
        let (sum, cut) = row(extent, cursor);
        let sum = Extent::joined(extent.vault(), sum);
        element.sum = sum.read_up_to(0, SUM_BYTES_MAX)?.to_vec();
        element.cut = cut;
    }
    Ok(())
}

fn row(extent: &Extent, cursor: &mut Cursor<'_>) -> (Vec<Extent>, Option<Fault>) {
    let mut blocks = Vec::new();
    cursor.align();
    loop {
        let length = match cursor.number() {
            Ok(length) => length,
            Err(fault) => return (blocks, Some(fault)),
        };
        cursor.align();
        if length == 0 {
            return (blocks, None);
        }
        blocks.push(extent.clamp(cursor.place(), length));
        cursor.skip(length);
    }
}
