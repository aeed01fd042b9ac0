//! SquashFS: images of the reference tool and of our own, and damaged ones.

use std::{fs, io::Write as _};

use auscult_model::{ByteName, Limits};
use auscult_testkit::{Endian, Writer, squashfs::SquashfsOptions};
use lzma_rust2::{LzmaOptions, LzmaWriter};

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::reference::{
        assert_same, assert_survives_damage, container, make_directory, run, sample,
    },
};

pub(super) type Encode = fn(&[u8]) -> Vec<u8>;

pub(super) fn zlib(bytes: &[u8]) -> Vec<u8> {
    auscult_testkit::stream::zlib(bytes)
}

fn lzma_alone(bytes: &[u8]) -> Vec<u8> {
    auscult_testkit::stream::lzma_alone(bytes)
}

pub(super) fn lzma_without_length(bytes: &[u8]) -> Vec<u8> {
    let alone = lzma_alone(bytes);
    [&alone[..5], &alone[13..]].concat()
}

pub(super) fn lzma_bare(bytes: &[u8]) -> Vec<u8> {
    let options = LzmaOptions { lc: 1, lp: 2, pb: 2, ..LzmaOptions::with_preset(6) };
    let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, false).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

/// Writes a small image: one compressed block, a fragment of its own, a device, one directory.
struct Builder {
    endian: Endian,
    magic: [u8; 4],
    number: u16,
    encode: Encode,
    /// Byte order of the lengths of metadata blocks.
    lengths: Endian,
}

const BLOCK: usize = 4096;

impl Builder {
    fn metadata(&self, image: &mut Writer, bytes: &[u8]) {
        let coded = (self.encode)(bytes);
        let mut length = Writer::new(self.lengths);
        length.u16(u16::try_from(coded.len()).unwrap());
        image.bytes(length.as_slice()).bytes(&coded);
    }

    fn writer(&self) -> Writer {
        Writer::new(self.endian)
    }

    /// A shared value, then a list of two attributes: one with its value elsewhere, one without.
    fn attributes(&self) -> Writer {
        let mut values = self.writer();
        values.u32(12).bytes(b"shared value");
        values.u16(0x102).u16(10).bytes(b"capability").u32(8).u64(0);
        values.u16(0).u16(1).bytes(b"a").u32(2).bytes(b"bc");
        values
    }

    fn build(&self, content: &[u8]) -> Vec<u8> {
        let mut image = self.writer();
        image.fill(0, 96);
        let block = (self.encode)(&content[..BLOCK]);
        let tail = (self.encode)(&content[BLOCK..]);
        image.bytes(&block).bytes(&tail);
        let inode_table = image.len();
        let mut inodes = self.writer();
        inodes.u16(9).u16(0o755).u16(0).u16(0).u32(5).u32(1);
        inodes.u64(96).u64(content.len() as u64).u64(0).u32(1).u32(0).u32(0).u32(0);
        inodes.u32(u32::try_from(block.len()).unwrap());
        let device = inodes.len();
        inodes.u16(5).u16(0o600).u16(0).u16(0).u32(6).u32(2).u32(1).u32(0x0501);
        let root = inodes.len();
        let mut listing = self.writer();
        listing.u32(1).u32(0).u32(1);
        listing.u16(0).u16(0).u16(2).u16(3).bytes(b"data");
        listing.u16(u16::try_from(device).unwrap()).u16(1).u16(5).u16(2).bytes(b"tty");
        let listing_bytes = u16::try_from(listing.len() + 3).unwrap();
        inodes.u16(1).u16(0o755).u16(0).u16(0).u32(7).u32(3);
        inodes.u32(0).u32(2).u16(listing_bytes).u16(0).u32(4);
        self.metadata(&mut image, inodes.as_slice());
        let directory_table = image.len();
        self.metadata(&mut image, listing.as_slice());
        let fragments = image.len();
        let mut fragment = self.writer();
        fragment.u64(96 + block.len() as u64).u32(u32::try_from(tail.len()).unwrap()).u32(0);
        self.metadata(&mut image, fragment.as_slice());
        let fragment_table = image.len();
        image.u64(fragments as u64);
        let ids = image.len();
        self.metadata(&mut image, self.writer().u32(1000).as_slice());
        let id_table = image.len();
        image.u64(ids as u64);
        let values = image.len();
        self.metadata(&mut image, self.attributes().as_slice());
        let lists = image.len();
        self.metadata(&mut image, self.writer().u64(16).u32(2).u32(50).as_slice());
        let xattr_table = image.len();
        image.u64(values as u64).u32(1).u32(0).u64(lists as u64);
        let used = image.len() as u64;
        let mut head = self.writer();
        head.bytes(&self.magic).u32(3).u32(1_500_000_000).u32(4096).u32(1);
        head.u16(self.number).u16(12).u16(0).u16(1).u16(4).u16(0);
        head.u64(root as u64).u64(used).u64(id_table as u64).u64(xattr_table as u64);
        head.u64(inode_table as u64).u64(directory_table as u64);
        head.u64(fragment_table as u64).u64(u64::MAX);
        image.patch(0, head.as_slice());
        image.finish()
    }
}

