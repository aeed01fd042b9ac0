//! QNX's power-safe file system (fs-qnx6), as Linux's `qnx6_fs.h` and `fs/qnx6` describe it, in both
//! byte orders. Of its two superblocks the one with the higher serial number is in force.
//!
//! The bitmap of free blocks is not needed. Audi's variant, whose superblock is at the start, is not
//! read.

use std::collections::HashSet;

use crate::{
    Endian::{self, Big, Little},
    Extent, Fault, Metadata, View,
    checksum::agrees,
    digest::hex,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        check::Algorithm,
        runs::{Run, Runs},
        walk::{About, Walk, kind_of_mode, walk},
    },
};

pub(crate) static FORMAT: Format = Format {
    name: "qnx6",
    magics: &[
        Magic::at(BOOT_BYTES, &[0x22, 0x11, 0x19, 0x68]),
        Magic::at(BOOT_BYTES, &[0x68, 0x19, 0x11, 0x22]),
    ],
    carve: true,
    open,
};

/// The boot block, in front of the first superblock.
const BOOT_BYTES: usize = 0x2000;
/// The room of a superblock.
const AREA_BYTES: u64 = 0x1000;
const SUPERBLOCK_BYTES: u64 = 512;
const MAGIC: u32 = 0x6819_1122;
/// The superblock's checksum covers the rest of it from here on.
const COVERED_FROM: usize = 8;
const ROOT: u32 = 1;
const INODE_BYTES: u64 = 128;
const ENTRY_BYTES: usize = 32;
/// Names up to this length stand in the directory.
const SHORT_NAME_BYTES: usize = 27;
const LONG_NAME_BYTES_MAX: usize = 510;
const POINTERS: usize = 16;
/// `QNX6_PTR_MAX_LEVELS`.
const LEVELS_MAX: u8 = 5;
const NO_BLOCK: u32 = u32::MAX;
const BLOCK_BYTES: std::ops::RangeInclusive<u64> = 512..=65536;
const DIRECTORY_BYTES_MAX: u64 = 16 << 20;
const TARGET_BYTES_MAX: u64 = 65_536;

/// What `qnx6_root_node` and inodes have in common: where a file's blocks are.
#[derive(Clone, Debug)]
struct Tree {
    size: u64,
    pointers: [u32; POINTERS],
    levels: u8,
}

/// A superblock.
struct Superblock {
    endian: Endian,
    serial: u64,
    version: (u16, u16),
    volume: String,
    block_bytes: u64,
    blocks: u64,
    inodes: Tree,
    long_names: Tree,
}

/// An inode, read.
struct Inode {
    mode: u32,
    tree: Tree,
}

struct Reader<'image> {
    image: &'image Extent,
    superblock: Superblock,
    inodes: Extent,
    long_names: Extent,
    /// Blocks of pointers that were read: each belongs to one file.
    visited: HashSet<u64>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let boot = u64::try_from(BOOT_BYTES).map_err(|_| NotThis)?;
    let first = superblock(&candidate.extent, boot)?;
    let (length, end) = (first.end() + AREA_BYTES, first.end());
    let mut faults = Vec::new();
    let superblock = match superblock(&candidate.extent, end) {
        Ok(second) if second.serial > first.serial && second.end() == end => second,
        Ok(_) => first,
        Err(NotThis) => {
            let why = "it is not there, or its checksum is wrong";
            faults.push(Fault::new(end, "read the second superblock", why));
            first
        }
    };
    let image = candidate.extent.clamp(0, length);
    let attributes = superblock.attributes();
    let mut reader = Reader::new(&image, superblock, &mut faults);
    if reader.inode(&ROOT, &mut Vec::new())?.1.mode >> 12 != 0o4 {
        return Err(NotThis);
    }
    let (entries, found) = walk(&image, &mut reader, ROOT);
    faults.extend(found);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// The superblock there, if its checksum holds and its numbers make sense.
fn superblock(extent: &Extent, offset: u64) -> Result<Superblock, NotThis> {
    let bytes = extent.read(offset, SUPERBLOCK_BYTES)?;
    let view = View(&bytes);
    let endian = match (view.u32(0, Little)?, view.u32(0, Big)?) {
        (MAGIC, _) => Little,
        (_, MAGIC) => Big,
        _ => return Err(NotThis),
    };
    let covered = bytes.get(COVERED_FROM..).unwrap_or_default();
    let sum = Algorithm::Crc32PosixRaw.number(covered);
    let superblock = Superblock {
        endian,
        serial: view.u64(8, endian)?,
        version: (view.u16(28, endian)?, view.u16(30, endian)?),
        volume: hex(view.bytes(32, 16)?),
        block_bytes: u64::from(view.u32(48, endian)?),
        blocks: u64::from(view.u32(60, endian)?),
        inodes: tree(view, 72, 72 + 8, 72 + 72, endian)?,
        long_names: tree(view, 232, 232 + 8, 232 + 72, endian)?,
    };
    let block_bytes = superblock.block_bytes;
    let sizes = BLOCK_BYTES.contains(&block_bytes) && block_bytes.is_power_of_two();
    if !agrees(view.u32(4, endian)?, sum) || !sizes || superblock.blocks == 0 {
        return Err(NotThis);
    }
    Ok(superblock)
}

