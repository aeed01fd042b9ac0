//! Versions 1 to 3, which no tool writes any more: images of our own, compared with what the
//! reference tool reads from them, and damaged ones.

use std::fs;

use auscult_model::{ByteName, Limits};
use auscult_testkit::{Endian, Writer};

use super::tests::{Encode, lzma_bare, lzma_without_length, zlib};
use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::reference::{assert_survives_damage, container, run, sample},
};

const BLOCK: usize = 4096;
const SUPERBLOCK: [usize; 3] = [51, 63, 119];

/// Packs fields of so many bits as a compiler of the machine does.
fn pack(endian: Endian, fields: &[(u64, usize)]) -> Vec<u8> {
    let (mut bytes, mut position) = (Vec::new(), 0_usize);
    for &(value, width) in fields {
        for bit in 0..width {
            let (set, mask) = match endian {
                Endian::Little => (value >> bit & 1, 1_u8 << (position % 8)),
                Endian::Big => (value >> (width - 1 - bit) & 1, 0x80 >> (position % 8)),
            };
            if position.is_multiple_of(8) {
                bytes.push(0);
            }
            if set == 1 {
                bytes[position / 8] |= mask;
            }
            position += 1;
        }
    }
    assert_eq!(position % 8, 0);
    bytes
}

struct Old {
    endian: Endian,
    major: usize,
    minor: u16,
    has_markers: bool,
    metadata: Encode,
    data: Encode,
}

/// Tables of inodes and names, and how to add to them.
struct Tables<'old> {
    old: &'old Old,
    inodes: Vec<u8>,
    listing: Vec<u8>,
    listed: u64,
}

impl Tables<'_> {
    /// Adds an inode: its head, with the names it has where the version tells, and its body.
    /// User 17 is of the second bank of version 1.
    fn inode(&mut self, kind: u64, mode: u64, links: u64, body: &[(u64, usize)]) -> u64 {
        let place = self.inodes.len() as u64;
        let number = 1 + place / 4;
        let head: &[(u64, usize)] = match self.old.major {
            1 if kind > 5 => &[(0, 4), (mode, 12), (1, 4), (15, 4), (kind, 4), (1, 4)],
            1 => &[(kind + 5, 4), (mode, 12), (1, 4), (15, 4)],
            2 => &[(kind, 4), (mode, 12), (17, 8), (0, 8)],
            _ => &[(kind, 4), (mode, 12), (17, 8), (255, 8), (7, 32), (number, 32)],
        };
        let mut fields = head.to_vec();
        if self.old.major == 3 && kind != 2 {
            fields.push((links, 32));
        }
        fields.extend(body);
        self.inodes.extend(pack(self.old.endian, &fields));
        place
    }

    fn name(&mut self, name: &str, kind: u64, inode: u64) {
        let mut fields = vec![(inode, 13), (kind, 3), (name.len() as u64 - 1, 8)];
        if self.old.major == 3 {
            fields.push((0, 16));
        }
        self.listing.extend(pack(self.old.endian, &fields));
        self.listing.extend(name.as_bytes());
        self.listed += 1;
    }
}

impl Old {
    fn new(endian: Endian, major: usize) -> Self {
        let minor = u16::from(major == 3);
        Self { endian, major, minor, has_markers: false, metadata: zlib, data: zlib }
    }

    fn add_metadata(&self, image: &mut Writer, bytes: &[u8]) {
        let mut coded = (self.metadata)(bytes);
        let stored = coded.len() >= bytes.len();
        if stored {
            coded = bytes.to_vec();
        }
        image.u16(u16::try_from(coded.len()).unwrap() | u16::from(stored) << 15);
        if self.has_markers {
            image.u8(0xff);
        }
        image.bytes(&coded);
    }

    /// The body of a file that lies in these stored blocks; in version 3 the long form.
    fn file_body(&self, start: u64, size: u64, blocks: &[Vec<u8>]) -> Vec<(u64, usize)> {
        let word = |block: &Vec<u8>| block.len() as u64;
        match self.major {
            1 => {
                let mut body = vec![(7, 32), (start, 32), (size, 32)];
                body.extend(blocks.iter().map(|block| (word(block), 16)));
                body
            }
            2 => {
                vec![(7, 32), (start, 32), (0, 32), (0, 32), (size, 32), (word(&blocks[0]), 32)]
            }
            _ => vec![(start, 64), (0, 32), (0, 32), (size, 64), (word(&blocks[0]), 32)],
        }
    }

