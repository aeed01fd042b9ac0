//! SquashFS file systems of versions 1 to 4, in both byte orders and with vendors' magics and
//! codings (kernel `Documentation/filesystems/squashfs.rst`, `fs/squashfs/squashfs_fs.h`; for the
//! versions before 4 `squashfs_compat.h` of squashfs-tools).
//!
//! Metadata is decoded once while opening; contents stay coded until read. A damaged block costs
//! the files in it and no other. The export table and the indices of directories are not needed,
//! and permissions of the listing (which inode may be where) are not judged.

mod bits;
mod blocks;
mod choice;
mod directory;
mod inode;
mod metadata;
mod old_inode;
#[cfg(test)]
mod old_tests;
mod superblock;
#[cfg(test)]
mod tests;
mod walk;
mod xattr;

use self::{blocks::Blocks, metadata::Metadata, superblock::Superblock, walk::Reader};
use crate::{
    Endian, Extent,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{date::iso_8601, walk::walk},
};

pub(crate) static FORMAT: Format = Format {
    name: "squashfs",
    // The first two are the registered ones; the others are vendors'. The layout decides.
    magics: &[
        Magic::start(b"hsqs"),
        Magic::start(b"sqsh"),
        Magic::start(b"shsq"),
        Magic::start(b"qshs"),
        Magic::start(b"tqsh"),
        Magic::start(b"hsqt"),
        Magic::start(b"sqlz"),
    ],
    carve: true,
    open,
};

/// Images are padded to this many bytes unless the maker is told not to.
const PADDING_BYTES: u64 = 4096;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, 128)?;
    let superblock = superblock::parse(&head)?.ok_or(NotThis)?;
    Ok(open_image(candidate, &superblock))
}

fn open_image(candidate: &Candidate, superblock: &Superblock) -> Opened {
    let image = candidate.extent.clamp(0, superblock.bytes_used);
    let mut opened = Opened {
        length: padded_length(&candidate.extent, superblock.bytes_used),
        attributes: attributes(superblock),
        ..Opened::default()
    };
    let (coding, framing) = match choice::choose(&image, superblock) {
        Ok(choice) => choice,
        Err(why) => {
            opened.unread = Some(why);
            return opened;
        }
    };
    opened.attributes.push(("compression", coding.name()));
    if framing.endian != superblock.endian {
        opened.attributes.push(("metadata-byte-order", byte_order(framing.endian).to_owned()));
    }
    let tables = Metadata::new(&image, coding, framing, superblock.endian);
    let blocks = Blocks::new(&image, superblock, coding);
    let mut reader = Reader::new(&image, superblock, tables, blocks, &mut opened.faults);
    let (entries, faults) = walk(&image, &mut reader, superblock.root);
    opened.entries = entries;
    opened.faults.extend(faults);
    if opened.entries.is_empty() {
        let why = opened.faults.first().map_or_else(String::new, ToString::to_string);
        opened.unread = Some(format!("the root directory could not be read: {why}"));
    }
    opened
}

fn byte_order(endian: Endian) -> &'static str {
    match endian {
        Endian::Little => "little",
        Endian::Big => "big",
    }
}

fn attributes(superblock: &Superblock) -> Vec<(&'static str, String)> {
    vec![
        ("version", superblock.version_name()),
        ("byte-order", byte_order(superblock.endian).to_owned()),
        ("magic", String::from_utf8_lossy(&superblock.magic).into_owned()),
        ("block-size", superblock.block_bytes.to_string()),
        ("inodes", superblock.inode_count.to_string()),
        ("created", iso_8601(i64::from(superblock.created))),
    ]
}

/// The bytes used, and the zeros up to the next 4 KiB where they are there.
fn padded_length(extent: &Extent, bytes_used: u64) -> u64 {
    let padded = bytes_used.next_multiple_of(PADDING_BYTES);
    let padding = extent.read(bytes_used, padded - bytes_used);
    let zeros = padding.is_ok_and(|bytes| bytes.iter().all(|&byte| byte == 0));
    if zeros { padded } else { bytes_used }
}
