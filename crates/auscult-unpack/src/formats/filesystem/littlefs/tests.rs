//! littlefs: images made by the specifications of both versions, and damaged ones. No tool of
//! Debian writes them.

use auscult_model::{ByteName, Limits};
use auscult_testkit::{Endian, Writer};

use crate::{
    EntryKind, NodeKind, Tree,
    checksum::Crc32,
    formats::testing::{
        hostile::attribute,
        reference::{assert_survives_damage, container, sample},
    },
};

const BLOCK: usize = 512;
const BLOCKS: usize = 64;

fn word(number: usize) -> u32 {
    u32::try_from(number).unwrap()
}

/// Fills blocks with files and metadata.
struct Flash {
    image: Vec<u8>,
    next: usize,
}

impl Flash {
    fn new() -> Self {
        // The first two blocks are the superblock's.
        Self { image: vec![0xff; BLOCK * BLOCKS], next: 2 }
    }

    fn put(&mut self, block: usize, bytes: &[u8]) {
        assert!(bytes.len() <= BLOCK, "{} bytes", bytes.len());
        self.image[block * BLOCK..][..BLOCK].fill(0xff);
        self.image[block * BLOCK..][..bytes.len()].copy_from_slice(bytes);
    }

    fn pair(&mut self) -> [usize; 2] {
        self.next += 2;
        [self.next - 2, self.next - 1]
    }

    /// Writes a file as a list of blocks, each with the numbers of earlier ones; returns the last.
    fn file(&mut self, content: &[u8]) -> usize {
        let (mut written, mut rest) = (Vec::new(), content);
        while !rest.is_empty() {
            let index = written.len();
            let mut block = Writer::new(Endian::Little);
            if index > 0 {
                for power in 0..=index.trailing_zeros() {
                    block.u32(word(written[index - (1 << power)]));
                }
            }
            let (data, behind) = rest.split_at(rest.len().min(BLOCK - block.len()));
            block.bytes(data);
            rest = behind;
            // Not in a row.
            let place = self.next + usize::from(index % 2 == 0);
            if index % 2 == 1 {
                self.next += 2;
            }
            self.put(place, block.as_slice());
            written.push(place);
        }
        self.next += 2;
        written[written.len() - 1]
    }
}

/// Writes a metadata block of version 2.
struct Log {
    bytes: Vec<u8>,
    previous: u32,
    commit: usize,
}

impl Log {
    fn new(revision: u32) -> Self {
        Self { bytes: revision.to_le_bytes().to_vec(), previous: u32::MAX, commit: 0 }
    }

    fn tag(&mut self, kind: u32, id: usize, data: &[u8]) -> &mut Self {
        self.tag_of(kind << 20 | word(id) << 10 | word(data.len()), data)
    }

    fn tag_of(&mut self, tag: u32, data: &[u8]) -> &mut Self {
        // The valid bit may be expected to be set; it is clear in the tag itself.
        self.bytes.extend((tag ^ self.previous).to_be_bytes());
        self.previous = tag;
        self.bytes.extend(data);
        self
    }

    /// Ends a commit, with padding; the bit says how valid tags of the next one look.
    fn end(&mut self, bit: u32) -> &mut Self {
        let tag = (0x500 | bit) << 20 | 0x3ff << 10 | 8;
        self.bytes.extend((tag ^ self.previous).to_be_bytes());
        let checksum = !Crc32::of(&self.bytes[self.commit..]);
        self.bytes.extend(checksum.to_le_bytes());
        self.bytes.extend([0xff; 4]);
        self.previous = tag ^ bit << 31;
        self.commit = self.bytes.len();
        self
    }

    fn name(&mut self, kind: u32, id: usize, name: &str) -> &mut Self {
        self.tag(0x401, id, b"").tag(kind, id, name.as_bytes())
    }
}

fn numbers(numbers: &[usize]) -> Vec<u8> {
    numbers.iter().flat_map(|&number| word(number).to_le_bytes()).collect()
}

fn contents() -> [Vec<u8>; 3] {
    [sample(6 * BLOCK, 3), sample(600, 4), sample(40, 5)]
}

