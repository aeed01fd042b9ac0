//! F2FS: images of the reference tools, and damaged ones.

use std::{
    fs::{self, File},
    path::Path,
};

use auscult_model::Limits;

use crate::{
    NodeKind, Tree,
    formats::testing::{
        hostile::noise,
        reference::{
            assert_same, assert_same_contents, assert_survives_damage, container, make_directory,
            run, sample,
        },
    },
};

/// Makes an image and fills it. The tool keeps owners only when told to.
fn make(root: &Path, bytes: u64, options: &[&str]) -> Option<Vec<u8>> {
    let image = root.with_extension("image");
    File::create(&image).unwrap().set_len(bytes).unwrap();
    let (root, path) = (root.to_str().unwrap(), image.to_str().unwrap());
    let made = run("mkfs.f2fs", &[options, &["-f", path]].concat())
        && run("sload.f2fs", &["-P", "-f", root, path]);
    made.then(|| fs::read(&image).unwrap())
}

fn fill(root: &Path) {
    make_directory(root);
    // Past the inode's own addresses, both direct nodes and into the first indirect one.
    fs::write(root.join("indirect"), sample(13_000_000, 5)).unwrap();
    fs::write(root.join("noise"), noise(300_000)).unwrap();
    fs::write(root.join("text.txt"), b"a line of text\n".repeat(60_000)).unwrap();
}

#[test]
fn images_of_the_reference_tools() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fill(&root);
    let cases: [&[&str]; 3] = [
        &[],
        &["-O", "extra_attr,project_quota"],
        &["-O", "extra_attr,inode_checksum,sb_checksum,inode_crtime,compression", "-i"],
    ];
    for options in cases {
        println!("{options:?}");
        let Some(image) = make(&root, 128 << 20, options) else { return };
        let tree = assert_same_contents(image, "f2fs", &root);
        assert_eq!(tree.coverage().bytes_unread, 0);
        let inside = container(&tree, "f2fs");
        let NodeKind::Container { attributes, .. } = &tree.node(inside).kind else { panic!() };
        assert_eq!(attributes["state"], "clean");
        let text = tree.node(tree.member(inside, b"/text.txt").unwrap());
        assert_eq!(text.metadata.user, Some(0));
    }
    let Some(image) = make(&root, 128 << 20, &["-l", "the label"]) else { return };
    let tree = assert_same(image, "f2fs", &root);
    let inside = container(&tree, "f2fs");
    let NodeKind::Container { attributes, .. } = &tree.node(inside).kind else { panic!() };
    assert_eq!(attributes["label"], "the label");
}

/// A small file system and where its first checkpoint is.
fn small(root: &Path) -> Option<(Vec<u8>, usize)> {
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/file"), b"content".repeat(3000)).unwrap();
    fs::write(root.join("a/b/tiny"), b"tiny").unwrap();
    let image = make(root, 96 << 20, &[])?;
    let word = u32::from_le_bytes(image[1024 + 76..1024 + 80].try_into().unwrap());
    Some((image, usize::try_from(word).unwrap() * 4096))
}

fn read(image: Vec<u8>) -> Tree {
    Tree::from_bytes(image, &Limits::default())
}

#[test]
fn one_damaged_superblock_or_checkpoint_does_no_harm_and_two_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some((image, checkpoint)) = small(&folder.path().join("root")) else { return };
    let has_file = |tree: &Tree| {
        tree.member(container(tree, "f2fs"), b"/a/file")
            .is_some_and(|file| tree.bytes(file).unwrap() == b"content".repeat(3000))
    };
    let mut damaged = image.clone();
    damaged[1024..1028].fill(0);
    let tree = read(damaged);
    assert!(has_file(&tree));
    assert!(tree.problems().iter().any(|problem| problem.what.contains("first superblock")));
    // Whichever is the newer one: the older shows an older state, or none of the files.
    let mut damaged = image.clone();
    damaged[checkpoint + 140] ^= 1;
    assert!(read(damaged.clone()).nodes().any(|(_, node)| node.format() == Some("f2fs")));
    damaged[checkpoint + (512 << 12) + 140] ^= 1;
    let tree = read(damaged);
    let NodeKind::Container { unread, .. } = &tree.node(container(&tree, "f2fs")).kind else {
        panic!()
    };
    assert_eq!(unread.as_deref(), Some("both checkpoints are damaged"));
}

