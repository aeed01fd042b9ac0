//! NTFS: images of the reference tools, our own with what these do not make, damage.

use std::{fs, path::Path};

use auscult_model::Limits;

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::{
        hostile::{attribute, locators},
        reference::{assert_survives_damage, container, run, sample},
    },
};

const CLUSTER: usize = 512;
const RECORD: usize = 1024;
/// First cluster of the table and number of its records.
const TABLE: usize = 8;
const RECORDS: usize = 40;
/// First cluster behind the table.
const FREE: usize = TABLE + RECORDS * RECORD / CLUSTER;
const CLUSTERS: usize = FREE + 120;

/// What a record is made of.
struct Record {
    number: u64,
    flags: u16,
    base: u64,
    attributes: Vec<u8>,
}

fn utf16(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn le32(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_le_bytes()
}

/// A reference to a record; ours were all given out once.
fn reference(number: u64) -> u64 {
    number | 1 << 48
}

impl Record {
    fn new(number: u64, flags: u16) -> Self {
        Self { number, flags, base: 0, attributes: Vec::new() }
    }

    /// The head of an attribute with its name behind so many bytes.
    fn head(kind: u32, name: &str, flags: u16, length: usize, bytes: u8) -> Vec<u8> {
        let units = utf16(name);
        let mut head = kind.to_le_bytes().to_vec();
        head.extend(le32(length));
        head.extend([0, u8::try_from(units.len() / 2).unwrap(), bytes, 0]);
        head.extend(flags.to_le_bytes());
        head.resize(bytes.into(), 0);
        head.extend(units);
        head.resize(head.len().next_multiple_of(8), 0);
        head
    }

    fn resident(mut self, kind: u32, name: &str, value: &[u8]) -> Self {
        let start = (24 + utf16(name).len()).next_multiple_of(8);
        let length = (start + value.len()).next_multiple_of(8);
        let mut attribute = Self::head(kind, name, 0, length, 24);
        attribute[16..20].copy_from_slice(&le32(value.len()));
        attribute[20] = u8::try_from(start).unwrap();
        attribute.extend(value);
        attribute.resize(length, 0);
        self.attributes.extend(attribute);
        self
    }

    /// An attribute in clusters: flags, the first cluster of it that this part has, bytes.
    fn spread(
        mut self,
        kind: u32,
        name: &str,
        flags: u16,
        lowest: u64,
        size: usize,
        runs: &[u8],
    ) -> Self {
        let start = (64 + utf16(name).len()).next_multiple_of(8);
        let length = (start + runs.len() + 1).next_multiple_of(8);
        let mut attribute = Self::head(kind, name, flags, length, 64);
        attribute[8] = 1;
        attribute[16..24].copy_from_slice(&lowest.to_le_bytes());
        attribute[32] = u8::try_from(start).unwrap();
        attribute[34] = if flags & 1 == 1 { 4 } else { 0 };
        attribute[48..52].copy_from_slice(&le32(size));
        attribute[56..60].copy_from_slice(&le32(size));
        attribute.extend(runs);
        attribute.resize(length, 0);
        self.attributes.extend(attribute);
        self
    }

    fn name(self, parent: u64, name: &str, namespace: u8) -> Self {
        let value = name_value(parent, name, namespace);
        self.resident(0x30, "", &value)
    }

    fn standard(self, flags: u32) -> Self {
        let mut value = vec![0; 48];
        // 2024-02-29T12:00:00Z in steps since 1601.
        value[8..16].copy_from_slice(&133_536_816_000_000_000_u64.to_le_bytes());
        value[32..36].copy_from_slice(&flags.to_le_bytes());
        self.resident(0x10, "", &value)
    }

    /// An index that lies in the record as a whole.
    fn index(self, entries: &[Vec<u8>], large: bool) -> Self {
        let mut root = vec![0x30, 0, 0, 0, 1, 0, 0, 0];
        root.extend(le32(RECORD));
        root.extend([1, 0, 0, 0]);
        root.extend(list(entries, 16, u8::from(large)));
        self.resident(0x90, "$I30", &root)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut record = b"FILE\x30\0\x03\0\0\0\0\0\0\0\0\0\x01\0\x01\0\x38\0".to_vec();
        record.extend(self.flags.to_le_bytes());
        record.resize(56, 0);
        record[32..40].copy_from_slice(&self.base.to_le_bytes());
        record[44] = u8::try_from(self.number).unwrap();
        record.extend(&self.attributes);
        record.extend([0xff; 4]);
        assert!(record.len() <= RECORD, "{}", record.len());
        record[24..28].copy_from_slice(&le32(RECORD));
        record.resize(RECORD, 0);
        protect(&mut record, 0x30);
        record
    }
}

fn name_value(parent: u64, name: &str, namespace: u8) -> Vec<u8> {
    let units = utf16(name);
    let mut value = reference(parent).to_le_bytes().to_vec();
    value.resize(64, 0);
    value.extend([u8::try_from(units.len() / 2).unwrap(), namespace]);
    value.extend(units);
    value
}

/// An index entry.
fn indexed(number: u64, parent: u64, name: &str, namespace: u8) -> Vec<u8> {
    let key = name_value(parent, name, namespace);
    let mut entry = reference(number).to_le_bytes().to_vec();
    let length = (16 + key.len()).next_multiple_of(8);
    entry.extend(u16::try_from(length).unwrap().to_le_bytes());
    entry.extend(u16::try_from(key.len()).unwrap().to_le_bytes());
    entry.extend([0; 4]);
    entry.extend(key);
    entry.resize(length, 0);
    entry
}

/// A list of entries behind its header.
fn list(entries: &[Vec<u8>], start: usize, flags: u8) -> Vec<u8> {
    let mut bytes = le32(start).to_vec();
    let end = start + entries.iter().map(Vec::len).sum::<usize>() + 16;
    bytes.extend([le32(end), le32(end), [flags, 0, 0, 0]].concat());
    bytes.resize(start, 0);
    bytes.extend(entries.concat());
    bytes.extend([0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 2, 0, 0, 0]);
    bytes
}

/// A block of an index.
fn block(number: u64, entries: &[Vec<u8>]) -> Vec<u8> {
    let mut block = b"INDX\x28\0\x03\0\0\0\0\0\0\0\0\0".to_vec();
    block.extend(number.to_le_bytes());
    block.extend(list(entries, 32, 0));
    block.resize(RECORD, 0);
    protect(&mut block, 0x28);
    block
}

fn protect(bytes: &mut [u8], list: usize) {
    bytes[list..list + 2].copy_from_slice(b"no");
    for stretch in 1..=bytes.len() / 512 {
        let end = stretch * 512;
        let word = [bytes[end - 2], bytes[end - 1]];
        bytes[list + stretch * 2..][..2].copy_from_slice(&word);
        bytes[end - 2..end].copy_from_slice(b"no");
    }
}

/// A file system of these records and of data in clusters.
fn image(records: &[Record], data: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut image = vec![0; CLUSTERS * CLUSTER];
    image[..11].copy_from_slice(b"\xeb\x52\x90NTFS    ");
    image[11..14].copy_from_slice(&[0, 2, 1]);
    image[21] = 0xf8;
    image[40..44].copy_from_slice(&le32(CLUSTERS - 1));
    image[48] = u8::try_from(TABLE).unwrap();
    image[56] = 2;
    (image[64], image[68]) = (0xf6, 0xf6);
    image[72..80].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
    let clusters = u8::try_from(RECORDS * 2).unwrap();
    let table = Record::new(0, 1).standard(6).name(5, "$MFT", 3).spread(
        0x80,
        "",
        0,
        0,
        RECORDS * RECORD,
        &[0x11, clusters, 8],
    );
    let volume = Record::new(3, 1).resident(0x60, "", &utf16("Das Volume")).resident(
        0x70,
        "",
        &[0, 0, 0, 0, 0, 0, 0, 0, 3, 1, 0, 0],
    );
    for record in [table, volume].iter().chain(records) {
        let at = TABLE * CLUSTER + usize::try_from(record.number).unwrap() * RECORD;
        image[at..at + RECORD].copy_from_slice(&record.bytes());
    }
    let mirrored = image[TABLE * CLUSTER..][..4 * RECORD].to_vec();
    image[2 * CLUSTER..][..3 * RECORD].copy_from_slice(&mirrored[..3 * RECORD]);
    for (cluster, bytes) in data {
        image[cluster * CLUSTER..][..bytes.len()].copy_from_slice(bytes);
    }
    let end = (CLUSTERS - 1) * CLUSTER;
    let (head, tail) = image.split_at_mut(end);
    tail.copy_from_slice(&head[..CLUSTER]);
    image
}

/// A run of clusters from the start of the file system.
fn run_of(count: usize, cluster: usize) -> [u8; 4] {
    let [low, high, ..] = cluster.to_le_bytes();
    [0x21, u8::try_from(count).unwrap(), low, high]
}

fn why(tree: &Tree) -> String {
    let told = tree.problems().iter().map(|problem| format!("{}: {}", problem.what, problem.why));
    told.collect::<Vec<_>>().join("\n")
}

fn bytes_of(tree: &Tree, path: &str) -> Result<bytes::Bytes, crate::Fault> {
    tree.bytes(tree.member(container(tree, "ntfs"), path.as_bytes()).expect(path))
}

fn kind_of(tree: &Tree, path: &str) -> EntryKind {
    let member = tree.member(container(tree, "ntfs"), path.as_bytes()).expect(path);
    let NodeKind::Member(kind) = &tree.node(member).kind else { panic!("{path}") };
    kind.clone()
}

/// The payload of a reparse point.
fn reparse(tag: u32, data: &[u8]) -> Vec<u8> {
    let mut point = tag.to_le_bytes().to_vec();
    point.extend(u16::try_from(data.len()).unwrap().to_le_bytes());
    point.extend([0, 0]);
    point.extend(data);
    point
}

/// A symbolic link or, without flags, a mount point.
fn link(substitute: &str, print: &str, flags: Option<u32>) -> Vec<u8> {
    let (substitute, print) = (utf16(substitute), utf16(print));
    let word = |length: usize| u16::try_from(length).unwrap().to_le_bytes();
    let mut data =
        [[0, 0], word(substitute.len()), word(substitute.len()), word(print.len())].concat();
    data.extend(flags.iter().flat_map(|flags| flags.to_le_bytes()));
    data.extend(substitute);
    data.extend(print);
    data
}

/// Two chunks of LZNT1, 8 KiB of zeros, in one cluster.
fn packed_zeros() -> Vec<u8> {
    let chunk = [0x03, 0xb0, 0x02, 0, 0xfc, 0x0f];
    [&chunk[..], &chunk, &[0, 0]].concat()
}

/// A cluster of the data by its number.
fn at(index: usize) -> usize {
    FREE + index
}

/// Two clusters packed and a hole, a unit stored, a hole, a packed tail.
fn packed_runs() -> Vec<u8> {
    let packed = [
        &run_of(1, at(10))[..],
        &[0x01, 15],
        &[0x11, 16, 1],
        &[0x01, 16],
        &[0x11, 1, 16],
        &[0x01, 15],
    ];
    packed.concat()
}

/// A list of attributes that leads from record 29 to 31.
fn attribute_list() -> Vec<u8> {
    let mut list = Vec::new();
    for (kind, record) in [(0x10_u32, 29_u64), (0x30, 29), (0x80, 29), (0x80, 31)] {
        list.extend(kind.to_le_bytes());
        list.extend([32, 0, 0, 26]);
        list.extend([0; 8]);
        list.extend(reference(record).to_le_bytes());
        list.resize(list.len() + 8, 0);
    }
    list
}

const LONG: &str = "Ein langer Name 😀.txt";

/// Files in the root directory, and what does not belong anywhere.
fn plain_records() -> Vec<Record> {
    let names = [
        indexed(0, 5, "$MFT", 3),
        indexed(5, 5, ".", 3),
        indexed(20, 5, "EINLAN~1.TXT", 2),
        indexed(20, 5, LONG, 1),
        indexed(21, 5, "folder", 3),
        indexed(22, 5, "packed", 3),
        indexed(30, 5, "secret", 3),
    ];
    let inner = [indexed(34, 35, "inner", 3)];
    let outer = [indexed(35, 34, "outer", 3)];
    let encrypted = run_of(2, at(38));
    vec![
        Record::new(5, 3).standard(6).name(5, ".", 3).index(&names, false),
        Record::new(20, 1)
            .standard(0x20)
            .name(5, "EINLAN~1.TXT", 2)
            .name(5, LONG, 1)
            .resident(0x80, "", &sample(240, 1))
            .resident(0x80, "Zone.Identifier", b"[ZoneTransfer]\r\nZoneId=3\r\n"),
        Record::new(22, 1).standard(0).name(5, "packed", 3).spread(
            0x80,
            "",
            1,
            0,
            31_000,
            &packed_runs(),
        ),
        Record::new(30, 1)
            .standard(0x4000)
            .name(5, "secret", 3)
            .spread(0x80, "", 0x4000, 0, 700, &encrypted),
        // Not in use any more.
        Record::new(32, 0).standard(0).name(5, "deleted", 3).resident(0x80, "", b"gone"),
        // In a directory that is none, and two directories in each other.
        Record::new(33, 1).standard(0).name(32, "orphan", 3).resident(0x80, "", b"orphan"),
        Record::new(34, 3).standard(0).name(35, "inner", 3).index(&outer, false),
        Record::new(35, 3).standard(0).name(34, "outer", 3).index(&inner, false),
    ]
}

/// The files of a folder that are no plain ones.
fn folder_names() -> [Vec<u8>; 6] {
    [
        indexed(23, 21, "twice", 3),
        indexed(24, 21, "link", 3),
        indexed(25, 21, "junction", 3),
        indexed(26, 21, "wsl", 3),
        indexed(27, 21, "overlay", 3),
        indexed(28, 21, "interix", 3),
    ]
}

fn folder_records() -> Vec<Record> {
    let overlay = [1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    let extended = b"\x14\0\0\0\0\x06\x04\0$LXUID\0\xe8\x03\0\0\0\0\0\0\0\0\x03\x01\0ABC\0x";
    let mut continued = Record::new(31, 1).spread(0x80, "", 0, 2, 0, &run_of(1, at(33)));
    continued.base = reference(29);
    vec![
        Record::new(21, 3)
            .standard(0)
            .name(5, "folder", 3)
            .index(&folder_names()[..4], true)
            .spread(0xa0, "$I30", 0, 0, 2 * RECORD, &run_of(4, at(0)))
            .resident(0xb0, "$I30", &[1])
            .resident(0x80, "on a folder", b"stream"),
        Record::new(23, 1).standard(0).name(21, "twice", 3).name(21, "thrice", 3).spread(
            0x80,
            "",
            0,
            0,
            700,
            &run_of(2, at(30)),
        ),
        Record::new(24, 1).standard(0x400).name(21, "link", 3).resident(0x80, "", b"").resident(
            0xc0,
            "",
            &reparse(0xa000_000c, &link(r"..\packed", r"..\packed", Some(1))),
        ),
        Record::new(25, 3).standard(0x400).name(21, "junction", 3).index(&[], false).resident(
            0xc0,
            "",
            &reparse(0xa000_0003, &link(r"\??\C:\Users", "", None)),
        ),
        Record::new(26, 1)
            .standard(0x400)
            .name(21, "wsl", 3)
            .resident(0xc0, "", &reparse(0xa000_001d, b"\x02\0\0\0/etc/passwd"))
            .resident(0xe0, "", extended),
        Record::new(27, 1)
            .standard(0x400)
            .name(21, "overlay", 3)
            .spread(0x80, "", 0x8000, 0, 9000, &[0x01, 18])
            .spread(0x80, "WofCompressedData", 0, 0, 900, &run_of(2, at(34)))
            .resident(0xc0, "", &reparse(0x8000_0017, &overlay)),
        Record::new(28, 1).standard(4).name(21, "interix", 3).resident(
            0x80,
            "",
            &[&b"IntxLNK\x01"[..], &utf16("../packed")].concat(),
        ),
        Record::new(29, 1)
            .standard(0)
            .resident(0x20, "", &attribute_list())
            .name(21, "in pieces", 3)
            .spread(0x80, "", 0, 0, 1500, &run_of(2, at(36))),
        continued,
    ]
}

fn everything() -> Vec<u8> {
    let freed = block(1, &[indexed(32, 21, "freed", 3)]);
    let blocks = [block(0, &folder_names()[4..]), freed].concat();
    let mut records = plain_records();
    records.extend(folder_records());
    let data = [
        (at(0), blocks),
        (at(10), packed_zeros()),
        (at(11), sample(16 * CLUSTER, 2)),
        (at(27), packed_zeros()),
        (at(30), sample(1024, 3)),
        (at(33), sample(512, 5)),
        (at(36), sample(1024, 4)),
    ];
    image(&records, &data)
}

#[test]
fn all_that_a_file_can_have() {
    let image = everything();
    let tree = Tree::from_bytes(image.clone(), &Limits::default());
    let told = why(&tree);
    for what in [
        "(/folder): thrice is missing from its index",
        "(/folder): in pieces is missing from its index",
        "2 files are in no directory",
    ] {
        assert!(told.contains(what), "{what}:\n{told}");
    }
    let mut found = locators(&tree);
    found.retain(|name| name.contains(":/"));
    let paths = [
        "",
        "$MFT",
        "Ein langer Name 😀.txt",
        "Ein langer Name 😀.txt%3aZone.Identifier",
        "[lost]",
        "[lost]/inner",
        "[lost]/inner/outer",
        "[lost]/inner/outer/inner",
        "[lost]/orphan",
        "folder",
        "folder%3aon a folder",
        "folder/in pieces",
        "folder/interix",
        "folder/junction",
        "folder/link",
        "folder/overlay",
        "folder/thrice",
        "folder/twice",
        "folder/wsl",
        "packed",
        "secret",
    ];
    let mut expected = paths.map(|path| format!("image@0x0/ntfs:/{path}"));
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let name = format!("/{LONG}");
    assert_eq!(bytes_of(&tree, &name).unwrap(), sample(240, 1));
    let zone = bytes_of(&tree, &format!("{name}:Zone.Identifier")).unwrap();
    assert_eq!(zone, "[ZoneTransfer]\r\nZoneId=3\r\n");
    assert_eq!(bytes_of(&tree, "/folder:on a folder").unwrap(), "stream");
    assert_eq!(bytes_of(&tree, "/folder/thrice").unwrap(), sample(1024, 3)[..700]);
    assert_eq!(bytes_of(&tree, "/[lost]/orphan").unwrap(), "orphan");
    let mut packed = vec![0; 8192];
    packed.extend(sample(16 * CLUSTER, 2));
    packed.resize(31_000, 0);
    assert_eq!(bytes_of(&tree, "/packed").unwrap(), packed);
    let pieces = [&sample(1024, 4)[..], &sample(512, 5)[..476]].concat();
    assert_eq!(bytes_of(&tree, "/folder/in pieces").unwrap(), pieces);
    for (path, target) in [
        ("/folder/link", "../packed"),
        ("/folder/junction", "C:/Users"),
        ("/folder/wsl", "/etc/passwd"),
        ("/folder/interix", "../packed"),
    ] {
        assert_eq!(kind_of(&tree, path), EntryKind::Symlink(target.into()));
    }
    let twins = [kind_of(&tree, "/folder/twice"), kind_of(&tree, "/folder/thrice")];
    assert_eq!(twins, [EntryKind::File, EntryKind::Hardlink("folder/twice".into())]);
    let member =
        |path: &str| tree.node(tree.member(container(&tree, "ntfs"), path.as_bytes()).unwrap());
    assert_eq!(member("/folder/wsl").metadata.user, Some(1000));
    assert_eq!(member("/folder/wsl").metadata.xattrs, [("ABC".into(), b"x".to_vec())]);
    assert_eq!(member("/packed").metadata.modified, Some(1_709_208_000));
    let reasons: Vec<_> = tree
        .coverage()
        .regions_unread
        .iter()
        .map(|region| (region.bytes, region.reason.as_str()))
        .collect();
    assert_eq!(reasons, [(1024, "compressed by XPRESS4K"), (1024, "encrypted (EFS)")]);
    for (key, value) in [("version", "3.1"), ("label", "Das Volume"), ("state", "clean")] {
        assert_eq!(attribute(&tree, "ntfs", key).as_deref(), Some(value));
    }
}

#[test]
fn damage_is_told_and_never_panics() {
    let image = everything();
    let record = |number: usize| TABLE * CLUSTER + number * RECORD;
    let mut damaged = image.clone();
    // The first record, the index of the root, and a block of the index of the folder.
    damaged[record(0)] = b'X';
    damaged[record(20) + 510] ^= 1;
    damaged[FREE * CLUSTER + 510] ^= 1;
    let tree = Tree::from_bytes(damaged, &Limits::default());
    let told = why(&tree);
    for what in [
        "record 0: it starts with",
        "record 20: it was not written whole",
        "block 0 of its index: it was not written whole",
        "overlay is missing from its index",
    ] {
        assert!(told.contains(what), "{what}:\n{told}");
    }
    assert!(
        bytes_of(&tree, "/packed").is_ok() && kind_of(&tree, "/folder/overlay") == EntryKind::File
    );
    assert_survives_damage(&image, 90, 997);
    for position in (record(0)..record(1)).chain(record(3)..image.len()).step_by(29) {
        let mut damaged = image.clone();
        damaged[position] ^= [1, 0x80, 0xff][position % 3];
        let tree = Tree::from_bytes(damaged, &Limits::default());
        for (id, node) in tree.nodes().filter(|(_, node)| node.is_file()) {
            if node.len() < 1 << 20 {
                drop(tree.bytes(id));
            }
        }
    }
}

/// Makes an image with the reference tools: files in the root directory, one with a stream.
fn make(folder: &Path, options: &[&str]) -> Option<Vec<u8>> {
    let image = folder.join("image");
    fs::write(&image, vec![0; 24 << 20]).unwrap();
    let path = image.to_str().unwrap();
    if !run("mkntfs", &[&["-F", "-Q", "-q", "-L", "Grüße"], options, &[path]].concat()) {
        return None;
    }
    let source = folder.join("source");
    let name = source.to_str().unwrap();
    for index in 0..120_u32 {
        fs::write(&source, sample(usize::try_from(index).unwrap() * 97, index)).unwrap();
        let target = format!("a file with a rather long name {index}");
        if !run("ntfscp", &["-q", path, name, &target]) {
            return None;
        }
    }
    fs::write(&source, sample(5000, 1)).unwrap();
    let target = "a file with a rather long name 7";
    run("ntfscp", &["-q", "-N", "stream", path, name, target]).then(|| fs::read(&image).unwrap())
}

#[test]
fn images_of_the_reference_tools() {
    let folder = tempfile::tempdir().unwrap();
    for options in
        [vec![], vec!["-c", "512"], vec!["-c", "65536"], vec!["-s", "4096", "-c", "4096"]]
    {
        let Some(image) = make(folder.path(), &options) else { return };
        let total = image.len() as u64;
        let tree = Tree::from_bytes(image, &Limits::default());
        assert_eq!(why(&tree), "");
        for index in 0..120_u32 {
            let name = format!("/a file with a rather long name {index}");
            let content = sample(usize::try_from(index).unwrap() * 97, index);
            assert_eq!(bytes_of(&tree, &name).unwrap(), content, "{options:?}");
        }
        let stream = bytes_of(&tree, "/a file with a rather long name 7:stream").unwrap();
        assert_eq!(stream, sample(5000, 1));
        for name in ["/$MFT", "/$Boot", "/$Extend/$Reparse", "/$UpCase"] {
            assert!(bytes_of(&tree, name).is_ok(), "{name}");
        }
        assert_eq!(attribute(&tree, "ntfs", "label").as_deref(), Some("Grüße"));
        let coverage = tree.coverage();
        assert!(coverage.bytes_unread == 0 && coverage.bytes_read + 4096 > total);
    }
}

#[test]
fn a_damaged_image_of_the_reference_tools() {
    let folder = tempfile::tempdir().unwrap();
    if let Some(image) = make(folder.path(), &["-c", "512"]) {
        assert_survives_damage(&image, 0, image.len() / 40);
    }
}
