//! UBI: images of the reference tool and of our own, and damaged ones.

use std::fs;

use auscult_model::Limits;

use super::Crc32;
use crate::{
    Tree,
    formats::testing::{
        hostile::attribute,
        reference::{assert_survives_damage, run, sample},
    },
};

const BLOCK: usize = 16 << 10;

fn sealed(mut header: Vec<u8>) -> Vec<u8> {
    header.resize(60, 0);
    header.extend((!Crc32::of(&header)).to_be_bytes());
    header
}

/// What the header of a volume's block says beside its place.
#[derive(Clone, Copy, Default)]
struct About {
    image_sequence: u32,
    is_static: bool,
    is_copy: bool,
    blocks_used: u32,
    /// Made wrong by this.
    checksum_error: u32,
}

/// An erase block with headers at 0 and 64 and data at 128.
fn block_about(volume: u32, logical: u32, sequence: u64, data: &[u8], about: About) -> Vec<u8> {
    let mut head = b"UBI#\x01\0\0\0\0\0\0\0\0\0\0\x07".to_vec();
    head.extend([64_u32.to_be_bytes(), 128_u32.to_be_bytes()].concat());
    head.extend(about.image_sequence.to_be_bytes());
    let mut block = sealed(head);
    let mut header = b"UBI!\x01".to_vec();
    header.extend([1 + u8::from(about.is_static), u8::from(about.is_copy), 0]);
    header.extend([volume.to_be_bytes(), logical.to_be_bytes(), [0; 4]].concat());
    let checksum = !Crc32::of(data) ^ about.checksum_error;
    let data_bytes = u32::try_from(data.len()).unwrap();
    let words = [data_bytes, about.blocks_used, 0, checksum, 0];
    header.extend(words.map(u32::to_be_bytes).concat());
    header.extend(sequence.to_be_bytes());
    block.extend(sealed(header));
    block.extend(data);
    block.resize(BLOCK, 0xff);
    block
}

fn block(volume: u32, logical: u32, sequence: u64, data: &[u8]) -> Vec<u8> {
    block_about(volume, logical, sequence, data, About::default())
}

#[test]
fn the_newest_copy_of_each_block_makes_the_volume() {
    let content = auscult_testkit::stream::gzip(&sample(40_000, 1));
    let (first, second) = content.split_at(BLOCK - 128);
    let image = [
        block(0, 1, 5, second),
        block(0, 0, 2, b"an old copy"),
        vec![0xff; BLOCK],
        block(0, 0, 9, first),
    ]
    .concat();
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let payload = "image@0x0/ubi:/volume0@0x0/gzip@0x0".parse().unwrap();
    let (node, _) = tree.resolve(&payload).unwrap();
    assert_eq!(tree.bytes(node).unwrap(), sample(40_000, 1));
    assert_survives_damage(&image, 128, 4999);
}

