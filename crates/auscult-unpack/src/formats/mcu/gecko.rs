//! Upgrade files for Silicon Labs' chips: GBL of the Gecko boot loader (UG266, "Gecko Bootloader File
//! Format", version 3) and EBL of the one before (UG103.6, section "EBL Format"). Both are tags with
//! lengths, up to one that holds a CRC-32 of all before it.
//!
//! Signatures are told and not verified; encrypted data is told.

use crate::{
    Endian::{Big, Little},
    Entry, Extent, Fault, Reading, View,
    checksum::{Crc32, agrees},
    digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static GBL: Format = Format {
    name: "gbl",
    magics: &[Magic::start(&[0xeb, 0x17, 0xa6, 0x03, 8, 0, 0, 0])],
    carve: true,
    open: open_gbl,
};

pub(crate) static EBL: Format = Format {
    name: "ebl",
    // The tag of a plain header with its length, or of an encrypted one.
    magics: &[Magic::start(&[0, 0, 0, 0x8c]), Magic::start(&[0xfb, 5])],
    carve: false,
    open: open_ebl,
};

const TAGS_MAX: usize = 65_536;
/// What a header says is in the file (`btl_gbl_format.h`).
const GBL_ENCRYPTED: u32 = 1;
const GBL_SIGNED: u32 = 0x100;

/// Where a tag's data begins with an address, where it is a thing of its own, and where it is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Header,
    Application,
    Bootloader,
    Program,
    Upgrade,
    Encrypted,
    Signature,
    Other,
    End,
}

const GBL_TAGS: &[(u32, &str, Role)] = &[
    (0x03a6_17eb, "header", Role::Header),
    (0xf40a_0af4, "application", Role::Application),
    (0xf509_09f5, "bootloader", Role::Bootloader),
    (0xf608_08f6, "metadata", Role::Other),
    (0xfe01_01fe, "program", Role::Program),
    (0xfd03_03fd, "program", Role::Program),
    (0xfd05_05fd, "program-lz4", Role::Program),
    (0xfd07_07fd, "program-lzma", Role::Program),
    (0x5ea6_17eb, "secure-element-upgrade", Role::Upgrade),
    (0x76a6_17eb, "version-dependency", Role::Other),
    (0xfb05_05fb, "encryption-header", Role::Other),
    (0xfa06_06fa, "encryption-start", Role::Other),
    (0xf907_07f9, "encrypted", Role::Encrypted),
    (0xf30b_0bf3, "certificate", Role::Other),
    (0xf70a_0af7, "signature", Role::Signature),
    (0xfc04_04fc, "end", Role::End),
];
const EBL_TAGS: &[(u32, &str, Role)] = &[
    (0x0000, "header", Role::Header),
    (0xfe01, "program", Role::Program),
    (0xfd03, "program", Role::Program),
    (0x02fe, "manufacturing", Role::Program),
    (0xf608, "metadata", Role::Other),
    (0xfb05, "encryption-header", Role::Other),
    (0xfa06, "encryption-start", Role::Other),
    (0xf907, "encrypted", Role::Encrypted),
    (0xf709, "encryption-mac", Role::Other),
    (0xf70a, "signature", Role::Signature),
    (0xfc04, "end", Role::End),
];

/// A tag with the place of its data.
struct Tag {
    number: u32,
    name: &'static str,
    role: Role,
    place: u64,
    data: Extent,
}

