//! btrfs (kernel `include/uapi/linux/btrfs_tree.h`, `Documentation/dev/On-disk-format` of
//! btrfs-progs): the subvolume that holds all others, with subvolumes and snapshots as directories.
//!
//! Checksums of metadata are verified, and another copy is taken where one is damaged; checksums
//! of data are not verified. The log of what was synced last is not replayed. Of a file system over
//! several devices, what is on others is told; RAID5 and RAID6 are not read.

mod chunk;
mod extent;
mod superblock;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

use self::{
    chunk::CHUNK_ITEM,
    superblock::{MAGIC, MAGIC_OFFSET, PLACE, Superblock},
    tree::{Key, Trees},
    walk::{Link, Reader, TOP_TREE},
};
use crate::{
    Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::walk,
};

pub(crate) static FORMAT: Format = Format {
    name: "btrfs",
    magics: &[Magic::at(0x1_0000 + MAGIC_OFFSET, MAGIC)],
    carve: true,
    open,
};

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let superblock = Superblock::read(&candidate.extent).ok_or(NotThis)?;
    let image = candidate.extent.clamp(0, superblock.length());
    let mut opened = Opened {
        length: superblock.length(),
        attributes: superblock.attributes(),
        ..Opened::default()
    };
    if superblock.mirror > 0 {
        let why = format!("it is damaged; mirror {} was read", superblock.mirror);
        opened.faults.push(Fault::new(PLACE, "read the superblock", why));
    }
    if superblock.log_tree != 0 {
        let why = "changes wait in the log, which is not replayed";
        opened.faults.push(Fault::new(PLACE, "read the latest state", why));
    }
    if superblock.has_stripe_tree() {
        opened.unread = Some("not extracted: extents in a RAID stripe tree".to_owned());
        return Ok(opened);
    }
    let mut trees = match Trees::new(&image, &superblock) {
        Ok(trees) => trees,
        Err(fault) => {
            opened.unread = Some(format!("the system chunks could not be read: {fault}"));
            return Ok(opened);
        }
    };
    read_chunks(&mut trees, &mut opened.faults);
    let mut reader = Reader::new(trees);
    if let Some(number) = reader.default_subvolume() {
        opened.attributes.push(("default-subvolume", number.to_string()));
    }
    let (entries, faults) = walk(&image, &mut reader, Link::root(TOP_TREE));
    if entries.is_empty() {
        let reason = faults.first().map_or_else(String::new, ToString::to_string);
        opened.unread = Some(format!("the root directory could not be read: {reason}"));
    }
    opened.entries = entries;
    opened.faults.extend(faults);
    Ok(opened)
}

/// Reads all chunks from their tree, which is in those that the superblock tells.
fn read_chunks(trees: &mut Trees<'_>, faults: &mut Vec<Fault>) {
    let root = trees.superblock.chunk_tree;
    let from = Key { object: 0, kind: 0, offset: 0 };
    let to = Key { object: u64::MAX, kind: u8::MAX, offset: u64::MAX };
    let items = trees.items(root, (from, to), faults);
    for item in items.iter().filter(|item| item.key.kind == CHUNK_ITEM) {
        faults.extend(trees.chunks.add(item.key.offset, &item.data).err());
    }
}
