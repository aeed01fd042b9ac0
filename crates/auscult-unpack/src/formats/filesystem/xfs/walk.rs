//! What the walk through the directories asks of XFS: inodes, listings, contents, attributes.

use super::{
    directory::{self, ENTRIES_END},
    inode::{ForkFormat, Inode},
    mapping::Mapper,
    xattr::{self, Blocks, REMOTE_HEADER_BYTES},
};
use crate::{
    Extent, Fault,
    formats::support::{
        budget::Budget,
        walk::{About, Walk, kind_of_mode},
    },
};

/// Longest target of a symbolic link (`XFS_SYMLINK_MAXLEN`).
const TARGET_BYTES_MAX: u64 = 1024;
/// What each block of a target begins with in version 5.
const TARGET_MAGIC: &[u8] = b"XSLM";

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    mapper: Mapper<'image>,
    /// Directories and attributes share no blocks.
    metadata: Budget,
}

impl<'image> Reader<'image> {
    pub(super) fn new(mapper: Mapper<'image>) -> Self {
        let metadata = Budget::new(mapper.image.len().saturating_mul(2));
        Self { mapper, metadata }
    }

    fn bytes_of(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Extent {
        let vault = self.mapper.image.vault();
        let missing = |faults: &mut Vec<Fault>, why: &str| {
            let fault = Fault::new(inode.place, "read a file", why);
            faults.push(fault.clone());
            Extent::missing(vault, inode.size, fault)
        };
        if inode.is_realtime {
            return missing(faults, "its data is on the realtime device");
        }
        match inode.data.format {
            ForkFormat::Local => {
                let length = usize::try_from(inode.size).unwrap_or(usize::MAX);
                match inode.data.bytes.get(..length) {
                    Some(bytes) => Extent::from_memory(vault, bytes.to_vec()),
                    None => missing(faults, "more bytes than the inode has room for"),
                }
            }
            ForkFormat::Device => missing(faults, "the inode holds a device's number"),
            ForkFormat::Extents | ForkFormat::Tree => {
                self.mapper.content(&inode.data, inode.size, faults)
            }
        }
    }

    fn target(&mut self, inode: &Inode) -> Result<Vec<u8>, Fault> {
        if inode.size > TARGET_BYTES_MAX {
            let why = format!("a link target of {} bytes", inode.size);
            return Err(Fault::new(inode.place, "read a link", why));
        }
        let with_headers = self.mapper.superblock.is_5() && inode.data.format != ForkFormat::Local;
        if !with_headers {
            return Ok(self.bytes_of(inode, &mut Vec::new()).read_all()?.to_vec());
        }
        // A block of 512 bytes has less room than the longest target.
        let block_bytes = self.mapper.superblock.block_bytes();
        let blocks = inode.size.div_ceil(block_bytes - 56).max(1);
        let stored = self.mapper.content(&inode.data, blocks * block_bytes, &mut Vec::new());
        let (mut target, mut left) = (Vec::new(), usize::try_from(inode.size).unwrap_or(0));
        for number in 0..blocks {
            let block = stored.read(number * block_bytes, block_bytes)?;
            let body = block.get(REMOTE_HEADER_BYTES..).unwrap_or_default();
            if !block.starts_with(TARGET_MAGIC) {
                return Err(Fault::new(inode.place, "read a link", "its block is of another kind"));
            }
            let step = body.len().min(left);
            target.extend_from_slice(body.get(..step).unwrap_or_default());
            left -= step;
        }
        Ok(target)
    }

    fn read_attributes(&mut self, inode: &mut Inode, faults: &mut Vec<Fault>) {
        let Some(fork) = &inode.attributes else { return };
        let read = match fork.format {
            ForkFormat::Local => xattr::read_short(&fork.bytes),
            ForkFormat::Extents | ForkFormat::Tree if fork.extents > 0 => {
                let pieces = self.mapper.pieces(fork, faults);
                let (image, superblock) = (self.mapper.image, self.mapper.superblock);
                let blocks =
                    pieces.iter().fold(0, |sum: u64, piece| sum.saturating_add(piece.count));
                self.metadata
                    .take(
                        blocks.saturating_mul(superblock.block_bytes()),
                        inode.place,
                        "read extended attributes",
                    )
                    .and_then(|()| Blocks { image, superblock, pieces }.read())
            }
            _ => return,
        };
        match read {
            Ok(attributes) => inode.metadata.xattrs = attributes,
            Err(fault) => faults.push(Fault { offset: inode.place, ..fault }),
        }
    }

    fn list_blocks(
        &mut self,
        inode: &Inode,
        children: &mut Vec<(Vec<u8>, u64)>,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        let superblock = self.mapper.superblock;
        let has_types = superblock.has_types;
        let block_bytes = 1_u64 << superblock.directory_block_log;
        let content = self.mapper.content(&inode.data, inode.size.min(ENTRIES_END), faults);
        self.metadata.take(content.len(), inode.place, "list a directory")?;
        let mut position = 0;
        while position < content.len() {
            let listed = content
                .read_up_to(position, block_bytes)
                .and_then(|block| directory::read_block(&block, has_types, children));
            faults.extend(listed.err().map(|fault| Fault { offset: inode.place, ..fault }));
            position += block_bytes;
        }
        Ok(())
    }
}

impl Walk for Reader<'_> {
    type Link = u64;
    type Inode = Inode;

    fn inode(&mut self, link: &u64, faults: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let mut inode = Inode::read(self.mapper.image, self.mapper.superblock, *link)?;
        self.read_attributes(&mut inode, faults);
        let target = || self.target(&inode);
        let kind = kind_of_mode(inode.mode, inode.place, target, || inode.device_number())?;
        let about = About {
            identity: inode.number,
            place: inode.place,
            kind,
            metadata: inode.metadata.clone(),
            links: inode.links,
        };
        Ok((about, inode))
    }

    fn list(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, u64)> {
        let mut children = Vec::new();
        let has_types = self.mapper.superblock.has_types;
        let listed = match inode.data.format {
            ForkFormat::Local => directory::read_short(&inode.data.bytes, has_types, &mut children)
                .map_err(|fault| Fault { offset: inode.place, ..fault }),
            _ => self.list_blocks(inode, &mut children, faults),
        };
        faults.extend(listed.err());
        children
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        Some(self.bytes_of(inode, faults))
    }
}
