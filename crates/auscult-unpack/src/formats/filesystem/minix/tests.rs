//! Minix: images of our own, which the reference tool checks, and damaged ones. That tool makes
//! only empty file systems.

use std::fs;

use auscult_model::{ByteName, Limits};
use auscult_testkit::{Endian, Writer};

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::{
        hostile::attribute,
        reference::{assert_survives_damage, container, run, sample},
    },
};

#[derive(Clone, Copy, Debug)]
struct Kind {
    endian: Endian,
    version: usize,
    name: usize,
    block: usize,
}

const ZONES: usize = 700;
const INODES: usize = 64;

/// Writes zones one after the other; the tables are filled in at the end.
struct Builder {
    kind: Kind,
    image: Vec<u8>,
    next: usize,
    inodes: Vec<Vec<u8>>,
}

impl Builder {
    fn new(kind: Kind) -> Self {
        let inode_bytes = if kind.version == 1 { 32 } else { 64 };
        let first = 4 + (INODES * inode_bytes).div_ceil(kind.block);
        let image = vec![0; ZONES * kind.block];
        Self { kind, image, next: first, inodes: Vec::new() }
    }

    fn word(&self, number: usize) -> Vec<u8> {
        let mut word = Writer::new(self.kind.endian);
        if self.kind.version == 1 {
            word.u16(u16::try_from(number).unwrap());
        } else {
            word.u32(u32::try_from(number).unwrap());
        }
        word.finish()
    }

    fn zone(&mut self, bytes: &[u8]) -> usize {
        let zone = self.next;
        self.next += 1;
        let at = zone * self.kind.block;
        self.image[at..at + bytes.len()].copy_from_slice(bytes);
        zone
    }

    /// Zones of a file with the indirect ones that it needs; zeros are holes.
    fn zones(&mut self, content: &[u8]) -> Vec<usize> {
        let block = self.kind.block;
        let mut level: Vec<usize> = content
            .chunks(block)
            .map(|zone| if zone.iter().all(|&byte| byte == 0) { 0 } else { self.zone(zone) })
            .collect();
        let mut zones: Vec<usize> = level.drain(..level.len().min(7)).collect();
        zones.resize(7, 0);
        let per_zone = block / self.word(0).len();
        let first: Vec<usize> = level.drain(..level.len().min(per_zone)).collect();
        let indirect = self.indirect(&first);
        let second: Vec<usize> = level
            .chunks(per_zone)
            .map(<[usize]>::to_vec)
            .map(|zones| self.indirect(&zones))
            .collect();
        let double = self.indirect(&second);
        zones.extend([indirect, double]);
        zones
    }

    fn indirect(&mut self, zones: &[usize]) -> usize {
        if zones.iter().all(|&zone| zone == 0) {
            return 0;
        }
        let bytes: Vec<u8> = zones.iter().flat_map(|&zone| self.word(zone)).collect();
        self.zone(&bytes)
    }

    fn inode(&mut self, mode: u16, links: u8, size: usize, zones: &[usize]) {
        let size = u32::try_from(size).unwrap();
        let mut inode = Writer::new(self.kind.endian);
        if self.kind.version == 1 {
            inode.u16(mode).u16(10).u32(size).u32(9).u8(20).u8(links);
        } else {
            inode.u16(mode).u16(links.into()).u16(10).u16(20).u32(size).u32(8).u32(9).u32(7);
        }
        for &zone in zones {
            inode.bytes(&self.word(zone));
        }
        let length = if self.kind.version == 1 { 32 } else { 64 };
        inode.pad_to(length, 0);
        self.inodes.push(inode.finish());
    }

    fn file(&mut self, mode: u16, links: u8, content: &[u8]) {
        let zones = self.zones(content);
        self.inode(mode, links, content.len(), &zones);
    }

