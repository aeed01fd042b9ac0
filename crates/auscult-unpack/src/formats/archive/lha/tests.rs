//! LHA archives by hand, and made by the `jlha` program where it is installed.

use std::fs;

use auscult_model::Limits;

use super::crc16_arc;
use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::{
        hostile,
        reference::{assert_same_files, container, installed, run, sample},
    },
};

/// A header of level 0 with the data behind it.
fn level_0(name: &[u8], method: &[u8], data: &[u8], content: &[u8], tail: &[u8]) -> Vec<u8> {
    let word = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let rest = [
        method,
        &word(data.len()),
        &word(content.len()),
        &0x5c5c_7d5d_u32.to_le_bytes(),
        &[0x20, 0, u8::try_from(name.len()).unwrap()],
        name,
        &crc16_arc(content).to_le_bytes(),
        tail,
    ]
    .concat();
    let sum = rest.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    [&[u8::try_from(rest.len()).unwrap(), sum][..], &rest, data].concat()
}

/// A header of level 2 with these extended headers.
fn level_2(method: &[u8], data: &[u8], extensions: &[(u8, &[u8])]) -> Vec<u8> {
    let word = |value: usize| u32::try_from(value).unwrap().to_le_bytes();
    let short = |value: usize| u16::try_from(value).unwrap().to_le_bytes();
    let mut header = [
        &[0, 0][..],
        method,
        &word(data.len()),
        &word(data.len()),
        &1_700_000_000_u32.to_le_bytes(),
        &[0x20, 2],
        &crc16_arc(data).to_le_bytes(),
        b"U",
    ]
    .concat();
    for (kind, value) in extensions {
        header.extend(short(value.len() + 3));
        header.push(*kind);
        header.extend_from_slice(value);
    }
    header.extend([0, 0]);
    let total = short(header.len());
    header[..2].copy_from_slice(&total);
    // The sum is the first extension, and zero while it is taken.
    let crc = crc16_arc(&header).to_le_bytes();
    header[27..29].copy_from_slice(&crc);
    [header, data.to_vec()].concat()
}

/// LZHUF of `aaaa`, by the first tree: every symbol has 8 or 9 bits.
fn archive() -> Vec<u8> {
    let unix =
        [&b"U\0"[..], &1_600_000_000_u32.to_le_bytes(), &[0xed, 0x81, 10, 0, 20, 0]].concat();
    let lzs = [0b1011_0000, 0b1111_1111, 0b0111_1001, 0b0010_0000];
    [
        level_0(b"dir\\stored", b"-lh0-", b"stored text", b"stored text", b""),
        level_0(b"mode", b"-lh0-", b"x", b"x", &unix),
        level_0(b"lz5", b"-lz5-", &[0b0000_0111, b'a', b'b', b'c', 0xee, 0xf2], b"abcabcab", b""),
        level_0(b"lzs", b"-lzs-", &lzs, b"abbb", b""),
        level_2(
            b"-lh0-",
            b"new",
            &[
                (0, &[0, 0]),
                (1, b"name"),
                (2, b"one\xfftwo\xff"),
                (0x50, &[0xa4, 0x81]),
                (0x51, &[7, 0, 9, 0]),
            ],
        ),
        level_2(b"-lhd-", b"", &[(0, &[0, 0]), (1, b"link|target"), (0x50, &[0xff, 0xa1])]),
        vec![0],
    ]
    .concat()
}

#[test]
fn headers_of_several_levels() {
    let tree = Tree::from_bytes([archive(), b"tail".to_vec()].concat(), &Limits::default());
    let inside = container(&tree, "lha");
    let node = |path: &str| tree.node(tree.member(inside, path.as_bytes()).unwrap());
    let read = |path: &str| node(path).content.as_ref().unwrap().read_all().unwrap();
    assert_eq!(read("/dir/stored"), "stored text");
    assert_eq!(read("/lz5"), "abcabcab");
    assert_eq!(read("/one/two/name"), "new");
    let mode = &node("/mode").metadata;
    assert_eq!((mode.mode, mode.user, mode.group), (Some(0o755), Some(10), Some(20)));
    let named = &node("/one/two/name").metadata;
    assert_eq!((named.mode, named.user, named.group), (Some(0o644), Some(9), Some(7)));
    assert_eq!(node("/link").kind, NodeKind::Member(EntryKind::Symlink("target".into())));
    assert_eq!(tree.coverage().bytes_unread, 4);
}

#[test]
fn archives_of_a_real_program() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("large"), sample(200_001, 1)).unwrap();
    fs::write(root.join("text"), b"some text, and the same text again".repeat(900)).unwrap();
    fs::write(root.join("zeros"), vec![0; 70_000]).unwrap();
    fs::write(root.join("one"), b"x").unwrap();
    // Method and level of the headers.
    for options in ["ao5", "ao6", "ao7", "ao50", "ao51", "ao52", "az2"] {
        let archive = folder.path().join(format!("{options}.lzh"));
        let script = format!(
            "cd {} && jlha {options} {} large text zeros one >/dev/null",
            root.display(),
            archive.display()
        );
        if !installed("jlha") {
            return;
        }
        assert!(run("sh", &["-c", &script]));
        assert_same_files(fs::read(&archive).unwrap(), "lha", &root);
    }
}

#[test]
fn damage_does_no_harm() {
    let archive = archive();
    hostile::check(&archive, archive.len());
}