    fn root_body(&self, listing_bytes: u64) -> Vec<(u64, usize)> {
        match self.major {
            1 => vec![(listing_bytes, 19), (0, 13), (7, 32), (0, 24)],
            2 => vec![(listing_bytes, 27), (0, 13), (7, 32), (0, 24), (0, 16)],
            // With an index of one name, which readers pass over.
            _ => {
                let mut body = vec![(listing_bytes + 3, 27), (0, 13), (0, 32), (1, 16), (0, 32)];
                body.extend([(0, 32), (0, 32), (0, 8), (u64::from(b'd'), 8)]);
                body
            }
        }
    }

    fn tables(&self, start: u64, size: u64, blocks: &[Vec<u8>]) -> (Tables<'_>, u64) {
        let mut tables = Tables { old: self, inodes: Vec::new(), listing: Vec::new(), listed: 0 };
        let file = self.file_body(start, size, blocks);
        let file_kind = if self.major == 3 { 9 } else { 2 };
        let data = tables.inode(file_kind, 0o640, 2, &file);
        let mut target = vec![(4, 16)];
        target.extend(b"data".map(|byte| (u64::from(byte), 8)));
        let link = tables.inode(3, 0o777, 1, &target);
        let tty = tables.inode(5, 0o600, 1, &[(0x0501, 16)]);
        let pipe = tables.inode(6, 0o644, 1, &[]);
        for (name, kind, inode) in
            [("data", 2, data), ("link", 3, link), ("pipe", 6, pipe), ("same", 2, data)]
        {
            tables.name(name, kind, inode);
        }
        tables.name("tty", 5, tty);
        let header: &[(u64, usize)] = match self.major {
            3 => &[(tables.listed - 1, 8), (0, 32), (1, 32)],
            _ => &[(tables.listed - 1, 8), (0, 24)],
        };
        tables.listing = [pack(self.endian, header), tables.listing].concat();
        let body = self.root_body(tables.listing.len() as u64);
        let root = tables.inode(if self.major == 1 { 1 } else { 8 }, 0o755, 2, &body);
        (tables, root)
    }

    fn build(&self, content: &[u8]) -> Vec<u8> {
        let mut image = Writer::new(self.endian);
        let start = SUPERBLOCK[self.major - 1];
        image.fill(0, start);
        let blocks: Vec<_> = content.chunks(BLOCK).map(self.data).collect();
        for block in &blocks {
            image.bytes(block);
        }
        let (tables, root) = self.tables(start as u64, content.len() as u64, &blocks);
        let inode_table = image.len() as u64;
        self.add_metadata(&mut image, &tables.inodes);
        let directory_table = image.len() as u64;
        self.add_metadata(&mut image, &tables.listing);
        let fragment = image.len() as u64;
        let tail = blocks[1].len() as u64;
        let at = (start + blocks[0].len()) as u64;
        if self.major > 1 {
            let place_bits = if self.major == 2 { 32 } else { 64 };
            let mut entry = vec![(at, place_bits), (tail, 32)];
            entry.extend((self.major == 3).then_some((0, 32)));
            self.add_metadata(&mut image, &pack(self.endian, &entry));
        }
        let fragment_table = image.len() as u64;
        match self.major {
            1 => &mut image,
            2 => image.u32(u32::try_from(fragment).unwrap()),
            _ => image.u64(fragment),
        };
        let owners = image.len() as u64;
        for user in 100..118 {
            image.u32(user);
        }
        image.u32(50);
        let used = image.len() as u64;
        let places = [used, owners, owners + 72, inode_table, directory_table];
        let head = self.head(places, root, fragment_table);
        image.patch(0, &head);
        image.finish()
    }

    fn head(&self, places: [u64; 5], root: u64, fragment_table: u64) -> Vec<u8> {
        let mut head = Writer::new(self.endian);
        head.bytes(if self.endian == Endian::Little { b"hsqs" } else { b"sqsh" }).u32(100);
        for place in places {
            head.u32(if self.major == 3 { 0 } else { u32::try_from(place).unwrap() });
        }
        head.u16(u16::try_from(self.major).unwrap()).u16(self.minor);
        head.u16(if self.major == 1 { 4096 } else { 0 }).u16(12);
        head.u8(u8::from(self.has_markers) << 2).u8(18).u8(1).u32(1_500_000_000).u64(root);
        if self.major > 1 {
            head.u32(4096).u32(1);
            head.u32(if self.major == 3 { 0 } else { u32::try_from(fragment_table).unwrap() });
        }
        if self.major == 3 {
            for place in places {
                head.u64(place);
            }
            head.u64(fragment_table).u64(u64::MAX);
        }
        head.finish()
    }
}

