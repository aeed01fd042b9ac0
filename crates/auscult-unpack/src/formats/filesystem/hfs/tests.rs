//! HFS and HFS Plus: images of the reference tools, our own with what these do not make, damage.

use std::{fs, path::Path};

use auscult_model::Limits;
use auscult_testkit::stream::zlib;

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::{
        hostile::{attribute, locators},
        reference::{assert_same_contents, assert_survives_damage, container, run, sample},
    },
};

const BLOCK: usize = 512;
const NODE: usize = 1024;
/// First blocks of the trees: catalog, extents, attributes; of the data; number of all blocks.
const CATALOG: u32 = 10;
const EXTENTS: u32 = 60;
const ATTRIBUTES: u32 = 70;
const DATA: u32 = 100;
const BLOCKS: usize = 250;

fn be16(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap().to_be_bytes()
}

fn be32(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_be_bytes()
}

/// A node of a tree.
fn node(kind: u8, next: usize, records: &[Vec<u8>]) -> Vec<u8> {
    let mut node = be32(next).to_vec();
    node.extend([0, 0, 0, 0, kind, 1]);
    node.extend(be16(records.len()));
    node.extend([0, 0]);
    let mut ends = vec![node.len()];
    for record in records {
        node.extend(record);
        ends.push(node.len());
    }
    assert!(node.len() + ends.len() * 2 <= NODE);
    node.resize(NODE, 0);
    for (index, end) in ends.iter().enumerate() {
        let at = NODE - 2 * (index + 1);
        node[at..at + 2].copy_from_slice(&be16(*end));
    }
    node
}

/// A tree of these records: a header, then leaves.
fn tree(records: &[Vec<u8>]) -> Vec<u8> {
    let mut leaves: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
    for record in records {
        let used: usize = leaves.last().unwrap().iter().map(|record| record.len() + 2).sum();
        if used + record.len() + 2 > NODE - 16 {
            leaves.push(Vec::new());
        }
        leaves.last_mut().unwrap().push(record.clone());
    }
    let mut head = vec![0; 106];
    head[10..14].copy_from_slice(&be32(1));
    head[18..20].copy_from_slice(&be16(NODE));
    let mut tree = node(1, 0, &[head]);
    for (index, leaf) in (1..).zip(&leaves) {
        let next = if index < leaves.len() { index + 1 } else { 0 };
        tree.extend(node(0xff, next, leaf));
    }
    tree
}

/// A fork: size and extents.
fn fork(size: usize, extents: &[(u32, u32)]) -> Vec<u8> {
    let mut fork = (size as u64).to_be_bytes().to_vec();
    fork.resize(16, 0);
    fork.extend(pairs(extents));
    fork.resize(80, 0);
    fork
}

fn pairs(extents: &[(u32, u32)]) -> Vec<u8> {
    extents
        .iter()
        .flat_map(|&(first, count)| [first.to_be_bytes(), count.to_be_bytes()].concat())
        .collect()
}

/// A file or folder in the catalog.
#[derive(Clone)]
struct Item<'a> {
    parent: u32,
    name: &'a str,
    number: u32,
    is_folder: bool,
    mode: u16,
    flags: u8,
    special: u32,
    kind: &'a [u8],
    data: Vec<u8>,
    resource: Vec<u8>,
}

const ITEM: Item<'static> = Item {
    parent: 2,
    name: "",
    number: 0,
    is_folder: false,
    mode: 0,
    flags: 0,
    special: 0,
    kind: &[],
    data: Vec::new(),
    resource: Vec::new(),
};

