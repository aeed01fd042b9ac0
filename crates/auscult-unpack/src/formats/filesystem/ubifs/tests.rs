//! UBIFS: images of the reference tool and of our own with a journal, and damaged ones.

use std::{fs, path::Path};

use auscult_model::{ByteName, Limits};
use auscult_testkit::{Endian, Writer};

use crate::{
    EntryKind, NodeKind, Tree,
    checksum::Crc32,
    formats::testing::{
        hostile::attribute,
        reference::{assert_same, assert_survives_damage, container, make_directory, run, sample},
    },
};

const BLOCK: usize = 15 << 10;
const BLOCKS: usize = 17;
/// Where the parts are: leaves, index, and two blocks of the journal.
const LEAVES: usize = 9;
const INDEX: usize = 10;
const BUD: usize = 11;

fn key(inode: u32, kind: u32, rest: u32) -> [u32; 2] {
    [inode, kind << 29 | rest]
}

/// Writes nodes into the blocks of an image.
struct Builder {
    image: Vec<u8>,
    /// Next free byte of each block.
    ends: [usize; BLOCKS],
    sequence: u64,
    branches: Vec<(u32, u32, u32, [u32; 2])>,
}

impl Builder {
    fn new() -> Self {
        let image = vec![0xff; BLOCK * BLOCKS];
        Self { image, ends: [0; BLOCKS], sequence: 0, branches: Vec::new() }
    }

    /// Adds a node and returns its place.
    fn node(&mut self, block: usize, kind: u8, group: u8, body: &[u8]) -> (u32, u32, u32) {
        self.sequence += 1;
        let length = u32::try_from(24 + body.len()).unwrap();
        let mut signed = Writer::new(Endian::Little);
        signed.u64(self.sequence).u32(length).u8(kind).u8(group).u16(0).bytes(body);
        let mut node = Writer::new(Endian::Little);
        node.u32(0x0610_1831).u32(!Crc32::of(signed.as_slice())).bytes(signed.as_slice());
        let offset = self.ends[block];
        let at = block * BLOCK + offset;
        self.image[at..at + node.len()].copy_from_slice(node.as_slice());
        self.ends[block] = (offset + node.len()).next_multiple_of(8);
        (u32::try_from(block).unwrap(), u32::try_from(offset).unwrap(), length)
    }

    /// Adds a node with a key; in the block of leaves it gets a branch in the index.
    fn leaf(&mut self, block: usize, key: [u32; 2], group: u8, body: &[u8]) {
        let mut whole = Writer::new(Endian::Little);
        whole.u32(key[0]).u32(key[1]).u64(0).bytes(body);
        let kind = u8::try_from(key[1] >> 29).unwrap();
        let (block, offset, length) = self.node(block, kind, group, whole.as_slice());
        if usize::try_from(block).unwrap() == LEAVES {
            self.branches.push((block, offset, length, key));
        }
    }

    fn inode(&mut self, block: usize, number: u32, links: u32, mode: u32, size: u64, data: &[u8]) {
        let mut body = Writer::new(Endian::Little);
        body.u64(1).u64(size).u64(7).u64(8).u64(9).u32(0).u32(0).u32(0);
        body.u32(links).u32(10).u32(20).u32(mode).u32(0);
        body.u32(u32::try_from(data.len()).unwrap()).fill(0, 44).bytes(data);
        self.leaf(block, key(number, 0, 0), 0, body.as_slice());
    }

    fn name(&mut self, block: usize, kind: u32, host: u32, name: &str, target: u64) {
        let mut body = Writer::new(Endian::Little);
        body.u64(target).u8(0).u8(0).u16(u16::try_from(name.len()).unwrap()).u32(0);
        body.bytes(name.as_bytes()).u8(0);
        self.leaf(block, key(host, kind, Crc32::of(name.as_bytes()) >> 3), 0, body.as_slice());
    }

