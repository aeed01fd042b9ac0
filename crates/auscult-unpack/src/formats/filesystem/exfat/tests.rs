//! exFAT: our own images with everything in them, and those of the reference tool.

use std::fs;

use auscult_model::Limits;

use crate::{
    Tree,
    formats::testing::{
        hostile::{attribute, check, locators},
        reference::{assert_survives_damage, container, run, sample},
    },
};

const SECTOR: usize = 512;
/// Sectors of the table, of cluster 2 and of the whole image of [`image`].
const TABLE: usize = 24;
const HEAP: usize = 25;
const SECTORS: usize = 80;

/// A file system with clusters of one sector: the root directory in cluster 2, then data.
fn image(root: &[u8], table: &[(usize, u32)], data: &[u8]) -> Vec<u8> {
    let mut image = vec![0; SECTORS * SECTOR];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"\xeb\x76\x90EXFAT   ");
    put(72, &(SECTORS as u64).to_le_bytes());
    for (at, value) in [(80, TABLE), (84, 1), (88, HEAP), (92, SECTORS - HEAP), (96, 2)] {
        put(at, &u32::try_from(value).unwrap().to_le_bytes());
    }
    put(100, &[0x78, 0x56, 0x34, 0x12, 0, 1, 0, 0, 9, 0, 1, 0x80]);
    put(510, &[0x55, 0xaa]);
    let (table_start, heap) = (TABLE * SECTOR, HEAP * SECTOR);
    put(table_start, &0xffff_fff8_u32.to_le_bytes());
    put(table_start + 4, &u32::MAX.to_le_bytes());
    for (index, value) in [(2, u32::MAX)].iter().chain(table) {
        put(table_start + index * 4, &value.to_le_bytes());
    }
    put(heap, root);
    put(heap + SECTOR, data);
    seal(&mut image);
    let (region, rest) = image.split_at_mut(12 * SECTOR);
    rest[..12 * SECTOR].copy_from_slice(region);
    image
}

/// Writes the checksum of the boot region.
fn seal(image: &mut [u8]) {
    let (covered, sector) = image.split_at_mut(11 * SECTOR);
    let mut sum = 0_u32;
    for (index, &byte) in covered.iter().enumerate() {
        if ![106, 107, 112].contains(&index) {
            sum = sum.rotate_right(1).wrapping_add(u32::from(byte));
        }
    }
    for word in sector[..SECTOR].chunks_mut(4) {
        word.copy_from_slice(&sum.to_le_bytes());
    }
}

/// What the entries of a file say.
#[derive(Clone, Copy, Default)]
struct File<'a> {
    name: &'a str,
    attributes: u8,
    /// Bit 0: has clusters; bit 1: in a row.
    flags: u8,
    cluster: u32,
    size: u64,
    valid: u64,
    /// Quarters of an hour from UTC with the bit that they count.
    zone: u8,
}

fn entries(file: File<'_>) -> Vec<u8> {
    let units: Vec<u8> = file.name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut set = vec![0; 64];
    set[0] = 0x85;
    set[1] = u8::try_from(1 + units.len().div_ceil(30)).unwrap();
    set[4] = file.attributes;
    set[12..16].copy_from_slice(&[1, 0x60, 0x5d, 0x58]);
    (set[21], set[23]) = (150, file.zone);
    (set[32], set[33], set[35]) = (0xc0, file.flags, u8::try_from(units.len() / 2).unwrap());
    set[40..48].copy_from_slice(&file.valid.to_le_bytes());
    set[52..56].copy_from_slice(&file.cluster.to_le_bytes());
    set[56..64].copy_from_slice(&file.size.to_le_bytes());
    for part in units.chunks(30) {
        set.extend([0xc1, 0]);
        set.extend(part);
        set.resize(set.len().next_multiple_of(32), 0);
    }
    let mut sum = 0_u16;
    for (index, &byte) in set.iter().enumerate() {
        if ![2, 3].contains(&index) {
            sum = sum.rotate_right(1).wrapping_add(u16::from(byte));
        }
    }
    set[2..4].copy_from_slice(&sum.to_le_bytes());
    set
}

fn why(tree: &Tree) -> String {
    let told = tree.problems().iter().map(|problem| format!("{}: {}", problem.what, problem.why));
    told.collect::<Vec<_>>().join("\n")
}

fn bytes_of(tree: &Tree, path: &str) -> Result<bytes::Bytes, crate::Fault> {
    tree.bytes(tree.member(container(tree, "exfat"), path.as_bytes()).expect(path))
}

/// A label, a GUID, a directory in a row, a file in a chain with a tail that was never written.
fn sample_image() -> Vec<u8> {
    let long = "a rather long name of a chained file";
    let mut root = vec![0x83, 3, b'V', 0, b'o', 0, b'l', 0];
    root.resize(32, 0);
    root.extend([0x81; 1]);
    root.resize(64, 0);
    root.extend([0xa0, 0, 0, 0, 0, 0]);
    root.extend(1..=16);
    root.resize(96, 0);
    root.extend(entries(File {
        name: "Ordner",
        attributes: 0x10,
        flags: 3,
        cluster: 3,
        size: 512,
        valid: 512,
        zone: 0x80,
    }));
    root.extend(entries(File {
        name: long,
        flags: 1,
        cluster: 5,
        size: 1500,
        valid: 700,
        zone: 0x88,
        ..File::default()
    }));
    // Deleted: the bits that say "in use" are not set.
    let mut deleted =
        entries(File { name: "gone", flags: 3, cluster: 5, size: 7, valid: 7, ..File::default() });
    deleted.chunks_mut(32).for_each(|entry| entry[0] &= 0x7f);
    root.extend(deleted);
    let mut data = entries(File {
        name: "Kopf 😀",
        flags: 3,
        cluster: 6,
        size: 600,
        valid: 600,
        zone: 0xfc,
        ..File::default()
    });
    data.extend(entries(File { name: "leer", ..File::default() }));
    data.resize(2 * SECTOR, 0);
    data.extend(sample(5 * SECTOR, 1));
    image(&root, &[(5, 8), (8, 9), (9, u32::MAX)], &data)
}

