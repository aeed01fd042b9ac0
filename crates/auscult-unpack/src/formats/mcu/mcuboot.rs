//! Images of MCUboot (`docs/design.md` and `bootutil/image.h` of MCUboot): a header, the code, and fields
//! of type, length and value, protected by the digest or not.
//!
//! The digest is verified. The kind of signature is told; the key lies in the boot loader.

use sha2::{Sha256, Sha384, Sha512};

use crate::{
    Endian::Little,
    Entry, Extent, Fault, Reading, View,
    checksum::each_piece,
    digest,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::Layout,
};

pub(crate) static FORMAT: Format = Format {
    name: "mcuboot",
    magics: &[Magic::start(&[0x3d, 0xb8, 0xf3, 0x96])],
    carve: true,
    open,
};

/// The mark at the end of a slot, where it is not the end of the bytes at hand.
pub(crate) static TRAILER: Format = Format {
    name: "mcuboot-trailer",
    magics: &[Magic::start(&TRAILER_MAGIC), Magic::at(2, &LATER_MAGIC)],
    carve: true,
    open: open_trailer,
};

const HEADER_BYTES: u64 = 32;
const IMAGE_BYTES_MAX: u64 = 256 << 20;
const FIELDS_INFO: u16 = 0x6907;
const PROTECTED_INFO: u16 = 0x6908;
const FLAGS: &[(u32, &str)] = &[
    (0x01, "position-independent"),
    (0x04, "encrypted-aes128"),
    (0x08, "encrypted-aes256"),
    (0x10, "not-bootable"),
    (0x20, "load-to-memory"),
    (0x100, "fixed-address"),
    (0x200, "compressed-lzma1"),
    (0x400, "compressed-lzma2"),
    (0x800, "thumb-filter"),
];
const ENCRYPTED: u32 = 0x0c;
const SIGNATURES: &[(u8, &str)] = &[
    (0x20, "RSA-2048 PSS"),
    (0x21, "ECDSA P-224"),
    (0x22, "ECDSA"),
    (0x23, "RSA-3072 PSS"),
    (0x24, "Ed25519"),
];
const ENCRYPTIONS: &[(u8, &str)] = &[
    (0x30, "RSA-2048"),
    (0x31, "AES-KW"),
    (0x32, "ECIES P-256"),
    (0x33, "ECIES X25519"),
    (0x34, "ECIES X25519 with SHA-512"),
];
/// `boot_img_magic` of MCUboot's `bootutil_misc`, and the form that begins with an alignment.
const TRAILER_MAGIC: [u8; 16] = [
    0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f, 0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80,
];
const LATER_MAGIC: [u8; 14] =
    [0x2d, 0xe1, 0x5d, 0x29, 0x41, 0x0b, 0x8d, 0x77, 0x67, 0x9c, 0x11, 0x0f, 0x1f, 0x8a];

struct Header {
    load: u32,
    own_bytes: u64,
    protected_bytes: u64,
    image_bytes: u64,
    flags: u32,
    version: String,
}

