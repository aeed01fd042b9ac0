//! XFS of versions 4 and 5 (kernel `fs/xfs/libxfs/xfs_format.h` and `xfs_da_format.h`; "XFS
//! Algorithms & Data Structures").
//!
//! Directories of the first version are recognised and not read. The log is not replayed, checksums
//! other than the superblock's are not verified, and data on a realtime device is told.

mod directory;
mod inode;
mod mapping;
mod superblock;
#[cfg(test)]
mod tests;
mod walk;
mod xattr;

use self::{mapping::Mapper, superblock::Superblock, walk::Reader};
use crate::{
    Fault,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::walk,
};

pub(crate) static FORMAT: Format =
    Format { name: "xfs", magics: &[Magic::start(b"XFSB")], carve: true, open };

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let superblock = Superblock::read(&candidate.extent)?.ok_or(NotThis)?;
    let image = candidate.extent.clamp(0, superblock.length());
    let mut opened = Opened {
        length: superblock.length(),
        attributes: superblock.attributes(),
        ..Opened::default()
    };
    if superblock.checksum_holds == Some(false) {
        opened.faults.push(Fault::new(0, "verify the superblock", "its checksum is wrong"));
    }
    if superblock.needs_repair() {
        opened.faults.push(Fault::new(0, "read the latest state", "it is marked for repair"));
    }
    if superblock.unknown_features() != 0 {
        let why = format!("features {:#x} are not known", superblock.unknown_features());
        opened.faults.push(Fault::new(0, "read all features", why));
    }
    if !superblock.has_directories_2 {
        opened.unread = Some("not extracted: directories of the first version".to_owned());
        return Ok(opened);
    }
    let mut reader = Reader::new(Mapper::new(&image, &superblock));
    let (entries, faults) = walk(&image, &mut reader, superblock.root);
    if entries.is_empty() {
        let reason = faults.first().map_or_else(String::new, ToString::to_string);
        opened.unread = Some(format!("the root directory could not be read: {reason}"));
    }
    opened.entries = entries;
    opened.faults.extend(faults);
    Ok(opened)
}
