//! cramfs: images of the reference tool and of our own with what that does not write, and damaged
//! ones.

use std::{fs, os::unix::fs::symlink};

use auscult_model::Limits;
use auscult_testkit::{Endian, Writer};

use crate::{
    Tree,
    checksum::Crc32,
    formats::testing::{
        hostile::attribute,
        reference::{
            assert_same_contents, assert_survives_damage, container, make_directory, run, sample,
        },
    },
};

type Encode = fn(&[u8]) -> Vec<u8>;

fn zlib(bytes: &[u8]) -> Vec<u8> {
    auscult_testkit::stream::zlib(bytes)
}

fn lzma(bytes: &[u8]) -> Vec<u8> {
    auscult_testkit::stream::lzma_alone(bytes)
}

fn lzma_bare(bytes: &[u8]) -> Vec<u8> {
    lzma(bytes)[13..].to_vec()
}

/// How a file lies in the image.
#[derive(Clone, Copy)]
enum Lie {
    /// Pages with pointers to their ends; zeros are left out.
    Coded(Encode),
    /// Extended: stored pages in a row, found by their start.
    Direct,
    /// Extended: coded pages found by their start, and stored ones by their end.
    Mixed,
    /// At the next page as it is, without pointers.
    InPlace,
}

const VERSION_2: u32 = 1;

struct Builder {
    endian: Endian,
    flags: u32,
    page: usize,
    lie: Lie,
}

impl Builder {
    fn inode(&self, mode: u32, size: usize, name: usize, offset: usize) -> Vec<u8> {
        let word = |number: usize| u32::try_from(number).unwrap();
        let (size, name, offset) = (word(size), word(name), word(offset / 4));
        let mut inode = Writer::new(self.endian);
        match self.endian {
            Endian::Little => inode.u32(mode | 7 << 16).u32(size | 9 << 24).u32(name | offset << 6),
            Endian::Big => inode.u32(mode << 16 | 7).u32(size << 8 | 9).u32(name << 26 | offset),
        };
        inode.finish()
    }

    /// Adds pointers and pages; returns the offset that the inode has.
    fn content(&self, image: &mut Writer, content: &[u8]) -> usize {
        image.align(4, 0);
        let offset = image.len();
        let pages: Vec<_> = content.chunks(self.page).collect();
        if matches!(self.lie, Lie::InPlace) {
            image.align(self.page, 0);
            image.bytes(content);
            return offset;
        }
        image.fill(0, pages.len() * 4);
        for (index, page) in pages.into_iter().enumerate() {
            let start = u32::try_from(image.len()).unwrap();
            let end = |image: &Writer| u32::try_from(image.len()).unwrap();
            let pointer = match self.lie {
                Lie::Coded(_) if page.iter().all(|&byte| byte == 0) => end(image),
                Lie::Coded(encode) => end(image.bytes(&encode(page))),
                Lie::Mixed if index % 2 == 1 => end(image.bytes(page)) | (1 << 31),
                Lie::Mixed => {
                    image.align(4, 0);
                    let start = end(image);
                    let coded = zlib(page);
                    image.u16(u16::try_from(coded.len()).unwrap()).bytes(&coded);
                    (start / 4) | (1 << 30)
                }
                Lie::Direct => {
                    image.bytes(page);
                    (start / 4) | (3 << 30)
                }
                Lie::InPlace => unreachable!(),
            };
            let mut word = Writer::new(self.endian);
            image.patch(offset + index * 4, word.u32(pointer).as_slice());
        }
        offset
    }

    /// Two files, one of them marked, in the root directory at `root`.
    fn build(&self, root: usize, content: &[u8]) -> Vec<u8> {
        let mut image = Writer::new(self.endian);
        image.fill(0, root);
        let directory = 2 * (12 + 4);
        image.fill(0, directory);
        let mark = if matches!(self.lie, Lie::InPlace) { 0o1000 } else { 0 };
        let place = self.content(&mut image, content);
        let one = self.inode(0o100_755 | mark, content.len(), 1, place);
        let coded = Self { lie: Lie::Coded(zlib), ..*self };
        let place = coded.content(&mut image, b"a marked file with pages");
        let two = self.inode(0o101_644, 24, 1, place);
        image.patch(root, &[&one[..], b"one\0", &two, b"two\0"].concat());
        image.align(4096, 0);
        let length = u32::try_from(image.len()).unwrap();
        let mut head = Writer::new(self.endian);
        let has_length = self.flags & VERSION_2 != 0;
        head.u32(0x28cd_3d45).u32(if has_length { length } else { 0 }).u32(self.flags).u32(0);
        head.bytes(b"Compressed ROMFS").u32(0).u32(0).u32(3).u32(3).field("label", 16);
        head.bytes(&self.inode(0o40_755, directory, 0, root));
        image.patch(0, head.as_slice());
        let checksum = Crc32::of(image.as_slice());
        let mut word = Writer::new(self.endian);
        if has_length {
            image.patch(32, word.u32(checksum).as_slice());
        }
        image.finish()
    }
}

