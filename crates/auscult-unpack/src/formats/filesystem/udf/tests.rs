//! UDF: our own images with all kinds of partitions and files, those of the reference tools, damage.

use std::fs;

use auscult_model::Limits;

use crate::{
    EntryKind, NodeKind, Tree,
    formats::testing::{
        hostile::{attribute, locators},
        reference::{assert_same_contents, assert_survives_damage, container, run, sample},
    },
};

const BLOCK: usize = 512;
/// First block of the partition, number of its blocks, number of all blocks.
const START: u32 = 100;
const LENGTH: u32 = 150;
const BLOCKS: usize = 260;

/// How blocks of the logical volume become those of the disc.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Physical,
    Virtual,
    /// As before version 2.00.
    VirtualOld,
    Sparable,
    Metadata,
}

impl Kind {
    /// The block of the disc, for the block of the partition in which entries of files stand.
    fn place(self, block: u32) -> u32 {
        START
            + match self {
                Self::Physical => block,
                // The root directory was written anew.
                Self::Virtual | Self::VirtualOld => {
                    if block == 1 {
                        90
                    } else {
                        block
                    }
                }
                // Blocks 8 to 11 are replaced.
                Self::Sparable => {
                    if (8..12).contains(&block) {
                        block + 92
                    } else {
                        block
                    }
                }
                Self::Metadata => {
                    if block >= 10 {
                        block + 50
                    } else {
                        block
                    }
                }
            }
    }

    /// The partition in which entries of files stand.
    fn partition(self) -> u16 {
        u16::from(!matches!(self, Self::Physical | Self::Sparable))
    }
}

fn le16(value: usize) -> [u8; 2] {
    u16::try_from(value).unwrap().to_le_bytes()
}

fn le32(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap().to_le_bytes()
}

/// A descriptor: a tag and what follows it.
fn descriptor(kind: u16, block: u32, body: &[u8]) -> Vec<u8> {
    let crc = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM).checksum(body);
    let mut tag = kind.to_le_bytes().to_vec();
    tag.extend([2, 0, 0, 0, 0, 0]);
    tag.extend(crc.to_le_bytes());
    tag.extend(le16(body.len()));
    tag.extend(block.to_le_bytes());
    tag[4] = tag.iter().fold(0, |sum: u8, &byte| sum.wrapping_add(byte));
    tag.extend(body);
    tag
}

/// A body with fields at offsets from the start of the descriptor.
fn body(length: usize, fields: &[(usize, &[u8])]) -> Vec<u8> {
    let mut body = vec![0; length - 16];
    for (at, bytes) in fields {
        body[at - 16..at - 16 + bytes.len()].copy_from_slice(bytes);
    }
    body
}

/// A text in a field, in eight bits.
fn text(text: &str, length: usize) -> Vec<u8> {
    let mut field = [&[8], text.as_bytes()].concat();
    let used = u8::try_from(field.len()).unwrap();
    field.resize(length, 0);
    field[length - 1] = used;
    field
}

fn long_address(length: usize, block: u32, partition: u16) -> Vec<u8> {
    let mut bytes = le32(length).to_vec();
    bytes.extend(block.to_le_bytes());
    bytes.extend(partition.to_le_bytes());
    bytes.resize(16, 0);
    bytes
}

/// A short descriptor of an extent; the kind is in the highest bits of the length.
fn short(kind: usize, length: usize, block: u32) -> Vec<u8> {
    [le32(kind << 30 | length), block.to_le_bytes()].concat()
}

/// What an entry of a file says.
struct File {
    kind: u8,
    size: usize,
    /// Kind of the descriptors.
    allocation: u8,
    descriptors: Vec<u8>,
    attributes: Vec<u8>,
    /// An extended entry, with the directory of its streams.
    streams: Option<Vec<u8>>,
    strategy: u8,
    links: u8,
}

