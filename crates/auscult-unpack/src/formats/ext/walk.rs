//! Walks the directories from the root and makes an entry of each inode on the way.

use std::collections::HashSet;

use auscult_model::ByteName;

use super::{
    directory::{self, Listed},
    inode::{BLOCK_FIELD_BYTES, Inode, Kind},
    mapping::Mapper,
    superblock::Superblock,
    xattr::{self, Attribute, Value},
};
use crate::{
    Entry, EntryKind, Extent, Fault,
    formats::gathering::{Gathering, entry_path},
};

/// The root directory's inode.
const ROOT: u32 = 2;
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

/// The state of a walk.
pub(super) struct Walk<'image> {
    image: &'image Extent,
    superblock: &'image Superblock,
    mapper: Mapper<'image>,
    /// Directories already listed: a second visit would be a loop.
    listed: HashSet<u32>,
    /// Bytes of directories that may still be read. Directories share no blocks, so that all of
    /// them together are not longer than the image.
    listing_bytes_left: u64,
    gathering: Gathering,
    /// Inode numbers and their paths; the last one is visited next.
    pending: Vec<(u32, Vec<u8>)>,
}

impl<'image> Walk<'image> {
    pub(super) fn new(image: &'image Extent, superblock: &'image Superblock) -> Self {
        Self {
            image,
            superblock,
            mapper: Mapper::new(image, superblock),
            listed: HashSet::new(),
            listing_bytes_left: image.len(),
            gathering: Gathering::new(image),
            pending: Vec::new(),
        }
    }

    /// Walks everything; what could not be read is in the faults.
    pub(super) fn run(mut self) -> (Vec<Entry>, Vec<Fault>) {
        self.pending.push((ROOT, Vec::new()));
        while let Some((number, path)) = self.pending.pop() {
            if self.gathering.is_full() {
                break;
            }
            if let Err(fault) = self.visit(number, &path) {
                self.gathering.report(fault, &path);
            }
        }
        self.gathering.finish()
    }

    fn visit(&mut self, number: u32, path: &[u8]) -> Result<(), Fault> {
        let mut inode = Inode::read(self.image, self.superblock, number)?;
        let inline = self.attributes(&mut inode, path);
        let kind = match inode.kind {
            Kind::Fifo => EntryKind::Fifo,
            Kind::Socket => EntryKind::Socket,
            Kind::Character => {
                let (major, minor) = inode.device_number()?;
                EntryKind::CharacterDevice { major, minor }
            }
            Kind::Block => {
                let (major, minor) = inode.device_number()?;
                EntryKind::BlockDevice { major, minor }
            }
            Kind::Directory => EntryKind::Directory,
            Kind::File => EntryKind::File,
            Kind::Symlink => EntryKind::Symlink(self.target(&inode, &inline, path)?),
        };
        let entry = Entry::member(entry_path(path), kind, inode.metadata.clone());
        if inode.is_encrypted() {
            let why = "encrypted with fscrypt: names and contents are not readable";
            self.gathering.report(Fault::new(inode.place, "read an inode", why), path);
            self.gathering.add(entry);
            return Ok(());
        }
        match inode.kind {
            Kind::Directory => {
                self.gathering.add(entry);
                self.list(&inode, &inline, path)?;
            }
            Kind::File => self.add_file(entry, &inode, &inline, path),
            _ => self.gathering.add(entry),
        }
        Ok(())
    }

    fn add_file(&mut self, entry: Entry, inode: &Inode, inline: &[u8], path: &[u8]) {
        if inode.is_compressed() {
            let why = "compressed by e2compr: read as stored";
            self.gathering.report(Fault::new(inode.place, "read a file", why), path);
        }
        let known = self.gathering.linked_content(u64::from(inode.number));
        let content = known.unwrap_or_else(|| self.content(inode, inline, path));
        let entry = entry.with_content(content);
        if inode.links > 1 {
            self.gathering.add_linked(entry, u64::from(inode.number));
        } else {
            self.gathering.add(entry);
        }
    }

