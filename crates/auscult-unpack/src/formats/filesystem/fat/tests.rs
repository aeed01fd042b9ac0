//! FAT: images of the reference tools, our own with everything that tools do not make, damage.

use std::{fs, path::Path};

use auscult_model::Limits;

use crate::{
    Tree,
    formats::testing::{
        hostile::{attribute, check, locators},
        reference::{assert_same_contents, assert_survives_damage, container, run, sample},
    },
};

/// Sectors of the boot record, of each of two tables and of the root directory of [`image`].
const TABLE: usize = 512;
const ROOT: usize = 3 * 512;
const DATA: usize = 4 * 512;

/// A file system of FAT12 with clusters of one sector: `entries` in the root directory, `table` as
/// the entries from cluster 2 on, and data.
fn image(entries: &[[u8; 32]], table: &[u16], data: &[u8]) -> Vec<u8> {
    let mut image = vec![0; DATA];
    image[..13].copy_from_slice(b"\xeb\x3c\x90testing \0\x02");
    // Sectors per cluster, reserved sectors, tables, entries of the root, sectors, medium, and
    // sectors per table.
    image[13..24].copy_from_slice(&[1, 1, 0, 2, 16, 0, 40, 0, 0xf8, 1, 0]);
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
    let mut all = vec![0xff8, 0xfff];
    all.extend(table);
    for (index, &value) in all.iter().enumerate() {
        set(&mut image, index, value);
    }
    for (place, entry) in image[ROOT..].chunks_mut(32).zip(entries) {
        place.copy_from_slice(entry);
    }
    image.extend(data);
    image.resize(40 * 512, 0);
    image
}

/// Sets an entry in both tables.
fn set(image: &mut [u8], index: usize, value: u16) {
    for table in [TABLE, TABLE + 512] {
        let place = &mut image[table + index * 3 / 2..][..2];
        let [low, high] = value.to_le_bytes();
        if index.is_multiple_of(2) {
            (place[0], place[1]) = (low, place[1] & 0xf0 | high);
        } else {
            (place[0], place[1]) = (place[0] & 0xf | low << 4, high << 4 | low >> 4);
        }
    }
}

fn entry(name: &[u8; 11], attributes: u8, cluster: u16, size: u32) -> [u8; 32] {
    let mut entry = [0; 32];
    entry[..11].copy_from_slice(name);
    entry[11] = attributes;
    entry[22..26].copy_from_slice(&[0, 0x60, 0x5d, 0x58]);
    entry[26..28].copy_from_slice(&cluster.to_le_bytes());
    entry[28..].copy_from_slice(&size.to_le_bytes());
    entry
}

/// The pieces of a long name in front of a short one.
fn long(name: &str, short: &[u8; 11]) -> Vec<[u8; 32]> {
    let sum = short.iter().fold(0_u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte));
    let mut units: Vec<u16> = name.encode_utf16().collect();
    if !units.len().is_multiple_of(13) {
        units.push(0);
    }
    let count = units.len().div_ceil(13);
    let piece = |(index, units): (usize, &[u16])| {
        let mut bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        bytes.resize(26, 0xff);
        let mut entry = [0; 32];
        entry[0] = u8::try_from(index + 1).unwrap() | if index + 1 == count { 0x40 } else { 0 };
        (entry[11], entry[13]) = (0x0f, sum);
        entry[1..11].copy_from_slice(&bytes[..10]);
        entry[14..26].copy_from_slice(&bytes[10..22]);
        entry[28..].copy_from_slice(&bytes[22..]);
        entry
    };
    let mut pieces: Vec<_> = units.chunks(13).enumerate().map(piece).collect();
    pieces.reverse();
    pieces
}

fn why(tree: &Tree) -> String {
    let told = tree.problems().iter().map(|problem| format!("{}: {}", problem.what, problem.why));
    told.collect::<Vec<_>>().join("\n")
}

fn bytes_of(tree: &Tree, path: &str) -> Result<bytes::Bytes, crate::Fault> {
    tree.bytes(tree.member(container(tree, "fat"), path.as_bytes()).expect(path))
}

