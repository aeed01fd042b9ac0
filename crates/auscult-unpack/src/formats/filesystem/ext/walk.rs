//! What the walk through the directories asks of ext: inodes, listings, contents, attributes.

use super::{
    directory::{self, Listed},
    inode::{BLOCK_FIELD_BYTES, Inode},
    mapping::Mapper,
    superblock::Superblock,
    xattr::{self, Attribute, Value},
};
use crate::{
    EntryKind, Extent, Fault, Unread,
    digest::hex,
    formats::support::walk::{About, Walk, kind_of_mode},
};

/// The root directory's inode.
pub(super) const ROOT: u32 = 2;
/// Bytes of a directory that are read at once: a multiple of every block size.
const LISTING_BYTES: u64 = 1 << 20;
/// Longest target of a symbolic link: a page of the largest kernels.
const TARGET_BYTES_MAX: u64 = 65_536;
/// Longest value of an attribute (`XATTR_SIZE_MAX`).
const VALUE_BYTES_MAX: u64 = 65_536;
/// The attribute that holds inline data over the first 60 bytes.
const INLINE_DATA: &[u8] = b"system.data";
/// Bytes of `i_block` in an inline directory before the entries: the parent's number.
const PARENT_BYTES: usize = 4;

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    image: &'image Extent,
    superblock: &'image Superblock,
    mapper: Mapper<'image>,
    /// Bytes of directories that may still be read. Directories share no blocks, so that all of
    /// them together are not longer than the image.
    listing_bytes_left: u64,
}

/// An inode with its inline data.
pub(super) struct Object {
    inode: Inode,
    inline: Vec<u8>,
}

impl<'image> Reader<'image> {
    pub(super) fn new(image: &'image Extent, superblock: &'image Superblock) -> Self {
        Self {
            image,
            superblock,
            mapper: Mapper::new(image, superblock),
            listing_bytes_left: image.len(),
        }
    }

    /// The content of the inode of this number.
    pub(super) fn content_of(
        &mut self,
        number: u32,
        faults: &mut Vec<Fault>,
    ) -> Result<Extent, Fault> {
        let inode = Inode::read(self.image, self.superblock, number)?;
        Ok(self.mapper.content(&inode, faults))
    }

    /// The content of a file, directory or link.
    fn bytes_of(&mut self, inode: &Inode, inline: &[u8], faults: &mut Vec<Fault>) -> Extent {
        if inode.is_inline() {
            let mut bytes = inode.block_field.to_vec();
            bytes.extend_from_slice(inline);
            bytes.truncate(usize::try_from(inode.size).unwrap_or(usize::MAX));
            return Extent::from_memory(self.image.vault(), bytes);
        }
        self.mapper.content(inode, faults)
    }

    fn target(&mut self, inode: &Inode, inline: &[u8]) -> Result<Vec<u8>, Fault> {
        if inode.is_encrypted() {
            return Ok(Vec::new());
        }
        if let Some(target) = inode.short_target() {
            return Ok(target.to_vec());
        }
        if inode.size > TARGET_BYTES_MAX {
            let why = format!("a link target of {} bytes", inode.size);
            return Err(Fault::new(inode.place, "read a link", why));
        }
        Ok(self.bytes_of(inode, inline, &mut Vec::new()).read_all()?.to_vec())
    }

    fn list_blocks(
        &mut self,
        inode: &Inode,
        listed: &mut Vec<Listed>,
        faults: &mut Vec<Fault>,
    ) -> Result<(), Fault> {
        let Some(left) = self.listing_bytes_left.checked_sub(inode.size) else {
            let why = format!("{} bytes of directory do not fit the image", inode.size);
            return Err(Fault::new(inode.place, "list a directory", why));
        };
        self.listing_bytes_left = left;
        let block_bytes = usize::try_from(self.superblock.block_bytes).unwrap_or(1024);
        let content = self.bytes_of(inode, &[], faults);
        let mut position = 0;
        while position < content.len() {
            match content.read_up_to(position, LISTING_BYTES) {
                Ok(bytes) => {
                    for block in bytes.chunks(block_bytes) {
                        if let Err(fault) = directory::read(block, listed) {
                            faults.push(Fault { offset: inode.place, ..fault });
                        }
                    }
                }
                Err(fault) => faults.push(fault),
            }
            position += LISTING_BYTES;
        }
        Ok(())
    }

