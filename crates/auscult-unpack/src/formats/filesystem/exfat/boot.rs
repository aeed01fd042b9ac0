//! The boot region: a boot sector, room for programs, and their checksum (section 3).

use crate::{Endian::Little, Extent, Fault, View, checksum::agrees};

/// The backup of the boot region follows behind its twelve sectors.
pub(super) const BACKUP_SECTORS: u64 = 12;
/// Sectors that the checksum in the last one covers.
const CHECKED_SECTORS: u64 = 11;
/// Fields that change without a new checksum: the flags of the volume and how full it is.
const UNCHECKED: [usize; 3] = [106, 107, 112];
/// Flags of the volume: which table is active, not unmounted, errors of the medium.
const SECOND_ACTIVE: u16 = 1;
const DIRTY: u16 = 2;
const FAILED: u16 = 4;

/// What the boot sector says.
#[derive(Clone, Debug)]
pub(super) struct BootSector {
    pub(super) sector_bytes: u64,
    pub(super) cluster_bytes: u64,
    pub(super) tables: u64,
    pub(super) table_bytes: u64,
    pub(super) second_is_active: bool,
    /// Place of the first cluster, which has the number 2.
    pub(super) clusters_start: u64,
    pub(super) clusters: u32,
    pub(super) root_cluster: u32,
    /// Whether the checksum of its region is right.
    pub(super) is_sealed: bool,
    first_table: u64,
    sectors: u64,
    before: u64,
    serial: u32,
    revision: u16,
    flags: u16,
}

impl BootSector {
    /// Reads the boot region at `place`; nothing if its fields do not agree.
    pub(super) fn read(extent: &Extent, place: u64) -> Option<Self> {
        let head = extent.read(place, 512).ok()?;
        let mut boot = Self::parse(&head).ok()??;
        boot.is_sealed = boot.sealed(extent, place).unwrap_or(false);
        Some(boot)
    }

    fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let view = View(bytes);
        let long = |offset| view.u32(offset, Little).map(u64::from);
        let (sector_log, cluster_log) = (view.u8(108)?, view.u8(109)?);
        let marked = view.bytes(0, 11)? == b"\xeb\x76\x90EXFAT   "
            && view.bytes(11, 53)?.iter().all(|&byte| byte == 0)
            && view.u16(510, Little)? == 0xaa55;
        if !marked || !(9..=12).contains(&sector_log) || cluster_log > 25 - sector_log {
            return Ok(None);
        }
        let sector_bytes = 1 << sector_log;
        let flags = view.u16(106, Little)?;
        let boot = Self {
            sector_bytes,
            cluster_bytes: sector_bytes << cluster_log,
            tables: u64::from(view.u8(110)?),
            table_bytes: long(84)? * sector_bytes,
            second_is_active: flags & SECOND_ACTIVE != 0,
            clusters_start: long(88)? * sector_bytes,
            clusters: view.u32(92, Little)?,
            root_cluster: view.u32(96, Little)?,
            is_sealed: false,
            first_table: long(80)? * sector_bytes,
            sectors: view.u64(72, Little)?,
            before: view.u64(64, Little)?,
            serial: view.u32(100, Little)?,
            revision: view.u16(104, Little)?,
            flags,
        };
        Ok(boot.plausible().then_some(boot))
    }

    fn plausible(&self) -> bool {
        let end_of_tables = self.table_start(self.tables);
        let heap = u64::from(self.clusters).saturating_mul(self.cluster_bytes);
        self.revision >> 8 == 1
            && (1..=2).contains(&self.tables)
            && self.first_table >= 2 * BACKUP_SECTORS * self.sector_bytes
            && self.table_bytes >= (u64::from(self.clusters) + 2) * 4
            && self.clusters_start >= end_of_tables
            && self.clusters > 0
            && self.sectors < 1 << 50
            && self.clusters_start.checked_add(heap).is_some_and(|end| end <= self.length())
            && (2..u64::from(self.clusters) + 2).contains(&u64::from(self.root_cluster))
    }

    /// Whether the checksum of the region holds: the last sector repeats it.
    fn sealed(&self, extent: &Extent, place: u64) -> Result<bool, Fault> {
        let covered = extent.read(place, CHECKED_SECTORS * self.sector_bytes)?;
        let stored = extent.read(place + CHECKED_SECTORS * self.sector_bytes, self.sector_bytes)?;
        let sum = covered.iter().enumerate().fold(0_u32, |sum, (index, &byte)| {
            if UNCHECKED.contains(&index) {
                return sum;
            }
            sum.rotate_right(1).wrapping_add(u32::from(byte))
        });
        let (words, _) = stored.as_chunks();
        Ok(words.iter().all(|&word| agrees(u32::from_le_bytes(word), sum)))
    }

    /// Bytes of the file system.
    pub(super) fn length(&self) -> u64 {
        self.sectors.saturating_mul(self.sector_bytes)
    }

    pub(super) fn table_start(&self, index: u64) -> u64 {
        self.first_table + index * self.table_bytes
    }

    /// What an engineer wants to know.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let state = match self.flags & (DIRTY | FAILED) {
            0 => "clean",
            DIRTY => "not clean",
            _ => "errors of the medium",
        };
        let mut attributes = vec![
            ("version", format!("{}.{:02}", self.revision >> 8, self.revision & 0xff)),
            ("sector-size", self.sector_bytes.to_string()),
            ("cluster-size", self.cluster_bytes.to_string()),
            ("serial", format!("{:04X}-{:04X}", self.serial >> 16, self.serial & 0xffff)),
            ("state", state.to_owned()),
        ];
        if self.before > 0 {
            attributes.push(("sectors-before", self.before.to_string()));
        }
        attributes
    }
}