#[test]
fn names_long_and_short_in_every_spelling() {
    let name = "Ein längerer Name 😀.TXT";
    let mut entries = long(name, b"EINLNG~1TXT");
    entries.push(entry(b"EINLNG~1TXT", 0x20, 2, 3));
    // The pieces of another file.
    entries.extend(long("orphan of nothing", b"ORPHAN~1   "));
    entries.push(entry(b"\x05\x8e\x81     C  ", 0x01, 0, 0));
    let mut lower = entry(b"README  MD ", 0x20, 3, 512);
    lower[12] = 0x08;
    entries.push(lower);
    lower[..11].copy_from_slice(b"MAKEFILEEXT");
    (lower[12], lower[26], lower[28], lower[29]) = (0x10, 0, 0, 0);
    entries.push(lower);
    entries.push(entry(b"\xe5ELETED TXT", 0x20, 4, 10));
    entries.push(entry(b"THE LABEL  ", 0x08, 0, 0));
    entries.push([0; 32]);
    entries.push(entry(b"BEHIND  END", 0x20, 0, 0));
    let image =
        image(&entries, &[0xfff, 0xfff], &[&b"abc"[..], &[0; 509], &sample(512, 1)].concat());
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert_eq!(why(&tree), "");
    let prefix = "image@0x0/fat:/";
    let found: Vec<String> = locators(&tree)
        .iter()
        .filter_map(|name| name.strip_prefix(prefix))
        .map(str::to_owned)
        .collect();
    let text = |bytes: &str| tree.member(container(&tree, "fat"), bytes.as_bytes()).is_some();
    assert!(text(&format!("/{name}")), "{found:?}");
    for name in ["/σÄü.C", "/readme.MD", "/MAKEFILE.ext"] {
        assert!(text(name), "{name}: {found:?}");
    }
    assert_eq!(found.len(), 5, "{found:?}");
    assert_eq!(bytes_of(&tree, &format!("/{name}")).unwrap(), "abc");
    assert_eq!(bytes_of(&tree, "/readme.MD").unwrap(), sample(512, 1));
    let member = tree.member(container(&tree, "fat"), b"/readme.MD").unwrap();
    assert_eq!(tree.node(member).metadata.modified, Some(1_709_208_000));
    assert_eq!(attribute(&tree, "fat", "label").as_deref(), Some("THE LABEL"));
    assert_eq!(attribute(&tree, "fat", "version").as_deref(), Some("FAT12"));
    assert_eq!(tree.coverage().bytes_unread, 0);
    check(&image, DATA + 512);
}

#[test]
fn chains_that_are_wrong_are_told_and_what_is_good_is_read() {
    let entries = [
        entry(b"GOOD       ", 0, 2, 1000),
        entry(b"SHORT      ", 0, 4, 5000),
        entry(b"LONG       ", 0, 5, 100),
        entry(b"CIRCLE     ", 0, 7, 5000),
        entry(b"SHARED     ", 0, 9, 1000),
        entry(b"BAD        ", 0, 10, 1000),
        entry(b"FREE       ", 0, 11, 1000),
        entry(b"OUT        ", 0, 12, 1000),
        entry(b"NONE       ", 0, 0, 7),
        entry(b"SELF       ", 0x10, 13, 0),
    ];
    let end = 0xfff;
    let table = [3, end, end, 6, end, 8, 7, 3, 0xff7, 0, 1000, end];
    let mut data = sample(11 * 512, 2);
    data.extend(entry(b"SELF       ", 0x10, 13, 0));
    let tree = Tree::from_bytes(image(&entries, &table, &data), &Limits::default());
    let told = why(&tree);
    for what in [
        "(/SHORT): its clusters have 512 of 5000 bytes",
        "(/LONG): it goes on at cluster 6 behind the end",
        "(/CIRCLE): it goes round in a circle at cluster 7",
        "(/SHARED): cluster 3 belongs to another one too",
        "(/BAD): it leads to a bad cluster",
        "(/FREE): it leads to a cluster that is free",
        "(/OUT): it leads to cluster 1000 of 37",
        "(/NONE): its clusters have 0 of 7 bytes",
        "(/SELF/SELF): a directory that was listed before",
    ] {
        assert!(told.contains(what), "{what}:\n{told}");
    }
    assert_eq!(bytes_of(&tree, "/GOOD").unwrap(), data[..1000]);
    assert_eq!(bytes_of(&tree, "/LONG").unwrap(), data[3 * 512..][..100]);
    let shared = [&data[7 * 512..][..512], &data[512..1000]].concat();
    assert_eq!(bytes_of(&tree, "/SHARED").unwrap(), shared);
    assert!(bytes_of(&tree, "/SHORT").unwrap_err().why.contains("512 of 5000"));
}

#[test]
fn the_other_table_helps_out() {
    let entries = [entry(b"FILE       ", 0, 2, 1000)];
    let mut image = image(&entries, &[3, 0xfff], &sample(1024, 3));
    image[TABLE + 3] = 0;
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert!(why(&tree).contains("cluster 2 is good in copy 1 only"));
    assert_eq!(bytes_of(&tree, "/FILE").unwrap(), sample(1024, 3)[..1000]);
    image[TABLE..TABLE + 3].fill(0);
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert!(why(&tree).contains("copy 0 does not start with the type of the medium"));
    assert_eq!(bytes_of(&tree, "/FILE").unwrap(), sample(1024, 3)[..1000]);
    // Without a table it is only a boot sector.
    image[TABLE + 512] = 0;
    let tree = Tree::from_bytes(image, &Limits::default());
    assert_eq!(tree.coverage().bytes_read, 0);
}

