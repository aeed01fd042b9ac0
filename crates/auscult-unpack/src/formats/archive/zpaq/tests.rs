//! Archives made by hand, archives made by the program itself, and damaged ones.

use std::fs;

use auscult_model::Limits;
use sha1::{Digest as _, Sha1};

use crate::{
    Tree,
    formats::testing::{
        hostile::{self, attribute, noise},
        reference::{assert_same_files, assert_survives_damage, container, installed, run, sample},
    },
};

/// A block without a model: sizes of memory, no components, no program.
const PLAIN: &[u8] = &[2, 1, 7, 0, 0, 0, 0, 0, 0, 0, 0];

fn block(header: &[u8], segments: &[Vec<u8>]) -> Vec<u8> {
    [super::blocks::LOCATOR, header, &segments.concat(), &[255]].concat()
}

/// A segment whose stored bytes come in two pieces, and what it should come to.
fn segment(name: &str, comment: &str, stored: &[u8], content: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = [&[1][..], name.as_bytes(), &[0], comment.as_bytes(), &[0, 0]].concat();
    let (one, other) = stored.split_at(stored.len() / 2);
    for piece in [one, other].into_iter().filter(|piece| !piece.is_empty()) {
        bytes.extend(u32::try_from(piece.len()).unwrap().to_be_bytes());
        bytes.extend(piece);
    }
    bytes.extend([0; 4]);
    match content {
        Some(content) => {
            bytes.push(253);
            bytes.extend(Sha1::digest(content));
        }
        None => bytes.push(254),
    }
    bytes
}

/// A block of one segment that stands as it is.
fn plain(name: &str, comment: &str, content: &[u8]) -> Vec<u8> {
    let stored = [&[0][..], content].concat();
    block(PLAIN, &[segment(name, comment, &stored, Some(content))])
}

/// A block of a journal.
fn journal(kind: char, number: u32, content: &[u8]) -> Vec<u8> {
    let name = format!("jDC20260102030405{kind}{number:010}");
    plain(&name, &format!("{} jDC\u{1}", content.len()), content)
}

fn table(packed: &[u8], fragments: &[&[u8]]) -> Vec<u8> {
    let mut bytes = u32::try_from(packed.len()).unwrap().to_le_bytes().to_vec();
    for fragment in fragments {
        bytes.extend(Sha1::digest(fragment));
        bytes.extend(u32::try_from(fragment.len()).unwrap().to_le_bytes());
    }
    bytes
}

fn record(name: &str, fragments: &[u32]) -> Vec<u8> {
    let mut bytes = 20_260_102_030_405_u64.to_le_bytes().to_vec();
    bytes.extend(name.as_bytes());
    bytes.extend([0, 3, 0, 0, 0, b'u', 0xa4, 0x81]);
    bytes.extend(u32::try_from(fragments.len()).unwrap().to_le_bytes());
    bytes.extend(fragments.iter().flat_map(|number| number.to_le_bytes()));
    bytes
}

/// Two fragments, their sizes behind them.
fn fragments() -> Vec<u8> {
    let sizes = [5_u32, 6, 0, 2].map(u32::to_le_bytes).concat();
    [b"first", &b"second"[..], &sizes].concat()
}

/// An update with two files that share a fragment, then one that changes one and deletes another.
fn update(with_table: bool, with_data: bool) -> Vec<u8> {
    let data = journal('d', 1, &fragments());
    let count = if with_data { data.len() } else { 0 };
    let mut bytes = journal('c', 1, &u64::try_from(count).unwrap().to_le_bytes());
    if with_data {
        bytes.extend(&data);
    }
    if with_table {
        bytes.extend(journal('h', 1, &table(&data, &[b"first", b"second"])));
    }
    let files = [record("a", &[1, 2]), record("dir/b", &[2, 2, 1]), record("gone", &[1])];
    bytes.extend(journal('i', 1, &files.concat()));
    bytes.extend(journal('c', 3, &[0; 8]));
    let deleted = [&[0; 8][..], b"gone\0"].concat();
    bytes.extend(journal('i', 3, &[record("a", &[2]), record("dir/", &[]), deleted].concat()));
    bytes
}

fn read(tree: &Tree, path: &str) -> Vec<u8> {
    let member = tree.member(container(tree, "zpaq"), path.as_bytes());
    tree.bytes(member.unwrap_or_else(|| panic!("no {path}"))).unwrap().to_vec()
}