fn open_gbl(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(8, 8)?;
    let (version, kind) = (View(&head).u32(0, Little)?, View(&head).u32(4, Little)?);
    if version >> 24 != 3 {
        return Err(NotThis);
    }
    let mut attributes = vec![
        ("format-version", format!("{}.{}", version >> 24, version >> 16 & 0xff)),
        ("encrypted", (kind & GBL_ENCRYPTED != 0).to_string()),
        (
            "signed",
            if kind & GBL_SIGNED != 0 { "ECDSA P-256, not verified" } else { "false" }.to_owned(),
        ),
    ];
    let (tags, fault) = tags(
        &candidate.extent,
        |extent, at| {
            let head = extent.read(at, 8)?;
            let length = u64::from(View(&head).u32(4, Little)?);
            Ok((View(&head).u32(0, Little)?, length, 8))
        },
        GBL_TAGS,
    );
    for tag in &tags {
        let data = tag.data.read_up_to(0, 64).unwrap_or_default();
        let view = View(&data);
        match tag.role {
            Role::Application => {
                let told = |at| view.u32(at, Little).map(|word| format!("{word:#010x}"));
                attributes.extend(told(0).map(|kind| ("application-type", kind)).ok());
                attributes.extend(told(4).map(|version| ("application-version", version)).ok());
                let product = view.bytes(12, 16).map(digest::hex);
                attributes.extend(product.map(|product| ("product-id", product)).ok());
            }
            Role::Bootloader => {
                let version = view.u32(0, Little).unwrap_or(0);
                let text =
                    format!("{}.{}.{}", version >> 24, version >> 16 & 0xff, version & 0xffff);
                attributes.push(("bootloader-version", text));
            }
            _ => {}
        }
    }
    Ok(finish(candidate, &tags, fault, attributes, Little, 4))
}

fn open_ebl(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, 16)?;
    let view = View(&head);
    let encrypted = view.u16(0, Big)? != 0;
    // A plain header brings the mark E350; an encrypted one is told by the tags that follow.
    if !encrypted && view.u16(6, Big)? != 0xe350 {
        return Err(NotThis);
    }
    let (tags, fault) = tags(
        &candidate.extent,
        |extent, at| {
            let head = extent.read(at, 4)?;
            let length = u64::from(View(&head).u16(2, Big)?);
            Ok((u32::from(View(&head).u16(0, Big)?), length, 4))
        },
        EBL_TAGS,
    );
    if encrypted && !tags.iter().any(|tag| tag.role == Role::Encrypted) {
        return Err(NotThis);
    }
    let attributes = vec![("encrypted", encrypted.to_string())];
    Ok(finish(candidate, &tags, fault, attributes, Big, 4))
}

/// Reads the number, the length and the bytes of a tag's head.
type Head = fn(&Extent, u64) -> Result<(u32, u64, u64), Fault>;

/// The tags up to the one that ends the file, and what stopped them before.
fn tags(
    extent: &Extent,
    head: Head,
    known: &'static [(u32, &'static str, Role)],
) -> (Vec<Tag>, Option<Fault>) {
    let (mut tags, mut at) = (Vec::new(), 0);
    while tags.len() < TAGS_MAX {
        let fault = |why: &str| Some(Fault::new(at, "read the tags to the end", why));
        let Ok((number, length, head_bytes)) = head(extent, at) else {
            return (tags, fault("the end is missing"));
        };
        let Some(&(_, name, role)) = known.iter().find(|known| known.0 == number) else {
            return (tags, fault("a tag is not known"));
        };
        let place = at + head_bytes;
        let Some(data) = extent.slice(place, length) else {
            return (tags, fault("a tag is cut off"));
        };
        tags.push(Tag { number, name, role, place, data });
        if role == Role::End {
            return (tags, None);
        }
        at = place + length;
    }
    (tags, Some(Fault::new(at, "read the tags to the end", "there are too many")))
}

