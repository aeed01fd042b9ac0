//! JFFS2: images of the reference tool and of our own, and damaged ones.

use std::{fs, io::Write as _};

use auscult_model::Limits;
use auscult_testkit::{Endian, Writer};
use lzma_rust2::{LzmaOptions, LzmaWriter};

use super::{node::checksum, rubin};
use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::reference::{
        assert_same, assert_survives_damage, container, make_directory, run, sample,
    },
};

/// Writes single nodes.
struct Log {
    endian: Endian,
    image: Vec<u8>,
}

struct Piece<'data> {
    inode: u32,
    version: u32,
    mode: u32,
    size: u32,
    offset: u32,
    data: &'data [u8],
}

/// How the data of a piece is packed, by the number of the compressor.
type Packed<'data> = (u8, &'data [u8]);

impl Log {
    fn new(endian: Endian) -> Self {
        Self { endian, image: Vec::new() }
    }

    fn push(&mut self, kind: u16, length: usize, body: impl FnOnce(&mut Writer)) {
        let mut node = Writer::new(self.endian);
        node.u16(0x1985).u16(kind).u32(u32::try_from(length).unwrap());
        let crc = checksum(node.as_slice());
        node.u32(crc);
        body(&mut node);
        assert_eq!(node.len(), length);
        node.align(4, 0xff);
        self.image.extend(node.finish());
    }

    fn name(&mut self, parent: u32, version: u32, inode: u32, name: &[u8]) {
        self.push(0xe001, 40 + name.len(), |node| {
            node.u32(parent).u32(version).u32(inode).u32(7);
            node.u8(u8::try_from(name.len()).unwrap()).u8(8).u16(0);
            let crc = checksum(node.as_slice());
            node.u32(crc).u32(checksum(name)).bytes(name);
        });
    }

    fn inode(&mut self, piece: &Piece<'_>) {
        self.packed(piece, (0, piece.data));
    }

    fn packed(&mut self, piece: &Piece<'_>, (compressor, packed): Packed<'_>) {
        let length = u32::try_from(piece.data.len()).unwrap();
        let packed_length = u32::try_from(packed.len()).unwrap();
        self.push(0xe002, 68 + packed.len(), |node| {
            node.u32(piece.inode).u32(piece.version).u32(piece.mode).u16(10).u16(20);
            node.u32(piece.size).u32(1).u32(2).u32(3).u32(piece.offset);
            node.u32(packed_length).u32(length).u8(compressor).u8(0).u16(0);
            let crc = checksum(node.as_slice());
            node.u32(checksum(packed)).u32(crc).bytes(packed);
        });
    }

    fn attribute(&mut self, id: u32, value: &[u8]) {
        let data = [b"capability\0", value].concat();
        self.push(0xe008, 32 + data.len(), |node| {
            node.u32(id).u32(1).u8(2).u8(10).u16(u16::try_from(value.len()).unwrap());
            node.u32(checksum(&data));
            let crc = checksum(node.as_slice());
            node.u32(crc).bytes(&data);
        });
    }

    fn reference(&mut self, inode: u32, attribute: u32, sequence: u32) {
        self.push(0xe009, 28, |node| {
            node.u32(inode).u32(attribute).u32(sequence);
            let crc = checksum(node.as_slice());
            node.u32(crc);
        });
    }
}

fn sample_log(endian: Endian) -> Vec<u8> {
    let mut log = Log::new(endian);
    let file = |version, offset, size, data| Piece {
        inode: 2,
        version,
        mode: 0o100_640,
        size,
        offset,
        data,
    };
    log.name(1, 1, 2, b"kept");
    log.inode(&file(1, 0, 6, b"older!"));
    log.name(1, 2, 3, b"gone");
    log.inode(&Piece { inode: 3, version: 1, mode: 0o100_600, size: 0, offset: 0, data: b"" });
    // Out of order on the flash: the version decides.
    log.name(1, 4, 0, b"gone");
    log.inode(&file(3, 1, 5, b"EW"));
    log.inode(&file(2, 0, 5, b"newer"));
    log.name(1, 5, 4, b"tty");
    log.inode(&Piece {
        inode: 4,
        version: 1,
        mode: 0o20_600,
        size: 2,
        offset: 0,
        data: b"\x05\x05",
    });
    log.attribute(9, b"\x01\x02");
    log.reference(2, 9, 2);
    log.attribute(8, b"removed");
    log.reference(2, 8, 3);
    log.image
}

#[test]
fn the_highest_version_wins_in_both_byte_orders() {
    for endian in [Endian::Little, Endian::Big] {
        let mut image = sample_log(endian);
        let length = image.len().next_multiple_of(4096);
        image.resize(length, 0xff);
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(tree.problems(), []);
        let inside = container(&tree, "jffs2");
        assert_eq!(tree.node(inside).len(), length as u64);
        assert_eq!(tree.members_under(inside, b"/").count(), 3);
        assert!(tree.member(inside, b"/gone").is_none());
        let kept = tree.member(inside, b"/kept").unwrap();
        assert_eq!(tree.bytes(kept).unwrap(), "nEWer");
        let metadata = &tree.node(kept).metadata;
        assert_eq!((metadata.user, metadata.group), (Some(10), Some(20)));
        assert_eq!((metadata.mode, metadata.modified), (Some(0o640), Some(2)));
        assert_eq!(metadata.xattrs.len(), 1);
        assert_eq!(metadata.xattrs[0].0.as_bytes(), b"security.capability");
        let tty = tree.node(tree.member(inside, b"/tty").unwrap());
        let kind = EntryKind::CharacterDevice { major: 5, minor: 5 };
        assert_eq!(tty.kind, NodeKind::Member(kind));
    }
}

