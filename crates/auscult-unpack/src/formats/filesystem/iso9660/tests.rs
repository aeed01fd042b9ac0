//! ISO 9660: images of the reference tools in all their kinds, our own, damage.

use std::{fs, os::unix::fs::symlink, path::Path};

use auscult_model::Limits;

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::{
        hostile::{attribute, check, locators},
        reference::{
            assert_same, assert_same_contents, assert_survives_damage, container, make_directory,
            run, sample,
        },
    },
};

const SECTOR: usize = 2048;

/// Makes an image of a directory with one of the reference tools.
fn make(tool: &[&str], root: &Path, options: &[&str]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("image");
    let output = ["-quiet", "-o", image.to_str().unwrap()];
    let arguments = [&tool[1..], &output, options, &[root.to_str().unwrap()]].concat();
    run(tool[0], &arguments).then(|| fs::read(&image).unwrap())
}

const TOOLS: [&[&str]; 2] = [&["genisoimage"], &["xorriso", "-as", "mkisofs"]];

fn told(tree: &Tree, key: &str) -> String {
    attribute(tree, "iso9660", key).unwrap_or_default()
}

fn bytes_of(tree: &Tree, path: &str) -> bytes::Bytes {
    tree.bytes(tree.member(container(tree, "iso9660"), path.as_bytes()).expect(path)).unwrap()
}

fn kind_of(tree: &Tree, path: &str) -> EntryKind {
    let member = tree.member(container(tree, "iso9660"), path.as_bytes()).expect(path);
    let NodeKind::Member(kind) = &tree.node(member).kind else { panic!("{path}") };
    kind.clone()
}

#[test]
fn rock_ridge_images_of_the_reference_tools() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    // Deeper than eight levels: the tools move the directory elsewhere.
    let deep = root.join("1/2/3/4/5/6/7/8/9/10");
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("bottom"), b"bottom").unwrap();
    symlink("../..//one/./two", root.join("dots")).unwrap();
    for tool in TOOLS {
        if tool == TOOLS[1] {
            // It breaks off at components of links that are longer than 250 bytes.
            fs::remove_file(root.join("long-link")).unwrap();
        }
        for options in [vec!["-R"], vec!["-R", "-J", "-joliet-long", "-V", "Label"]] {
            let Some(image) = make(tool, &root, &options) else { continue };
            let has_joliet = options.len() > 1;
            let tree = if tool == TOOLS[0] {
                // It makes directories of its own, writable for nobody.
                assert_same_contents(image, "iso9660", &root)
            } else {
                assert_same(image, "iso9660", &root)
            };
            assert_eq!(told(&tree, "names"), "rock-ridge");
            assert_eq!(told(&tree, "joliet"), if has_joliet { "3" } else { "" });
            assert!(!locators(&tree).iter().any(|name| name.contains("[joliet]")));
            assert_eq!(tree.coverage().bytes_unread, 0);
        }
    }
}

#[test]
fn joliet_and_plain_names_and_what_only_joliet_has() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("Ein Ordner")).unwrap();
    fs::write(root.join("Ein Ordner/Datei mit 東京.text"), sample(5000, 1)).unwrap();
    fs::write(root.join("noext"), b"plain").unwrap();
    fs::write(root.join("UPPER.TXT"), b"upper").unwrap();
    for tool in TOOLS {
        // One of them always writes Rock Ridge unless told otherwise.
        let none = if tool == TOOLS[1] { &["--norock"][..] } else { &[] };
        let joliet = [none, &["-J", "-V", "Das Label"]].concat();
        let Some(image) = make(tool, &root, &joliet) else { continue };
        let tree = assert_same_contents(image, "iso9660", &root);
        assert_eq!(
            (told(&tree, "names"), told(&tree, "label")),
            ("joliet".into(), "Das Label".into())
        );
        let Some(image) = make(tool, &root, &[none, &["-iso-level", "1"]].concat()) else {
            continue;
        };
        let tree = Tree::from_bytes(image, &Limits::default());
        let plain = tree.problems().is_empty() && told(&tree, "names") == "iso9660";
        assert!(
            plain
                && bytes_of(&tree, "/NOEXT") == "plain"
                && bytes_of(&tree, "/UPPER.TXT") == "upper"
        );
        let options = ["-R", "-J", "-hide", "UPPER.TXT"];
        let Some(image) = make(tool, &root, &options) else { continue };
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(bytes_of(&tree, "/[joliet]/UPPER.TXT"), "upper");
        let doubled = locators(&tree).iter().filter(|name| name.contains("[joliet]")).count();
        assert_eq!(doubled, 1);
    }
    let options = ["-iso-level", "4"];
    if let Some(image) = make(TOOLS[0], &root, &options) {
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(told(&tree, "names"), "iso9660-1999");
        assert_eq!(bytes_of(&tree, "/UPPER.TXT"), "upper");
    }
}

