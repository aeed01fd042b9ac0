//! SquashFS 4.0 file systems, in both byte orders and with vendors' magics and codings
//! (kernel `Documentation/filesystems/squashfs.rst`, `fs/squashfs/squashfs_fs.h`).
//!
//! Metadata is decoded once while opening; contents stay coded until read. A damaged block costs
//! the files in it and no other. Versions 1 to 3 are recognised but not extracted. The export
//! table is not needed, and permissions of the listing (which inode may be where) are not judged.

mod blocks;
mod compression;
mod directory;
mod inode;
mod metadata;
mod superblock;
#[cfg(test)]
mod tests;
mod walk;
mod xattr;

use self::{
    blocks::Blocks,
    compression::Coding,
    metadata::{METADATA_BYTES, Metadata},
    superblock::{Header, OldVersion, Superblock},
    walk::Reader,
};
use crate::{
    Endian, Extent, View,
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
    match superblock::parse(&head)?.ok_or(NotThis)? {
        Header::Current(superblock) => Ok(open_current(candidate, &superblock)),
        Header::Old(old) => Ok(open_old(&old)),
    }
}

fn open_old(old: &OldVersion) -> Opened {
    let OldVersion { endian, major, minor, bytes_used } = old;
    Opened {
        length: *bytes_used,
        attributes: vec![
            ("version", format!("{major}.{minor}")),
            ("byte-order", byte_order(*endian).to_owned()),
        ],
        unread: Some(format!("squashfs {major}.x: recognised, not extracted")),
        ..Opened::default()
    }
}

fn open_current(candidate: &Candidate, superblock: &Superblock) -> Opened {
    let image = candidate.extent.clamp(0, superblock.bytes_used);
    let mut opened = Opened {
        length: padded_length(&candidate.extent, superblock.bytes_used),
        attributes: attributes(superblock),
        ..Opened::default()
    };
    let coding = match choose_coding(&image, superblock) {
        Ok(coding) => coding,
        Err(why) => {
            opened.unread = Some(why);
            return opened;
        }
    };
    opened.attributes.push(("compression", coding.name()));
    let tables = Metadata::new(&image, coding, superblock.endian);
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
        ("version", "4.0".to_owned()),
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

/// Finds the coding that decodes the first compressed block of inodes or directories.
fn choose_coding(image: &Extent, superblock: &Superblock) -> Result<Coding, String> {
    let registered =
        Coding::registered(superblock.compression).ok_or("a coding that is not known")?;
    let place = superblock.inode_table;
    let (stored, coded, _) = metadata::stored_block(image, superblock.endian, place)
        .map_err(|fault| format!("the inode table could not be read: {}", fault.why))?;
    // Stored inodes give no hint; the name in the superblock has to do.
    if !coded {
        return Ok(registered);
    }
    let fits = |coding: &Coding| {
        coding.decode(&stored, METADATA_BYTES).is_ok_and(|decoded| {
            inode::plausible_table(View(&decoded), superblock.endian, superblock.inode_count)
        })
    };
    let mut candidates = std::iter::once(registered).chain(Coding::candidates());
    // Where the first inodes are damaged, names that decode speak for the registered coding.
    let names = || metadata::stored_block(image, superblock.endian, superblock.directory_table);
    candidates
        .find(fits)
        .or_else(|| {
            let (stored, coded, _) = names().ok()?;
            let decoded = registered.decode(&stored, METADATA_BYTES).ok()?;
            (coded && !decoded.is_empty()).then_some(registered)
        })
        .ok_or_else(|| format!("not extracted: {} with a private layout", registered.name()))
}
