//! Inodes (kernel `Documentation/filesystems/ext4/inodes.rst`).

use super::superblock::Superblock;
use crate::{Endian::Little, Extent, Fault, Metadata, View};

/// `i_flags`: encrypted by fscrypt.
const FLAG_ENCRYPTED: u32 = 0x800;
/// `i_flags`: mapped by extents.
const FLAG_EXTENTS: u32 = 0x8_0000;
/// `i_flags`: the data is in the inode.
const FLAG_INLINE: u32 = 0x1000_0000;
/// `i_flags`: compressed by the e2compr patches.
const FLAG_COMPRESSED: u32 = 0x4;

/// Type bits of a regular file.
const REGULAR: u16 = 0o10;
/// The place of `i_block` and its length.
const BLOCK_OFFSET: usize = 40;
pub(super) const BLOCK_FIELD_BYTES: usize = 60;
/// Length of the first inodes; larger ones have more fields and room for attributes.
const BASE_BYTES: usize = 128;

/// An inode, decoded.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    /// Where it stands, for faults.
    pub(super) place: u64,
    pub(super) number: u32,
    /// Type and permission bits.
    pub(super) mode: u32,
    pub(super) metadata: Metadata,
    pub(super) links: u16,
    pub(super) size: u64,
    flags: u32,
    /// The map of its blocks, its inline data, its link target or its device numbers.
    pub(super) block_field: [u8; BLOCK_FIELD_BYTES],
    /// The block with more extended attributes, if any.
    pub(super) xattr_block: u64,
    /// The bytes of the inode behind its fields: extended attributes.
    pub(super) tail: Vec<u8>,
}

impl Inode {
    /// Reads an inode.
    pub(super) fn read(
        image: &Extent,
        superblock: &Superblock,
        number: u32,
    ) -> Result<Self, Fault> {
        let place = superblock.inode_place(image, number)?;
        let bytes = image.read(place, u64::from(superblock.inode_bytes))?;
        Self::parse(&bytes, place, number).map_err(|fault| Fault { offset: place, ..fault })
    }

    fn parse(bytes: &[u8], place: u64, number: u32) -> Result<Self, Fault> {
        let view = View(bytes);
        let u16_at = |offset| view.u16(offset, Little);
        let u32_at = |offset| view.u32(offset, Little);
        let wide = |low: usize, high: usize| -> Result<u32, Fault> {
            Ok(u32::from(u16_at(low)?) | u32::from(u16_at(high)?) << 16)
        };
        let mode = u16_at(0)?;
        // The upper half of the size is the ACL of a directory in the first versions.
        let size_high = if mode >> 12 == REGULAR { u32_at(108)? } else { 0 };
        let extra = extra_bytes(bytes);
        let metadata = Metadata {
            mode: Some(u32::from(mode) & 0o7777),
            user: Some(wide(2, 120)?),
            group: Some(wide(24, 122)?),
            modified: Some(modified(view, extra)?),
            xattrs: Vec::new(),
        };
        Ok(Self {
            place,
            number,
            mode: u32::from(mode),
            metadata,
            links: u16_at(26)?,
            size: u64::from(u32_at(4)?) | u64::from(size_high) << 32,
            flags: u32_at(32)?,
            block_field: view.array(BLOCK_OFFSET)?,
            xattr_block: u64::from(u32_at(104)?) | u64::from(u16_at(118)?) << 32,
            tail: bytes.get(BASE_BYTES + extra..).unwrap_or_default().to_vec(),
        })
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.flags & FLAG_ENCRYPTED != 0
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.flags & FLAG_COMPRESSED != 0
    }

    pub(super) fn has_extents(&self) -> bool {
        self.flags & FLAG_EXTENTS != 0
    }

    pub(super) fn is_inline(&self) -> bool {
        self.flags & FLAG_INLINE != 0
    }

    /// The target of a symbolic link that is short enough to stand in the inode itself.
    pub(super) fn short_target(&self) -> Option<&[u8]> {
        let length = usize::try_from(self.size).ok()?;
        let short = length < BLOCK_FIELD_BYTES && !self.has_extents() && !self.is_inline();
        self.block_field.get(..length).filter(|_| short)
    }

    /// Major and minor number: 8 bits each in the first word, or the kernel's packing in the
    /// second.
    pub(super) fn device_number(&self) -> Result<(u32, u32), Fault> {
        let view = View(&self.block_field);
        match view.u32(0, Little)? {
            0 => Ok(crate::formats::support::gathering::device_number(view.u32(4, Little)?)),
            old => Ok((old >> 8 & 0xff, old & 0xff)),
        }
    }
}

/// `i_extra_isize`: bytes of fields behind the first 128.
fn extra_bytes(bytes: &[u8]) -> usize {
    let there = bytes.len().saturating_sub(BASE_BYTES);
    let extra = View(bytes).u16(BASE_BYTES, Little).map_or(0, usize::from);
    if extra <= there { extra } else { there }
}

/// The time of the last change; the two low bits of `i_mtime_extra` carry it past 2038.
fn modified(view: View<'_>, extra: usize) -> Result<i64, Fault> {
    let seconds = view.u32(16, Little)?.cast_signed();
    let epochs = if extra >= 12 { view.u32(136, Little)? & 3 } else { 0 };
    Ok(i64::from(seconds) + (i64::from(epochs) << 32))
}