/// The parts, the checksum and what is encrypted.
fn finish(
    candidate: &Candidate,
    tags: &[Tag],
    fault: Option<Fault>,
    mut attributes: Vec<(&'static str, String)>,
    order: crate::Endian,
    address_bytes: u64,
) -> Opened {
    let mut faults: Vec<Fault> = fault.into_iter().collect();
    let mut entries = Vec::new();
    for (number, tag) in tags.iter().enumerate() {
        let named = |name: &str, content: Extent| Entry::part(name.as_bytes(), content);
        match tag.role {
            Role::Program => {
                let address = tag.data.read(0, 4).and_then(|bytes| View(&bytes).u32(0, order));
                let address = address.unwrap_or(0);
                entries.push(named(
                    &format!("{}-{address:#010x}", tag.name),
                    tag.data.from(address_bytes),
                ));
            }
            // Two words stand in front of the code: the version, and an address or a size.
            Role::Bootloader | Role::Upgrade => entries.push(named(tag.name, tag.data.from(8))),
            Role::Encrypted => {
                let mut entry = named(&format!("{}{number}", tag.name), tag.data.clone());
                entry = entry.unreadable(tag.data.len(), "encrypted");
                entry.reading = Reading::Leaf;
                entries.push(entry);
            }
            Role::Signature => {
                let mut entry = named(tag.name, tag.data.clone());
                entry.reading = Reading::Leaf;
                entries.push(entry);
            }
            Role::Header | Role::Application | Role::Other | Role::End => {}
        }
    }
    let last = tags.last();
    let length = last.map_or(0, |tag| tag.place + tag.data.len());
    if let Some(end) = last.filter(|tag| tag.role == Role::End && tag.number != 0) {
        let computed = Crc32::of_extent(&candidate.extent.clamp(0, end.place)).unwrap_or(0);
        let stored = end.data.read(0, 4);
        let holds = stored.is_ok_and(|stored| {
            let words = [View(&stored).u32(0, Little), View(&stored).u32(0, Big)];
            words.iter().flatten().any(|&word| agrees(word, computed))
        });
        attributes.push(("crc32", if holds { "verified" } else { "wrong" }.to_owned()));
        if !holds {
            faults.push(Fault::new(end.place, "check the file's crc32", "it does not fit"));
        }
    }
    Opened { length, attributes, entries, faults, unread: None }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::checksum::crc32;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn tag(number: u32, data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        [&number.to_le_bytes()[..], &length.to_le_bytes(), data].concat()
    }

    fn gbl(tags: &[Vec<u8>], kind: u32) -> Vec<u8> {
        let header = [0x0300_0000_u32.to_le_bytes(), kind.to_le_bytes()].concat();
        let mut bytes = [tag(0x03a6_17eb, &header), tags.concat()].concat();
        bytes.extend([0xfc04_04fc_u32.to_le_bytes(), 4_u32.to_le_bytes()].concat());
        let crc = crc32(&bytes);
        bytes.extend(crc.to_le_bytes());
        bytes
    }

    #[test]
    fn parts_of_a_gecko_file() {
        let program = [&0x4000_u32.to_le_bytes()[..], b"code"].concat();
        let application = [&[2, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0][..], &[0xaa; 16]].concat();
        let bootloader = [&[3, 0, 1, 2][..], &[0; 4], b"loader"].concat();
        let tags = [
            tag(0xf40a_0af4, &application),
            tag(0xf509_09f5, &bootloader),
            tag(0xfe01_01fe, &program),
            tag(0xf70a_0af7, &[1; 64]),
        ];
        let bytes = gbl(&tags, 0x100);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let (part, _) =
            tree.resolve(&"image@0x0/gbl:/program-0x00004000".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), "code");
        let told = |key| attribute(&tree, "gbl", key).unwrap();
        assert_eq!(
            (told("crc32"), told("bootloader-version")),
            ("verified".into(), "2.1.3".into())
        );
        assert_eq!(
            (told("application-version"), told("product-id")),
            ("0x00000005".into(), "aa".repeat(16))
        );
        let mut damaged = bytes.clone();
        let at = damaged.windows(4).position(|four| four == b"code").unwrap();
        damaged[at] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert!(tree.problems()[0].what.contains("crc32"));
        check(&bytes, 80);
    }

    #[test]
    fn encrypted_data_is_told() {
        let bytes = gbl(&[tag(0xf907_07f9, &[9; 50])], 1);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let unread = &tree.coverage().regions_unread;
        assert_eq!((unread[0].bytes, unread[0].reason.as_str()), (50, "encrypted"));
    }

    #[test]
    fn a_file_of_the_format_before() {
        let mut bytes = vec![0, 0, 0, 0x8c, 2, 1, 0xe3, 0x50];
        bytes.resize(4 + 0x8c, 0);
        bytes.extend([0xfd, 3, 0, 9, 0, 0, 0x20, 0]);
        bytes.extend(b"codes");
        bytes.extend([0xfc, 4, 0, 4]);
        let crc = crc32(&bytes);
        bytes.extend(crc.to_be_bytes());
        let length = bytes.len();
        bytes.resize(length.next_multiple_of(64), 0xff);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/ebl:/program-0x00002000".to_owned()), "{found:?}");
        assert_eq!(attribute(&tree, "ebl", "crc32").unwrap(), "verified");
        check(&bytes, 16);
    }
}
