//! ext2, ext3 and ext4 file systems (kernel `Documentation/filesystems/ext4/`).
//!
//! Directories are read from the tree of names: deleted and orphaned inodes are left alone. What was
//! committed to the journal and not yet written is read as if it were in its place. Checksums of
//! metadata are not verified. Of what fscrypt encrypted the names are listed as hexadecimal digits,
//! and the contents are said to be unread.

mod directory;
mod inode;
mod journal;
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
    Extent, Fault,
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
    let mut image = candidate.extent.clamp(0, superblock.length());
    if superblock.needs_recovery() {
        image = replayed(&image, &superblock, &mut opened);
    }
    let (entries, faults) = walk(&image, &mut Reader::new(&image, &superblock), ROOT);
    if entries.is_empty() {
        // Nothing but two bytes of magic and a few fields: an odd place makes it a chance hit.
        let reason = faults.first().map_or_else(String::new, ToString::to_string);
        opened.unread = Some(format!("the root directory could not be read: {reason}"));
    }
    opened.entries = entries;
    opened.faults.extend(faults);
    if superblock.unknown_features() != 0 {
        let why = format!("features {:#x} are not known", superblock.unknown_features());
        opened.faults.push(Fault::new(SUPERBLOCK_PLACE, "read all features", why));
    }
    Ok(opened)
}

/// The image as it is with what waits in the journal.
fn replayed(image: &Extent, superblock: &Superblock, opened: &mut Opened) -> Extent {
    let mut faults = Vec::new();
    let result = if superblock.journal_inode == 0 {
        Err(journal::elsewhere(superblock.journal_uuid))
    } else {
        let mut reader = Reader::new(image, superblock);
        let content = reader.content_of(superblock.journal_inode, &mut faults);
        let block_bytes = superblock.block_bytes;
        content.and_then(|content| journal::replay(image, &content, block_bytes, &mut faults))
    };
    opened.faults.append(&mut faults);
    match result {
        Ok(replayed) => {
            let counts = (replayed.transactions, replayed.blocks);
            let told = format!("{} transactions, {} blocks", counts.0, counts.1);
            opened.attributes.push(("journal-replayed", told));
            replayed.image
        }
        Err(fault) => {
            let why = format!("changes wait in the journal, which is not replayed: {}", fault.why);
            opened.faults.push(Fault::new(SUPERBLOCK_PLACE, "read the latest state", why));
            image.clone()
        }
    }
}
