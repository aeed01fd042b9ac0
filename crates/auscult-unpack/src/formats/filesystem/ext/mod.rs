//! ext2, ext3 and ext4 file systems (kernel `Documentation/filesystems/ext4/`).
//!
//! Directories are read from the tree of names: deleted and orphaned inodes are left alone. The
//! journal is not replayed; a file system that needs it says so. Checksums of metadata are not
//! verified, and files encrypted by fscrypt are listed but not read.

mod directory;
mod inode;
mod mapping;
mod superblock;
#[cfg(test)]
mod tests;
mod walk;
mod xattr;

use self::{
    superblock::{MAGIC_OFFSET, SUPERBLOCK_PLACE, Superblock},
    walk::{ROOT, Reader},
};
use crate::{
    Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::walk,
};

pub(crate) static FORMAT: Format = Format {
    name: "ext",
    magics: &[Magic::at(1024 + MAGIC_OFFSET, &[0x53, 0xef])],
    carve: true,
    open,
};

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let bytes = candidate.extent.read(SUPERBLOCK_PLACE, 1024)?;
    let superblock = Superblock::parse(&bytes)?.ok_or(NotThis)?;
    let mut opened = Opened {
        length: superblock.length(),
        attributes: superblock.attributes(),
        ..Opened::default()
    };
    if superblock.is_journal() {
        opened.unread = Some("the journal of another file system".to_owned());
        return Ok(opened);
    }
    let image = candidate.extent.clamp(0, superblock.length());
    (opened.entries, opened.faults) = walk(&image, &mut Reader::new(&image, &superblock), ROOT);
    if opened.entries.is_empty() {
        // Nothing but two bytes of magic and a few fields: an odd place makes it a chance hit.
        let reason = opened.faults.first().map_or_else(String::new, ToString::to_string);
        opened.unread = Some(format!("the root directory could not be read: {reason}"));
    }
    if superblock.needs_recovery() {
        let why = "changes wait in the journal, which is not replayed";
        opened.faults.push(Fault::new(SUPERBLOCK_PLACE, "read the latest state", why));
    }
    if superblock.unknown_features() != 0 {
        let why = format!("features {:#x} are not known", superblock.unknown_features());
        opened.faults.push(Fault::new(SUPERBLOCK_PLACE, "read all features", why));
    }
    Ok(opened)
}