impl Item<'_> {
    fn bytes(&self) -> Vec<u8> {
        let units: Vec<u8> = self.name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let mut key = be16(6 + units.len()).to_vec();
        key.extend(self.parent.to_be_bytes());
        key.extend(be16(units.len() / 2));
        key.extend(units);
        let mut record = vec![0; if self.is_folder { 88 } else { 248 }];
        let mut put = |at: usize, bytes: &[u8]| record[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &[0, if self.is_folder { 1 } else { 2 }]);
        put(8, &self.number.to_be_bytes());
        // 2024-02-29T12:00:00Z since 1904.
        put(16, &3_792_052_800_u32.to_be_bytes());
        put(32, &[0, 0, 3, 0xe8, 0, 0, 0, 100, 0, self.flags]);
        put(42, &self.mode.to_be_bytes());
        put(44, &self.special.to_be_bytes());
        put(48, self.kind);
        if !self.is_folder {
            put(88, &self.data);
            put(168, &self.resource);
        }
        [key, record].concat()
    }
}

/// An extended attribute: the value itself, or a fork.
fn attribute_of(number: u32, name: &str, value: Result<&[u8], Vec<u8>>) -> Vec<u8> {
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let mut record = be16(12 + units.len()).to_vec();
    record.extend([0, 0]);
    record.extend(number.to_be_bytes());
    record.extend([0; 4]);
    record.extend(be16(units.len() / 2));
    record.extend(units);
    match value {
        Ok(value) => {
            record.extend([&[0, 0, 0, 0x10][..], &[0; 8], &be32(value.len()), value].concat());
            record.resize(record.len().next_multiple_of(2), 0);
        }
        Err(fork) => record.extend([&[0, 0, 0, 0x20][..], &[0; 4], &fork].concat()),
    }
    record
}

/// The value that marks a packed file.
fn packed(method: u8, size: usize, inline: &[u8]) -> Vec<u8> {
    [&b"fpmc"[..], &[method, 0, 0, 0], &(size as u64).to_le_bytes(), inline].concat()
}

/// A resource fork with blocks of zlib.
fn packed_fork(blocks: &[Vec<u8>]) -> Vec<u8> {
    let count = u32::try_from(blocks.len()).unwrap();
    let mut table = count.to_le_bytes().to_vec();
    let mut at = 4 + 8 * blocks.len();
    for block in blocks {
        table.extend(u32::try_from(at).unwrap().to_le_bytes());
        table.extend(u32::try_from(block.len()).unwrap().to_le_bytes());
        at += block.len();
    }
    table.extend(blocks.concat());
    let mut fork = be32(256).to_vec();
    fork.resize(256, 0);
    fork.extend(be32(table.len()));
    fork.extend(table);
    fork
}

/// Blocks of a file that is packed into its resource fork: one packed, one stored.
fn large_packed() -> (Vec<u8>, Vec<u8>) {
    let mut content = vec![7; 65_536];
    content.extend(sample(300, 4));
    let stored = [&[0xff], &content[65_536..]].concat();
    (packed_fork(&[zlib(&content[..65_536]), stored]), content)
}

fn folders() -> Vec<Vec<u8>> {
    let folder = |parent, name, number| Item { parent, name, number, is_folder: true, ..ITEM };
    [
        folder(1, "The volume", 2),
        Item { mode: 0o040_755, ..folder(2, "folder", 16) },
        folder(2, "\0\0\0\0HFS+ Private Data", 17),
        folder(2, ".HFS+ Private Directory Data\r", 18),
        folder(18, "dir_5", 19),
    ]
    .iter()
    .map(Item::bytes)
    .collect()
}