#[test]
fn chains_rows_and_tails() {
    let image = sample_image();
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert_eq!(why(&tree), "");
    let names =
        ["", "Ordner", "Ordner/Kopf 😀", "Ordner/leer", "a rather long name of a chained file"];
    let mut found = locators(&tree);
    found.retain(|name| name.contains(":/"));
    assert_eq!(found, names.map(|name| format!("image@0x0/exfat:/{name}")));
    for (key, value) in [
        ("label", "Vol"),
        ("guid", "04030201-0605-0807-090a-0b0c0d0e0f10"),
        ("serial", "1234-5678"),
        ("version", "1.00"),
        ("state", "clean"),
    ] {
        assert_eq!(attribute(&tree, "exfat", key).as_deref(), Some(value));
    }
    let data = sample(5 * SECTOR, 1);
    assert_eq!(bytes_of(&tree, "/Ordner/Kopf 😀").unwrap(), data[512..1112]);
    let chained = [&data[..512], &data[3 * 512..][..188], &[0; 800]].concat();
    assert_eq!(bytes_of(&tree, "/a rather long name of a chained file").unwrap(), chained);
    let modified = |path: &str| {
        let member = tree.member(container(&tree, "exfat"), path.as_bytes()).unwrap();
        tree.node(member).metadata.modified
    };
    // 12:00:03.5 in three zones: UTC, two hours east, one west.
    let noon = 1_709_208_003;
    assert_eq!(modified("/Ordner"), Some(noon));
    assert_eq!(modified("/a rather long name of a chained file"), Some(noon - 7200));
    assert_eq!(modified("/Ordner/Kopf 😀"), Some(noon + 3600));
    check(&image, 512);
    for position in (HEAP * SECTOR..HEAP * SECTOR + 1024).step_by(3) {
        let mut damaged = image.clone();
        damaged[position] ^= 0x41;
        drop(Tree::from_bytes(damaged, &Limits::default()));
    }
}

#[test]
fn damage_is_told() {
    let mut image = sample_image();
    let table = TABLE * SECTOR;
    image[table + 8 * 4..table + 9 * 4].copy_from_slice(&5_u32.to_le_bytes());
    let heap = HEAP * SECTOR;
    // The hour of a file whose checksum then is wrong, and a set of which too much is wanted.
    image[heap + 2 * SECTOR + 13 - SECTOR] ^= 8;
    let last = heap + SECTOR + entries(File { name: "Kopf 😀", ..File::default() }).len();
    image[last + 1] = 9;
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    let told = why(&tree);
    for what in [
        "round in a circle at cluster 5",
        "their checksum is wrong",
        "7 of its entries are missing",
    ] {
        assert!(told.contains(what), "{what}:\n{told}");
    }
    // The boot region: the backup is as good, and without it the fields still are.
    image[300] ^= 1;
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert!(why(&tree).contains("check the boot region"));
    assert_eq!(tree.coverage().bytes_unread, 0);
    image[12 * SECTOR + 300] ^= 1;
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert_eq!(tree.coverage().bytes_unread, 0);
    image[91] = 1;
    assert_eq!(Tree::from_bytes(image, &Limits::default()).coverage().bytes_read, 0);
}

#[test]
fn an_empty_file_system_of_the_reference_tool_with_files_of_ours() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    fs::write(&path, vec![0; 4 << 20]).unwrap();
    let name = path.to_str().unwrap();
    if !run("mkfs.exfat", &["-L", "Grüße", "-c", "4096", name]) {
        return;
    }
    let mut image = fs::read(&path).unwrap();
    let word = |at: usize| u32::from_le_bytes(image[at..at + 4].try_into().unwrap()) as usize;
    let (heap, root, clusters) = (word(88) * 512, word(96), word(92));
    let free = u32::try_from(clusters - 10).unwrap();
    let place = |cluster: usize| heap + (cluster - 2) * 4096;
    let file =
        File { name: "file", flags: 3, cluster: free, size: 5000, valid: 5000, ..File::default() };
    let set = entries(file);
    let entry = (0..128).find(|index| image[place(root) + index * 32] == 0).unwrap();
    image[place(root) + entry * 32..][..set.len()].copy_from_slice(&set);
    image[place(clusters - 10)..][..5000].copy_from_slice(&sample(5000, 5));
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    assert_eq!(why(&tree), "");
    assert_eq!(attribute(&tree, "exfat", "label").as_deref(), Some("Grüße"));
    assert_eq!(bytes_of(&tree, "/file").unwrap(), sample(5000, 5));
    assert_eq!(tree.coverage().bytes_unread, 0);
    assert_survives_damage(&image[..place(root) + 4096], 128, 65_537);
}
