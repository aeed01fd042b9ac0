//! LUKS: volumes of the reference tool, and damaged ones.

use std::fs::{self, File};

use auscult_model::Limits;

use crate::{
    NodeKind, Tree,
    formats::testing::{
        hostile::{attribute, noise},
        reference::{assert_survives_damage, container, run},
    },
};

fn format(options: &[&str]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let (image, key) = (folder.path().join("image"), folder.path().join("key"));
    File::create(&image).unwrap().set_len(20 << 20).unwrap();
    fs::write(&key, b"a secret").unwrap();
    let files = ["--key-file", key.to_str().unwrap(), image.to_str().unwrap()];
    let common = ["luksFormat", "-q", "--pbkdf-force-iterations", "1000", "--pbkdf", "pbkdf2"];
    let made = run("cryptsetup", &[&common[..], options, &files].concat());
    made.then(|| fs::read(&image).unwrap())
}

fn volume(options: &[&str]) -> Option<Tree> {
    let mut image = format(options)?;
    let payload = noise(64 << 10);
    let place = image.len() - payload.len();
    image[place..].copy_from_slice(&payload);
    Some(Tree::from_bytes(image, &Limits::default()))
}

#[test]
fn both_versions_tell_what_they_are_and_are_unread() {
    let Some(tree) = volume(&["--type", "luks1"]) else { return };
    let of = |tree: &Tree, key: &str| attribute(tree, "luks", key).unwrap();
    assert_eq!(of(&tree, "cipher"), "aes-xts-plain64");
    assert_eq!(of(&tree, "key-slots"), "0: pbkdf2 sha256, 1000 iterations");
    assert_eq!(of(&tree, "payload-offset"), (2 << 20).to_string());
    assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 20 << 20));
    let options = ["--type", "luks2", "--label", "the label", "--sector-size", "4096"];
    let Some(tree) = volume(&options) else { return };
    assert_eq!(of(&tree, "label"), "the label");
    assert_eq!(of(&tree, "cipher"), "aes-xts-plain64");
    assert_eq!(of(&tree, "sector-size"), "4096");
    assert_eq!(of(&tree, "key-slots"), "0: pbkdf2 sha256, 1000 iterations, 512 bits");
    assert_eq!(of(&tree, "payload-offset"), (16 << 20).to_string());
    assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 20 << 20));
    let NodeKind::Container { unread, .. } = &tree.node(container(&tree, "luks")).kind else {
        panic!()
    };
    assert_eq!(unread.as_deref(), Some("encrypted"));
}

#[test]
fn a_volume_inside_an_image_ends_where_its_bytes_are_not_dense() {
    let Some(image) = format(&["--type", "luks1"]) else { return };
    let mut image = [&[7; 4096][..], &image[..2 << 20], &noise(1 << 20)].concat();
    image.extend(b"plain text again\n".repeat(20_000));
    let tree = Tree::from_bytes(image, &Limits::default());
    let inside = tree.node(container(&tree, "luks"));
    assert_eq!((inside.offset, inside.len()), (4096, 3 << 20));
}

#[test]
fn damage_is_told_and_never_panics() {
    for options in [["--type", "luks1"], ["--type", "luks2"]] {
        let Some(image) = format(&options) else { return };
        let head = &image[..20 << 10];
        assert_survives_damage(head, 300, 401);
        for position in (300..head.len()).step_by(23) {
            let mut flipped = head.to_vec();
            flipped[position] ^= 0x41;
            drop(Tree::from_bytes(flipped, &Limits::default()));
        }
        let mut damaged = image.clone();
        damaged[4096 + 100] ^= 1;
        let problems = Tree::from_bytes(damaged, &Limits::default()).problems().len();
        assert_eq!(problems > 0, options[1] == "luks2");
    }
}
