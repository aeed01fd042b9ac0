//! ZIP archives from the test kit and by hand.

use auscult_model::Limits;
use auscult_testkit::zip::{ZipMember, ZipMethod, zip};

use crate::{
    EntryKind, Node, NodeKind, Tree,
    formats::testing::{
        hostile::{self, attribute},
        reference::{assert_same, assert_same_contents, make_directory, run, sample},
    },
};

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
    assert_eq!(attribute(&tree, "zip", "encryption").unwrap(), "ZipCrypto");
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

/// Packs everything in a new directory with Info-ZIP or 7-Zip; none where the tool is missing.
fn pack(tool: &str, options: &[&str], root: &std::path::Path) -> Option<Vec<u8>> {
    let archive = root.with_extension("zip");
    let _ = std::fs::remove_file(&archive);
    let (archive_name, root_name) = (archive.to_str().unwrap(), root.to_str().unwrap());
    let made = if tool == "zip" {
        let script = format!("cd {root_name} && zip -q {} {archive_name} -r .", options.join(" "));
        run("zip", &["-v"]) && run("sh", &["-c", &script])
    } else {
        let everything = format!("{root_name}/.");
        let mut arguments = vec!["a", "-bd", "-tzip"];
        arguments.extend(options);
        arguments.extend([archive_name, &everything]);
        run(tool, &arguments)
    };
    made.then(|| std::fs::read(&archive).unwrap())
}

#[test]
fn every_method_of_the_reference_programs() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    for link in ["short-link", "long-link"] {
        std::fs::remove_file(root.join(link)).unwrap();
    }
    for method in ["Copy", "Deflate", "Deflate64", "BZip2", "LZMA", "PPMd", "PPMd -mmem=24"] {
        let method = format!("-mm={method}");
        let options: Vec<_> = method.split(' ').collect();
        let Some(archive) = pack("7z", &options, &root) else { return };
        let tree = assert_same_contents(archive, "zip", &root);
        assert_eq!(tree.coverage().bytes_unread, 0, "{method}");
    }
    for options in [&["-y"][..], &["-y", "-Z", "bzip2"], &["-y", "-fd"], &["-y", "-fz"]] {
        let Some(archive) = pack("zip", options, &root) else { return };
        assert_same(archive, "zip", &root);
    }
}

#[test]
fn a_wrong_checksum_is_told() {
    let mut image = zip(&[ZipMember::file("a", ZipMethod::Stored, "0123456789")]);
    image[32] ^= 1;
    let tree = open(image);
    assert!(tree.problems().iter().any(|problem| problem.why.contains("checksum is wrong")));
    assert_eq!(member(&tree, "/a").len(), 10);
}

#[test]
fn the_kind_of_encryption_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("secret"), b"a secret").unwrap();
    let cases =
        [("-mem=AES256", "AES-256"), ("-mem=AES128", "AES-128"), ("-mem=ZipCrypto", "ZipCrypto")];
    for (option, kind) in cases {
        let Some(archive) = pack("7z", &["-psecret", option], &root) else { return };
        let tree = open(archive);
        assert_eq!(attribute(&tree, "zip", "encryption").unwrap(), kind);
        assert!(member(&tree, "/secret").unread.as_ref().unwrap().reason.contains(kind));
    }
}

#[test]
fn members_of_a_cut_archive_are_found_by_their_local_headers() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir_all(&root).unwrap();
    std::fs::write(root.join("a"), sample(5000, 1)).unwrap();
    std::fs::write(root.join("b"), sample(9000, 2)).unwrap();
    // With sizes in front and behind the data, packed and stored.
    for options in [&["-q"][..], &["-fd"], &["-fd", "-0"]] {
        let Some(archive) = pack("zip", options, &root) else { return };
        let directory = archive.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        let tree = open(archive[..directory].to_vec());
        assert!(tree.problems().iter().any(|problem| problem.what.contains("directory")));
        for (name, length, seed) in [("/a", 5000, 1), ("/b", 9000, 2)] {
            let content = member(&tree, name).content.as_ref().unwrap().read_all().unwrap();
            assert!(content == sample(length, seed), "{options:?} {name}");
        }
        let tree = open(archive[..directory - 2000].to_vec());
        let root = tree.file_systems().next().unwrap();
        let lengths = ["/a", "/b"].map(|name| {
            tree.member(root, name.as_bytes()).map_or(0, |member| tree.node(member).len())
        });
        // The first one in the order of the folder is whole.
        assert!(lengths[0] == 5000 || lengths[1] == 9000, "{options:?}: {lengths:?}");
        hostile::check(&archive[..400], 60);
    }
}

#[test]
fn signatures_of_android_are_named() {
    let mut image = zip(&[ZipMember::file("classes.dex", ZipMethod::Stored, "dex")]);
    let directory = image.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let pair = |id: u32| [12_u64.to_le_bytes().as_slice(), &id.to_le_bytes(), &[7; 8]].concat();
    let pairs = [pair(0x7109_871a), pair(0xf053_68c0), pair(0x4272_6577)].concat();
    let size = (pairs.len() as u64 + 24).to_le_bytes();
    let block = [&size[..], &pairs, &size, b"APK Sig Block 42"].concat();
    image.splice(directory..directory, block.clone());
    let end = image.len() - 22;
    let offset = u32::try_from(directory + block.len()).unwrap();
    image[end + 16..end + 20].copy_from_slice(&offset.to_le_bytes());
    let tree = open(image);
    assert_eq!(tree.problems(), []);
    assert_eq!(attribute(&tree, "zip", "signature").unwrap(), "apk-v2 apk-v3");
}
