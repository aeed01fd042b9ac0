//! What the walk through the directories asks of SquashFS: inodes, listings, contents, owners.

use std::collections::HashMap;

use auscult_model::ByteName;

use super::{
    blocks::Blocks,
    directory,
    inode::{self, Body, Inode},
    metadata::{Cursor, Metadata as Tables},
    superblock::Superblock,
    xattr::XattrTable,
};
use crate::{
    EntryKind, Extent, Fault, Metadata, View,
    formats::support::{
        gathering::device_number,
        walk::{About, Walk},
    },
};

/// Reads the objects of one file system.
pub(super) struct Reader<'image> {
    superblock: &'image Superblock,
    tables: Tables<'image>,
    blocks: Blocks<'image>,
    xattrs: Option<XattrTable>,
    owners: HashMap<u16, Option<u32>>,
}

impl<'image> Reader<'image> {
    /// A reader; what could not be read of the tables goes to `faults`.
    pub(super) fn new(
        image: &'image Extent,
        superblock: &'image Superblock,
        tables: Tables<'image>,
        blocks: Blocks<'image>,
        faults: &mut Vec<Fault>,
    ) -> Self {
        let xattrs = superblock.xattr_table.and_then(|place| {
            XattrTable::open(image, &tables, place).map_err(|fault| faults.push(fault)).ok()
        });
        Self { superblock, tables, blocks, xattrs, owners: HashMap::new() }
    }

    fn metadata(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Metadata {
        let xattrs = match (self.xattrs, inode.xattr_index) {
            (Some(table), Some(index)) => table.read(&mut self.tables, index),
            _ => Ok(Vec::new()),
        };
        let xattrs = xattrs.unwrap_or_else(|fault| {
            faults.push(fault);
            Vec::new()
        });
        Metadata {
            mode: Some(u32::from(inode.mode) & 0o7777),
            user: self.owner(inode.user_index, faults),
            group: self.owner(inode.group_index, faults),
            modified: Some(i64::from(inode.modified)),
            xattrs,
        }
    }

    /// The numeric owner behind an index of the table of owners.
    fn owner(&mut self, index: u16, faults: &mut Vec<Fault>) -> Option<u32> {
        if let Some(&known) = self.owners.get(&index) {
            return known;
        }
        let owner = self.find_owner(index);
        let owner = owner.map_err(|fault| faults.push(fault)).ok();
        self.owners.insert(index, owner);
        owner
    }

    fn find_owner(&mut self, index: u16) -> Result<u32, Fault> {
        let (list, count) = (self.superblock.id_table, self.superblock.id_count);
        if index >= count {
            return Err(Fault::new(list, "find an owner", format!("index {index} of {count}")));
        }
        let entry = self.tables.table_entry(list, u64::from(index), 4)?;
        View(&entry).u32(0, self.tables.endian)
    }
}

impl Walk for Reader<'_> {
    type Link = u64;
    type Inode = Inode;

    fn inode(&mut self, link: &u64, faults: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let cursor = Cursor::of_reference(self.superblock.inode_table, *link);
        let inode = inode::read(&mut self.tables, cursor, self.superblock.block_bytes)?;
        let about = About {
            identity: *link,
            place: cursor.block(),
            kind: kind_of(&inode.body),
            metadata: self.metadata(&inode, faults),
            links: u64::from(inode.links),
        };
        Ok((about, inode))
    }

    fn list(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, u64)> {
        let Body::Directory { block, offset, listing_bytes } = inode.body else {
            return Vec::new();
        };
        let place = self.superblock.directory_table.saturating_add(u64::from(block));
        let listing = Cursor::new(place, u64::from(offset));
        let (listed, fault) = directory::read(&mut self.tables, listing, listing_bytes);
        faults.extend(fault);
        listed.into_iter().map(|child| (child.name, child.inode)).collect()
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        let Body::File(layout) = &inode.body else { return None };
        Some(self.blocks.content(layout, &mut self.tables, faults))
    }
}

fn kind_of(body: &Body) -> EntryKind {
    match body {
        Body::Directory { .. } => EntryKind::Directory,
        Body::File(_) => EntryKind::File,
        Body::Symlink(target) => EntryKind::Symlink(ByteName(target.clone())),
        Body::Block(number) => {
            let (major, minor) = device_number(*number);
            EntryKind::BlockDevice { major, minor }
        }
        Body::Character(number) => {
            let (major, minor) = device_number(*number);
            EntryKind::CharacterDevice { major, minor }
        }
        Body::Fifo => EntryKind::Fifo,
        Body::Socket => EntryKind::Socket,
    }
}
