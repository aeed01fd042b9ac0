//! F2FS, the file system of Android's user data and of other flash behind a controller (kernel
//! `include/linux/f2fs_fs.h` and `Documentation/filesystems/f2fs.rst`).
//!
//! The newer of two checkpoints is read. What was synced after it by single files (roll-forward
//! recovery) is not looked for. Of what fscrypt encrypted the names are listed as hexadecimal digits,
//! and the contents are said to be unread. Of a file system over several devices only the first is
//! here; what is on others is told.

mod checkpoint;
mod compressed;
mod directory;
mod inode;
mod mapping;
mod superblock;
#[cfg(test)]
mod tests;
mod walk;
mod xattr;

use self::{
    checkpoint::{Checkpoint, NodeTable},
    mapping::Mapper,
    superblock::Superblock,
    walk::Reader,
};
use crate::{
    Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::walk,
};

const MAGIC: &[u8] = &[0x10, 0x20, 0xf5, 0xf2];

pub(crate) static FORMAT: Format = Format {
    name: "f2fs",
    // The second superblock is a block after the first.
    magics: &[Magic::at(1024, MAGIC), Magic::at(4096 + 1024, MAGIC)],
    carve: true,
    open,
};

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let superblock = Superblock::read(&candidate.extent).ok_or(NotThis)?;
    let image = candidate.extent.clamp(0, superblock.length());
    let checkpoint = Checkpoint::read(&image, &superblock);
    let mut opened = Opened {
        length: superblock.length(),
        attributes: superblock.attributes(),
        ..Opened::default()
    };
    if superblock.copy > 0 {
        // The first superblock of an image that begins a block later looks like this one, too.
        if checkpoint.is_err() {
            return Err(NotThis);
        }
        let why = "it is damaged; the second one was read";
        opened.faults.push(Fault::new(1024, "read the first superblock", why));
    } else if superblock.checksum_holds == Some(false) {
        opened.faults.push(Fault::new(1024, "verify the superblock", "its checksum is wrong"));
    }
    let checkpoint = match checkpoint {
        Ok(checkpoint) => checkpoint,
        Err(faults) => {
            opened.unread = Some("both checkpoints are damaged".to_owned());
            opened.faults.extend(faults);
            return Ok(opened);
        }
    };
    opened.attributes.push(("checkpoint", checkpoint.version().to_string()));
    let state = if checkpoint.is_unmounted() { "clean" } else { "not clean" };
    opened.attributes.push(("state", state.to_owned()));
    let nodes = NodeTable::new(&image, &superblock, &checkpoint, &mut opened.faults);
    let mut reader = Reader::new(Mapper::new(&image, &superblock, nodes));
    let (entries, faults) = walk(&image, &mut reader, superblock.root);
    if entries.is_empty() {
        let reason = faults.first().map_or_else(String::new, ToString::to_string);
        opened.unread = Some(format!("the root directory could not be read: {reason}"));
    }
    opened.entries = entries;
    opened.faults.extend(faults);
    Ok(opened)
}
