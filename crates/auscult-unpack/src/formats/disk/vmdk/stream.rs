//! Streams: markers tell what follows, so that a disk can be written and read in one go.

use super::{
    SECTOR_BYTES,
    sparse::{GRAIN_HEADER_BYTES, Header, packed},
};
use crate::{Endian::Little, Extent, Fault, View, formats::disk::assembly::Assembly};

/// Kinds of markers: the end, and the footer, which repeats the header.
const MARKER_END: u32 = 0;
const MARKER_FOOTER: u32 = 3;

/// Walks from marker to marker. Grains come in the order of the disk.
pub(super) fn read(image: &Extent, header: &Header, disk: &mut Assembly<'_>) -> Result<(), Fault> {
    let mut place = header.overhead.saturating_mul(SECTOR_BYTES);
    let size = disk.left();
    loop {
        let bytes = image.read(place, 16)?;
        let view = View(&bytes);
        let (value, length) = (view.u64(0, Little)?, u64::from(view.u32(8, Little)?));
        if length > 0 {
            let start = value.saturating_mul(SECTOR_BYTES);
            let gap = start.checked_sub(size - disk.left()).ok_or_else(|| {
                Fault::new(place, "read a grain", "it stands before the one before it")
            })?;
            disk.zeros(gap);
            if disk.left() > 0 {
                packed(image, header, place, disk);
            }
            place += (GRAIN_HEADER_BYTES + length).next_multiple_of(SECTOR_BYTES);
            continue;
        }
        let kind = view.u32(12, Little)?;
        // The marker itself, and what it announces.
        let sectors = value.saturating_add(1);
        let end = place.saturating_add(sectors.saturating_mul(SECTOR_BYTES));
        disk.used(place, end - place);
        match kind {
            MARKER_END => return Ok(()),
            1..=MARKER_FOOTER => place = end,
            other => {
                let why = format!("a marker of kind {other}");
                return Err(Fault::new(place, "read a stream of grains", why));
            }
        }
    }
}
