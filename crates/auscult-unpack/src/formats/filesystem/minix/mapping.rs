//! Where the bytes of a file are: seven zones of its own, then zones with the numbers of others,
//! on up to three levels.

use super::{
    Inode,
    superblock::{Superblock, Version},
};
use crate::{
    Extent, Fault, View,
    formats::support::runs::{Run, Runs},
};

/// Zones that an inode names itself.
const DIRECT_ZONES: usize = 7;

/// Maps files of one image.
pub(super) struct Mapper<'image> {
    image: &'image Extent,
    superblock: &'image Superblock,
    /// Numbers of zones that may still be followed: each zone belongs to one file, so more than
    /// there are is damage.
    budget: u64,
}

/// A file while its zones are collected.
struct Collected {
    runs: Runs,
    /// Zone of the file that comes next, and the first behind its end.
    next: u64,
    end: u64,
}

impl<'image> Mapper<'image> {
    pub(super) fn new(image: &'image Extent, superblock: &'image Superblock) -> Self {
        let zones = superblock.zone_count().min(image.len() / superblock.zone_bytes().max(1));
        Self { image, superblock, budget: zones.saturating_mul(4).saturating_add(4096) }
    }

    /// The bytes of a file, a directory or a link.
    pub(super) fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Extent {
        let end = inode.size.div_ceil(self.superblock.zone_bytes());
        let mut collected = Collected { runs: Runs::default(), next: 0, end };
        for (index, &zone) in inode.zones.iter().enumerate() {
            let level = index.saturating_sub(DIRECT_ZONES - 1);
            if let Err(fault) = self.collect(zone, level, &mut collected) {
                faults.push(fault);
                // What was not found must not read as a hole: it counts as past the end.
                let logical = collected.next.saturating_mul(self.superblock.zone_bytes());
                let length = inode.size.saturating_sub(logical);
                let lost = Run { logical, place: self.image.len(), length };
                faults.extend(collected.runs.push(lost).err());
                break;
            }
        }
        collected.runs.join(self.image, inode.size, faults)
    }

    /// Adds a zone, or what it leads to on this level. Number zero is a hole.
    fn collect(&mut self, zone: u32, level: usize, collected: &mut Collected) -> Result<(), Fault> {
        if collected.next >= collected.end {
            return Ok(());
        }
        let zone_bytes = self.superblock.zone_bytes();
        let pointer_bytes = self.superblock.version.pointer_bytes();
        let per_zone = zone_bytes / pointer_bytes;
        if zone == 0 {
            let covered = (0..level).fold(1_u64, |zones, _| zones.saturating_mul(per_zone));
            collected.next = collected.next.saturating_add(covered);
            return Ok(());
        }
        let place = u64::from(zone).saturating_mul(zone_bytes);
        self.budget = self.budget.checked_sub(1).ok_or_else(|| {
            Fault::new(place, "map a file", "more zones than the file system has")
        })?;
        if level == 0 {
            let logical = collected.next.saturating_mul(zone_bytes);
            collected.next += 1;
            return collected.runs.push(Run { logical, place, length: zone_bytes });
        }
        let list = self.image.read(place, zone_bytes)?;
        let pointers = usize::try_from(pointer_bytes).unwrap_or(4);
        for pointer in list.chunks_exact(pointers) {
            let zone = match self.superblock.version {
                Version::One => u32::from(View(pointer).u16(0, self.superblock.endian)?),
                _ => View(pointer).u32(0, self.superblock.endian)?,
            };
            self.collect(zone, level - 1, collected)?;
            if collected.next >= collected.end {
                break;
            }
        }
        Ok(())
    }
}
