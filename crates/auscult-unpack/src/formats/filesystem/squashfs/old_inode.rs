//! Inodes of versions 1 to 3 (`squashfs_compat.h` of squashfs-tools): bit fields, packed without
//! padding, in the byte order of the machine they were made for.

use super::{
    bits::BitFields,
    blocks,
    inode::{Body, FileLayout, Inode, TARGET_BYTES_MAX, present, unknown_type},
    metadata::{Cursor, Metadata},
    superblock::{Superblock, Version},
};
use crate::{Fault, View};

/// The kinds, numbered as the types of versions 2 and 3 are.
const DIRECTORY: u16 = 1;
const FILE: u16 = 2;
const SYMLINK: u16 = 3;
const BLOCK_DEVICE: u16 = 4;
const CHARACTER_DEVICE: u16 = 5;
const FIFO: u16 = 6;
const SOCKET: u16 = 7;
const LONG_DIRECTORY: u16 = 8;
const LONG_FILE: u16 = 9;
/// `SQUASHFS_TYPES` of version 1, which multiplies them to have more than 16 users.
const TYPES: u16 = 5;
/// Names that an inode may have where none tells their number.
const LINKS_UNKNOWN: u32 = u32::MAX;

/// Reads the parts of one inode.
struct Reader<'meta, 'image> {
    metadata: &'meta mut Metadata<'image>,
    cursor: Cursor,
    version: Version,
    block_bytes: u32,
}

/// Reads the inode at a cursor, which moves behind it.
pub(super) fn read(
    metadata: &mut Metadata<'_>,
    cursor: &mut Cursor,
    superblock: &Superblock,
) -> Result<Inode, Fault> {
    let (version, block_bytes) = (superblock.version, superblock.block_bytes);
    let mut reader = Reader { metadata, cursor: *cursor, version, block_bytes };
    let (mut inode, kind) = reader.head(superblock.created)?;
    inode.body = match kind {
        DIRECTORY | LONG_DIRECTORY => reader.directory(&mut inode, kind == LONG_DIRECTORY)?,
        FILE => reader.file(&mut inode)?,
        LONG_FILE if version == Version::Three => reader.long_file(&mut inode)?,
        SYMLINK => reader.symlink(&mut inode)?,
        BLOCK_DEVICE => Body::Block(reader.device(&mut inode)?),
        CHARACTER_DEVICE => Body::Character(reader.device(&mut inode)?),
        FIFO | SOCKET => {
            reader.links(&mut inode)?;
            if kind == FIFO { Body::Fifo } else { Body::Socket }
        }
        _ => return Err(unknown_type(cursor.block(), kind)),
    };
    *cursor = reader.cursor;
    Ok(inode)
}

impl Reader<'_, '_> {
    fn take(&mut self, length: usize) -> Result<Vec<u8>, Fault> {
        self.metadata.read(&mut self.cursor, length)
    }

    /// The head and the kind. Only version 3 has times and numbers there.
    fn head(&mut self, created: u32) -> Result<(Inode, u16), Fault> {
        let (length, owner_bits) = match self.version {
            Version::One => (3, 4),
            Version::Two => (4, 8),
            Version::Three | Version::Four => (12, 8),
        };
        let (bytes, place) = (self.take(length)?, self.cursor.block());
        let mut fields = BitFields::new(&bytes, self.metadata.endian);
        let mut kind = fields.take_u16(4);
        let mode = fields.take_u16(12);
        let (mut user, group) = (fields.take_u16(owner_bits), fields.take_u16(owner_bits));
        let has_number = self.version == Version::Three;
        let modified = if has_number { fields.take_u32(32) } else { created };
        let number = has_number.then(|| fields.take_u32(32));
        if self.version == Version::One {
            let mut bank = kind.saturating_sub(1) / TYPES;
            if kind == 0 {
                // Pipes and sockets: their own type and the bank of the user follow.
                let bytes = self.take(1)?;
                let mut more = BitFields::new(&bytes, self.metadata.endian);
                (kind, bank) = (more.take_u16(4), more.take_u16(4));
                if kind != FIFO && kind != SOCKET {
                    return Err(unknown_type(place, kind));
                }
            } else {
                kind = (kind - 1) % TYPES + 1;
            }
            user += bank * 16;
        }
        // The highest number says that the group is that of the user (`SQUASHFS_GUIDS`).
        let group_index = (group < (1 << owner_bits) - 1).then_some(group);
        let (links, xattr_index, body) = (LINKS_UNKNOWN, None, Body::Socket);
        let inode = Inode {
            mode,
            user_index: user,
            group_index,
            modified,
            links,
            number,
            xattr_index,
            body,
        };
        Ok((inode, kind))
    }