#[test]
fn every_compressor_in_both_byte_orders() {
    let data = sample(4096, 5);
    let raw = |lc, lp, pb| {
        let options = LzmaOptions { lc, lp, pb, ..LzmaOptions::with_preset(6) };
        let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, false).unwrap();
        writer.write_all(&data).unwrap();
        writer.finish().unwrap()
    };
    let with_header = [&[0x5d, 0, 0, 0x10, 0][..], &raw(3, 0, 2)].concat();
    let rubin = rubin::tests::encode(&data);
    let zstd = auscult_testkit::stream::zstd(&data);
    let packings: [Packed<'_>; 7] = [
        (4, &data),
        (3, &rubin),
        (5, &rubin),
        (6, &auscult_testkit::stream::zlib(&data)),
        (8, &raw(0, 0, 0)),
        (8, &zstd),
        (0x15, &with_header),
    ];
    for endian in [Endian::Little, Endian::Big] {
        for packed in packings {
            let mut log = Log::new(endian);
            log.name(1, 1, 2, b"file");
            let (inode, version, mode, size, offset) = (2, 1, 0o100_644, 4096, 0);
            log.packed(&Piece { inode, version, mode, size, offset, data: &data }, packed);
            let tree = Tree::from_bytes(log.image, &Limits::default());
            assert_eq!(tree.problems(), [], "{}", packed.0);
            let file = tree.member(container(&tree, "jffs2"), b"/file").unwrap();
            assert!(tree.bytes(file).unwrap() == data, "{} {endian:?}", packed.0);
        }
    }
}

#[test]
fn the_marker_counts_only_before_erased_flash() {
    let marker = [0xde, 0xad, 0xc0, 0xde];
    let read = |rest: u8| {
        let image = [&marker[..], &[rest; 5000]].concat();
        Tree::from_bytes(image, &Limits::default()).coverage().bytes_read
    };
    assert_eq!((read(0xff), read(0x5a)), (4, 0));
}

#[test]
fn a_broken_node_costs_itself() {
    let mut image = sample_log(Endian::Big);
    let place = image.windows(5).position(|bytes| bytes == b"newer").unwrap();
    image[place] ^= 1;
    let tree = Tree::from_bytes(image, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("checksum")));
    let kept = tree.member(container(&tree, "jffs2"), b"/kept").unwrap();
    assert_eq!(tree.bytes(kept).unwrap(), "oEWer");
}

#[test]
fn damage_never_panics() {
    let image = sample_log(Endian::Little);
    assert_survives_damage(&image, image.len(), 1);
}

#[test]
fn images_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    // The tool cuts targets at 254 bytes.
    fs::remove_file(root.join("long-link")).unwrap();
    fs::write(root.join("etc/zeros"), vec![0; 20_000]).unwrap();
    fs::write(root.join("etc/more"), sample(40_000, 8)).unwrap();
    let cases: [&[&str]; 6] = [
        &["-l", "-e", "64KiB"],
        &["-b", "-e", "128KiB", "-n"],
        &["-l", "-e", "64KiB", "-m", "none"],
        &["-b", "-e", "64KiB", "-x", "zlib", "-x", "lzo"],
        &["-l", "-e", "64KiB", "-x", "zlib", "-x", "rtime"],
        &["-b", "-e", "16KiB", "-p"],
    ];
    for options in cases {
        let path = folder.path().join("image");
        let (root_name, image) = (root.to_str().unwrap(), path.to_str().unwrap());
        let arguments = [&["-r", root_name, "-o", image][..], options].concat();
        if !run("mkfs.jffs2", &arguments) {
            return;
        }
        let image = fs::read(&path).unwrap();
        let length = image.len() as u64;
        let tree = assert_same(image, "jffs2", &root);
        assert!(tree.node(container(&tree, "jffs2")).len() + 131_072 > length, "{options:?}");
        assert_eq!(tree.coverage().bytes_unread, 0);
    }
}

#[test]
fn summaries_of_the_reference_tool_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    fs::remove_file(root.join("long-link")).unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (order, cleanmarkers) in [("-l", "-n"), ("-b", "-p")] {
        let made = ["-r", &path("root"), "-o", &path("image"), order, "-e", "64KiB", cleanmarkers];
        let summed = ["-i", &path("image"), "-o", &path("summed"), order, "-e", "64KiB", "-n"];
        if run("mkfs.jffs2", &made) && run("sumtool", &summed) {
            assert_same(fs::read(path("summed")).unwrap(), "jffs2", &root);
        }
    }
}