/// A root directory in two pairs, a folder, files of every kind, a move that was not finished.
fn second() -> Vec<u8> {
    let [large, medium, small] = contents();
    let mut flash = Flash::new();
    let (more, folder, old_root) = (flash.pair(), flash.pair(), flash.pair());
    let (large_head, medium_head) = (flash.file(&large), flash.file(&medium));
    let superblock = numbers(&[0x0002_0001, BLOCK, BLOCKS, 255, 0x7fff_ffff, 1022]);
    let mut root = Log::new(6);
    root.tag(0x0ff, 0, b"littlefs").tag(0x201, 0, &superblock);
    root.name(0x002, 1, "folder").tag(0x200, 1, &numbers(&folder)).end(1);
    // Later commits: a name before the others, and one that is removed again.
    root.name(0x001, 1, "a-small").tag(0x201, 1, &small).tag(0x374, 1, &numbers(&[99])).end(0);
    root.name(0x001, 3, "gone").tag(0x201, 3, b"gone").end(1).tag(0x4ff, 3, b"").end(0);
    root.tag(0x601, 0x3ff, &numbers(&more)).tag(0x350, 1, b"note").end(1);
    let moving = 0x4ff << 20 | 1 << 10;
    let state = [moving, more[0], more[1]];
    root.tag(0x7ff, 0x3ff, &numbers(&state)).end(0);
    // Written but not ended: does not count.
    root.name(0x001, 0, "unfinished").tag(0x201, 0, b"x");
    flash.put(1, &root.bytes);
    let mut older = Log::new(5);
    older.tag(0x0ff, 0, b"littlefs").tag(0x201, 0, &superblock).end(1);
    flash.put(0, &older.bytes);
    // The revision wraps around: zero is newer than the highest.
    let mut next = Log::new(0);
    next.name(0x001, 0, "large").tag(0x202, 0, &numbers(&[large_head, large.len()]));
    next.name(0x001, 1, "moved").tag(0x201, 1, b"moved").tag(0x600, 0x3ff, &numbers(&folder));
    flash.put(more[1], &next.end(1).bytes);
    let mut stale = Log::new(u32::MAX);
    flash.put(more[0], &stale.name(0x001, 0, "stale").tag(0x201, 0, b"stale").end(1).bytes);
    let mut inner = Log::new(1);
    inner.name(0x001, 0, "medium").tag(0x201, 0, b"inline first").end(1);
    inner.tag(0x202, 0, &numbers(&[medium_head, medium.len()]));
    inner.name(0x001, 1, "moved").tag(0x201, 1, b"moved").end(1);
    flash.put(folder[0], &inner.bytes);
    flash.put(old_root[0], b"left over");
    flash.image
}

fn check_common(tree: &Tree) {
    assert_eq!(tree.problems(), []);
    let [large, medium, _] = contents();
    let inside = container(tree, "littlefs");
    let bytes = |path: &str| tree.bytes(tree.member(inside, path.as_bytes()).unwrap()).unwrap();
    assert!(bytes("/large") == large);
    assert!(bytes("/folder/medium") == medium);
    let folder = tree.node(tree.member(inside, b"/folder").unwrap());
    assert_eq!(folder.kind, NodeKind::Member(EntryKind::Directory));
    assert_eq!(attribute(tree, "littlefs", "block-size").as_deref(), Some("512"));
    assert_eq!(tree.coverage().bytes_read, (BLOCK * BLOCKS) as u64);
}

#[test]
fn commits_of_version_2_are_applied_in_order() {
    let tree = Tree::from_bytes(second(), &Limits::default());
    check_common(&tree);
    let inside = container(&tree, "littlefs");
    let names: Vec<_> =
        tree.members_under(inside, b"/").map(|(path, _)| path.to_string()).collect();
    let expected = ["/", "/a-small", "/folder", "/folder/medium", "/folder/moved", "/large"];
    assert_eq!(names, expected);
    let small = tree.member(inside, b"/a-small").unwrap();
    assert!(tree.bytes(small).unwrap() == contents()[2]);
    let metadata = &tree.node(small).metadata;
    assert_eq!(metadata.modified, Some(99));
    let note = (ByteName::from(&b"attribute-0x50"[..]), b"note".to_vec());
    assert!(metadata.xattrs.contains(&note));
    let moved = tree.member(inside, b"/folder/moved").unwrap();
    assert_eq!(tree.bytes(moved).unwrap(), "moved");
    assert_eq!(attribute(&tree, "littlefs", "version").as_deref(), Some("2.1"));
}

