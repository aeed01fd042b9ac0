//! EROFS, the read-only file system of Android and of containers (kernel `fs/erofs/erofs_fs.h` and
//! `Documentation/filesystems/erofs.rst`).
//!
//! Files packed with LZ4, MicroLZMA, deflate and Zstandard are unpacked cluster by cluster; tails,
//! fragments and clusters that files share are found. Data on other devices is said to be missing.

mod cluster;
mod index;
mod inode;
mod superblock;
#[cfg(test)]
mod tests;
mod walk;
mod xattr;

use self::{
    superblock::{PLACE, Superblock},
    walk::Reader,
};
use crate::{
    EntryKind, Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::{Walk as _, walk},
};

pub(crate) static FORMAT: Format = Format {
    name: "erofs",
    magics: &[Magic::at(1024, &[0xe2, 0xe1, 0xf5, 0xe0])],
    carve: true,
    open,
};

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let superblock = Superblock::read(&candidate.extent)?.ok_or(NotThis)?;
    let image = candidate.extent.clamp(0, superblock.image_bytes());
    let mut faults = Vec::new();
    let mut reader = Reader::new(&image, &superblock, &mut faults);
    let root = reader.inode(&superblock.root, &mut Vec::new());
    let is_directory = matches!(&root, Ok((about, _)) if about.kind == EntryKind::Directory);
    if superblock.checksum == Some(false) {
        // Without a directory at its root either, nothing but four bytes fits.
        if !is_directory {
            return Err(NotThis);
        }
        faults.push(Fault::new(PLACE, "verify the superblock", "its checksum is wrong"));
    }
    if superblock.unknown_features() != 0 {
        let why = format!("features {:#x} are not known", superblock.unknown_features());
        faults.push(Fault::new(PLACE, "read all features", why));
    }
    let mut opened = Opened {
        length: superblock.image_bytes(),
        attributes: superblock.attributes(),
        ..Opened::default()
    };
    if !is_directory {
        let reason =
            root.err().map_or_else(|| "no directory".to_owned(), |fault| fault.to_string());
        opened.unread = Some(format!("the root directory could not be read: {reason}"));
        opened.faults = faults;
        return Ok(opened);
    }
    let (entries, found) = walk(&image, &mut reader, superblock.root);
    faults.extend(found);
    (opened.entries, opened.faults) = (entries, faults);
    Ok(opened)
}
