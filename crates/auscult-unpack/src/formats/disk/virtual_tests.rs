//! What the tests of all virtual disks share: disks of `qemu-img`, compared byte by byte.

use std::{fs, path::Path};

use auscult_model::Limits;

use crate::{
    Tree,
    formats::testing::{
        hostile::noise,
        reference::{assert_survives_damage, container, run, sample},
    },
};

/// A format and the options that make it.
pub(super) type Case = (&'static str, &'static [&'static str]);

/// A disk with everything: text, holes, noise, and an end that fills no block.
pub(super) fn disk() -> Vec<u8> {
    let text = b"a line of text\n".repeat(20_000);
    let parts = [&sample(100_000, 1)[..], &vec![0; 5_000_000], &noise(150_000), &text, &[7; 1536]];
    let mut disk = parts.concat();
    disk.resize(disk.len().next_multiple_of(512), 0);
    disk
}

pub(super) fn convert(folder: &Path, source: &[u8], options: &[&str]) -> Option<Vec<u8>> {
    let (raw, image) = (folder.join("raw"), folder.join("image"));
    fs::write(&raw, source).unwrap();
    let files = [raw.to_str().unwrap(), image.to_str().unwrap()];
    let arguments = [&["convert", "-f", "raw"][..], options, &files].concat();
    run("qemu-img", &arguments).then(|| fs::read(&image).unwrap())
}

/// The content of the disk in an image.
pub(super) fn content(tree: &Tree, format: &str) -> Vec<u8> {
    let disk = tree.member(container(tree, format), b"/disk").unwrap();
    tree.bytes(disk).unwrap().to_vec()
}

/// Makes each disk and compares it. Some formats make it longer, with zeros.
pub(super) fn compare(cases: &[Case]) {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk();
    for (format, options) in cases {
        println!("{options:?}");
        let Some(image) = convert(folder.path(), &disk, options) else { return };
        let tree = Tree::from_bytes(image.clone(), &Limits::default());
        assert_eq!(tree.problems(), [], "{options:?}");
        let found = content(&tree, format);
        assert!(found.starts_with(&disk), "{options:?}");
        assert!(found[disk.len()..].iter().all(|&byte| byte == 0), "{options:?}");
        // The tool may fill the last cluster with zeros.
        let length = usize::try_from(tree.node(container(&tree, format)).len()).unwrap();
        assert!(image[length..].iter().all(|&byte| byte == 0), "{options:?} {length}");
    }
}

/// Opens each disk cut at many places and with changed bytes.
pub(super) fn damage(cases: &[Case], head_bytes: usize) {
    let folder = tempfile::tempdir().unwrap();
    let source = sample(20_000, 1);
    for (_, options) in cases {
        let Some(image) = convert(folder.path(), &source, options) else { return };
        let step = (image.len() / 60).max(97);
        assert_survives_damage(&image, head_bytes, step);
        for position in (0..image.len()).step_by((image.len() / 300).max(5)) {
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
