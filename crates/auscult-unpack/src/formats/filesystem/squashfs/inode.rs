//! Inodes of version 4: a common head and a body for each of the fourteen types
//! (`squashfs_fs.h`). Those of earlier versions, which come to the same, are read by `old_inode`.

use super::{
    metadata::{Cursor, Metadata},
    old_inode,
    superblock::{Superblock, Version},
};
use crate::{Fault, View};

/// Stands for "no fragment" and "no extended attributes".
const NONE: u32 = u32::MAX;
/// Longest target of a symbolic link: a page with its terminator.
pub(super) const TARGET_BYTES_MAX: u32 = 65_536;

/// An inode, decoded.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) mode: u16,
    pub(super) user_index: u16,
    /// Nothing where the group has the number of the user.
    pub(super) group_index: Option<u16>,
    pub(super) modified: u32,
    /// How many names it may have.
    pub(super) links: u32,
    /// Its number; versions before 3 did not write any.
    pub(super) number: Option<u32>,
    pub(super) xattr_index: Option<u32>,
    pub(super) body: Body,
}

/// What is particular to a type.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Directory { block: u32, offset: u16, listing_bytes: u32 },
    File(FileLayout),
    Symlink(Vec<u8>),
    Block(u32),
    Character(u32),
    Fifo,
    Socket,
}

/// Where a regular file's bytes are.
#[derive(Clone, Debug, Default)]
pub(super) struct FileLayout {
    pub(super) start: u64,
    pub(super) size: u64,
    /// Index of the fragment block with the tail, and the tail's offset in it.
    pub(super) fragment: Option<(u32, u32)>,
    /// One word for each full block: stored length and a bit for "not compressed".
    pub(super) blocks: Vec<u32>,
}

impl FileLayout {
    /// Bytes of the list of full blocks that follows the inode, in words of this length.
    pub(super) fn list_bytes(
        &self,
        block_bytes: u32,
        word_bytes: u64,
        place: u64,
    ) -> Result<usize, Fault> {
        let block_bytes = u64::from(block_bytes);
        let count = match self.fragment {
            Some(_) => self.size / block_bytes,
            None => self.size.div_ceil(block_bytes),
        };
        let bytes = count.checked_mul(word_bytes).and_then(|bytes| usize::try_from(bytes).ok());
        bytes.ok_or_else(|| Fault::new(place, "read an inode", format!("size {}", self.size)))
    }
}

/// Reads inodes one value after the other.
struct Fields<'meta, 'image> {
    metadata: &'meta mut Metadata<'image>,
    cursor: Cursor,
}

impl Fields<'_, '_> {
    fn u16(&mut self) -> Result<u16, Fault> {
        let endian = self.metadata.endian;
        View(&self.metadata.read(&mut self.cursor, 2)?).u16(0, endian)
    }

    fn u32(&mut self) -> Result<u32, Fault> {
        let endian = self.metadata.endian;
        View(&self.metadata.read(&mut self.cursor, 4)?).u32(0, endian)
    }

    fn u64(&mut self) -> Result<u64, Fault> {
        let endian = self.metadata.endian;
        View(&self.metadata.read(&mut self.cursor, 8)?).u64(0, endian)
    }
}

/// Reads the inode at a cursor, which moves behind it.
pub(super) fn read(
    metadata: &mut Metadata<'_>,
    cursor: &mut Cursor,
    superblock: &Superblock,
) -> Result<Inode, Fault> {
    if superblock.version < Version::Four {
        return old_inode::read(metadata, cursor, superblock);
    }
    let mut fields = Fields { metadata, cursor: *cursor };
    let inode = read_current(&mut fields, superblock.block_bytes)?;
    *cursor = fields.cursor;
    Ok(inode)
}

fn read_current(fields: &mut Fields<'_, '_>, block_bytes: u32) -> Result<Inode, Fault> {
    let place = fields.cursor.block();
    let kind = fields.u16()?;
    let mut inode = Inode {
        mode: fields.u16()?,
        user_index: fields.u16()?,
        group_index: Some(fields.u16()?),
        modified: fields.u32()?,
        number: Some(fields.u32()?),
        links: 1,
        xattr_index: None,
        body: Body::Socket,
    };
    inode.body = match kind {
        1 => read_directory(fields, &mut inode)?,
        2 => read_file(fields, block_bytes)?,
        3 | 10 => read_symlink(fields, &mut inode, kind == 10)?,
        8 => read_long_directory(fields, &mut inode)?,
        9 => read_long_file(fields, &mut inode, block_bytes)?,
        4..=7 | 11..=14 => read_special(fields, &mut inode, kind)?,
        _ => return Err(unknown_type(place, kind)),
    };
    Ok(inode)
}