    fn data(&mut self, block: usize, inode: u32, number: u32, data: &[u8], group: u8) {
        let mut body = Writer::new(Endian::Little);
        body.u32(u32::try_from(data.len()).unwrap()).u16(0).u16(0).bytes(data);
        self.leaf(block, key(inode, 1, number), group, body.as_slice());
    }

    fn truncation(&mut self, block: usize, inode: u32, old: u64, new: u64) {
        let mut body = Writer::new(Endian::Little);
        body.u32(inode).fill(0, 12).u64(old).u64(new);
        self.node(block, 4, 0, body.as_slice());
    }

    /// Adds an index of two levels over the leaves; returns the place of its root.
    fn index(&mut self) -> (u32, u32, u32) {
        let mut leaves = std::mem::take(&mut self.branches);
        leaves.sort_by_key(|&(.., key)| key);
        let mut upper = Vec::new();
        for group in leaves.chunks(5) {
            let (block, offset, length) = self.index_node(0, group);
            upper.push((block, offset, length, group[0].3));
        }
        self.index_node(1, &upper)
    }

    fn index_node(
        &mut self,
        level: u16,
        branches: &[(u32, u32, u32, [u32; 2])],
    ) -> (u32, u32, u32) {
        let mut body = Writer::new(Endian::Little);
        body.u16(u16::try_from(branches.len()).unwrap()).u16(level);
        for &(block, offset, length, [low, high]) in branches {
            body.u32(block).u32(offset).u32(length).u32(low).u32(high);
        }
        self.node(INDEX, 9, 0, body.as_slice())
    }

    fn head(&mut self, root: (u32, u32, u32), commit: u64) {
        let mut superblock = Writer::new(Endian::Little);
        let word = |number: usize| u32::try_from(number).unwrap();
        superblock.u16(0).u8(0).u8(0).u32(0).u32(8).u32(word(BLOCK)).u32(word(BLOCKS)).u32(100);
        superblock.u64(0).u32(2).u32(2).u32(1).u32(1).u32(8).u32(0).u32(4).u16(2).fill(7, 38);
        superblock.pad_to(4096 - 24, 0);
        self.node(0, 6, 0, superblock.as_slice());
        for block in [1, 2, 1] {
            let mut master = Writer::new(Endian::Little);
            master.u64(100).u64(commit).u32(1).u32(3).u32(root.0).u32(root.1).u32(root.2);
            master.pad_to(512 - 24, 0);
            self.node(block, 7, 0, master.as_slice());
        }
        let mut start = Writer::new(Endian::Little);
        self.node(3, 10, 0, start.u64(commit).as_slice());
    }

    fn reference(&mut self, block: usize, offset: usize) {
        let mut body = Writer::new(Endian::Little);
        let word = |number: usize| u32::try_from(number).unwrap();
        body.u32(word(block)).u32(word(offset)).u32(1).fill(0, 28);
        self.node(3, 8, 0, body.as_slice());
    }
}

