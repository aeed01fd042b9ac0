//! SPIFFS: images made by the rules of the format in several layouts, and damaged ones. No tool of
//! Debian writes them.

use auscult_model::Limits;
use auscult_testkit::{Endian, Writer};

use crate::{
    NodeId, Tree,
    formats::testing::{
        hostile::{attribute, noise},
        reference::{assert_survives_damage, container, sample},
    },
};

#[derive(Clone, Copy, Debug)]
struct Layout {
    endian: Endian,
    page: usize,
    block: usize,
    blocks: usize,
    /// Bytes behind the name, and whether the tables of pages stand at even places.
    meta: usize,
    aligned: bool,
    magic: bool,
    with_length: bool,
}

const USUAL: Layout = Layout {
    endian: Endian::Little,
    page: 256,
    block: 4096,
    blocks: 24,
    meta: 4,
    aligned: false,
    magic: true,
    with_length: true,
};

const USED: u8 = 0xfc;
const INDEX: u8 = 0xf8;

/// Writes pages one after the other.
struct Builder {
    layout: Layout,
    image: Vec<u8>,
    next: usize,
}

impl Builder {
    fn new(layout: Layout) -> Self {
        let mut image = Self { layout, image: vec![0xff; layout.block * layout.blocks], next: 0 };
        image.next = image.table_pages();
        image
    }

    fn pages(&self) -> usize {
        self.layout.block / self.layout.page
    }

    fn table_pages(&self) -> usize {
        (self.pages() * 2).div_ceil(self.layout.page).max(1)
    }

    fn number(&self, number: usize) -> Vec<u8> {
        let mut bytes = Writer::new(self.layout.endian);
        bytes.u16(u16::try_from(number).unwrap());
        bytes.finish()
    }

    /// Adds a page and its entry in the table of the block.
    fn page(&mut self, object: usize, span: usize, flags: u8, bytes: &[u8]) -> usize {
        let page = self.next;
        let entry = page % self.pages() - self.table_pages();
        let table = page / self.pages() * self.layout.block + entry * 2;
        let number = self.number(object);
        self.image[table..table + 2].copy_from_slice(&number);
        let whole = [&number[..], &self.number(span), &[flags], bytes].concat();
        let at = page * self.layout.page;
        self.image[at..at + whole.len()].copy_from_slice(&whole);
        self.next += 1;
        if self.next.is_multiple_of(self.pages()) {
            self.next += self.table_pages();
        }
        page
    }

    fn delete(&mut self, page: usize) {
        let entry = page % self.pages() - self.table_pages();
        let table = page / self.pages() * self.layout.block + entry * 2;
        self.image[table..table + 2].fill(0);
        self.image[page * self.layout.page + 4] &= 0x7f;
    }

    /// Adds a file as the tools do: its header, its data, more index pages where one is full.
    fn file(&mut self, number: usize, name: &str, content: &[u8], time: u32) -> Vec<usize> {
        let Layout { endian, page, meta, aligned, .. } = self.layout;
        let header = self.next;
        self.page(number | 0x8000, 0, INDEX, &[]);
        let data = content.chunks(page - 5).enumerate();
        let pages: Vec<usize> =
            data.map(|(span, data)| self.page(number, span, USED, data)).collect();
        let mut head = Writer::new(endian);
        head.fill(0xff, 3).u32(u32::try_from(content.len()).unwrap()).u8(1).field(name, 32);
        if meta == 4 {
            head.bytes(&time.to_le_bytes());
        }
        if aligned && (head.len() + 5) % 2 == 1 {
            head.u8(0xff);
        }
        let mut left = pages.as_slice();
        let room = (page - 5 - head.len()) / 2;
        let (first, rest) = left.split_at(left.len().min(room));
        for &page in first {
            head.bytes(&self.number(page));
        }
        let at = header * page + 5;
        self.image[at..at + head.len()].copy_from_slice(head.as_slice());
        left = rest;
        for (span, some) in left.chunks((page - 8) / 2).enumerate() {
            let table: Vec<u8> = some.iter().flat_map(|&page| self.number(page)).collect();
            self.page(number | 0x8000, span + 1, INDEX, &[&[0xff; 3], &table[..]].concat());
        }
        pages
    }

    fn finish(mut self) -> Vec<u8> {
        let Layout { page, block, blocks, magic, with_length, .. } = self.layout;
        for index in (0..blocks).filter(|_| magic) {
            let length = if with_length { blocks - index } else { 0 };
            let number = self.number(0x0529 ^ page ^ length);
            let at = index * block + self.table_pages() * page - 4;
            self.image[at..at + 2].copy_from_slice(&number);
        }
        self.image
    }
}

