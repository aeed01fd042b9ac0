//! JFS: images of our own, an empty one of the reference tool, damaged ones.

use std::fs::{self, File};

use auscult_model::Limits;
use auscult_testkit::{Endian, Writer};

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::reference::{assert_survives_damage, container, run, sample},
};

const BLOCK: usize = 4096;
const BLOCKS: usize = 40;

fn writer() -> Writer {
    Writer::new(Endian::Little)
}

/// An extent of blocks.
fn extent(block: u32, count: u32) -> Vec<u8> {
    [count.to_le_bytes(), block.to_le_bytes()].concat()
}

/// A page or root of extents: `(first, block, count)`.
fn extents(flags: u8, bytes: usize, list: &[(u32, u32, u32)]) -> Vec<u8> {
    let mut page = writer();
    page.u64(0).u64(0).u8(flags).u8(0).u16(u16::try_from(list.len() + 2).unwrap());
    page.u16(u16::try_from(bytes / 16).unwrap()).u16(0).u64(0);
    for &(first, block, count) in list {
        page.u32(0).u32(first).bytes(&extent(block, count));
    }
    page.fill(0, bytes - page.len());
    page.finish()
}

/// A page or root of entries, whose names may go on in further slots.
fn entries(bytes: usize, list: &[(&str, u32)]) -> Vec<u8> {
    let mut page = writer();
    page.fill(0, bytes);
    let root = bytes == 288;
    let table = if root { 24 } else { 32 };
    page.patch(16, &[if root { 0x3 } else { 0x2 }, u8::try_from(list.len()).unwrap()]);
    page.patch(21, &[u8::from(!root)]);
    let mut slot = if root { 1 } else { 5 };
    for (index, (name, number)) in list.iter().enumerate() {
        page.patch(table + index, &[slot]);
        let units: Vec<u8> = name.bytes().flat_map(|byte| [byte, 0]).collect();
        let (first, rest) = units.split_at(units.len().min(22));
        let more = u8::from(!rest.is_empty());
        let mut entry = writer();
        entry.u32(*number).u8(more * (slot + 1)).u8(u8::try_from(name.len()).unwrap());
        entry.bytes(first);
        page.patch(usize::from(slot) * 32, entry.as_slice());
        slot += 1;
        if more == 1 {
            page.patch(usize::from(slot) * 32 + 2, rest);
            slot += 1;
        }
    }
    page.finish()
}

fn inode(number: u32, mode: u32, size: u64, links: u32, root: &[u8]) -> Vec<u8> {
    let mut inode = writer();
    inode.u32(0).u32(16).u32(number).u32(0).u64(0).u64(size).u64(0).u32(links);
    inode.u32(10).u32(20).u32(mode).u64(0).u64(0).u32(1_500_000_000).u32(0).u64(0);
    inode.fill(0, 224 - inode.len()).bytes(root);
    inode.fill(0, 512 - inode.len());
    inode.finish()
}

