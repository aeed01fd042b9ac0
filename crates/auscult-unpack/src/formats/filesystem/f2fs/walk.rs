//! What the walk through the directories asks of F2FS: inodes, listings, contents, attributes.

use super::{directory, inode::Inode, mapping::Mapper, xattr};
use crate::{
    EntryKind, Extent, Fault, Unread,
    digest::hex,
    formats::support::{
        budget::Budget,
        walk::{About, Walk, kind_of_mode},
    },
};

/// Longest target of a symbolic link: a page of the largest kernels.
const TARGET_BYTES_MAX: u64 = 65_536;
/// What ends a node.
const FOOTER_BYTES: usize = 24;

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    mapper: Mapper<'image>,
    /// Directories share no blocks.
    listings: Budget,
}

impl<'image> Reader<'image> {
    pub(super) fn new(mapper: Mapper<'image>) -> Self {
        let listings = Budget::new(mapper.image.len());
        Self { mapper, listings }
    }

    fn bytes_of(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Extent {
        let vault = self.mapper.image.vault();
        if let Some(data) = inode.inline_data() {
            let length = usize::try_from(inode.size).unwrap_or(usize::MAX);
            if let Some(data) = data.get(..length) {
                return Extent::from_memory(vault, data.to_vec());
            }
            let why = format!("{} bytes inline, room for {}", inode.size, data.len());
            let fault = Fault::new(inode.place, "read inline data", why);
            faults.push(fault.clone());
            return Extent::missing(vault, inode.size, fault);
        }
        self.mapper.content(inode, faults)
    }

    fn target(&mut self, inode: &Inode) -> Result<Vec<u8>, Fault> {
        if inode.is_encrypted() {
            return Ok(Vec::new());
        }
        if inode.size > TARGET_BYTES_MAX {
            let why = format!("a link target of {} bytes", inode.size);
            return Err(Fault::new(inode.place, "read a link", why));
        }
        Ok(self.bytes_of(inode, &mut Vec::new()).read_all()?.to_vec())
    }

    fn read_attributes(&mut self, inode: &mut Inode) -> Result<(), Fault> {
        let mut list = inode.inline_attributes.clone();
        if inode.attribute_node != 0 {
            let (_, node) = self.mapper.nodes.node(inode.attribute_node)?;
            list.extend_from_slice(node.get(..node.len() - FOOTER_BYTES).unwrap_or_default());
        }
        let found = xattr::read(&list).map_err(|fault| Fault { offset: inode.place, ..fault })?;
        inode.metadata.xattrs = found;
        Ok(())
    }

    fn list_blocks(
        &mut self,
        inode: &Inode,
        children: &mut Vec<(Vec<u8>, u32)>,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        let block_bytes = self.mapper.superblock.block_bytes();
        for (_, address) in self.mapper.blocks(inode, faults) {
            self.listings.take(block_bytes, inode.place, "list a directory")?;
            let place = u64::from(address) << self.mapper.superblock.block_log;
            let block = self.mapper.image.read(place, block_bytes);
            let listed = block.and_then(|block| directory::read(&block, children));
            faults.extend(listed.err());
        }
        Ok(())
    }
}

impl Walk for Reader<'_> {
    type Link = u32;
    type Inode = Inode;

    fn inode(&mut self, link: &u32, faults: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let (place, node) = self.mapper.nodes.node(*link)?;
        let mut inode = Inode::parse(&node, *link, place, self.mapper.superblock)?;
        faults.extend(self.read_attributes(&mut inode).err());
        let target = || self.target(&inode);
        let kind = kind_of_mode(inode.mode, place, target, || inode.device_number())?;
        if inode.is_encrypted() && matches!(kind, EntryKind::Symlink(_)) {
            let why = "the target is encrypted with fscrypt";
            faults.push(Fault::new(place, "read a link", why));
        }
        let about = About {
            identity: u64::from(inode.number),
            place,
            kind,
            metadata: inode.metadata.clone(),
            links: inode.links,
        };
        Ok((about, inode))
    }

    fn list(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, u32)> {
        let mut children = Vec::new();
        let listed = if inode.has_inline_entries() {
            directory::read(inode.inline_room(), &mut children)
        } else {
            self.list_blocks(inode, &mut children, faults)
        };
        faults.extend(listed.err());
        if inode.is_encrypted() {
            // Encrypted names may hold any byte.
            for (name, _) in &mut children {
                *name = hex(name).into_bytes();
            }
        }
        children
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        (!inode.is_encrypted()).then(|| self.bytes_of(inode, faults))
    }

    fn unread(&self, inode: &Inode) -> Option<Unread> {
        let reason = "encrypted with fscrypt".to_owned();
        inode.is_encrypted().then_some(Unread { bytes: inode.size, reason })
    }
}