fn unread(tree: &Tree, path: &str) -> (u64, String) {
    let member = tree.member(container(tree, "zpaq"), path.as_bytes()).unwrap();
    let unread = tree.node(member).unread.as_ref().unwrap();
    (unread.bytes, unread.reason.clone())
}

fn open(bytes: &[u8]) -> Tree {
    Tree::from_bytes(bytes.to_vec(), &Limits::default())
}

/// What went wrong, in one text.
fn problems(tree: &Tree) -> String {
    format!("{:?}", tree.problems())
}

#[test]
fn files_of_streams_go_on_over_segments_and_blocks() {
    let stored = |bytes: &[u8]| [&[0][..], bytes].concat();
    let first = [
        segment("dir\\one", "3 20260102030405 u33261", &stored(b"one"), Some(b"one")),
        segment("", "", b" more", Some(b" more")),
        segment("two", "", b"", Some(b"")),
    ];
    let archive = [
        block(PLAIN, &first),
        block(PLAIN, &[segment("", "", &stored(b"two"), None)]),
        block(PLAIN, &[segment("three", "w32", &stored(&vec![7; 70_000]), None)]),
    ]
    .concat();
    for bytes in [archive.clone(), archive[13..].to_vec()] {
        let tree = open(&bytes);
        assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 0));
        assert_eq!(attribute(&tree, "zpaq", "variant").unwrap(), "streaming");
        assert_eq!(read(&tree, "/dir/one"), b"one more");
        assert_eq!(read(&tree, "/two"), b"two");
        assert_eq!(read(&tree, "/three"), vec![7; 70_000]);
        let member = tree.member(container(&tree, "zpaq"), b"/dir/one").unwrap();
        let metadata = &tree.node(member).metadata;
        assert_eq!((metadata.mode, metadata.modified), (Some(0o755), Some(1_767_323_045)));
    }
}

#[test]
fn an_only_segment_without_a_name_is_the_payload() {
    let inner = plain("inner", "", b"text");
    let tree = open(&[b"junk".to_vec(), plain("", "", &inner), b"tail".to_vec()].concat());
    assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 8));
    let found = tree.nodes().filter(|(_, node)| node.format() == Some("zpaq")).count();
    assert_eq!(found, 2);
}

#[test]
fn journals_give_the_last_version_of_every_file() {
    for with_table in [true, false] {
        let tree = open(&update(with_table, true));
        assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 0));
        assert_eq!(read(&tree, "/a"), b"second");
        assert_eq!(read(&tree, "/dir/b"), b"secondsecondfirst");
        let inside = container(&tree, "zpaq");
        assert!(tree.member(inside, b"/gone").is_none());
        let member = tree.member(inside, b"/a").unwrap();
        assert_eq!(tree.node(member).metadata.mode, Some(0o644));
        for (key, value) in [
            ("variant", "journaling"),
            ("versions", "2"),
            ("older-files", "2"),
            ("deleted-files", "1"),
            ("updated", "2026-01-02T03:04:05Z"),
        ] {
            assert_eq!(attribute(&tree, "zpaq", key).unwrap(), value, "{key}");
        }
    }
}

#[test]
fn what_is_not_in_the_archive_is_said() {
    let index_only = open(&update(true, false));
    let why = "not extracted: its fragments are in another archive";
    assert_eq!(unread(&index_only, "/a"), (0, why.to_owned()));
    let neither = open(&update(false, false));
    assert!(problems(&neither).contains("fragment 2 is in no table"), "{}", problems(&neither));

    let start = journal('c', 5, &[0xff; 8]);
    let data = journal('d', 5, &fragments());
    let unfinished = open(&[update(true, true), start.clone(), data.clone()].concat());
    assert_eq!(read(&unfinished, "/a"), b"second");
    let (bytes, _) = unread(&unfinished, "/unfinished-update");
    assert_eq!(bytes, (start.len() + data.len()) as u64);
    assert_eq!(unfinished.coverage().bytes_unread, bytes);
    assert!(problems(&unfinished).contains("not finished"));
}

#[test]
fn wrong_checksums_are_told_and_the_bytes_kept() {
    // The later half of a segment is a piece of its own.
    let damaged = |mut bytes: Vec<u8>, from: &[u8]| {
        let place = memchr::memmem::find(&bytes, from).unwrap();
        bytes[place] = b'X';
        open(&bytes)
    };
    let stream = damaged(plain("a", "", b"content"), b"tent");
    assert_eq!(read(&stream, "/a"), b"conXent");
    assert!(problems(&stream).contains("its SHA-1 is wrong"), "{}", problems(&stream));
    let journal = damaged(update(true, true), b"first");
    assert_eq!(read(&journal, "/dir/b"), b"secondsecondXirst");
    assert_eq!(read(&journal, "/a"), b"second");
    let wrong = problems(&journal);
    assert!(wrong.contains("dir/b (fragment 1)") && !wrong.contains("fragment 2"), "{wrong}");
}

