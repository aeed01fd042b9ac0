//! EROFS: images of the reference tool and of our own, and damaged ones.

use std::{fs, io::Write as _, path::Path, process::Command};

use auscult_model::Limits;
use auscult_testkit::{Endian, Writer, stream};
use lzma_rust2::{LzmaOptions, LzmaWriter};

use crate::{
    NodeKind, Tree,
    checksum::crc32c_seeded,
    formats::testing::{
        hostile::noise,
        reference::{assert_same, assert_survives_damage, container, make_directory, run, sample},
    },
};

fn make(root: &Path, options: &[&str]) -> Option<Vec<u8>> {
    let image = root.with_extension("image");
    drop(fs::remove_file(&image));
    let (root, path) = (root.to_str().unwrap(), image.to_str().unwrap());
    let arguments = [options, &["--preserve-mtime", path, root]].concat();
    run("mkfs.erofs", &arguments).then(|| fs::read(&image).unwrap())
}

/// What packs in different ways: text, what does not pack at all, runs, and copies of them.
fn add_large_files(root: &Path) {
    let lines = |seed: u32| -> Vec<u8> {
        let line = |n: u32| format!("{} {}\n", n, n.wrapping_mul(seed) % 977);
        (0..40_000).map(line).collect::<String>().into_bytes()
    };
    fs::write(root.join("text"), lines(7)).unwrap();
    fs::write(root.join("noise"), noise(123_457)).unwrap();
    let mixed = [&lines(7)[..200_000], &noise(50_000), &vec![0; 90_000], &lines(9)].concat();
    fs::write(root.join("mixed"), &mixed).unwrap();
    fs::write(root.join("copy"), [&b"shifted"[..], &mixed].concat()).unwrap();
    fs::write(root.join("zeros"), vec![0; 300_000]).unwrap();
}

#[test]
fn images_of_the_reference_tool_in_every_layout() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    add_large_files(&root);
    let mut cases: Vec<&[&str]> = vec![
        &[],
        &["-Enoinline_data", "-x-1"],
        &["-Eforce-inode-extended", "-Enosbcrc"],
        &["--chunksize=4096"],
        &["--chunksize=65536", "-Eforce-chunk-indexes"],
        &["--chunksize=8192", "-Eforce-inode-blockmap"],
        &["-zlz4"],
        &["-zlz4hc,12"],
        &["-zlz4", "-Elegacy-compress"],
        &["-zlz4", "-C65536"],
        &["-zlz4hc", "-C1048576", "-Eforce-inode-extended"],
        &["-zlz4", "-Eztailpacking"],
        &["-zlz4hc", "-Eztailpacking", "-C16384"],
        &["-zlz4", "--max-extent-bytes=65536", "-C262144"],
    ];
    // Version 1.5 takes no notice of extended options that came later.
    if knows("zstd") {
        cases.extend(LATER);
    }
    for options in cases {
        println!("{options:?}");
        let Some(image) = make(&root, options) else { return };
        let length = image.len() as u64;
        let tree = assert_same(image, "erofs", &root);
        assert_eq!(tree.node(container(&tree, "erofs")).len(), length);
        assert_eq!(tree.coverage().bytes_unread, 0);
    }
}

/// What mkfs.erofs 1.8 makes and 1.5 does not.
const LATER: [&[&str]; 18] = [
    &["-zlz4", "-Efragments"],
    &["-zlz4hc", "-Eall-fragments", "-C65536"],
    &["-zlz4", "-Ededupe"],
    &["-zlz4hc", "-Ededupe,fragments,ztailpacking", "-C32768"],
    &["-zlz4", "-Elegacy-compress,dedupe", "-C8192"],
    &["-zlz4", "-Elegacy-compress,ztailpacking,fragments"],
    &["-zlz4", "-Efragments,ztailpacking", "-C65536"],
    &["-zlz4hc", "-Ededupe,all-fragments"],
    &["-zlzma", "-C65536"],
    &["-zlzma,level=9,dictsize=32768", "-Eztailpacking,fragments,dedupe", "-C131072"],
    &["-zdeflate,level=9", "-C65536"],
    &["-zdeflate", "-Eztailpacking,all-fragments,dedupe"],
    &["-zzstd", "-C65536"],
    &["-zzstd,level=19", "-Eztailpacking,fragments,dedupe", "-C1048576"],
    &["-zlz4", "-b512"],
    &["-zlzma", "-b1024", "-C8192"],
    &["-zlz4", "-Enoinline_data,^xattr-name-filter"],
    &["-zlz4hc:lzma:zstd", "-C65536", "-Elegacy-compress"],
];

/// Whether the installed tool knows a word.
fn knows(word: &str) -> bool {
    let help = Command::new("mkfs.erofs").arg("--help").output();
    help.is_ok_and(|help| {
        [help.stdout, help.stderr].concat().windows(word.len()).any(|part| part == word.as_bytes())
    })
}