    fn directory(&self, entries: &[(usize, &str)]) -> Vec<u8> {
        let mut directory = Writer::new(self.kind.endian);
        for &(inode, name) in entries {
            if self.kind.version == 3 {
                directory.u32(u32::try_from(inode).unwrap());
            } else {
                directory.u16(u16::try_from(inode).unwrap());
            }
            directory.field(name, self.kind.name);
        }
        directory.finish()
    }

    fn finish(mut self) -> Vec<u8> {
        let Kind { endian, version, name, block } = self.kind;
        let word = |number: usize| u32::try_from(number).unwrap();
        let short = |number: usize| u16::try_from(number).unwrap();
        let inode_bytes = if version == 1 { 32 } else { 64 };
        let first = 4 + (INODES * inode_bytes).div_ceil(block);
        let mut head = Writer::new(endian);
        if version == 3 {
            head.u32(word(INODES)).u16(0).u16(1).u16(1).u16(short(first)).u16(0).u16(0);
            head.u32(0x7fff_ffff).u32(word(ZONES)).u16(0x4d5a).u16(0).u16(short(block)).u8(0);
        } else {
            let magic = match (version, name) {
                (1, 14) => 0x137f,
                (1, _) => 0x138f,
                (_, 14) => 0x2468,
                _ => 0x2478,
            };
            let zones = if version == 1 { short(ZONES) } else { 0 };
            head.u16(short(INODES)).u16(zones).u16(1).u16(1).u16(short(first)).u16(0);
            head.u32(0x7fff_ffff).u16(magic).u16(1).u32(if version == 1 { 0 } else { word(ZONES) });
        }
        self.image[1024..1024 + head.len()].copy_from_slice(head.as_slice());
        // Used inodes and zones, from number 1 on; bits past the end count as used.
        let used = |count: usize, all: usize| -> Vec<u8> {
            let set = |bit: usize| u8::from(bit < count || bit > all);
            let byte = |at: usize| (0..8).fold(0, |byte, bit| byte | set(at * 8 + bit) << bit);
            (0..block).map(byte).collect()
        };
        let inodes = used(self.inodes.len() + 1, INODES);
        let zones = used(self.next - first + 1, ZONES - first);
        self.image[2 * block..3 * block].copy_from_slice(&inodes);
        self.image[3 * block..4 * block].copy_from_slice(&zones);
        let table = self.inodes.concat();
        self.image[4 * block..4 * block + table.len()].copy_from_slice(&table);
        self.image
    }
}

fn build(kind: Kind, content: &[u8]) -> Vec<u8> {
    let mut image = Builder::new(kind);
    let root = image.directory(&[
        (1, "."),
        (1, ".."),
        (2, "folder"),
        (3, "file"),
        (0, "gone"),
        (4, "link"),
        (5, "tty"),
    ]);
    image.file(0o40_755, 3, &root);
    let folder = image.directory(&[(2, "."), (1, ".."), (3, "same")]);
    image.file(0o40_700, 2, &folder);
    image.file(0o100_640, 2, content);
    image.file(0o120_777, 1, b"folder/same");
    image.inode(0o20_600, 1, 0, &[0x0501]);
    image.finish()
}

/// Every version with each length of names.
fn kinds(endian: Endian) -> [Kind; 6] {
    [(1, 14, 1024), (1, 30, 1024), (2, 14, 1024), (2, 30, 1024), (3, 60, 1024), (3, 60, 4096)]
        .map(|(version, name, block)| Kind { endian, version, name, block })
}

/// Long enough for two levels of indirection, with a hole.
fn content(kind: Kind) -> Vec<u8> {
    let mut content = sample(560 * 1024 + 77, 3);
    content[20 * kind.block..40 * kind.block].fill(0);
    content
}

