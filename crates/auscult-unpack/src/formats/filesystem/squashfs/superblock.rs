//! The superblock of versions 1 to 4 (kernel `Documentation/filesystems/squashfs.rst`, section 3;
//! for the old ones `squashfs_compat.h` of squashfs-tools).
//!
//! Vendors changed the magic and the byte order but kept the layout, so version and byte order are
//! taken from the fields themselves, and these are believed only where they fit each other.

use crate::{Endian, Fault, View};

/// Bytes of a superblock of each version.
const SUPERBLOCK_BYTES: [u64; 4] = [51, 63, 119, 96];
/// A table that the image does not have.
const ABSENT: u64 = u64::MAX;
/// Number of zlib, which all versions before 4 use without saying so.
const ZLIB: u16 = 1;
/// `SQUASHFS_CHECK` of the flags before version 4: a marker follows each metadata length.
const FLAG_MARKERS: u8 = 1 << 2;

/// The layouts of the format, by its major version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    One,
    Two,
    Three,
    Four,
}

/// Where the numbers of users and groups stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owners {
    /// In one table for both, behind a list of the places of its metadata blocks.
    Table {
        /// Place of that list.
        list: u64,
        /// Numbers in the table.
        count: u16,
    },
    /// In plain words, the users first (before version 4).
    Words {
        /// Place of the first word.
        start: u64,
        /// Numbers of users.
        users: u8,
        /// Numbers of groups behind them.
        groups: u8,
    },
}

/// What the superblock says.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    pub(super) endian: Endian,
    pub(super) magic: [u8; 4],
    pub(super) version: Version,
    pub(super) minor_version: u16,
    pub(super) inode_count: u32,
    pub(super) created: u32,
    pub(super) block_bytes: u32,
    pub(super) fragment_count: u32,
    pub(super) compression: u16,
    /// Whether a marker byte follows the length of each metadata block.
    pub(super) has_markers: bool,
    /// Reference to the root directory's inode.
    pub(super) root: u64,
    pub(super) bytes_used: u64,
    pub(super) owners: Owners,
    pub(super) xattr_table: Option<u64>,
    pub(super) inode_table: u64,
    pub(super) directory_table: u64,
    pub(super) fragment_table: Option<u64>,
}

/// Reads a superblock; nothing if no version fits in either byte order.
pub(super) fn parse(head: &[u8]) -> Result<Option<Superblock>, Fault> {
    let view = View(head);
    for endian in [Endian::Little, Endian::Big] {
        let version = (view.u16(28, endian)?, view.u16(30, endian)?);
        let block_log = view.u16(if version.0 == 4 { 22 } else { 34 }, endian)?;
        let superblock = match version {
            (4, 0) => parse_current(view, endian)?,
            (1, 0) => parse_old(view, endian, Version::One)?,
            // Vendors who changed the coding put numbers of their own into the minor version.
            (2, _) => parse_old(view, endian, Version::Two)?,
            (3, _) => parse_old(view, endian, Version::Three)?,
            _ => continue,
        };
        if superblock.is_plausible(block_log) {
            return Ok(Some(superblock));
        }
    }
    Ok(None)
}

fn parse_current(view: View<'_>, endian: Endian) -> Result<Superblock, Fault> {
    let optional =
        |offset| view.u64(offset, endian).map(|start| (start != ABSENT).then_some(start));
    Ok(Superblock {
        endian,
        magic: view.array(0)?,
        version: Version::Four,
        minor_version: view.u16(30, endian)?,
        inode_count: view.u32(4, endian)?,
        created: view.u32(8, endian)?,
        block_bytes: view.u32(12, endian)?,
        fragment_count: view.u32(16, endian)?,
        compression: view.u16(20, endian)?,
        has_markers: false,
        root: view.u64(32, endian)?,
        bytes_used: view.u64(40, endian)?,
        owners: Owners::Table { list: view.u64(48, endian)?, count: view.u16(26, endian)? },
        xattr_table: optional(56)?,
        inode_table: view.u64(64, endian)?,
        directory_table: view.u64(72, endian)?,
        fragment_table: optional(80)?,
    })
}

/// Versions 1 and 2 keep places in 32 bits before the version; version 3 keeps longer ones at the
/// end and leaves the short ones empty.
fn parse_old(view: View<'_>, endian: Endian, version: Version) -> Result<Superblock, Fault> {
    let long = version == Version::Three;
    let place = |short: usize, at: usize| {
        if long { view.u64(at, endian) } else { view.u32(short, endian).map(u64::from) }
    };
    let fragment_count = if version == Version::One { 0 } else { view.u32(55, endian)? };
    let fragment_table = if fragment_count > 0 { Some(place(59, 103)?) } else { None };
    let block_bytes = match version {
        Version::One => u32::from(view.u16(32, endian)?),
        _ => view.u32(51, endian)?,
    };
    Ok(Superblock {
        endian,
        magic: view.array(0)?,
        version,
        minor_version: view.u16(30, endian)?,
        inode_count: view.u32(4, endian)?,
        created: view.u32(39, endian)?,
        block_bytes,
        fragment_count,
        compression: ZLIB,
        has_markers: view.u8(36)? & FLAG_MARKERS != 0,
        root: view.u64(43, endian)?,
        bytes_used: place(8, 63)?,
        owners: Owners::Words { start: place(12, 71)?, users: view.u8(37)?, groups: view.u8(38)? },
        xattr_table: None,
        inode_table: place(20, 87)?,
        directory_table: place(24, 95)?,
        fragment_table,
    })
}

impl Superblock {
    /// The version as people write it.
    pub(super) fn version_name(&self) -> String {
        let major = match self.version {
            Version::One => 1,
            Version::Two => 2,
            Version::Three => 3,
            Version::Four => 4,
        };
        format!("{major}.{}", self.minor_version)
    }

    /// Whether the fields agree with each other.
    fn is_plausible(&self, block_log: u16) -> bool {
        let [one, two, three, four] = SUPERBLOCK_BYTES;
        let head_bytes = match self.version {
            Version::One => one,
            Version::Two => two,
            Version::Three => three,
            Version::Four => four,
        };
        let block = 1_u32.checked_shl(u32::from(block_log));
        let end = self.bytes_used;
        let inside = |start: u64| start >= head_bytes && start < end;
        let owners = match self.owners {
            Owners::Table { list, count } => {
                count > 0 && inside(list) && self.directory_table < list
            }
            Owners::Words { start, users, .. } => users > 0 && inside(start),
        };
        (12..=20).contains(&block_log)
            && block == Some(self.block_bytes)
            && (1..=6).contains(&self.compression)
            && self.inode_count > 0
            && i64::try_from(end).is_ok()
            && owners
            && inside(self.inode_table)
            && inside(self.directory_table)
            && self.inode_table < self.directory_table
            && self.fragment_table.is_none_or(inside)
            && self.xattr_table.is_none_or(inside)
            && self.root >> 16 < self.directory_table - self.inode_table
    }
}
