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
    let cases: [(&str, &[&str], &str); 10] = [
        ("ext2", &["-t", "ext2", "-b", "1024"], "16M"),
        ("ext2", &["-t", "ext2", "-b", "1024", "-r", "0"], "16M"),
        ("ext3", &["-t", "ext3", "-b", "2048"], "24M"),
        ("ext4", &["-b", "1024", "-O", "^64bit,^metadata_csum"], "24M"),
        ("ext4", &["-b", "4096"], "24M"),
        ("ext4", &["-b", "1024", "-O", "64bit,meta_bg,^resize_inode", "-g", "1024"], "40M"),
        ("ext4", &["-b", "4096", "-O", "bigalloc", "-C", "16384"], "64M"),
        ("ext4", &["-b", "1024", "-O", "bigalloc", "-C", "262144"], "500M"),
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

/// Runs requests of `debugfs` on an image.
fn debugfs(image: &Path, requests: &str) {
    let list = image.with_extension("requests");
    fs::write(&list, requests).unwrap();
    let done = Command::new("debugfs").arg("-w").arg("-f").arg(&list).arg(image).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}

#[test]
fn what_waits_in_the_journal_is_read_as_if_it_were_written() {
    const BLOCK: usize = 1024;
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let content = |fill: u8| vec![fill; BLOCK];
    for name in ["one", "two"] {
        fs::write(root.join(name), content(name.as_bytes()[0])).unwrap();
    }
    let cases: [(&[&str], &str); 5] = [
        (&["-O", "^64bit,^metadata_csum"], "jo"),
        (&["-O", "64bit,metadata_csum"], "jo -c -v 3"),
        (&["-O", "^64bit,metadata_csum"], "jo -c -v 2"),
        (&["-O", "64bit,^metadata_csum"], "jo"),
        (&["-t", "ext3"], "jo"),
    ];
    for (options, journal) in cases {
        let Some(image) = make(&root, &[&["-b", "1024"][..], options].concat(), "16M") else {
            return;
        };
        let block_of = |fill: u8| {
            let places = memchr::memmem::find_iter(&image, &content(fill)).collect::<Vec<_>>();
            assert_eq!(places.len(), 1);
            places[0] / BLOCK
        };
        let path = folder.path().join("image");
        fs::write(&path, &image).unwrap();
        // Like a block of the journal, so that it is written in disguise.
        let new = [&0xc03b_3998_u32.to_be_bytes()[..], &content(7)[4..]].concat();
        let file = folder.path().join("new");
        fs::write(&file, &new).unwrap();
        let (one, two) = (block_of(b'o'), block_of(b't'));
        let write = |block: usize| format!("jw -b {block} {}\n", file.display());
        let requests = format!("{journal}\n{}{}jw -r {two}\njc\n", write(one), write(two));
        debugfs(&path, &requests);
        let cut = fs::read(&path).unwrap();
        assert!(memchr::memmem::find(&cut, &content(b'o')).is_some());
        let tree = Tree::from_bytes(cut.clone(), &Limits::default());
        assert_eq!(tree.problems(), [], "{options:?}");
        let inside = container(&tree, "ext");
        let NodeKind::Container { attributes, .. } = &tree.node(inside).kind else { panic!() };
        assert_eq!(attributes["journal-replayed"], "3 transactions, 1 blocks", "{options:?}");
        let read = |path: &[u8]| tree.bytes(tree.member(inside, path).unwrap()).unwrap();
        assert_eq!(read(b"/one"), new);
        // Revoked after it was written.
        assert_eq!(read(b"/two"), content(b't'));
        // A block whose checksum is wrong, and a journal that is damaged, are told.
        let place = memchr::memmem::find(&cut, &content(7)[..500]).unwrap();
        let mut damaged = cut.clone();
        damaged[place + 100] ^= 1;
        let told = !Tree::from_bytes(damaged, &Limits::default()).problems().is_empty();
        assert_eq!(told, journal.contains("-c"), "{options:?}");
    }
}

#[test]
fn encrypted_files_are_listed_and_said_to_be_unread() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("secret")).unwrap();
    fs::write(root.join("secret/x"), vec![9; 5000]).unwrap();
    let Some(image) = make(&root, &["-O", "encrypt"], "16M") else { return };
    let path = folder.path().join("image");
    fs::write(&path, &image).unwrap();
    // Extents and encryption.
    debugfs(&path, "sif /secret flags 0x80800\nsif /secret/x flags 0x80800\n");
    let tree = Tree::from_bytes(fs::read(&path).unwrap(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let name = [&b"/secret/"[..], b"78"].concat();
    let file = tree.node(tree.member(container(&tree, "ext"), &name).unwrap());
    let unread = file.unread.as_ref().unwrap();
    assert_eq!((unread.bytes, unread.reason.as_str()), (5000, "encrypted with fscrypt"));
    assert!(file.content.is_none());
    assert_eq!(tree.coverage().bytes_unread, 5000);
}
