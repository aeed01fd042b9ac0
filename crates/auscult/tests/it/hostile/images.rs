//! Attacks by structure: loops, overlaps, cuts.

use auscult_testkit::{
    Tree,
    disk::{Partition, mbr},
    squashfs::{SquashfsOptions, squashfs},
    uboot::{DeviceTreeNode, UImage},
};

use super::{Attack, bytes::romfs};
use crate::support::sample;

pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks = vec![
        // The root's first child is the root's own header.
        Attack::new("romfs: a folder in itself", romfs(&[(1, 32, 0, "loop")], 1024), &["before"]),
        Attack::new(
            "romfs: headers in a circle",
            romfs(&[(64 + 2, 0, 4, "a"), (32 + 2, 0, 4, "b")], 1024),
            &["before"],
        ),
        Attack::new(
            "romfs: a file longer than the image",
            romfs(&[(2, 0, 0x7fff_ffff, "long")], 1024),
            &["not all in the image"],
        ),
        Attack::new("device tree: nested deep", deep_device_tree(), &[]),
        Attack::new("uimage: nested deep", nested_uimage(60), &["limit depth"]),
        Attack::new("partitions over each other", overlapping_partitions(), &[]),
        Attack::new("squashfs: a link out", linked_squashfs(), &["leads out", "absolute"]),
    ];
    let image = std::fs::read(sample()).expect("read the sample");
    for (name, tenths) in [
        ("the sample cut at 1/10", 1),
        ("the sample cut at 3/10", 3),
        ("the sample cut at 5/10", 5),
        ("the sample cut at 8/10", 8),
    ] {
        attacks.push(Attack::new(name, image[..image.len() * tenths / 10].to_vec(), &[]));
    }
    attacks.push(Attack::new(
        "the sample with every 997th byte flipped",
        flipped(&image, 997),
        &[],
    ));
    attacks
}

fn flipped(image: &[u8], step: usize) -> Vec<u8> {
    let mut flipped = image.to_vec();
    flipped.iter_mut().step_by(step).for_each(|byte| *byte ^= 0x55);
    flipped
}

fn deep_device_tree() -> Vec<u8> {
    let leaf = DeviceTreeNode::new("leaf").text("compatible", "x");
    (0..200).fold(leaf, |inner, _| DeviceTreeNode::new("node").child(inner)).build()
}

fn nested_uimage(levels: usize) -> Vec<u8> {
    (0..levels).fold(b"core".to_vec(), |inner, _| {
        UImage { name: "again", data: &inner, ..UImage::default() }.build()
    })
}

fn overlapping_partitions() -> Vec<u8> {
    let content = [7; 2048];
    let mut image = mbr(&[
        Partition { kind: 0x83, name: "one", first_sector: 8, data: &content },
        Partition { kind: 0x83, name: "two", first_sector: 12, data: &content },
    ]);
    // The second starts where the first does.
    let first: [u8; 4] = image[446 + 8..446 + 12].try_into().expect("four bytes");
    image[462 + 8..462 + 12].copy_from_slice(&first);
    image
}

fn linked_squashfs() -> Vec<u8> {
    let tree = Tree::new()
        .symlink("/absolute", "/etc/shadow")
        .symlink("/up", "../../../../etc/shadow")
        .file("/file", 0o6755, "content");
    squashfs(&tree, SquashfsOptions::default())
}