    /// Reads the attributes into the inode's metadata and returns its inline data, which is kept
    /// as one of them.
    fn attributes(&mut self, inode: &mut Inode, faults: &mut Vec<Fault>) -> Vec<u8> {
        let mut found = Vec::new();
        let place = inode.xattr_block.saturating_mul(u64::from(self.superblock.block_bytes));
        let lists = [
            xattr::in_inode(&inode.tail).map_err(|fault| fault.within(inode.place)),
            match place {
                0 => Ok(Vec::new()),
                _ => self
                    .image
                    .read(place, u64::from(self.superblock.block_bytes))
                    .and_then(|block| xattr::in_block(&block, place)),
            },
        ];
        for list in lists {
            match list {
                Ok(list) => found.extend(list),
                Err(fault) => faults.push(fault),
            }
        }
        let mut inline = Vec::new();
        for Attribute { name, value } in found {
            match self.value(value) {
                Ok(value) if name.as_bytes() == INLINE_DATA => inline = value,
                Ok(value) => inode.metadata.xattrs.push((name, value)),
                Err(fault) => faults.push(fault),
            }
        }
        inline
    }

    fn value(&mut self, value: Value) -> Result<Vec<u8>, Fault> {
        let number = match value {
            Value::Here(bytes) => return Ok(bytes),
            Value::Inode(number) => number,
        };
        let inode = Inode::read(self.image, self.superblock, number)?;
        if inode.size > VALUE_BYTES_MAX {
            let why = format!("a value of {} bytes", inode.size);
            return Err(Fault::new(inode.place, "read extended attributes", why));
        }
        Ok(self.mapper.content(&inode, &mut Vec::new()).read_all()?.to_vec())
    }
}

impl Walk for Reader<'_> {
    type Link = u32;
    type Inode = Object;

    fn inode(&mut self, link: &u32, faults: &mut Vec<Fault>) -> Result<(About, Object), Fault> {
        let mut inode = Inode::read(self.image, self.superblock, *link)?;
        let inline = self.attributes(&mut inode, faults);
        let device = || inode.device_number();
        let kind = kind_of_mode(inode.mode, inode.place, || self.target(&inode, &inline), device)?;
        if inode.is_encrypted() && matches!(kind, EntryKind::Symlink(_)) {
            let why = "the target is encrypted with fscrypt";
            faults.push(Fault::new(inode.place, "read a link", why));
        }
        let about = About {
            identity: u64::from(inode.number),
            place: inode.place,
            kind,
            metadata: inode.metadata.clone(),
            links: u64::from(inode.links),
        };
        Ok((about, Object { inode, inline }))
    }

    fn list(&mut self, object: &Object, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, u32)> {
        let Object { inode, inline } = object;
        let mut listed = Vec::new();
        let result = if inode.is_inline() {
            // Two lists of entries: in the inode behind the parent's number, and in the attribute.
            let first = inode.block_field.get(PARENT_BYTES..BLOCK_FIELD_BYTES);
            directory::read(first.unwrap_or_default(), &mut listed)
                .and_then(|()| directory::read(inline, &mut listed))
        } else {
            self.list_blocks(inode, &mut listed, faults)
        };
        faults.extend(result.err());
        // Encrypted names may hold any byte.
        let name = |name: Vec<u8>| {
            if inode.is_encrypted() { hex(&name).into_bytes() } else { name }
        };
        listed.into_iter().map(|child| (name(child.name), child.inode)).collect()
    }

    fn unread(&self, object: &Object) -> Option<Unread> {
        let Object { inode, .. } = object;
        let reason = "encrypted with fscrypt".to_owned();
        inode.is_encrypted().then_some(Unread { bytes: inode.size, reason })
    }

    fn content(&mut self, object: &Object, faults: &mut Vec<Fault>) -> Option<Extent> {
        let Object { inode, inline } = object;
        if inode.is_encrypted() {
            return None;
        }
        if inode.is_compressed() {
            let why = "compressed by e2compr: read as stored";
            faults.push(Fault::new(inode.place, "read a file", why));
        }
        Some(self.bytes_of(inode, inline, faults))
    }
}
