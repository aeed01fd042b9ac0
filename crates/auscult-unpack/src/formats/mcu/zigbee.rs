//! Upgrade files of Zigbee (Zigbee Cluster Library, 07-5123 revision 8, section 11.4): a header and
//! elements, of which one is the image. Signatures are told and not verified.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "zigbee-ota",
    magics: &[Magic::start(&[0x1e, 0xf1, 0xee, 0x0b])],
    carve: true,
    open,
};

const HEADER_BYTES_MIN: u64 = 56;
const ELEMENTS_MAX: usize = 64;
/// Optional fields of the header (table 11-6).
const HAS_CREDENTIAL: u16 = 1;
const HAS_DESTINATION: u16 = 2;
const HAS_HARDWARE: u16 = 4;
/// Tags of elements (table 11-12) and whether there is something to look for in them.
const TAGS: &[(u16, &str, bool)] = &[
    (0, "image", true),
    (1, "ecdsa-signature", false),
    (2, "ecdsa-certificate", false),
    (3, "integrity-code", false),
    (4, "picture", true),
    (5, "ecdsa-signature-2", false),
    (6, "ecdsa-certificate-2", false),
];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES_MIN)?;
    let view = View(&head);
    let header_bytes = u64::from(view.u16(6, Little)?);
    let control = view.u16(8, Little)?;
    let total = u64::from(view.u32(52, Little)?);
    let fields = [(HAS_CREDENTIAL, 1), (HAS_DESTINATION, 8), (HAS_HARDWARE, 4)];
    let optional = fields.iter().filter(|(bit, _)| control & bit != 0).map(|(_, bytes)| bytes);
    if view.u16(4, Little)? != 0x0100
        || header_bytes < HEADER_BYTES_MIN + optional.sum::<u64>()
        || total < header_bytes
        || control & !7 != 0
    {
        return Err(NotThis);
    }
    let word = |at| view.u16(at, Little).map(|word| format!("{word:#06x}"));
    let mut attributes = vec![
        ("manufacturer", word(10)?),
        ("image-type", word(12)?),
        ("file-version", format!("{:#010x}", view.u32(14, Little)?)),
        ("stack-version", word(18)?),
        ("name", text_of(view.text(20, 32)?)),
    ];
    let mut layout = Layout::new(candidate.extent.clamp(0, total));
    layout.consumed(0, header_bytes);
    let (mut at, mut signed) = (header_bytes, false);
    for number in 0..ELEMENTS_MAX {
        let Ok(element) = candidate.extent.read(at, 6) else { break };
        let tag = View(&element).u16(0, Little)?;
        let length = u64::from(View(&element).u32(2, Little)?);
        if at + 6 + length > total {
            break;
        }
        let known = TAGS.iter().find(|known| known.0 == tag);
        let name =
            known.map_or_else(|| format!("element{number}-{tag:#06x}"), |known| known.1.to_owned());
        signed |= matches!(tag, 1 | 5);
        layout.consumed(at, 6);
        if known.is_none_or(|known| known.2) {
            layout.part(name, at + 6, length);
        } else {
            layout.leaf(name, at + 6, length);
        }
        at += 6 + length;
        if at == total {
            break;
        }
    }
    attributes.push(("signed", signed.to_string()));
    let laid = layout.finish();
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length: total, attributes, entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn file() -> Vec<u8> {
        let mut bytes = vec![0x1e, 0xf1, 0xee, 0x0b, 0, 1, 60, 0, 4, 0];
        bytes.extend([0x7c, 0x11, 1, 2, 0x31, 0, 0, 2, 2, 0]);
        bytes.extend(b"Lamp update");
        bytes.resize(52, 0);
        let total: u32 = 60 + 6 + 10 + 6 + 4;
        bytes.extend(total.to_le_bytes());
        bytes.extend([1, 0, 9, 0]);
        bytes.extend([0, 0, 10, 0, 0, 0]);
        bytes.extend(b"lamp code!");
        bytes.extend([1, 0, 4, 0, 0, 0]);
        bytes.extend(b"sign");
        bytes
    }

    #[test]
    fn elements_are_parts() {
        let tree = Tree::from_bytes(file(), &Limits::default());
        let (part, _) = tree.resolve(&"image@0x0/zigbee-ota:/image".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), "lamp code!");
        let told = |key| attribute(&tree, "zigbee-ota", key).unwrap();
        assert_eq!((told("manufacturer"), told("name")), ("0x117c".into(), "Lamp update".into()));
        assert_eq!((told("file-version"), told("signed")), ("0x02000031".into(), "true".into()));
        assert!(locators(&tree).contains(&"image@0x0/zigbee-ota:/ecdsa-signature".to_owned()));
        check(&file(), 70);
    }
}