impl File {
    fn new(kind: u8, size: usize, allocation: u8, descriptors: Vec<u8>) -> Self {
        Self {
            kind,
            size,
            allocation,
            descriptors,
            attributes: Vec::new(),
            streams: None,
            strategy: 4,
            links: 1,
        }
    }

    fn embedded(kind: u8, content: &[u8]) -> Self {
        Self::new(kind, content.len(), 3, content.to_vec())
    }

    fn bytes(&self, block: u32) -> Vec<u8> {
        let extended = self.streams.is_some();
        let at = |plain, extended_at| if extended { extended_at } else { plain };
        let strategy = if self.strategy == 4 { [4, 0] } else { [0, 16] };
        // 12:00 two hours east of UTC, minutes in twelve bits with the type above.
        let time = [120, 0x10, 0xe8, 7, 2, 29, 12, 0, 0, 0, 0, 0];
        let streams = self.streams.clone().unwrap_or_default();
        let fields: [(usize, &[u8]); 12] = [
            (20, &strategy),
            (27, &[self.kind]),
            (34, &[self.allocation | 0x40, 0]),
            (36, &[0xe8, 3, 0, 0]),
            (40, &[0xff; 4]),
            // rwx for the owner, r-x for the group, r-- for others.
            (44, &(7_u32 << 10 | 5 << 5 | 4).to_le_bytes()),
            (48, &[self.links, 0]),
            (56, &le32(self.size)),
            (at(84, 92), &time),
            (at(168, 208), &le32(self.attributes.len())),
            (at(172, 212), &le32(self.descriptors.len())),
            (152, &streams),
        ];
        let fields = if extended { &fields[..] } else { &fields[..11] };
        let mut body = body(at(176, 216), fields);
        body.extend(&self.attributes);
        body.extend(&self.descriptors);
        descriptor(if extended { 266 } else { 261 }, block, &body)
    }
}

/// A name in a directory, in eight bits or in sixteen.
fn name(name: &str, flags: u8, address: &[u8]) -> Vec<u8> {
    let coded = if name.is_ascii() {
        [&[8], name.as_bytes()].concat()
    } else {
        [vec![16], name.encode_utf16().flat_map(u16::to_be_bytes).collect()].concat()
    };
    let coded = if flags & 8 == 0 { coded } else { Vec::new() };
    let length = u8::try_from(coded.len()).unwrap();
    let mut body = body(38, &[(16, &[1, 0]), (18, &[flags, length]), (20, address)]);
    body.extend(coded);
    body.resize((body.len() + 16).next_multiple_of(4) - 16, 0);
    descriptor(257, 0, &body)
}

/// The maps of partitions of a logical volume.
fn maps(kind: Kind) -> (u8, Vec<u8>) {
    let plain = vec![1, 6, 1, 0, 0, 0];
    let second = |name: &str, rest: &[u8]| {
        let mut map = vec![2, 64, 0, 0, 0];
        map.extend(name.as_bytes());
        map.resize(36, 0);
        map.extend([1, 0, 0, 0]);
        map.extend(rest);
        map.resize(64, 0);
        map
    };
    match kind {
        Kind::Physical => (1, plain),
        Kind::Virtual | Kind::VirtualOld => {
            (2, [plain, second("*UDF Virtual Partition", &[])].concat())
        }
        // Packets of four blocks, a table of 72 bytes in block 85.
        Kind::Sparable => {
            (1, second("*UDF Sparable Partition", &[4, 0, 1, 0, 72, 0, 0, 0, 85, 0, 0, 0]))
        }
        // The file in block 140, no mirror to speak of.
        Kind::Metadata => {
            (2, [plain, second("*UDF Metadata Partition", &[140, 0, 0, 0, 99, 0, 0, 0])].concat())
        }
    }
}

