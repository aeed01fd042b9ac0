//! cpio archives from the test kit and by hand.

use auscult_model::Limits;
use auscult_testkit::{Tree as Files, archive, stream};

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::{
        hostile,
        reference::{assert_same, run, sample},
    },
};

fn files() -> Files {
    Files::new()
        .directory("bin", 0o755)
        .file("bin/su", 0o4755, "su")
        .owned_by(0, 7)
        .symlink("bin/sh", "su")
        .character_device("console", 0o600, (5, 1))
        .file("empty", 0o600, "")
        .dated(1_700_000_000)
}

fn open(bytes: impl Into<bytes::Bytes>) -> Tree {
    Tree::from_bytes(bytes, &Limits::default())
}

fn paths(tree: &Tree) -> Vec<String> {
    tree.nodes()
        .filter(|(_, node)| matches!(node.kind, NodeKind::Member(_)))
        .map(|(_, node)| node.name.to_string())
        .collect()
}

#[test]
fn members_keep_their_kind_and_metadata() {
    let tree = open(archive::cpio_newc(&files()));
    assert_eq!(tree.problems(), []);
    assert_eq!(tree.coverage().bytes_unread, 0);
    let root = tree.file_systems().next().unwrap();
    let member = |path: &[u8]| tree.node(tree.member(root, path).unwrap());
    let su = member(b"/bin/su");
    assert_eq!((su.metadata.mode, su.metadata.group), (Some(0o4755), Some(7)));
    assert_eq!(su.metadata.modified, Some(1_700_000_000));
    assert_eq!(su.content.as_ref().unwrap().read_all().unwrap(), "su");
    assert_eq!(member(b"/bin/sh").kind, NodeKind::Member(EntryKind::Symlink("su".into())));
    let console = EntryKind::CharacterDevice { major: 5, minor: 1 };
    assert_eq!(member(b"/console").kind, NodeKind::Member(console));
    assert!(member(b"/empty").is_file() && member(b"/empty").is_empty());
}

#[test]
fn an_initramfs_of_several_archives_is_read_to_its_end() {
    let early = archive::cpio_newc(&Files::new().file("kernel/microcode", 0o644, "code"));
    let main = stream::gzip(&archive::cpio_newc(&files()));
    let length = early.len() as u64;
    let image = [early, vec![0; 512], main, vec![0; 100]].concat();
    let tree = open(image);
    let found: Vec<_> =
        tree.nodes().filter_map(|(_, node)| Some((node.format()?, node.offset))).collect();
    assert_eq!(found, [("cpio", 0), ("gzip", length + 512), ("cpio", 0)]);
    assert_eq!((tree.coverage().bytes_unread, tree.problems()), (0, &[][..]));
}

