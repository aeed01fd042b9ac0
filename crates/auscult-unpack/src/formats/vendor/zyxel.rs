//! Objects of ZyXEL's ZyNOS (routers, switches), as OpenWrt's `mkzynfw` and `zynos.h` describe them:
//! 48 bytes in front of a boot extension, a configuration, a firmware. The first holds the others.

use crate::{
    Endian::Big,
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::checksum::each_piece;
use crate::formats::support::{
    check::Verdict,
    layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format =
    Format { name: "zynos", magics: &[Magic::at(6, b"SIG")], carve: true, open };

const HEADER_BYTES: u64 = 48;
const TYPES: &[&str] =
    &["", "rom image", "boot image", "boot extension", "firmware", "directory", "6", "memory map"];
const PACKED: u8 = 0x80;
const PLAIN_SUM: u8 = 0x40;
const PACKED_SUM: u8 = 0x20;
const OBJECT_BYTES: std::ops::RangeInclusive<u64> = 16..=64 << 20;
/// Where the processors (MIPS) see memory and flash.
const ADDRESSES: std::ops::Range<u32> = 0x8000_0000..0xc000_0000;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (address, map) = (view.u32(0, Big)?, view.u32(39, Big)?);
    let (plain, packed) = (u64::from(view.u32(10, Big)?), u64::from(view.u32(14, Big)?));
    let (flags, version) = (view.u8(18)?, view.text(24, 15)?);
    let kind = TYPES.get(usize::from(view.u8(9)?)).filter(|kind| !kind.is_empty());
    let addresses = ADDRESSES.contains(&address) && (map == 0 || ADDRESSES.contains(&map));
    let is_packed = flags & PACKED != 0;
    let size = if is_packed { packed } else { plain };
    let known = flags & !(PACKED | PLAIN_SUM | PACKED_SUM) == 0;
    let text = version.iter().all(|byte| (0x20..0x7f).contains(byte));
    if !addresses || !known || !text || !OBJECT_BYTES.contains(&size) {
        return Err(NotThis);
    }
    let length = HEADER_BYTES + size;
    let image = candidate.extent.clamp(0, length);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, HEADER_BYTES);
    layout.part("", HEADER_BYTES, size);
    let mut laid = layout.finish();
    let mut attributes = vec![
        ("object", (*kind.ok_or(NotThis)?).to_owned()),
        ("load-address", format!("{address:#010x}")),
    ];
    if !version.is_empty() {
        attributes.push(("version", text_of(version)));
    }
    if is_packed {
        attributes.push(("unpacked-bytes", plain.to_string()));
    }
    // The sum of what is stored; the other one is that of what it unpacks to.
    let (flag, at) = if is_packed { (PACKED_SUM, 22) } else { (PLAIN_SUM, 20) };
    if flags & flag != 0 {
        let body = image.from(HEADER_BYTES);
        let verdict = if body.len() < size {
            Verdict::Unknown
        } else {
            let stored = u32::from(view.u16(at, Big)?);
            Verdict::of_numbers("the object", stored, sum(&body)?, HEADER_BYTES)
        };
        verdict.tell("checksum", &mut attributes, &mut laid.faults);
    }
    Ok(Opened { length, attributes, entries: laid.entries, faults: laid.faults, unread: None })
}

/// The sum of 16-bit words with the carry added at the other end, as in Internet headers (RFC 1071),
/// but not inverted.
fn sum(extent: &Extent) -> Result<u32, NotThis> {
    // Pieces have an even length, but for the last.
    let mut sum = 0_u64;
    each_piece(extent, |bytes| {
        let (words, rest) = bytes.as_chunks::<2>();
        let whole = words.iter().map(|&word| u64::from(u16::from_be_bytes(word))).sum::<u64>();
        sum += whole + rest.first().map_or(0, |&byte| u64::from(byte) << 8);
    })?;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    u32::try_from(sum).map_err(|_| NotThis)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, stream};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, locators, noise},
            reference::assert_survives_damage,
        },
    };

    fn sum(bytes: &[u8]) -> u16 {
        let mut sum = 0_u32;
        for word in bytes.chunks(2) {
            sum += u32::from(word[0]) << 8 | u32::from(*word.get(1).unwrap_or(&0));
            if sum > 0xffff {
                sum = (sum + 1) & 0xffff;
            }
        }
        u16::try_from(sum).unwrap()
    }

    fn object(kind: u8, body: &[u8], unpacked: Option<usize>) -> Vec<u8> {
        let size = u32::try_from(body.len()).unwrap();
        let mut writer = Writer::new(Endian::Big);
        writer.u32(0x8001_4000).u16(0).bytes(b"SIG").u8(kind);
        if let Some(unpacked) = unpacked {
            writer.u32(u32::try_from(unpacked).unwrap()).u32(size).u8(0xa0).u8(0);
            writer.u16(0).u16(sum(body));
        } else {
            writer.u32(size).u32(0).u8(0x40).u8(0).u16(sum(body)).u16(0);
        }
        writer.field("V4.50(AAB)", 15).u32(0xb401_0000).u32(0).u8(0).bytes(body);
        writer.finish()
    }

    #[test]
    fn objects_hold_objects() {
        let code = noise(3001);
        let inner = object(4, &stream::lzma_alone(&code), Some(code.len()));
        let bytes = object(3, &[b"extension".as_slice(), &inner].concat(), None);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let path = locators(&tree).into_iter().find(|one| one.ends_with("lzma")).unwrap();
        let (node, _) = tree.resolve(&path.parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), code);
        for (key, value) in [
            ("object", "boot extension"),
            ("version", "V4.50(AAB)"),
            ("load-address", "0x80014000"),
            ("checksum", "verified"),
        ] {
            assert_eq!(attribute(&tree, "zynos", key).as_deref(), Some(value));
        }
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 120, 201);
        let mut bad = bytes;
        bad[50] ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert_eq!(attribute(&tree, "zynos", "checksum").unwrap(), "wrong");
    }
}
