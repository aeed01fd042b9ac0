//! Software images of the Matter standard (Matter Core Specification, 11.21, over-the-air software
//! update file format): sizes, a header in Matter's TLV coding, the payload.
//!
//! A SHA-2 digest of the payload is verified.

use crate::{
    Endian::Little,
    Entry, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::check::{Algorithm, check};

pub(crate) static FORMAT: Format = Format {
    name: "matter-ota",
    magics: &[Magic::start(&[0x1e, 0xf1, 0xee, 0x1b])],
    carve: true,
    open,
};

/// Identifier, total size, header size.
const PREFIX_BYTES: u64 = 16;
const HEADER_BYTES_MAX: u64 = 64 << 10;
/// Digest types of the IANA registry "Named Information Hash Algorithm" that are whole digests.
const DIGESTS: &[(u64, Algorithm)] =
    &[(1, Algorithm::Sha256), (7, Algorithm::Sha384), (8, Algorithm::Sha512)];

#[derive(Default)]
struct Header {
    attributes: Vec<(&'static str, String)>,
    payload_bytes: Option<u64>,
    digest_kind: Option<u64>,
    digest: Vec<u8>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, PREFIX_BYTES)?;
    let (length, header_bytes) = (View(&head).u64(4, Little)?, View(&head).u32(12, Little)?);
    let header_bytes = u64::from(header_bytes);
    if header_bytes > HEADER_BYTES_MAX {
        return Err(NotThis);
    }
    let bytes = candidate.extent.read(PREFIX_BYTES, header_bytes)?;
    let header = header(View(&bytes)).ok_or(NotThis)?;
    let place = PREFIX_BYTES + header_bytes;
    let size = length.checked_sub(place).ok_or(NotThis)?;
    if header.payload_bytes != Some(size) {
        return Err(NotThis);
    }
    let payload = candidate.extent.clamp(place, size);
    let (mut attributes, mut faults) = (header.attributes, Vec::new());
    let kind = header.digest_kind.and_then(|kind| DIGESTS.iter().find(|known| known.0 == kind));
    if let Some((_, algorithm)) = kind {
        let verdict = check("the digest", *algorithm, &header.digest, &payload, size, place);
        verdict.tell("digest", &mut attributes, &mut faults);
    }
    let entries = vec![Entry::payload(payload)];
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// The fields of the header: one structure of values with one-byte tags (Matter Core, appendix A).
fn header(view: View<'_>) -> Option<Header> {
    const STRUCTURE: u8 = 0x15;
    const END: u8 = 0x18;
    let mut header = Header::default();
    if view.u8(0).ok()? != STRUCTURE {
        return None;
    }
    let mut at = 1;
    loop {
        let control = view.u8(at).ok()?;
        if control == END {
            return Some(header);
        }
        // Tags of one byte only, in the context of the structure.
        if control >> 5 != 1 {
            return None;
        }
        let tag = view.u8(at + 1).ok()?;
        let width = 1_usize << (control & 3);
        let number = number(view, at + 2, width)?;
        at += 2 + width;
        match control & 0x1f {
            4..=7 => header.number(tag, number),
            0x0c..=0x13 => {
                let length = usize::try_from(number).ok()?;
                header.bytes(tag, view.bytes(at, length).ok()?);
                at = at.checked_add(length)?;
            }
            _ => return None,
        }
    }
}

fn number(view: View<'_>, at: usize, width: usize) -> Option<u64> {
    let bytes = view.bytes(at, width).ok()?;
    Some(bytes.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}

impl Header {
    fn number(&mut self, tag: u8, value: u64) {
        let mut tell = |name, text| self.attributes.push((name, text));
        match tag {
            0 => tell("vendor-id", format!("{value:#06x}")),
            1 => tell("product-id", format!("{value:#06x}")),
            2 => tell("software-version", value.to_string()),
            4 => self.payload_bytes = Some(value),
            5 => tell("minimum-version", value.to_string()),
            6 => tell("maximum-version", value.to_string()),
            8 => self.digest_kind = Some(value),
            _ => {}
        }
    }

    fn bytes(&mut self, tag: u8, value: &[u8]) {
        let text = || String::from_utf8_lossy(value).into_owned();
        match tag {
            3 => self.attributes.push(("version", text())),
            7 => self.attributes.push(("release-notes", text())),
            9 => self.digest = value.to_vec(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};
    use sha2::{Digest as _, Sha256};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn the_header_is_told_and_the_digest_verified() {
        let payload = b"application";
        let mut header = Writer::new(Endian::Little);
        header.bytes(&[0x15, 0x25, 0]).u16(0xfff1).bytes(&[0x25, 1]).u16(0x8000);
        header.bytes(&[0x26, 2]).u32(7).bytes(b"\x2c\x03\x031.0").bytes(&[0x24, 4, 11]);
        header.bytes(&[0x24, 8, 1, 0x30, 9, 32]).bytes(&Sha256::digest(payload)).u8(0x18);
        let size = u32::try_from(header.len()).unwrap();
        let mut writer = Writer::new(Endian::Little);
        writer.u32(0x1bee_f11e).u64(u64::from(size) + 16 + 11).u32(size);
        writer.bytes(header.as_slice()).bytes(payload);
        let mut bytes = writer.finish();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "matter-ota", "version").unwrap(), "1.0");
        assert_eq!(attribute(&tree, "matter-ota", "digest").unwrap(), "verified");
        let (node, _) = tree.resolve(&"image@0x0/matter-ota".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "application");
        check(&bytes, bytes.len());
        *bytes.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(tree.problems()[0].what.contains("digest"));
    }
}
