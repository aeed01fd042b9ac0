//! Walks the directories from the root and makes an entry of each inode on the way.

use std::collections::{HashMap, HashSet};

use auscult_model::ByteName;

use super::{
    blocks::Blocks,
    directory,
    inode::{self, Body, FileLayout, Inode},
    metadata::{Cursor, Metadata as Tables},
    superblock::Superblock,
    xattr::XattrTable,
};
use crate::{
    Entry, EntryKind, Extent, Fault, Metadata, View,
    formats::gathering::{Gathering, device_number, entry_path},
};

/// The state of a walk.
pub(super) struct Walk<'image> {
    superblock: &'image Superblock,
    tables: Tables<'image>,
    blocks: Blocks<'image>,
    xattrs: Option<XattrTable>,
    owners: HashMap<u16, Option<u32>>,
    /// Directories already listed: a second visit would be a loop.
    listed: HashSet<u64>,
    gathering: Gathering,
    /// References to inodes and their paths; the last one is visited next.
    pending: Vec<(u64, Vec<u8>)>,
}

impl<'image> Walk<'image> {
    pub(super) fn new(
        image: &'image Extent,
        superblock: &'image Superblock,
        tables: Tables<'image>,
        blocks: Blocks<'image>,
    ) -> Self {
        let mut gathering = Gathering::new(image);
        let xattrs = superblock.xattr_table.and_then(|place| {
            let table = XattrTable::open(image, &tables, place);
            table.map_err(|fault| gathering.report(fault, b"")).ok()
        });
        Self {
            superblock,
            tables,
            blocks,
            xattrs,
            owners: HashMap::new(),
            listed: HashSet::new(),
            gathering,
            pending: Vec::new(),
        }
    }

    /// Walks everything; what could not be read is in the faults.
    pub(super) fn run(mut self) -> (Vec<Entry>, Vec<Fault>) {
        self.pending.push((self.superblock.root, Vec::new()));
        while let Some((reference, path)) = self.pending.pop() {
            if self.gathering.is_full() {
                break;
            }
            if let Err(fault) = self.visit(reference, &path) {
                self.gathering.report(fault, &path);
            }
        }
        self.gathering.finish()
    }

    fn visit(&mut self, reference: u64, path: &[u8]) -> Result<(), Fault> {
        let cursor = Cursor::of_reference(self.superblock.inode_table, reference);
        let inode = inode::read(&mut self.tables, cursor, self.superblock.block_bytes)?;
        let metadata = self.metadata(&inode, path);
        let entry = Entry::member(entry_path(path), kind_of(&inode.body), metadata);
        match &inode.body {
            Body::Directory { block, offset, listing_bytes } => {
                let place = self.superblock.directory_table.saturating_add(u64::from(*block));
                let listing = Cursor::new(place, u64::from(*offset));
                if self.listed.insert(reference) {
                    self.list(listing, *listing_bytes, path);
                } else {
                    let why = "a directory that was listed before";
                    return Err(Fault::new(cursor.block(), "list a directory", why));
                }
            }
            Body::File(layout) => {
                self.add_file(entry, layout, inode.links, reference);
                return Ok(());
            }
            _ => {}
        }
        self.gathering.add(entry);
        Ok(())
    }

    fn add_file(&mut self, entry: Entry, layout: &FileLayout, links: u32, reference: u64) {
        let content = self.gathering.linked_content(reference).unwrap_or_else(|| {
            let mut faults = Vec::new();
            let content = self.blocks.content(layout, &mut self.tables, &mut faults);
            for fault in faults {
                self.gathering.report(fault, entry.path.as_bytes());
            }
            content
        });
        let entry = entry.with_content(content);
        if links > 1 {
            self.gathering.add_linked(entry, reference);
        } else {
            self.gathering.add(entry);
        }
    }

    fn list(&mut self, listing: Cursor, listing_bytes: u32, path: &[u8]) {
        let (listed, fault) = directory::read(&mut self.tables, listing, listing_bytes);
        if let Some(fault) = fault {
            self.gathering.report(fault, path);
        }
        // The last one pushed is visited first: keep the order of the directory.
        for child in listed.into_iter().rev() {
            if let Some(path) = self.gathering.child(path, &child.name, listing.block()) {
                self.pending.push((child.inode, path));
            }
        }
    }

    fn metadata(&mut self, inode: &Inode, path: &[u8]) -> Metadata {
        let xattrs = match (self.xattrs, inode.xattr_index) {
            (Some(table), Some(index)) => table.read(&mut self.tables, index),
            _ => Ok(Vec::new()),
        };
        let xattrs = xattrs.unwrap_or_else(|fault| {
            self.gathering.report(fault, path);
            Vec::new()
        });
        Metadata {
            mode: Some(u32::from(inode.mode) & 0o7777),
            user: self.owner(inode.user_index),
            group: self.owner(inode.group_index),
            modified: Some(i64::from(inode.modified)),
            xattrs,
        }
    }

    /// The numeric owner behind an index of the table of owners.
    fn owner(&mut self, index: u16) -> Option<u32> {
        if let Some(&known) = self.owners.get(&index) {
            return known;
        }
        let owner = self.find_owner(index);
        let owner = owner.map_err(|fault| self.gathering.report(fault, b"")).ok();
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
