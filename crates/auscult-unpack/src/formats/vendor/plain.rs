//! Headers of one plain shape: a magic, lengths, a checksum and parts behind them.
//!
//! * `BNEG`: Instar's cameras, two parts, as unblob describes it.
//! * `CHDR`: Linksys' routers made by CyberTAN, as OpenWrt's `linksys-addfwhdr` writes it.
//! * The code pattern of older ones (`U2ND`), as OpenWrt's `addpattern` writes it: only told; the
//!   image stands behind it.
//! * Airoha's Bluetooth chips, in hearables: a digest, and a firmware that may be encrypted, as
//!   unblob describes it.
//! * `0xfeedface`: what unpacks Cisco's IOS keeps it as a ZIP archive behind its sizes, as binwalk and
//!   ciscoimage tools describe it; the sums are not verified.
//! * `ECC0101`: Autel's updates, as unblob describes them; each byte is disguised by its place.

use crate::{
    Endian::{Big, Little},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::Algorithm,
    shape::{
        self,
        Demand::{Bytes, Equal, Name, Only, Within},
        Number::{At8, At32, Difference, Fixed},
        Part, Shape, Sum, Tell,
    },
};

pub(crate) static BNEG: Format = Format {
    name: "bneg",
    magics: &[Magic::start(b"BNEG\x01\0\0\0\x01\0\0\0")],
    carve: true,
    open: |candidate| shape::open(candidate, &BNEG_SHAPE),
};

static BNEG_SHAPE: Shape = Shape {
    endian: Little,
    head_bytes: 20,
    demands: &[Within(At32(12), 1..=IMAGE_BYTES_MAX), Within(At32(16), 1..=IMAGE_BYTES_MAX)],
    tells: &[("version", Tell::Word("1.1"))],
    sums: &[],
    header: Fixed(20),
    parts: &[
        Part { name: "part1", offset: Fixed(20), length: At32(12), unread: None },
        Part {
            name: "part2",
            offset: shape::Number::Sum(&[Fixed(20), At32(12)]),
            length: At32(16),
            unread: None,
        },
    ],
    total: shape::Number::Sum(&[Fixed(20), At32(12), At32(16)]),
};

/// More than the flash of these devices.
const IMAGE_BYTES_MAX: u64 = 256 << 20;

pub(crate) static CYBERTAN: Format = Format {
    name: "cybertan",
    magics: &[Magic::start(b"CHDR")],
    carve: true,
    open: |candidate| shape::open(candidate, &CYBERTAN_SHAPE),
};

static CYBERTAN_SHAPE: Shape = Shape {
    endian: Little,
    head_bytes: 16,
    demands: &[Within(At32(4), 17..=IMAGE_BYTES_MAX), Equal(At32(12), Fixed(1))],
    tells: &[],
    sums: &[Sum {
        name: "checksum",
        algorithm: Algorithm::Crc32NotInverted,
        stored: 8,
        covers: (Fixed(12), Difference(&At32(4), &Fixed(12))),
        blank: None,
        decisive: false,
    }],
    header: Fixed(16),
    parts: &[Part {
        name: "",
        offset: Fixed(16),
        length: Difference(&At32(4), &Fixed(16)),
        unread: None,
    }],
    total: At32(4),
};

pub(crate) static PATTERN: Format = Format {
    name: "linksys-pattern",
    magics: &[Magic::at(14, b"U2ND")],
    carve: true,
    open: |candidate| shape::open(candidate, &PATTERN_SHAPE),
};

static PATTERN_SHAPE: Shape = Shape {
    endian: Big,
    head_bytes: 32,
    demands: &[
        Name(0, 4),
        // Month and day of the build.
        Within(At8(9), 0..=12),
        Within(At8(10), 0..=31),
        Only(0, 22, 10),
    ],
    tells: &[
        ("code", Tell::Text(0, 4)),
        ("built", Tell::Dotted(8, 3)),
        ("version", Tell::Dotted(11, 3)),
        ("hardware", Tell::Decimal(At8(18))),
    ],
    sums: &[],
    header: Fixed(32),
    parts: &[],
    total: Fixed(32),
};

