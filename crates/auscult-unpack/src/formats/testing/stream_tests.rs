//! The compressed streams through the whole engine.

use auscult_model::Limits;
use auscult_testkit::stream;

use super::hostile;
use crate::{NodeKind, Tree};

type Encoder = fn(&[u8]) -> Vec<u8>;

const FORMATS: [(&str, Encoder); 9] = [
    ("gzip", stream::gzip),
    ("xz", stream::xz),
    ("zstd", stream::zstd),
    ("lz4", stream::lz4_frame),
    ("lz4", stream::lz4_legacy),
    ("bzip2", stream::bzip2),
    ("lzip", stream::lzip),
    ("lzma", stream::lzma_alone),
    ("lzma", stream::lzma_alone_with_end_marker),
];

fn text() -> Vec<u8> {
    (0..5_000_u32)
        .flat_map(|number| format!("line {} of many\n", number.wrapping_mul(40_503)).into_bytes())
        .collect()
}

fn containers(tree: &Tree) -> Vec<(&'static str, u64, u64, Vec<u8>)> {
    tree.nodes()
        .filter_map(|(_, node)| {
            let payload = tree.bytes(*node.children.first()?).ok()?;
            Some((node.format()?, node.offset, node.len(), payload.to_vec()))
        })
        .collect()
}

#[test]
fn streams_are_carved_out_of_an_image_with_their_exact_length() {
    for (name, encode) in FORMATS {
        let packed = encode(&text());
        let image = [&[7; 100][..], &packed, &[0xff; 2000], b"the end"].concat();
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(containers(&tree), [(name, 100, packed.len() as u64, text())], "{name}");
        assert_eq!(tree.problems(), []);
    }
}

#[test]
fn concatenated_streams_are_one_payload() {
    // LZMA alone and legacy LZ4 cannot follow themselves: two in a row are two files.
    let several: [(&str, Encoder); 6] = [
        ("gzip", stream::gzip),
        ("xz", stream::xz),
        ("zstd", stream::zstd),
        ("lz4", stream::lz4_frame),
        ("bzip2", stream::bzip2),
        ("lzip", stream::lzip),
    ];
    for (name, encode) in several {
        let packed = [encode(b"one "), encode(b"two "), encode(b"three")].concat();
        let length = packed.len() as u64;
        let tree = Tree::from_bytes(packed, &Limits::default());
        assert_eq!(containers(&tree), [(name, 0, length, b"one two three".to_vec())]);
    }
    let padded = [stream::xz(b"one "), vec![0; 8], stream::xz(b"two"), vec![0; 4]].concat();
    let length = padded.len() as u64 - 4;
    let tree = Tree::from_bytes(padded, &Limits::default());
    assert_eq!(containers(&tree), [("xz", 0, length, b"one two".to_vec())]);
    let skippable = b"\x53\x2a\x4d\x18\x05\0\0\0notes".to_vec();
    let frames = [stream::zstd(b"one "), skippable, stream::zstd(b"two")].concat();
    let length = frames.len() as u64;
    let tree = Tree::from_bytes(frames, &Limits::default());
    assert_eq!(containers(&tree), [("zstd", 0, length, b"one two".to_vec())]);
}

#[test]
fn files_with_names_of_their_own_stay_apart() {
    let packed = [stream::gzip_named("a", 1, b"one"), stream::gzip_named("b", 2, b"two")].concat();
    let tree = Tree::from_bytes(packed, &Limits::default());
    let names: Vec<_> = tree
        .nodes()
        .filter_map(|(_, node)| match &node.kind {
            NodeKind::Container { attributes, .. } => Some(attributes["name"].clone()),
            _ => None,
        })
        .collect();
    assert_eq!(names, ["a", "b"]);
}

#[test]
fn hostile_variants_do_no_harm() {
    for (_, encode) in FORMATS {
        hostile::check(&encode(b"a short text, a short text, a short text"), 40);
    }
}

#[test]
fn a_cut_stream_keeps_what_was_read_and_reports_it() {
    for (name, encode) in [("gzip", stream::gzip as Encoder), ("lzma", stream::lzma_alone)] {
        let packed = encode(&text());
        let cut = &packed[..packed.len() - 9];
        let tree = Tree::from_bytes(cut.to_vec(), &Limits::default());
        let found = containers(&tree);
        assert!(found.len() == 1 && found[0].0 == name && text().starts_with(&found[0].3));
        assert!(found[0].3.len() > 80_000, "{name}: {}", found[0].3.len());
        assert!(!tree.problems().is_empty());
    }
}

#[test]
fn a_bomb_in_a_bomb_stops_early() {
    let zeros = vec![0; 200 << 20];
    let bomb = stream::gzip(&stream::gzip(&zeros));
    assert!(bomb.len() < 10_000);
    let tree = Tree::from_bytes(bomb, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.why.contains("limit ratio")));
    let largest = tree.nodes().map(|(_, node)| node.len()).max();
    assert!(largest <= Some(Limits::default().ratio_floor_bytes), "{largest:?}");
}
