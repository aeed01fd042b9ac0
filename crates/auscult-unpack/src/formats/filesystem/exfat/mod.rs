//! exFAT (Microsoft, exFAT file system specification, revision 1.00).
//!
//! The allocation bitmap and the up-case table serve writers and are not looked at. Deleted entries
//! are left alone, and so is what vendors add to entries of files.

mod boot;
mod directory;
#[cfg(test)]
mod tests;
mod walk;

use self::{
    boot::{BACKUP_SECTORS, BootSector},
    walk::{Node, Reader},
};
use super::fat::chain::{Chains, Width};
use crate::{
    Extent, Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::walk,
};

pub(crate) static FORMAT: Format =
    Format { name: "exfat", magics: &[Magic::at(3, b"EXFAT   ")], carve: true, open };

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let (boot, mut faults) = boot_sector(&candidate.extent)?;
    let image = candidate.extent.clamp(0, boot.length());
    let mut chains = Chains::new(Width::Bits32, boot.clusters, tables(&image, &boot));
    // The table starts with the type of the medium, filled up with ones: the backup of the boot
    // region is not taken for the start of a file system.
    if chains.raw(0).is_none_or(|first| first >> 8 != 0x00ff_ffff) {
        return Err(NotThis);
    }
    let mut reader = Reader::new(&image, &boot, &mut chains);
    let (entries, walked) = walk(&image, &mut reader, Node::Root);
    let mut attributes = boot.attributes();
    attributes.extend(reader.label.take().map(|label| ("label", label)));
    attributes.extend(reader.guid.take().map(|guid| ("guid", guid)));
    faults.extend(walked);
    Ok(Opened { length: boot.length(), attributes, entries, faults, unread: None })
}

/// The boot sector of the main region, or that of its backup where only this one is sound.
fn boot_sector(extent: &Extent) -> Result<(BootSector, Vec<Fault>), NotThis> {
    let main = BootSector::read(extent, 0);
    if let Some(boot) = main.as_ref().filter(|boot| boot.is_sealed) {
        return Ok((boot.clone(), Vec::new()));
    }
    let wrong = Fault::new(0, "check the boot region", "its checksum is wrong");
    // Without a main boot sector to believe, the size of sectors must be guessed.
    let backup = [512, 1024, 2048, 4096].into_iter().find_map(|sector_bytes: u64| {
        let boot = BootSector::read(extent, BACKUP_SECTORS * sector_bytes)?;
        (boot.sector_bytes == sector_bytes && boot.is_sealed).then_some(boot)
    });
    match backup.or(main) {
        Some(boot) => Ok((boot, vec![wrong])),
        None => Err(NotThis),
    }
}

/// The allocation tables, the active one first.
fn tables(image: &Extent, boot: &BootSector) -> Vec<Extent> {
    let mut tables: Vec<_> = (0..boot.tables)
        .map(|index| image.clamp(boot.table_start(index), boot.table_bytes))
        .collect();
    if boot.second_is_active {
        tables.reverse();
    }
    tables
}