pub(crate) static AIROHA: Format = Format {
    name: "airoha",
    magics: &[Magic::at(
        240,
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x11\0\x0a\0",
    )],
    carve: true,
    open: open_airoha,
};

/// What is packed with the cipher as well has another reading, and is else the same.
fn open_airoha(candidate: &Candidate) -> Result<Opened, NotThis> {
    shape::open(candidate, &AIROHA_SHAPE).or_else(|_| shape::open(candidate, &AIROHA_SEALED))
}

static AIROHA_SHAPE: Shape = airoha(
    &[Only(0xff, 32, 224), Within(At8(260), 0..=1), Within(At8(261), 0..=2), AIROHA_FIRMWARE],
    &[Part { name: "firmware", offset: At32(262), length: At32(266), unread: None }],
);
static AIROHA_SEALED: Shape = airoha(
    &[Only(0xff, 32, 224), Equal(At8(260), Fixed(2)), Within(At8(261), 0..=2), AIROHA_FIRMWARE],
    &[Part {
        name: "firmware",
        offset: At32(262),
        length: At32(266),
        unread: Some("encrypted: AES, with a key of the maker's"),
    }],
);
const AIROHA_FIRMWARE: shape::Demand = Within(At32(262), 270..=1 << 20);

const fn airoha(demands: &'static [shape::Demand], parts: &'static [Part]) -> Shape {
    Shape {
        endian: Little,
        head_bytes: 270,
        demands,
        tells: &[
            ("compression", Tell::Code(At8(260), &[(0, "none"), (1, "LZMA"), (2, "LZMA")])),
            (
                "integrity",
                Tell::Code(At8(261), &[(0, "CRC-32"), (1, "SHA-256"), (2, "SHA-256 and RSA")]),
            ),
        ],
        sums: &[Sum {
            name: "sha256",
            algorithm: Algorithm::Sha256,
            stored: 0,
            covers: (Fixed(32), Difference(&AIROHA_END, &Fixed(32))),
            blank: None,
            decisive: false,
        }],
        header: At32(262),
        parts,
        total: AIROHA_END,
    }
}

const AIROHA_END: shape::Number = shape::Number::Sum(&[At32(262), At32(266)]);

pub(crate) static CISCO: Format = Format {
    name: "cisco-ios",
    magics: &[Magic::start(&[0xfe, 0xed, 0xfa, 0xce])],
    carve: true,
    open: |candidate| shape::open(candidate, &CISCO_SHAPE),
};

static CISCO_SHAPE: Shape = Shape {
    endian: Big,
    head_bytes: 24,
    demands: &[
        Bytes(20, b"PK\x03\x04"),
        Within(At32(4), 1..=IMAGE_BYTES_MAX),
        Within(At32(8), 30..=IMAGE_BYTES_MAX),
    ],
    tells: &[("unpacked-bytes", Tell::Decimal(At32(4)))],
    sums: &[],
    header: Fixed(20),
    parts: &[Part { name: "", offset: Fixed(20), length: At32(8), unread: None }],
    total: shape::Number::Sum(&[Fixed(20), At32(8)]),
};

pub(crate) static AUTEL: Format = Format {
    name: "autel-ecc",
    magics: &[Magic::start(b"ECC0101\0")],
    carve: true,
    open: |candidate| shape::open(candidate, &AUTEL_SHAPE),
};