/// Blocks: 11 the aggregate's inodes, 16 and 17 the map, 18 to 21 inodes, 22 the file's map, 23 and
/// 24 its data, 25 a page of entries.
fn build(content: &[u8]) -> Vec<u8> {
    let mut image = writer();
    image.fill(0, BLOCKS * BLOCK);
    let mut head = writer();
    head.bytes(b"JFS1").u32(2).u64((BLOCKS * 8) as u64).u32(4096).u16(12).u16(3);
    head.u32(512).u16(9).u16(0).u32(8192).u32(0x1020_0900).u32(0).fill(0, 44).u32(1_500_000_000);
    head.fill(0, 44).fill(7, 16).bytes(b"the label");
    image.patch(0x8000, head.as_slice());
    let map = extents(0x3, 288, &[(0, 16, 2)]);
    image.patch(11 * BLOCK + 16 * 512, &inode(16, 0o100_000, 8192, 1, &map));
    image.patch(17 * BLOCK + 3072, &extent(18, 4));
    let list = [("file", 4), ("a-name-of-more-than-eleven", 5), ("link", 6), ("dir", 7)];
    let inodes = [
        inode(2, 0o040_755, 1, 2, &entries(288, &list)),
        inode(4, 0o100_640, content.len() as u64, 1, &extents(0x5, 288, &[(0, 22, 1)])),
        inode(5, 0o020_600, 0, 1, &[&[0; 32][..], &[1, 5, 0, 0]].concat()),
        inode(6, 0o120_777, 6, 1, &[&[0; 32][..], b"target"].concat()),
        inode(7, 0o040_700, 1, 2, &{
            let mut root = entries(288, &[]);
            root[16..18].copy_from_slice(&[0x5, 1]);
            root[24] = 1;
            root[32..40].copy_from_slice(&extent(25, 1));
            root
        }),
    ];
    for bytes in &inodes {
        let number = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
        image.patch(18 * BLOCK + usize::try_from(number).unwrap() * 512, bytes);
    }
    image.patch(22 * BLOCK, &extents(0x2, BLOCK, &[(0, 24, 1), (2, 23, 1)]));
    image.patch(24 * BLOCK, &content[..BLOCK]);
    image.patch(23 * BLOCK, &content[2 * BLOCK..]);
    image.patch(25 * BLOCK, &entries(BLOCK, &[("up", 2), ("same", 4)]));
    // An attribute in the inode.
    let file = 18 * BLOCK + 4 * 512;
    image.patch(file + 104, &[0x40]);
    let list = [&[22, 0, 0, 0, 0, 9, 5, 0][..], b"user.name\0value"].concat();
    image.patch(file + 384, &list);
    image.finish()
}

fn content() -> Vec<u8> {
    [sample(BLOCK, 1), vec![0; BLOCK], sample(1000, 2)].concat()
}

#[test]
fn trees_of_extents_and_of_entries() {
    let content = content();
    let tree = Tree::from_bytes(build(&content), &Limits::default());
    let twice = tree.problems().iter().filter(|problem| problem.why.contains("listed before"));
    assert_eq!((twice.count(), tree.problems().len()), (1, 2), "{:?}", tree.problems());
    let inside = container(&tree, "jfs");
    let NodeKind::Container { attributes, .. } = &tree.node(inside).kind else { panic!() };
    assert_eq!(
        (attributes["label"].as_str(), attributes["made-for"].as_str()),
        ("the label", "Linux")
    );
    let file = tree.member(inside, b"/file").unwrap();
    assert!(tree.bytes(file).unwrap() == content);
    let about = &tree.node(file).metadata;
    assert_eq!((about.mode, about.user, about.group), (Some(0o640), Some(10), Some(20)));
    assert_eq!(about.xattrs, [("user.name".into(), b"value".to_vec())]);
    let kind = |path: &[u8]| tree.node(tree.member(inside, path).unwrap()).kind.clone();
    assert_eq!(kind(b"/link"), NodeKind::Member(EntryKind::Symlink("target".into())));
    let device = EntryKind::CharacterDevice { major: 5, minor: 1 };
    assert_eq!(kind(b"/a-name-of-more-than-eleven"), NodeKind::Member(device));
    assert!(tree.member(inside, b"/dir/same").is_some());
}

#[test]
fn an_empty_image_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    for options in [&["-L", "the label"][..], &["-O"]] {
        File::create(&path).unwrap().set_len(20 << 20).unwrap();
        if !run("mkfs.jfs", &[&["-q"], options, &[path.to_str().unwrap()]].concat()) {
            return;
        }
        let tree = Tree::from_bytes(fs::read(&path).unwrap(), &Limits::default());
        assert_eq!(tree.problems(), []);
        assert!(tree.member(container(&tree, "jfs"), b"/").is_some());
        assert_eq!(tree.node(container(&tree, "jfs")).len(), 20 << 20);
    }
}

#[test]
fn damage_never_panics() {
    let image = build(&content());
    assert_survives_damage(&image, 0, 509);
    let busy = (0x8000..0x8000 + 184).chain((11 * BLOCK..26 * BLOCK).step_by(11));
    for position in busy.filter(|&position| image[position] != 0 || position % 3 == 0) {
        for bit in [1, 0x80] {
            let mut flipped = image.clone();
            flipped[position] ^= bit;
            let tree = Tree::from_bytes(flipped, &Limits::default());
            for (id, node) in tree.nodes().filter(|(_, node)| node.len() < 1 << 24) {
                if node.is_file() {
                    drop(tree.bytes(id));
                }
            }
        }
    }
}