/// A field behind the image.
struct Field {
    kind: u8,
    value: Vec<u8>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let header = header(View(&extent.read(0, HEADER_BYTES)?))?;
    let covered_bytes = header.own_bytes + header.image_bytes + header.protected_bytes;
    let mut faults = Vec::new();
    let mut fields = Vec::new();
    let mut end = header.own_bytes + header.image_bytes;
    for info in [PROTECTED_INFO, FIELDS_INFO] {
        if info == PROTECTED_INFO && header.protected_bytes == 0 {
            continue;
        }
        match read_fields(extent, end, info) {
            Ok((read, length)) => {
                fields.extend(read);
                end += length;
            }
            Err(fault) => faults.push(fault),
        }
    }
    // A header alone is 20 bytes that may stand there by chance.
    if fields.is_empty() {
        return Err(NotThis);
    }
    let mut attributes = attributes(&header);
    attributes.extend(told(&fields));
    let covered = extent.clamp(0, covered_bytes);
    attributes.extend(verify(&fields, &covered, &mut faults));
    let trailer = slot(extent, end);
    let length = if trailer.is_some() { extent.len() } else { end };
    let mut layout = Layout::new(extent.clamp(0, length));
    layout.consumed(0, header.own_bytes);
    layout.part("image", header.own_bytes, header.image_bytes);
    layout.consumed(
        header.own_bytes + header.image_bytes,
        end - header.own_bytes - header.image_bytes,
    );
    if let Some(trailer) = trailer {
        layout.leaf("trailer", trailer.start, length - trailer.start);
        attributes.extend(trailer.attributes);
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    let mut entries = laid.entries;
    if header.flags & ENCRYPTED != 0 {
        close(&mut entries);
    }
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

fn close(entries: &mut [Entry]) {
    for entry in entries.iter_mut().filter(|entry| entry.path.as_bytes() == b"image") {
        let bytes = entry.content.as_ref().map_or(0, Extent::len);
        *entry = entry.clone().unreadable(bytes, "encrypted");
        entry.reading = Reading::Leaf;
    }
}

fn header(view: View<'_>) -> Result<Header, NotThis> {
    let word = |at| view.u32(at, Little);
    let (major, minor) = (view.u8(20)?, view.u8(21)?);
    let header = Header {
        load: word(4)?,
        own_bytes: u64::from(view.u16(8, Little)?),
        protected_bytes: u64::from(view.u16(10, Little)?),
        image_bytes: u64::from(word(12)?),
        flags: word(16)?,
        version: format!("{major}.{minor}.{}+{}", view.u16(22, Little)?, word(24)?),
    };
    let known = FLAGS.iter().fold(0, |all, (bit, _)| all | bit);
    let plausible = header.own_bytes >= HEADER_BYTES
        && (1..=IMAGE_BYTES_MAX).contains(&header.image_bytes)
        && header.flags & !known == 0
        && header.own_bytes <= 64 << 10;
    if plausible { Ok(header) } else { Err(NotThis) }
}

/// The fields at this place, and the bytes that they take up.
fn read_fields(extent: &Extent, at: u64, info: u16) -> Result<(Vec<Field>, u64), Fault> {
    let head = extent.read(at, 4)?;
    let total = u64::from(View(&head).u16(2, Little)?);
    if View(&head).u16(0, Little)? != info || total < 4 {
        return Err(Fault::new(at, "read the fields behind the image", "their mark is missing"));
    }
    let bytes = extent.read(at, total)?;
    let (view, mut place, mut fields) = (View(&bytes), 4, Vec::new());
    while place + 4 <= bytes.len() {
        let length = usize::from(view.u16(place + 2, Little)?);
        let value = view.bytes(place + 4, length).map_err(|fault| fault.within(at))?;
        fields.push(Field { kind: view.u8(place)?, value: value.to_vec() });
        place += 4 + length;
    }
    Ok((fields, total))
}

fn attributes(header: &Header) -> Vec<(&'static str, String)> {
    let flags: Vec<&str> =
        FLAGS.iter().filter(|(bit, _)| header.flags & bit != 0).map(|&(_, name)| name).collect();
    let mut attributes = vec![("version", header.version.clone())];
    attributes
        .extend((header.load != 0).then(|| ("load-address", format!("{:#010x}", header.load))));
    attributes.extend((!flags.is_empty()).then(|| ("flags", flags.join(", "))));
    attributes
}

/// What the fields tell.
fn told(fields: &[Field]) -> Vec<(&'static str, String)> {
    let mut attributes = Vec::new();
    let (mut signatures, mut dependencies, mut records) = (Vec::new(), Vec::new(), Vec::new());
    for Field { kind, value } in fields {
        let known = |names: &[(u8, &'static str)]| {
            names.iter().find(|named| named.0 == *kind).map(|named| named.1)
        };
        let view = View(value);
        match kind {
            0x01 => attributes.push(("key-hash", digest::hex(value))),
            0x02 => attributes.push(("public-key", format!("{} bytes", value.len()))),
            0x40 => dependencies.extend(dependency(view)),
            0x50 => {
                let counter = view.u32(0, Little).map(|counter| counter.to_string());
                attributes.push(("security-counter", counter.unwrap_or_default()));
            }
            0x60 => records.push(format!("{} bytes", value.len())),
            _ => {}
        }
        signatures.extend(known(SIGNATURES).map(ToOwned::to_owned));
        attributes.extend(known(ENCRYPTIONS).map(|name| ("encryption-key", name.to_owned())));
    }
    let signature = if signatures.is_empty() {
        "none".to_owned()
    } else {
        format!("{}, not verified: the key is not here", signatures.join(", "))
    };
    attributes.push(("signature", signature));
    for (key, list) in [("dependencies", dependencies), ("boot-records", records)] {
        attributes.extend((!list.is_empty()).then(|| (key, list.join("; "))));
    }
    attributes
}

fn dependency(view: View<'_>) -> Option<String> {
    let (image, major, minor) = (view.u8(0).ok()?, view.u8(4).ok()?, view.u8(5).ok()?);
    let (revision, build) = (view.u16(6, Little).ok()?, view.u32(8, Little).ok()?);
    Some(format!("image {image} from {major}.{minor}.{revision}+{build}"))
}

/// Compares the digests of header, image and protected fields.
fn verify(
    fields: &[Field],
    covered: &Extent,
    faults: &mut Vec<Fault>,
) -> Vec<(&'static str, String)> {
    let mut attributes = Vec::new();
    for (kind, name) in [(0x10, "sha256"), (0x11, "sha384"), (0x12, "sha512")] {
        let Some(field) = fields.iter().find(|field| field.kind == kind) else { continue };
        let computed = match name {
            "sha256" => hash::<Sha256>(covered),
            "sha384" => hash::<Sha384>(covered),
            _ => hash::<Sha512>(covered),
        };
        let state = match computed {
            Ok(computed) if computed == field.value => "verified",
            Ok(_) => {
                faults.push(Fault::new(0, format!("check the {name}"), "it does not fit"));
                "wrong"
            }
            Err(fault) => {
                faults.push(fault);
                "not verified"
            }
        };
        attributes.push((name, state.to_owned()));
    }
    attributes
}

fn hash<D: sha2::Digest>(covered: &Extent) -> Result<Vec<u8>, Fault> {
    let mut digest = D::new();
    each_piece(covered, |bytes| digest.update(bytes))?;
    Ok(digest.finalize().to_vec())
}

/// What stands at the end of a slot.
struct Trailer {
    start: u64,
    attributes: Vec<(&'static str, String)>,
}

/// The trailer, if the bytes at hand are a slot: the flags in front of the mark, each alone in an
/// aligned field.
fn slot(extent: &Extent, end: u64) -> Option<Trailer> {
    let last = extent.len().checked_sub(16).filter(|&last| last >= end)?;
    let magic = extent.read(last, 16).ok()?;
    let align = if magic == TRAILER_MAGIC[..] {
        8
    } else if magic.ends_with(&LATER_MAGIC) {
        u64::from(View(&magic).u16(0, Little).ok()?)
    } else {
        return None;
    };
    let flag = |fields: u64| {
        let place = last.checked_sub(align.saturating_mul(fields)).filter(|&place| place >= end)?;
        let byte = View(&extent.read(place, 1).ok()?).u8(0).ok()?;
        Some(match byte {
            1 => "set".to_owned(),
            0xff => "not set".to_owned(),
            other => format!("{other:#04x}"),
        })
    };
    let mut attributes = Vec::new();
    attributes.extend(flag(1).map(|state| ("image-ok", state)));
    attributes.extend(flag(2).map(|state| ("copy-done", state)));
    // The third field tells how images are swapped.
    let start = last.saturating_sub(align.saturating_mul(3)).max(end);
    Some(Trailer { start, attributes })
}

fn open_trailer(candidate: &Candidate) -> Result<Opened, NotThis> {
    let magic = candidate.extent.read(0, 16)?;
    let later = View(&magic).u16(0, Little).is_ok_and(|align| align <= 512);
    if magic != TRAILER_MAGIC[..] && !later {
        return Err(NotThis);
    }
    Ok(Opened { length: 16, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use sha2::{Digest as _, Sha256};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn field(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap();
        [&kind.to_le_bytes()[..], &length.to_le_bytes(), value].concat()
    }

    fn area(info: u16, fields: &[Vec<u8>]) -> Vec<u8> {
        let fields = fields.concat();
        let total = u16::try_from(fields.len() + 4).unwrap();
        [&info.to_le_bytes()[..], &total.to_le_bytes(), &fields].concat()
    }

    fn image(flags: u32) -> Vec<u8> {
        let code = b"machine code of a device";
        let dependency = [&[1, 0, 0, 0, 2, 1][..], &5_u16.to_le_bytes(), &9_u32.to_le_bytes()];
        let protected =
            area(0x6908, &[field(0x50, &7_u32.to_le_bytes()), field(0x40, &dependency.concat())]);
        let mut bytes = 0x96f3_b83d_u32.to_le_bytes().to_vec();
        bytes.extend(0x0800_0000_u32.to_le_bytes());
        bytes.extend(64_u16.to_le_bytes());
        bytes.extend(u16::try_from(protected.len()).unwrap().to_le_bytes());
        bytes.extend(u32::try_from(code.len()).unwrap().to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        bytes.extend([1, 2, 3, 0, 4, 0, 0, 0]);
        bytes.resize(64, 0);
        bytes.extend(code);
        bytes.extend(protected);
        let sha256 = Sha256::digest(&bytes);
        let fields = [field(0x10, &sha256), field(1, &[0xab; 32]), field(0x22, &[5; 70])];
        bytes.extend(area(0x6907, &fields));
        bytes
    }

    #[test]
    fn an_image_is_verified_and_its_fields_are_told() {
        let mut bytes = image(0);
        let length = bytes.len();
        bytes.extend(b"behind");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let told = |key| attribute(&tree, "mcuboot", key).unwrap();
        assert_eq!((told("version"), told("sha256")), ("1.2.3+4".into(), "verified".into()));
        assert_eq!((told("security-counter"), told("key-hash")), ("7".into(), "ab".repeat(32)));
        assert_eq!(told("dependencies"), "image 1 from 2.1.5+9");
        assert!(told("signature").starts_with("ECDSA, not verified"));
        let (part, _) = tree.resolve(&"image@0x0/mcuboot:/image".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), "machine code of a device");
        assert!(locators(&tree).contains(&format!("image@{length:#x}")));
        bytes[70] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "mcuboot", "sha256").unwrap(), "wrong");
        check(&image(0), 80);
    }

    #[test]
    fn a_slot_tells_its_state_and_an_encrypted_image_is_closed() {
        let mut bytes = image(4);
        bytes.resize(4096 - 24, 0xff);
        bytes.extend([1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
        bytes.extend(super::TRAILER_MAGIC);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "mcuboot", "image-ok").unwrap(), "set");
        assert_eq!(attribute(&tree, "mcuboot", "copy-done").unwrap(), "not set");
        assert_eq!(tree.coverage().regions_unread[0].reason, "encrypted");
        bytes.extend([0x55; 100]);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(locators(&tree).contains(&"image@0xff0/mcuboot-trailer".to_owned()));
    }
}