#[test]
fn attributes_of_files_are_read_inline_and_shared() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    for index in 0..20 {
        let path = root.join(format!("file{index}"));
        fs::write(&path, b"content").unwrap();
        for (name, value) in [("user.long.shared", "the same"), ("user.own", &index.to_string())] {
            let set = Command::new("setfattr").args(["-n", name, "-v", value]).arg(&path).status();
            if !set.is_ok_and(|status| status.success()) {
                println!("SKIPPED: needs setfattr and a file system with attributes");
                return;
            }
        }
    }
    let mut cases: Vec<&[&str]> = vec![&["-x2"], &["-x100"]];
    if knows("xattr-prefix") {
        cases.push(&["-x2", "--xattr-prefix=user.long."]);
        cases.push(&["-x2", "--xattr-prefix=user.long.", "-zlz4", "-Efragments"]);
    }
    for options in cases {
        let Some(image) = make(&root, options) else { return };
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(tree.problems(), []);
        let inside = container(&tree, "erofs");
        for index in 0..20 {
            let path = format!("/file{index}");
            let node = tree.node(tree.member(inside, path.as_bytes()).unwrap());
            let mut found: Vec<_> = node.metadata.xattrs.clone();
            found.sort();
            let own = index.to_string().into_bytes();
            let expected =
                [("user.long.shared".into(), b"the same".to_vec()), ("user.own".into(), own)];
            assert_eq!(found, expected, "{options:?}");
        }
    }
}

/// A small image: the root with one file of one or more packed clusters.
struct Builder {
    algorithm: u8,
    incompat: u32,
    /// The packed clusters, each in one block, and what they hold together.
    clusters: Vec<Vec<u8>>,
    lengths: Vec<usize>,
}

const BLOCK: usize = 4096;

type Packer = fn(&[u8]) -> Vec<u8>;

impl Builder {
    fn build(&self, size: usize) -> Vec<u8> {
        let mut image = Writer::new(Endian::Little);
        image.fill(0, 1024);
        image.u32(0xe0f5_e1e2).u32(0).u32(1).u8(12).u8(0).u16(40);
        image.u64(2).u64(1_500_000_000).u32(0);
        image.u32(2 + u32::try_from(self.clusters.len()).unwrap()).u32(0).u32(0);
        image.fill(7, 16).bytes(b"the label\0\0\0\0\0\0\0").u32(self.incompat | 1);
        image.u16(1 << self.algorithm).fill(0, 42);
        if self.incompat & 2 != 0 && self.algorithm == 1 {
            image.u16(14).u32(65_536).fill(0, 10);
        }
        // The root in slot 40, with its entries behind it; the file in slot 44.
        image.fill(0, 40 * 32 - image.len());
        image.u16(2 << 1).u16(0).u16(0o040_755).u16(2).u32(0).u32(0);
        image.u32(0).u32(1).u16(0).u16(0).u32(0);
        let mut names = Writer::new(Endian::Little);
        names.u64(40).u16(36).u8(2).u8(0).u64(40).u16(37).u8(2).u8(0);
        names.u64(44).u16(39).u8(1).u8(0).bytes(b"...file");
        let listing_bytes = u32::try_from(names.len()).unwrap();
        image.bytes(names.as_slice());
        image.patch(40 * 32 + 8, &listing_bytes.to_le_bytes());
        image.fill(0, 44 * 32 - image.len());
        image.u16(1 << 1).u16(0).u16(0o100_644).u16(1).u32(u32::try_from(size).unwrap()).u32(0);
        image.u32(0).u32(2).u16(5).u16(6).u32(0);
        self.index(&mut image);
        image.fill(0, 2 * BLOCK - image.len());
        for cluster in &self.clusters {
            assert!(cluster.len() <= BLOCK);
            image.fill(0, BLOCK - cluster.len()).bytes(cluster);
        }
        let mut image = image.finish();
        let checksum = crc32c_seeded(!0, &image[1024..BLOCK]);
        image[1028..1032].copy_from_slice(&checksum.to_le_bytes());
        image
    }

    /// A full index, or 16-byte extents where the image has 48-bit block numbers.
    fn index(&self, image: &mut Writer) {
        let mut places = Vec::new();
        let mut start = 0;
        for (block, length) in (2_u32..).zip(&self.lengths) {
            places.push((start, block));
            start += length;
        }
        if self.incompat & 0x80 != 0 {
            image.u32(u32::try_from(places.len()).unwrap()).u16(1 | 2 << 1).u16(0);
            image.fill(0, image.len().next_multiple_of(16) - image.len());
            for (start, block) in places {
                image.u32(u32::from(self.algorithm + 1) << 28 | 4096).u32(block << 12).u32(0);
                image.u32(u32::try_from(start).unwrap());
            }
            return;
        }
        image.u32(0).u16(0).u8(self.algorithm).u8(0).u64(0);
        for cluster in 0..start.div_ceil(BLOCK) {
            match places.iter().find(|(start, _)| start / BLOCK == cluster) {
                Some(&(start, block)) => {
                    image.u16(1).u16(u16::try_from(start % BLOCK).unwrap()).u32(block)
                }
                None => image.u16(2).u16(0).u16(1).u16(1),
            };
        }
    }
}