fn check(builder: &Builder, compression: &str) {
    let content = sample(BLOCK + 1000, 9);
    let tree = Tree::from_bytes(builder.build(&content), &Limits::default());
    assert_eq!(tree.problems(), [], "{compression}");
    let inside = container(&tree, "squashfs");
    let NodeKind::Container { attributes, unread, .. } = &tree.node(inside).kind else { panic!() };
    assert_eq!(unread, &None, "{compression}");
    assert_eq!(attributes["compression"], compression);
    assert_eq!(attributes["created"], "2017-07-14T02:40:00Z");
    let data = tree.member(inside, b"/data").unwrap();
    assert_eq!(tree.bytes(data).unwrap(), content);
    assert_eq!(tree.node(data).metadata.user, Some(1000));
    let xattrs: Vec<(String, &[u8])> = tree
        .node(data)
        .metadata
        .xattrs
        .iter()
        .map(|(name, value)| (name.to_string(), &value[..]))
        .collect();
    let (capability, other) = ("security.capability".to_owned(), "user.a".to_owned());
    assert_eq!(xattrs, [(capability, &b"shared value"[..]), (other, &b"bc"[..])]);
    let device = tree.member(inside, b"/tty").unwrap();
    let kind = NodeKind::Member(EntryKind::CharacterDevice { major: 5, minor: 1 });
    assert_eq!(tree.node(device).kind, kind);
}

#[test]
fn both_byte_orders_vendor_magics_and_vendor_codings() {
    let (little, big) = (Endian::Little, Endian::Big);
    let cases: [(Endian, &[u8; 4], u16, Encode, &str); 9] = [
        (little, b"hsqs", 1, zlib, "gzip"),
        (big, b"sqsh", 1, zlib, "gzip"),
        (little, b"shsq", 1, lzma_alone, "lzma"),
        (little, b"hsqs", 2, lzma_alone, "lzma"),
        (big, b"sqlz", 2, lzma_without_length, "lzma (header without length)"),
        (little, b"tqsh", 2, lzma_without_length, "lzma (header without length)"),
        (big, b"hsqt", 4, zlib, "gzip"),
        (little, b"qshs", 2, lzma_bare, "lzma (no header, properties 0x6d, 0 bytes skipped)"),
        (big, b"qshs", 1, lzma_bare, "lzma (no header, properties 0x6d, 0 bytes skipped)"),
    ];
    for (endian, &magic, number, encode, compression) in cases {
        check(&Builder { endian, magic, number, encode, lengths: endian }, compression);
    }
    // AVM's big-endian images have the lengths of metadata blocks in little endian.
    let avm = Builder { endian: big, magic: *b"sqsh", number: 1, encode: zlib, lengths: little };
    check(&avm, "gzip");
}

#[test]
fn a_coding_that_nothing_decodes_is_named_as_unread() {
    let scrambled: Encode = |bytes| bytes.iter().map(|byte| byte ^ 0xa5).collect();
    let (endian, lengths) = (Endian::Little, Endian::Little);
    let builder = Builder { endian, magic: *b"hsqs", number: 2, encode: scrambled, lengths };
    let tree = Tree::from_bytes(builder.build(&sample(5000, 1)), &Limits::default());
    let coverage = tree.coverage();
    assert_eq!(coverage.bytes_unread, coverage.bytes_total);
    assert!(coverage.regions_unread[0].reason.contains("private layout"));
}