#[test]
fn boot_images_and_hybrid_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("boot")).unwrap();
    fs::write(root.join("boot/loader.bin"), sample(9000, 2)).unwrap();
    let efi = root.join("boot/efi.img");
    let efi_name = efi.to_str().unwrap();
    if !run("mkfs.fat", &["-C", efi_name, "1440"]) {
        return;
    }
    let options = [
        &["-R", "-b", "boot/loader.bin", "-no-emul-boot", "-boot-load-size", "4"][..],
        &["-eltorito-alt-boot", "-e", "boot/efi.img", "-no-emul-boot"],
    ];
    let Some(image) = make(TOOLS[1], &root, &options.concat()) else { return };
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert_eq!(tree.problems(), []);
    let expected = "x86 without emulation: boot/loader.bin; efi without emulation: boot/efi.img";
    assert_eq!(told(&tree, "boot"), expected);
    assert_eq!(kind_of(&tree, "/[boot]/2-efi.img"), EntryKind::Hardlink("boot/efi.img".into()));
    assert_eq!(bytes_of(&tree, "/[boot]/1-x86.img"), sample(9000, 2));
    assert!(locators(&tree).contains(&"image@0x0/iso9660:/boot/efi.img@0x0/fat".to_owned()));
    // The same without names for the boot images, and with a partition table in front.
    let hidden = [&options.concat()[..], &["-hide", "boot"]].concat();
    let Some(mut image) = make(TOOLS[1], &root, &hidden) else { return };
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert!(bytes_of(&tree, "/[boot]/1-x86.img").starts_with(&sample(9000, 2)[..2048]));
    assert!(locators(&tree).contains(&"image@0x0/iso9660:/[boot]/2-efi.img@0x0/fat".to_owned()));
    let place = image.windows(8).position(|window| window == b"mkfs.fat").unwrap() - 3;
    let sector = u32::try_from(place / 512).unwrap();
    image[446 + 4] = 0xef;
    image[446 + 8..446 + 12].copy_from_slice(&sector.to_le_bytes());
    image[446 + 12..446 + 16].copy_from_slice(&2880_u32.to_le_bytes());
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
    // Without the boot record, only the partition leads there.
    let record = 17 * SECTOR;
    assert_eq!(image[record..record + 6], *b"\0CD001");
    image[record + 7] = 0;
    let tree = Tree::from_bytes(image, &Limits::default());
    assert_eq!((told(&tree, "hybrid"), told(&tree, "boot")), ("mbr".into(), String::new()));
    let partition = "image@0x0/iso9660:/[boot]/partition1.img@0x0/fat".to_owned();
    assert!(locators(&tree).contains(&partition));
    assert_eq!(bytes_of(&tree, "/[boot]/system-area.img").len(), 16 * SECTOR);
}

#[test]
fn files_packed_by_zisofs() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    let mut content = sample(100_000, 3);
    content.resize(400_000, 0);
    fs::write(root.join("file"), &content).unwrap();
    let name = root.to_str().unwrap();
    for version in ["version_2=off", "version_2=on", "version_2=on:susp_z2=on"] {
        let image = folder.path().join(version);
        let path = image.to_str().unwrap();
        let filter = ["-set_filter_r", "--zisofs", "/", "--", "-commit"];
        let arguments =
            [&["-zisofs", version, "-outdev", path, "-map", name, "/"][..], &filter].concat();
        if run("xorriso", &arguments) {
            let tree = Tree::from_bytes(fs::read(&image).unwrap(), &Limits::default());
            assert_eq!(tree.problems(), []);
            assert!(bytes_of(&tree, "/file") == content, "{version}");
        }
    }
}

/// A number in both byte orders.
fn both(value: usize) -> [u8; 8] {
    let value = u32::try_from(value).unwrap();
    let [little, big] = [value.to_le_bytes(), value.to_be_bytes()];
    [little, big].concat().try_into().unwrap()
}

/// A directory record.
fn record(name: &[u8], block: usize, size: usize, flags: u8, area: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0];
    record.extend([both(block), both(size)].concat());
    record.extend([124, 2, 29, 14, 0, 0, 8, flags, 0, 0, 1, 0, 0, 1]);
    record.push(u8::try_from(name.len()).unwrap());
    record.extend(name);
    record.resize(record.len().next_multiple_of(2), 0);
    record.extend(area);
    record[0] = u8::try_from(record.len()).unwrap();
    record
}

/// An image whose root directory holds these records, and data from sector 19 on.
fn image(records: &[Vec<u8>], data: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 19 * SECTOR];
    let root = record(&[0], 18, SECTOR, 2, b"");
    let primary = 16 * SECTOR;
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(primary, b"\x01CD001\x01");
    put(primary + 80, &both(19 + data.len().div_ceil(SECTOR)));
    put(primary + 128, &[0, 8, 8, 0]);
    put(primary + 156, &root);
    put(primary + 813, b"2024022912000000\x08");
    put(primary + 881, &[1]);
    put(17 * SECTOR, b"\xffCD001\x01");
    put(18 * SECTOR, &records.concat());
    image.extend(data);
    image.resize(image.len().next_multiple_of(SECTOR), 0);
    image
}

