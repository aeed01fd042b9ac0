//! ReiserFS: images of our own in both versions, an empty one of the reference tool, damaged ones.

use std::fs::{self, File};

use auscult_model::Limits;
use auscult_testkit::{Endian, Writer};

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::reference::{assert_survives_damage, container, run, sample},
};

const BLOCK: usize = 4096;
const BLOCKS: usize = 24;

/// Kinds of items as the second version numbers them, and the uniqueness of the first.
const KINDS: [u32; 4] = [0, 0xffff_fffe, 0xffff_ffff, 500];

struct Builder {
    /// 0 for version 3.5, 1 for 3.6.
    version: u16,
}

type Item = ((u32, u32), usize, u64, Vec<u8>, u16);

impl Builder {
    fn about(&self, mode: u16, size: u32, device: u32) -> Vec<u8> {
        let mut item = Writer::new(Endian::Little);
        if self.version == 0 {
            item.u16(mode).u16(2).u16(10).u16(20).u32(size).u32(0).u32(1_500_000_000).u32(0);
            item.u32(device).u32(0);
        } else {
            item.u16(mode).u16(0).u32(2).u32(size).u32(0).u32(10).u32(20);
            item.u32(0).u32(1_500_000_000).u32(0).u32(0).u32(device);
        }
        item.finish()
    }

    fn entries(list: &[(&str, (u32, u32))]) -> Vec<u8> {
        let names: usize = list.iter().map(|(name, _)| name.len().next_multiple_of(8)).sum();
        let mut end = list.len() * 16 + names;
        let mut item = Writer::new(Endian::Little);
        item.fill(0, end);
        for (index, (name, object)) in list.iter().enumerate() {
            end -= name.len().next_multiple_of(8);
            let mut entry = Writer::new(Endian::Little);
            entry.u32(u32::try_from(index + 1).unwrap()).u32(object.0).u32(object.1);
            entry.u16(u16::try_from(end).unwrap()).u16(4);
            item.patch(index * 16, entry.as_slice());
            item.patch(end, name.as_bytes());
        }
        item.finish()
    }

    fn key(&self, block: &mut Writer, (object, kind, offset, ..): &Item) {
        block.u32(object.0).u32(object.1);
        if self.version == 0 {
            block.u32(u32::try_from(*offset).unwrap()).u32(KINDS[*kind]);
        } else {
            block.u64(*offset | (*kind as u64) << 60);
        }
    }

    fn leaf(&self, items: &[Item]) -> Vec<u8> {
        let mut block = Writer::new(Endian::Little);
        block.u16(1).u16(u16::try_from(items.len()).unwrap()).fill(0, 20);
        let mut end = BLOCK;
        let mut bodies = Vec::new();
        for item in items {
            let (.., body, count) = item;
            end -= body.len();
            self.key(&mut block, item);
            block.u16(*count).u16(u16::try_from(body.len()).unwrap());
            block.u16(u16::try_from(end).unwrap()).u16(self.version);
            bodies.push((end, body));
        }
        block.fill(0, BLOCK - block.len());
        for (at, body) in bodies {
            block.patch(at, body);
        }
        block.finish()
    }