/// A directory as FAT can hold it.
fn make_directory(root: &Path) {
    fs::create_dir_all(root.join("many/Deep down below")).unwrap();
    fs::write(root.join("empty"), b"").unwrap();
    fs::write(root.join("UPPER.TXT"), b"upper\n").unwrap();
    fs::write(root.join("Grüße an 東京.text"), sample(3000, 1)).unwrap();
    fs::write(root.join("large"), sample(700_001, 2)).unwrap();
    for index in 0..300 {
        let name = format!("many/file-with-a-rather-long-name-{index:04}");
        fs::write(root.join(name), sample(index * 7, 3)).unwrap();
    }
    fs::write(root.join("many/Deep down below/x"), b"x").unwrap();
}

/// Makes an image with the reference tools; none where they are not installed.
fn make(folder: &Path, root: &Path, kib: u64, options: &[&str]) -> Option<Vec<u8>> {
    let path = folder.join("image");
    drop(fs::remove_file(&path));
    let (name, kib) = (path.to_str().unwrap(), kib.to_string());
    if !run("mkfs.fat", &[options, &["-C", name, &kib]].concat()) {
        return None;
    }
    let mut files: Vec<_> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let files: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
    let copied = run("mcopy", &[&["-s", "-m", "-i", name], &files[..], &["::/"]].concat());
    copied.then(|| fs::read(&path).unwrap())
}

#[test]
fn images_of_the_reference_tools_with_all_widths_and_sector_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    make_directory(&root);
    let cases: [(&str, u64, &[&str]); 7] = [
        ("FAT12", 1440, &["-F", "12", "-n", "A LABEL"]),
        ("FAT12", 1440, &["-F", "12", "-n", "A LABEL", "-f", "1"]),
        ("FAT16", 16_384, &["-F", "16", "-n", "A LABEL"]),
        ("FAT16", 32_768, &["-F", "16", "-n", "A LABEL", "-S", "4096", "-s", "1"]),
        ("FAT32", 65_536, &["-F", "32", "-n", "A LABEL"]),
        ("FAT32", 140_000, &["-F", "32", "-n", "A LABEL", "-S", "2048", "-s", "1"]),
        ("FAT32", 40_000, &["-F", "32", "-n", "A LABEL", "-s", "1", "-R", "2", "-b", "0"]),
    ];
    for (version, kib, options) in cases {
        let Some(image) = make(folder.path(), &root, kib, options) else { return };
        let tree = assert_same_contents(image, "fat", &root);
        assert_eq!(attribute(&tree, "fat", "version").as_deref(), Some(version), "{options:?}");
        assert_eq!(attribute(&tree, "fat", "label").as_deref(), Some("A LABEL"));
        assert_eq!(attribute(&tree, "fat", "state").as_deref(), Some("clean"));
        assert_eq!(tree.coverage().bytes_unread, 0);
    }
}

#[test]
fn file_systems_in_partitions_and_at_odd_places() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::write(root.join("file"), sample(5000, 4)).unwrap();
    let Some(image) = make(folder.path(), &root, 512, &["-F", "12"]) else { return };
    let partition = auscult_testkit::disk::Partition {
        kind: 0x0c,
        name: "EFI",
        first_sector: 40,
        data: &image,
    };
    let odd = [&b"in front"[..], &image].concat();
    let disks = [
        (
            auscult_testkit::disk::mbr(std::slice::from_ref(&partition)),
            "mbr:/partition1@0x0/fat:/file",
        ),
        (auscult_testkit::disk::gpt(&[partition]), "@0x0/fat:/file"),
        (odd, "image@0x8/fat:/file"),
    ];
    for (disk, end) in disks {
        let tree = Tree::from_bytes(disk, &Limits::default());
        assert!(locators(&tree).iter().any(|name| name.ends_with(end)), "{:?}", locators(&tree));
        assert_eq!(bytes_of(&tree, "/file").unwrap(), sample(5000, 4));
    }
}

#[test]
fn damage_never_panics() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("a/b")).unwrap();
    fs::write(root.join("a/a longer name"), sample(5000, 4)).unwrap();
    for (options, kib) in [(["-F", "12", "-s", "1"], 80), (["-F", "32", "-s", "1"], 34_000)] {
        let Some(mut image) = make(folder.path(), &root, kib, &options) else { return };
        // Enough for the tables of FAT32 and the first clusters.
        image.truncate(570_000);
        assert_survives_damage(&image, 512, image.len() / 90);
        for position in (512..image.len()).step_by(image.len() / 900) {
            let mut flipped = image.clone();
            flipped[position] ^= 0x41;
            let tree = Tree::from_bytes(flipped, &Limits::default());
            for (id, node) in tree.nodes().filter(|(_, node)| node.is_file()) {
                if node.len() < 1 << 24 {
                    drop(tree.bytes(id));
                }
            }
        }
    }
}

#[test]
fn a_small_file_system_of_32_bits_is_one_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let name = path.to_str().unwrap();
    if run("mkfs.fat", &["-F", "32", "-n", "SMALL", "-S", "1024", "-C", name, "4096"]) {
        let tree = Tree::from_bytes(fs::read(&path).unwrap(), &Limits::default());
        assert_eq!(attribute(&tree, "fat", "version").as_deref(), Some("FAT32"));
        assert_eq!(attribute(&tree, "fat", "label").as_deref(), Some("SMALL"));
    }
}
