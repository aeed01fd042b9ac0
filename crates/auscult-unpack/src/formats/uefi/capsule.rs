//! Capsules, in which firmware for PCs is delivered (UEFI specification 2.10, section 8.5.3 and 23.2): those
//! of firmware management with their payloads and signatures, and those of makers around a whole flash.

use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        cms::{SignedData, Verdict},
        guid::guid,
        layout::Layout,
    },
};

pub(crate) static FORMAT: Format = Format {
    name: "uefi-capsule",
    magics: &[
        Magic::start(&[0xbd, 0x86, 0x66, 0x3b, 0x76, 0x0d, 0x30, 0x40]),
        Magic::start(&[0xb9, 0x82, 0x91, 0x53, 0xb5, 0xab, 0x91, 0x43]),
        Magic::start(&[0xd3, 0xaf, 0x0b, 0xe2, 0x14, 0x99, 0x4f, 0x4f]),
        Magic::start(&[0x76, 0xfe, 0xb5, 0x25, 0x43, 0x82, 0x5c, 0x4a]),
        Magic::start(&[0x62, 0x70, 0xe0, 0x3b, 0x51, 0x1d, 0xd2, 0x45]),
        Magic::start(&[0x8b, 0xa6, 0x3c, 0x4a, 0x23, 0x77, 0xfb, 0x48]),
        Magic::start(&[0x90, 0xbb, 0xee, 0x14, 0x0a, 0x89, 0xdb, 0x43]),
        Magic::start(&[0xed, 0xd5, 0xcb, 0x6d, 0x2d, 0xe8, 0x44, 0x4c]),
    ],
    carve: true,
    open,
};

/// Kinds of capsules by their GUID.
const KINDS: &[(&str, Kind, &str)] = &[
    ("3b6686bd-0d76-4030-b70e-b5519e2fc5a0", Kind::Plain, "efi"),
    ("539182b9-abb5-4391-b69a-e3a943f72fcc", Kind::Plain, "intel"),
    ("e20bafd3-9914-4f4f-9537-3129e090eb3c", Kind::Plain, "lenovo"),
    ("25b5fe76-8243-4a5c-a9bd-7ee3246198b5", Kind::Plain, "lenovo"),
    ("3be07062-1d51-45d2-832b-f093257ed461", Kind::Toshiba, "toshiba"),
    ("4a3ca68b-7723-48fb-803d-578cc1fec44d", Kind::Aptio, "ami-signed"),
    ("14eebb90-890a-43db-aed1-5d3c4588a418", Kind::Aptio, "ami"),
    ("6dcbd5ed-e82d-4c44-bda1-7194199ad92a", Kind::Management, "firmware-management"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A header and the content.
    Plain,
    /// The same with two fields in the other order.
    Toshiba,
    /// With the place of the flash's image in it.
    Aptio,
    /// Drivers and payloads.
    Management,
}

const HEADER_BYTES: u64 = 28;
const CAPSULE_BYTES_MAX: u64 = 1 << 30;
const ITEMS_MAX: u64 = 64;
/// `EFI_CERT_TYPE_PKCS7_GUID`.
const PKCS7: &str = "4aafd29d-68df-49ee-8aa9-347d375665a7";
const CERTIFICATE_GUIDED: u16 = 0x0ef1;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, 32)?;
    let view = View(&head);
    let name = guid(&view.array(0)?);
    let &(_, kind, maker) = KINDS.iter().find(|known| known.0 == name).ok_or(NotThis)?;
    let word = |at| view.u32(at, Little).map(u64::from);
    let (header_bytes, flags, length) = match kind {
        Kind::Toshiba => (word(16)?, word(24)?, word(20)?),
        _ => (word(16)?, word(20)?, word(24)?),
    };
    let plausible = (HEADER_BYTES..=0x4000).contains(&header_bytes)
        && (header_bytes + 1..=CAPSULE_BYTES_MAX).contains(&length);
    if !plausible {
        return Err(NotThis);
    }
    let capsule = extent.clamp(0, length);
    let mut layout = Layout::new(capsule.clone());
    let mut told = Told {
        attributes: vec![
            ("kind", maker.to_owned()),
            ("guid", name),
            ("flags", format!("{flags:#x}")),
        ],
        entries: Vec::new(),
        faults: Vec::new(),
    };
    match kind {
        Kind::Plain | Kind::Toshiba => {
            layout.consumed(0, header_bytes);
            layout.part("content", header_bytes, length - header_bytes);
        }
        Kind::Aptio => {
            let image = u64::from(view.u16(28, Little)?).max(header_bytes);
            layout.consumed(0, header_bytes);
            if image > header_bytes {
                layout.leaf("signature", header_bytes, image - header_bytes);
            }
            layout.part("content", image, length.saturating_sub(image));
        }
        Kind::Management => {
            layout.consumed(0, header_bytes);
            items(&capsule, header_bytes, &mut layout, &mut told)?;
        }
    }
    let laid = layout.finish();
    told.entries.extend(laid.entries);
    told.faults.extend(laid.faults);
    let Told { attributes, entries, faults } = told;
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