#[test]
fn a_damaged_block_costs_one_file() {
    let root = auscult_testkit::Tree::new()
        .file("first", 0o644, sample(50_000, 1))
        .file("second", 0o644, sample(50_000, 2))
        .symlink("link", "first");
    let options = SquashfsOptions { block_bytes: 1 << 14, ..Default::default() };
    let mut image = auscult_testkit::squashfs::squashfs(&root, options);
    image[96 + 200..96 + 260].fill(0);
    let tree = Tree::from_bytes(image, &Limits::default());
    let inside = container(&tree, "squashfs");
    let read = |path: &[u8]| tree.bytes(tree.member(inside, path).unwrap());
    assert!(read(b"/first").is_err() != read(b"/second").is_err());
    let link = tree.node(tree.member(inside, b"/link").unwrap());
    assert_eq!(link.kind, NodeKind::Member(EntryKind::Symlink(ByteName::from(&b"first"[..]))));
}

#[test]
fn damaged_inodes_do_not_hide_the_coding() {
    let mut root = auscult_testkit::Tree::new();
    for index in 0..2000 {
        root = root.file(format!("file{index:04}"), 0o644, sample(40, index));
    }
    let mut image = auscult_testkit::squashfs::squashfs(&root, SquashfsOptions::default());
    let table =
        usize::from(u16::from_le_bytes([image[64], image[65]])) + (usize::from(image[66]) << 16);
    image[table + 40..table + 60].fill(0xa5);
    let tree = Tree::from_bytes(image, &Limits::default());
    let inside = container(&tree, "squashfs");
    let files = tree.members_under(inside, b"/").count();
    assert!((1000..2000).contains(&files), "{files}");
    assert!(!tree.problems().is_empty());
}

#[test]
fn damage_never_panics() {
    let (endian, lengths) = (Endian::Big, Endian::Big);
    let builder = Builder { endian, magic: *b"sqsh", number: 1, encode: zlib, lengths };
    let image = builder.build(&sample(BLOCK + 10, 7));
    let tables = image.len() - 400;
    assert_survives_damage(&image, 96, 1);
    for position in tables..image.len() {
        let mut flipped = image.clone();
        flipped[position] ^= 0x41;
        assert_survives_damage(&flipped, 0, image.len());
        drop(Tree::from_bytes(flipped, &Limits::default()));
    }
}

#[test]
fn images_of_the_reference_tool_in_every_coding() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let root_name = root.to_str().unwrap();
    let cases: [(&str, &[&str]); 9] = [
        ("gzip", &["-b", "4096"]),
        ("gzip", &["-noI", "-noD", "-noF", "-noId"]),
        ("lzma", &[]),
        ("lzo", &[]),
        ("xz", &["-b", "1M"]),
        ("xz", &["-Xbcj", "arm,armthumb"]),
        ("lz4", &["-no-fragments"]),
        ("zstd", &["-always-use-fragments"]),
        ("xz", &["-nopad", "-no-exports", "-no-xattrs"]),
    ];
    for (compression, options) in cases {
        let path = folder.path().join("image");
        let image = path.to_str().unwrap();
        let mut arguments = vec![root_name, image, "-noappend", "-comp", compression, "-quiet"];
        arguments.extend(options);
        if !run("mksquashfs", &arguments) {
            return;
        }
        let tree = assert_same(fs::read(&path).unwrap(), "squashfs", &root);
        let same = tree.member(container(&tree, "squashfs"), b"/large").unwrap();
        let hardlink = EntryKind::Hardlink(ByteName::from(&b"etc/same"[..]));
        assert_eq!(tree.node(same).kind, NodeKind::Member(hardlink), "{compression}");
    }
}

#[test]
fn devices_and_owners_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let image = folder.path().join("image");
    let (root, path) = (root.to_str().unwrap(), image.to_str().unwrap());
    let devices = ["-p", "dev d 755 0 0", "-p", "dev/null c 666 0 5 1 300"];
    if !run("mksquashfs", &[&[root, path, "-quiet"][..], &devices].concat()) {
        return;
    }
    let tree = Tree::from_bytes(fs::read(&image).unwrap(), &Limits::default());
    let null = tree.node(tree.member(container(&tree, "squashfs"), b"/dev/null").unwrap());
    let kind = EntryKind::CharacterDevice { major: 1, minor: 300 };
    assert_eq!(null.kind, NodeKind::Member(kind));
    assert_eq!((null.metadata.mode, null.metadata.group), (Some(0o666), Some(5)));
}
