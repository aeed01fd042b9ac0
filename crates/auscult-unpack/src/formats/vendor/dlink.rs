//! Firmware of D-Link that is encrypted or packed in D-Link's own archives, as unblob, fact_extractor
//! and delink describe it: `MH01`, `SHRS`, `encrpted_img`, archives `FPKG`, `CPKG` and DEAFBEAD.
//!
//! The encrypted ones are told by name and left unread; their digests are verified.

use crate::{
    Endian::{self, Big, Little},
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::Algorithm,
    layout::{Layout, text_of},
    members::Members,
    shape::{self, Demand, Number, Part, Shape, Sum, Tell},
};

pub(crate) static SHRS: Format = Format {
    name: "dlink-shrs",
    magics: &[Magic::start(b"SHRS")],
    carve: true,
    open: |candidate| shape::open(candidate, &SHRS_SHAPE),
};

/// AES-128 in CBC mode; the initial value is in the header.
static SHRS_SHAPE: Shape = Shape {
    endian: Big,
    head_bytes: SHRS_HEADER_BYTES,
    demands: &[
        Demand::AtMost(SHRS_LENGTH, Number::At32(4)),
        Demand::Within(Number::At32(4), 16..=SHRS_BYTES_MAX),
        Demand::Only(0, 0xdc, 0x200),
    ],
    tells: &[
        ("iv", Tell::Digits(12, 16)),
        ("content-sha512", Tell::Digits(0x5c, 64)),
        ("signature", Tell::Word("two of 512 bytes, not verified: the key is not known")),
    ],
    sums: &[Sum {
        name: "sha512",
        algorithm: Algorithm::Sha512,
        stored: 0x9c,
        covers: (Number::Fixed(SHRS_HEADER_BYTES), SHRS_LENGTH),
        blank: None,
        decisive: false,
    }],
    header: Number::Fixed(SHRS_HEADER_BYTES),
    parts: &[Part {
        name: "firmware",
        offset: Number::Fixed(SHRS_HEADER_BYTES),
        length: SHRS_LENGTH,
        unread: Some("encrypted: AES-128"),
    }],
    total: Number::Sum(&[Number::Fixed(SHRS_HEADER_BYTES), SHRS_LENGTH]),
};

const SHRS_HEADER_BYTES: u64 = 0x6dc;
const SHRS_LENGTH: Number = Number::At32(8);
const SHRS_BYTES_MAX: u64 = 1 << 30;

pub(crate) static ENCRPTED: Format = Format {
    name: "dlink-encrpted-img",
    magics: &[Magic::start(b"encrpted_img")],
    carve: true,
    open: |candidate| shape::open(candidate, &ENCRPTED_SHAPE),
};

static ENCRPTED_SHAPE: Shape = Shape {
    endian: Big,
    head_bytes: 16,
    demands: &[Demand::Within(Number::At32(12), 16..=SHRS_BYTES_MAX)],
    tells: &[],
    sums: &[],
    header: Number::Fixed(16),
    parts: &[Part {
        name: "firmware",
        offset: Number::Fixed(16),
        length: Number::At32(12),
        unread: Some("encrypted: AES-256"),
    }],
    total: Number::Sum(&[Number::Fixed(16), Number::At32(12)]),
};

pub(crate) static MH01: Format =
    Format { name: "dlink-mh01", magics: &[Magic::start(b"MH01")], carve: true, open: open_mh01 };

const MH01_HEADER_BYTES: u64 = 16;
const MH01_BYTES_MAX: u64 = 1 << 30;