#[test]
fn blocks_between_damaged_ones_are_found() {
    let archive = [plain("a", "", b"one"), plain("b", "", b"two"), plain("c", "", b"three")];
    let mut gap = archive.clone();
    gap[1][16] = 9;
    let tree = open(&gap.concat());
    assert_eq!((read(&tree, "/a"), read(&tree, "/c")), (b"one".to_vec(), b"three".to_vec()));
    assert_eq!(tree.coverage().bytes_unread, archive[1].len() as u64);
    // A length that leads past the end.
    let mut endless = archive.clone();
    let place = memchr::memmem::find(&endless[1], &[0, 0, 0, 2]).unwrap();
    endless[1][place] = 0x7f;
    let tree = open(&endless.concat());
    assert_eq!((read(&tree, "/a"), read(&tree, "/c")), (b"one".to_vec(), b"three".to_vec()));
    assert!(problems(&tree).contains("truncated"), "{}", problems(&tree));
}

#[test]
fn damage_does_no_harm() {
    hostile::check(&update(true, true), 300);
    let stored = [&[1, 3, 0, 57, 56, 0][..], b"through a program"].concat();
    let program = block(PLAIN, &[segment("a", "", &stored, Some(b"through a program\xff"))]);
    assert_eq!(read(&open(&program), "/a"), b"through a program\xff");
    hostile::check(&program, program.len());
}

#[test]
fn a_decoder_that_needs_too_much_memory_is_refused() {
    // One component, a table of direct contexts with 2^30 cells.
    let header = [2, 1, 10, 0, 0, 0, 0, 0, 1, 2, 30, 255, 0, 0];
    let data = [&[1][..], b"big\0", b"9\0\0", &[1, 2, 3, 4, 0, 0, 0, 0, 254]].concat();
    let tree = open(&[block(&header, &[data]), plain("small", "", b"text")].concat());
    let (bytes, why) = unread(&tree, "/big");
    assert!(bytes == 8 && why.contains("needs 4294967306 bytes of memory"), "{why}");
    assert_eq!(read(&tree, "/small"), b"text");
}

#[test]
fn a_program_without_end_is_stopped() {
    // a++, round
    let stored = [&[1, 4, 0, 1, 63, 253, 0][..], b"text"].concat();
    let tree = open(&block(PLAIN, &[segment("a", "", &stored, None)]));
    assert!(problems(&tree).contains("does not come to its end"), "{}", problems(&tree));
    // out, round: the limit on the ratio stops it.
    let stored = [&[1, 4, 0, 57, 63, 253, 0][..], b"text"].concat();
    let limits = Limits { stream_bytes: 1 << 20, ..Limits::default() };
    let tree = Tree::from_bytes(block(PLAIN, &[segment("a", "", &stored, None)]), &limits);
    assert!(problems(&tree).contains("stream-bytes"), "{}", problems(&tree));
}

/// Found by fuzzing: such a file of a kilobyte took seconds.
#[test]
fn a_program_that_makes_much_of_little_is_stopped() {
    // out, round: at 50 ns for a byte the limit on the ratio alone comes late.
    let stored = [&[1, 4, 0, 57, 63, 253, 0][..], b"text"].concat();
    let tree = open(&block(PLAIN, &[segment("a", "", &stored, None)]));
    assert!(problems(&tree).contains("far more bytes than it has"), "{}", problems(&tree));
    // out, eighty times a++, round
    let program = [&[57][..], &[1; 80], &[63, 173]].concat();
    let head = [1, u8::try_from(program.len() + 1).unwrap(), 0];
    let stored = [&head[..], &program, &[0], b"text"].concat();
    let tree = open(&block(PLAIN, &[segment("a", "", &stored, None)]));
    assert!(problems(&tree).contains("does not come to its end"), "{}", problems(&tree));
}

