//! The redo logs of ESXi: recognised by their headers, not read.

use super::SECTOR_BYTES;
use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

/// `COWDisk_Header`, of `vmfsSparse` disks.
pub(crate) static COWD: Format =
    Format { name: "vmdk-cowd", magics: &[Magic::start(b"COWD")], carve: true, open: open_cowd };

/// The constant header of `seSparse` disks: its magic and version.
pub(crate) static SESPARSE: Format = Format {
    name: "vmdk-sesparse",
    magics: &[Magic::start(&[0xbe, 0xba, 0xfe, 0xca, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0])],
    carve: true,
    open: open_sesparse,
};

fn open_cowd(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 2048)?;
    let view = View(&head);
    let u32_at = |offset| view.u32(offset, Little);
    let (version, flags, sectors) = (u32_at(4)?, u32_at(8)?, u32_at(12)?);
    let (grain, table, entries) = (u32_at(16)?, u32_at(20)?, u32_at(24)?);
    let free = u64::from(u32_at(28)?);
    let fits = version == 1
        && flags & !7 == 0
        && grain.is_power_of_two()
        && grain <= 2048
        && table >= 4
        && u64::from(entries) * 4096 * u64::from(grain) >= u64::from(sectors)
        && free >= u64::from(table);
    if !fits {
        return Err(NotThis);
    }
    Ok(Opened {
        length: free * SECTOR_BYTES,
        attributes: vec![("size", (u64::from(sectors) * SECTOR_BYTES).to_string())],
        unread: Some("not extracted: a redo log of ESXi (COWD)".to_owned()),
        ..Opened::default()
    })
}

fn open_sesparse(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 512)?;
    let view = View(&head);
    let (sectors, grain) = (view.u64(16, Little)?, view.u64(24, Little)?);
    let grains = (view.u64(192, Little)?, view.u64(200, Little)?);
    // Place and length of the grains, which come last.
    let length = grains.0.checked_add(grains.1).and_then(|end| end.checked_mul(SECTOR_BYTES));
    let length = length.filter(|&length| length > 0 && grain.is_power_of_two()).ok_or(NotThis)?;
    Ok(Opened {
        length,
        attributes: vec![("size", sectors.saturating_mul(SECTOR_BYTES).to_string())],
        unread: Some("not extracted: a redo log of ESXi (SESparse)".to_owned()),
        ..Opened::default()
    })
}