static AUTEL_SHAPE: Shape = Shape {
    endian: Little,
    head_bytes: 32,
    demands: &[Within(At32(8), 1..=IMAGE_BYTES_MAX), Equal(At32(12), Fixed(32))],
    tells: &[("copyright", Tell::Text(16, 16))],
    sums: &[],
    header: Fixed(32),
    parts: &[Part {
        name: "",
        offset: Fixed(32),
        length: At32(8),
        unread: Some("disguised with the maker's table of 256 pairs"),
    }],
    total: shape::Number::Sum(&[Fixed(32), At32(8)]),
};

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{
        Endian, Writer,
        checksum::crc32,
        zip::{ZipMember, ZipMethod, zip},
    };
    use sha2::{Digest as _, Sha256};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn checked(bytes: &[u8], head_bytes: usize) -> Tree {
        assert_survives_damage(bytes, head_bytes, 7);
        Tree::from_bytes(bytes.to_vec(), &Limits::default())
    }

    #[test]
    fn bneg_has_two_parts() {
        let bytes = b"BNEG\x01\0\0\0\x01\0\0\0\x05\0\0\0\x06\0\0\0firstsecond";
        let tree = checked(bytes, 20);
        let (part, _) = tree.resolve(&"image@0x0/bneg:/part2".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), "second");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
    }

    #[test]
    fn cybertan_covers_its_image_with_a_checksum() {
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"CHDR").u32(24).u32(!crc32(b"\x01\0\0\0an image")).u32(1);
        let mut bytes = writer.bytes(b"an image").as_slice().to_vec();
        let tree = checked(&bytes, 16);
        assert_eq!(attribute(&tree, "cybertan", "checksum").unwrap(), "verified");
        bytes[20] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "cybertan", "checksum").unwrap(), "wrong");
    }

    #[test]
    fn a_code_pattern_tells_what_follows() {
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(b"W54G\0\0\0\0\x05\x06\x1f\x04\x14\x06U2ND\x01\0\0\0").fill(0, 10);
        writer.bytes(b"what follows");
        let tree = checked(writer.as_slice(), 32);
        assert_eq!(attribute(&tree, "linksys-pattern", "version").unwrap(), "4.20.6");
        assert_eq!(attribute(&tree, "linksys-pattern", "code").unwrap(), "W54G");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
    }

    #[test]
    fn airoha_is_verified_and_its_cipher_named() {
        for (packing, sealed) in [(0, false), (2, true)] {
            let mut covered = Writer::new(Endian::Little);
            covered.fill(0xff, 224).u16(0x11).u16(10).u8(packing).u8(1).u32(280).u32(8);
            covered.fill(0, 10).bytes(b"firmware");
            let digest = Sha256::digest(covered.as_slice());
            let bytes = [digest.as_slice(), covered.as_slice()].concat();
            let tree = checked(&bytes, 280);
            assert_eq!(attribute(&tree, "airoha", "sha256").unwrap(), "verified");
            assert_eq!(attribute(&tree, "airoha", "integrity").unwrap(), "SHA-256");
            let path = "image@0x0/airoha:/firmware".parse().unwrap();
            let (node, _) = tree.resolve(&path).unwrap();
            assert_eq!(tree.bytes(node).unwrap(), "firmware");
            assert_eq!(tree.node(node).unread.is_some(), sealed);
        }
    }

    #[test]
    fn cisco_holds_an_archive() {
        let archive = zip(&[ZipMember::file("C2600-IO.BIN", ZipMethod::Deflate, b"\x7fELF")]);
        let mut writer = Writer::new(Endian::Big);
        writer.u32(0xfeed_face).u32(4).u32(u32::try_from(archive.len()).unwrap()).u32(0).u32(0);
        writer.bytes(&archive);
        let tree = checked(writer.as_slice(), 20);
        let path = "image@0x0/cisco-ios@0x0/zip:/C2600-IO.BIN".parse().unwrap();
        assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), b"\x7fELF"[..]);
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
    }

    #[test]
    fn autel_is_said_to_be_disguised() {
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"ECC0101\0").u32(8).u32(32).field("(C) Autel", 16).bytes(b"disguise");
        let tree = checked(writer.as_slice(), 32);
        let (node, _) = tree.resolve(&"image@0x0/autel-ecc".parse().unwrap()).unwrap();
        assert!(tree.node(node).unread.is_some());
    }
}