/// The sequence of descriptors of the volume.
fn volume(kind: Kind) -> [Vec<u8>; 5] {
    let primary = body(512, &[(72, &text("the set", 128)), (376, &[0, 0x10, 0xe8, 7, 2, 29])]);
    let partition = body(512, &[(188, &START.to_le_bytes()), (192, &LENGTH.to_le_bytes())]);
    let (count, maps) = maps(kind);
    let logical = body(
        440 + maps.len(),
        &[
            (84, &text("Das Label", 128)),
            (212, &le32(BLOCK)),
            (240, &[0x50, 2]),
            (248, &long_address(BLOCK, 0, kind.partition())),
            (264, &le32(maps.len())),
            (268, &[count]),
            (273, b"*somebody"),
            (432, &[0, 2, 0, 0, 96, 0, 0, 0]),
            (440, &maps),
        ],
    );
    [
        descriptor(1, 80, &primary),
        descriptor(5, 81, &partition),
        descriptor(6, 82, &logical),
        descriptor(8, 83, &[0; 496]),
        descriptor(9, 96, &body(88, &[(28, &[1])])),
    ]
}

/// The names in the root directory.
fn root_names(partition: u16) -> Vec<u8> {
    let entry = |block: u32| long_address(BLOCK, block, partition);
    [
        name("", 8 | 2, &entry(1)),
        name("streams", 0, &entry(3)),
        name("東京", 0, &entry(4)),
        name("deleted", 4, &entry(4)),
        name("twice", 0, &entry(5)),
        name("thrice", 0, &entry(5)),
        name("versions", 0, &long_address(2 * BLOCK, 7, partition)),
        name("extended", 0, &entry(11)),
        name("holes", 0, &entry(12)),
        name("continued", 0, &entry(13)),
        name("link", 0, &entry(15)),
        name("folder", 2, &entry(16)),
        name("lost", 0, &entry(50)),
    ]
    .concat()
}

/// Everything that stands in the partition, by block.
fn contents(kind: Kind) -> Vec<(u32, Vec<u8>)> {
    let partition = kind.partition();
    let entry = |block: u32| long_address(BLOCK, block, partition);
    // Data stand in the physical partition, whose blocks are not moved except by sparing.
    let data = |length: usize, block: u32| long_address(length, block, 0);
    let mut streams = File::embedded(5, b"with streams");
    streams.streams = Some(entry(20));
    let mut device = File::embedded(7, b"");
    device.attributes = [&[0; 24][..], &[12, 0, 0, 0, 1, 0, 0, 0, 24, 0, 0, 0], &[0; 4]].concat();
    device.attributes.extend([le32(10), le32(300)].concat());
    let mut twice = File::new(5, 400, 1, data(400, 130));
    twice.links = 2;
    let version = |content: &[u8]| {
        let mut file = File::embedded(5, content);
        file.strategy = 0;
        file
    };
    let indirect = descriptor(259, 8, &body(52, &[(36, &long_address(2 * BLOCK, 9, partition))]));
    let extended =
        [&le32(500)[..], &le32(500), &le32(500), &131_u32.to_le_bytes(), &[0; 4]].concat();
    let holes = [data(512, 132), data(700, 0), data(300, 134)].concat();
    let mut holes = File::new(5, 1512, 1, holes);
    // Allocated and never written: kind 1 in the length of the second one.
    holes.descriptors[16 + 3] |= 0x40;
    let mut continued = File::new(5, 900, 1, [data(512, 135), entry(14)].concat());
    continued.descriptors[16 + 3] |= 0xc0;
    let more = body(24, &[(20, &le32(16))]);
    let more = descriptor(258, 14, &[more, data(388, 136)].concat());
    let link = [
        &[3, 0, 0, 0][..],
        &[4, 0, 0, 0],
        &[5, 4, 0, 0, 8, b'o', b'n', b'e'],
        &[5, 3, 0, 0, 16, 0x67, 0x71],
    ];
    let root = root_names(partition);
    let inside = [name("", 8 | 2, &entry(1)), name("loop", 2, &entry(16))].concat();
    let stream = [name("", 8 | 2, &entry(3)), name("a stream", 0x10, &entry(21))].concat();
    vec![
        (0, descriptor(256, 0, &body(512, &[(400, &entry(1))]))),
        (1, File::new(4, root.len(), 1, data(root.len(), 110)).bytes(1)),
        (3, streams.bytes(3)),
        (4, device.bytes(4)),
        (5, twice.bytes(5)),
        (7, version(b"one").bytes(7)),
        (8, indirect),
        (9, version(b"three").bytes(9)),
        (11, File::new(5, 500, 2, extended).bytes(11)),
        (12, holes.bytes(12)),
        (13, continued.bytes(13)),
        (14, more),
        (15, File::embedded(12, &link.concat()).bytes(15)),
        (16, File::embedded(4, &inside).bytes(16)),
        (20, File::embedded(13, &stream).bytes(20)),
        (21, File::embedded(5, b"streaming").bytes(21)),
        (1000 + 110, root),
        (1000 + 130, sample(7 * BLOCK, 1)),
    ]
}