fn tree(
    view: View<'_>,
    size: usize,
    pointers: usize,
    levels: usize,
    endian: Endian,
) -> Result<Tree, Fault> {
    let mut tree =
        Tree { size: view.u64(size, endian)?, pointers: [0; POINTERS], levels: view.u8(levels)? };
    for (index, pointer) in tree.pointers.iter_mut().enumerate() {
        *pointer = view.u32(pointers + index * 4, endian)?;
    }
    Ok(tree)
}

impl Superblock {
    /// Where the blocks end, and the second superblock stands.
    fn end(&self) -> u64 {
        self.place(0) + self.blocks * self.block_bytes
    }

    /// Where a block stands: they count from behind the first superblock's room.
    fn place(&self, block: u64) -> u64 {
        u64::try_from(BOOT_BYTES).unwrap_or(0) + AREA_BYTES + block * self.block_bytes
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let order = if self.endian == Little { "little" } else { "big" };
        vec![
            ("endian", order.to_owned()),
            ("version", format!("{}.{}", self.version.0, self.version.1)),
            ("block-size", self.block_bytes.to_string()),
            ("volume-id", self.volume.clone()),
            ("serial", self.serial.to_string()),
        ]
    }
}

impl<'image> Reader<'image> {
    fn new(image: &'image Extent, superblock: Superblock, faults: &mut Vec<Fault>) -> Self {
        let nothing = Extent::zeros(image.vault(), 0);
        let mut reader = Self {
            image,
            superblock,
            inodes: nothing.clone(),
            long_names: nothing,
            visited: HashSet::new(),
        };
        let [inodes, long_names] =
            [&reader.superblock.inodes, &reader.superblock.long_names].map(Clone::clone);
        reader.inodes = reader.bytes(&inodes, faults);
        reader.long_names = reader.bytes(&long_names, faults);
        reader
    }

    /// The bytes of a file.
    fn bytes(&mut self, tree: &Tree, faults: &mut Vec<Fault>) -> Extent {
        let mut runs = Runs::default();
        if let Err(fault) = self.map(tree, &mut runs, faults) {
            faults.push(fault);
        }
        runs.join(self.image, tree.size, faults)
    }

    /// Collects the blocks of a tree. Its upper levels are blocks of pointers.
    fn map(&mut self, tree: &Tree, runs: &mut Runs, faults: &mut Vec<Fault>) -> Result<(), Fault> {
        if tree.levels > LEVELS_MAX {
            let why = format!("{} levels of pointers", tree.levels);
            return Err(Fault::new(0, "map a file", why));
        }
        let per_block = self.superblock.block_bytes / 4;
        // Blocks of data below one pointer, and pointers still to follow.
        let mut pending: Vec<(u32, u8, u64)> = Vec::new();
        let below = |level: u8| per_block.saturating_pow(u32::from(level));
        let first = below(tree.levels);
        let roots = tree.pointers.iter().scan(0_u64, |logical, &pointer| {
            let own = *logical;
            *logical = logical.saturating_add(first);
            Some((pointer, tree.levels, own))
        });
        pending.extend(roots);
        pending.reverse();
        while let Some((pointer, level, logical)) = pending.pop() {
            let logical_byte = logical.saturating_mul(self.superblock.block_bytes);
            if pointer == NO_BLOCK || logical_byte >= tree.size {
                continue;
            }
            let place = self.superblock.place(u64::from(pointer));
            let length = self.superblock.block_bytes;
            if level == 0 {
                runs.push(Run { logical: logical_byte, place, length })?;
                continue;
            }
            if !self.visited.insert(place) {
                let why = "a block of pointers that belongs to something else";
                faults.push(Fault::new(place, "map a file", why));
                continue;
            }
            let block = match self.image.read(place, length) {
                Ok(block) => block,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            let (step, start) = (below(level - 1), pending.len());
            for (index, pointer) in (0..per_block).zip(block.as_chunks::<4>().0) {
                let pointer = View(pointer).u32(0, self.superblock.endian)?;
                pending.push((pointer, level - 1, logical.saturating_add(step * index)));
            }
            // The last one pushed is followed first: keep the order of the file.
            pending.get_mut(start..).unwrap_or_default().reverse();
        }
        Ok(())
    }

    /// A name that is too long for its directory: a block of its own.
    fn long_name(&self, block: u32) -> Result<Vec<u8>, Fault> {
        let place = u64::from(block) * self.superblock.block_bytes;
        let head = self.long_names.read(place, 2)?;
        let length = usize::from(View(&head).u16(0, self.superblock.endian)?);
        let length = length.min(LONG_NAME_BYTES_MAX);
        Ok(self.long_names.read(place + 2, u64::try_from(length).unwrap_or(0))?.to_vec())
    }
}

impl Walk for Reader<'_> {
    type Link = u32;
    type Inode = Inode;

