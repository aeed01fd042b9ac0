//! The superblock of SquashFS 4.0 (kernel `Documentation/filesystems/squashfs.rst`, section 3).
//!
//! Vendors changed the magic and the byte order but kept the layout, so the byte order is taken
//! from the fields themselves. Older versions are told apart by the same version field.

use crate::{Endian, Fault, View};

/// Bytes of a superblock of version 4.
const SUPERBLOCK_BYTES: u64 = 96;
/// A table that the image does not have.
const ABSENT: u64 = u64::MAX;

/// What the superblock says.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    pub(super) endian: Endian,
    pub(super) magic: [u8; 4],
    pub(super) inode_count: u32,
    pub(super) created: u32,
    pub(super) block_bytes: u32,
    pub(super) fragment_count: u32,
    pub(super) compression: u16,
    pub(super) id_count: u16,
    /// Reference to the root directory's inode.
    pub(super) root: u64,
    pub(super) bytes_used: u64,
    pub(super) id_table: u64,
    pub(super) xattr_table: Option<u64>,
    pub(super) inode_table: u64,
    pub(super) directory_table: u64,
    pub(super) fragment_table: Option<u64>,
}

/// A version before 4.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OldVersion {
    pub(super) endian: Endian,
    pub(super) major: u16,
    pub(super) minor: u16,
    pub(super) bytes_used: u64,
}

/// What a header with one of the magics turned out to be.
pub(super) enum Header {
    Current(Superblock),
    Old(OldVersion),
}

/// Reads a header; nothing if no version fits.
pub(super) fn parse(head: &[u8]) -> Result<Option<Header>, Fault> {
    let view = View(head);
    for endian in [Endian::Little, Endian::Big] {
        if let Some(superblock) = parse_current(view, endian)? {
            return Ok(Some(Header::Current(superblock)));
        }
        if let Some(old) = parse_old(view, endian)? {
            return Ok(Some(Header::Old(old)));
        }
    }
    Ok(None)
}

fn parse_current(view: View<'_>, endian: Endian) -> Result<Option<Superblock>, Fault> {
    let optional =
        |offset| view.u64(offset, endian).map(|start| (start != ABSENT).then_some(start));
    let superblock = Superblock {
        endian,
        magic: view.array(0)?,
        inode_count: view.u32(4, endian)?,
        created: view.u32(8, endian)?,
        block_bytes: view.u32(12, endian)?,
        fragment_count: view.u32(16, endian)?,
        compression: view.u16(20, endian)?,
        id_count: view.u16(26, endian)?,
        root: view.u64(32, endian)?,
        bytes_used: view.u64(40, endian)?,
        id_table: view.u64(48, endian)?,
        xattr_table: optional(56)?,
        inode_table: view.u64(64, endian)?,
        directory_table: view.u64(72, endian)?,
        fragment_table: optional(80)?,
    };
    let version = (view.u16(28, endian)?, view.u16(30, endian)?);
    let block_log = view.u16(22, endian)?;
    Ok((version == (4, 0) && superblock.plausible(block_log)).then_some(superblock))
}

impl Superblock {
    /// Whether the fields agree with each other.
    fn plausible(&self, block_log: u16) -> bool {
        let block = 1_u32.checked_shl(u32::from(block_log));
        let end = self.bytes_used;
        let inside = |start: u64| start >= SUPERBLOCK_BYTES && start < end;
        (12..=20).contains(&block_log)
            && block == Some(self.block_bytes)
            && (1..=6).contains(&self.compression)
            && self.inode_count > 0
            && self.id_count > 0
            && i64::try_from(end).is_ok()
            && inside(self.inode_table)
            && inside(self.directory_table)
            && inside(self.id_table)
            && self.inode_table < self.directory_table
            && self.directory_table < self.id_table
            && self.fragment_table.is_none_or(inside)
            && self.xattr_table.is_none_or(inside)
            && self.root >> 16 < self.directory_table - self.inode_table
    }
}

/// Versions 1 to 3 put other fields before and after the version (`squashfs_fs.h` of their time).
fn parse_old(view: View<'_>, endian: Endian) -> Result<Option<OldVersion>, Fault> {
    let (major, minor) = (view.u16(28, endian)?, view.u16(30, endian)?);
    let block_log = view.u16(34, endian)?;
    let bytes_used = match major {
        1 | 2 => u64::from(view.u32(8, endian)?),
        3 => view.u64(63, endian)?,
        _ => return Ok(None),
    };
    let block = match major {
        1 => u32::from(view.u16(32, endian)?),
        _ => view.u32(51, endian)?,
    };
    let log_fits = (12..=20).contains(&block_log) && block == 1 << block_log;
    let inodes = view.u32(4, endian)?;
    let plausible = log_fits && minor <= 1 && inodes > 0 && bytes_used > 119;
    Ok(plausible.then_some(OldVersion { endian, major, minor, bytes_used }))
}