#[test]
fn all_versions_in_both_byte_orders() {
    for kind in kinds(Endian::Little).into_iter().chain(kinds(Endian::Big)) {
        let content = content(kind);
        let image = build(kind, &content);
        let total = image.len() as u64;
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(tree.problems(), [], "{kind:?}");
        assert_eq!(tree.coverage().bytes_read, total, "{kind:?}");
        let version = attribute(&tree, "minix", "version").unwrap();
        assert_eq!(version, kind.version.to_string());
        let length = attribute(&tree, "minix", "name-length").unwrap();
        assert_eq!(length, kind.name.to_string());
        let inside = container(&tree, "minix");
        let node = |path: &str| tree.member(inside, path.as_bytes()).unwrap();
        assert!(tree.bytes(node("/file")).unwrap() == content, "{kind:?}");
        let metadata = &tree.node(node("/file")).metadata;
        assert_eq!((metadata.mode, metadata.modified), (Some(0o640), Some(9)), "{kind:?}");
        assert_eq!((metadata.user, metadata.group), (Some(10), Some(20)), "{kind:?}");
        let kinds = [
            ("/folder/same", EntryKind::Hardlink(ByteName::from(&b"file"[..]))),
            ("/link", EntryKind::Symlink(ByteName::from(&b"folder/same"[..]))),
            ("/tty", EntryKind::CharacterDevice { major: 5, minor: 1 }),
        ];
        let link = |path: &str| match &tree.node(node(path)).kind {
            NodeKind::Member(kind) => kind.clone(),
            other => panic!("{other:?}"),
        };
        // The walk goes into the folder first.
        assert_eq!(link("/file"), EntryKind::Hardlink(ByteName::from(&b"folder/same"[..])));
        for (path, kind) in &kinds[1..] {
            assert_eq!(link(path), *kind);
        }
        assert!(tree.member(inside, b"/gone").is_none());
    }
}

#[test]
fn the_reference_tool_finds_no_fault_in_the_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    for kind in kinds(Endian::Little).into_iter().filter(|kind| kind.block == 1024) {
        fs::write(&path, build(kind, &content(kind))).unwrap();
        if !run("fsck.minix", &["-f", "-l", path.to_str().unwrap()]) {
            return;
        }
    }
}

#[test]
fn empty_images_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let cases: [&[&str]; 5] =
        [&["-1", "-n", "14"], &["-1"], &["-2", "-n", "14"], &["-2"], &["-3", "-i", "500"]];
    for options in cases {
        fs::write(&path, vec![0; 2 << 20]).unwrap();
        if !run("mkfs.minix", &[options, &[path.to_str().unwrap()]].concat()) {
            return;
        }
        let tree = Tree::from_bytes(fs::read(&path).unwrap(), &Limits::default());
        assert_eq!(tree.problems(), [], "{options:?}");
        assert_eq!(tree.coverage().bytes_read, 2 << 20, "{options:?}");
    }
}

#[test]
fn a_broken_indirect_zone_is_a_loss_and_no_hole() {
    let kind = kinds(Endian::Little)[3];
    let mut image = build(kind, &content(kind));
    // The third inode's eighth zone.
    let at = 4 * 1024 + 2 * 64 + 24 + 7 * 4;
    image[at..at + 4].copy_from_slice(&[0xff; 4]);
    let tree = Tree::from_bytes(image, &Limits::default());
    let file = tree.member(container(&tree, "minix"), b"/file").unwrap();
    assert!(!tree.problems().is_empty());
    let bytes = tree.node(file).content.clone().unwrap();
    assert_eq!(bytes.read(0, 7168).unwrap(), content(kind)[..7168]);
    assert!(bytes.read(7168, 1).is_err());
}

#[test]
fn damage_never_panics() {
    for kind in [kinds(Endian::Little)[0], kinds(Endian::Big)[4]] {
        let image = build(kind, &sample(30_000, 5));
        assert_survives_damage(&image, 0, 40_009);
        let inodes = (1024..1060).chain(4096..4096 + 5 * 64).chain(6144..6400);
        for position in inodes {
            let mut flipped = image.clone();
            flipped[position] ^= 0x41;
            assert_survives_damage(&flipped, 0, image.len());
        }
    }
}