    fn inode(&mut self, link: &u32, faults: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let at = u64::from(*link)
            .checked_sub(1)
            .ok_or_else(|| Fault::new(0, "read an inode", "there is no inode 0"))?;
        let place = at * INODE_BYTES;
        let bytes = self.inodes.read(place, INODE_BYTES)?;
        let (view, endian) = (View(&bytes), self.superblock.endian);
        let word = |offset| view.u32(offset, endian);
        let mode = u32::from(view.u16(32, endian)?);
        let tree = tree(view, 0, 36, 100, endian)?;
        let target = || {
            let content = self.bytes(&tree, faults);
            Ok(content.read_up_to(0, TARGET_BYTES_MAX)?.to_vec())
        };
        let about = About {
            identity: u64::from(*link),
            place,
            // The numbers of devices are given when their drivers start.
            kind: kind_of_mode(mode, place, target, || Ok((0, 0)))?,
            metadata: Metadata {
                mode: Some(mode & 0o7777),
                user: Some(word(8)?),
                group: Some(word(12)?),
                modified: Some(i64::from(word(20)?)),
                xattrs: Vec::new(),
            },
            // Names are not counted.
            links: 2,
        };
        Ok((about, Inode { mode, tree }))
    }

    fn list(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, u32)> {
        let content = self.bytes(&inode.tree, faults);
        let bytes = match content.read_up_to(0, DIRECTORY_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(fault) => {
                faults.push(fault);
                return Vec::new();
            }
        };
        let endian = self.superblock.endian;
        let mut names = Vec::new();
        for entry in bytes.chunks_exact(ENTRY_BYTES) {
            let view = View(entry);
            let (Ok(number), Ok(length)) = (view.u32(0, endian), view.u8(4)) else { continue };
            let length = usize::from(length);
            let name = if length <= SHORT_NAME_BYTES {
                view.bytes(5, length).map(<[u8]>::to_vec)
            } else {
                view.u32(8, endian).and_then(|block| self.long_name(block))
            };
            match name {
                _ if number == 0 || length == 0 => {}
                Ok(name) if name == b"." || name == b".." => {}
                Ok(name) => names.push((name, number)),
                Err(fault) => faults.push(fault),
            }
        }
        names
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        Some(self.bytes(&inode.tree, faults))
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        EntryKind, NodeKind, Tree,
        formats::{
            support::check::Algorithm,
            testing::{
                hostile::{attribute, noise},
                reference::assert_survives_damage,
            },
        },
    };

    const BLOCK: usize = 512;
    const LONG: &str = "a-name-of-more-than-twenty-seven-bytes.txt";

    struct File {
        mode: u16,
        content: Vec<u8>,
        /// Its content is behind one block of pointers.
        indirect: bool,
    }

    fn directory(endian: Endian, entries: &[(u32, &str)]) -> Vec<u8> {
        let mut writer = Writer::new(endian);
        for (number, name) in entries {
            writer.u32(*number);
            if name.len() > 27 {
                writer.u8(0xff).fill(0, 3).u32(0).u32(0).fill(0, 16);
            } else {
                writer.u8(u8::try_from(name.len()).unwrap()).field(name, 27);
            }
        }
        writer.finish()
    }

    /// Blocks of an image while they are laid out.
    struct Blocks {
        endian: Endian,
        bytes: Vec<u8>,
    }

    impl Blocks {
        fn add(&mut self, content: &[u8]) -> Vec<u32> {
            let first = self.bytes.len() / BLOCK;
            self.bytes.extend(content);
            self.bytes.resize(self.bytes.len().next_multiple_of(BLOCK), 0);
            (first..self.bytes.len() / BLOCK).map(|block| u32::try_from(block).unwrap()).collect()
        }

        fn pointers(&mut self, blocks: &[u32], indirect: bool) -> Writer {
            let mut writer = Writer::new(self.endian);
            for &block in blocks {
                writer.u32(block);
            }
            if indirect {
                writer.fill(0xff, BLOCK - writer.len());
                let own = self.add(&writer.finish());
                writer = Writer::new(self.endian);
                writer.u32(own[0]);
            }
            let rest = 64 - writer.len();
            writer.fill(0xff, rest);
            writer
        }
    }