/// A header for two pieces: content and signature, or an initial value and what is encrypted.
fn open_mh01(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, MH01_HEADER_BYTES)?;
    let view = View(&head);
    let endian = match view.array(12)? {
        [0x2b, 0x1a] => Little,
        [0x1a, 0x2b] => Big,
        _ => return Err(NotThis),
    };
    let (first, second) = (u64::from(view.u32(4, endian)?), u64::from(view.u32(8, endian)?));
    let length = MH01_HEADER_BYTES + first + second;
    if first == 0 || second == 0 || length > MH01_BYTES_MAX {
        return Err(NotThis);
    }
    let place = MH01_HEADER_BYTES + first;
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, MH01_HEADER_BYTES);
    let order = if endian == Little { "little" } else { "big" };
    let mut attributes = vec![("byte-order", order.to_owned())];
    let start = candidate.extent.read_up_to(MH01_HEADER_BYTES, first.min(64))?;
    let digits = start.trim_ascii_end();
    if digits.len() == 32 && digits.iter().all(u8::is_ascii_hexdigit) {
        attributes.push(("iv", text_of(digits)));
        layout.consumed(MH01_HEADER_BYTES, first);
        layout.unread_part("firmware", place, second, "encrypted: AES-128");
    } else {
        layout.part("content", MH01_HEADER_BYTES, first);
        layout.consumed(place, second);
        attributes.push(("signature", "not verified: the key is not known".to_owned()));
    }
    let laid = layout.finish();
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

pub(crate) static FPKG: Format = Format {
    name: "dlink-fpkg",
    magics: &[Magic::start(b"FPKG\x01\0\0\0"), Magic::start(b"CPKG\x01\0\0\0")],
    carve: true,
    open: open_fpkg,
};

const FPKG_ENTRY_BYTES: u64 = 28;
const FILES_MAX: usize = 4096;

/// Files one after the other, each behind a header of 28 bytes.
fn open_fpkg(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 12)?;
    let mut at = u64::from(View(&head).u32(8, Big)?);
    if !(12..=4096).contains(&at) {
        return Err(NotThis);
    }
    let mut members = Members::new(&candidate.extent, at);
    while members.entries.len() < FILES_MAX {
        let Some((name, length)) = fpkg_entry(&candidate.extent, at) else { break };
        members.file(&name, at + FPKG_ENTRY_BYTES, length);
        at = members.end.max(at + FPKG_ENTRY_BYTES);
    }
    members.end = members.end.max(at);
    let Members { entries, faults, end: length, .. } = members;
    if entries.is_empty() {
        return Err(NotThis);
    }
    Ok(Opened { length, entries, faults, ..Opened::default() })
}

fn fpkg_entry(extent: &Extent, at: u64) -> Option<(Vec<u8>, u64)> {
    let bytes = extent.read(at, FPKG_ENTRY_BYTES).ok()?;
    let view = View(&bytes);
    let name = view.text(12, 16).ok()?.trim_ascii_end();
    let known = (0x100..=0x103).contains(&view.u16(4, Big).ok()?);
    let fits = known && u64::from(view.u32(0, Big).ok()?) == FPKG_ENTRY_BYTES && name.is_ascii();
    fits.then(|| Some((name.to_vec(), view.u32(8, Big).ok()?.into())))?
}

pub(crate) static DEAFBEAD: Format = Format {
    name: "dlink-deafbead",
    magics: &[
        Magic::start(&[0xde, 0xaf, 0xbe, 0xad, 0x86]),
        Magic::start(&[0xde, 0xaf, 0xbe, 0xad, 0x87]),
    ],
    carve: true,
    open: open_deafbead,
};

/// Directories (86) and files packed with gzip (87), one after the other.
fn open_deafbead(candidate: &Candidate) -> Result<Opened, NotThis> {
    let mut members = Members::new(&candidate.extent, 4);
    let mut at = 4;
    while members.entries.len() < FILES_MAX {
        let Some((name, length)) = deafbead_entry(&candidate.extent, at) else { break };
        let data = at + 3 + u64::try_from(name.len()).unwrap_or(u64::MAX);
        let path: Vec<u8> =
            name.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect();
        match length {
            Some(length) => members.file(&path, data + 4, length),
            None => members.end = data,
        }
        at = members.end;
    }
    let Members { entries, faults, end: length, .. } = members;
    if entries.is_empty() {
        return Err(NotThis);
    }
    Ok(Opened { length, entries, faults, ..Opened::default() })
}

