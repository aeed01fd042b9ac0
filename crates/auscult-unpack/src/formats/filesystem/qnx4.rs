//! QNX's older file system (fs-qnx4), as Linux's `qnx4_fs.h` and `fs/qnx4` describe it: extents of
//! blocks of 512 bytes, inodes in the directories themselves.
//!
//! The bitmap of free blocks is only read for the length of the file system.

use std::collections::HashSet;

use crate::{
    Endian::Little,
    Extent, Fault, Metadata, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        runs::{Run, Runs},
        walk::{About, Walk, kind_of_mode, walk},
    },
};

pub(crate) static FORMAT: Format = Format {
    name: "qnx4",
    // The name of the root directory, in the block behind the boot block.
    magics: &[Magic::at(512, b"/\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0")],
    carve: false,
    open,
};

const BLOCK_BYTES: u64 = 512;
const INODE_BYTES: u64 = 64;
const NAME_BYTES: usize = 16;
const LINK_NAME_BYTES: usize = 48;
const LONG_NAME_BYTES: usize = 505;
/// `QNX4_FILE_USED`, `QNX4_FILE_LINK`.
const USED: u8 = 0x01;
const LINK: u8 = 0x08;
const EXTENTS_PER_BLOCK: u8 = 60;
const EXTENTS_SIGNATURE: &[u8] = b"IamXblk\0";
/// In the root directory of every one.
const BITMAP: &[u8] = b".bitmap";
const DIRECTORY_BYTES_MAX: u64 = 16 << 20;
const TARGET_BYTES_MAX: u64 = 65_536;

/// An inode, read.
struct Inode {
    mode: u32,
    size: u64,
    /// First block and number of blocks.
    first: (u32, u32),
    /// The block with further extents, and their number.
    more: (u32, u16),
}

struct Reader<'image> {
    image: &'image Extent,
    /// Blocks of extents that were read: each belongs to one file.
    visited: HashSet<u32>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let mut reader = Reader { image: &candidate.extent, visited: HashSet::new() };
    let (about, root) = reader.inode(&BLOCK_BYTES, &mut Vec::new())?;
    let names = reader.list(&root, &mut Vec::new());
    let (_, place) = names.iter().find(|(name, _)| name == BITMAP).ok_or(NotThis)?;
    let (_, bitmap) = reader.inode(place, &mut Vec::new())?;
    if about.kind != crate::EntryKind::Directory || bitmap.size == 0 {
        return Err(NotThis);
    }
    // A bit for each block.
    let length = bitmap.size.saturating_mul(8 * BLOCK_BYTES).min(candidate.extent.len());
    let image = candidate.extent.clamp(0, length);
    let mut reader = Reader { image: &image, visited: HashSet::new() };
    let (entries, faults) = walk(&image, &mut reader, BLOCK_BYTES);
    let attributes = vec![("blocks", (length / BLOCK_BYTES).to_string())];
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// Where a block stands; they count from one.
fn place_of(block: u32) -> Result<u64, Fault> {
    let block = u64::from(block).checked_sub(1);
    block
        .map(|block| block * BLOCK_BYTES)
        .ok_or_else(|| Fault::new(0, "find a block", "there is no block 0"))
}

