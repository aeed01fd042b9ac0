//! Signed objects of Broadcom's cable modems (`SOBJ`, SAO): a chain of typed objects, each with a
//! header of 64 bytes, as jclehner's magic file for bcm2-utils and fact_extractor describe them.
//!
//! Of each object one of its two checksums must hold. Signatures have keys that are not public.

use crate::{
    Endian::Big,
    View,
    checksum::Crc32,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, Verdict, check},
    layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format =
    Format { name: "broadcom-sao", magics: &[Magic::start(MAGIC)], carve: true, open };

const MAGIC: &[u8] = b"SOBJ";
const HEADER_BYTES: u64 = 64;
/// What the first checksum covers.
const COVERED_FROM: usize = 8;
/// Set in the kind of signature where the data is encrypted too.
const ENCRYPTED: u8 = 0x80;
const OBJECTS_MAX: usize = 256;

struct Object {
    kind: String,
    length: u64,
    version: u16,
    encrypted: bool,
    header: Verdict,
    data: Verdict,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let (mut objects, mut length) = (Vec::new(), 0);
    while objects.len() < OBJECTS_MAX {
        let Ok(object) = object(candidate, length) else { break };
        let end = length + HEADER_BYTES + object.length;
        objects.push((length, object));
        length = end;
    }
    if objects.is_empty() {
        return Err(NotThis);
    }
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    let (mut attributes, mut faults) = (Vec::new(), Vec::new());
    let mut summary = Vec::new();
    for (at, object) in objects {
        layout.consumed(at, HEADER_BYTES);
        if object.encrypted {
            let reason = "encrypted: the key is not public";
            layout.unread_part(&*object.kind, at + HEADER_BYTES, object.length, reason);
        } else {
            layout.part(&*object.kind, at + HEADER_BYTES, object.length);
        }
        summary.push(format!("{} version {:#06x}", object.kind, object.version));
        faults.extend([object.header, object.data].into_iter().filter_map(Verdict::fault));
    }
    attributes.push(("objects", summary.join(", ")));
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

fn object(candidate: &Candidate, at: u64) -> Result<Object, NotThis> {
    let bytes = candidate.extent.read(at, HEADER_BYTES)?;
    let view = View(&bytes);
    let kind = view.bytes(8, 4)?;
    if !bytes.starts_with(MAGIC) || !kind.iter().all(u8::is_ascii_graphic) {
        return Err(NotThis);
    }
    let length = u64::from(view.u32(16, Big)?);
    let place = at + HEADER_BYTES;
    let data = candidate.extent.clamp(place, length);
    let what = format!("the data of {}", text_of(kind));
    let data = check(&what, Algorithm::Crc32, view.bytes(52, 4)?, &data, length, place);
    let computed = Crc32::of(bytes.get(COVERED_FROM..).ok_or(NotThis)?);
    let what = format!("the header of {}", text_of(kind));
    let header = Verdict::of_numbers(&what, view.u32(4, Big)?, computed, at);
    if matches!((&header, &data), (Verdict::Wrong(_), Verdict::Wrong(_) | Verdict::Unknown)) {
        return Err(NotThis);
    }
    Ok(Object {
        kind: text_of(kind),
        length,
        version: view.u16(12, Big)?,
        encrypted: view.u8(26)? & ENCRYPTED != 0 && view.u8(26)? != 0xff,
        header,
        data,
    })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::crc32};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    fn object(kind: &str, sign: u8, data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).unwrap();
        let mut covered = Writer::new(Endian::Big);
        covered.bytes(kind.as_bytes()).u16(0x100).u16(0).u32(length).u32(length);
        covered.u8(0).u8(1).u8(sign).pad_to(44, 0).u32(crc32(data)).pad_to(56, 0);
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(b"SOBJ").u32(crc32(covered.as_slice())).bytes(covered.as_slice()).bytes(data);
        writer.finish()
    }

    #[test]
    fn objects_are_parts_and_encrypted_ones_are_named() {
        let image = [object("KRNL", 1, b"kernel"), object("RTFS", 0x81, &[9; 700])].concat();
        let tree = Tree::from_bytes(image.clone(), &Limits::default());
        let found = attribute(&tree, "broadcom-sao", "objects").unwrap();
        assert_eq!(found, "KRNL version 0x0100, RTFS version 0x0100");
        let (node, _) = tree.resolve(&"image@0x0/broadcom-sao:/KRNL".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "kernel");
        let unread = &tree.coverage().regions_unread;
        assert!(unread.iter().any(|region| region.reason.starts_with("encrypted")), "{unread:?}");
        let mut damaged = image.clone();
        damaged[66] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert!(tree.problems()[0].what.contains("data of KRNL"), "{:?}", tree.problems());
        check(&image[..134], 64);
    }
}
