//! Images captured by wimlib.

use std::fs;

use auscult_model::Limits;

use crate::{
    Tree,
    formats::testing::{
        hostile::attribute,
        reference::{
            assert_same, assert_same_contents, assert_survives_damage, make_directory, run, sample,
        },
    },
};

/// Captures a directory; none where the tool is missing.
fn capture(root: &std::path::Path, options: &[&str]) -> Option<Vec<u8>> {
    let image = root.with_extension("wim");
    let _ = fs::remove_file(&image);
    let (root_name, image_name) = (root.to_str().unwrap(), image.to_str().unwrap());
    let mut arguments = vec!["capture", root_name, image_name, "the name"];
    arguments.extend(options);
    run("wimlib-imagex", &arguments).then(|| fs::read(&image).unwrap())
}

#[test]
fn images_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let program = fs::read("/bin/sh").unwrap_or_default();
    fs::write(root.join("program"), &program).unwrap();
    let options: &[&[&str]] = &[
        &["--compress=none"],
        &["--compress=LZX"],
        &["--compress=LZX:100"],
        &["--compress=LZX", "--chunk-size=2M"],
        &["--compress=XPRESS"],
        &["--compress=XPRESS", "--chunk-size=64K"],
        &["--compress=LZX", "--check"],
        &["--compress=LZX", "--pipable"],
        &["--solid", "--solid-compress=LZX", "--compress=LZX"],
        &["--solid", "--solid-compress=XPRESS", "--compress=XPRESS"],
    ];
    for options in options {
        let Some(image) = capture(&root, options) else { return };
        let tree = assert_same_contents(image, "wim", &root);
        assert_eq!(tree.coverage().bytes_unread, 0, "{options:?}");
        assert_eq!(attribute(&tree, "wim", "names").unwrap(), "the name");
    }
}

#[test]
fn modes_and_owners_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let Some(image) = capture(&root, &["--unix-data"]) else { return };
    assert_same(image, "wim", &root);
}

#[test]
fn several_images_are_directories() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("one"), b"one").unwrap();
    if capture(&root, &[]).is_none() {
        return;
    }
    fs::write(root.join("two"), sample(5000, 9)).unwrap();
    let image = root.with_extension("wim");
    let (root_name, image_name) = (root.to_str().unwrap(), image.to_str().unwrap());
    assert!(run("wimlib-imagex", &["append", root_name, image_name, "second"]));
    let bytes = [fs::read(&image).unwrap(), b"tail".to_vec()].concat();
    let tree = Tree::from_bytes(bytes, &Limits::default());
    assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 4));
    let inside = tree.file_systems().next().unwrap();
    assert!(tree.member(inside, b"/1/one").is_some() && tree.member(inside, b"/1/two").is_none());
    let two = tree.member(inside, b"/2/two").unwrap();
    assert!(tree.bytes(two).unwrap() == sample(5000, 9));
}

#[test]
fn lzms_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("a"), sample(200_000, 3)).unwrap();
    let Some(image) = capture(&root, &["--compress=LZMS", "--chunk-size=128K"]) else { return };
    let length = image.len() as u64;
    let tree = Tree::from_bytes(image, &Limits::default());
    let coverage = tree.coverage();
    assert!(coverage.bytes_unread * 10 > length * 8, "{coverage:?}");
    assert!(coverage.regions_unread.iter().any(|region| region.reason.contains("LZMS")));
}

#[test]
fn damage_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("sub")).unwrap();
    fs::write(root.join("sub/a"), sample(40_000, 3)).unwrap();
    for options in [&["--compress=none"][..], &["--compress=LZX"], &["--compress=XPRESS"]] {
        let Some(image) = capture(&root, options) else { return };
        assert_survives_damage(&image, image.len().min(300), 211);
        // The metadata lies near the end.
        let turned = (image.len().saturating_sub(2500)..image.len()).step_by(3);
        for at in turned {
            let mut damaged = image.clone();
            damaged[at] ^= 0xff;
            drop(Tree::from_bytes(damaged, &Limits::default()));
        }
    }
}