impl Reader<'_> {
    /// Where a file's bytes stand: place and length of every extent.
    fn extents_of(&mut self, inode: &Inode) -> (Vec<(u64, u64)>, Option<Fault>) {
        let mut places = Vec::new();
        let push = |(block, count): (u32, u32), places: &mut Vec<(u64, u64)>| {
            places.push((place_of(block)?, u64::from(count) * BLOCK_BYTES));
            Ok(())
        };
        let mut result = if inode.size == 0 { Ok(()) } else { push(inode.first, &mut places) };
        let (mut block, mut left) = (inode.more.0, inode.more.1.saturating_sub(1));
        while left > 0 && result.is_ok() {
            result = self.extents(block).and_then(|(next, extents)| {
                block = next;
                extents.into_iter().take(usize::from(left)).try_for_each(|extent| {
                    left -= 1;
                    push(extent, &mut places)
                })
            });
        }
        (places, result.err())
    }

    /// The bytes of a file.
    fn bytes(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Extent {
        let (places, fault) = self.extents_of(inode);
        faults.extend(fault);
        let (mut runs, mut logical) = (Runs::default(), 0_u64);
        for (place, length) in places {
            faults.extend(runs.push(Run { logical, place, length }).err());
            logical = logical.saturating_add(length);
        }
        runs.join(self.image, inode.size, faults)
    }

    /// The extents in a block of them, and the next such block.
    fn extents(&mut self, block: u32) -> Result<(u32, Vec<(u32, u32)>), Fault> {
        let place = place_of(block)?;
        let bytes = self.image.read(place, BLOCK_BYTES)?;
        let view = View(&bytes);
        let count = view.u8(8)?;
        let signed = view.bytes(496, 8)? == EXTENTS_SIGNATURE;
        let sized = (1..=EXTENTS_PER_BLOCK).contains(&count);
        if !signed || !sized || !self.visited.insert(block) {
            let why = "no block of extents, or one that belongs to something else";
            return Err(Fault::new(place, "map a file", why));
        }
        let extent = |index: usize| {
            Ok((view.u32(16 + index * 8, Little)?, view.u32(20 + index * 8, Little)?))
        };
        let extents: Result<_, Fault> = (0..usize::from(count)).map(extent).collect();
        Ok((view.u32(0, Little)?, extents?))
    }

    /// A long name has a block of its own.
    fn long_name(&self, block: u32) -> Result<Vec<u8>, Fault> {
        let bytes = self.image.read(place_of(block)?, BLOCK_BYTES)?;
        Ok(View(&bytes).text(6, LONG_NAME_BYTES)?.to_vec())
    }

    /// The name in a directory's entry and where its inode stands; nothing for a free entry.
    fn entry(&self, entry: &[u8], place: u64) -> Result<Option<(Vec<u8>, u64)>, Fault> {
        let view = View(entry);
        let status = view.u8(63)?;
        if status & (USED | LINK) == 0 || view.u8(0)? == 0 {
            return Ok(None);
        }
        if status & LINK == 0 {
            return Ok(Some((view.text(0, NAME_BYTES)?.to_vec(), place)));
        }
        let inode = place_of(view.u32(48, Little)?)? + u64::from(view.u8(52)?) * INODE_BYTES;
        let name = match view.u32(53, Little)? {
            0 => view.text(0, LINK_NAME_BYTES)?.to_vec(),
            block => self.long_name(block)?,
        };
        Ok(Some((name, inode)))
    }
}

