//! YAFFS: images made by the rules of the format in several layouts, and damaged ones. No tool of
//! Debian writes them.

use auscult_model::{ByteName, Limits};
use auscult_testkit::{Endian, Writer};

use super::tags::{Tags, pack_tags1};
use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::{
        hostile::attribute,
        reference::{assert_survives_damage, container, sample},
    },
};

/// How an image is laid out; the spare bytes of tags in the page are inside it.
#[derive(Clone, Copy, Debug)]
struct Layout {
    endian: Endian,
    page: usize,
    spare: usize,
    /// Where the tags of YAFFS2 are, nothing for YAFFS1.
    offset: Option<usize>,
    in_band: bool,
    /// Whether the tags of headers hold parts of them.
    extra: bool,
}

impl Layout {
    const fn two(endian: Endian, page: usize, spare: usize, offset: usize) -> Self {
        Self { endian, page, spare, offset: Some(offset), in_band: false, extra: false }
    }

    fn data(self) -> usize {
        if self.in_band { self.page - 16 } else { self.page }
    }
}

/// What a header says.
#[derive(Clone, Copy)]
struct Object<'a> {
    kind: u32,
    number: u32,
    parent: u32,
    name: &'a str,
    mode: u32,
    size: u64,
    target: &'a str,
    equivalent: u32,
    shrink: bool,
    shadows: u32,
    attribute: Option<(&'a str, &'a [u8])>,
}

const NONE: Object<'_> = Object {
    kind: 0,
    number: 0,
    parent: 1,
    name: "",
    mode: u32::MAX,
    size: 0xffff_ffff,
    target: "",
    equivalent: u32::MAX,
    shrink: false,
    shadows: 0,
    attribute: None,
};

fn file(number: u32, parent: u32, name: &str, size: usize) -> Object<'_> {
    Object { kind: 1, number, parent, name, mode: 0o100_640, size: size as u64, ..NONE }
}

fn directory(number: u32, parent: u32, name: &str) -> Object<'_> {
    Object { kind: 3, number, parent, name, mode: 0o40_755, ..NONE }
}

struct Builder {
    layout: Layout,
    image: Vec<u8>,
    sequence: u32,
}

impl Builder {
    fn new(layout: Layout) -> Self {
        Self { layout, image: Vec::new(), sequence: 0x1000 }
    }

    fn chunk(&mut self, data: &[u8], tags: Tags, raw: [u32; 4]) {
        let Layout { endian, page, spare, offset, in_band, .. } = self.layout;
        let start = self.image.len();
        self.image.extend(data);
        self.image.resize(start + page + spare, 0xff);
        let Some(offset) = offset else {
            let packed = pack_tags1(tags, crate_endian(endian));
            let places = [0, 1, 2, 3, 6, 7, 11, 12];
            for (place, byte) in places.into_iter().zip(packed) {
                self.image[start + page + place] = byte;
            }
            return;
        };
        let mut words = Writer::new(endian);
        for word in raw {
            words.u32(word);
        }
        let at = start + if in_band { page - 16 } else { page + offset };
        self.image[at..at + 16].copy_from_slice(words.as_slice());
    }

    fn header(&mut self, object: Object<'_>) {
        let Object { kind, number, parent, .. } = object;
        let low = u32::try_from(object.size).unwrap();
        let mut head = Writer::new(self.layout.endian);
        head.u32(kind).u32(parent).u16(0xffff).field(object.name, 256).u16(0xffff);
        head.u32(object.mode).u32(10).u32(20).u32(1).u32(2).u32(3);
        head.u32(low).u32(object.equivalent);
        head.field(object.target, 160).u32(0x0501).fill(0xff, 32);
        let high = if object.size == 0xffff_ffff { u32::MAX } else { 0 };
        head.u32(high).u32(u32::MAX).u32(object.shadows).u32(u32::from(object.shrink));
        assert_eq!(head.len(), 512);
        if let Some((name, value)) = object.attribute {
            head.u32(u32::try_from(4 + name.len() + 1 + value.len()).unwrap());
            head.bytes(name.as_bytes()).u8(0).bytes(value);
        }
        let tags = Tags { sequence: 0, object: number, chunk: 0, bytes: 0xfff };
        let raw = if self.layout.extra {
            let flags = 0x8000_0000 | u32::from(object.shrink) << 30;
            [self.sequence, number | kind << 28, parent | flags, low]
        } else {
            [self.sequence, number, 0, 0xffff]
        };
        self.chunk(head.as_slice(), tags, raw);
    }

    fn data(&mut self, object: u32, chunk: u32, data: &[u8], serial: u32) {
        let bytes = u32::try_from(data.len()).unwrap();
        let tags = Tags { sequence: serial, object, chunk, bytes };
        self.chunk(data, tags, [self.sequence, object, chunk, bytes]);
    }

    fn contents(&mut self, object: u32, contents: &[u8]) {
        for (chunk, data) in (1..).zip(contents.chunks(self.layout.data())) {
            self.data(object, chunk, data, 0);
        }
    }