fn image(kind: Kind) -> Vec<u8> {
    let mut image = vec![0; BLOCKS * BLOCK];
    let mut put = |block: u32, bytes: &[u8]| {
        let at = usize::try_from(block).unwrap() * BLOCK;
        image[at..at + bytes.len()].copy_from_slice(bytes);
    };
    for (block, name) in [(64, b"\0BEA01\x01"), (68, b"\0NSR03\x01"), (72, b"\0TEA01\x01")] {
        put(block, name);
    }
    let [primary, partition, logical, end, integrity] = volume(kind);
    for (block, bytes) in (80..).zip([primary, partition, logical, end]) {
        put(block, &bytes);
    }
    put(96, &integrity);
    for block in [256, 259] {
        put(block, &descriptor(2, block, &body(512, &[(16, &le32(2048)), (20, &[80])])));
    }
    for (block, bytes) in contents(kind) {
        // Data of the physical partition are told by a number of their own.
        let block = if block >= 1000 { START + block - 1000 } else { kind.place(block) };
        put(block, &bytes);
    }
    match kind {
        Kind::Physical => {}
        Kind::Virtual | Kind::VirtualOld => {
            let table: Vec<u8> =
                (0..30).flat_map(|block| (kind.place(block) - START).to_le_bytes()).collect();
            let (file, content) = if kind == Kind::Virtual {
                (248, [&[152, 0][..], &[0; 150], &table].concat())
            } else {
                let name = [&[0][..], b"*UDF Virtual Alloc Tbl", &[0; 13]].concat();
                (0, [table, name].concat())
            };
            put(START + 149, &File::embedded(file, &content).bytes(149));
        }
        Kind::Sparable => {
            let mut table = body(72, &[(17, b"*UDF Sparing Table"), (48, &[2])]);
            table[40..48].copy_from_slice(&[8, 0, 0, 0, 200, 0, 0, 0]);
            table[48..56].copy_from_slice(&[0xff; 8]);
            put(85, &descriptor(0, 85, &table));
        }
        Kind::Metadata => {
            let runs = [short(0, 10 * BLOCK, 0), short(0, 40 * BLOCK, 60)].concat();
            put(START + 140, &File::new(250, 50 * BLOCK, 0, runs).bytes(140));
        }
    }
    image
}

fn why(tree: &Tree) -> String {
    let told = tree.problems().iter().map(|problem| format!("{}: {}", problem.what, problem.why));
    told.collect::<Vec<_>>().join("\n")
}

fn bytes_of(tree: &Tree, path: &str) -> bytes::Bytes {
    tree.bytes(tree.member(container(tree, "udf"), path.as_bytes()).expect(path)).unwrap()
}

fn kind_of(tree: &Tree, path: &str) -> EntryKind {
    let member = tree.member(container(tree, "udf"), path.as_bytes()).expect(path);
    let NodeKind::Member(kind) = &tree.node(member).kind else { panic!("{path}") };
    kind.clone()
}

