//! Inodes (`struct f2fs_inode`). Between fixed fields and the numbers of further nodes is a room of
//! 32-bit words: further fields, then block addresses or inline data, then inline attributes.

use super::superblock::Superblock;
use crate::{Endian::Little, Fault, Metadata, View, formats::support::gathering};

/// Start of the room.
const ROOM: usize = 360;
/// Numbers of nodes and the footer behind the room.
const NODES: usize = 5;
const FOOTER_BYTES: usize = 24;
/// Words for inline attributes where the inode does not tell (`DEFAULT_INLINE_XATTR_ADDRS`).
const ATTRIBUTE_WORDS: usize = 50;

/// Bits of `i_inline`.
const INLINE_ATTRIBUTES: u8 = 0x1;
const INLINE_DATA: u8 = 0x2;
const INLINE_ENTRIES: u8 = 0x4;
const EXTRA_FIELDS: u8 = 0x20;
/// Bits of `i_advise`.
const ADVISE_ENCRYPTED: u8 = 0x4;
/// `i_flags`: compressed.
const FLAG_COMPRESSED: u32 = 0x4;

/// An inode, decoded.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) number: u32,
    pub(super) place: u64,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) links: u64,
    pub(super) metadata: Metadata,
    inline: u8,
    advise: u8,
    pub(super) compression: Option<Compression>,
    pub(super) attribute_node: u32,
    /// The room without further fields and inline attributes.
    pub(super) words: Vec<u8>,
    pub(super) inline_attributes: Vec<u8>,
    /// Two direct nodes, two indirect ones, one doubly indirect.
    pub(super) nodes: [u32; NODES],
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Compression {
    /// LZO, LZ4, Zstandard, LZO-RLE.
    pub(super) algorithm: u8,
    pub(super) cluster_log: u32,
    /// Whether each cluster has a checksum.
    pub(super) has_checksums: bool,
}

impl Inode {
    /// Takes the node of an inode apart.
    pub(super) fn parse(
        node: &[u8],
        number: u32,
        place: u64,
        superblock: &Superblock,
    ) -> Result<Self, Fault> {
        let view = View(node);
        let footer = node.len().saturating_sub(FOOTER_BYTES);
        let wrong = |why: String| Fault::new(place, "read an inode", why);
        if view.u32(footer + 4, Little)? != number {
            return Err(wrong(format!("node {number} is no inode")));
        }
        let inline = view.u8(3)?;
        let room_end = footer.saturating_sub(NODES * 4);
        let room = view.bytes(ROOM, room_end.saturating_sub(ROOM))?;
        let extra = if inline & EXTRA_FIELDS == 0 { 0 } else { view.u16(ROOM, Little)?.into() };
        let attribute_words = if superblock.has_flexible_attributes() && extra >= 4 {
            view.u16(ROOM + 2, Little)?.into()
        } else if inline & (INLINE_ATTRIBUTES | INLINE_ENTRIES) != 0 {
            ATTRIBUTE_WORDS
        } else {
            0
        };
        let words_end = room.len().checked_sub(attribute_words * 4).filter(|&end| end >= extra);
        let words_end = words_end.filter(|_| extra % 4 == 0).ok_or_else(|| {
            wrong(format!("{extra} bytes of fields and {attribute_words} words of attributes"))
        })?;
        let flags = view.u32(80, Little)?;
        let compression = if flags & FLAG_COMPRESSED != 0 && extra >= 36 {
            Some(Compression {
                algorithm: view.u8(ROOM + 32)?,
                cluster_log: view.u8(ROOM + 33)?.into(),
                has_checksums: view.u16(ROOM + 34, Little)? & 1 == 1,
            })
        } else {
            None
        };
        let mode = u32::from(view.u16(0, Little)?);
        let mut nodes = [0; NODES];
        for (index, node) in nodes.iter_mut().enumerate() {
            *node = view.u32(room_end + index * 4, Little)?;
        }
        let has_inline = inline & INLINE_ATTRIBUTES != 0;
        Ok(Self {
            number,
            place,
            mode,
            size: view.u64(16, Little)?,
            links: view.u32(12, Little)?.into(),
            metadata: Metadata {
                mode: Some(mode & 0o7777),
                user: Some(view.u32(4, Little)?),
                group: Some(view.u32(8, Little)?),
                modified: Some(view.u64(48, Little)?.cast_signed()),
                xattrs: Vec::new(),
            },
            inline,
            advise: view.u8(2)?,
            compression: compression.filter(|_| mode >> 12 == 0o10),
            attribute_node: view.u32(76, Little)?,
            words: room.get(extra..words_end).unwrap_or_default().to_vec(),
            inline_attributes: room
                .get(words_end..)
                .filter(|_| has_inline)
                .unwrap_or_default()
                .into(),
            nodes,
        })
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.advise & ADVISE_ENCRYPTED != 0
    }

    pub(super) fn has_inline_entries(&self) -> bool {
        self.inline & INLINE_ENTRIES != 0
    }

    /// The content of a small file; the first word of its room is not used.
    pub(super) fn inline_data(&self) -> Option<&[u8]> {
        (self.inline & INLINE_DATA != 0).then(|| self.inline_room())
    }

    /// The room for inline data or entries.
    pub(super) fn inline_room(&self) -> &[u8] {
        self.words.get(4..).unwrap_or_default()
    }

    /// Major and minor number: 8 bits each in the first word, or packed in the second.
    pub(super) fn device_number(&self) -> Result<(u32, u32), Fault> {
        let view = View(&self.words);
        match view.u32(0, Little)? {
            0 => Ok(gathering::device_number(view.u32(4, Little)?)),
            old => Ok((old >> 8 & 0xff, old & 0xff)),
        }
    }
}