    /// Files, a directory, links and a device, as a tool writes them.
    fn tree(layout: Layout, contents: &[u8]) -> Self {
        let mut image = Self::new(layout);
        image.header(directory(257, 1, "folder"));
        let large = file(258, 257, "large", contents.len());
        let has_room = layout.data() > 600;
        let attribute = has_room.then_some(("user.note", &b"hello"[..]));
        image.header(Object { attribute, ..large });
        image.contents(258, contents);
        let link = Object { kind: 2, number: 259, name: "link", mode: 0o120_777, ..NONE };
        image.header(Object { target: "folder/large", ..link });
        image.header(Object { kind: 4, number: 260, name: "same", equivalent: 258, ..NONE });
        image.header(Object { kind: 5, number: 261, name: "tty", mode: 0o20_600, ..NONE });
        image
    }
}

fn crate_endian(endian: Endian) -> crate::Endian {
    match endian {
        Endian::Little => crate::Endian::Little,
        Endian::Big => crate::Endian::Big,
    }
}

fn check(image: Vec<u8>, contents: &[u8], about: &str) -> Tree {
    let total = image.len() as u64;
    let tree = Tree::from_bytes(image, &Limits::default());
    assert_eq!(tree.problems(), [], "{about}");
    assert_eq!(tree.coverage().bytes_read, total, "{about}");
    let inside = container(&tree, "yaffs");
    let node = |path: &str| tree.member(inside, path.as_bytes()).unwrap();
    let large = node("/folder/large");
    assert_eq!(tree.bytes(large).unwrap(), contents, "{about}");
    let metadata = &tree.node(large).metadata;
    assert_eq!((metadata.mode, metadata.user), (Some(0o640), Some(10)), "{about}");
    assert_eq!((metadata.group, metadata.modified), (Some(20), Some(2)), "{about}");
    let kinds = [
        ("/link", EntryKind::Symlink(ByteName::from(&b"folder/large"[..]))),
        ("/same", EntryKind::Hardlink(ByteName::from(&b"folder/large"[..]))),
        ("/tty", EntryKind::CharacterDevice { major: 5, minor: 1 }),
    ];
    for (path, kind) in kinds {
        assert_eq!(tree.node(node(path)).kind, NodeKind::Member(kind), "{about}");
    }
    tree
}

#[test]
fn layouts_are_found_from_the_tags() {
    let (little, big) = (Endian::Little, Endian::Big);
    let extra = Layout { extra: true, ..Layout::two(little, 2048, 64, 0) };
    let one = |endian| Layout { offset: None, ..Layout::two(endian, 512, 16, 0) };
    let in_band = |page| Layout { in_band: true, ..Layout::two(big, page, 0, 0) };
    let cases = [
        (Layout::two(little, 2048, 64, 0), "at 0 of the spare bytes"),
        (Layout::two(big, 2048, 64, 2), "at 2 of the spare bytes"),
        (Layout::two(little, 512, 16, 0), "at 0 of the spare bytes"),
        (Layout::two(little, 1024, 32, 8), "at 8 of the spare bytes"),
        (Layout::two(big, 4096, 128, 28), "at 28 of the spare bytes"),
        (Layout::two(little, 4096, 224, 2), "at 2 of the spare bytes"),
        (Layout::two(little, 8192, 256, 0), "at 0 of the spare bytes"),
        (Layout::two(big, 16_384, 512, 30), "at 30 of the spare bytes"),
        (extra, "at 0 of the spare bytes"),
        (one(little), "in the spare bytes"),
        (one(big), "in the spare bytes"),
        (in_band(2048), "in the page"),
        (in_band(4096), "in the page"),
    ];
    for (layout, tags) in cases {
        let contents = sample(50_000, 5);
        let image = Builder::tree(layout, &contents).image;
        let about = format!("{layout:?}");
        let tree = check(image, &contents, &about);
        assert_eq!(attribute(&tree, "yaffs", "tags").as_deref(), Some(tags), "{about}");
        let page = attribute(&tree, "yaffs", "page-size").unwrap();
        assert_eq!(page, layout.page.to_string(), "{about}");
        let version = if layout.offset.is_none() { "1" } else { "2" };
        assert_eq!(attribute(&tree, "yaffs", "version").as_deref(), Some(version), "{about}");
        if layout.data() > 600 {
            let large = tree.member(container(&tree, "yaffs"), b"/folder/large").unwrap();
            let xattrs = &tree.node(large).metadata.xattrs;
            assert_eq!(xattrs[..], [(ByteName::from(&b"user.note"[..]), b"hello".to_vec())]);
        }
    }
}

#[test]
fn images_without_their_spare_bytes_are_read_in_order() {
    for page in [2048, 4096] {
        let layout = Layout::two(Endian::Little, page, 64, 0);
        let contents = sample(50_000, 6);
        let whole = Builder::tree(layout, &contents).image;
        let image: Vec<u8> =
            whole.chunks(page + 64).flat_map(|chunk| &chunk[..page]).copied().collect();
        let tree = check(image, &contents, "no spare bytes");
        let tags = attribute(&tree, "yaffs", "tags").unwrap();
        assert_eq!(tags, "left out with the spare bytes");
    }
}