#[test]
fn all_kinds_of_partitions_and_files() {
    let kinds = [
        (Kind::Physical, "physical"),
        (Kind::Virtual, "physical, virtual"),
        (Kind::VirtualOld, "physical, virtual"),
        (Kind::Sparable, "sparable"),
        (Kind::Metadata, "physical, metadata"),
    ];
    for (kind, partitions) in kinds {
        let image = image(kind);
        let tree = Tree::from_bytes(image.clone(), &Limits::default());
        let told = why(&tree);
        assert_eq!(tree.problems().len(), 2, "{kind:?}: {told}");
        assert!(told.contains("(/folder/loop): a directory that was listed before"), "{told}");
        assert!(told.contains("(/lost):"), "{told}");
        let data = sample(7 * BLOCK, 1);
        assert_eq!(bytes_of(&tree, "/streams"), "with streams");
        assert_eq!(bytes_of(&tree, "/streams:a stream"), "streaming");
        assert_eq!(bytes_of(&tree, "/twice"), data[..400]);
        assert_eq!(bytes_of(&tree, "/versions"), "three");
        assert_eq!(bytes_of(&tree, "/extended"), data[BLOCK..][..500]);
        let holes = [&data[2 * BLOCK..][..512], &[0; 700], &data[4 * BLOCK..][..300]].concat();
        assert_eq!(bytes_of(&tree, "/holes"), holes);
        assert_eq!(bytes_of(&tree, "/continued"), data[5 * BLOCK..][..900]);
        assert_eq!(kind_of(&tree, "/link"), EntryKind::Symlink(".././one/東".into()));
        assert_eq!(kind_of(&tree, "/東京"), EntryKind::CharacterDevice { major: 10, minor: 300 });
        assert_eq!(kind_of(&tree, "/thrice"), EntryKind::Hardlink("twice".into()));
        let member = tree.member(container(&tree, "udf"), b"/twice").unwrap();
        let metadata = &tree.node(member).metadata;
        assert_eq!(
            (metadata.mode, metadata.user, metadata.group),
            (Some(0o4754), Some(1000), None)
        );
        // Noon is two hours east of UTC.
        assert_eq!(metadata.modified, Some(1_709_200_800));
        for (key, value) in [
            ("version", "2.50"),
            ("label", "Das Label"),
            ("volume-set", "the set"),
            ("state", "closed"),
            ("made-by", "*somebody"),
            ("created", "2024-02-29T00:00:00Z"),
            ("partitions", partitions),
        ] {
            assert_eq!(attribute(&tree, "udf", key).as_deref(), Some(value), "{kind:?}");
        }
        assert_eq!(tree.coverage().bytes_read, image.len() as u64);
        damage(&image);
    }
}

/// Flips bytes of everything but what is empty.
fn damage(image: &[u8]) {
    for position in (64 * BLOCK..image.len()).step_by(5).filter(|&at| image[at] != 0) {
        let mut damaged = image.to_vec();
        damaged[position] ^= [1, 0x80, 0xff][position % 3];
        // Most damage ends at a checksum: let some of it through.
        if position.is_multiple_of(2) {
            mend(&mut damaged, position / BLOCK * BLOCK);
        }
        let tree = Tree::from_bytes(damaged, &Limits::default());
        for (id, _) in tree.nodes().filter(|(_, node)| node.is_file() && node.len() < 1 << 20) {
            drop(tree.bytes(id));
        }
    }
}

/// Makes the checksums of the descriptor at this place right.
fn mend(image: &mut [u8], place: usize) {
    let length = usize::from(u16::from_le_bytes([image[place + 10], image[place + 11]]));
    let Some(covered) = image.get(place + 16..place + 16 + length) else { return };
    let crc = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM).checksum(covered);
    image[place + 8..place + 10].copy_from_slice(&crc.to_le_bytes());
    image[place + 4] = 0;
    let sum = image[place..place + 16].iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
    image[place + 4] = sum;
}