/// An entry of version 1.
fn entry(kind: u8, fields: &[usize], name: &str) -> Vec<u8> {
    let fields = numbers(fields);
    let lengths = [kind, u8::try_from(fields.len()).unwrap(), 2, u8::try_from(name.len()).unwrap()];
    [&lengths[..], &fields, b"at", name.as_bytes()].concat()
}

/// A metadata block of version 1.
fn block(revision: u32, goes_on: bool, tail: [usize; 2], entries: &[Vec<u8>]) -> Vec<u8> {
    let entries = entries.concat();
    let size = word(16 + entries.len() + 4) | u32::from(goes_on) << 31;
    let mut block = Writer::new(Endian::Little);
    block.u32(revision).u32(size).u32(word(tail[0])).u32(word(tail[1])).bytes(&entries);
    let checksum = !Crc32::of(block.as_slice());
    block.u32(checksum);
    block.finish()
}

fn first() -> Vec<u8> {
    const NONE: [usize; 2] = [0xffff_ffff; 2];
    let [large, medium, small] = contents();
    let mut flash = Flash::new();
    let (root, more, folder) = (flash.pair(), flash.pair(), flash.pair());
    let mut file = |content: &[u8]| vec![flash.file(content), content.len()];
    let (large, medium, small) = (file(&large), file(&medium), file(&small));
    let mut head = entry(0x2e, &[root[0], root[1], BLOCK, BLOCKS, 0x0001_0007], "littlefs");
    // The superblock has no attributes.
    head[2] = 0;
    head.drain(24..26);
    let superblock = block(1, false, root, &[head]);
    flash.put(0, &superblock);
    flash.put(1, &superblock);
    // Being moved to the folder, where it is already.
    let leaving = entry(0x11 | 0x80, &small, "moved");
    let of_folder = entry(0x22, &folder, "folder");
    flash.put(root[0], &block(3, true, more, &[of_folder.clone(), leaving]));
    flash.put(root[1], &block(2, false, NONE, &[of_folder, entry(0x11, &medium, "stale")]));
    // Being moved, but not there yet.
    let staying = entry(0x11 | 0x80, &large, "large");
    flash.put(more[0], &block(1, false, folder, &[staying]));
    let inner = [entry(0x11, &medium, "medium"), entry(0x11, &small, "moved")];
    flash.put(folder[1], &block(7, false, NONE, &inner));
    flash.image
}

#[test]
fn version_1_in_the_newer_block_of_each_pair() {
    let tree = Tree::from_bytes(first(), &Limits::default());
    check_common(&tree);
    let inside = container(&tree, "littlefs");
    let names: Vec<_> =
        tree.members_under(inside, b"/").map(|(path, _)| path.to_string()).collect();
    assert_eq!(names, ["/", "/folder", "/folder/medium", "/folder/moved", "/large"]);
    assert_eq!(attribute(&tree, "littlefs", "version").as_deref(), Some("1.7"));
}

#[test]
fn a_broken_pair_costs_its_directory() {
    let mut image = second();
    let folder = image.windows(6).position(|bytes| bytes == b"medium").unwrap();
    image[folder] ^= 1;
    let tree = Tree::from_bytes(image, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("neither block")));
    let inside = container(&tree, "littlefs");
    assert!(tree.member(inside, b"/large").is_some());
    assert!(tree.member(inside, b"/folder").is_some());
}

#[test]
fn damage_never_panics() {
    for image in [first(), second()] {
        assert_survives_damage(&image, 0, 997);
        for position in (0..8 * BLOCK).step_by(3) {
            let mut flipped = image.clone();
            flipped[position] ^= 0x11;
            assert_survives_damage(&flipped, 0, image.len());
        }
    }
}