fn files() -> Vec<Vec<u8>> {
    let (fork_bytes, _) = large_packed();
    let pieces: Vec<_> = (0..8).map(|index| (DATA + 2 * index, 1)).collect();
    let regular = Item { mode: 0o100_644, ..ITEM };
    let file = |name, number, data| Item { name, number, data, ..regular.clone() };
    let compressed =
        |name, number, resource| Item { name, number, flags: 0x20, resource, ..regular.clone() };
    let link = Item { kind: b"hlnkhfs+", special: 77, number: 40, ..regular.clone() };
    [
        Item {
            resource: fork(300, &[(DATA + 30, 1)]),
            ..file("a/b", 30, fork(5, &[(DATA + 20, 1)]))
        },
        file("in pieces", 31, fork(9 * BLOCK + 100, &pieces)),
        Item { parent: 16, name: "link one", ..link.clone() },
        Item { parent: 16, name: "link two", number: 41, ..link.clone() },
        Item { name: "broken link", number: 42, special: 78, ..link },
        Item { parent: 17, special: 2, ..file("iNode77", 32, fork(700, &[(DATA + 40, 2)])) },
        Item { kind: b"fdrpMACS", special: 5, ..file("linked folder", 43, Vec::new()) },
        Item { parent: 19, ..file("inside", 44, fork(6, &[(DATA + 20, 1)])) },
        Item { mode: 0o120_777, ..file("symlink", 45, fork(3, &[(DATA + 21, 1)])) },
        Item { mode: 0o020_600, special: 0x0300_0012, ..file("device", 46, Vec::new()) },
        compressed("inline", 50, Vec::new()),
        compressed("stored", 51, Vec::new()),
        compressed("large", 52, fork(fork_bytes.len(), &[(DATA + 50, 8)])),
        compressed("lzvn", 53, fork(900, &[(DATA + 70, 2)])),
        Item { parent: 999, ..file("nowhere", 60, fork(3, &[(DATA + 20, 1)])) },
        file("cut", 61, fork(2000, &[(DATA + 20, 1)])),
    ]
    .iter()
    .map(Item::bytes)
    .collect()
}

fn attributes() -> Vec<Vec<u8>> {
    let (_, content) = large_packed();
    [
        attribute_of(16, "on a folder", Err(fork(600, &[(DATA + 40, 2)]))),
        attribute_of(30, "com.apple.quarantine", Ok(b"0081;somewhere")),
        attribute_of(50, "com.apple.decmpfs", Ok(&packed(3, 900, &zlib(&sample(900, 3))))),
        attribute_of(51, "com.apple.decmpfs", Ok(&packed(3, 5, b"\xffplain"))),
        attribute_of(52, "com.apple.decmpfs", Ok(&packed(4, content.len(), b""))),
        attribute_of(53, "com.apple.decmpfs", Ok(&packed(8, 5000, b""))),
    ]
    .to_vec()
}

fn image() -> Vec<u8> {
    let mut image = vec![0; BLOCKS * BLOCK];
    let catalog = tree(&[folders(), files()].concat());
    let mut key = vec![0, 10, 0, 0, 0, 0, 0, 31];
    key.extend(8_u32.to_be_bytes());
    let mut more = pairs(&[(DATA + 80, 2)]);
    more.resize(64, 0);
    let extents = tree(&[[key, more].concat()]);
    let attributes = tree(&attributes());
    let mut put = |block: u32, bytes: &[u8]| {
        let at = usize::try_from(block).unwrap() * BLOCK;
        image[at..at + bytes.len()].copy_from_slice(bytes);
    };
    let mut header = b"H+\0\x04\0\0\x21\0".to_vec();
    header.extend(b"test\0\0\0\x05");
    header.extend(3_792_052_800_u32.to_be_bytes());
    header.resize(32, 0);
    header.extend(be32(16));
    header.resize(40, 0);
    header.extend([be32(BLOCK), be32(BLOCKS)].concat());
    header.resize(192, 0);
    let blocks = |bytes: &Vec<u8>| u32::try_from(bytes.len().div_ceil(BLOCK)).unwrap();
    header.extend(fork(extents.len(), &[(EXTENTS, blocks(&extents))]));
    header.extend(fork(catalog.len(), &[(CATALOG, blocks(&catalog))]));
    header.extend(fork(attributes.len(), &[(ATTRIBUTES, blocks(&attributes))]));
    header.resize(512, 0);
    put(2, &header);
    put(CATALOG, &catalog);
    put(EXTENTS, &extents);
    put(ATTRIBUTES, &attributes);
    // The journal in block 5: it starts and ends at different places.
    let mut journal = vec![0; 512];
    journal[36..44].copy_from_slice(&(6 * BLOCK as u64).to_be_bytes());
    put(5, &journal);
    put(6, b"JNLx\x12\x34\x56\x78\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x04\0");
    put(DATA, &sample(20 * BLOCK, 1));
    put(DATA + 20, b"hello!");
    put(DATA + 21, b"a/b");
    put(DATA + 30, &sample(60 * BLOCK, 2));
    put(DATA + 50, &large_packed().0);
    image
}