/// Text, code-like bytes, noise, runs and many small files.
fn make_files(root: &std::path::Path) {
    fs::create_dir_all(root.join("many/deep")).unwrap();
    let line =
        |line: u32| format!("line {line} of a text with {} and {}", line * 7 % 1000, line % 13);
    let text = (0..2500).map(line).collect::<Vec<_>>().join("\n");
    fs::write(root.join("text"), &text).unwrap();
    // Calls to a few places, as in code of x86.
    let calls = (0..6000_u32).flat_map(|at| {
        let target = (at % 50 * 64).wrapping_sub(at * 9) & 0x00ff_ffff;
        [&[0x8b, 0x45, 8, 0xe8][..], &target.to_le_bytes(), &[0x90]].concat()
    });
    fs::write(root.join("code"), [b"\x7fELF".to_vec(), calls.collect()].concat()).unwrap();
    fs::write(root.join("noise"), noise(30_000)).unwrap();
    fs::write(root.join("mixed"), sample(60_000, 5)).unwrap();
    fs::write(root.join("zeros"), vec![0; 100_000]).unwrap();
    fs::write(root.join("again"), &text).unwrap();
    fs::write(root.join("empty"), b"").unwrap();
    for index in 0..40 {
        fs::write(root.join(format!("many/deep/{index}")), sample(index * 25, 7)).unwrap();
    }
}

fn zpaq(folder: &std::path::Path, arguments: &str) -> Vec<u8> {
    let script = format!("cd {} && zpaq add {arguments} >/dev/null 2>&1", folder.display());
    assert!(run("sh", &["-c", &script]));
    let name = arguments.split(' ').next().unwrap();
    fs::read(folder.join(name)).unwrap()
}

#[test]
fn archives_of_all_methods_are_read() {
    if !installed("zpaq") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_files(&root);
    for method in 0..=5 {
        let archive = zpaq(&root, &format!("../m{method}.zpaq . -m{method}"));
        let tree = assert_same_files(archive, "zpaq", &root);
        assert_eq!(attribute(&tree, "zpaq", "variant").unwrap(), "journaling");
        assert_eq!(tree.coverage().bytes_unread, 0, "{method}");
    }
}

/// Every component and every transform that the program makes, as streams.
#[test]
fn streams_with_all_components_are_read() {
    if !installed("zpaq") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_files(&root);
    for method in [
        "s0.0",
        "s1.1.4.0.3.18",
        "s1.2.12.0.3.18",
        "s0.3ci1",
        "s1.4c0.0.255.255m8.24",
        "s1.5.4.0.3.18",
        "s0.6.12.0.3.18c0.0.511.255i2",
        "s1.7ci1",
        "s0.0c256.0.255.255c0.2.255ci1.1.1.2aw2mm16tst",
        "s0.0c1.1010.255c30.0.255.255a24.1.1w1.65.26.223.20.0s8.32.255t8.24",
    ] {
        let archive = zpaq(&root, &format!("../{method}.zpaq . -method {method}"));
        let tree = assert_same_files(archive, "zpaq", &root);
        assert_eq!(attribute(&tree, "zpaq", "variant").unwrap(), "streaming");
    }
}

#[test]
fn later_versions_and_deletions_count() {
    if !installed("zpaq") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_files(&root);
    zpaq(&root, "../v.zpaq .");
    fs::remove_file(root.join("noise")).unwrap();
    fs::write(root.join("text"), sample(100_000, 9)).unwrap();
    let past = fs::File::options().write(true).open(root.join("text")).unwrap();
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_mins(25_000_000);
    past.set_modified(time).unwrap();
    let archive = zpaq(&root, "../v.zpaq .");
    let tree = assert_same_files(archive.clone(), "zpaq", &root);
    let inside = container(&tree, "zpaq");
    assert!(tree.member(inside, b"/noise").is_none());
    let text = tree.member(inside, b"/text").unwrap();
    assert_eq!(tree.node(text).metadata.modified, Some(1_500_000_000));
    assert_eq!(attribute(&tree, "zpaq", "versions").unwrap(), "2");
    assert_eq!(attribute(&tree, "zpaq", "deleted-files").unwrap(), "1");
}

#[test]
fn damaged_archives_of_the_program_do_no_harm() {
    if !installed("zpaq") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), sample(3000, 1)).unwrap();
    let models = [
        ("x1.1.4.0.3.18", 200),
        ("s0.3ci1", 40),
        ("s0.0c0.0.255c9.2.255ci1a24.4.4w1m8t8s8.32.255", 120),
    ];
    for (index, (method, head_bytes)) in models.into_iter().enumerate() {
        let archive = zpaq(folder.path(), &format!("{index}.zpaq file -method {method}"));
        assert_survives_damage(&archive, head_bytes, archive.len() / 20);
    }
}