struct Told {
    attributes: Vec<(&'static str, String)>,
    entries: Vec<Entry>,
    faults: Vec<Fault>,
}

/// The items of a firmware management capsule: drivers, then payloads, found by a list of offsets.
fn items(
    capsule: &Extent,
    start: u64,
    layout: &mut Layout,
    told: &mut Told,
) -> Result<(), NotThis> {
    let head = capsule.read(start, 8)?;
    let view = View(&head);
    let (drivers, payloads) = (u64::from(view.u16(4, Little)?), u64::from(view.u16(6, Little)?));
    if view.u32(0, Little)? != 1 || drivers + payloads > ITEMS_MAX {
        return Err(NotThis);
    }
    let list = capsule.read(start + 8, (drivers + payloads) * 8)?;
    layout.consumed(start, 8 + (drivers + payloads) * 8);
    let offsets: Vec<u64> =
        list.as_chunks::<8>().0.iter().map(|bytes| u64::from_le_bytes(*bytes)).collect();
    let mut names = Vec::new();
    for (number, &offset) in (0..).zip(&offsets) {
        let place = start.saturating_add(offset);
        if number < drivers {
            let next = offsets.get(usize::try_from(number + 1).unwrap_or(usize::MAX));
            let end = next.map_or(capsule.len(), |next| start.saturating_add(*next));
            layout.part(format!("driver{number}"), place, end.saturating_sub(place));
        } else if let Some(words) = item(capsule, place, number - drivers, layout, told) {
            names.push(words);
        }
    }
    told.attributes.push(("payloads", names.join("; ")));
    Ok(())
}

/// A payload with its header, its vendor's code and, mostly, its signature.
fn item(
    capsule: &Extent,
    place: u64,
    number: u64,
    layout: &mut Layout,
    told: &mut Told,
) -> Option<String> {
    let head = capsule.read(place, 48).ok()?;
    let view = View(&head);
    let version = view.u32(0, Little).ok()?;
    let header_bytes = match version {
        1 => 32,
        2 => 40,
        3 => 48,
        _ => return None,
    };
    let kind = guid(&view.array(4).ok()?);
    let image_bytes = u64::from(view.u32(24, Little).ok()?);
    let vendor_bytes = u64::from(view.u32(28, Little).ok()?);
    layout.consumed(place, header_bytes);
    let image = place + header_bytes;
    let mut words = vec![format!("payload{number} for {kind}")];
    let content = capsule.clamp(image, image_bytes);
    let signed = signature(&content, &mut told.faults, image);
    let mut skipped = 0;
    if let Some(signed) = signed {
        layout.leaf(format!("signature{number}"), image, signed.bytes);
        skipped = signed.bytes;
        words.push(signed.told);
    }
    let payload = content.from(skipped);
    if let Some((bytes, version)) = payload_header(&payload) {
        layout.consumed(image + skipped, bytes);
        skipped += bytes;
        words.push(version);
    }
    layout.part(format!("payload{number}"), image + skipped, image_bytes.saturating_sub(skipped));
    if vendor_bytes > 0 {
        layout.part(format!("vendor-code{number}"), image + image_bytes, vendor_bytes);
    }
    Some(words.join(", "))
}

struct Signed {
    bytes: u64,
    told: String,
}

/// `EFI_FIRMWARE_IMAGE_AUTHENTICATION`: a counter, then a certificate with a PKCS#7 message over the payload
/// and the counter.
fn signature(content: &Extent, faults: &mut Vec<Fault>, place: u64) -> Option<Signed> {
    let head = content.read(0, 32).ok()?;
    let view = View(&head);
    let bytes = u64::from(view.u32(8, Little).ok()?);
    let (revision, kind) = (view.u16(12, Little).ok()?, view.u16(14, Little).ok()?);
    let pkcs7 = guid(&view.array(16).ok()?) == PKCS7;
    if revision != 0x200 || kind != CERTIFICATE_GUIDED || !pkcs7 || !(24..1 << 20).contains(&bytes)
    {
        return None;
    }
    let message = content.read(32, bytes - 24).ok()?;
    let data = SignedData::read(&message)?;
    let signed_bytes = 8 + bytes;
    let counter = content.clamp(0, 8);
    let covered = Extent::joined(content.vault(), vec![content.from(signed_bytes), counter]);
    let mut told = Vec::new();
    for signer in &data.signers {
        let bytes = covered.read_all().unwrap_or_default();
        let holds = signer.covers(&bytes);
        let state = match (holds, signer.verify(&bytes)) {
            (Some(false), _) | (_, Verdict::Wrong) => {
                let why = format!("it is not that of {}", signer.subject);
                faults.push(Fault::new(place, "check the signature of a payload", why));
                "wrong"
            }
            (_, Verdict::Verified) => "verified with the certificate inside",
            (_, Verdict::NotVerified) => "not verified",
        };
        told.push(format!("signed by {}, {}, {state}", signer.subject, signer.digest));
    }
    Some(Signed { bytes: signed_bytes, told: told.join("; ") })
}

/// The header that EDK II's updaters want in front of a payload (`FmpPayloadHeader`): its versions.
fn payload_header(payload: &Extent) -> Option<(u64, String)> {
    let head = payload.read(0, 16).ok()?;
    let view = View(&head);
    let word = |at| view.u32(at, Little).ok();
    let bytes = u64::from(word(4)?);
    let marked = view.bytes(0, 4).ok()? == b"MSS1" && (16..=4096).contains(&bytes);
    let (version, lowest) = (word(8)?, word(12)?);
    marked.then(|| (bytes, format!("version {version:#010x}, lowest supported {lowest:#010x}")))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check, locators},
            reference::run,
        },
    };

    fn guid(text: &str) -> Vec<u8> {
        let digits: Vec<char> = text.chars().filter(|&c| c != '-').collect();
        let pair = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
        let bytes: Vec<u8> = digits.chunks(2).map(pair).collect();
        [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15].map(|at| bytes[at]).to_vec()
    }

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn capsule(name: &str, header: &[u8], content: &[u8]) -> Vec<u8> {
        let header_bytes = u32::try_from(28 + header.len()).unwrap();
        let length = header_bytes + u32::try_from(content.len()).unwrap();
        let fields = match name {
            "3be07062-1d51-45d2-832b-f093257ed461" => [header_bytes, length, 0x5_0000],
            _ => [header_bytes, 0x5_0000, length],
        };
        [&guid(name)[..], &words(&fields), header, content].concat()
    }

    #[test]
    fn capsules_of_makers_hold_a_flash() {
        for (name, kind) in [
            ("3b6686bd-0d76-4030-b70e-b5519e2fc5a0", "efi"),
            ("3be07062-1d51-45d2-832b-f093257ed461", "toshiba"),
        ] {
            let mut bytes = capsule(name, &[0; 4], b"content of a flash");
            let length = bytes.len();
            bytes.extend(b"behind");
            let tree = Tree::from_bytes(bytes, &Limits::default());
            assert_eq!(attribute(&tree, "uefi-capsule", "kind").unwrap(), kind);
            let part = "image@0x0/uefi-capsule:/content".parse().unwrap();
            let content = tree.bytes(tree.resolve(&part).unwrap().0).unwrap();
            assert_eq!(content, "content of a flash");
            assert!(locators(&tree).contains(&format!("image@{length:#x}")));
        }
        let name = "4a3ca68b-7723-48fb-803d-578cc1fec44d";
        let bytes = capsule(name, &[40, 0, 0, 0], b"signaturcontent");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let part = "image@0x0/uefi-capsule:/content".parse().unwrap();
        assert_eq!(tree.bytes(tree.resolve(&part).unwrap().0).unwrap(), "content");
        check(&bytes, 40);
    }

    #[test]
    fn a_signed_payload_is_verified() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (key, certificate, message, signed) = (path("k"), path("c"), path("m"), path("s"));
        let mut request = vec!["req", "-batch", "-new", "-x509", "-newkey", "rsa:2048", "-nodes"];
        request.extend(["-subj", "/CN=Firmware", "-keyout", &key, "-out", &certificate]);
        if !run("openssl", &request) {
            return;
        }
        let payload = [&b"MSS1"[..], &words(&[16, 0x0102_0003, 0x0100_0000]), b"new code"].concat();
        let counter = 7_u64.to_le_bytes();
        fs::write(&message, [&payload[..], &counter].concat()).unwrap();
        let mut sign = vec!["cms", "-sign", "-binary", "-outform", "DER", "-in", &message];
        sign.extend(["-signer", &certificate, "-inkey", &key, "-out", &signed]);
        assert!(run("openssl", &sign));
        let message = fs::read(&signed).unwrap();
        let length = u32::try_from(24 + message.len()).unwrap();
        let image =
            [&counter[..], &words(&[length, 0x0ef1_0200]), &guid(super::PKCS7), &message, &payload]
                .concat();
        let mut item = words(&[2]);
        item.extend(guid("11111111-2222-3333-4444-555555555555"));
        item.extend([1, 0, 0, 0]);
        item.extend(words(&[u32::try_from(image.len()).unwrap(), 0, 0, 0]));
        item.extend(image);
        let mut content = words(&[1, 0x0001_0000]);
        content.extend(16_u64.to_le_bytes());
        content.extend(item);
        let name = "6dcbd5ed-e82d-4c44-bda1-7194199ad92a";
        let bytes = capsule(name, &[], &content);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        assert_eq!(
            attribute(&tree, "uefi-capsule", "payloads").unwrap(),
            "payload0 for 11111111-2222-3333-4444-555555555555, signed by CN=Firmware, sha256, \
             verified with the certificate inside, version 0x01020003, lowest supported 0x01000000"
        );
        let part = "image@0x0/uefi-capsule:/payload0".parse().unwrap();
        assert_eq!(tree.bytes(tree.resolve(&part).unwrap().0).unwrap(), "new code");
        let mut damaged = bytes;
        *damaged.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert!(tree.problems()[0].what.contains("signature"));
    }
}
