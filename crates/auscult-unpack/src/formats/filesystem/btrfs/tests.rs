//! btrfs: images of the reference tool, packed extents made from them, and damaged ones.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

use auscult_model::Limits;
use auscult_testkit::stream;

use crate::{
    NodeKind, Tree,
    checksum::crc32c_seeded,
    formats::testing::reference::{assert_same, container, make_directory, run, sample},
};

/// Bytes of a node, as the tool makes them where nobody tells.
const NODE: usize = 16_384;

fn make(root: &Path, options: &[&str]) -> Option<Vec<u8>> {
    make_of(128 << 20, root, options)
}

fn make_of(bytes: u64, root: &Path, options: &[&str]) -> Option<Vec<u8>> {
    let image = root.with_extension("image");
    File::create(&image).unwrap().set_len(bytes).unwrap();
    let (root, path) = (root.to_str().unwrap(), image.to_str().unwrap());
    let made = run("mkfs.btrfs", &[options, &["-q", "-f", "--rootdir", root, path]].concat());
    made.then(|| fs::read(&image).unwrap())
}

fn read(image: Vec<u8>) -> Tree {
    Tree::from_bytes(image, &Limits::default())
}

/// Whether the installed tool knows a word.
fn knows(word: &str) -> bool {
    let help = Command::new("mkfs.btrfs").arg("--help").output();
    help.is_ok_and(|help| {
        [help.stdout, help.stderr].concat().windows(word.len()).any(|part| part == word.as_bytes())
    })
}

#[test]
fn images_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let mut cases: Vec<&[&str]> = vec![
        &["-L", "the label"],
        &["--csum", "xxhash", "-m", "single"],
        &["--csum", "sha256", "-n", "4096"],
        &["--csum", "blake2", "-n", "65536", "-O", "^no-holes"],
        &["--mixed", "-n", "4096"],
    ];
    if knows("--compress") {
        cases.extend([
            &["--compress", "zlib"][..],
            &["--compress", "lzo"],
            &["--compress", "zstd:9"],
            &["--subvol", "etc", "--subvol", "rw:many"],
        ]);
    }
    for options in cases {
        println!("{options:?}");
        let Some(image) = make(&root, options) else { return };
        let length = image.len() as u64;
        let tree = assert_same(image, "btrfs", &root);
        assert_eq!(tree.node(container(&tree, "btrfs")).len(), length);
        assert_eq!(tree.coverage().bytes_unread, 0);
    }
}