fn why(tree: &Tree) -> String {
    let told = tree.problems().iter().map(|problem| format!("{}: {}", problem.what, problem.why));
    told.collect::<Vec<_>>().join("\n")
}

fn bytes_of(tree: &Tree, format: &str, path: &str) -> Result<bytes::Bytes, crate::Fault> {
    tree.bytes(tree.member(container(tree, format), path.as_bytes()).expect(path))
}

fn kind_of(tree: &Tree, path: &str) -> EntryKind {
    let member = tree.member(container(tree, "hfsplus"), path.as_bytes()).expect(path);
    let NodeKind::Member(kind) = &tree.node(member).kind else { panic!("{path}") };
    kind.clone()
}

#[test]
fn all_that_a_catalog_can_hold() {
    let tree = Tree::from_bytes(image(), &Limits::default());
    let told = why(&tree);
    for what in [
        "1 files are in no folder",
        "(/broken link): iNode78 is not there",
        "(/cut): its extents have 512 of 2000 bytes",
        "changes wait in the journal",
    ] {
        assert!(told.contains(what), "{what}:\n{told}");
    }
    let bytes = |path: &str| bytes_of(&tree, "hfsplus", path).unwrap();
    assert_eq!(bytes("/a:b"), "hello");
    assert_eq!(bytes("/a:b/..namedfork/rsrc"), sample(60 * BLOCK, 2)[..300]);
    let data = sample(20 * BLOCK, 1);
    let mut pieces: Vec<u8> =
        (0..8).flat_map(|index| data[2 * index * BLOCK..][..BLOCK].to_vec()).collect();
    pieces.extend(&sample(60 * BLOCK, 2)[50 * BLOCK..][..BLOCK + 100]);
    assert_eq!(bytes("/in pieces"), pieces);
    assert_eq!(bytes("/folder/link two"), sample(60 * BLOCK, 2)[10 * BLOCK..][..700]);
    assert_eq!(kind_of(&tree, "/folder/link one"), EntryKind::File);
    for path in ["/folder/link two", "/[HFS+ Private Data]/iNode77"] {
        assert_eq!(kind_of(&tree, path), EntryKind::Hardlink("folder/link one".into()));
    }
    assert_eq!(bytes("/linked folder/inside"), "hello!");
    assert_eq!(kind_of(&tree, "/symlink"), EntryKind::Symlink("a/b".into()));
    let device = EntryKind::CharacterDevice { major: 3, minor: 18 };
    assert_eq!(kind_of(&tree, "/device"), device);
    assert_eq!(bytes("/inline"), sample(900, 3));
    assert_eq!(bytes("/stored"), "plain");
    assert!(bytes("/large") == large_packed().1);
    assert_eq!(bytes("/[lost]/nowhere"), "hel");
    assert!(!locators(&tree).iter().any(|name| name.contains("large/..namedfork")));
    let unread = &tree.coverage().regions_unread;
    assert_eq!((unread.len(), unread[0].bytes), (1, 900));
    assert_eq!(unread[0].reason, "compressed by LZVN");
    let metadata = |path: &str| {
        let member = tree.member(container(&tree, "hfsplus"), path.as_bytes()).unwrap();
        tree.node(member).metadata.clone()
    };
    let about = metadata("/a:b");
    assert_eq!((about.mode, about.user, about.group), (Some(0o644), Some(1000), Some(100)));
    assert_eq!(about.modified, Some(1_709_208_000));
    assert_eq!(about.xattrs, [("com.apple.quarantine".into(), b"0081;somewhere".to_vec())]);
    let long = sample(60 * BLOCK, 2)[10 * BLOCK..][..600].to_vec();
    assert_eq!(metadata("/folder").xattrs, [("on a folder".into(), long)]);
    for (key, value) in
        [("version", "HFS+"), ("label", "The volume"), ("state", "clean"), ("journaled", "yes")]
    {
        assert_eq!(attribute(&tree, "hfsplus", key).as_deref(), Some(value));
    }
}

