//! Images for updates over the air of TI's SimpleLink chips (`oad_image_header.h` of the CC13xx and CC26xx
//! SDKs, version 3 of the metadata): a header of 44 bytes, segments of information, the code.
//!
//! The CRC-32 is verified. Signatures of the segments are told.

use crate::{
    Endian::Little,
    View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "simplelink-oad",
    magics: &[
        Magic::start(b"OAD IMG "),
        Magic::start(b"CC26x2R1"),
        Magic::start(b"CC13x2R1"),
        Magic::start(b"CC13x4  "),
        Magic::start(b"CC26x4  "),
        Magic::start(b"CC23x0R5"),
    ],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 44;
/// The checksum covers what follows it.
const COVERED_AT: u64 = 12;
const IMAGE_BYTES_MAX: u64 = 64 << 20;
const SEGMENTS_MAX: usize = 32;
/// Kinds of segments.
const BOUNDARY: u8 = 0;
const CONTIGUOUS: u8 = 1;
const SECURITY: u8 = 3;
/// Header of a segment.
const SEGMENT_BYTES: u64 = 8;
const KINDS: &[(u8, &str)] = &[
    (0, "persistent-application"),
    (1, "application"),
    (2, "stack"),
    (3, "application-and-stack"),
    (4, "network-processor"),
    (5, "bluetooth-factory"),
    (6, "image-manager"),
    (7, "merged-application-and-stack"),
];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let length = u64::from(view.u32(24, Little)?);
    let header_bytes = u64::from(view.u16(40, Little)?);
    let (manager, metadata) = (view.u8(12)?, view.u8(13)?);
    if header_bytes != HEADER_BYTES
        || !(HEADER_BYTES..=IMAGE_BYTES_MAX).contains(&length)
        || !(1..=4).contains(&manager)
        || metadata > 4
    {
        return Err(NotThis);
    }
    let kind = view.u8(18)?;
    let named = KINDS.iter().find(|named| named.0 == kind);
    let mut attributes = vec![
        ("id", text_of(view.text(0, 8)?)),
        ("type", named.map_or_else(|| kind.to_string(), |named| named.1.to_owned())),
        ("entry-point", format!("{:#010x}", view.u32(28, Little)?)),
        ("version", text_of(view.bytes(32, 4)?)),
    ];
    let stored = view.u32(8, Little)?;
    let computed = Crc32::of_extent(&extent.clamp(COVERED_AT, length - COVERED_AT))?;
    let state = match stored {
        // The linker leaves the place erased until the tool fills it in.
        u32::MAX => "not filled in",
        stored if agrees(stored, computed) => "verified",
        _ => "wrong",
    };
    attributes.push(("crc32", state.to_owned()));
    let mut layout = Layout::new(extent.clamp(0, length));
    layout.consumed(0, HEADER_BYTES);
    let mut at = HEADER_BYTES;
    for number in 0..SEGMENTS_MAX {
        let Ok(segment) = extent.read(at, SEGMENT_BYTES) else { break };
        let kind = View(&segment).u8(0)?;
        let bytes = u64::from(View(&segment).u32(4, Little)?);
        if !(BOUNDARY..=4).contains(&kind) || bytes < SEGMENT_BYTES || at + bytes > length {
            break;
        }
        match kind {
            CONTIGUOUS if bytes >= SEGMENT_BYTES + 4 => {
                // The address of the image's start, behind the segment's header.
                let address = extent.read(at + SEGMENT_BYTES, 4)?;
                let address = View(&address).u32(0, Little)?;
                let inside = at + SEGMENT_BYTES + 4;
                layout.consumed(at, SEGMENT_BYTES + 4);
                layout.part(format!("code-{address:#010x}"), inside, at + bytes - inside);
            }
            SECURITY => {
                attributes.push(("signature", "not verified: the key is not here".to_owned()));
                layout.leaf(format!("security{number}"), at, bytes);
            }
            _ => layout.leaf(format!("segment{number}"), at, bytes),
        }
        at += bytes;
    }
    let laid = layout.finish();
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::checksum::crc32;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn image() -> Vec<u8> {
        let code = b"machine code";
        let mut bytes = b"CC26x2R1\0\0\0\0".to_vec();
        bytes.extend([3, 1, 0xfe, 0xff, 0xff, 0xff, 7, 0, 0xff, 0xff, 0xff, 0xff]);
        let length = 44 + 12 + u32::try_from(code.len()).unwrap();
        bytes.extend(length.to_le_bytes());
        bytes.extend(0x38_u32.to_le_bytes());
        bytes.extend(b"0001");
        bytes.extend((length - 1).to_le_bytes());
        bytes.extend([44, 0, 0xff, 0xff]);
        bytes.extend([1, 0xfe, 0xff, 0xff]);
        bytes.extend((length - 44).to_le_bytes());
        bytes.extend(0x38_u32.to_le_bytes());
        bytes.extend(code);
        let crc = crc32(&bytes[12..]);
        bytes[8..12].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    #[test]
    fn the_code_is_a_part_and_the_checksum_holds() {
        let tree = Tree::from_bytes(image(), &Limits::default());
        let found = locators(&tree);
        assert!(
            found.contains(&"image@0x0/simplelink-oad:/code-0x00000038".to_owned()),
            "{found:?}"
        );
        let told = |key| attribute(&tree, "simplelink-oad", key).unwrap();
        assert_eq!((told("crc32"), told("version")), ("verified".into(), "0001".into()));
        assert_eq!(told("type"), "merged-application-and-stack");
        check(&image(), 60);
    }
}
