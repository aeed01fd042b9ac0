//! QCOW: disks of the reference tool, compared byte by byte, and damaged ones.

use std::{fs, path::Path, process::Command};

use auscult_model::Limits;

use crate::{
    NodeKind, Tree,
    formats::testing::{
        hostile::{attribute, noise},
        reference::{assert_survives_damage, container, run, sample},
    },
};

/// A disk with everything: noise, text, holes, and an odd end.
fn disk() -> Vec<u8> {
    let text = b"a line of text\n".repeat(20_000);
    let parts = [&sample(100_000, 1)[..], &vec![0; 700_000], &noise(150_000), &text, &[7; 1536]];
    let mut disk = parts.concat();
    disk.resize(disk.len().next_multiple_of(512), 0);
    disk
}

fn convert(folder: &Path, source: &[u8], options: &[&str]) -> Option<Vec<u8>> {
    let (raw, image) = (folder.join("raw"), folder.join("image"));
    fs::write(&raw, source).unwrap();
    let files = [raw.to_str().unwrap(), image.to_str().unwrap()];
    let arguments = [&["convert", "-f", "raw"][..], options, &files].concat();
    if options == PACKED_1 {
        // The tool exits with an error after it has packed a disk of the first version whole.
        let done = Command::new("qemu-img").args(&arguments).status();
        return done.is_ok().then(|| fs::read(&image).unwrap());
    }
    run("qemu-img", &arguments).then(|| fs::read(&image).unwrap())
}

const PACKED_1: [&str; 3] = ["-O", "qcow", "-c"];

fn read(image: Vec<u8>) -> (Tree, Vec<u8>) {
    let tree = Tree::from_bytes(image, &Limits::default());
    let inside = container(&tree, "qcow");
    let disk = tree.member(inside, b"/disk").unwrap();
    let bytes = tree.bytes(disk).unwrap().to_vec();
    (tree, bytes)
}

#[test]
fn disks_of_the_reference_tool_in_every_version() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk();
    let cases: [&[&str]; 9] = [
        &["-O", "qcow2"],
        &["-O", "qcow2", "-o", "compat=0.10"],
        &["-O", "qcow2", "-c"],
        &["-O", "qcow2", "-c", "-o", "compression_type=zstd"],
        &["-O", "qcow2", "-o", "cluster_size=512"],
        &["-O", "qcow2", "-o", "cluster_size=2M,extended_l2=on"],
        &["-O", "qcow2", "-c", "-o", "extended_l2=on,cluster_size=16k"],
        &["-O", "qcow"],
        &PACKED_1,
    ];
    for options in cases {
        println!("{options:?}");
        let Some(image) = convert(folder.path(), &disk, options) else { return };
        let length = image.len() as u64;
        let (tree, found) = read(image);
        assert!(found == disk, "{options:?}");
        assert_eq!(tree.problems(), []);
        let inside = tree.node(container(&tree, "qcow"));
        assert!(inside.len().abs_diff(length) < 1 << 21, "{} {length}", inside.len());
    }
}

#[test]
fn snapshots_backing_files_and_encryption_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_) = convert(folder.path(), &disk(), &["-O", "qcow2"]) else { return };
    let image = folder.path().join("image");
    let path = image.to_str().unwrap();
    let qemu = |arguments: &[&str]| assert!(run("qemu-img", arguments));
    for name in ["first", "another snapshot"] {
        qemu(&["snapshot", "-c", name, path]);
    }
    let (tree, found) = read(fs::read(&image).unwrap());
    assert!(found == disk());
    let names = attribute(&tree, "qcow", "snapshots").unwrap();
    assert_eq!(names, "first, another snapshot");
    let child = folder.path().join("child");
    qemu(&["create", "-q", "-f", "qcow2", "-b", path, "-F", "qcow2", child.to_str().unwrap()]);
    let (tree, found) = read(fs::read(&child).unwrap());
    assert_eq!(attribute(&tree, "qcow", "backing-file").unwrap(), path);
    assert!(found.iter().all(|&byte| byte == 0) && found.len() == disk().len());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("another file")));
    for (format, reason) in [("aes", "encrypted (AES)"), ("luks", "encrypted (LUKS)")] {
        let options = format!("encrypt.format={format},encrypt.key-secret=key");
        let made = Command::new("qemu-img")
            .args(["create", "-q", "--object", "secret,id=key,data=abc", "-f", "qcow2", "-o"])
            .args([&options, path, "1M"])
            .status();
        assert!(made.unwrap().success());
        let tree = Tree::from_bytes(fs::read(&image).unwrap(), &Limits::default());
        let inside = tree.node(container(&tree, "qcow"));
        let NodeKind::Container { unread, .. } = &inside.kind else { panic!() };
        assert_eq!(unread.as_deref(), Some(reason));
    }
}

#[test]
fn a_huge_disk_with_a_little_data_costs_little() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let path = image.to_str().unwrap();
    if !run("qemu-img", &["create", "-q", "-f", "qcow2", path, "1000T"]) {
        return;
    }
    let start = std::time::Instant::now();
    let tree = Tree::from_bytes(fs::read(&image).unwrap(), &Limits::default());
    let inside = container(&tree, "qcow");
    let disk = tree.node(tree.member(inside, b"/disk").unwrap());
    assert_eq!(disk.len(), 1000 << 40);
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let source = sample(20_000, 1);
    for options in [&["-O", "qcow2", "-o", "cluster_size=4k"][..], &PACKED_1] {
        let Some(image) = convert(folder.path(), &source, options) else { return };
        assert_survives_damage(&image, 120, 97);
        for position in (0..image.len()).step_by(5) {
            let mut flipped = image.clone();
            flipped[position] ^= 0x41;
            let tree = Tree::from_bytes(flipped, &Limits::default());
            for (id, node) in tree.nodes().filter(|(_, node)| node.len() < 1 << 24) {
                if node.is_file() {
                    drop(tree.bytes(id));
                }
            }
        }
    }
}