fn contents() -> [(&'static str, Vec<u8>); 4] {
    [
        ("/index.html", b"<html></html>".to_vec()),
        ("/www/large.bin", sample(40_000, 3)),
        ("no-slash", sample(251, 4)),
        ("/empty", Vec::new()),
    ]
}

fn build(layout: Layout) -> Vec<u8> {
    let mut image = Builder::new(layout);
    for (index, (name, content)) in contents().iter().enumerate() {
        image.file(index + 1, name, content, 1_600_000_000);
    }
    image.finish()
}

fn inside(tree: &Tree) -> NodeId {
    container(tree, "spiffs")
}

fn check(image: Vec<u8>, layout: Layout) {
    let tree = Tree::from_bytes(image, &Limits::default());
    assert_eq!(tree.problems(), [], "{layout:?}");
    assert_eq!(tree.coverage().bytes_unread, 0, "{layout:?}");
    for (name, content) in contents() {
        let path = format!("/{}", name.trim_start_matches('/'));
        let member = tree.member(inside(&tree), path.as_bytes());
        let member = member.unwrap_or_else(|| panic!("{name} {layout:?}"));
        assert!(tree.bytes(member).unwrap() == content, "{name} {layout:?}");
        let time = (layout.meta == 4 && !content.is_empty()).then_some(1_600_000_000);
        assert_eq!(tree.node(member).metadata.modified, time, "{name} {layout:?}");
    }
    let text = |key| attribute(&tree, "spiffs", key).unwrap();
    assert_eq!(text("page-size"), layout.page.to_string(), "{layout:?}");
    assert_eq!(text("block-size"), layout.block.to_string(), "{layout:?}");
    assert_eq!(text("meta-length"), layout.meta.to_string(), "{layout:?}");
}

#[test]
fn layouts_are_found_where_tables_and_pages_agree() {
    let cases = [
        USUAL,
        Layout { meta: 0, aligned: true, ..USUAL },
        Layout { meta: 4, aligned: true, with_length: false, ..USUAL },
        Layout { magic: false, ..USUAL },
        Layout { block: 8192, blocks: 12, meta: 0, ..USUAL },
        Layout { page: 512, block: 16_384, blocks: 8, ..USUAL },
        Layout { page: 1024, block: 65_536, blocks: 2, magic: false, ..USUAL },
        Layout { page: 256, block: 65_536, blocks: 3, ..USUAL },
        Layout { endian: Endian::Big, meta: 0, ..USUAL },
    ];
    for layout in cases {
        check(build(layout), layout);
    }
}

#[test]
fn it_is_found_behind_code_and_before_packed_bytes() {
    let code = b"some code that is no file system. ".repeat(600);
    let mut image = [&code[..16_384], &build(USUAL)].concat();
    image.extend(noise(70_000));
    let tree = Tree::from_bytes(image, &Limits::default());
    let node = tree.node(inside(&tree));
    assert_eq!(node.len(), (USUAL.block * USUAL.blocks) as u64);
    let large = tree.member(inside(&tree), b"/www/large.bin").unwrap();
    assert!(tree.bytes(large).unwrap() == sample(40_000, 3));
}

#[test]
fn an_empty_file_system_is_known_by_its_magic() {
    let tree = Tree::from_bytes(Builder::new(USUAL).finish(), &Limits::default());
    assert_eq!(tree.node(inside(&tree)).len(), (USUAL.block * USUAL.blocks) as u64);
    assert_eq!(tree.problems(), []);
}

#[test]
fn deleted_pages_do_not_count_and_the_index_decides() {
    let mut image = Builder::new(USUAL);
    let gone = image.next;
    image.file(1, "/gone", b"gone", 7);
    image.delete(gone);
    image.delete(gone + 1);
    // Two pages of the same number: a write that was cut short before the old one was deleted.
    let pages = image.file(2, "/kept", &[b'a'; 400], 7);
    image.page(2, 0, USED, &[b'b'; 251]);
    // Not finished: does not count.
    image.page(2, 1, 0xfe, &[b'c'; 251]);
    // A renamed file: the newer header.
    let lost = image.file(3, "/lost", &[b'd'; 600], 7);
    image.delete(lost[1]);
    assert_eq!(pages.len(), 2);
    let tree = Tree::from_bytes(image.finish(), &Limits::default());
    assert!(tree.member(inside(&tree), b"/gone").is_none());
    let kept = tree.member(inside(&tree), b"/kept").unwrap();
    assert!(tree.bytes(kept).unwrap() == vec![b'a'; 400]);
    let problems = tree.problems();
    assert!(problems.iter().any(|problem| problem.why == "1 pages of lost are not there"));
    let lost = tree.node(tree.member(inside(&tree), b"/lost").unwrap());
    let content = lost.content.clone().unwrap();
    assert_eq!(content.read(0, 3).unwrap(), "ddd");
    assert!(content.read(251, 1).is_err());
}

#[test]
fn damage_never_panics() {
    let image = build(Layout { blocks: 16, ..USUAL });
    assert_survives_damage(&image, 600, 4099);
    for position in (0..image.len()).step_by(401) {
        let mut flipped = image.clone();
        flipped[position] ^= 0x41;
        assert_survives_damage(&flipped, 0, image.len());
    }
}
