//! The boot sector.

use crate::{Endian::Little, Fault, View};

/// Largest record of a file and block of an index that is believed.
const RECORD_BYTES_MAX: u64 = 64 << 10;

/// What the boot sector says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BootSector {
    pub(super) sector_bytes: u64,
    pub(super) cluster_bytes: u64,
    /// Bytes of a record of the master file table.
    pub(super) record_bytes: u64,
    /// First cluster of the table, and of the copy of its start.
    pub(super) table_cluster: u64,
    pub(super) mirror_cluster: u64,
    sectors: u64,
    serial: u64,
}

impl BootSector {
    /// Reads the first sector; nothing if its fields do not agree.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let view = View(bytes);
        let sector_bytes = u64::from(view.u16(11, Little)?);
        // More than 128 sectors are given as a power of two, its exponent counted from below zero.
        let cluster_sectors = match view.u8(13)? {
            power @ 0x81.. => 1_u64.checked_shl(u32::from(power.wrapping_neg())),
            count => Some(u64::from(count)),
        };
        let cluster_bytes = cluster_sectors.and_then(|count| count.checked_mul(sector_bytes));
        // Fields of FAT that NTFS leaves zero.
        let unused = [view.bytes(14, 7)?, view.bytes(22, 2)?, view.bytes(32, 4)?].concat();
        let marked = view.bytes(3, 8)? == b"NTFS    "
            && unused.iter().all(|&byte| byte == 0)
            && [0xe9, 0xeb].contains(&view.u8(0)?)
            && view.u16(510, Little)? == 0xaa55;
        let Some(cluster_bytes) = cluster_bytes.filter(|_| marked) else { return Ok(None) };
        let boot = Self {
            sector_bytes,
            cluster_bytes,
            record_bytes: bytes_of(view.u8(64)?, cluster_bytes),
            table_cluster: view.u64(48, Little)?,
            mirror_cluster: view.u64(56, Little)?,
            sectors: view.u64(40, Little)?,
            serial: view.u64(72, Little)?,
        };
        Ok(boot.plausible().then_some(boot))
    }

    fn plausible(&self) -> bool {
        let inside = |cluster: u64| {
            let place = cluster.checked_mul(self.cluster_bytes);
            cluster > 0 && place.is_some_and(|place| place < self.length())
        };
        [256, 512, 1024, 2048, 4096].contains(&self.sector_bytes)
            && self.cluster_bytes.is_power_of_two()
            && self.cluster_bytes <= 2 << 20
            && (512..=RECORD_BYTES_MAX).contains(&self.record_bytes)
            && self.record_bytes.is_power_of_two()
            && self.sectors < 1 << 50
            && (inside(self.table_cluster) || inside(self.mirror_cluster))
    }

    /// Bytes of the file system, without the copy of the boot sector behind it.
    pub(super) fn length(&self) -> u64 {
        self.sectors.saturating_mul(self.sector_bytes)
    }

    /// What an engineer wants to know.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        vec![
            ("sector-size", self.sector_bytes.to_string()),
            ("cluster-size", self.cluster_bytes.to_string()),
            ("record-size", self.record_bytes.to_string()),
            ("serial", format!("{:016X}", self.serial)),
        ]
    }
}

/// A size in clusters or, as a negative number, in powers of two of bytes; 0 if it is neither.
fn bytes_of(stored: u8, cluster_bytes: u64) -> u64 {
    match stored {
        power @ 0x80.. => 1_u64.checked_shl(u32::from(power.wrapping_neg())).unwrap_or(0),
        clusters => u64::from(clusters).saturating_mul(cluster_bytes),
    }
}