#[test]
fn cut_images_are_read_as_far_as_they_go() {
    let image = image(Kind::Physical);
    assert_survives_damage(&image, 0, 499);
    let mut cut = image.clone();
    cut.truncate(259 * BLOCK);
    let tree = Tree::from_bytes(cut, &Limits::default());
    assert_eq!(bytes_of(&tree, "/streams"), "with streams");
    // Without the first anchor, the last one counts.
    let mut damaged = image;
    damaged[256 * BLOCK] ^= 1;
    let tree = Tree::from_bytes(damaged, &Limits::default());
    assert_eq!(bytes_of(&tree, "/versions"), "three");
}

#[test]
fn bridges_to_iso_9660_open_as_what_holds_more() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("folder/in it")).unwrap();
    fs::write(root.join("folder/a name longer than thirty-one characters"), sample(9000, 2))
        .unwrap();
    fs::write(root.join("folder/in it/東京"), b"here").unwrap();
    fs::write(root.join("empty"), b"").unwrap();
    fs::write(root.join("boot.img"), sample(5000, 3)).unwrap();
    let path = folder.path().join("image");
    let names = [path.to_str().unwrap(), root.to_str().unwrap()];
    let options = ["-quiet", "-udf", "-input-charset", "utf-8", "-b", "boot.img", "-no-emul-boot"];
    if !run("genisoimage", &[&options[..], &["-o", names[0], names[1]]].concat()) {
        return;
    }
    let image = fs::read(&path).unwrap();
    let tree = assert_same_contents(image.clone(), "udf", &root);
    assert!(attribute(&tree, "udf", "also").unwrap().starts_with("iso9660 with"));
    assert_eq!(kind_of(&tree, "/[boot]/1-x86.img"), EntryKind::Hardlink("boot.img".into()));
    assert_eq!(tree.coverage().bytes_unread, 0);
    // A file that is deleted in one tree only.
    let mut image = image;
    let coded = b"\x08empty";
    let name = image.windows(coded.len()).position(|window| window == coded).unwrap();
    image[name - 38 + 18] |= 4;
    mend(&mut image, name - 38);
    let tree = Tree::from_bytes(image, &Limits::default());
    assert_eq!(attribute(&tree, "iso9660", "also").as_deref(), Some("udf"));
}

#[test]
fn empty_volumes_of_the_reference_tool() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    let cases: [(&str, &[&str]); 10] = [
        ("physical", &["-m", "hd", "-b", "512"]),
        ("physical", &["-m", "hd", "-b", "4096", "-r", "1.02"]),
        ("physical", &["-m", "hd", "--strategy", "4096", "--ad", "long"]),
        ("physical", &["-m", "dvd", "--ad", "short"]),
        ("physical, virtual", &["-m", "dvdr"]),
        ("physical, virtual", &["-m", "cdr", "-r", "1.50"]),
        ("physical, virtual", &["-m", "cdr", "--closed"]),
        ("sparable", &["-m", "cdrw"]),
        ("sparable", &["-m", "cdrw", "-r", "1.50"]),
        ("physical, virtual", &["-m", "bdr"]),
    ];
    for (partitions, options) in cases {
        fs::write(&path, vec![0; 20 << 20]).unwrap();
        let arguments = [&["--utf8", "-l", "Grüße"], options, &[path.to_str().unwrap()]].concat();
        if !run("mkudffs", &arguments) {
            return;
        }
        let tree = Tree::from_bytes(fs::read(&path).unwrap(), &Limits::default());
        assert_eq!(why(&tree), "", "{options:?}");
        assert_eq!(attribute(&tree, "udf", "partitions").as_deref(), Some(partitions));
        assert_eq!(attribute(&tree, "udf", "label").as_deref(), Some("Grüße"));
        assert!(locators(&tree).contains(&"image@0x0/udf:/".to_owned()));
        assert_eq!(tree.coverage().bytes_unread, 0);
    }
}