fn newc(inode: u32, mode: u32, links: u32, name: &str, data: &[u8]) -> Vec<u8> {
    let size = |length| u32::try_from(length).unwrap();
    let (size, name_size) = (size(data.len()), size(name.len() + 1));
    let fields = [inode, mode, 0, 0, links, 0, size, 8, 1, 0, 0, name_size, 0];
    let mut bytes = b"070701".to_vec();
    for field in fields {
        bytes.extend(format!("{field:08x}").into_bytes());
    }
    bytes.extend(name.as_bytes());
    bytes.push(0);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

#[test]
fn hard_links_name_the_member_that_has_the_data() {
    let image = [
        newc(9, 0o100_755, 3, "bin/ash", b""),
        newc(9, 0o100_755, 3, "bin/cat", b""),
        newc(9, 0o100_755, 3, "bin/busybox", b"program"),
        newc(0, 0o100_644, 2, "a", b""),
        newc(0, 0, 1, "TRAILER!!!", b""),
    ]
    .concat();
    let tree = open(image);
    let root = tree.file_systems().next().unwrap();
    let kind = |path: &[u8]| tree.node(tree.member(root, path).unwrap()).kind.clone();
    for link in [&b"/bin/ash"[..], b"/bin/cat"] {
        assert_eq!(kind(link), NodeKind::Member(EntryKind::Hardlink("bin/busybox".into())));
    }
    assert_eq!(kind(b"/bin/busybox"), NodeKind::Member(EntryKind::File));
    assert_eq!(kind(b"/a"), NodeKind::Member(EntryKind::File));
}

#[test]
fn the_old_and_the_checksummed_variants_are_read() {
    let odc = |mode: u32, name: &str, data: &[u8]| {
        let mut bytes = format!(
            "070707{:06o}{:06o}{mode:06o}{:06o}{:06o}{:06o}{:06o}{:011o}{:06o}{:011o}{name}\0",
            1,
            2,
            3,
            4,
            1,
            0,
            5,
            name.len() + 1,
            data.len()
        )
        .into_bytes();
        bytes.extend(data);
        bytes
    };
    let image = [odc(0o100_600, "odd", b"123"), odc(0, "TRAILER!!!", b"")].concat();
    let tree = open(image);
    assert_eq!(paths(&tree), ["/odd"]);
    assert_eq!((tree.coverage().bytes_unread, tree.problems()), (0, &[][..]));
    let mut crc = newc(1, 0o100_644, 1, "f", b"\x01\x02");
    crc[5] = b'2';
    crc[102..110].copy_from_slice(b"00000003");
    let end = newc(0, 0, 1, "TRAILER!!!", b"");
    let end = [b"070702", &end[6..]].concat();
    assert_eq!(open([crc.clone(), end.clone()].concat()).problems(), []);
    crc[109] = b'4';
    let tree = open([crc, end].concat());
    assert!(tree.problems()[0].why.contains("checksum"));
}

#[test]
fn hostile_variants_do_no_harm() {
    let image = archive::cpio_newc(&Files::new().file("a", 0o644, "x").symlink("b", "a"));
    hostile::check(&image, 130);
}

#[test]
fn a_cut_archive_keeps_its_first_members() {
    let image = archive::cpio_newc(&files());
    let tree = open(image[..300].to_vec());
    assert_eq!(paths(&tree), ["/bin", "/bin/su"]);
    assert!(!tree.problems().is_empty());
}

/// Packs a directory with GNU cpio; none where it is missing.
fn pack(format: &str, options: &str) -> Option<(tempfile::TempDir, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(root.join("etc/odd"), b"odd").unwrap();
    std::fs::write(root.join("large"), sample(70_001, 3)).unwrap();
    std::os::unix::fs::symlink("etc/odd", root.join("link")).unwrap();
    std::fs::hard_link(root.join("large"), root.join("etc/same")).unwrap();
    let script = format!(
        "cd {} && find . | cpio -o -H {format} {options} > ../out.cpio 2>/dev/null",
        root.display()
    );
    let made = run("cpio", &["--version"]) && run("sh", &["-c", &script]);
    made.then(|| {
        std::fs::read(folder.path().join("out.cpio")).map(|bytes| (folder, bytes)).unwrap()
    })
}

#[test]
fn every_variant_of_the_reference_tool() {
    for (format, name) in
        [("newc", "cpio"), ("crc", "cpio"), ("odc", "cpio"), ("bin", "cpio-binary")]
    {
        let Some((folder, archive)) = pack(format, "") else { return };
        let tree = assert_same(archive, name, &folder.path().join("root"));
        assert_eq!(tree.coverage().bytes_unread, 0, "{format}");
    }
}

#[test]
fn the_binary_format_in_the_other_byte_order() {
    let Some((folder, archive)) = pack("bin", "") else { return };
    // Every word of the headers is turned; names and data stay.
    let (mut swapped, mut at) = (archive.clone(), 0);
    while archive.get(at..at + 26).is_some() {
        let half = |index: usize| {
            usize::from(u16::from_le_bytes([archive[at + 2 * index], archive[at + 2 * index + 1]]))
        };
        let (name, size) = (half(10).next_multiple_of(2), half(11) << 16 | half(12));
        if half(0) != 0o70707 {
            break;
        }
        swapped[at..at + 26].chunks_mut(2).for_each(<[u8]>::reverse);
        at += 26 + name + size.next_multiple_of(2);
    }
    assert_same(swapped, "cpio-binary", &folder.path().join("root"));
}

#[test]
fn hostile_binary_archives_do_no_harm() {
    let Some((_folder, archive)) = pack("bin", "") else { return };
    hostile::check(&archive[..300], 120);
}
