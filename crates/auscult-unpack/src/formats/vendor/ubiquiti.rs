//! Firmware of Ubiquiti's devices, as OpenWrt's `mkfwimage` writes it: a header with the version,
//! parts with a checksum each, and a checksum or a signature behind them. Signatures are told and
//! not verified.

use crate::{
    Endian::Big,
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "ubiquiti",
    magics: &[Magic::start(b"UBNT"), Magic::start(b"OPEN"), Magic::start(b"GEOS")],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 268;
/// Behind what it covers: the header's magic and version.
const HEADER_SUM: usize = 260;
const PART_BYTES: u64 = 56;
/// Behind every part: its checksum and padding.
const SUM_BYTES: u64 = 8;
const PARTS_MAX: usize = 64;
const END_BYTES: u64 = 12;
/// A signature of 4096 bits, between the magic and padding.
const SIGNED_END_BYTES: u64 = 520;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let own = Algorithm::Crc32.number(view.bytes(0, HEADER_SUM)?);
    if !cfg!(fuzzing) && own != view.u32(HEADER_SUM, Big)? {
        return Err(NotThis);
    }
    let mut attributes =
        vec![("kind", text_of(view.bytes(0, 4)?)), ("version", text_of(view.text(4, 256)?))];
    let (mut parts, mut faults, mut at) = (Vec::new(), Vec::new(), HEADER_BYTES);
    while parts.len() < PARTS_MAX
        && let Some((name, length)) = part(extent, at)
    {
        let end = at + PART_BYTES + length;
        if let Ok(sum) = extent.read(end, 4) {
            let covered = extent.clamp(at, end - at);
            let what = format!("the part {name}");
            faults.extend(check(&what, Algorithm::Crc32, &sum, &covered, end - at, at).fault());
        }
        parts.push((name, at + PART_BYTES, length));
        at = end + SUM_BYTES;
    }
    let end = extent.read_up_to(at, END_BYTES)?;
    let length = if end.starts_with(b"ENDS") {
        attributes.push(("signature", "there, not verified".to_owned()));
        at + SIGNED_END_BYTES
    } else if end.starts_with(b"END.") && end.len() == 12 {
        let (stored, covered) = (View(&end).bytes(4, 4)?, extent.clamp(0, at));
        let verdict = check("the image", Algorithm::Crc32, stored, &covered, at, 0);
        verdict.tell("checksum", &mut attributes, &mut faults);
        at + END_BYTES
    } else {
        at
    };
    let mut layout = Layout::disjoint(extent.clamp(0, length));
    layout.consumed(0, HEADER_BYTES);
    for (name, offset, size) in parts {
        layout.consumed(offset - PART_BYTES, PART_BYTES);
        layout.part(name, offset, size);
        layout.consumed(offset + size, SUM_BYTES);
    }
    layout.consumed(at, length - at);
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

/// Name and length of the part whose header stands there.
fn part(extent: &Extent, at: u64) -> Option<(String, u64)> {
    let head = extent.read(at, PART_BYTES).ok()?;
    let view = View(&head);
    let name = view.text(4, 16).ok()?;
    let named = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    let known = named && view.bytes(0, 4).ok()? == b"PART";
    known.then(|| Some((text_of(name), u64::from(view.u32(48, Big).ok()?))))?
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::crc32};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn image(magic: &str, signed: bool) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Big);
        writer.field(magic, 4).field("XM.ar7240.v5.6.3", 256);
        let own = crc32(writer.as_slice());
        writer.u32(own).u32(0);
        for (index, (name, data)) in
            [("kernel", b"a kernel".as_slice()), ("rootfs", b"a root file system")]
                .into_iter()
                .enumerate()
        {
            let mut part = Writer::new(Endian::Big);
            part.field("PART", 4).field(name, 16).fill(0, 12).u32(0);
            part.u32(u32::try_from(index).unwrap()).u32(0x9f05_0000).u32(0);
            part.u32(u32::try_from(data.len()).unwrap()).u32(0x0010_0000).bytes(data);
            let sum = crc32(part.as_slice());
            writer.bytes(part.as_slice()).u32(sum).u32(0);
        }
        if signed {
            writer.bytes(b"ENDS").fill(7, 512).u32(0);
        } else {
            let sum = crc32(writer.as_slice());
            writer.bytes(b"END.").u32(sum).u32(0);
        }
        writer.finish()
    }

    #[test]
    fn parts_stand_between_header_and_end() {
        for (magic, signed) in [("UBNT", true), ("OPEN", false)] {
            let bytes = image(magic, signed);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let (node, _) = tree.resolve(&"image@0x0/ubiquiti:/rootfs".parse().unwrap()).unwrap();
            assert_eq!(tree.bytes(node).unwrap(), "a root file system");
            assert_eq!(attribute(&tree, "ubiquiti", "version").unwrap(), "XM.ar7240.v5.6.3");
            assert_eq!(attribute(&tree, "ubiquiti", "signature").is_some(), signed);
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&bytes, 330, 37);
        }
        let mut bad = image("GEOS", false);
        let place = bad.windows(8).position(|bytes| bytes == b"a kernel").unwrap();
        bad[place] ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert_eq!(tree.problems().len(), 2, "{:?}", tree.problems());
    }
}