    fn root_node(endian: Endian, size: usize, blocks: &[u32]) -> Vec<u8> {
        let mut writer = Writer::new(endian);
        writer.u64(u64::try_from(size).unwrap());
        for &block in blocks {
            writer.u32(block);
        }
        writer.fill(0xff, 72 - writer.len()).u8(0).u8(1).fill(0, 6);
        writer.finish()
    }

    fn image(endian: Endian) -> Vec<u8> {
        let big = noise(BLOCK * 20 + 7);
        let files = [
            File {
                mode: 0o040_755,
                content: directory(
                    endian,
                    &[(1, "."), (1, ".."), (2, "file.txt"), (3, "link"), (4, "sub"), (5, LONG)],
                ),
                indirect: false,
            },
            File { mode: 0o100_644, content: b"a short file\n".to_vec(), indirect: false },
            File { mode: 0o120_777, content: b"sub/big".to_vec(), indirect: false },
            File { mode: 0o040_755, content: directory(endian, &[(6, "big")]), indirect: false },
            File { mode: 0o100_600, content: b"long".to_vec(), indirect: false },
            File { mode: 0o100_600, content: big, indirect: true },
        ];
        let mut blocks = Blocks { endian, bytes: Vec::new() };
        let mut inodes = Writer::new(endian);
        for file in &files {
            let own = blocks.add(&file.content);
            let pointers = blocks.pointers(&own, file.indirect);
            inodes.u64(u64::try_from(file.content.len()).unwrap()).u32(1000).u32(100);
            inodes.u32(1).u32(1_700_000_000).u32(3).u32(4).u16(file.mode).u16(0);
            inodes.bytes(pointers.as_slice()).u8(u8::from(file.indirect)).u8(3).fill(0, 26);
        }
        let inode_blocks = blocks.add(inodes.as_slice());
        let mut long = Writer::new(endian);
        long.u16(u16::try_from(LONG.len()).unwrap()).bytes(LONG.as_bytes());
        let long_blocks = blocks.add(long.as_slice());
        let superblock = |serial: u64| {
            let mut covered = Writer::new(endian);
            covered.u64(serial).u32(1).u32(2).u32(0).u16(4).u16(3).fill(7, 16);
            covered.u32(u32::try_from(BLOCK).unwrap()).u32(6).u32(0);
            covered.u32(u32::try_from(blocks.bytes.len() / BLOCK).unwrap()).u32(0).u32(1);
            covered.bytes(&root_node(endian, inodes.len(), &inode_blocks));
            covered.bytes(&root_node(endian, 0, &[]));
            covered.bytes(&root_node(endian, BLOCK, &long_blocks));
            covered.pad_to(504, 0);
            let mut writer = Writer::new(endian);
            writer.u32(0x6819_1122).u32(Algorithm::Crc32PosixRaw.number(covered.as_slice()));
            writer.bytes(covered.as_slice()).pad_to(0x1000, 0);
            writer.finish()
        };
        [&vec![0xeb; 0x2000], &superblock(1), &blocks.bytes, &superblock(2)]
            .map(Vec::as_slice)
            .concat()
    }

    #[test]
    fn files_of_both_byte_orders_are_read() {
        for endian in [Endian::Little, Endian::Big] {
            let bytes = image(endian);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let read = |path: &str| {
                let path = format!("image@0x0/qnx6:/{path}").parse().unwrap();
                let (node, _) = tree.resolve(&path).unwrap();
                (node, tree.bytes(node).unwrap())
            };
            assert_eq!(read("file.txt").1, "a short file\n");
            assert_eq!(read("sub/big").1, noise(BLOCK * 20 + 7));
            assert_eq!(read(LONG).1, "long");
            let metadata = &tree.node(read("file.txt").0).metadata;
            assert_eq!((metadata.mode, metadata.user), (Some(0o644), Some(1000)));
            assert_eq!(metadata.modified, Some(1_700_000_000));
            let (link, _) = tree.resolve(&"image@0x0/qnx6:/link".parse().unwrap()).unwrap();
            let NodeKind::Member(EntryKind::Symlink(target)) = &tree.node(link).kind else {
                panic!("{:?}", tree.node(link).kind);
            };
            assert_eq!(target.to_string(), "sub/big");
            assert_eq!(attribute(&tree, "qnx6", "serial").unwrap(), "2");
            assert_eq!(attribute(&tree, "qnx6", "version").unwrap(), "4.3");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        }
    }

    #[test]
    fn damage_is_told_and_does_no_harm() {
        let bytes = image(Endian::Little);
        // Without the second superblock the first one counts.
        let mut bad = bytes.clone();
        let second = bad.len() - 0x1000;
        bad[second + 60] ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert_eq!(attribute(&tree, "qnx6", "serial").unwrap(), "1");
        assert!(tree.problems()[0].what.contains("second superblock"), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 0, 97);
    }
}