fn check(old: &Old, compression: &str) -> Vec<u8> {
    let content = sample(BLOCK + 1000, 9);
    let image = old.build(&content);
    let about = format!("{}.{} {:?} {compression}", old.major, old.minor, old.endian);
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert_eq!(tree.problems(), [], "{about}");
    let inside = container(&tree, "squashfs");
    let NodeKind::Container { attributes, unread, .. } = &tree.node(inside).kind else { panic!() };
    assert_eq!(unread, &None, "{about}");
    assert_eq!(attributes["compression"], compression);
    assert_eq!(attributes["version"], format!("{}.{}", old.major, old.minor));
    let node = |path: &str| tree.member(inside, path.as_bytes()).unwrap();
    assert_eq!(tree.bytes(node("/data")).unwrap(), content, "{about}");
    let metadata = &tree.node(node("/data")).metadata;
    assert_eq!((metadata.mode, metadata.user), (Some(0o640), Some(117)), "{about}");
    let group = if old.major == 2 { 50 } else { 117 };
    assert_eq!((metadata.group, metadata.modified), (Some(group), Some(7)), "{about}");
    let kinds = [
        ("/link", EntryKind::Symlink(ByteName::from(&b"data"[..]))),
        ("/pipe", EntryKind::Fifo),
        ("/same", EntryKind::Hardlink(ByteName::from(&b"data"[..]))),
        ("/tty", EntryKind::CharacterDevice { major: 5, minor: 1 }),
    ];
    for (path, kind) in kinds {
        assert_eq!(tree.node(node(path)).kind, NodeKind::Member(kind), "{about}");
    }
    assert_eq!(tree.node(node("/pipe")).metadata.user, Some(117), "{about}");
    image
}

#[test]
fn three_versions_in_both_byte_orders_read_as_the_reference_tool_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    for endian in [Endian::Little, Endian::Big] {
        for major in 1..=3 {
            let image = check(&Old::new(endian, major), "gzip");
            let path = folder.path().join("image");
            fs::write(&path, image).unwrap();
            let to = folder.path().join(format!("{endian:?}-{major}"));
            let arguments = ["-no-progress", "-no-xattrs", "-follow", "-d"];
            let arguments = [&arguments[..], &[to.to_str().unwrap(), path.to_str().unwrap()]];
            // Only what an unprivileged user may write.
            if !run("unsquashfs", &[&arguments.concat()[..], &["/data", "/link"]].concat()) {
                continue;
            }
            assert_eq!(fs::read(to.join("data")).unwrap(), sample(BLOCK + 1000, 9));
            assert_eq!(fs::read_link(to.join("link")).unwrap().to_str(), Some("data"));
        }
    }
}

/// DD-WRT: each block tells its properties in bytes of their own.
fn lzma_fields(bytes: &[u8]) -> Vec<u8> {
    [&[2, 1, 2, 128][..], &lzma_bare(bytes)].concat()
}

#[test]
fn vendors_put_lzma_in_the_place_of_zlib() {
    let bare = "lzma (no header, properties 0x6d, 0 bytes skipped)";
    let cases: [(usize, u16, Encode, Encode, &str); 5] = [
        (1, 0, lzma_bare, lzma_bare, bare),
        (2, 76, lzma_bare, lzma_bare, bare),
        (2, 0, zlib, lzma_without_length, "gzip"),
        (3, 0, lzma_without_length, lzma_without_length, "lzma (header without length)"),
        (3, 1, lzma_fields, lzma_fields, "lzma (a byte for each property)"),
    ];
    for endian in [Endian::Little, Endian::Big] {
        for (major, minor, metadata, data, compression) in cases {
            let old = Old { minor, metadata, data, ..Old::new(endian, major) };
            check(&old, compression);
        }
    }
}

#[test]
fn markers_behind_lengths_are_passed_over() {
    check(&Old { has_markers: true, ..Old::new(Endian::Big, 3) }, "gzip");
}

#[test]
fn damage_never_panics() {
    for major in 1..=3 {
        let image = Old::new(Endian::Big, major).build(&sample(BLOCK + 10, 7));
        assert_survives_damage(&image, SUPERBLOCK[major - 1], 37);
        for position in (image.len() - 300..image.len()).step_by(3) {
            let mut flipped = image.clone();
            flipped[position] ^= 0x41;
            assert_survives_damage(&flipped, 0, image.len());
        }
    }
}