/// The name of an entry, and the length of a file.
fn deafbead_entry(extent: &Extent, at: u64) -> Option<(Vec<u8>, Option<u64>)> {
    let head = extent.read(at, 3).ok()?;
    let view = View(&head);
    let name_bytes = u64::from(view.u16(1, Endian::Little).ok()?);
    let name = extent.read(at + 3, name_bytes).ok()?;
    let named = name_bytes > 0 && name.iter().all(|byte| (0x20..0x7f).contains(byte));
    match view.u8(0).ok()? {
        0x86 if named => Some((name.to_vec(), None)),
        0x87 if named => {
            let size = extent.read(at + 3 + name_bytes, 4).ok()?;
            let length = u64::from(View(&size).u32(0, Endian::Little).ok()?);
            (length > 0).then(|| (name.to_vec(), Some(length)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, stream};
    use sha2::{Digest as _, Sha512};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators, noise},
    };

    fn reasons(tree: &Tree) -> Vec<String> {
        tree.coverage().regions_unread.iter().map(|region| region.reason.clone()).collect()
    }

    #[test]
    fn shrs_is_verified_and_named() {
        let data = noise(64);
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(b"SHRS").u32(64).u32(64).fill(1, 16).fill(2, 128);
        writer.bytes(&Sha512::digest(&data)).pad_to(0x6dc, 0).bytes(&data);
        let mut bytes = writer.finish();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "dlink-shrs", "sha512").unwrap(), "verified");
        assert_eq!(reasons(&tree), ["encrypted: AES-128"]);
        check(&bytes[..0x700], 16);
        *bytes.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(tree.problems()[0].what.contains("sha512"));
    }

    #[test]
    fn encrpted_img_is_named() {
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(b"encrpted_img").u32(64).bytes(&noise(64));
        let tree = Tree::from_bytes(writer.as_slice().to_vec(), &Limits::default());
        assert_eq!(reasons(&tree), ["encrypted: AES-256"]);
        check(writer.as_slice(), 16);
    }

    fn mh01(endian: Endian, first: &[u8], second: &[u8]) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut writer = Writer::new(endian);
        writer.bytes(b"MH01").u32(length(first)).u32(length(second)).u16(0x1a2b).u16(0);
        writer.bytes(first).bytes(second);
        writer.finish()
    }

    #[test]
    fn mh01_is_opened_down_to_what_is_encrypted() {
        for endian in [Endian::Little, Endian::Big] {
            let iv = b"00112233445566778899aabbccddeeff\n";
            let bytes = mh01(endian, &mh01(endian, iv, &noise(64)), &[3; 256]);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let found = locators(&tree);
            let inner = "image@0x0/dlink-mh01:/content@0x0/dlink-mh01:/firmware".to_owned();
            assert!(found.contains(&inner), "{found:?}");
            assert_eq!(reasons(&tree), ["encrypted: AES-128"]);
            check(&bytes, 32);
        }
    }

    #[test]
    fn files_of_both_archives_are_members() {
        let mut fpkg = Writer::new(Endian::Big);
        fpkg.bytes(b"CPKG\x01\0\0\0").u32(12);
        fpkg.u32(28).u16(0x100).u16(0).u32(5).field("app", 16).bytes(b"hello");
        fpkg.u32(28).u16(0x102).u16(0).u32(2).field("sum", 16).bytes(b"ab");
        let tree = Tree::from_bytes(fpkg.as_slice().to_vec(), &Limits::default());
        let (app, _) = tree.resolve(&"image@0x0/dlink-fpkg:/app".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(app).unwrap(), "hello");
        check(fpkg.as_slice(), 60);

        let packed = stream::gzip(b"page");
        let mut dead = Writer::new(Endian::Little);
        dead.bytes(b"\xde\xaf\xbe\xad").u8(0x86).u16(3).bytes(b"www").u8(0x87).u16(8);
        dead.bytes(b"www\\a.htm"[..8].as_ref()).u32(u32::try_from(packed.len()).unwrap());
        dead.bytes(&packed);
        let tree = Tree::from_bytes(dead.as_slice().to_vec(), &Limits::default());
        let path = "image@0x0/dlink-deafbead:/www/a.ht@0x0/gzip".parse().unwrap();
        assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), "page");
        assert_eq!(tree.coverage().bytes_unread, 0);
        check(dead.as_slice(), 30);
    }
}
