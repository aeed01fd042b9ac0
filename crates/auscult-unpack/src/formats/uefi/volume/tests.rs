//! Volumes made by hand, with sections packed in every way.

use auscult_model::Limits;
use auscult_testkit::{checksum::crc32, stream};

use crate::{
    Tree,
    formats::testing::hostile::{attribute, check, locators},
};

fn section(kind: u8, data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len() + 4).unwrap().to_le_bytes();
    let mut bytes = vec![size[0], size[1], size[2], kind];
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn file(id: u8, kind: u8, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id; 16];
    let size = u32::try_from(data.len() + 24).unwrap().to_le_bytes();
    bytes.extend([0, 0, kind, 0, size[0], size[1], size[2], 0xf8]);
    let sum = bytes[..23].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[16] = 0_u8.wrapping_sub(sum);
    bytes[17] = 0xaa;
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(8), 0xff);
    bytes
}

fn volume(files: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    bytes.extend([0x78, 0xe5, 0x8c, 0x8c, 0x3d, 0x8a, 0x1c, 0x4f]);
    bytes.extend([0x99, 0x35, 0x89, 0x61, 0x85, 0xc3, 0x2d, 0xd3]);
    let length = 72 + files.iter().map(Vec::len).sum::<usize>() as u64 + 64;
    bytes.extend(length.to_le_bytes());
    bytes.extend(b"_FVH\0\0\0\0\x48\0\0\0\0\0\0\x02");
    bytes.resize(72, 0);
    let sum = super::sum(&bytes);
    bytes[50..52].copy_from_slice(&0_u16.wrapping_sub(sum).to_le_bytes());
    bytes.extend(files.concat());
    bytes.resize(usize::try_from(length).unwrap(), 0xff);
    bytes
}

fn named(name: &str) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
    section(0x15, &name)
}

/// A GUID as it is stored.
fn guid(text: &str) -> Vec<u8> {
    let digits: Vec<char> = text.chars().filter(|&c| c != '-').collect();
    let pair = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    let bytes: Vec<u8> = digits.chunks(2).map(pair).collect();
    [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map(|at| bytes[at]).to_vec()
}

fn guided(name: &str, extra: &[u8], data: &[u8]) -> Vec<u8> {
    let start = u8::try_from(24 + extra.len()).unwrap();
    section(2, &[&guid(name)[..], &[start, 0, 1, 0], extra, data].concat())
}

/// Sections with a volume that holds a program with a name.
fn inner() -> Vec<u8> {
    let program = [section(0x10, b"MZ program"), named("Shell"), section(0x14, b"\x01\0v\0\0\0")];
    section(0x17, &volume(&[file(1, 7, &program.concat())]))
}

fn image() -> Vec<u8> {
    let packed = guided(
        "ee4e5898-3914-4259-9d6e-dc7bd79403cf",
        b"",
        &stream::lzma_alone(&[section(0x19, &[0; 8]), inner()].concat()),
    );
    volume(&[file(2, 0x0b, &packed), file(0xff, super::TYPE_PAD, &[0xff; 40])])
}

#[test]
fn files_in_packed_volumes_have_their_names() {
    let tree = Tree::from_bytes(image(), &Limits::default());
    let found = locators(&tree);
    let shell = found.iter().find(|locator| locator.ends_with("uefi-volume:/Shell"));
    assert!(shell.is_some_and(|shell| shell.contains("-volume0@0x0/uefi-volume")), "{found:?}");
    assert_eq!(attribute(&tree, "uefi-volume", "revision").unwrap(), "2");
    assert!(tree.problems().is_empty(), "{:?}", tree.problems());
    check(&image(), 200);
}

#[test]
fn every_way_to_hold_sections_is_opened() {
    let sections = inner();
    let crc = crc32(&sections).to_le_bytes();
    let size = u32::try_from(sections.len()).unwrap().to_le_bytes();
    let ways = [
        guided("fc1bcdb0-7d31-49aa-936a-a4600d9dd083", &crc, &sections),
        guided("1d301fe9-be79-4353-91c2-d23bc959ae0c", b"", &stream::gzip(&sections)),
        guided("ce3233f5-2cd6-4d87-9152-4a238bb6d1c4", b"", &stream::zlib(&sections)),
        section(1, &[&size[..], &[0], &sections].concat()),
        section(1, &[&size[..], &[2], &stream::lzma_alone(&sections)].concat()),
        section(3, &sections),
    ];
    for (number, way) in ways.iter().enumerate() {
        let tree = Tree::from_bytes(volume(&[file(2, 0x0b, way)]), &Limits::default());
        let found = locators(&tree);
        let shell = found.iter().any(|locator| locator.ends_with("uefi-volume:/Shell"));
        assert!(shell, "{number}: {found:?} {:?}", tree.problems());
        assert_eq!(tree.problems(), [], "{number}");
    }
    let mut wrong = guided("fc1bcdb0-7d31-49aa-936a-a4600d9dd083", &[0; 4], &sections);
    let tree = Tree::from_bytes(volume(&[file(2, 0x0b, &wrong)]), &Limits::default());
    assert!(tree.problems()[0].what.contains("crc32"));
    wrong[10] ^= 1;
    wrong[31] = 0xff;
    let tree = Tree::from_bytes(volume(&[file(2, 0x0b, &wrong)]), &Limits::default());
    assert!(tree.problems()[0].why.starts_with("packed by "), "{:?}", tree.problems());
}

#[test]
fn bytes_where_none_should_be_are_parts() {
    let mut bytes = volume(&[file(0xff, super::TYPE_PAD, &[&[0xff; 32][..], b"hidden"].concat())]);
    let last = bytes.len() - 5;
    bytes[last] = 7;
    let tree = Tree::from_bytes(bytes, &Limits::default());
    let found = locators(&tree);
    assert!(found.contains(&"image@0x0/uefi-volume:/padding-0x48".to_owned()), "{found:?}");
    assert!(found.iter().any(|locator| locator.contains("uefi-volume:/free-0x")), "{found:?}");
}

#[test]
fn data_of_files_is_checked_and_large_sections_are_read() {
    let data = [&[0xff, 0xff, 0xff, 0x19, 20, 0, 0, 0][..], b"a raw section"].concat();
    let mut one = file(3, 2, &data[..20]);
    one[19] = 0x40;
    one[16] = one[16].wrapping_sub(0x40);
    let sum = one[24..44].iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    one[17] = 0_u8.wrapping_sub(sum);
    let tree = Tree::from_bytes(volume(&[one.clone()]), &Limits::default());
    assert_eq!(tree.problems(), []);
    let part = "image@0x0/uefi-volume:/03030303-0303-0303-0303-030303030303-raw0".parse().unwrap();
    assert_eq!(tree.bytes(tree.resolve(&part).unwrap().0).unwrap(), "a raw sectio");
    one[40] ^= 1;
    let tree = Tree::from_bytes(volume(&[one]), &Limits::default());
    assert!(tree.problems()[0].what.contains("data of file 03030303"));
}

#[test]
fn a_file_of_all_sizes_ends_the_volume() {
    let mut one = file(3, 2, &[0xff; 20]);
    one[19] = 1;
    one[24..32].fill(0xff);
    let header = |one: &[u8]| {
        let covered = one[..23].iter().chain(&one[24..32]);
        covered.fold(0_u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_sub(one[17])
    };
    one[16] = one[16].wrapping_sub(header(&one));
    assert_eq!(header(&one), 0);
    let tree = Tree::from_bytes(volume(&[one]), &Limits::default());
    assert_eq!(tree.problems()[0].why, "its header or its size is impossible");
}
