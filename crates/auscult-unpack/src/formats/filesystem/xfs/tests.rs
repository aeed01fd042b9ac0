//! XFS: images of the reference tool, and damaged ones.

use std::{
    fmt::Write as _,
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use auscult_model::Limits;

use crate::{
    NodeKind, Tree,
    formats::testing::reference::{
        assert_same_contents, assert_survives_damage, container, make_directory, run, sample,
    },
};

/// Writes what a directory holds as a prototype of `mkfs.xfs -p`. It knows no hard links.
fn prototype(directory: &Path, text: &mut String) {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(Result::unwrap).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let about = fs::symlink_metadata(entry.path()).unwrap();
        let (kind, source) = if about.is_dir() {
            ('d', String::new())
        } else if about.is_symlink() {
            ('l', fs::read_link(entry.path()).unwrap().to_str().unwrap().to_owned())
        } else {
            ('-', entry.path().to_str().unwrap().to_owned())
        };
        let name = entry.file_name();
        let bits = about.mode() & 0o777;
        writeln!(text, "{} {kind}--{bits:03o} 12 34 {source}", name.to_str().unwrap()).unwrap();
        if about.is_dir() {
            prototype(&entry.path(), text);
            text.push_str("$\n");
        }
    }
}

fn make(root: &Path, options: &[&str]) -> Option<Vec<u8>> {
    let mut text = "/dev/null\n0 0\nd--755 0 0\n".to_owned();
    prototype(root, &mut text);
    text.push_str("$\n");
    let list = root.with_extension("prototype");
    fs::write(&list, text).unwrap();
    let image = root.with_extension("image");
    File::create(&image).unwrap().set_len(400 << 20).unwrap();
    let (list, path) = (list.to_str().unwrap(), image.to_str().unwrap());
    let arguments = [options, &["-q", "-f", "-p", list, path]].concat();
    run("mkfs.xfs", &arguments).then(|| fs::read(&image).unwrap())
}

#[test]
fn images_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    // Too many names for a block of hashes.
    fs::create_dir(root.join("crowd")).unwrap();
    for index in 0..3000 {
        fs::write(root.join(format!("crowd/one-of-many-names-{index}")), b"").unwrap();
    }
    let cases: [&[&str]; 6] = [
        &["-L", "the label"],
        &["-m", "crc=0", "-n", "ftype=0", "-i", "size=256"],
        &["-m", "crc=0", "-n", "ftype=1,size=8192", "-b", "size=1024"],
        &["-b", "size=2048", "-i", "size=1024", "-m", "bigtime=1,inobtcount=1"],
        &["-n", "size=65536", "-i", "nrext64=1", "-m", "rmapbt=1,reflink=1"],
        &[
            "-l",
            "size=64m",
            "-m",
            "bigtime=0,reflink=0,finobt=0",
            "-i",
            "sparse=0",
            "-d",
            "agcount=3",
        ],
    ];
    for options in cases {
        println!("{options:?}");
        let Some(image) = make(&root, options) else { return };
        let length = image.len() as u64;
        let tree = assert_same_contents(image, "xfs", &root);
        let inside = container(&tree, "xfs");
        assert_eq!(tree.node(inside).len(), length);
        assert_eq!(tree.coverage().bytes_unread, 0);
        let tiny = tree.node(tree.member(inside, b"/etc/tiny").unwrap());
        assert_eq!((tiny.metadata.user, tiny.metadata.group), (Some(12), Some(34)));
        assert!(tiny.metadata.modified.is_some_and(|seconds| seconds > 1_500_000_000));
    }
}

fn small(root: &Path, options: &[&str]) -> Option<Vec<u8>> {
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/file"), sample(30_000, 1)).unwrap();
    fs::write(root.join("a/b/tiny"), b"tiny").unwrap();
    for index in 0..40 {
        fs::write(root.join(format!("a/a-name-that-is-rather-long-{index}")), b"x").unwrap();
    }
    make(root, options)
}

#[test]
fn damage_is_told_and_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let Some(image) = small(&folder.path().join("root"), &[]) else { return };
    let root = &image[56..64];
    let root = u64::from_be_bytes(root.try_into().unwrap());
    let mut damaged = image.clone();
    damaged[110] ^= 1;
    let tree = Tree::from_bytes(damaged, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("checksum")));
    assert!(tree.member(container(&tree, "xfs"), b"/a/file").is_some());
    let mut damaged = image.clone();
    let place = usize::try_from(root).unwrap() << 9;
    damaged[place] ^= 1;
    let tree = Tree::from_bytes(damaged, &Limits::default());
    let NodeKind::Container { unread, .. } = &tree.node(container(&tree, "xfs")).kind else {
        panic!()
    };
    assert!(unread.as_ref().is_some_and(|why| why.contains("root directory")));
    assert_survives_damage(&image[..32 << 10], 300, 1009);
    // The head holds everything: the rest of so large an image would only take time.
    let head = &image[..1 << 20];
    for position in (place..place + 64 * 512).step_by(13).chain((4096..16_384).step_by(31)) {
        let mut flipped = head.to_vec();
        flipped[position] ^= 0x51;
        let tree = Tree::from_bytes(flipped, &Limits::default());
        for (id, node) in tree.nodes().filter(|(_, node)| node.len() < 1 << 24) {
            if node.is_file() {
                drop(tree.bytes(id));
            }
        }
    }
}