    /// The number of names, which version 3 has at the start of most bodies.
    fn links(&mut self, inode: &mut Inode) -> Result<(), Fault> {
        if self.version == Version::Three {
            inode.links = View(&self.take(4)?).u32(0, self.metadata.endian)?;
        }
        Ok(())
    }

    fn directory(&mut self, inode: &mut Inode, long: bool) -> Result<Body, Fault> {
        self.links(inode)?;
        let three = self.version == Version::Three;
        let length = match (three, long) {
            (true, true) => 15,
            (true, false) => 12,
            (false, true) => 14,
            (false, false) => 11,
        };
        let bytes = self.take(length)?;
        let mut fields = BitFields::new(&bytes, self.metadata.endian);
        let listing_bytes = fields.take_u32(if long { 27 } else { 19 });
        let offset = fields.take_u16(13);
        if !three {
            inode.modified = fields.take_u32(32);
        }
        let block = fields.take_u32(if three { 32 } else { 24 });
        if long {
            let index_count = fields.take_u16(16);
            self.skip_index(index_count)?;
        }
        Ok(Body::Directory { block, offset, listing_bytes })
    }

    /// Passes over the index of a long directory, which only speeds up looking for a name. It
    /// matters where inodes are read in their order.
    fn skip_index(&mut self, count: u16) -> Result<(), Fault> {
        let head_bytes = if self.version == Version::Three { 9 } else { 8 };
        for _ in 0..count {
            let head = self.take(head_bytes)?;
            let name_bytes = usize::from(head.last().copied().unwrap_or(0)) + 1;
            self.take(name_bytes)?;
        }
        Ok(())
    }

    fn file(&mut self, inode: &mut Inode) -> Result<Body, Fault> {
        let three = self.version == Version::Three;
        let one = self.version == Version::One;
        let bytes = self.take(if one { 12 } else { 20 })?;
        let mut fields = BitFields::new(&bytes, self.metadata.endian);
        if three {
            // More names than one take the long form.
            inode.links = 1;
        } else {
            inode.modified = fields.take_u32(32);
        }
        let start = fields.take(if three { 64 } else { 32 });
        let fragment = if one {
            None
        } else {
            let (index, offset) = (fields.take_u32(32), fields.take_u32(32));
            present(index).map(|index| (index, offset))
        };
        let size = fields.take(32);
        self.blocks(FileLayout { start, size, fragment, blocks: Vec::new() })
    }

    fn long_file(&mut self, inode: &mut Inode) -> Result<Body, Fault> {
        self.links(inode)?;
        let bytes = self.take(24)?;
        let mut fields = BitFields::new(&bytes, self.metadata.endian);
        let start = fields.take(64);
        let (index, offset) = (fields.take_u32(32), fields.take_u32(32));
        let fragment = present(index).map(|index| (index, offset));
        let size = fields.take(64);
        self.blocks(FileLayout { start, size, fragment, blocks: Vec::new() })
    }

    fn blocks(&mut self, mut layout: FileLayout) -> Result<Body, Fault> {
        let (endian, place) = (self.metadata.endian, self.cursor.block());
        let short = self.version == Version::One;
        let word_bytes = if short { 2 } else { 4 };
        let list_bytes = layout.list_bytes(self.block_bytes, word_bytes, place)?;
        let list = self.take(list_bytes)?;
        layout.blocks = if short {
            let words = list.chunks_exact(2).map(|word| View(word).u16(0, endian));
            words.map(|word| word.map(blocks::widen)).collect::<Result<_, _>>()?
        } else {
            let words = list.chunks_exact(4).map(|word| View(word).u32(0, endian));
            words.collect::<Result<_, _>>()?
        };
        Ok(Body::File(layout))
    }

    fn symlink(&mut self, inode: &mut Inode) -> Result<Body, Fault> {
        self.links(inode)?;
        let length = View(&self.take(2)?).u16(0, self.metadata.endian)?;
        if u32::from(length) > TARGET_BYTES_MAX {
            let why = format!("a link target of {length} bytes");
            return Err(Fault::new(self.cursor.block(), "read an inode", why));
        }
        Ok(Body::Symlink(self.take(usize::from(length))?))
    }

    /// A device's number, 8 bits each (the kernel's old packing).
    fn device(&mut self, inode: &mut Inode) -> Result<u32, Fault> {
        self.links(inode)?;
        Ok(u32::from(View(&self.take(2)?).u16(0, self.metadata.endian)?))
    }
}