/// An image with what the index knows, and what was written after the commit.
fn journaled() -> Vec<u8> {
    let mut image = Builder::new();
    image.inode(LEAVES, 1, 3, 0o40_755, 0, b"");
    for (name, inode) in [("kept", 2), ("gone", 3), ("link", 4), ("null", 5), ("same", 2)] {
        image.name(LEAVES, 2, 1, name, inode);
    }
    image.inode(LEAVES, 2, 2, 0o100_640, 9000, b"");
    image.data(LEAVES, 2, 0, &[b'a'; 4096], 0);
    image.data(LEAVES, 2, 2, &[b'c'; 700], 0);
    image.name(LEAVES, 3, 2, "user.note", 6);
    image.inode(LEAVES, 3, 1, 0o100_600, 3, b"");
    image.data(LEAVES, 3, 0, b"old", 0);
    image.inode(LEAVES, 4, 1, 0o120_777, 4, b"kept");
    image.inode(LEAVES, 5, 1, 0o20_666, 0, &[5, 1, 0, 0]);
    image.inode(LEAVES, 6, 1, 0o100_777, 5, b"hello");
    let root = image.index();
    // From before the commit: not to be replayed.
    image.name(BUD, 2, 1, "stale", 2);
    let journal = image.ends[BUD];
    image.head(root, 4);
    image.reference(BUD, journal);
    image.data(BUD, 2, 1, &[b'B'; 4096], 0);
    image.name(BUD, 2, 1, "gone", 0);
    image.inode(BUD, 3, 0, 0o100_600, 3, b"");
    image.name(BUD, 2, 1, "fresh", 7);
    image.inode(BUD, 7, 1, 0o100_644, 0, b"");
    // Its size did not reach the flash.
    image.data(BUD, 7, 0, b"written last", 0);
    image.truncation(BUD, 2, 9000, 8190);
    image.inode(BUD, 2, 2, 0o100_640, 8190, b"");
    // A group without its end.
    image.data(BUD, 2, 0, &[b'Z'; 100], 1);
    image.image
}

#[test]
fn the_journal_is_replayed_over_the_index() {
    let tree = Tree::from_bytes(journaled(), &Limits::default());
    assert_eq!(tree.problems(), []);
    assert_eq!(attribute(&tree, "ubifs", "compression").as_deref(), Some("zlib"));
    assert_eq!(attribute(&tree, "ubifs", "state").as_deref(), Some("not unmounted cleanly"));
    let inside = container(&tree, "ubifs");
    let names: Vec<_> =
        tree.members_under(inside, b"/").map(|(path, _)| path.to_string()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    let node = |path: &str| tree.member(inside, path.as_bytes()).unwrap();
    let mut expected = [vec![b'a'; 4096], vec![b'B'; 4096]].concat();
    expected.truncate(8190);
    assert_eq!(tree.bytes(node("/kept")).unwrap(), expected);
    assert_eq!(tree.bytes(node("/fresh")).unwrap(), "written last");
    let metadata = &tree.node(node("/kept")).metadata;
    assert_eq!((metadata.user, metadata.group, metadata.modified), (Some(10), Some(20), Some(9)));
    assert_eq!(metadata.xattrs, [(ByteName::from(&b"user.note"[..]), b"hello".to_vec())]);
    let kinds = [
        ("/link", EntryKind::Symlink(ByteName::from(&b"kept"[..]))),
        ("/same", EntryKind::Hardlink(ByteName::from(&b"kept"[..]))),
        ("/null", EntryKind::CharacterDevice { major: 1, minor: 5 }),
    ];
    for (path, kind) in kinds {
        assert_eq!(tree.node(node(path)).kind, NodeKind::Member(kind));
    }
}

#[test]
fn a_broken_index_does_not_hide_the_files() {
    let mut image = journaled();
    image[INDEX * BLOCK + 60] ^= 1;
    let tree = Tree::from_bytes(image, &Limits::default());
    let problems = tree.problems();
    assert!(problems.iter().any(|problem| problem.why.contains("deleted files may come back")));
    let inside = container(&tree, "ubifs");
    let fresh = tree.member(inside, b"/fresh").unwrap();
    assert!(tree.member(inside, b"/gone").is_none());
    // Nothing tells here that power was lost, so the size that was written holds.
    assert_eq!(tree.bytes(fresh).unwrap(), "");
    let kept = tree.bytes(tree.member(inside, b"/kept").unwrap()).unwrap();
    assert_eq!(kept.len(), 8190);
    let mut image = journaled();
    let root = image.windows(24).position(|bytes| bytes[16] == 160 && bytes[20] == 0).unwrap();
    image[root + 8] ^= 1;
    image[INDEX * BLOCK + 60] ^= 1;
    let tree = Tree::from_bytes(image, &Limits::default());
    assert!(tree.member(container(&tree, "ubifs"), b"/kept").is_some(), "names without an inode");
}

#[test]
fn damage_never_panics() {
    let image = journaled();
    assert_survives_damage(&image, 160, 12_345);
    for block in [1, 2, 3, LEAVES, INDEX, BUD] {
        for offset in (0..900).step_by(7) {
            let mut flipped = image.clone();
            flipped[block * BLOCK + offset] ^= 0x24;
            assert_survives_damage(&flipped, 0, image.len());
        }
    }
}

fn make(root: &Path, image: &Path, options: &[&str]) -> bool {
    drop(fs::remove_file(image));
    let (root, image) = (root.to_str().unwrap(), image.to_str().unwrap());
    run("mkfs.ubifs", &[&["-r", root, "-o", image][..], options].concat())
}

#[test]
fn images_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let (root, image) = (folder.path().join("root"), folder.path().join("image"));
    make_directory(&root);
    let cases: [&[&str]; 5] = [
        &["-m", "2048", "-e", "126976", "-c", "500", "-x", "none"],
        &["-m", "2048", "-e", "126976", "-c", "500", "-x", "lzo", "-F"],
        &["-m", "1", "-e", "65408", "-c", "500", "-x", "zlib", "-f", "16"],
        &["-m", "512", "-e", "15872", "-c", "900", "-x", "zstd", "-k", "test"],
        &["-m", "4096", "-e", "253952", "-c", "500", "-x", "favor_lzo"],
    ];
    for options in cases {
        if !make(&root, &image, options) {
            return;
        }
        let tree = assert_same(fs::read(&image).unwrap(), "ubifs", &root);
        let same = tree.member(container(&tree, "ubifs"), b"/large").unwrap();
        let link = EntryKind::Hardlink(ByteName::from(&b"etc/same"[..]));
        assert_eq!(tree.node(same).kind, NodeKind::Member(link));
        assert_eq!(tree.coverage().bytes_unread, 0);
    }
}

