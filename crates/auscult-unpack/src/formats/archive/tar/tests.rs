//! tar archives from the test kit, from the `tar` program where there is one, and by hand.

use auscult_model::Limits;
use auscult_testkit::{Tree as Files, archive};

use crate::{
    EntryKind, Node, NodeKind, Tree,
    formats::testing::{
        hostile,
        reference::{assert_same, make_directory, run},
    },
};

fn files() -> Files {
    Files::new()
        .directory("bin", 0o755)
        .file("bin/su", 0o4755, "su")
        .owned_by(0, 7)
        .symlink("bin/sh", "su")
        .character_device("console", 0o600, (5, 1))
        .file("x".repeat(120), 0o644, "long")
        .file(b"not\xffutf8", 0o600, vec![7; 1000])
        .dated(1_700_000_000)
}

fn open(bytes: impl Into<bytes::Bytes>) -> Tree {
    Tree::from_bytes(bytes, &Limits::default())
}

fn member<'tree>(tree: &'tree Tree, path: &[u8]) -> &'tree Node {
    let root = tree.file_systems().next().unwrap();
    tree.node(tree.member(root, path).unwrap())
}

#[test]
fn members_keep_their_kind_and_metadata() {
    let tree = open(archive::tar(&files()));
    assert_eq!(tree.problems(), []);
    assert_eq!(tree.coverage().bytes_unread, 0);
    let su = member(&tree, b"/bin/su");
    assert_eq!((su.metadata.mode, su.metadata.group), (Some(0o4755), Some(7)));
    assert_eq!(su.metadata.modified, Some(1_700_000_000));
    assert_eq!(member(&tree, b"/bin/sh").kind, NodeKind::Member(EntryKind::Symlink("su".into())));
    let console = EntryKind::CharacterDevice { major: 5, minor: 1 };
    assert_eq!(member(&tree, b"/console").kind, NodeKind::Member(console));
    let long = member(&tree, "x".repeat(121).replacen('x', "/", 1).as_bytes());
    assert_eq!(long.content.as_ref().unwrap().read_all().unwrap(), "long");
    assert_eq!(member(&tree, b"/not\xffutf8").len(), 1000);
}

/// A header block with these fields and a right checksum.
fn header(name: &str, kind: u8, size: u64, magic: [u8; 8]) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..108].copy_from_slice(b"0000644\0");
    block[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(&magic);
    seal(&mut block);
    block
}

fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

const USTAR: [u8; 8] = *b"ustar\x0000";
const GNU: [u8; 8] = *b"ustar  \0";

#[test]
fn pax_records_override_the_header() {
    let record = |text: &str| format!("{} {text}\n", text.len() + 4);
    let records = [
        record("path=long/name/of/it"),
        record("uid=4000000000"),
        record("mtime=1700000001.25"),
        record("SCHILY.xattr.user.k=v1"),
    ]
    .concat();
    let image = [
        header("pax", b'x', records.len() as u64, USTAR),
        padded(records.as_bytes()),
        header("short", b'0', 3, USTAR),
        padded(b"abc"),
        header("other", b'0', 0, USTAR),
        vec![0; 1024],
    ]
    .concat();
    let tree = open(image);
    assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 0));
    let node = member(&tree, b"/long/name/of/it");
    assert_eq!(node.metadata.user, Some(4_000_000_000));
    assert_eq!(node.metadata.modified, Some(1_700_000_001));
    assert_eq!(node.metadata.xattrs, [("user.k".into(), b"v1".to_vec())]);
    assert_eq!(member(&tree, b"/other").metadata.user, Some(0));
}

#[test]
fn sparse_files_are_expanded() {
    let mut old = header("old", b'S', 6, GNU);
    for (at, value) in [(386, 1024), (398, 4), (410, 5000), (422, 2), (483, 9000)] {
        old[at..at + 12].copy_from_slice(format!("{value:011o}\0").as_bytes());
    }
    seal(&mut old);
    let records = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n23 GNU.sparse.name=new\n\
                   28 GNU.sparse.realsize=9000\n";
    let map = padded(b"2\n1024\n4\n5000\n2\n");
    let image = [
        old,
        padded(b"abcdef"),
        header("pax", b'x', records.len() as u64, USTAR),
        padded(records.as_bytes()),
        header("GNUSparseFile.0/new", b'0', 518, USTAR),
        map,
        padded(b"abcdef"),
        vec![0; 1024],
    ]
    .concat();
    let tree = open(image);
    assert_eq!(tree.problems(), []);
    let mut expected = vec![0; 9000];
    expected[1024..1028].copy_from_slice(b"abcd");
    expected[5000..5002].copy_from_slice(b"ef");
    for path in [&b"/old"[..], b"/new"] {
        let content = member(&tree, path).content.as_ref().unwrap().read_all().unwrap();
        assert!(content == expected, "{path:?}");
    }
}

#[test]
fn numbers_come_in_octal_and_in_base_256() {
    assert_eq!(super::number(b"0000644\0"), Some(0o644));
    assert_eq!(super::number(b"  644 \0 "), Some(0o644));
    assert_eq!(super::number(b"\x80\0\0\0\0\0\x01\0"), Some(256));
    assert_eq!(super::number(b"\0\0\0\0\0\0\0\0"), Some(0));
    assert_eq!(super::number(b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None);
    assert_eq!(super::number(b"9999999\0"), None);
}

#[test]
fn an_archive_without_its_end_keeps_its_members() {
    let image = archive::tar(&files());
    let tree = open(image[..2000].to_vec());
    assert_eq!(member(&tree, b"/bin/su").len(), 2);
    assert!(tree.problems()[0].why.contains("no end mark"));
}

#[test]
fn hostile_variants_do_no_harm() {
    let image = archive::tar(&Files::new().file("a", 0o644, "x").symlink("b", "a"));
    hostile::check(&image[..2048], 512);
    hostile::check(&header("old", b'S', 6, GNU), 512);
}

/// Packs a directory with GNU tar; none where it is missing.
fn pack(root: &std::path::Path, options: &str) -> Option<Vec<u8>> {
    let archive = root.with_extension("tar");
    let script = format!("tar -C {} -cf {} {options} .", root.display(), archive.display());
    let made = run("tar", &["--version"]) && run("sh", &["-c", &script]);
    made.then(|| std::fs::read(&archive).unwrap())
}

#[test]
fn every_variant_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let options = [
        "--format=gnu",
        "--format=oldgnu -S",
        "--format=gnu -S",
        "--format=pax",
        "--format=pax -S --sparse-version=0.0",
        "--format=pax -S --sparse-version=0.1",
        "--format=pax -S --sparse-version=1.0",
        "--format=gnu --label=backup",
    ];
    for options in options {
        let Some(archive) = pack(&root, options) else { return };
        assert_same(archive, "tar", &root);
    }
    // The other two have no room for so long a target.
    std::fs::remove_file(root.join("long-link")).unwrap();
    let Some(archive) = pack(&root, "--format=ustar") else { return };
    assert_same(archive, "tar", &root);
    let Some(archive) = pack(&root, "--format=v7") else { return };
    let tree = assert_same(archive, "tar-v7", &root);
    assert_eq!(tree.coverage().bytes_unread, 0);
}

#[test]
fn hostile_archives_of_version_7_do_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("a"), b"a").unwrap();
    let Some(archive) = pack(&root, "--format=v7") else { return };
    hostile::check(&archive[..1600], 512);
}
