//! Payloads written by hand after `update_metadata.proto`.

use auscult_model::Limits;
use auscult_testkit::stream;
use sha2::{Digest as _, Sha256};

use crate::{
    Tree,
    formats::testing::{
        hostile::{attribute, check},
        reference::sample,
    },
};

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

fn number(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn bytes(field: u64, value: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
}

/// An operation of a kind with its data and the runs that it writes.
fn operation(kind: u64, offset: usize, data: &[u8], runs: &[(u64, u64)]) -> Vec<u8> {
    let mut message = number(1, kind);
    if !data.is_empty() {
        message.extend(number(2, offset as u64));
        message.extend(number(3, data.len() as u64));
        message.extend(bytes(8, &Sha256::digest(data)));
    }
    for &(first, count) in runs {
        message.extend(bytes(6, &[number(1, first), number(2, count)].concat()));
    }
    message
}

fn partition(name: &str, operations: &[Vec<u8>], truth: &[u8]) -> Vec<u8> {
    let info = [number(1, truth.len() as u64), bytes(2, &Sha256::digest(truth))].concat();
    let mut message = [bytes(1, name.as_bytes()), bytes(7, &info)].concat();
    for operation in operations {
        message.extend(bytes(8, operation));
    }
    message
}

fn payload(partitions: &[Vec<u8>], data: &[u8]) -> Vec<u8> {
    let mut manifest = [number(3, 4096), number(12, 0), number(14, 1_700_000_000)].concat();
    manifest.extend([number(4, data.len() as u64), number(5, 3)].concat());
    for partition in partitions {
        manifest.extend(bytes(13, partition));
    }
    let mut file = b"CrAU\0\0\0\0\0\0\0\x02".to_vec();
    file.extend((manifest.len() as u64).to_be_bytes());
    file.extend(5_u32.to_be_bytes());
    [file, manifest, b"metas".to_vec(), data.to_vec(), b"sig".to_vec()].concat()
}

/// A partition written by every kind of operation of full updates, with its bytes.
fn full() -> (Vec<u8>, Vec<u8>) {
    let blocks = |count: usize, seed| sample(4096 * count, seed);
    let (plain, xz, bzip2, zstd) = (blocks(1, 1), blocks(3, 2), blocks(1, 3), blocks(2, 4));
    let packed = [plain.clone(), stream::xz(&xz), stream::bzip2(&bzip2), stream::zstd(&zstd)];
    let mut at = 0;
    let mut places = packed.iter().map(|data| {
        at += data.len();
        at - data.len()
    });
    let mut make = |kind, index: usize, runs: &[(u64, u64)]| {
        operation(kind, places.next().unwrap(), &packed[index], runs)
    };
    let operations = [
        make(0, 0, &[(0, 1)]),
        // Two runs: the first block of the unpacked data is the last one of the partition.
        make(8, 1, &[(8, 1), (1, 2)]),
        make(1, 2, &[(3, 1)]),
        make(14, 3, &[(4, 2)]),
        operation(6, 0, b"", &[(6, 2)]),
    ];
    let truth = [&plain[..], &xz[4096..], &bzip2, &zstd, &[0; 8192], &xz[..4096]].concat();
    (payload(&[partition("boot", &operations, &truth)], &packed.concat()), truth)
}

#[test]
fn a_full_update_is_put_together() {
    let (file, truth) = full();
    let tree = Tree::from_bytes(file.clone(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let (part, _) = tree.resolve(&"image@0x0/android-payload:/boot".parse().unwrap()).unwrap();
    assert!(tree.bytes(part).unwrap() == truth);
    let told = |key| attribute(&tree, "android-payload", key).unwrap();
    assert_eq!(told("partitions"), "boot (36864 bytes, sha256 verified)");
    assert_eq!(told("data"), "4 pieces, sha256 of 4 verified, of 0 wrong");
    assert_eq!(told("max-timestamp"), "2023-11-14T22:13:20Z");
    let mut damaged = file.clone();
    let inside = file.len() - 300;
    damaged[inside] ^= 1;
    let tree = Tree::from_bytes(damaged, &Limits::default());
    assert!(tree.problems().iter().any(|problem| problem.what.contains("sha256 of data")));
}

#[test]
fn an_update_of_another_version_is_said_and_not_carried_out() {
    let data = sample(4096, 9);
    let operations = [
        operation(0, 0, &data, &[(0, 1)]),
        operation(4, 0, b"", &[(1, 1)]),
        operation(10, 4096, b"patch", &[(2, 1)]),
    ];
    let file =
        payload(&[partition("system", &operations, &[7; 12_288])], &[&data[..], b"patch"].concat());
    let tree = Tree::from_bytes(file, &Limits::default());
    let unread = &tree.coverage().regions_unread;
    assert_eq!((unread.len(), unread[0].bytes), (1, 4101));
    assert!(unread[0].reason.starts_with("2 of 3 operations (SOURCE_COPY and the like)"));
}

#[test]
fn promises_over_the_limit_are_not_kept() {
    let zeros = operation(6, 0, b"", &[(0, 1 << 40)]);
    let mut info = partition("huge", std::slice::from_ref(&zeros), b"");
    // The size comes from the runs where no other is told.
    let at = info.windows(2).position(|pair| pair == [7 << 3 | 2, 36]).unwrap();
    info[at] = 15 << 3 | 2;
    let tree = Tree::from_bytes(payload(&[info], b""), &Limits::default());
    assert!(
        attribute(&tree, "android-payload", "partitions").unwrap().contains("limit derived-bytes")
    );
}

#[test]
fn damage_does_no_harm() {
    let data = b"four";
    let operations = [operation(0, 0, data, &[(0, 1)]), operation(6, 0, b"", &[(1, 1)])];
    check(&payload(&[partition("a", &operations, &[0; 8192])], data), 160);
}
