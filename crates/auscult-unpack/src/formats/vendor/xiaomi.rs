//! Firmware of Xiaomi's routers (`HDR1`, `HDR2`), as OpenWrt's `xiaomifw.c` and unblob describe it:
//! a header, up to eight blobs with headers of their own, an RSA signature.

use crate::{
    Endian::Little,
    Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "xiaomi-hdr",
    magics: &[Magic::start(b"HDR1"), Magic::start(b"HDR2")],
    carve: true,
    open,
};

/// The checksum covers everything from here on.
const COVERED_FROM: u64 = 12;
const BLOBS: usize = 8;
const BLOB_HEADER_BYTES: u64 = 48;
const BLOB_MAGIC: u32 = 0x0000_babe;
/// The signature has a header of 16 bytes.
const SIGNATURE_HEADER_BYTES: u64 = 16;
/// Of RSA with 4096 bits. Some tools leave the whole sector here.
const SIGNATURE_BYTES_MAX: u64 = 512;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let magic = candidate.extent.read(0, 4)?;
    let (header_bytes, offsets_at) = if &magic[..] == b"HDR1" { (48, 16) } else { (80, 48) };
    let head = candidate.extent.read(0, header_bytes)?;
    let view = View(&head);
    let signature = u64::from(view.u32(4, Little)?);
    let mut offsets = Vec::new();
    for index in 0..BLOBS {
        let offset = u64::from(view.u32(offsets_at + index * 4, Little)?);
        if offset == 0 {
            break;
        }
        offsets.push(offset);
    }
    let inside = offsets.iter().all(|&offset| offset >= header_bytes && offset < signature);
    if offsets.is_empty() || !inside || !offsets.is_sorted() {
        return Err(NotThis);
    }
    let (mut attributes, mut faults) = (Vec::new(), Vec::new());
    let signature_bytes = candidate.extent.read(signature, 4).ok().and_then(|bytes| {
        let size = u64::from(View(&bytes).u32(0, Little).ok()?);
        (size <= SIGNATURE_BYTES_MAX).then_some(size)
    });
    let length = signature + SIGNATURE_HEADER_BYTES + signature_bytes.unwrap_or(0x100);
    let image = candidate.extent.clamp(0, length);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, header_bytes);
    layout.consumed(signature, length - signature);
    let blobs = offsets.iter().filter_map(|&at| blob(candidate, at, &mut layout, &mut faults));
    if blobs.count() == 0 {
        return Err(NotThis);
    }
    let mut stored = view.array::<4>(8)?;
    stored.reverse();
    let covered = image.from(COVERED_FROM);
    let verdict = check(
        "the image's checksum",
        Algorithm::Crc32NotInverted,
        &stored,
        &covered,
        length - COVERED_FROM,
        COVERED_FROM,
    );
    verdict.tell("checksum", &mut attributes, &mut faults);
    if header_bytes == 48 {
        attributes.push(("device-id", format!("{:#06x}", view.u16(14, Little)?)));
    } else {
        attributes.push(("device-id", text_of(view.text(16, 8)?)));
        attributes.push(("region", text_of(view.text(24, 8)?)));
    }
    attributes.push(("signature", "RSA, not verified: the key is not known".to_owned()));
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

/// Lays out one blob; false for one that is none.
fn blob(
    candidate: &Candidate,
    at: u64,
    layout: &mut Layout,
    faults: &mut Vec<Fault>,
) -> Option<()> {
    let bytes = candidate.extent.read(at, BLOB_HEADER_BYTES).ok()?;
    let view = View(&bytes);
    if view.u32(0, Little).ok()? != BLOB_MAGIC {
        faults.push(Fault::new(at, "read a blob's header", "its magic is wrong"));
        return None;
    }
    let length = u64::from(view.u32(8, Little).ok()?);
    layout.consumed(at, BLOB_HEADER_BYTES);
    layout.part(text_of(view.text(16, 32).ok()?), at + BLOB_HEADER_BYTES, length);
    Some(())
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::crc32};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    fn image(version: u8) -> Vec<u8> {
        let header_bytes: u32 = if version == 1 { 48 } else { 80 };
        let blobs: [(&str, &[u8]); 2] = [("kernel", b"a kernel!"), ("rootfs", b"squash")];
        let mut body = Writer::new(Endian::Little);
        let mut offsets = Vec::new();
        for (name, data) in blobs {
            offsets.push(header_bytes + u32::try_from(body.len()).unwrap());
            let length = u32::try_from(data.len()).unwrap();
            body.u32(0xbabe).u32(0xffff_ffff).u32(length).u16(1).u16(0).field(name, 32);
            body.bytes(data);
        }
        let signature = header_bytes + u32::try_from(body.len()).unwrap();
        body.u32(0x100).fill(0, 12).fill(0x55, 0x100);
        let mut covered = Writer::new(Endian::Little);
        if version == 1 {
            covered.u16(0).u16(0x47);
        } else {
            covered.u32(0).field("RA70", 8).field("EU", 8).fill(0, 16);
        }
        offsets.resize(8, 0);
        for offset in offsets {
            covered.u32(offset);
        }
        covered.bytes(body.as_slice());
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"HDR").u8(b'0' + version).u32(signature);
        writer.u32(!crc32(covered.as_slice())).bytes(covered.as_slice());
        writer.finish()
    }

    #[test]
    fn blobs_are_parts_in_both_versions() {
        for version in [1, 2] {
            let tree = Tree::from_bytes(image(version), &Limits::default());
            assert_eq!(attribute(&tree, "xiaomi-hdr", "checksum").unwrap(), "verified");
            let path = "image@0x0/xiaomi-hdr:/kernel".parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), "a kernel!");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            check(&image(version), 80);
        }
        let tree = Tree::from_bytes(image(2), &Limits::default());
        assert_eq!(attribute(&tree, "xiaomi-hdr", "region").unwrap(), "EU");
    }

    #[test]
    fn a_wrong_checksum_is_told() {
        let mut bytes = image(1);
        bytes[100] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(tree.problems()[0].what.contains("checksum"), "{:?}", tree.problems());
    }
}
