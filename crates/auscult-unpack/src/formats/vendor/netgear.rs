//! Netgear's firmware headers, as OpenWrt's `mkchkimg` and `mkdniimg` write them: CHK, with a board's
//! name and sums of its parts, and the text header of 128 bytes that its supplier DNI puts in front.

use crate::{
    Endian::Big,
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, Verdict, check},
    layout::{Layout, text_of},
};

pub(crate) static CHK: Format =
    Format { name: "netgear-chk", magics: &[Magic::start(b"*#$^")], carve: true, open: open_chk };

pub(crate) static DNI: Format = Format {
    name: "netgear-dni",
    magics: &[Magic::start(b"device:")],
    carve: false,
    open: open_dni,
};

const CHK_FIXED_BYTES: u64 = 40;
const CHK_HEADER_BYTES_MAX: u32 = 128;
const CHK_OWN_SUM: usize = 36;
const DNI_HEADER_BYTES: u64 = 128;

fn open_chk(candidate: &Candidate) -> Result<Opened, NotThis> {
    let fixed = candidate.extent.read(0, CHK_FIXED_BYTES)?;
    let view = View(&fixed);
    let header_bytes = view.u32(4, Big)?;
    let own = CHK_OWN_SUM + 4;
    if header_bytes <= 40 || header_bytes > CHK_HEADER_BYTES_MAX {
        return Err(NotThis);
    }
    let header_bytes = u64::from(header_bytes);
    let head = candidate.extent.read(0, header_bytes)?;
    let view = View(&head);
    let board = view.text(own, head.len() - own)?;
    // The header's own sum counts as zero in it.
    let mut blank = head.to_vec();
    blank.get_mut(CHK_OWN_SUM..own).ok_or(NotThis)?.fill(0);
    let holds = cfg!(fuzzing) || Sums::of(&blank) == view.u32(CHK_OWN_SUM, Big)?;
    if !holds || !board.iter().all(u8::is_ascii_graphic) {
        return Err(NotThis);
    }
    let (kernel, rootfs) = (u64::from(view.u32(24, Big)?), u64::from(view.u32(28, Big)?));
    let length = header_bytes + kernel + rootfs;
    let image = candidate.extent.clamp(0, length);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, header_bytes);
    let parts = [
        ("kernel", "kernel-checksum", 16, header_bytes, kernel),
        ("rootfs", "rootfs-checksum", 20, header_bytes + kernel, rootfs),
        ("", "image-checksum", 32, header_bytes, kernel + rootfs),
    ];
    let (mut attributes, mut faults) = (vec![("board", text_of(board))], Vec::new());
    attributes.push(("region", View(&fixed).u8(8)?.to_string()));
    let numbers: Vec<_> = view.bytes(9, 7)?.iter().map(u8::to_string).collect();
    attributes.push(("version", numbers.join(".")));
    for (name, attribute, at, offset, size) in parts {
        if size > 0 {
            let verdict = verdict(attribute, &image, (offset, size), view.u32(at, Big)?)?;
            verdict.tell(attribute, &mut attributes, &mut faults);
        }
        if !name.is_empty() {
            layout.part(name, offset, size);
        }
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

fn verdict(
    what: &str,
    image: &Extent,
    (offset, size): (u64, u64),
    stored: u32,
) -> Result<Verdict, NotThis> {
    let covered = image.clamp(offset, size);
    if covered.len() < size {
        return Ok(Verdict::Unknown);
    }
    let computed = Sums::of(&covered.read_all()?);
    Ok(Verdict::of_numbers(&what.replace('-', " "), stored, computed, offset))
}

/// Netgear's checksum: the sum of all bytes, and the sum of those sums, each folded to 16 bits.
struct Sums;

impl Sums {
    fn of(bytes: &[u8]) -> u32 {
        let (mut low, mut high) = (0_u32, 0_u32);
        for &byte in bytes {
            low = low.wrapping_add(u32::from(byte));
            high = high.wrapping_add(low);
        }
        let fold = |sum: u32| {
            let once = (sum & 0xffff) + (sum >> 16);
            (once + (once >> 16)) & 0xffff
        };
        fold(high) << 16 | fold(low)
    }
}

fn open_dni(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, DNI_HEADER_BYTES)?;
    let text = text_of(View(&head).text(0, head.len())?);
    let value = |key: &str| {
        text.lines().find_map(|line| Some(line.strip_prefix(key)?.trim_matches([' ', '\r'])))
    };
    let (device, version) = (value("device:").ok_or(NotThis)?, value("version:").ok_or(NotThis)?);
    let length = candidate.extent.len();
    if !text.is_ascii() || device.is_empty() || version.is_empty() || length <= DNI_HEADER_BYTES + 1
    {
        return Err(NotThis);
    }
    let mut attributes = vec![
        ("device", device.to_owned()),
        ("version", version.trim_start_matches('V').to_owned()),
    ];
    for (name, key) in [("region", "region:"), ("hardware-id", "hd_id:")] {
        let value = value(key).filter(|value| !value.is_empty());
        attributes.extend(value.map(|value| (name, value.to_owned())));
    }
    // The last byte is the inverted sum of all before it.
    let covered = candidate.extent.clamp(0, length - 1);
    let stored = [!View(&candidate.extent.read(length - 1, 1)?).u8(0)?];
    let verdict = check("the image", Algorithm::Sum8, &stored, &covered, length - 1, 0);
    let mut layout = Layout::disjoint(candidate.extent.clone());
    layout.consumed(0, DNI_HEADER_BYTES);
    layout.consumed(length - 1, 1);
    layout.part("", DNI_HEADER_BYTES, length - 1 - DNI_HEADER_BYTES);
    let mut laid = layout.finish();
    verdict.tell("checksum", &mut attributes, &mut laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults: laid.faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn chk(kernel: &[u8], rootfs: &[u8]) -> Vec<u8> {
        let board = b"U12H127T00_NETGEAR";
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(b"*#$^").u32(40 + size(board)).bytes(&[1, 1, 0, 2, 7, 1, 2, 3]);
        writer.u32(super::Sums::of(kernel)).u32(super::Sums::of(rootfs));
        writer.u32(size(kernel)).u32(size(rootfs));
        writer.u32(super::Sums::of(&[kernel, rootfs].concat())).u32(0).bytes(board);
        let mut bytes = writer.finish();
        let own = super::Sums::of(&bytes);
        bytes[36..40].copy_from_slice(&own.to_be_bytes());
        bytes.extend([kernel, rootfs].concat());
        bytes
    }

    #[test]
    fn chk_has_a_kernel_a_rootfs_and_sums() {
        // The sums of "ab": 'a' + 'b', and 'a' + ('a' + 'b').
        assert_eq!(super::Sums::of(b"ab"), 0x0124_00c3);
        let bytes = chk(b"a kernel", b"a file system");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let (rootfs, _) = tree.resolve(&"image@0x0/netgear-chk:/rootfs".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(rootfs).unwrap(), "a file system");
        for (key, value) in [
            ("board", "U12H127T00_NETGEAR"),
            ("version", "1.0.2.7.1.2.3"),
            ("kernel-checksum", "verified"),
            ("rootfs-checksum", "verified"),
            ("image-checksum", "verified"),
        ] {
            assert_eq!(attribute(&tree, "netgear-chk", key).as_deref(), Some(value));
        }
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 58, 3);
        let mut bad = chk(b"a kernel", b"");
        *bad.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert_eq!(tree.problems().len(), 2, "{:?}", tree.problems());
    }

    fn dni() -> Vec<u8> {
        let mut writer = Writer::new(Endian::Big);
        writer.field("device:WNDR3700\nversion:V1.0.7.98\nregion:NA\nhd_id:29763654+16+64\n", 128);
        writer.bytes(b"an image");
        let sum = writer.as_slice().iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
        writer.u8(!sum);
        writer.finish()
    }

    #[test]
    fn dni_is_text_in_front_and_a_sum_behind() {
        let bytes = dni();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let (image, _) = tree.resolve(&"image@0x0/netgear-dni".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(image).unwrap(), "an image");
        for (key, value) in [
            ("device", "WNDR3700"),
            ("version", "1.0.7.98"),
            ("region", "NA"),
            ("hardware-id", "29763654+16+64"),
            ("checksum", "verified"),
        ] {
            assert_eq!(attribute(&tree, "netgear-dni", key).as_deref(), Some(value));
        }
        assert_survives_damage(&bytes, 128, 9);
        let mut bad = bytes;
        bad[130] ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert_eq!(attribute(&tree, "netgear-dni", "checksum").unwrap(), "wrong");
    }
}
