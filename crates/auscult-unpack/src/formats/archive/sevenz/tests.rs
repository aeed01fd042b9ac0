//! 7z archives made by 7-Zip.

use std::{fs, path::Path};

use auscult_model::Limits;

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::{
        hostile::{self, attribute},
        reference::{assert_same_contents, container, make_directory, run, sample},
    },
};

/// Packs everything in `root` with these options; none where the tool is missing.
fn pack(root: &Path, options: &[&str]) -> Option<Vec<u8>> {
    let archive = root.with_extension("7z");
    let _ = fs::remove_file(&archive);
    let everything = format!("{}/.", root.display());
    let mut arguments = vec!["a", "-bd", "-snl"];
    arguments.extend(options);
    arguments.extend([archive.to_str().unwrap(), &everything]);
    run("7z", &arguments).then(|| fs::read(&archive).unwrap())
}

#[test]
fn every_method_of_the_reference_program() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let code: Vec<u8> = fs::read("/bin/sh").unwrap_or_else(|_| sample(100_000, 7));
    fs::write(root.join("program"), &code[..code.len().min(150_000)]).unwrap();
    let methods: &[&[&str]] = &[
        &[],
        &["-mx=0"],
        &["-m0=lzma:d=1m"],
        &["-m0=ppmd:mem=4m:o=6"],
        &["-m0=bzip2"],
        &["-m0=deflate"],
        &["-m0=deflate64"],
        &["-m0=bcj", "-m1=lzma"],
        &["-m0=bcj2", "-m1=lzma", "-m2=lzma", "-m3=lzma", "-mb0:1", "-mb0s1:2", "-mb0s2:3"],
        &["-m0=arm", "-m1=copy"],
        &["-m0=armt", "-m1=lzma2"],
        &["-m0=ppc", "-m1=lzma2"],
        &["-m0=sparc", "-m1=lzma2"],
        &["-m0=ia64", "-m1=lzma2"],
        &["-m0=delta:4", "-m1=lzma2"],
        &["-ms=off", "-mhc=off"],
    ];
    for options in methods {
        let Some(archive) = pack(&root, options) else { return };
        let tree = assert_same_contents(archive, "7z", &root);
        assert_eq!(tree.coverage().bytes_unread, 0, "{options:?}");
    }
}

#[test]
fn modes_links_and_times_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let Some(archive) = pack(&root, &["-mx=1"]) else { return };
    let tree = Tree::from_bytes(archive, &Limits::default());
    let inside = container(&tree, "7z");
    let node = |path: &str| tree.node(tree.member(inside, path.as_bytes()).unwrap());
    assert_eq!(node("/etc/tiny").metadata.mode, Some(0o4751));
    assert!(node("/etc/tiny").metadata.modified > Some(1_600_000_000));
    assert_eq!(node("/short-link").kind, NodeKind::Member(EntryKind::Symlink("etc/tiny".into())));
    assert_eq!(attribute(&tree, "7z", "solid").unwrap(), "true");
    assert_eq!(attribute(&tree, "7z", "compression").unwrap(), "lzma2");
}

#[test]
fn encrypted_archives_are_said() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("secret"), b"a secret").unwrap();
    for (options, listed) in [(&["-psecret"][..], true), (&["-psecret", "-mhe=on"], false)] {
        let Some(archive) = pack(&root, options) else { return };
        let length = archive.len() as u64;
        let tree = Tree::from_bytes(archive, &Limits::default());
        assert_eq!(tree.coverage().bytes_unread, length);
        assert!(tree.coverage().regions_unread[0].reason.contains("encrypted"));
        let inside = container(&tree, "7z");
        assert_eq!(tree.member(inside, b"/secret").is_some(), listed);
    }
}

#[test]
fn a_wrong_checksum_is_told_and_the_content_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("text"), b"some text").unwrap();
    let Some(mut archive) = pack(&root, &["-mx=0"]) else { return };
    archive[32] ^= 1;
    let prefixed = [&b"a program in front"[..], &archive].concat();
    let tree = Tree::from_bytes(prefixed, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("checksum")));
    let inside = container(&tree, "7z");
    let text = tree.member(inside, b"/text").unwrap();
    assert_eq!(tree.bytes(text).unwrap().len(), 9);
}

#[test]
fn damage_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("empty")).unwrap();
    fs::write(root.join("text"), b"some text, some more text").unwrap();
    for options in [&["-mhc=off"][..], &["-m0=bcj2", "-m1=lzma:d=64k"], &["-m0=ppmd:mem=64k"]] {
        let Some(archive) = pack(&root, options) else { return };
        hostile::check(&archive, archive.len());
        // Also behind the checksums of the header.
        let start =
            32 + usize::try_from(u64::from_le_bytes(archive[12..20].try_into().unwrap())).unwrap();
        for at in start..archive.len() {
            for value in [0, 1, 9, 0x7f, 0xff] {
                let mut damaged = archive.clone();
                damaged[at] = value;
                let crc = crate::checksum::Crc32::of(&damaged[start..]);
                damaged[28..32].copy_from_slice(&crc.to_le_bytes());
                let crc = crate::checksum::Crc32::of(&damaged[12..32]);
                damaged[8..12].copy_from_slice(&crc.to_le_bytes());
                drop(Tree::from_bytes(damaged, &Limits::default()));
            }
        }
    }
}
