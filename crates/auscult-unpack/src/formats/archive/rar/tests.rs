//! RAR archives made by hand after the technical notes: no free program makes them.

use auscult_model::Limits;

use crate::{
    EntryKind, NodeKind, Tree,
    checksum::Crc32,
    formats::testing::{
        hostile::{self, attribute},
        reference::container,
    },
};

/// A block of versions 1.5 to 4 with its checksum.
fn block(kind: u8, flags: u16, fields: &[u8]) -> Vec<u8> {
    let size = u16::try_from(7 + fields.len()).unwrap();
    let body = [&[kind][..], &flags.to_le_bytes(), &size.to_le_bytes(), fields].concat();
    [&Crc32::of(&body).to_le_bytes()[..2], &body].concat()
}

fn old_file(name: &[u8], flags: u16, method: u8, data: &[u8], size: u32) -> Vec<u8> {
    let packed = u32::try_from(data.len()).unwrap();
    let fields = [
        &packed.to_le_bytes()[..],
        &size.to_le_bytes(),
        &[3],
        &Crc32::of(data).to_le_bytes(),
        &0x5c5c_7d5d_u32.to_le_bytes(),
        &[29, method],
        &u16::try_from(name.len()).unwrap().to_le_bytes(),
        &0o100_644_u32.to_le_bytes(),
        name,
    ];
    [block(0x74, flags | 0x8000, &fields.concat()), data.to_vec()].concat()
}

fn old_archive() -> Vec<u8> {
    [
        b"Rar!\x1a\x07\0".to_vec(),
        block(0x73, 8, &[0; 6]),
        old_file(b"dir/stored", 0, 0x30, b"stored text", 11),
        old_file(b"packed", 0, 0x33, b"????", 400),
        old_file(b"secret", 4, 0x33, b"!!!!", 400),
        old_file(b"dir", 0xe0, 0x30, b"", 0),
        block(0x7b, 0x4000, &[]),
    ]
    .concat()
}

fn number(value: u64) -> Vec<u8> {
    let (mut value, mut bytes) = (value, Vec::new());
    while value >= 0x80 {
        bytes.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
        value >>= 7;
    }
    bytes.push(u8::try_from(value).unwrap());
    bytes
}

/// A header of version 5 with its checksum.
fn header(kind: u8, fields: &[u8], extra: &[u8], data: &[u8]) -> Vec<u8> {
    let mut body = vec![kind, u8::from(!extra.is_empty()) | u8::from(!data.is_empty()) << 1];
    if !extra.is_empty() {
        body.extend(number(extra.len() as u64));
    }
    if !data.is_empty() {
        body.extend(number(data.len() as u64));
    }
    body.extend(fields);
    body.extend(extra);
    let sized = [number(body.len() as u64), body].concat();
    [&Crc32::of(&sized).to_le_bytes()[..], &sized, data].concat()
}

fn file(name: &[u8], flags: u64, method: u64, data: &[u8], extra: &[u8]) -> Vec<u8> {
    let fields = [
        number(flags | 6),
        number(data.len() as u64),
        number(0o100_755),
        1_700_000_000_u32.to_le_bytes().to_vec(),
        Crc32::of(data).to_le_bytes().to_vec(),
        number(method << 7),
        number(1),
        number(name.len() as u64),
        name.to_vec(),
    ];
    header(2, &fields.concat(), extra, data)
}

fn current_archive() -> Vec<u8> {
    let link = [&[11, 5, 1, 0, 7][..], b"dir/one"].concat();
    let owner = [&[5, 6, 12][..], &number(1000), &[7]].concat();
    [
        b"Rar!\x1a\x07\x01\0".to_vec(),
        header(1, &number(4), &[], &[]),
        file(b"dir", 1, 0, b"", &[]),
        file(b"dir/one", 0, 0, b"stored text", &owner),
        file(b"two", 0, 3, b"????", &[]),
        file(b"secret", 0, 0, b"!!!!", &[2, 1, 0]),
        file(b"link", 0, 0, b"", &link),
        header(5, &number(0), &[], &[]),
    ]
    .concat()
}

#[test]
fn members_of_old_archives() {
    let tree = Tree::from_bytes([old_archive(), b"tail".to_vec()].concat(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let inside = container(&tree, "rar");
    assert_eq!(attribute(&tree, "rar", "solid").unwrap(), "true");
    assert_eq!(attribute(&tree, "rar", "os").unwrap(), "Unix");
    let member = |path: &str| tree.member(inside, path.as_bytes()).unwrap();
    assert_eq!(tree.bytes(member("/dir/stored")).unwrap(), "stored text");
    let stored = tree.node(member("/dir/stored"));
    assert_eq!(
        (stored.metadata.mode, stored.metadata.modified),
        (Some(0o644), Some(1_772_293_378))
    );
    let reason = |path: &str| tree.node(member(path)).unread.as_ref().unwrap().reason.clone();
    assert_eq!(reason("/packed"), "not extracted: rar compression version 29 (method 3)");
    assert_eq!(reason("/secret"), "encrypted");
    assert_eq!(tree.coverage().bytes_unread, 8 + 4);
    assert_eq!(tree.node(member("/dir")).kind, NodeKind::Member(EntryKind::Directory));
}

#[test]
fn members_of_current_archives() {
    let tree = Tree::from_bytes([current_archive(), b"tail".to_vec()].concat(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let inside = container(&tree, "rar");
    let member = |path: &str| tree.member(inside, path.as_bytes()).unwrap();
    assert_eq!(tree.bytes(member("/dir/one")).unwrap(), "stored text");
    let one = tree.node(member("/dir/one"));
    assert_eq!((one.metadata.user, one.metadata.group), (Some(1000), Some(7)));
    let reason = |path: &str| tree.node(member(path)).unread.as_ref().unwrap().reason.clone();
    assert_eq!(reason("/two"), "not extracted: rar compression version 50 (method 3)");
    assert_eq!(reason("/secret"), "encrypted");
    let kind = &tree.node(member("/link")).kind;
    assert_eq!(*kind, NodeKind::Member(EntryKind::Symlink("dir/one".into())));
}

#[test]
fn encrypted_headers_are_said() {
    let old = [&b"Rar!\x1a\x07\0"[..], &block(0x73, 0x80, &[0; 6]), &[9; 60]].concat();
    let encryption = [0, 0, 15, 1, 2, 3, 4];
    let current =
        [&b"Rar!\x1a\x07\x01\0"[..], &header(4, &encryption, &[], &[]), &[9; 60]].concat();
    for archive in [old, current] {
        let length = archive.len() as u64;
        let tree = Tree::from_bytes(archive, &Limits::default());
        assert_eq!(tree.coverage().bytes_unread, length);
        assert_eq!(tree.coverage().regions_unread[0].reason, "rar: encrypted");
    }
}

#[test]
fn damage_does_no_harm() {
    for archive in [old_archive(), current_archive()] {
        hostile::check(&archive, archive.len());
    }
}