/// Changes the item of an extent of a file with this size of unpacked bytes, as `change` says, and
/// signs its node anew.
fn change_extent(image: &mut [u8], kind: u8, unpacked: u64, change: impl Fn(&mut [u8])) {
    let head = [&unpacked.to_le_bytes()[..], &[0, 0, 0, 0, kind]].concat();
    let places: Vec<usize> =
        memchr::memmem::find_iter(image, &head).map(|place| place - 8).collect();
    // Sizes of inodes look like the start of inline extents.
    let is_extent = |place: &usize| match kind {
        0 => image[place + 21..].starts_with(b"abcd"),
        _ => image[place + 45..].starts_with(&unpacked.to_le_bytes()),
    };
    let places: Vec<usize> = places.into_iter().filter(is_extent).collect();
    assert!(!places.is_empty());
    for place in places {
        change(&mut image[place..]);
        let node = place / NODE * NODE;
        let checksum = !crc32c_seeded(!0, &image[node + 32..node + NODE]);
        image[node..node + 4].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// LZO1X of four letters over and over.
fn lzo_repeated(length: usize) -> Vec<u8> {
    let left = length - 4 - 2 - 31;
    let mut packed = vec![17 + 4, b'a', b'b', b'c', b'd', 32];
    packed.extend(vec![0; (left - 1) / 255]);
    packed.push(u8::try_from((left - 1) % 255 + 1).unwrap());
    packed.extend([3 << 2, 0, 17, 0, 0]);
    packed
}

/// The framing of LZO, for so many bytes.
fn lzo_framed(length: usize) -> Vec<u8> {
    let mut framed = vec![0; 4];
    let mut left = length;
    while left > 0 {
        let sector = lzo_repeated(left.min(4096));
        left -= left.min(4096);
        if 4096 - framed.len() % 4096 < 4 {
            framed.resize(framed.len().next_multiple_of(4096), 0);
        }
        framed.extend(u32::try_from(sector.len()).unwrap().to_le_bytes());
        framed.extend(sector);
    }
    let total = u32::try_from(framed.len()).unwrap();
    framed[..4].copy_from_slice(&total.to_le_bytes());
    framed
}

#[test]
fn packed_extents_inline_and_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let (small, large) = (b"abcd".repeat(250), b"abcd".repeat(32_768));
    fs::write(root.join("small"), &small).unwrap();
    fs::write(root.join("large"), &large).unwrap();
    let Some(image) = make(&root, &["-m", "single"]) else { return };
    let packers: [(u8, Packer); 3] =
        [(1, stream::zlib), (2, |bytes| lzo_framed(bytes.len())), (3, stream::zstd)];
    for (number, pack) in packers {
        let mut image = image.clone();
        let place = memchr::memmem::find(&image[1 << 20..], &large).unwrap() + (1 << 20);
        let packed = pack(&large);
        let stored = packed.len().next_multiple_of(4096);
        image[place..place + stored].fill(0);
        image[place..place + packed.len()].copy_from_slice(&packed);
        change_extent(&mut image, 1, 131_072, |item| {
            item[16] = number;
            item[29..37].copy_from_slice(&(stored as u64).to_le_bytes());
        });
        change_extent(&mut image, 0, 1000, |item| {
            item[16] = number;
            let packed = pack(&small);
            item[21..21 + packed.len()].copy_from_slice(&packed);
        });
        let tree = read(image);
        assert_eq!(tree.problems(), []);
        let inside = container(&tree, "btrfs");
        for (path, wanted) in [(&b"/small"[..], &small), (b"/large", &large)] {
            let file = tree.member(inside, path).unwrap();
            assert!(tree.bytes(file).unwrap() == *wanted, "{number}");
        }
    }
}

type Packer = fn(&[u8]) -> Vec<u8>;

#[test]
fn a_damaged_superblock_or_node_is_read_from_its_copy() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), b"the content").unwrap();
    let Some(image) = make(&root, &["-m", "dup"]) else { return };
    let mut damaged = image.clone();
    damaged[0x1_0000 + 200] ^= 1;
    let tree = read(damaged);
    assert!(tree.problems().iter().any(|problem| problem.why.contains("mirror 1")));
    assert!(tree.member(container(&tree, "btrfs"), b"/file").is_some());
    // The first copy of each leaf with the file's name.
    let mut damaged = image.clone();
    let place = memchr::memmem::find(&damaged, b"the content").unwrap();
    damaged[place] ^= 1;
    let tree = read(damaged.clone());
    assert_eq!(tree.problems(), []);
    let file = tree.member(container(&tree, "btrfs"), b"/file").unwrap();
    assert_eq!(tree.bytes(file).unwrap(), "the content");
    let second = memchr::memmem::find(&damaged, b"the content").unwrap();
    damaged[second] ^= 1;
    let tree = read(damaged);
    let NodeKind::Container { unread, .. } = &tree.node(container(&tree, "btrfs")).kind else {
        panic!()
    };
    assert!(unread.as_ref().is_some_and(|why| why.contains("is damaged")), "{unread:?}");
}

#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/file"), sample(30_000, 1)).unwrap();
    fs::write(root.join("a/b/tiny"), b"tiny").unwrap();
    let Some(image) =
        make_of(20 << 20, &root, &["--mixed", "-n", "4096", "-m", "single", "-d", "single"])
    else {
        return;
    };
    for length in [0, 65_600, 70_000, 1 << 20, 2 << 20, 6 << 20] {
        drop(read(image[..length].to_vec()));
    }
    let nodes: Vec<usize> = (0..image.len() / 4096)
        .map(|node| node * 4096)
        .filter(|&node| image[node + 48..node + 56] != [0; 8] && image[node] != 0)
        .filter(|&node| {
            let checksum = !crc32c_seeded(!0, &image[node + 32..node + 4096]);
            image[node..node + 4] == checksum.to_le_bytes()
        })
        .collect();
    assert!(nodes.len() > 5, "{nodes:?}");
    for node in nodes {
        for place in (32..400).step_by(23).chain((4096 - 2000..4096).step_by(211)) {
            let mut flipped = image.clone();
            flipped[node + place] ^= 0x25;
            let checksum = !crc32c_seeded(!0, &flipped[node + 32..node + 4096]);
            flipped[node..node + 4].copy_from_slice(&checksum.to_le_bytes());
            let tree = read(flipped);
            for (id, node) in tree.nodes().filter(|(_, node)| node.len() < 1 << 24) {
                if node.is_file() {
                    drop(tree.bytes(id));
                }
            }
        }
    }
}
