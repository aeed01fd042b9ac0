//! ZIP archives from the test kit and by hand.

use auscult_model::Limits;
use auscult_testkit::zip::{ZipMember, ZipMethod, zip};

use crate::{EntryKind, Node, NodeKind, Tree, formats::testing::hostile};

fn members() -> Vec<ZipMember> {
    let mut link = ZipMember::file("bin/sh", ZipMethod::Stored, "busybox");
    link.unix_mode = 0o120_777;
    let mut program = ZipMember::file("bin/busybox", ZipMethod::Deflate, vec![b'x'; 5000]);
    program.unix_mode = 0o104_755;
    let mut folder = ZipMember::file("etc/", ZipMethod::Stored, "");
    folder.unix_mode = 0o040_755;
    let text = ZipMember::file("etc/na\u{ef}ve", ZipMethod::Stored, "text");
    vec![link, program, folder, text]
}

fn open(bytes: Vec<u8>) -> Tree {
    Tree::from_bytes(bytes, &Limits::default())
}

fn member<'tree>(tree: &'tree Tree, path: &str) -> &'tree Node {
    let root = tree.file_systems().next().unwrap();
    tree.node(tree.member(root, path.as_bytes()).unwrap())
}

#[test]
fn members_keep_their_kind_and_content() {
    let image = [b"before".to_vec(), zip(&members()), b"after, with PK\x05\x06 in it".to_vec()];
    let tree = open(image.concat());
    assert_eq!(tree.problems(), []);
    assert_eq!(tree.coverage().bytes_unread, 6 + 22);
    let program = member(&tree, "/bin/busybox");
    assert_eq!(program.metadata.mode, Some(0o4755));
    assert_eq!(program.metadata.modified, Some(315_532_800));
    assert!(program.content.as_ref().unwrap().read_all().unwrap() == vec![b'x'; 5000]);
    assert_eq!(
        member(&tree, "/bin/sh").kind,
        NodeKind::Member(EntryKind::Symlink("busybox".into()))
    );
    assert_eq!(member(&tree, "/etc").kind, NodeKind::Member(EntryKind::Directory));
    assert_eq!(member(&tree, "/etc/na\u{ef}ve").len(), 4);
}

#[test]
fn encrypted_members_count_as_unread() {
    let mut image = zip(&[ZipMember::file("secret", ZipMethod::Stored, "????")]);
    let directory = image.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    image[6] |= 1;
    image[directory + 8] |= 1;
    let length = image.len() as u64;
    let tree = open(image);
    assert_eq!(tree.coverage().bytes_unread, length);
    assert!(tree.coverage().regions_unread[0].reason.contains("encrypted"));
    assert!(member(&tree, "/secret").content.is_none());
}

#[test]
fn members_over_each_other_are_not_read() {
    let mut image = zip(&[
        ZipMember::file("a", ZipMethod::Stored, "0123456789"),
        ZipMember::file("b", ZipMethod::Stored, "0123456789"),
    ]);
    let directory = image.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    // The second record points at the first member.
    image[directory + 42..directory + 46].fill(0);
    let tree = open(image);
    assert!(tree.problems().iter().any(|problem| problem.why.contains("lies over")));
    let there = |path| member(&tree, path).content.is_some();
    assert!(there("/a") != there("/b"));
}

#[test]
fn sizes_of_64_bits_are_read() {
    // The only member's record says ffffffff and has the sizes in its extra field.
    let mut image = zip(&[ZipMember::file("a", ZipMethod::Stored, "0123456789")]);
    let directory = image.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let end = image.len() - 22;
    image[directory + 20..directory + 28].fill(0xff);
    image[directory + 30] = 20;
    let extra = [&[1, 0, 16, 0][..], &10_u64.to_le_bytes(), &10_u64.to_le_bytes()].concat();
    image.splice(end..end, extra);
    let end = end + 20;
    let size = u32::try_from(end - directory).unwrap();
    image[end + 12..end + 16].copy_from_slice(&size.to_le_bytes());
    // A zip64 end record and its locator; the plain end record is then full of ff.
    let wide = [
        b"PK\x06\x06".to_vec(),
        44_u64.to_le_bytes().to_vec(),
        vec![45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        1_u64.to_le_bytes().to_vec(),
        1_u64.to_le_bytes().to_vec(),
        u64::from(size).to_le_bytes().to_vec(),
        (directory as u64).to_le_bytes().to_vec(),
        b"PK\x06\x07\0\0\0\0".to_vec(),
        (end as u64).to_le_bytes().to_vec(),
        vec![1, 0, 0, 0],
    ]
    .concat();
    image[end + 8..end + 20].fill(0xff);
    image.splice(end..end, wide);
    let tree = open(image);
    assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 0));
    assert_eq!(tree.bytes(tree.node(tree.root()).children[0]).unwrap().len() as u64, {
        tree.coverage().bytes_total
    });
    assert_eq!(member(&tree, "/a").content.as_ref().unwrap().read_all().unwrap(), "0123456789");
}

#[test]
fn hostile_variants_do_no_harm() {
    let image = zip(&[
        ZipMember::file("a", ZipMethod::Deflate, "aaaaaaaaaaaaaaa"),
        ZipMember::file("b", ZipMethod::Stored, "b"),
    ]);
    hostile::check(&image, image.len());
}