    /// Block 17 is the root, 18 and 19 are leaves; the file's blocks follow.
    fn build(&self, content: &[u8]) -> Vec<u8> {
        let (root, file, link, device) = ((1, 2), (2, 7), (2, 8), (2, 9));
        let whole = content.len() / BLOCK * BLOCK;
        let pointers = [20_u32, 0, 21].map(u32::to_le_bytes).concat();
        let size = u32::try_from(content.len() + BLOCK).unwrap();
        let listing =
            [(".", root), ("..", (0, 1)), ("file", file), ("link", link), ("tty", device)];
        let first: [Item; 2] = [
            (root, 0, 0, self.about(0o040_755, 48, 0), 0),
            (root, 3, 1, Self::entries(&listing), 5),
        ];
        let tail = content[whole..].to_vec();
        let second: [Item; 6] = [
            (file, 0, 0, self.about(0o100_640, size, 0), 0),
            (file, 1, 1, pointers, 0),
            (file, 2, 3 * BLOCK as u64 + 1, tail, 0),
            (link, 0, 0, self.about(0o120_777, 6, 0), 0),
            (link, 2, 1, b"target\0\0".to_vec(), 0),
            (device, 0, 0, self.about(0o020_600, 0, 0x501), 0),
        ];
        let mut image = Writer::new(Endian::Little);
        image.fill(0, 64 << 10);
        image.u32(u32::try_from(BLOCKS).unwrap()).u32(0).u32(17).fill(0, 32);
        image.u16(4096).u16(0).u16(0).u16(1);
        image.bytes(if self.version == 0 { b"ReIsErFs\0\0" } else { b"ReIsEr2Fs\0" });
        image.u16(0).u32(3).u16(3).u16(1).u16(self.version * 2).u16(0);
        image.u32(0).u32(1).fill(7, 16).bytes(b"the label");
        image.fill(0, 17 * BLOCK - image.len());
        image.u16(2).u16(1).fill(0, 20);
        self.key(&mut image, &second[0]);
        image.u32(18).u32(0).u32(19).u32(0);
        image.fill(0, 18 * BLOCK - image.len());
        image.bytes(&self.leaf(&first)).bytes(&self.leaf(&second)).bytes(&content[..whole]);
        image.fill(0, BLOCKS * BLOCK - image.len());
        image.finish()
    }
}

#[test]
fn both_versions_with_blocks_holes_and_tails() {
    let content = sample(2 * BLOCK + 500, 3);
    for version in [0, 1] {
        let image = Builder { version }.build(&content);
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(tree.problems(), []);
        let inside = container(&tree, "reiserfs");
        assert_eq!(tree.node(inside).len(), (BLOCKS * BLOCK) as u64);
        let NodeKind::Container { attributes, .. } = &tree.node(inside).kind else { panic!() };
        assert_eq!(attributes["version"], ["3.5", "3.6"][usize::from(version)]);
        assert_eq!(attributes.contains_key("label"), version == 1);
        let wanted =
            [&content[..BLOCK], &[0; BLOCK], &content[BLOCK..2 * BLOCK], &content[2 * BLOCK..]];
        let file = tree.member(inside, b"/file").unwrap();
        assert!(tree.bytes(file).unwrap() == wanted.concat());
        let about = &tree.node(file).metadata;
        assert_eq!((about.mode, about.user, about.group), (Some(0o640), Some(10), Some(20)));
        assert_eq!(about.modified, Some(1_500_000_000));
        let kind = |path: &[u8]| tree.node(tree.member(inside, path).unwrap()).kind.clone();
        assert_eq!(kind(b"/link"), NodeKind::Member(EntryKind::Symlink("target".into())));
        let device = EntryKind::CharacterDevice { major: 5, minor: 1 };
        assert_eq!(kind(b"/tty"), NodeKind::Member(device));
    }
}

#[test]
fn an_empty_image_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    for format in ["3.5", "3.6"] {
        File::create(&path).unwrap().set_len(40 << 20).unwrap();
        let arguments = ["-q", "-f", "-f", "--format", format, path.to_str().unwrap()];
        if !run("mkreiserfs", &arguments) {
            return;
        }
        let tree = Tree::from_bytes(fs::read(&path).unwrap(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let inside = container(&tree, "reiserfs");
        assert!(tree.member(inside, b"/").is_some());
        assert_eq!(tree.coverage().bytes_unread, 0);
    }
}

#[test]
fn damage_never_panics_and_a_log_is_no_file_system() {
    let image = Builder { version: 1 }.build(&sample(2 * BLOCK + 500, 3));
    assert_survives_damage(&image, 0, 509);
    for position in ((64 << 10)..(64 << 10) + 204).chain((17 * BLOCK..20 * BLOCK).step_by(7)) {
        for bit in [1, 0x10, 0x80] {
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
    let mut looped = image.clone();
    looped[17 * BLOCK + 24 + 16] = 17;
    let tree = Tree::from_bytes(looped, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("twice")));
}