#[test]
fn an_image_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let content = auscult_testkit::stream::gzip(&sample(300_000, 2));
    fs::write(path("content"), &content).unwrap();
    let plan = format!(
        "[one]\nmode=ubi\nimage={}\nvol_id=3\nvol_type=static\nvol_name=rootfs\n",
        path("content")
    );
    fs::write(path("plan"), plan).unwrap();
    let arguments = ["-o", &path("image"), "-m", "2048", "-p", "128KiB", &path("plan")];
    if !run("ubinize", &arguments) {
        return;
    }
    let tree = Tree::from_bytes(fs::read(path("image")).unwrap(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let payload = "image@0x0/ubi:/rootfs@0x0/gzip@0x0".parse().unwrap();
    let (node, _) = tree.resolve(&payload).unwrap();
    assert_eq!(tree.bytes(node).unwrap(), sample(300_000, 2));
}

#[test]
fn a_copy_that_was_not_finished_does_not_count() {
    let broken = About { is_copy: true, checksum_error: 1, ..About::default() };
    let whole = About { is_copy: true, ..About::default() };
    for (copy, expected) in [(broken, b"old"), (whole, b"new")] {
        let old = block(0, 0, 3, b"old");
        let new = block_about(0, 0, 4, b"new", copy);
        for image in [[old.clone(), new.clone()].concat(), [new, old].concat()] {
            let tree = Tree::from_bytes(image, &Limits::default());
            let volume = "image@0x0/ubi:/volume0".parse().unwrap();
            let (node, _) = tree.resolve(&volume).unwrap();
            assert!(tree.bytes(node).unwrap().starts_with(expected));
        }
    }
}

#[test]
fn static_volumes_are_as_long_as_their_blocks_say_and_are_verified() {
    let about = About { is_static: true, blocks_used: 3, ..About::default() };
    let full = sample(BLOCK - 128, 4);
    let wrong = About { checksum_error: 8, ..about };
    let image =
        [block_about(1, 2, 0, b"the end", wrong), block_about(1, 0, 0, &full, about)].concat();
    let tree = Tree::from_bytes(image, &Limits::default());
    let problems: Vec<_> = tree.problems().iter().map(|problem| problem.why.clone()).collect();
    assert!(problems.iter().any(|why| why == "the checksum of block 2 of volume 1 is wrong"));
    assert!(problems.iter().any(|why| why == "block 1 of 3 of volume 1 is not there"));
    let (node, _) = tree.resolve(&"image@0x0/ubi:/volume1".parse().unwrap()).unwrap();
    let content = tree.node(node).content.clone().unwrap();
    assert_eq!(content.len(), 2 * full.len() as u64 + 7);
    assert_eq!(content.read(2 * full.len() as u64, 7).unwrap(), "the end");
}

#[test]
fn two_images_in_a_file_stay_apart() {
    let of = |image_sequence, data: &[u8]| {
        let about = About { image_sequence, ..About::default() };
        [block_about(0, 0, 1, data, about), block_about(0, 1, 1, data, about)].concat()
    };
    let image = [of(7, b"one"), of(9, b"two")].concat();
    let tree = Tree::from_bytes(image, &Limits::default());
    assert_eq!(tree.problems(), []);
    for (place, data) in [(0, b"one"), (2 * BLOCK, b"two")] {
        let locator = format!("image@{place:#x}/ubi:/volume0").parse().unwrap();
        let (node, _) = tree.resolve(&locator).unwrap();
        assert_eq!(tree.node(node).len(), 2 * (BLOCK as u64 - 128));
        assert!(tree.bytes(node).unwrap().starts_with(data));
    }
}

#[test]
fn the_volume_table_of_the_reference_tool_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("content"), sample(3000, 2)).unwrap();
    let plan = format!(
        "[one]\nmode=ubi\nimage={0}\nvol_id=0\nvol_type=static\nvol_name=kernel\n\
         vol_flags=skip-check\n\
         [two]\nmode=ubi\nimage={0}\nvol_id=3\nvol_type=dynamic\nvol_name=data\n\
         vol_size=40KiB\nvol_alignment=8\nvol_flags=autoresize\n",
        path("content")
    );
    fs::write(path("plan"), plan).unwrap();
    // Erase blocks so small are those of serial flash.
    let image = path("image");
    let arguments = ["-o", &image, "-m", "1", "-p", "1KiB", "-Q", "77", &path("plan")];
    if !run("ubinize", &arguments) {
        return;
    }
    let tree = Tree::from_bytes(fs::read(&image).unwrap(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let attribute = |key| attribute(&tree, "ubi", key).unwrap();
    assert_eq!((attribute("erase-block"), attribute("data-offset")), ("1024".into(), "128".into()));
    assert_eq!(attribute("image-sequence"), "0x0000004d");
    let volumes = attribute("volumes");
    assert!(volumes.contains("0: kernel, static, 4 blocks reserved, checksums skipped"));
    assert!(volumes.contains("aligned to 8, autoresize"), "{volumes}");
    let (node, _) = tree.resolve(&"image@0x0/ubi:/kernel".parse().unwrap()).unwrap();
    assert_eq!(tree.bytes(node).unwrap(), sample(3000, 2));
}
