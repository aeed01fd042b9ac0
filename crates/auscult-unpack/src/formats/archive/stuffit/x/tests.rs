//! Archives built element by element.

use std::fs;

use auscult_model::Limits;

use crate::{
    EntryKind, NodeKind, Tree,
    checksum::Crc32,
    codec::stuffit::tests::{LowBits, samples},
    formats::testing::{
        hostile::{self, attribute},
        reference::{container, installed, run},
    },
};

/// Elements are whole bytes each.
#[derive(Default)]
struct Builder(Vec<u8>);

impl Builder {
    fn new() -> Self {
        let mut builder = Self(b"StuffIt!".to_vec());
        builder.element(7, &[], &[], Some(0));
        builder
    }

    fn element(
        &mut self,
        kind: u64,
        attributes: &[(u64, u64)],
        algorithms: &[(u64, u64)],
        detail: Option<u64>,
    ) {
        let mut bits = LowBits::default();
        bits.flag(true);
        bits.number(kind);
        for &(key, value) in attributes {
            bits.number(key);
            bits.number(value);
        }
        bits.number(0);
        for &(key, value) in algorithms {
            bits.number(key);
            bits.number(value);
            if key == 4 {
                bits.number(16);
            }
        }
        bits.number(0);
        if let Some(detail) = detail {
            bits.number(detail);
        }
        self.0.extend(bits.bytes());
    }

    /// Blocks of at most 1000 bytes, then a zero.
    fn blocks(&mut self, bytes: &[u8]) {
        for block in bytes.chunks(1000) {
            let mut bits = LowBits::default();
            bits.number(u64::try_from(block.len()).unwrap());
            self.0.extend(bits.bytes());
            self.0.extend(block);
        }
        let mut bits = LowBits::default();
        bits.number(0);
        self.0.extend(bits.bytes());
    }

    fn file(&mut self, number: u64, parent: u64) {
        self.element(2, &[(1, number), (2, parent)], &[], None);
    }

    /// A fork of a kind, in a stream.
    fn fork(&mut self, kind: u64, file: u64, (stream, slot): (u64, u64), length: usize) {
        let length = u64::try_from(length).unwrap();
        self.element(3, &[(2, file), (3, stream), (4, slot), (5, length)], &[], Some(kind));
    }

    fn catalogue(&mut self, names: &[&str]) {
        let mut bytes = Vec::new();
        for name in names {
            bytes.extend(record(name));
        }
        let length = u64::try_from(bytes.len()).unwrap();
        self.element(5, &[(1, 1), (5, length)], &[], None);
        self.blocks(&bytes);
        self.blocks(&[]);
    }

    fn stream(&mut self, number: u64, packed: &[u8], content: &[u8], algorithms: &[(u64, u64)]) {
        let length = u64::try_from(content.len()).unwrap();
        let algorithms = [algorithms, &[(2, 0)]].concat();
        self.element(1, &[(1, number), (5, length)], &algorithms, None);
        self.blocks(packed);
        self.blocks(&Crc32::of(content).to_be_bytes());
    }

    fn end(mut self) -> Vec<u8> {
        self.element(0, &[], &[], None);
        self.0
    }
}

fn string(bits: &mut LowBits, text: &str) -> Vec<u8> {
    bits.number(u64::try_from(text.len()).unwrap());
    [&std::mem::take(bits).bytes()[..], text.as_bytes()].concat()
}

/// All that a catalogue may tell of a file.
fn record(name: &str) -> Vec<u8> {
    let mut bits = LowBits::default();
    let put = |bits: &mut LowBits, bytes: &[u8]| bytes.iter().for_each(|&byte| bits.byte(byte));
    bits.number(1);
    let mut bytes = string(&mut bits, name);
    bits.number(2);
    put(&mut bits, &(116_444_736_000_000_000_u64 + 50_000_000).to_be_bytes());
    bits.number(3);
    put(&mut bits, &[0; 4]);
    bits.number(4);
    let kind: &[u8] = if name == "link" { b"slnkrhap" } else { b"TEXTttxt" };
    put(&mut bits, &[kind, &[0; 24]].concat());
    bits.number(6);
    put(&mut bits, &[1, 0, 0, 0x81, 0xa4, 0, 0, 1, 0xf5, 0, 0, 0, 20]);
    bits.number(7);
    bits.number(9);
    bits.number(8);
    put(&mut bits, &[0; 8]);
    bits.number(9);
    bytes.extend(string(&mut bits, "a comment"));
    bits.number(0);
    bytes.extend(bits.bytes());
    bytes
}