#[test]
fn pieces_interleaving_and_continued_names() {
    let area = b"SP\x07\x01\xbe\xef\x02";
    let sparse = [&b"xxNM\x0b\x01\0sparseSF\x15\x01"[..], &[0; 17]].concat();
    let packed = b"xxNM\x0a\x01\0otherZF\x10\x01ab\x04\x0f\0\0\0\0\0\0\0\0";
    // Half of the name is in sector 23, with the mode of a pipe.
    let mut split = b"xxNM\x09\x01\x01halfCE\x1c\x01".to_vec();
    split.extend([both(23), both(16), both(100)].concat());
    let mut interleaved = record(b"MIXED.;1", 20, 100, 0, b"");
    interleaved[26] = 1;
    let records = [
        record(&[0], 18, SECTOR, 2, area),
        record(&[1], 18, SECTOR, 2, b"xx"),
        record(b"LARGE.;1", 19, SECTOR, 0x80, b""),
        record(b"LARGE.;1", 21, 500, 0, b""),
        record(b"MAC.;1", 22, 4, 4, b""),
        record(b"MAC.;1", 22, 5, 0, b""),
        record(b"SPLIT.;1", 22, 0, 0, &split),
        record(b"SPARSE.;1", 22, 5, 0, &sparse),
        record(b"PACKED.;1", 22, 5, 0, packed),
        interleaved,
        record(b"LOOP", 18, SECTOR, 2, b""),
        record(b"CUT.;1", 30, 5, 0, b""),
    ];
    let mut data = sample(4 * SECTOR, 4);
    data.extend([0; 16]);
    data.extend(b"NM\x0c\x01\0of namePX\x24\x01");
    data.extend([both(0o010_644), both(1), both(1000), both(100)].concat());
    data.extend(b"TF\x0c\x01\x02\x7c\x02\x1d\x0c\0\0\0ST\x04\x01");
    data.resize(5 * SECTOR, 0);
    let image = image(&records, &data);
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    let large = [&data[..SECTOR], &data[2 * SECTOR..][..500]].concat();
    assert_eq!(bytes_of(&tree, "/LARGE"), large);
    assert_eq!(bytes_of(&tree, "/MAC:associated"), data[3 * SECTOR..][..4]);
    assert_eq!(bytes_of(&tree, "/MAC"), data[3 * SECTOR..][..5]);
    assert_eq!(kind_of(&tree, "/halfof name"), EntryKind::Fifo);
    let member = tree.member(container(&tree, "iso9660"), b"/halfof name").unwrap();
    let metadata = &tree.node(member).metadata;
    assert_eq!((metadata.user, metadata.modified), (Some(1000), Some(1_709_208_000)));
    // Noon is two hours east of UTC.
    let member = tree.member(container(&tree, "iso9660"), b"/LARGE").unwrap();
    assert_eq!(tree.node(member).metadata.modified, Some(1_709_208_000));
    assert_eq!(told(&tree, "created"), "2024-02-29T10:00:00Z");
    let reasons: Vec<_> =
        tree.coverage().regions_unread.iter().map(|region| region.reason.as_str()).collect();
    let expected = ["interleaved", "compressed by the method ab", "sparse as Rock Ridge writes it"];
    assert_eq!(reasons, expected);
    for why in ["5 bytes are past the end", "a directory that was listed before"] {
        assert!(tree.problems().iter().any(|problem| problem.why == why), "{why}");
    }
    check(&image[..17 * SECTOR - 2040], 0);
    for position in (16 * SECTOR..16 * SECTOR + 190).chain(18 * SECTOR..18 * SECTOR + 700) {
        let mut damaged = image.clone();
        damaged[position] ^= [1, 0x80, 0xff][position % 3];
        drop(Tree::from_bytes(damaged, &Limits::default()));
    }
}

#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("a/b/c/d/e/f/g/h/i")).unwrap();
    fs::write(root.join("a/b/file"), sample(5000, 5)).unwrap();
    symlink("some/where/../else", root.join("link")).unwrap();
    let Some(image) = make(TOOLS[1], &root, &["-R", "-J"]) else { return };
    assert_survives_damage(&image, 0, image.len() / 60);
    for position in (16 * SECTOR..image.len()).step_by(97) {
        let mut damaged = image.clone();
        damaged[position] ^= [1, 0x80, 0xff][position % 3];
        let tree = Tree::from_bytes(damaged, &Limits::default());
        for (id, _) in tree.nodes().filter(|(_, node)| node.is_file() && node.len() < 1 << 20) {
            drop(tree.bytes(id));
        }
    }
}