#[test]
fn damage_is_told_and_never_panics() {
    let image = image();
    // The chain of leaves leads nowhere: the rest is found all the same.
    let leaf = usize::try_from(CATALOG).unwrap() * BLOCK + NODE;
    let mut damaged = image.clone();
    damaged[leaf + 3] = 99;
    let tree = Tree::from_bytes(damaged, &Limits::default());
    assert!(why(&tree).contains("there is no node 99"));
    assert!(bytes_of(&tree, "hfsplus", "/inline").is_ok());
    assert_survives_damage(&image, 0, 499);
    for position in (1024..image.len()).step_by(7).filter(|&at| image[at] != 0) {
        let mut damaged = image.clone();
        damaged[position] ^= [1, 0x80, 0xff][position % 3];
        let tree = Tree::from_bytes(damaged, &Limits::default());
        for (id, _) in tree.nodes().filter(|(_, node)| node.is_file() && node.len() < 1 << 20) {
            drop(tree.bytes(id));
        }
    }
}

/// Runs one of the tools that remember the mounted volume in a file of the home folder.
fn run_at(home: &Path, tool: &str, arguments: &[&str]) {
    let home = format!("HOME={}", home.to_str().unwrap());
    assert!(run("env", &[&[home.as_str(), tool], arguments].concat()));
}

#[test]
fn an_image_of_the_reference_tools_of_hfs() {
    if !run("hformat", &["--version"]) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let path = |name: &str| home.join(name).to_str().unwrap().to_owned();
    fs::write(path("image"), vec![0; 3 << 20]).unwrap();
    run_at(home, "hformat", &["-l", "A Volume", &path("image")]);
    run_at(home, "hmkdir", &[":Folder"]);
    for index in 0..120_u32 {
        fs::write(path("file"), sample(usize::try_from(index).unwrap() * 50, index)).unwrap();
        run_at(home, "hcopy", &["-r", &path("file"), &format!(":Folder:file number {index}")]);
    }
    // Every second one goes, so that a large one comes in pieces.
    for index in (0..120).step_by(2) {
        run_at(home, "hdel", &[&format!(":Folder:file number {index}")]);
    }
    // MacBinary II: a head of 128 bytes, then both forks, filled up.
    let mut both = vec![0; 128];
    both[1..6].copy_from_slice(b"\x04Both");
    both[65..73].copy_from_slice(b"TEXTttxt");
    both[83..91].copy_from_slice(&[be32(4), be32(300)].concat());
    both[122..124].fill(129);
    let crc = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM).checksum(&both[..124]);
    both[124..126].copy_from_slice(&crc.to_be_bytes());
    both.extend(b"data");
    both.resize(256, 0);
    both.extend(sample(300, 9));
    both.resize(640, 0);
    fs::write(path("both"), both).unwrap();
    run_at(home, "hcopy", &["-m", &path("both"), ":"]);
    fs::write(path("large"), sample(2_500_000, 7)).unwrap();
    run_at(home, "hcopy", &["-r", &path("large"), ":large"]);
    run_at(home, "humount", &[]);
    let image = fs::read(path("image")).unwrap();
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert_eq!(why(&tree), "");
    let bytes = |path: &str| bytes_of(&tree, "hfs", path).unwrap();
    for index in (1..120_u32).step_by(2) {
        let content = sample(usize::try_from(index).unwrap() * 50, index);
        assert!(bytes(&format!("/Folder/file number {index}")) == content);
    }
    assert!(bytes("/large") == sample(2_500_000, 7));
    assert_eq!(bytes("/Both"), "data");
    assert_eq!(bytes("/Both/..namedfork/rsrc"), sample(300, 9));
    assert_eq!(attribute(&tree, "hfs", "label").as_deref(), Some("A Volume"));
    assert_eq!(tree.coverage().bytes_unread, 0);
    assert_survives_damage(&image[..200_000], 0, 4999);
}