    /// The content of a file, directory or link.
    fn content(&mut self, inode: &Inode, inline: &[u8], path: &[u8]) -> Extent {
        if inode.is_inline() {
            let mut bytes = inode.block_field.to_vec();
            bytes.extend_from_slice(inline);
            bytes.truncate(usize::try_from(inode.size).unwrap_or(usize::MAX));
            return Extent::from_memory(self.image.vault(), bytes);
        }
        let (content, faults) = self.mapper.content(inode);
        for fault in faults {
            self.gathering.report(fault, path);
        }
        content
    }

    fn target(&mut self, inode: &Inode, inline: &[u8], path: &[u8]) -> Result<ByteName, Fault> {
        if inode.is_encrypted() {
            return Ok(ByteName::default());
        }
        if let Some(target) = inode.short_target() {
            return Ok(ByteName(target.to_vec()));
        }
        if inode.size > TARGET_BYTES_MAX {
            let why = format!("a link target of {} bytes", inode.size);
            return Err(Fault::new(inode.place, "read a link", why));
        }
        let target = self.content(inode, inline, path).read_all()?;
        Ok(ByteName(target.to_vec()))
    }

    fn list(&mut self, inode: &Inode, inline: &[u8], path: &[u8]) -> Result<(), Fault> {
        if !self.listed.insert(inode.number) {
            let why = "a directory that was listed before";
            return Err(Fault::new(inode.place, "list a directory", why));
        }
        let mut listed = Vec::new();
        let result = if inode.is_inline() {
            // Two lists of entries: in the inode behind the parent's number, and in the attribute.
            let first = inode.block_field.get(PARENT_BYTES..BLOCK_FIELD_BYTES);
            directory::read(first.unwrap_or_default(), &mut listed)
                .and_then(|()| directory::read(inline, &mut listed))
        } else {
            self.list_blocks(inode, path, &mut listed)
        };
        if let Err(fault) = result {
            self.gathering.report(fault, path);
        }
        for child in listed.into_iter().rev() {
            if let Some(path) = self.gathering.child(path, &child.name, inode.place) {
                self.pending.push((child.inode, path));
            }
        }
        Ok(())
    }

    fn list_blocks(
        &mut self,
        inode: &Inode,
        path: &[u8],
        listed: &mut Vec<Listed>,
    ) -> Result<(), Fault> {
        let Some(left) = self.listing_bytes_left.checked_sub(inode.size) else {
            let why = format!("{} bytes of directory do not fit the image", inode.size);
            return Err(Fault::new(inode.place, "list a directory", why));
        };
        self.listing_bytes_left = left;
        let block_bytes = usize::try_from(self.superblock.block_bytes).unwrap_or(1024);
        let content = self.content(inode, &[], path);
        let mut position = 0;
        while position < content.len() {
            match content.read_up_to(position, LISTING_BYTES) {
                Ok(bytes) => {
                    for block in bytes.chunks(block_bytes) {
                        if let Err(fault) = directory::read(block, listed) {
                            self.gathering.report(Fault { offset: inode.place, ..fault }, path);
                        }
                    }
                }
                Err(fault) => self.gathering.report(fault, path),
            }
            position += LISTING_BYTES;
        }
        Ok(())
    }

    /// Reads the attributes into the inode's metadata and returns its inline data, which is kept
    /// as one of them.
    fn attributes(&mut self, inode: &mut Inode, path: &[u8]) -> Vec<u8> {
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
                Err(fault) => self.gathering.report(fault, path),
            }
        }
        let mut inline = Vec::new();
        for Attribute { name, value } in found {
            match self.value(value) {
                Ok(value) if name.as_bytes() == INLINE_DATA => inline = value,
                Ok(value) => inode.metadata.xattrs.push((name, value)),
                Err(fault) => self.gathering.report(fault, path),
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
        let (content, _) = self.mapper.content(&inode);
        Ok(content.read_all()?.to_vec())
    }
}
