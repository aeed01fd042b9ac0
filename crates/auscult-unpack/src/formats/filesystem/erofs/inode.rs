//! Inodes, compact (32 bytes) and extended (64 bytes), in the image or in the metabox.

use super::superblock::Superblock;
use crate::{Endian::Little, Extent, Fault, Metadata, View, formats::support::gathering};

/// `EROFS_DIRENT_NID_METABOX_BIT`: the inode is in the metabox.
const METABOX_BIT: u64 = 1 << 63;
/// Numbers count slots of this many bytes.
const SLOT_BYTES: u64 = 32;
/// Header of the attributes in an inode.
pub(super) const ATTRIBUTES_HEADER_BYTES: u64 = 12;

/// How the data of an inode is laid out (`EROFS_INODE_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Blocks in a row.
    Plain,
    /// Packed clusters with an index of 8 bytes each, or a list of extents.
    Full,
    /// Blocks in a row, the last of them behind the inode.
    Inline,
    /// Packed clusters with an index of 2 or 4 bytes each.
    Compact,
    /// Chunks anywhere.
    Chunks,
}

/// An inode, decoded.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) number: u64,
    /// Where it stands in the image or in the metabox.
    pub(super) place: u64,
    pub(super) in_metabox: bool,
    pub(super) layout: Layout,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) links: u64,
    /// First block, device number or format of the chunks.
    pub(super) word: u32,
    /// The upper bits of the first block.
    pub(super) word_high: u16,
    /// Bytes of the inode itself and of the attributes behind it.
    bytes: u64,
    pub(super) attribute_bytes: u64,
    pub(super) metadata: Metadata,
}

impl Inode {
    /// Reads an inode from the image or the metabox, which `number` tells apart.
    pub(super) fn read(area: &Extent, superblock: &Superblock, number: u64) -> Result<Self, Fault> {
        let in_metabox = is_in_metabox(superblock, number);
        let slot = if in_metabox { number & !METABOX_BIT } else { number };
        let start = if in_metabox { 0 } else { superblock.metadata };
        let place = slot.checked_mul(SLOT_BYTES).and_then(|offset| offset.checked_add(start));
        let place = place.ok_or_else(|| {
            Fault::new(0, "find an inode", format!("number {number:#x} is out of range"))
        })?;
        let bytes = area.read_up_to(place, 64)?;
        let mut inode = Self::parse(&bytes, superblock, place)
            .map_err(|fault| Fault { offset: place, ..fault })?;
        (inode.number, inode.in_metabox) = (number, in_metabox);
        Ok(inode)
    }

    fn parse(bytes: &[u8], superblock: &Superblock, place: u64) -> Result<Self, Fault> {
        let view = View(bytes);
        let u16_at = |offset| view.u16(offset, Little);
        let u32_at = |offset| view.u32(offset, Little);
        let format = u16_at(0)?;
        let layout = match format >> 1 & 7 {
            0 => Layout::Plain,
            1 => Layout::Full,
            2 => Layout::Inline,
            3 => Layout::Compact,
            4 => Layout::Chunks,
            other => return Err(Fault::new(place, "read an inode", format!("layout {other}"))),
        };
        let mode = u32::from(u16_at(4)?);
        let (extended, directory) = (format & 1 == 1, mode >> 12 == 0o4);
        // A compact inode with one link has the upper bits of the block in place of their number.
        let single = !extended && !directory && format >> 4 & 1 == 1;
        let high = superblock.is_wide() && (extended || single);
        let (user, group, modified, links) = if extended {
            let modified = view.u64(32, Little)?.cast_signed();
            (u32_at(24)?, u32_at(28)?, modified, u64::from(u32_at(44)?))
        } else {
            let modified = superblock.epoch.saturating_add(i64::from(u32_at(12)?));
            let links = if single { 1 } else { u64::from(u16_at(6)?) };
            (u32::from(u16_at(24)?), u32::from(u16_at(26)?), modified, links)
        };
        let attributes = u64::from(u16_at(2)?);
        Ok(Self {
            number: 0,
            place,
            in_metabox: false,
            layout,
            mode,
            size: if extended { view.u64(8, Little)? } else { u64::from(u32_at(8)?) },
            links,
            word: u32_at(16)?,
            word_high: if high { u16_at(6)? } else { 0 },
            bytes: if extended { 64 } else { 32 },
            attribute_bytes: match attributes {
                0 => 0,
                count => ATTRIBUTES_HEADER_BYTES + (count - 1) * 4,
            },
            metadata: Metadata {
                mode: Some(mode & 0o7777),
                user: Some(user),
                group: Some(group),
                modified: Some(modified),
                xattrs: Vec::new(),
            },
        })
    }

    /// Where its attributes begin.
    pub(super) fn attributes_place(&self) -> u64 {
        self.place + self.bytes
    }

    /// What follows the attributes: inline data, a map or the index of clusters.
    pub(super) fn tail_place(&self) -> u64 {
        self.place + self.bytes + self.attribute_bytes
    }

    /// The first block of data in a row; none where the file is all hole.
    pub(super) fn start_block(&self) -> Option<u64> {
        let block = u64::from(self.word) | u64::from(self.word_high) << 32;
        (self.word != u32::MAX).then_some(block)
    }

    pub(super) fn device_number(&self) -> (u32, u32) {
        gathering::device_number(self.word)
    }
}

/// Whether the inode of this number is in the metabox.
pub(super) fn is_in_metabox(superblock: &Superblock, number: u64) -> bool {
    superblock.has_metabox() && number & METABOX_BIT != 0
}