impl Walk for Reader<'_> {
    type Link = u64;
    type Inode = Inode;

    fn inode(&mut self, link: &u64, faults: &mut Vec<Fault>) -> Result<(About, Inode), Fault> {
        let bytes = self.image.read(*link, INODE_BYTES)?;
        let view = View(&bytes);
        let mode = u32::from(view.u16(50, Little)?);
        let inode = Inode {
            mode,
            size: u64::from(view.u32(16, Little)?),
            first: (view.u32(20, Little)?, view.u32(24, Little)?),
            more: (view.u32(28, Little)?, view.u16(48, Little)?),
        };
        let target = || {
            let content = self.bytes(&inode, faults);
            Ok(content.read_up_to(0, TARGET_BYTES_MAX)?.to_vec())
        };
        let about = About {
            identity: *link,
            place: *link,
            // The numbers of devices are given when their drivers start.
            kind: kind_of_mode(mode, *link, target, || Ok((0, 0)))?,
            metadata: Metadata {
                mode: Some(mode & 0o7777),
                user: Some(u32::from(view.u16(52, Little)?)),
                group: Some(u32::from(view.u16(54, Little)?)),
                modified: Some(i64::from(view.u32(36, Little)?)),
                xattrs: Vec::new(),
            },
            links: u64::from(view.u16(56, Little)?),
        };
        Ok((about, inode))
    }

    fn list(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Vec<(Vec<u8>, u64)> {
        if inode.mode >> 12 != 0o4 {
            return Vec::new();
        }
        let (places, fault) = self.extents_of(inode);
        faults.extend(fault);
        let mut names = Vec::new();
        let mut left = inode.size.min(DIRECTORY_BYTES_MAX);
        for (place, length) in places {
            let bytes = match self.image.read_up_to(place, length.min(left)) {
                Ok(bytes) => bytes,
                Err(fault) => {
                    faults.push(fault);
                    continue;
                }
            };
            left = left.saturating_sub(length);
            for (at, entry) in (place..).step_by(64).zip(bytes.as_chunks::<64>().0) {
                match self.entry(entry, at) {
                    Ok(Some((name, _))) if name == b"." || name == b".." => {}
                    Ok(Some(found)) => names.push(found),
                    Ok(None) => {}
                    Err(fault) => faults.push(fault),
                }
            }
        }
        names
    }

    fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Option<Extent> {
        Some(self.bytes(inode, faults))
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        EntryKind, NodeKind, Tree,
        formats::testing::{
            hostile::{attribute, noise},
            reference::assert_survives_damage,
        },
    };

    const LONG: &str = "a-name-of-more-than-forty-eight-bytes-in-a-block-of-its-own.txt";

    /// An inode, with its name: size, extents (the first, number of all, block of the others).
    fn inode(
        name: &str,
        size: u32,
        first: (u32, u32),
        more: (u32, u16),
        mode: u16,
        status: u8,
    ) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.field(name, 16).u32(size).u32(first.0).u32(first.1).u32(more.0);
        writer.u32(1).u32(1_500_000_000).u32(3).u32(4).u16(more.1).u16(mode).u16(5).u16(6);
        writer.u16(1).fill(0, 4).u8(0).u8(status);
        writer.finish()
    }

    fn link(name: &str, block: u32, index: u8, long: u32) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.field(name, 48).u32(block).u8(index).u32(long).fill(0, 6).u8(0x08);
        writer.finish()
    }

    /// Blocks, of which the first is number 1.
    fn image() -> Vec<u8> {
        let big = noise(3 * 512);
        let mut blocks = vec![vec![0xeb; 512]];
        // 2: the superblock; 3: the root directory; 4: inodes; 5: the bitmap.
        blocks.push(inode("/", 512, (3, 1), (0, 1), 0o040_755, 0x11));
        blocks.push(
            [
                inode(".bitmap", 2, (5, 1), (0, 1), 0o100_400, 0x01),
                inode("file.txt", 13, (6, 1), (0, 1), 0o100_644, 0x01),
                inode("link", 8, (7, 1), (0, 1), 0o120_777, 0x01),
                link(LONG.split_at(48).0, 4, 0, 8),
                link("a-name-of-over-sixteen-bytes", 4, 1, 0),
                inode("freed", 13, (6, 1), (0, 1), 0o100_644, 0),
            ]
            .concat(),
        );
        blocks.push(
            [
                inode("", 1530, (9, 1), (10, 3), 0o100_600, 0x11),
                inode("", 64, (13, 1), (0, 1), 0o040_700, 0x11),
            ]
            .concat(),
        );
        blocks.push(vec![0xff, 0xff]);
        blocks.push(b"a short file\n".to_vec());
        blocks.push(b"file.txt".to_vec());
        blocks.push([b"\0\0\0\0\0\0".as_slice(), LONG.as_bytes()].concat());
        blocks.push(big[..512].to_vec());
        // 10: two more extents of the big file, which are not in order.
        let mut extents = Writer::new(Endian::Little);
        extents.u32(0).u32(0).u8(2).fill(0, 3).u32(2).u32(12).u32(1).u32(11).u32(1);
        extents.pad_to(496, 0).bytes(b"IamXblk\0").u32(9).u32(1);
        blocks.push(extents.finish());
        blocks.push(big[1024..].to_vec());
        blocks.push(big[512..1024].to_vec());
        blocks.push(inode("inner", 4, (14, 1), (0, 1), 0o100_600, 0x01));
        blocks.push(b"deep".to_vec());
        blocks.resize(16, Vec::new());
        for block in &mut blocks {
            block.resize(512, 0);
        }
        blocks.concat()
    }

    #[test]
    fn files_links_and_long_names_are_read() {
        let bytes = image();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let node = |path: &str| {
            tree.resolve(&format!("image@0x0/qnx4:/{path}").parse().unwrap()).unwrap().0
        };
        for (path, content) in [
            ("file.txt", b"a short file\n".to_vec()),
            (LONG, noise(3 * 512)[..1530].to_vec()),
            ("a-name-of-over-sixteen-bytes/inner", b"deep".to_vec()),
        ] {
            assert_eq!(tree.bytes(node(path)).unwrap(), content, "{path}");
        }
        let NodeKind::Member(EntryKind::Symlink(target)) = &tree.node(node("link")).kind else {
            panic!("{:?}", tree.node(node("link")).kind);
        };
        assert_eq!(target.to_string(), "file.txt");
        assert_eq!(tree.node(node("file.txt")).metadata.modified, Some(1_500_000_000));
        assert!(tree.resolve(&"image@0x0/qnx4:/freed".parse().unwrap()).is_none());
        assert_eq!(attribute(&tree, "qnx4", "blocks").unwrap(), "16");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 520, 61);
    }
}