/// The fault of an inode of a type that the format does not have.
pub(super) fn unknown_type(place: u64, kind: u16) -> Fault {
    Fault::new(place, "read an inode", format!("type {kind} is not known"))
}

pub(super) fn present(index: u32) -> Option<u32> {
    (index != NONE).then_some(index)
}

fn read_directory(fields: &mut Fields<'_, '_>, inode: &mut Inode) -> Result<Body, Fault> {
    let block = fields.u32()?;
    inode.links = fields.u32()?;
    let listing_bytes = u32::from(fields.u16()?);
    Ok(Body::Directory { block, offset: fields.u16()?, listing_bytes })
}

fn read_long_directory(fields: &mut Fields<'_, '_>, inode: &mut Inode) -> Result<Body, Fault> {
    inode.links = fields.u32()?;
    let listing_bytes = fields.u32()?;
    let block = fields.u32()?;
    let _parent = fields.u32()?;
    let _index_count = fields.u16()?;
    let offset = fields.u16()?;
    inode.xattr_index = present(fields.u32()?);
    Ok(Body::Directory { block, offset, listing_bytes })
}

fn read_file(fields: &mut Fields<'_, '_>, block_bytes: u32) -> Result<Body, Fault> {
    let start = u64::from(fields.u32()?);
    let fragment = (fields.u32()?, fields.u32()?);
    let size = u64::from(fields.u32()?);
    read_blocks(fields, FileLayout { start, size, ..FileLayout::default() }, fragment, block_bytes)
}

fn read_long_file(
    fields: &mut Fields<'_, '_>,
    inode: &mut Inode,
    block_bytes: u32,
) -> Result<Body, Fault> {
    let (start, size) = (fields.u64()?, fields.u64()?);
    let _sparse_bytes = fields.u64()?;
    inode.links = fields.u32()?;
    let fragment = (fields.u32()?, fields.u32()?);
    inode.xattr_index = present(fields.u32()?);
    read_blocks(fields, FileLayout { start, size, ..FileLayout::default() }, fragment, block_bytes)
}

fn read_blocks(
    fields: &mut Fields<'_, '_>,
    mut layout: FileLayout,
    fragment: (u32, u32),
    block_bytes: u32,
) -> Result<Body, Fault> {
    layout.fragment = present(fragment.0).map(|index| (index, fragment.1));
    let place = fields.cursor.block();
    let list_bytes = layout.list_bytes(block_bytes, 4, place)?;
    let list = fields.metadata.read(&mut fields.cursor, list_bytes)?;
    let endian = fields.metadata.endian;
    let words = list.chunks_exact(4).map(|word| View(word).u32(0, endian));
    layout.blocks = words.collect::<Result<_, _>>()?;
    Ok(Body::File(layout))
}

fn read_symlink(
    fields: &mut Fields<'_, '_>,
    inode: &mut Inode,
    extended: bool,
) -> Result<Body, Fault> {
    inode.links = fields.u32()?;
    let length = fields.u32()?;
    if length > TARGET_BYTES_MAX {
        let why = format!("a link target of {length} bytes");
        return Err(Fault::new(fields.cursor.block(), "read an inode", why));
    }
    let length = usize::try_from(length).unwrap_or(0);
    let target = fields.metadata.read(&mut fields.cursor, length)?;
    if extended {
        inode.xattr_index = present(fields.u32()?);
    }
    Ok(Body::Symlink(target))
}

fn read_special(fields: &mut Fields<'_, '_>, inode: &mut Inode, kind: u16) -> Result<Body, Fault> {
    inode.links = fields.u32()?;
    let body = match kind {
        4 | 11 => Body::Block(fields.u32()?),
        5 | 12 => Body::Character(fields.u32()?),
        6 | 13 => Body::Fifo,
        _ => Body::Socket,
    };
    if kind > 10 {
        inode.xattr_index = present(fields.u32()?);
    }
    Ok(body)
}
