//! The boot sector with the parameters of the file system.

use super::chain::Width;
use crate::{Endian::Little, Fault, View, formats::support::layout::text_of};

/// `BS_BootSig`: serial number, label and type follow.
const EXTENDED: u8 = 0x29;
/// `BPB_ExtFlags`: only one table is kept up to date, and which.
const NOT_MIRRORED: u16 = 0x80;
/// Bytes of a directory entry.
const ENTRY_BYTES: u64 = 32;
/// Fewer clusters make FAT12, fewer than the other FAT16.
const CLUSTERS_FAT16: u64 = 4085;
const CLUSTERS_FAT32: u64 = 65_525;

/// What the boot sector says.
#[derive(Clone, Debug)]
pub(super) struct BootSector {
    pub(super) sector_bytes: u64,
    pub(super) cluster_bytes: u64,
    /// Number of allocation tables.
    pub(super) tables: u64,
    /// The only table in use, where they are no mirrors of each other.
    pub(super) active: Option<u64>,
    pub(super) root_entries: u64,
    pub(super) width: Width,
    /// Number of clusters; the first has the number 2.
    pub(super) clusters: u32,
    /// First cluster of the root directory (FAT32).
    pub(super) root_cluster: u32,
    pub(super) label: Vec<u8>,
    reserved: u64,
    table_sectors: u64,
    sectors: u64,
    hidden: u32,
    media: u8,
    serial: Option<u32>,
    maker: Vec<u8>,
}

impl BootSector {
    /// Reads the first sector; nothing if its fields do not agree.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, Fault> {
        let view = View(bytes);
        let short = |offset| view.u16(offset, Little).map(u64::from);
        let [jump, _, no_operation] = view.array(0)?;
        let jumps = jump == 0xe9 || jump == 0xeb && no_operation == 0x90;
        let table_sectors_16 = short(22)?;
        let is_fat32 = table_sectors_16 == 0;
        // The fields behind the common ones: 36 bytes in, or behind those of FAT32.
        let tail = if is_fat32 { 64 } else { 36 };
        let extended = view.u8(tail + 2)? == EXTENDED;
        let typed = view.bytes(tail + 18, 3)? == b"FAT";
        let flags = if is_fat32 { view.u16(40, Little)? } else { 0 };
        let sectors_16 = short(19)?;
        let sector_bytes = short(11)?;
        let sectors_of_cluster = u64::from(view.u8(13)?);
        let mut boot = Self {
            sector_bytes,
            cluster_bytes: sector_bytes * sectors_of_cluster,
            tables: u64::from(view.u8(16)?),
            active: (flags & NOT_MIRRORED != 0).then_some(u64::from(flags & 0xf)),
            root_entries: short(17)?,
            width: Width::Bits12,
            clusters: 0,
            root_cluster: if is_fat32 { view.u32(44, Little)? } else { 0 },
            label: if extended { view.bytes(tail + 7, 11)?.to_vec() } else { Vec::new() },
            reserved: short(14)?,
            table_sectors: match table_sectors_16 {
                0 => u64::from(view.u32(36, Little)?),
                sectors => sectors,
            },
            sectors: if sectors_16 == 0 { u64::from(view.u32(32, Little)?) } else { sectors_16 },
            hidden: view.u32(28, Little)?,
            media: view.u8(21)?,
            serial: extended.then(|| view.u32(tail + 3, Little)).transpose()?,
            maker: view.bytes(3, 8)?.to_vec(),
        };
        let marked = view.u16(510, Little)? == 0xaa55 || extended && typed;
        let version = if is_fat32 { short(42)? } else { 0 };
        let shape = jumps && marked && version == 0 && sectors_of_cluster.is_power_of_two();
        Ok((shape && boot.plausible() && boot.count_clusters(is_fat32)).then_some(boot))
    }

    fn plausible(&self) -> bool {
        let is_fat32 = self.root_cluster != 0;
        [512, 1024, 2048, 4096].contains(&self.sector_bytes)
            && (1..=4).contains(&self.tables)
            && self.active.is_none_or(|active| active < self.tables)
            && self.reserved > 0
            && self.table_sectors > 0
            && (self.media == 0xf0 || self.media >= 0xf8)
            && (self.root_entries == 0) == is_fat32
            && (self.root_entries * ENTRY_BYTES).is_multiple_of(self.sector_bytes)
            && self.data_start() < self.length()
    }

    /// Counts the clusters and tells by their number how wide the entries of the table are.
    fn count_clusters(&mut self, is_fat32: bool) -> bool {
        let there = (self.length() - self.data_start()) / self.cluster_bytes;
        self.width = if is_fat32 {
            Width::Bits28
        } else if there < CLUSTERS_FAT16 {
            Width::Bits12
        } else {
            Width::Bits16
        };
        if !is_fat32 && there >= CLUSTERS_FAT32 {
            return false;
        }
        let listed = (self.table_bytes() * 8 / self.width.bits()).saturating_sub(2);
        self.clusters = u32::try_from(there.min(listed)).unwrap_or(u32::MAX);
        let root = !is_fat32 || (2..self.clusters.saturating_add(2)).contains(&self.root_cluster);
        self.clusters > 0 && self.clusters <= self.width.clusters_max() && root
    }

    /// Bytes of the file system.
    pub(super) fn length(&self) -> u64 {
        self.sectors * self.sector_bytes
    }

    pub(super) fn table_bytes(&self) -> u64 {
        self.table_sectors * self.sector_bytes
    }

    pub(super) fn table_start(&self, index: u64) -> u64 {
        self.reserved * self.sector_bytes + index * self.table_bytes()
    }

    /// Place of the root directory of FAT12 and FAT16.
    pub(super) fn root_start(&self) -> u64 {
        self.table_start(self.tables)
    }

    pub(super) fn root_bytes(&self) -> u64 {
        self.root_entries * ENTRY_BYTES
    }

    pub(super) fn data_start(&self) -> u64 {
        self.root_start() + self.root_bytes()
    }

    /// Place of a cluster, which must have a number from 2 on.
    pub(super) fn cluster_place(&self, cluster: u32) -> u64 {
        self.data_start() + u64::from(cluster.saturating_sub(2)) * self.cluster_bytes
    }

    /// Whether a table may start with these two entries: the type of the medium, filled up with
    /// ones, and an end of chain whose two highest bits are flags.
    pub(super) fn begins_table(&self, first: u32, second: u32) -> bool {
        let ones = self.width.mask();
        let (dirty, failed) = self.width.flags();
        first == ones & !0xff | u32::from(self.media) && self.width.is_end(second | dirty | failed)
    }

    /// Whether the second entry says that the file system was unmounted and had no error.
    pub(super) fn is_clean(&self, second: u32) -> bool {
        let (dirty, failed) = self.width.flags();
        second & dirty == dirty && second & failed == failed
    }

    /// What an engineer wants to know.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = vec![
            ("version", self.width.name().to_owned()),
            ("sector-size", self.sector_bytes.to_string()),
            ("cluster-size", self.cluster_bytes.to_string()),
            ("times", "local, without a zone".to_owned()),
        ];
        let maker = text_of(&self.maker);
        if !maker.is_empty() {
            attributes.push(("made-by", maker));
        }
        if let Some(serial) = self.serial {
            attributes.push(("serial", format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff)));
        }
        if self.hidden > 0 {
            attributes.push(("sectors-before", self.hidden.to_string()));
        }
        if let Some(active) = self.active {
            attributes.push(("active-table", active.to_string()));
        }
        attributes
    }
}