fn check(builder: &Builder, root: usize, compression: &str) -> Tree {
    let mut content = sample(5 * builder.page + 77, 3);
    content[builder.page..2 * builder.page].fill(0);
    let image = builder.build(root, &content);
    let total = image.len() as u64;
    let tree = Tree::from_bytes(image, &Limits::default());
    assert_eq!(tree.problems(), []);
    assert_eq!(tree.coverage().bytes_read, total);
    let inside = container(&tree, "cramfs");
    let bytes = |path: &[u8]| tree.bytes(tree.member(inside, path).unwrap()).unwrap();
    assert!(bytes(b"/one") == content, "{compression}");
    assert_eq!(bytes(b"/two"), "a marked file with pages");
    assert_eq!(attribute(&tree, "cramfs", "compression").as_deref(), Some(compression));
    let page = attribute(&tree, "cramfs", "page-size").unwrap();
    assert_eq!(page, builder.page.to_string());
    tree
}

#[test]
fn pages_of_every_kind_in_both_byte_orders() {
    for endian in [Endian::Little, Endian::Big] {
        let coded = Builder { endian, flags: VERSION_2, page: 4096, lie: Lie::Coded(zlib) };
        check(&coded, 76, "gzip");
        check(&Builder { page: 8192, ..coded }, 76, "gzip");
        check(&Builder { flags: VERSION_2 | 0x400, ..coded }, 900, "gzip");
        check(&Builder { flags: VERSION_2 | 0x800, lie: Lie::Direct, ..coded }, 76, "gzip");
        check(&Builder { flags: VERSION_2 | 0x800, lie: Lie::Mixed, ..coded }, 76, "gzip");
        check(&Builder { lie: Lie::InPlace, ..coded }, 76, "gzip");
        let old = check(&Builder { flags: 0, ..coded }, 76, "gzip");
        assert_eq!(attribute(&old, "cramfs", "version").as_deref(), Some("0"));
    }
}

/// Both files of a vendor's image are coded alike.
#[test]
fn vendors_put_lzma_in_the_place_of_zlib() {
    let bare = "lzma (no header, properties 0x5d, 0 bytes skipped)";
    for (encode, compression) in [(lzma as Encode, "lzma"), (lzma_bare, bare)] {
        let flags = VERSION_2;
        let (endian, page, lie) = (Endian::Little, 4096, Lie::Coded(encode));
        let builder = Builder { endian, flags, page, lie };
        let content = sample(20_000, 8);
        let mut image = Writer::new(endian);
        image.fill(0, 76 + 16);
        let place = builder.content(&mut image, &content);
        image.patch(76, &[&builder.inode(0o100_755, 20_000, 1, place)[..], b"one\0"].concat());
        image.align(4096, 0);
        let mut head = Writer::new(endian);
        head.u32(0x28cd_3d45).u32(u32::try_from(image.len()).unwrap()).u32(flags).u32(0);
        head.bytes(b"Compressed ROMFS").u32(0).u32(0).u32(5).u32(2).fill(0, 16);
        head.bytes(&builder.inode(0o40_755, 16, 0, 76));
        image.patch(0, head.as_slice());
        let checksum = Crc32::of(image.as_slice());
        image.patch(32, &checksum.to_le_bytes());
        let tree = Tree::from_bytes(image.finish(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let one = tree.member(container(&tree, "cramfs"), b"/one").unwrap();
        assert!(tree.bytes(one).unwrap() == content, "{compression}");
        assert_eq!(attribute(&tree, "cramfs", "compression").as_deref(), Some(compression));
    }
}

#[test]
fn a_coding_that_nothing_decodes_and_a_wrong_checksum_are_told() {
    let scrambled: Encode = |bytes| bytes.iter().map(|byte| byte ^ 0xa5).collect();
    let lie = Lie::Coded(scrambled);
    let builder = Builder { endian: Endian::Little, flags: VERSION_2, page: 4096, lie };
    let mut image = builder.build(76, &sample(20_000, 1));
    // The second file is coded as usual; break it.
    let second = image.windows(2).rposition(|bytes| bytes[0] == 0x78).unwrap();
    image[second] = 0;
    let tree = Tree::from_bytes(image, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.what.contains("verify the checksum")));
    assert!(tree.coverage().regions_unread[0].reason.contains("private coding"));
}

#[test]
fn images_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let image = folder.path().join("image");
    let (root_name, path) = (root.to_str().unwrap(), image.to_str().unwrap());
    let cases: [&[&str]; 5] =
        [&["-N", "little"], &["-N", "big"], &["-p"], &["-z"], &["-n", "the label"]];
    for options in cases {
        if !run("mkfs.cramfs", &[options, &[root_name, path]].concat()) {
            return;
        }
        let bytes = fs::read(&image).unwrap();
        let total = bytes.len() as u64;
        let tree = assert_same_contents(bytes.clone(), "cramfs", &root);
        assert_eq!(tree.coverage().bytes_read, total, "{options:?}");
        // Behind something else, where bytes before it do not belong to it.
        let moved = [sample(3000, 1), bytes].concat();
        let tree = assert_same_contents(moved, "cramfs", &root);
        assert_eq!(tree.coverage().bytes_read, total, "{options:?}");
    }
}

#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/file"), b"content".repeat(900)).unwrap();
    symlink("a/file", root.join("link")).unwrap();
    let image = folder.path().join("image");
    if run("mkfs.cramfs", &[root.to_str().unwrap(), image.to_str().unwrap()]) {
        assert_survives_damage(&fs::read(&image).unwrap(), 400, 37);
    }
    for (flags, lie) in [(VERSION_2 | 0x800, Lie::Mixed), (0, Lie::InPlace)] {
        let builder = Builder { endian: Endian::Big, flags, page: 4096, lie };
        assert_survives_damage(&builder.build(76, &sample(9000, 2)), 160, 997);
    }
}
