//! What the walk through the directories asks of SquashFS: inodes, listings, contents, owners.

use std::collections::HashMap;

use auscult_model::ByteName;

use super::{
    blocks::Blocks,
    directory,
    inode::{self, Body, Inode},
    metadata::{Cursor, Metadata as Tables},
    superblock::{Owners, Superblock},
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
    image: &'image Extent,
    superblock: &'image Superblock,
    tables: Tables<'image>,
    blocks: Blocks<'image>,
    xattrs: Option<XattrTable>,
    owners: HashMap<(Owner, u16), Option<u32>>,
}

/// Users and groups share a table or have one each.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    User,
    Group,
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
        Self { image, superblock, tables, blocks, xattrs, owners: HashMap::new() }
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
        let user = self.owner(Owner::User, inode.user_index, faults);
        let group = match inode.group_index {
            Some(index) => self.owner(Owner::Group, index, faults),
            None => user,
        };
        Metadata {
            mode: Some(u32::from(inode.mode) & 0o7777),
            user,
            group,
            modified: Some(i64::from(inode.modified)),
            xattrs,
        }
    }

    /// The number behind an index of the table of owners.
    fn owner(&mut self, owner: Owner, index: u16, faults: &mut Vec<Fault>) -> Option<u32> {
        if let Some(&known) = self.owners.get(&(owner, index)) {
            return known;
        }
        let number = self.find_owner(owner, index);
        let number = number.map_err(|fault| faults.push(fault)).ok();
        self.owners.insert((owner, index), number);
        number
    }

    fn find_owner(&mut self, owner: Owner, index: u16) -> Result<u32, Fault> {
        let endian = self.tables.endian;
        let (place, first, count) = match self.superblock.owners {
            Owners::Table { list, count } => (list, 0, count),
            Owners::Words { start, users, groups } => match owner {
                Owner::User => (start, 0, u16::from(users)),
                Owner::Group => (start, u64::from(users), u16::from(groups)),
            },
        };
        if index >= count {
            return Err(Fault::new(place, "find an owner", format!("index {index} of {count}")));
        }
        if let Owners::Words { start, .. } = self.superblock.owners {
            let place = start.saturating_add((first + u64::from(index)) * 4);
            return View(&self.image.read(place, 4)?).u32(0, endian);
        }
        View(&self.tables.table_entry(place, u64::from(index), 4)?).u32(0, endian)
    }
}

impl Walk for Reader<'_> {
    type Link = u64;
    type Inode = Inode;

    fn inode(&mut self, link: &u64, faults: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let mut cursor = Cursor::of_reference(self.superblock.inode_table, *link);
        let place = cursor.block();
        let inode = inode::read(&mut self.tables, &mut cursor, self.superblock)?;
        let about = About {
            identity: *link,
            place,
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
        let (listed, fault) =
            directory::read(&mut self.tables, self.superblock.version, listing, listing_bytes);
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