#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let Some((image, checkpoint)) = small(&folder.path().join("root")) else { return };
    assert_survives_damage(&image[..64 << 10], 0, 997);
    // Blocks of nodes and directories, wherever they are.
    let busy: Vec<usize> = (0..image.len() / 4096)
        .filter(|block| image[block * 4096..][..4096].iter().any(|&byte| byte != 0))
        .collect();
    for block in busy.into_iter().filter(|&block| block * 4096 >= checkpoint) {
        for place in (0..4096).step_by(1021) {
            let mut flipped = image.clone();
            flipped[block * 4096 + place] ^= 0x35;
            let tree = read(flipped);
            for (id, node) in tree.nodes().filter(|(_, node)| node.len() < 1 << 24) {
                if node.is_file() {
                    drop(tree.bytes(id));
                }
            }
        }
    }
}

#[test]
fn attributes_are_read_from_the_inode() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("file"), b"content").unwrap();
    // The tool writes no attributes but SELinux contexts; a list in the inode is made by hand.
    let Some(image) = make(&root, 96 << 20, &[]) else { return };
    let mut image = image;
    let at = (0..image.len() / 4096)
        .map(|block| block * 4096)
        .find(|&at| image[at + 92..].starts_with(b"file\0") && image[at + 4096 - 20] != 0)
        .unwrap();
    image[at + 3] |= 1;
    let room = at + 360 + (923 - 50) * 4;
    let list = [
        &0xf2f5_2011_u32.to_le_bytes()[..],
        &[0; 20],
        &[1, 4, 5, 0],
        b"name",
        b"value\0\0\0",
        &[6, 1, 1, 0],
        b"xy",
    ]
    .concat();
    image[room..room + list.len()].copy_from_slice(&list);
    let tree = read(image);
    let file = tree.node(tree.member(container(&tree, "f2fs"), b"/file").unwrap());
    let wanted = [("user.name".into(), b"value".to_vec()), ("security.x".into(), b"y".to_vec())];
    assert_eq!(file.metadata.xattrs, wanted);
}

/// LZO1X of one text over and over: four letters and a match.
fn lzo_repeated(version: &[u8], length: usize) -> Vec<u8> {
    let left = length - 4 - 2 - 31;
    let mut packed = [version, &[17 + 4], b"abcd", &[32]].concat();
    packed.extend(vec![0; (left - 1) / 255]);
    packed.push(u8::try_from((left - 1) % 255 + 1).unwrap());
    packed.extend([3 << 2, 0, 17, 0, 0]);
    packed
}

type Packer = fn() -> Vec<u8>;

#[test]
fn compressed_clusters_of_every_algorithm() {
    const CLUSTER: usize = 4 * 4096;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(&root).unwrap();
    let content = b"abcd".repeat(CLUSTER / 4 * 2 + 700);
    fs::write(root.join("file"), &content).unwrap();
    let Some(image) = make(&root, 96 << 20, &["-O", "extra_attr,compression"]) else { return };
    let inode = (0..image.len())
        .step_by(4096)
        .find(|&at| image[at + 92..].starts_with(b"file\0") && image[at + 4096 - 20] != 0)
        .unwrap();
    let packers: [(u8, Packer); 4] = [
        (0, || lzo_repeated(&[], CLUSTER)),
        (1, || lz4_flex::block::compress(&b"abcd".repeat(CLUSTER / 4))),
        (2, || auscult_testkit::stream::zstd(&b"abcd".repeat(CLUSTER / 4))),
        (3, || lzo_repeated(&[17, 1], CLUSTER)),
    ];
    for (algorithm, pack) in packers {
        let mut image = image.clone();
        image[inode + 80] |= 4;
        let extra = usize::from(u16::from_le_bytes([image[inode + 360], image[inode + 361]]));
        image[inode + 360 + 32..][..4].copy_from_slice(&[algorithm, 2, 1, 0]);
        for cluster in 0..2 {
            // The second block of the cluster takes the packed bytes, the third and fourth go.
            let words = inode + 360 + extra + cluster * 16;
            let second = u32::from_le_bytes(image[words + 4..words + 8].try_into().unwrap());
            image[words..words + 4].copy_from_slice(&(u32::MAX - 1).to_le_bytes());
            image[words + 8..words + 16].fill(0);
            let packed = pack();
            let block = usize::try_from(second).unwrap() * 4096;
            image[block..block + 4]
                .copy_from_slice(&u32::try_from(packed.len()).unwrap().to_le_bytes());
            let checksum = super::superblock::checksum(&[&packed]);
            image[block + 4..block + 8].copy_from_slice(&checksum.to_le_bytes());
            image[block + 24..block + 24 + packed.len()].copy_from_slice(&packed);
        }
        let tree = read(image);
        assert_eq!(tree.problems(), [], "{algorithm}");
        let file = tree.member(container(&tree, "f2fs"), b"/file").unwrap();
        assert!(tree.bytes(file).unwrap() == content, "{algorithm}");
    }
}