/// Written to in many ways; the blocks of newer sequence numbers stand first on the flash.
fn rewritten(layout: Layout) -> Vec<u8> {
    let page = layout.data();
    let mut old = Builder::new(layout);
    old.header(file(300, 1, "kept", 3 * page));
    old.contents(300, &vec![b'a'; 3 * page]);
    old.header(file(301, 1, "gone", 10));
    old.data(301, 1, &[b'g'; 10], 0);
    old.header(file(302, 1, "cut", 3 * page));
    old.contents(302, &vec![b'c'; 3 * page]);
    old.header(file(303, 1, "shadowed", 5));
    old.data(303, 1, b"below", 0);
    old.header(file(304, 999, "stray", 5));
    old.data(304, 1, b"stray", 0);
    old.data(305, 1, b"without a name", 0);
    let mut new = Builder::new(layout);
    new.sequence = 0x1005;
    new.header(Object { shadows: 303, ..file(306, 1, "shadowed", 5) });
    new.data(306, 1, b"above", 0);
    new.data(300, 2, &vec![b'B'; page], 0);
    // Grown by what was written last.
    new.data(300, 4, b"tail", 0);
    new.header(file(301, 4, "deleted", 0));
    // Cut to ten bytes, then made longer again: what was behind them must not come back.
    new.header(Object { shrink: true, ..file(302, 1, "cut", 10) });
    new.header(file(302, 1, "renamed", 2 * page));
    [new.image, old.image].concat()
}

#[test]
fn the_newest_state_counts() {
    let layout = Layout::two(Endian::Little, 2048, 64, 2);
    let tree = Tree::from_bytes(rewritten(layout), &Limits::default());
    assert_eq!(tree.problems(), []);
    let inside = container(&tree, "yaffs");
    let bytes = |path: &str| tree.bytes(tree.member(inside, path.as_bytes()).unwrap()).unwrap();
    let kept = [vec![b'a'; 2048], vec![b'B'; 2048], vec![b'a'; 2048], b"tail".to_vec()].concat();
    assert_eq!(bytes("/kept"), kept);
    assert_eq!(bytes("/shadowed"), "above");
    let renamed = bytes("/renamed");
    assert_eq!((renamed.len(), &renamed[..10]), (4096, &[b'c'; 10][..]));
    assert!(renamed[2048..].iter().all(|&byte| byte == 0));
    assert_eq!(bytes("/lost+found/stray"), "stray");
    assert_eq!(bytes("/lost+found/obj305"), "without a name");
    for path in ["/gone", "/deleted", "/cut"] {
        assert!(tree.member(inside, path.as_bytes()).is_none(), "{path}");
    }
}

#[test]
fn two_file_systems_on_a_flash_stay_apart() {
    let layout = Layout::two(Endian::Big, 2048, 64, 0);
    let mut first = Builder::new(layout);
    first.header(file(257, 1, "one", 3));
    first.data(257, 1, b"one", 0);
    let mut second = Builder::new(layout);
    second.header(file(257, 1, "two", 3));
    second.data(257, 1, b"two", 0);
    let image = [first.image, vec![0xff; 64 * 2112], second.image].concat();
    let tree = Tree::from_bytes(image, &Limits::default());
    let containers: Vec<_> =
        tree.nodes().filter(|(_, node)| node.format() == Some("yaffs")).map(|(id, _)| id).collect();
    assert_eq!(containers.len(), 2);
    for (inside, name) in containers.into_iter().zip(["one", "two"]) {
        let member = tree.member(inside, format!("/{name}").as_bytes()).unwrap();
        assert_eq!(tree.bytes(member).unwrap(), name);
    }
}

#[test]
fn newer_chunks_of_yaffs1_are_told_by_a_counter() {
    let layout = Layout { offset: None, ..Layout::two(Endian::Little, 512, 16, 0) };
    let mut image = Builder::new(layout);
    image.header(file(300, 1, "kept", 1000));
    image.data(300, 1, &[b'n'; 512], 0);
    image.data(300, 2, &[b'x'; 488], 1);
    image.data(300, 1, &[b'o'; 512], 3);
    let deleted = image.image.len();
    image.header(file(301, 1, "gone", 0));
    image.image[deleted + 512 + 4] = 0;
    let tree = Tree::from_bytes(image.image, &Limits::default());
    assert_eq!(tree.problems(), []);
    let inside = container(&tree, "yaffs");
    let kept = tree.bytes(tree.member(inside, b"/kept").unwrap()).unwrap();
    assert_eq!(kept, [[b'n'; 512].to_vec(), [b'x'; 488].to_vec()].concat());
    assert!(tree.member(inside, b"/gone").is_none());
}

#[test]
fn damage_never_panics() {
    for layout in [
        Layout::two(Endian::Little, 512, 16, 0),
        Layout { offset: None, ..Layout::two(Endian::Big, 512, 16, 0) },
    ] {
        let image = rewritten(layout);
        assert_survives_damage(&image, 540, 211);
        for position in (540..image.len()).step_by(23) {
            let mut flipped = image.clone();
            flipped[position] ^= 0x41;
            assert_survives_damage(&flipped, 0, image.len());
        }
    }
}