fn micro_lzma(bytes: &[u8]) -> Vec<u8> {
    let options = LzmaOptions { dict_size: 65_536, ..LzmaOptions::with_preset(6) };
    let mut writer = LzmaWriter::new_no_header(Vec::new(), &options, false).unwrap();
    writer.write_all(bytes).unwrap();
    let mut packed = writer.finish().unwrap();
    let properties = (options.pb * 5 + options.lp) * 9 + options.lc;
    packed[0] = !u8::try_from(properties).unwrap();
    packed
}

fn text(length: usize) -> Vec<u8> {
    let lines = (0..).map(|n: u32| format!("line {n} of many\n").into_bytes());
    lines.flatten().take(length).collect()
}

#[test]
fn every_compression_in_both_kinds_of_index() {
    let packers: [Packer; 4] =
        [lz4_flex::block::compress, micro_lzma, stream::deflate, stream::zstd];
    let content = text(20_000);
    let lengths = vec![9000, 8000, 3000];
    for (algorithm, pack) in (0..).zip(packers) {
        for incompat in [2, 0x82] {
            let parts = [&content[..9000], &content[9000..17_000], &content[17_000..]];
            let clusters = parts.map(pack).to_vec();
            let builder = Builder { algorithm, incompat, clusters, lengths: lengths.clone() };
            let mut image = builder.build(content.len());
            if incompat & 0x80 != 0 {
                // The root's number is elsewhere and its old place holds the upper block count.
                image[1038..1040].fill(0);
                image[1136..1144].copy_from_slice(&40_u64.to_le_bytes());
                image[1028..1032].fill(0);
                let checksum = crc32c_seeded(!0, &image[1024..BLOCK]);
                image[1028..1032].copy_from_slice(&checksum.to_le_bytes());
            }
            let tree = Tree::from_bytes(image.clone(), &Limits::default());
            assert_eq!(tree.problems(), [], "{algorithm} {incompat:#x}");
            let inside = container(&tree, "erofs");
            let NodeKind::Container { attributes, .. } = &tree.node(inside).kind else { panic!() };
            assert_eq!(attributes["label"], "the label");
            assert_eq!(attributes["created"], "2017-07-14T02:40:00Z");
            let file = tree.member(inside, b"/file").unwrap();
            assert_eq!(tree.bytes(file).unwrap(), content, "{algorithm} {incompat:#x}");
            assert_eq!(tree.node(file).metadata.group, Some(6));
            assert_survives_damage(&image, 0, 1201);
            for place in (1024..2 * BLOCK).step_by(3) {
                let mut flipped = image.clone();
                flipped[place] ^= 0x21;
                let tree = Tree::from_bytes(flipped, &Limits::default());
                for (id, node) in tree.nodes().filter(|(_, node)| node.len() < 1 << 24) {
                    assert!(node.is_file() || !node.is_file());
                    drop(tree.bytes(id));
                }
            }
        }
    }
}

#[test]
fn a_wrong_checksum_is_told_and_a_chance_hit_is_not_believed() {
    let content = text(5000);
    let clusters = vec![lz4_flex::block::compress(&content)];
    let builder = Builder { algorithm: 0, incompat: 0, clusters, lengths: vec![5000] };
    let mut image = builder.build(5000);
    image[1030] ^= 1;
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("checksum")));
    assert!(tree.member(container(&tree, "erofs"), b"/file").is_some());
    image[40 * 32 + 4..40 * 32 + 6].fill(0);
    let tree = Tree::from_bytes(image, &Limits::default());
    assert!(tree.nodes().all(|(_, node)| node.format() != Some("erofs")));
}

#[test]
fn damaged_images_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/file"), text(30_000)).unwrap();
    fs::write(root.join("a/b/other"), sample(9000, 3)).unwrap();
    for options in [&["-zlz4hc", "-Eztailpacking,fragments,dedupe", "-C16384"][..], &["-zlz4"]] {
        let Some(image) = make(&root, options) else { return };
        assert_survives_damage(&image, 0, 997);
        for place in (1024..image.len().min(16_384)).step_by(5) {
            let mut flipped = image.clone();
            flipped[place] ^= 0x15;
            let tree = Tree::from_bytes(flipped, &Limits::default());
            for (id, node) in tree.nodes().filter(|(_, node)| node.len() < 1 << 24) {
                assert!(node.is_file() || !node.is_file());
                drop(tree.bytes(id));
            }
        }
    }
}