fn archive() -> Vec<u8> {
    let mut builder = Builder::new();
    builder.element(4, &[(1, 2), (2, 0)], &[], None);
    builder.file(3, 2);
    builder.file(4, 2);
    builder.file(5, 0);
    builder.file(6, 0);
    builder.file(7, 0);
    builder.file(8, 0);
    builder.catalogue(&["folder", "one", "two", "link", "empty", "picture", "secret"]);
    builder.element(6, &[(5, 3)], &[], None);
    builder.0.extend([1, 2, 3]);
    // Out of order, and one fork that two files share.
    builder.fork(0, 4, (10, 1), 5);
    builder.fork(0, 3, (10, 0), 6);
    builder.fork(1, 3, (10, 2), 3);
    builder.fork(1, 4, (10, 2), 3);
    builder.fork(0, 5, (11, 0), 10);
    builder.fork(0, 7, (12, 0), 9);
    builder.fork(3, 7, (13, 0), 9);
    builder.fork(0, 8, (14, 0), 9);
    builder.element(8, &[], &[], None);
    builder.stream(10, b"first secondrs", b"first secondrs", &[]);
    builder.stream(11, b"folder/one", b"folder/one", &[]);
    builder.stream(12, b"???", b"a picture", &[(1, 7)]);
    builder.stream(13, b"thumbnail of it", b"thumbnail of it", &[]);
    builder.stream(14, b"!!!!", b"a secret.", &[(1, 0), (4, 2)]);
    builder.element(11, &[], &[], None);
    builder.blocks(b"index");
    builder.blocks(b"sum");
    builder.end()
}

#[test]
fn members_are_listed_and_unpacked() {
    let tree = Tree::from_bytes([archive(), b"tail".to_vec()].concat(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let inside = container(&tree, "stuffit");
    for (path, content) in [
        ("/folder/one", "first "),
        ("/folder/two", "secon"),
        ("/folder/one/..namedfork/rsrc", "drs"),
        ("/folder/two/..namedfork/rsrc", "drs"),
        ("/picture/..namedfork/3", "thumbnail of it"),
    ] {
        let member = tree.member(inside, path.as_bytes()).unwrap();
        assert_eq!(tree.bytes(member).unwrap(), content, "{path}");
    }
    let entry = |path: &[u8]| {
        let node = tree.node(tree.member(inside, path).unwrap());
        let NodeKind::Member(kind) = &node.kind else { panic!("no member") };
        (kind.clone(), node.metadata.clone())
    };
    assert_eq!(entry(b"/link").0, EntryKind::Symlink(b"folder/one"[..].into()));
    assert_eq!(entry(b"/folder").0, EntryKind::Directory);
    let (kind, metadata) = entry(b"/empty");
    assert_eq!((kind, metadata.modified, metadata.mode), (EntryKind::File, Some(5), Some(0o644)));
    assert_eq!((metadata.user, metadata.group), (Some(501), Some(20)));
    assert_eq!(metadata.xattrs[0].0, b"com.apple.FinderInfo"[..].into());
    let reason = |path: &[u8]| {
        tree.node(tree.member(inside, path).unwrap()).unread.as_ref().unwrap().reason.clone()
    };
    assert_eq!(reason(b"/picture"), "not extracted: StuffIt X compression jpeg");
    assert_eq!(reason(b"/secret"), "encrypted");
    assert_eq!(tree.coverage().bytes_unread, 3 + 4 + 4);
    assert_eq!(attribute(&tree, "stuffit", "compression").unwrap(), "stored jpeg brimstone");
    assert_eq!(attribute(&tree, "stuffit", "encrypted").unwrap(), "contents");
    assert_eq!(attribute(&tree, "stuffit", "solid").unwrap(), "true");
}

#[test]
fn damage_does_no_harm() {
    hostile::check(&archive(), 300);
}

#[test]
fn checksums_are_verified() {
    let mut bytes = archive();
    let at = memchr::memmem::find(&bytes, b"secon").unwrap();
    bytes[at] ^= 1;
    let tree = Tree::from_bytes(bytes, &Limits::default());
    let [problem] = tree.problems() else { panic!("{:?}", tree.problems()) };
    assert_eq!(problem.why, "the checksum is wrong");
    let member = tree.member(container(&tree, "stuffit"), b"/folder/one").unwrap();
    assert_eq!(tree.bytes(member).unwrap(), "first ");
}

#[test]
fn what_is_there_of_a_cut_archive_is_kept() {
    let bytes = archive();
    let at = memchr::memmem::find(&bytes, b"secon").unwrap();
    let tree = Tree::from_bytes(bytes[..at + 3].to_vec(), &Limits::default());
    let inside = container(&tree, "stuffit");
    let member = tree.member(inside, b"/folder/one").unwrap();
    assert_eq!(tree.bytes(member).unwrap(), "first ");
    let member = tree.member(inside, b"/folder/two").unwrap();
    assert!(tree.bytes(member).is_err());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("truncated")));
}

