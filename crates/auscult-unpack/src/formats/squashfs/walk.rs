//! Walks the directories from the root and makes an entry of each inode on the way.

use std::collections::{HashMap, HashSet};

use auscult_model::ByteName;

use super::{
    blocks::Blocks,
    directory,
    inode::{self, Body, Inode},
    metadata::{Cursor, Metadata as Tables},
    superblock::Superblock,
    xattr::XattrTable,
};
use crate::{Entry, EntryKind, Extent, Fault, Metadata, Reading, View};

/// Faults that are listed one by one; the rest is counted.
const FAULTS_MAX: usize = 200;

/// The state of a walk.
pub(super) struct Walk<'image> {
    superblock: &'image Superblock,
    tables: Tables<'image>,
    blocks: Blocks<'image>,
    xattrs: Option<XattrTable>,
    owners: HashMap<u16, Option<u32>>,
    /// Directories already listed: a second visit would be a loop.
    listed: HashSet<u64>,
    /// First path of every file with several links.
    linked: HashMap<u64, ByteName>,
    pub(super) entries: Vec<Entry>,
    faults: Vec<Fault>,
    faults_unlisted: usize,
    entries_max: u64,
    path_bytes_max: usize,
}

impl<'image> Walk<'image> {
    pub(super) fn new(
        image: &'image Extent,
        superblock: &'image Superblock,
        tables: Tables<'image>,
        blocks: Blocks<'image>,
    ) -> Self {
        let limits = image.vault().limits();
        let mut walk = Self {
            superblock,
            tables,
            blocks,
            xattrs: None,
            owners: HashMap::new(),
            listed: HashSet::new(),
            linked: HashMap::new(),
            entries: Vec::new(),
            faults: Vec::new(),
            faults_unlisted: 0,
            entries_max: limits.entries,
            path_bytes_max: usize::try_from(limits.path_bytes).unwrap_or(usize::MAX),
        };
        if let Some(place) = superblock.xattr_table {
            match XattrTable::open(image, &walk.tables, place) {
                Ok(table) => walk.xattrs = Some(table),
                Err(fault) => walk.report(fault, b""),
            }
        }
        walk
    }

    /// Walks everything; what could not be read is in the faults.
    pub(super) fn run(&mut self) {
        let mut pending = vec![(self.superblock.root, Vec::new())];
        while let Some((reference, path)) = pending.pop() {
            if u64::try_from(self.entries.len()).unwrap_or(u64::MAX) >= self.entries_max {
                let why = format!("more than {} (limit entries)", self.entries_max);
                self.report(Fault::new(0, "list all files", why), &path);
                return;
            }
            if let Err(fault) = self.visit(reference, &path, &mut pending) {
                self.report(fault, &path);
            }
        }
    }

    /// The faults met, with a count of those over the limit.
    pub(super) fn into_entries_and_faults(mut self) -> (Vec<Entry>, Vec<Fault>) {
        if self.faults_unlisted > 0 {
            let why = format!("{} more like these", self.faults_unlisted);
            self.faults.push(Fault::new(0, "read all files", why));
        }
        (self.entries, self.faults)
    }

    fn report(&mut self, mut fault: Fault, path: &[u8]) {
        if self.faults.len() >= FAULTS_MAX {
            self.faults_unlisted += 1;
            return;
        }
        if !path.is_empty() {
            fault.what = format!("{} (/{})", fault.what, String::from_utf8_lossy(path));
        }
        self.faults.push(fault);
    }

    fn visit(
        &mut self,
        reference: u64,
        path: &[u8],
        pending: &mut Vec<(u64, Vec<u8>)>,
    ) -> Result<(), Fault> {
        let cursor = Cursor::of_reference(self.superblock.inode_table, reference);
        let inode = inode::read(&mut self.tables, cursor, self.superblock.block_bytes)?;
        let metadata = self.metadata(&inode, path);
        let name = ByteName(if path.is_empty() { b"/".to_vec() } else { path.to_vec() });
        let mut entry = Entry::member(name, kind_of(&inode.body), metadata);
        match &inode.body {
            Body::Directory { block, offset, listing_bytes } => {
                let place = self.superblock.directory_table.saturating_add(u64::from(*block));
                let listing = Cursor::new(place, u64::from(*offset));
                if self.listed.insert(reference) {
                    self.list(listing, *listing_bytes, path, pending);
                } else {
                    let why = "a directory that was listed before";
                    self.report(Fault::new(cursor.block(), "list a directory", why), path);
                }
            }
            Body::File(layout) => {
                let mut faults = Vec::new();
                let content = self.blocks.content(layout, &mut self.tables, &mut faults);
                for fault in faults {
                    self.report(fault, path);
                }
                entry = self.link(entry.with_content(content), &inode, reference);
            }
            _ => {}
        }
        self.entries.push(entry);
        Ok(())
    }

    /// Turns the second and later names of an inode into hard links to the first.
    fn link(&mut self, mut entry: Entry, inode: &Inode, reference: u64) -> Entry {
        if inode.links > 1 {
            if let Some(first) = self.linked.get(&reference) {
                entry.kind = EntryKind::Hardlink(first.clone());
                entry.reading = Reading::Leaf;
            } else {
                self.linked.insert(reference, entry.path.clone());
            }
        }
        entry
    }

    fn list(
        &mut self,
        listing: Cursor,
        listing_bytes: u32,
        path: &[u8],
        pending: &mut Vec<(u64, Vec<u8>)>,
    ) {
        let (listed, fault) = directory::read(&mut self.tables, listing, listing_bytes);
        if let Some(fault) = fault {
            self.report(fault, path);
        }
        // The last one pushed is visited first: keep the order of the directory.
        for child in listed.into_iter().rev() {
            if matches!(&child.name[..], b"." | b"..") || child.name.contains(&b'/') {
                let why = format!("name {:?}", String::from_utf8_lossy(&child.name));
                self.report(Fault::new(listing.block(), "list a directory", why), path);
                continue;
            }
            let mut full = path.to_vec();
            if !full.is_empty() {
                full.push(b'/');
            }
            full.extend_from_slice(&child.name);
            if full.len() > self.path_bytes_max {
                let why = format!("a path of {} bytes (limit path-bytes)", full.len());
                self.report(Fault::new(listing.block(), "list a directory", why), path);
                continue;
            }
            pending.push((child.inode, full));
        }
    }

    fn metadata(&mut self, inode: &Inode, path: &[u8]) -> Metadata {
        let xattrs = match (self.xattrs, inode.xattr_index) {
            (Some(table), Some(index)) => table.read(&mut self.tables, index),
            _ => Ok(Vec::new()),
        };
        let xattrs = xattrs.unwrap_or_else(|fault| {
            self.report(fault, path);
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
        let owner = owner.map_err(|fault| self.report(fault, b"")).ok();
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

/// Splits a device number as the kernel packs it (`new_decode_dev`): 12 bits of major number
/// between 8 low and 12 high bits of minor number.
fn device_number(packed: u32) -> (u32, u32) {
    (packed >> 8 & 0xfff, packed & 0xff | packed >> 12 & 0xf_ff00)
}
