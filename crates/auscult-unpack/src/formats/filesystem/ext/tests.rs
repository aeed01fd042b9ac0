//! ext2, ext3 and ext4: images of the reference tool and of our own, and damaged ones.

use std::{fs, os::unix::fs::FileTypeExt as _, path::Path, process::Command};

use auscult_model::Limits;

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::reference::{
        assert_same, assert_survives_damage, container, make_directory, run,
    },
};

/// Makes an image of a directory; nothing where the tool is not installed.
fn make(root: &Path, options: &[&str], size: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let (root, image) = (root.to_str().unwrap(), path.to_str().unwrap());
    let arguments = [&["-q", "-F", "-d", root][..], options, &[image, size]].concat();
    run("mkfs.ext4", &arguments).then(|| fs::read(&path).unwrap())
}

#[test]
fn images_of_the_reference_tool_with_many_feature_sets() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let cases: [(&str, &[&str], &str); 9] = [
        ("ext2", &["-t", "ext2", "-b", "1024"], "16M"),
        ("ext2", &["-t", "ext2", "-b", "1024", "-r", "0"], "16M"),
        ("ext3", &["-t", "ext3", "-b", "2048"], "24M"),
        ("ext4", &["-b", "1024", "-O", "^64bit,^metadata_csum"], "24M"),
        ("ext4", &["-b", "4096"], "24M"),
        ("ext4", &["-b", "1024", "-O", "64bit,meta_bg,^resize_inode", "-g", "1024"], "40M"),
        ("ext4", &["-b", "4096", "-O", "bigalloc", "-C", "16384"], "64M"),
        ("ext4", &["-O", "inline_data", "-I", "256"], "24M"),
        ("ext4", &["-O", "^extent,^64bit,inline_data", "-I", "512", "-b", "1024"], "24M"),
    ];
    for (version, options, size) in cases {
        // The tool gives a sparse file a wrong size when it may also put data into inodes.
        if options.iter().any(|option| option.contains("inline_data")) {
            drop(fs::remove_file(root.join("sparse")));
        }
        let Some(image) = make(&root, options, size) else { return };
        let length = image.len() as u64;
        let tree = assert_same(image, "ext", &root);
        let inside = tree.node(container(&tree, "ext"));
        assert_eq!(inside.len(), length);
        let NodeKind::Container { attributes, .. } = &inside.kind else { panic!() };
        assert_eq!(attributes["version"], version, "{options:?}");
        assert_eq!(tree.coverage().bytes_unread, 0);
    }
}

#[test]
fn labels_devices_and_attributes_written_by_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("ping"), b"ping").unwrap();
    let fifo = root.join("fifo");
    if !run("mkfifo", &[fifo.to_str().unwrap()]) {
        return;
    }
    assert!(fs::symlink_metadata(&fifo).unwrap().file_type().is_fifo());
    let Some(image) = make(&root, &["-L", "the label"], "4M") else { return };
    let path = folder.path().join("image");
    fs::write(&path, image).unwrap();
    for request in ["mknod null c 1 3", "mknod disk b 259 300", "ea_set ping security.demo value"] {
        let status = Command::new("debugfs").arg("-w").arg("-R").arg(request).arg(&path).output();
        assert!(status.unwrap().status.success(), "{request}");
    }
    let tree = Tree::from_bytes(fs::read(&path).unwrap(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let inside = container(&tree, "ext");
    let NodeKind::Container { attributes, .. } = &tree.node(inside).kind else { panic!() };
    assert_eq!(attributes["label"], "the label");
    let kind = |path: &[u8]| tree.node(tree.member(inside, path).unwrap()).kind.clone();
    assert_eq!(kind(b"/fifo"), NodeKind::Member(EntryKind::Fifo));
    let null = EntryKind::CharacterDevice { major: 1, minor: 3 };
    assert_eq!(kind(b"/null"), NodeKind::Member(null));
    let disk = EntryKind::BlockDevice { major: 259, minor: 300 };
    assert_eq!(kind(b"/disk"), NodeKind::Member(disk));
    let ping = tree.node(tree.member(inside, b"/ping").unwrap());
    let xattrs = &ping.metadata.xattrs;
    assert_eq!(xattrs.len(), 1);
    assert_eq!((xattrs[0].0.as_bytes(), &xattrs[0].1[..]), (&b"security.demo"[..], &b"value"[..]));
}

#[test]
fn a_truncated_image_keeps_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let Some(mut image) = make(&root, &["-t", "ext2", "-b", "1024"], "16M") else { return };
    image.truncate(image.len() / 8);
    let tree = Tree::from_bytes(image, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("truncated")));
    let inside = container(&tree, "ext");
    let files = tree.nodes().filter(|(_, node)| node.is_file() && node.parent == Some(inside));
    let (good, bad): (Vec<_>, Vec<_>) = files.partition(|&(id, _)| tree.bytes(id).is_ok());
    assert!(good.len() > 20, "{} of {}", good.len(), bad.len());
}

#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/file"), b"content".repeat(300)).unwrap();
    let Some(image) = make(&root, &["-b", "1024", "-O", "^has_journal"], "128K") else { return };
    assert_survives_damage(&image[..], 0, 509);
    for position in 1024..1024 + 1024 {
        let mut flipped = image.clone();
        flipped[position] ^= 0x11;
        drop(Tree::from_bytes(flipped, &Limits::default()));
    }
    // Group descriptors, inodes and directories.
    for position in (2048..40_000).step_by(7) {
        let mut flipped = image.clone();
        flipped[position] ^= 0x81;
        let tree = Tree::from_bytes(flipped, &Limits::default());
        for (id, node) in tree.nodes().filter(|(_, node)| node.is_file()) {
            if node.len() < 1 << 24 {
                drop(tree.bytes(id));
            }
        }
    }
}