#[test]
fn without_a_catalogue_members_have_numbers() {
    let mut builder = Builder::new();
    builder.file(3, 0);
    builder.element(5, &[(1, 1), (5, 9)], &[(1, 7)], None);
    builder.blocks(b"?");
    builder.blocks(&[]);
    builder.fork(0, 3, (4, 0), 4);
    builder.stream(4, b"text", b"text", &[]);
    let tree = Tree::from_bytes(builder.end(), &Limits::default());
    let member = tree.member(container(&tree, "stuffit"), b"/unnamed-3").unwrap();
    assert_eq!(tree.bytes(member).unwrap(), "text");
    let [problem] = tree.problems() else { panic!("{:?}", tree.problems()) };
    assert!(problem.why.contains("compression jpeg"), "{problem:?}");
}

#[test]
fn encrypted_archives_and_those_for_recovery_are_said() {
    let mut builder = Builder::new();
    builder.file(3, 0);
    builder.element(5, &[(1, 1), (5, 9)], &[(1, 0), (4, 2)], None);
    builder.blocks(b"?");
    builder.blocks(&[]);
    builder.fork(0, 3, (4, 0), 4);
    builder.stream(4, b"????", b"text", &[(4, 2)]);
    let locked = builder.end();
    let mut builder = Builder(b"StuffIt!".to_vec());
    builder.element(7, &[], &[(5, 0)], Some(0));
    let recoverable = [builder.end(), vec![7; 100]].concat();
    for (bytes, reason) in
        [(locked, "encrypted"), (recoverable, "not extracted: StuffIt X with data for recovery")]
    {
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let NodeKind::Container { unread, .. } = &tree.node(container(&tree, "stuffit")).kind
        else {
            panic!("no container")
        };
        assert_eq!(unread.as_deref(), Some(reason));
    }
}

/// Streams of all kinds, as another program reads them.
#[test]
fn the_reference_unpacks_the_same() {
    if !installed("unar") {
        return;
    }
    // It knows the name of blends only.
    let samples: Vec<_> = samples().into_iter().filter(|sample| sample.name != "blend").collect();
    let mut builder = Builder::new();
    for number in (10..).take(samples.len()) {
        builder.file(number, 0);
    }
    let names: Vec<&str> = samples.iter().map(|sample| sample.name.as_str()).collect();
    builder.catalogue(&names);
    for (number, sample) in (10..).zip(&samples) {
        builder.fork(0, number, (number + 1000, 0), sample.content.len());
    }
    for (number, sample) in (10..).zip(&samples) {
        let compression = [(1, sample.number)];
        builder.stream(number + 1000, &sample.packed, &sample.content, &compression);
    }
    let bytes = builder.end();
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive.sitx");
    fs::write(&archive, &bytes).unwrap();
    let (input, output) = (archive.display().to_string(), folder.path().display().to_string());
    assert!(run("unar", &["-q", "-D", "-k", "skip", "-o", &output, &input]));
    let tree = Tree::from_bytes(bytes, &Limits::default());
    assert_eq!(tree.problems(), []);
    let inside = container(&tree, "stuffit");
    for sample in &samples {
        let theirs = fs::read(folder.path().join(&sample.name)).unwrap();
        assert!(theirs == sample.content, "{}", sample.name);
        let member = tree.member(inside, format!("/{}", sample.name).as_bytes()).unwrap();
        assert!(tree.bytes(member).unwrap() == theirs, "{}", sample.name);
    }
}
