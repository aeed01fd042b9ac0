//! Inodes of 512 bytes (`struct dinode`). Those of files are found by the map of the fileset, which
//! itself is a file, whose inode is in a table at a fixed place.

use super::{
    Pxd,
    xtree::{Mapper, PAGE_BYTES},
};
use crate::{Endian::Little, Extent, Fault, Metadata, View};

pub(super) const INODE_BYTES: u64 = 512;
/// The table of the aggregate's own inodes (`AITBL_OFF`), and in it that of the fileset's map.
const TABLE_PLACE: u64 = 0xb000;
const FILESET: u64 = 16;
/// A page of the map stands for so many inodes, an extent of them for so many.
const INODES_PER_PAGE: u64 = 4096;
const INODES_PER_EXTENT: u64 = 32;
/// Place of the extents in a page of the map.
const EXTENTS: u64 = 3072;
/// Place of the root of a tree in an inode: 288 bytes.
const ROOT: usize = 224;
const ROOT_BYTES: usize = 288;
/// Short targets and device numbers stand here instead of extents.
const SPECIAL: usize = 256;
/// Short attributes stand here.
const INLINE_ATTRIBUTES: usize = 384;

/// An inode, decoded.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) number: u32,
    pub(super) place: u64,
    pub(super) mode: u32,
    pub(super) size: u64,
    pub(super) links: u64,
    pub(super) metadata: Metadata,
    /// The root of the tree of extents or of entries.
    pub(super) root: Vec<u8>,
    /// What stands in the place of extents.
    pub(super) special: Vec<u8>,
    /// How attributes are kept, their bytes and their place.
    pub(super) attributes: (u8, u64, Pxd),
    pub(super) inline_attributes: Vec<u8>,
}

impl Inode {
    pub(super) fn read(image: &Extent, place: u64, number: u32) -> Result<Self, Fault> {
        let bytes = image.read(place, INODE_BYTES)?;
        let view = View(&bytes);
        let u32_at = |offset| view.u32(offset, Little);
        if u32_at(8)? != number {
            let why = format!("inode {} stands in the place of {number}", u32_at(8)?);
            return Err(Fault::new(place, "read an inode", why));
        }
        let mode = u32_at(52)? & 0xffff;
        Ok(Self {
            number,
            place,
            mode,
            size: view.u64(24, Little)?,
            links: u32_at(40)?.into(),
            metadata: Metadata {
                mode: Some(mode & 0o7777),
                user: Some(u32_at(44)?),
                group: Some(u32_at(48)?),
                modified: Some(i64::from(u32_at(72)?.cast_signed())),
                xattrs: Vec::new(),
            },
            root: view.bytes(ROOT, ROOT_BYTES)?.to_vec(),
            special: bytes.get(SPECIAL..).unwrap_or_default().to_vec(),
            attributes: (view.u8(104)?, u32_at(108)?.into(), Pxd::parse(view, 112)?),
            inline_attributes: bytes.get(INLINE_ATTRIBUTES..).unwrap_or_default().to_vec(),
        })
    }
}

/// The map of the fileset's inodes.
pub(super) fn map_of_fileset(
    mapper: &mut Mapper<'_>,
    faults: &mut Vec<Fault>,
) -> Result<Extent, Fault> {
    let place = TABLE_PLACE + FILESET * INODE_BYTES;
    let number = u32::try_from(FILESET).unwrap_or(0);
    let inode = Inode::read(mapper.image, place, number)?;
    Ok(mapper.content(&inode.root, inode.size, faults))
}

/// Place of an inode: the pages of the map follow one that controls it.
pub(super) fn place_of(map: &Extent, block_log: u32, number: u32) -> Result<u64, Fault> {
    let number = u64::from(number);
    let page = (number / INODES_PER_PAGE + 1) * PAGE_BYTES;
    let index = number % INODES_PER_PAGE / INODES_PER_EXTENT;
    let extent = Pxd::parse(View(&map.read(page + EXTENTS + index * 8, 8)?), 0)?;
    if extent.block == 0 {
        let why = format!("inode {number} has no place");
        return Err(Fault::new(0, "find an inode", why));
    }
    Ok((extent.block << block_log) + number % INODES_PER_EXTENT * INODE_BYTES)
}
