//! The superblock, 1 KiB from the start.

use crate::{
    Endian::{self, Big, Little},
    Extent, Fault, View,
};

/// Where it stands.
const PLACE: u64 = 1024;
/// Blocks of versions 1 and 2, in bytes.
const BLOCK_BYTES: u32 = 1024;
/// Boot block and superblock come before the bitmaps.
const FIRST_BITMAP: u64 = 2;

/// The layouts of inodes and directories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
    Three,
}

impl Version {
    pub(super) fn inode_bytes(self) -> u64 {
        if self == Self::One { 32 } else { 64 }
    }

    /// Bytes of a zone's number in an indirect zone.
    pub(super) fn pointer_bytes(self) -> u64 {
        if self == Self::One { 2 } else { 4 }
    }
}

/// What the superblock says.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    pub(super) endian: Endian,
    pub(super) version: Version,
    name_bytes: usize,
    block_bytes: u64,
    pub(super) inode_count: u32,
    zone_count: u64,
    inode_bitmap_blocks: u64,
    zone_bitmap_blocks: u64,
    first_data_zone: u64,
    zone_log: u16,
    is_clean: Option<bool>,
}

impl Superblock {
    /// Reads it; nothing where no version fits in either byte order.
    pub(super) fn read(extent: &Extent) -> Result<Option<Self>, Fault> {
        let head = extent.read(PLACE, 32)?;
        let view = View(&head);
        for endian in [Little, Big] {
            let superblock = match (view.u16(16, endian)?, view.u16(24, endian)?) {
                (0x137f, _) => Self::parse(view, endian, Version::One, 14)?,
                (0x138f, _) => Self::parse(view, endian, Version::One, 30)?,
                (0x2468, _) => Self::parse(view, endian, Version::Two, 14)?,
                (0x2478, _) => Self::parse(view, endian, Version::Two, 30)?,
                (_, 0x4d5a) => Self::parse_third(view, endian)?,
                _ => continue,
            };
            if superblock.is_plausible() {
                return Ok(Some(superblock));
            }
        }
        Ok(None)
    }

    fn parse(
        view: View<'_>,
        endian: Endian,
        version: Version,
        name_bytes: usize,
    ) -> Result<Self, Fault> {
        /// `MINIX_VALID_FS`.
        const CLEAN: u16 = 1;
        let short = |offset| view.u16(offset, endian).map(u64::from);
        let zones = match version {
            Version::One => short(2)?,
            _ => u64::from(view.u32(20, endian)?),
        };
        Ok(Self {
            endian,
            version,
            name_bytes,
            block_bytes: u64::from(BLOCK_BYTES),
            inode_count: u32::from(view.u16(0, endian)?),
            zone_count: zones,
            inode_bitmap_blocks: short(4)?,
            zone_bitmap_blocks: short(6)?,
            first_data_zone: short(8)?,
            zone_log: view.u16(10, endian)?,
            is_clean: Some(view.u16(18, endian)? & CLEAN != 0),
        })
    }

    fn parse_third(view: View<'_>, endian: Endian) -> Result<Self, Fault> {
        let short = |offset| view.u16(offset, endian).map(u64::from);
        Ok(Self {
            endian,
            version: Version::Three,
            name_bytes: 60,
            block_bytes: short(28)?,
            inode_count: view.u32(0, endian)?,
            zone_count: u64::from(view.u32(20, endian)?),
            inode_bitmap_blocks: short(6)?,
            zone_bitmap_blocks: short(8)?,
            first_data_zone: short(10)?,
            zone_log: view.u16(12, endian)?,
            is_clean: None,
        })
    }

    /// Whether the bitmaps and tables fit before the data, and this before the end.
    fn is_plausible(&self) -> bool {
        let is_block = self.block_bytes.is_power_of_two() && self.block_bytes >= 1024;
        let inodes = u64::from(self.inode_count);
        let bits = self.block_bytes.saturating_mul(8).max(1);
        let per_block = (self.block_bytes / self.version.inode_bytes()).max(1);
        let tables = FIRST_BITMAP
            + self.inode_bitmap_blocks
            + self.zone_bitmap_blocks
            + inodes.div_ceil(per_block);
        is_block
            && inodes > 0
            && self.zone_log <= 6
            && self.inode_bitmap_blocks >= (inodes + 1).div_ceil(bits)
            && self.zone_bitmap_blocks > 0
            && tables <= self.first_data_zone << self.zone_log
            && self.first_data_zone < self.zone_count
    }

    /// Bytes of a zone, which is what files are made of.
    pub(super) fn zone_bytes(&self) -> u64 {
        self.block_bytes << self.zone_log
    }

    /// Zones of the whole.
    pub(super) fn zone_count(&self) -> u64 {
        self.zone_count
    }

    /// Bytes of the whole.
    pub(super) fn length(&self) -> u64 {
        self.zone_count.saturating_mul(self.zone_bytes())
    }

    /// Where an inode stands; the first one has number 1.
    pub(super) fn inode_place(&self, number: u32) -> Option<u64> {
        let index = number.checked_sub(1).filter(|_| number <= self.inode_count)?;
        let table = FIRST_BITMAP + self.inode_bitmap_blocks + self.zone_bitmap_blocks;
        Some(table * self.block_bytes + u64::from(index) * self.version.inode_bytes())
    }

    /// Bytes of an entry of a directory.
    pub(super) fn entry_bytes(&self) -> usize {
        self.number_bytes() + self.name_bytes
    }

    fn number_bytes(&self) -> usize {
        if self.version == Version::Three { 4 } else { 2 }
    }

    /// Takes an entry of a directory apart into the inode's number and the name.
    pub(super) fn entry<'data>(&self, bytes: &'data [u8]) -> Option<(u32, &'data [u8])> {
        let view = View(bytes);
        let number = match self.version {
            Version::Three => view.u32(0, self.endian).ok()?,
            _ => u32::from(view.u16(0, self.endian).ok()?),
        };
        Some((number, view.text(self.number_bytes(), self.name_bytes).ok()?))
    }

    /// What a person wants to know.
    pub(super) fn attributes(&self) -> Vec<(&'static str, String)> {
        let version = match self.version {
            Version::One => "1",
            Version::Two => "2",
            Version::Three => "3",
        };
        let mut attributes = vec![
            ("version", version.to_owned()),
            ("byte-order", if self.endian == Big { "big" } else { "little" }.to_owned()),
            ("name-length", self.name_bytes.to_string()),
            ("block-size", self.block_bytes.to_string()),
            ("inodes", self.inode_count.to_string()),
        ];
        if let Some(is_clean) = self.is_clean {
            let state = if is_clean { "clean" } else { "not unmounted cleanly" };
            attributes.push(("state", state.to_owned()));
        }
        attributes
    }
}