#[test]
fn a_file_system_in_a_volume_of_the_reference_tools() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let root = folder.path().join("root");
    make_directory(&root);
    let options = ["-m", "2048", "-e", "126976", "-c", "500"];
    if !make(&root, &folder.path().join("image"), &options) {
        return;
    }
    let plan = format!(
        "[one]\nmode=ubi\nimage={}\nvol_id=0\nvol_type=dynamic\nvol_name=root\nvol_size=40MiB\n\
         vol_flags=autoresize\n",
        path("image")
    );
    fs::write(path("plan"), plan).unwrap();
    let arguments = ["-o", &path("ubi"), "-m", "2048", "-p", "128KiB", &path("plan")];
    if run("ubinize", &arguments) {
        assert_same(fs::read(path("ubi")).unwrap(), "ubifs", &root);
    }
}

#[test]
fn encrypted_files_are_named_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let (root, image) = (folder.path().join("root"), folder.path().join("image"));
    fs::create_dir_all(root.join("inner")).unwrap();
    fs::write(root.join("inner/secret"), sample(10_000, 3)).unwrap();
    let key = folder.path().join("key");
    fs::write(&key, sample(64, 5)).unwrap();
    let options = ["-m", "2048", "-e", "126976", "-c", "500", "-C", "AES-256-XTS"];
    let keys = ["-b", "0123456789abcdef", "-K", key.to_str().unwrap()];
    if !make(&root, &image, &[&options[..], &keys].concat()) {
        return;
    }
    let tree = Tree::from_bytes(fs::read(&image).unwrap(), &Limits::default());
    assert_eq!(tree.problems(), []);
    assert!(attribute(&tree, "ubifs", "encryption").is_some());
    let unread = &tree.coverage().regions_unread;
    assert_eq!((unread.len(), unread[0].reason.as_str()), (1, "encrypted (fscrypt)"));
    assert!(unread[0].bytes >= 10_000);
}