#[test]
fn hybrid_discs_of_the_reference_tools() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("folder/deep")).unwrap();
    for index in 0..90_u32 {
        let name = format!("folder/a rather long name of file number {index}");
        fs::write(root.join(name), sample(usize::try_from(index).unwrap() * 99, index)).unwrap();
    }
    fs::write(root.join("folder/deep/file"), b"deep").unwrap();
    let image = folder.path().join("image");
    let names = ["-quiet", "-o", image.to_str().unwrap(), root.to_str().unwrap()];
    if run("xorriso", &[&["-as", "mkisofs", "-hfsplus"][..], &names].concat()) {
        let bytes = fs::read(&image).unwrap();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let found = locators(&tree);
        let inside = "image@0x0/iso9660:/[boot]/partition3.img@0x0/hfsplus:/folder/deep/file";
        assert!(found.contains(&inside.to_owned()), "{found:?}");
        // Without the other file system it is a disk with partitions.
        let mut disk = bytes;
        disk[32_769..32_774].fill(0);
        let tree = assert_same_contents(disk, "hfsplus", &root);
        assert!(attribute(&tree, "apm", "partitions").unwrap().contains("3: Apple_HFS"));
    }
    // The other tool fails at many files.
    fs::remove_dir_all(root.join("folder")).unwrap();
    fs::create_dir_all(root.join("folder/deep")).unwrap();
    fs::write(root.join("folder/deep/file"), b"deep").unwrap();
    if run("genisoimage", &[&["-hfs"][..], &names].concat()) {
        let mut bytes = fs::read(&image).unwrap();
        bytes[32_769..32_774].fill(0);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(why(&tree), "");
        assert_eq!(bytes_of(&tree, "hfs", "/folder/deep/file").unwrap(), "deep");
    }
}

#[test]
fn hfs_plus_in_a_shell_of_hfs() {
    let inner = image();
    // Allocation blocks of 512 bytes from sector 4 on, the volume from the second one on.
    let mut shell = vec![0; 1024];
    shell.extend(b"BD");
    shell.resize(1024 + 14, 0);
    shell.extend(be16(3));
    shell.resize(1024 + 18, 0);
    shell.extend([&be16(BLOCKS + 2)[..], &be32(512)].concat());
    shell.resize(1024 + 28, 0);
    shell.extend(be16(4));
    shell.resize(1024 + 36, 0);
    shell.extend(b"\x05shell");
    shell.resize(1024 + 124, 0);
    shell.extend([&b"H+"[..], &be16(1), &be16(BLOCKS)].concat());
    shell.resize(5 * 512, 0);
    shell.extend(inner);
    shell.resize(shell.len() + 3 * 512, 0);
    let tree = Tree::from_bytes(shell.clone(), &Limits::default());
    assert_eq!(bytes_of(&tree, "hfsplus", "/linked folder/inside").unwrap(), "hello!");
    let found = locators(&tree);
    assert!(found.contains(&"image@0x0/hfs:/embedded@0x0/hfsplus".to_owned()), "{found:?}");
    assert_eq!(attribute(&tree, "hfs", "label").as_deref(), Some("shell"));
    assert_eq!(tree.node(container(&tree, "hfs")).len(), shell.len() as u64);
}
