//! What the walk through the directories asks of JFS: inodes, listings, contents, attributes.

use super::{
    directory::Lister,
    inode::{Inode, map_of_fileset, place_of},
    xattr,
    xtree::Mapper,
};
use crate::{
    Endian::Little,
    Extent, Fault, View,
    formats::support::{
        budget::Budget,
        gathering,
        walk::{About, Walk, kind_of_mode},
    },
};

/// The root directory.
pub(super) const ROOT: u32 = 2;
/// Targets shorter than this are in the inode (`IDATASIZE`).
const SHORT_TARGET_BYTES: u64 = 256;
/// Longest target of a symbolic link.
const TARGET_BYTES_MAX: u64 = 65_536;
/// Most bytes of attributes (`MAXEASIZE`).
const ATTRIBUTES_BYTES_MAX: u64 = 65_535;
/// How attributes are kept: in the inode, in an extent.
const IN_INODE: u8 = 0x40;
const IN_EXTENT: u8 = 0x20;

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    mapper: Mapper<'image>,
    lister: Lister<'image>,
    /// Where the inodes are.
    map: Option<Result<Extent, Fault>>,
    /// Attributes share no blocks.
    attributes: Budget,
}

impl<'image> Reader<'image> {
    pub(super) fn new(image: &'image Extent, block_log: u32, indexed: bool) -> Self {
        Self {
            mapper: Mapper::new(image, block_log),
            lister: Lister::new(image, block_log, indexed),
            map: None,
            attributes: Budget::new(image.len()),
        }
    }

    fn read_inode(&mut self, number: u32, faults: &mut Vec<Fault>) -> Result<Inode, Fault> {
        let mapper = &mut self.mapper;
        let map = self.map.get_or_insert_with(|| map_of_fileset(mapper, faults)).clone()?;
        let place = place_of(&map, self.mapper.block_log, number)?;
        Inode::read(self.mapper.image, place, number)
    }

    fn read_attributes(&mut self, inode: &mut Inode) -> Result<(), Fault> {
        let (kept, length, extent) = inode.attributes;
        let list = if kept & IN_INODE != 0 {
            inode.inline_attributes.clone()
        } else if kept & IN_EXTENT != 0 {
            let length = length.min(ATTRIBUTES_BYTES_MAX);
            self.attributes.take(length, inode.place, "read extended attributes")?;
            self.mapper.image.read(self.mapper.place(extent), length)?.to_vec()
        } else {
            return Ok(());
        };
        inode.metadata.xattrs =
            xattr::read(&list).map_err(|fault| Fault { offset: inode.place, ..fault })?;
        Ok(())
    }

    fn target(&mut self, inode: &Inode) -> Result<Vec<u8>, Fault> {
        if inode.size < SHORT_TARGET_BYTES {
            let length = usize::try_from(inode.size).unwrap_or(0);
            return Ok(View(&inode.special).bytes(0, length)?.to_vec());
        }
        if inode.size > TARGET_BYTES_MAX {
            let why = format!("a link target of {} bytes", inode.size);
            return Err(Fault::new(inode.place, "read a link", why));
        }
        let content = self.mapper.content(&inode.root, inode.size, &mut Vec::new());
        Ok(content.read_all()?.to_vec())
    }
}

impl Walk for Reader<'_> {
    type Link = u32;
    type Inode = Inode;

    fn inode(&mut self, link: &u32, faults: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let mut inode = self.read_inode(*link, faults)?;
        faults.extend(self.read_attributes(&mut inode).err());
        let device = || Ok(gathering::device_number(View(&inode.special).u32(0, Little)?));
        let kind = kind_of_mode(inode.mode, inode.place, || self.target(&inode), device)?;
        let about = About {
            identity: u64::from(inode.number),
            place: inode.place,
            kind,
            metadata: inode.metadata.clone(),
            links: inode.links,
        };
        Ok((about, inode))
    }

    fn list(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, u32)> {
        let mut children = Vec::new();
        let listed = self.lister.list(&inode.root, &mut children, faults);
        faults.extend(listed.err().map(|fault| Fault { offset: inode.place, ..fault }));
        children
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        Some(self.mapper.content(&inode.root, inode.size, faults))
    }
}
