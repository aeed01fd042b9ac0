//! The Minix file system of versions 1 to 3, in both byte orders (kernel
//! `include/uapi/linux/minix_fs.h`, `fs/minix/`): the first one of Linux, still found in initial
//! disks and on floppies.
//!
//! The bitmaps of free inodes and zones are not needed.

mod mapping;
mod superblock;
#[cfg(test)]
mod tests;

use self::{
    mapping::Mapper,
    superblock::{Superblock, Version},
};
use crate::{
    Extent, Fault, Metadata, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::{About, Walk, kind_of_mode, walk},
};

pub(crate) static FORMAT: Format = Format {
    name: "minix",
    // By version and length of names; 1 and 2 have it at another place than 3.
    magics: &[
        Magic::at(1040, &[0x7f, 0x13]),
        Magic::at(1040, &[0x8f, 0x13]),
        Magic::at(1040, &[0x68, 0x24]),
        Magic::at(1040, &[0x78, 0x24]),
        Magic::at(1048, &[0x5a, 0x4d]),
        Magic::at(1040, &[0x13, 0x7f]),
        Magic::at(1040, &[0x13, 0x8f]),
        Magic::at(1040, &[0x24, 0x68]),
        Magic::at(1040, &[0x24, 0x78]),
        Magic::at(1048, &[0x4d, 0x5a]),
    ],
    carve: false,
    open,
};

/// `MINIX_ROOT_INO`.
const ROOT: u32 = 1;
/// Longest directory, and longest target of a symbolic link.
const DIRECTORY_BYTES_MAX: u64 = 16 << 20;
const TARGET_BYTES_MAX: u64 = 65_536;

/// An inode, read.
#[derive(Clone, Debug)]
struct Inode {
    place: u64,
    mode: u32,
    links: u32,
    user: u32,
    group: u32,
    size: u64,
    modified: u32,
    /// Direct zones, then one for each level of indirection.
    zones: Vec<u32>,
}

/// Reads the objects of one file system.
struct Reader<'image> {
    image: &'image Extent,
    superblock: &'image Superblock,
    mapper: Mapper<'image>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let superblock = Superblock::read(&candidate.extent)?.ok_or(NotThis)?;
    let image = candidate.extent.clamp(0, superblock.length());
    let mapper = Mapper::new(&image, &superblock);
    let mut reader = Reader { image: &image, superblock: &superblock, mapper };
    // The magic is short: the root must be a directory that names itself first.
    let root = reader.read_inode(ROOT)?;
    let head = reader.mapper.content(&root, &mut Vec::new()).read_up_to(0, 64)?;
    let first = superblock.entry(&head).ok_or(NotThis)?;
    if root.mode >> 12 != 0o4 || first != (ROOT, &b"."[..]) {
        return Err(NotThis);
    }
    let (entries, faults) = walk(&image, &mut reader, ROOT);
    let attributes = superblock.attributes();
    Ok(Opened { length: superblock.length(), attributes, entries, faults, unread: None })
}

impl Reader<'_> {
    fn read_inode(&self, number: u32) -> Result<Inode, Fault> {
        let superblock = self.superblock;
        let place = superblock.inode_place(number).ok_or_else(|| {
            let why = format!("inode {number} of {}", superblock.inode_count);
            Fault::new(0, "read an inode", why)
        })?;
        let bytes = self.image.read(place, superblock.version.inode_bytes())?;
        Inode::parse(View(&bytes), superblock, place)
    }
}

impl Inode {
    fn parse(view: View<'_>, superblock: &Superblock, place: u64) -> Result<Self, Fault> {
        let endian = superblock.endian;
        let short = |offset| view.u16(offset, endian);
        let word = |offset| view.u32(offset, endian);
        let mode = u32::from(short(0)?);
        if superblock.version == Version::One {
            let zones = (0..9).map(|index| short(14 + index * 2).map(u32::from));
            return Ok(Self {
                place,
                mode,
                links: u32::from(view.u8(13)?),
                user: u32::from(short(2)?),
                group: u32::from(view.u8(12)?),
                size: u64::from(word(4)?),
                modified: word(8)?,
                zones: zones.collect::<Result<_, _>>()?,
            });
        }
        let zones = (0..10).map(|index| word(24 + index * 4));
        Ok(Self {
            place,
            mode,
            links: u32::from(short(2)?),
            user: u32::from(short(4)?),
            group: u32::from(short(6)?),
            size: u64::from(word(8)?),
            modified: word(16)?,
            zones: zones.collect::<Result<_, _>>()?,
        })
    }
}

impl Walk for Reader<'_> {
    type Link = u32;
    type Inode = Inode;

    fn inode(&mut self, link: &u32, faults: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let inode = self.read_inode(*link)?;
        let mapper = &mut self.mapper;
        let target = || {
            let content = mapper.content(&inode, faults);
            Ok(content.read_up_to(0, TARGET_BYTES_MAX)?.to_vec())
        };
        // A device's number takes the place of the first zone, 8 bits each.
        let number = inode.zones.first().copied().unwrap_or(0);
        let device = || Ok((number >> 8 & 0xff, number & 0xff));
        let about = About {
            identity: u64::from(*link),
            place: inode.place,
            kind: kind_of_mode(inode.mode, inode.place, target, device)?,
            metadata: Metadata {
                mode: Some(inode.mode & 0o7777),
                user: Some(inode.user),
                group: Some(inode.group),
                modified: Some(i64::from(inode.modified)),
                xattrs: Vec::new(),
            },
            links: u64::from(inode.links),
        };
        Ok((about, inode))
    }

    fn list(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, u32)> {
        let content = self.mapper.content(inode, faults);
        let bytes = match content.read_up_to(0, DIRECTORY_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(fault) => {
                faults.push(fault);
                return Vec::new();
            }
        };
        let entries = bytes.chunks_exact(self.superblock.entry_bytes());
        let named = entries.filter_map(|entry| self.superblock.entry(entry));
        named
            .filter(|&(number, name)| number != 0 && name != b"." && name != b"..")
            .map(|(number, name)| (name.to_vec(), number))
            .collect()
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        Some(self.mapper.content(inode, faults))
    }
}
