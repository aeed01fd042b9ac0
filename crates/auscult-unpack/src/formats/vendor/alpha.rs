//! Headers that Alpha Networks puts on firmware that it makes for D-Link and others, as OpenWrt's
//! `seama.h`, `mkwrgimg` and `mkwrggimg` describe them: SEAMA, WRG and WRGG.

use crate::{
    Endian::{self, Big, Little},
    Entry, Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::text_of,
};

pub(crate) static SEAMA: Format = Format {
    name: "seama",
    magics: &[Magic::start(&[0x5e, 0xa3, 0xa4, 0x17])],
    carve: true,
    open: open_seama,
};

pub(crate) static WRG: Format = Format {
    name: "wrg",
    magics: &[
        Magic::at(32, &[0x20, 0x02, 0x04, 0x20]),
        Magic::at(32, &[0x20, 0x04, 0x02, 0x20]),
        Magic::at(32, &[0x21, 0x03, 0x08, 0x20]),
        Magic::at(32, &[0x20, 0x08, 0x03, 0x21]),
    ],
    carve: true,
    open: open_wrg,
};

const SEAMA_BYTES: u64 = 12;
const DIGEST_BYTES: u64 = 16;
/// Flash chips of these devices have up to 256 MiB.
const IMAGE_BYTES_MAX: u64 = 256 << 20;
const WRG_MAGIC: u32 = 0x2004_0220;
const WRGG_MAGIC: u32 = 0x2008_0321;
const WRGG_BYTES: u64 = 160;

/// A header without an image seals what follows: headers with images.
fn open_seama(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, SEAMA_BYTES)?;
    let view = View(&head);
    let (meta_bytes, size) = (u64::from(view.u16(6, Big)?), u64::from(view.u32(8, Big)?));
    let digest_bytes = if size == 0 { 0 } else { DIGEST_BYTES };
    let meta_at = SEAMA_BYTES + digest_bytes;
    let meta = candidate.extent.read(meta_at, meta_bytes)?;
    let pairs = pairs(&meta).filter(|pairs| !pairs.is_empty()).ok_or(NotThis)?;
    let start = meta_at + meta_bytes;
    if view.u16(4, Big)? != 0 || size > IMAGE_BYTES_MAX {
        return Err(NotThis);
    }
    let mut opened = Opened { length: start + size, ..Opened::default() };
    opened.attributes.push(("meta", pairs.join("; ")));
    if size > 0 {
        let image = candidate.extent.clamp(start, size);
        let stored = candidate.extent.read(SEAMA_BYTES, DIGEST_BYTES)?;
        let verdict = check("the image", Algorithm::Md5, &stored, &image, size, start);
        verdict.tell("md5", &mut opened.attributes, &mut opened.faults);
        opened.entries.push(Entry::payload(image));
    }
    Ok(opened)
}

/// `KEY=VALUE`, each with a zero behind it.
fn pairs(meta: &[u8]) -> Option<Vec<String>> {
    let texts = meta.split(|&byte| byte == 0).filter(|text| !text.is_empty());
    let pair = |text: &[u8]| {
        let is_text = text.iter().all(|byte| (0x20..0x7f).contains(byte));
        (is_text && text.contains(&b'=')).then(|| text_of(text))
    };
    texts.map(pair).collect()
}

fn open_wrg(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, WRGG_BYTES)?;
    let view = View(&head);
    let (endian, long) = magic(view).ok_or(NotThis)?;
    // Where the numbers start: length, offset in flash, name of the flash, digest.
    let numbers: usize = if long { 104 } else { 40 };
    let start = u64::try_from(numbers + 56).map_err(|_| NotThis)?;
    let signature = view.text(0, 32)?;
    let device = view.text(numbers + 8, 32)?;
    let (size, offset) = (view.u32(numbers, endian)?, view.u32(numbers + 4, endian)?);
    let size = u64::from(size);
    let is_name = |text: &[u8]| text.len() >= 4 && text.iter().all(u8::is_ascii_graphic);
    let sizes = (1..=IMAGE_BYTES_MAX).contains(&size);
    if !is_name(signature) || !is_name(device) || !sizes {
        return Err(NotThis);
    }
    let mut attributes = vec![
        ("signature", text_of(signature)),
        ("flash", text_of(device)),
        ("flash-offset", format!("{offset:#x}")),
    ];
    if long {
        for (name, at) in [("version", 40), ("model", 56), ("build", 88)] {
            attributes.push((name, text_of(view.text(at, 16)?)));
        }
    }
    let image = candidate.extent.clamp(start, size);
    // The digest covers the offset, the flash's name and the image.
    let place = start - 16 - 36;
    let parts = vec![candidate.extent.clamp(place, 36), image.clone()];
    let covered = Extent::joined(candidate.vault(), parts);
    let stored = view.bytes(numbers + 40, 16)?;
    let verdict = check("the image", Algorithm::Md5, stored, &covered, size + 36, place);
    let mut faults = Vec::new();
    verdict.tell("md5", &mut attributes, &mut faults);
    let entries = vec![Entry::payload(image)];
    Ok(Opened { length: start + size, attributes, entries, faults, unread: None })
}

/// The byte order, and whether it is the long header.
fn magic(view: View<'_>) -> Option<(Endian, bool)> {
    let orders = [Little, Big].into_iter();
    orders.filter_map(|endian| Some((endian, view.u32(32, endian).ok()?))).find_map(
        |(endian, magic)| match magic {
            WRG_MAGIC => Some((endian, false)),
            WRGG_MAGIC => Some((endian, true)),
            _ => None,
        },
    )
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::md5};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn seama(meta: &[u8], image: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Big);
        writer.u32(0x5ea3_a417).u16(0).u16(u16::try_from(meta.len()).unwrap());
        writer.u32(u32::try_from(image.len()).unwrap());
        if !image.is_empty() {
            writer.bytes(&md5(image));
        }
        writer.bytes(meta).bytes(image);
        writer.finish()
    }

    #[test]
    fn seama_seals_images_with_what_they_are() {
        let bytes = [
            seama(b"signature=wrgac05_dlob\0\0", b""),
            seama(b"dev=/dev/mtdblock/2\0type=firmware\0\0\0", b"an image"),
        ]
        .concat();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let (image, _) = tree.resolve(&"image@0x24/seama".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(image).unwrap(), "an image");
        assert_eq!(attribute(&tree, "seama", "meta").unwrap(), "signature=wrgac05_dlob");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 64, 5);
        let mut bad = seama(b"type=firmware\0", b"an image");
        *bad.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert_eq!(attribute(&tree, "seama", "md5").unwrap(), "wrong");
    }

    fn wrg(endian: Endian, long: bool) -> Vec<u8> {
        let (device, image) = ("/dev/mtdblock/1", b"an image");
        let mut writer = Writer::new(endian);
        let mut covered = Writer::new(endian);
        covered.u32(0x80).field(device, 32).bytes(image);
        writer.field("wapac02_dkbs_dap2553", 32);
        if long {
            writer.u32(0x2008_0321).u32(0x2008_0321).field("1.10", 16).field("dap2553", 16);
            writer.fill(0, 16).field("b026", 16);
        } else {
            writer.u32(0x2004_0220).u32(0x2004_0220);
        }
        writer.u32(8).u32(0x80).field(device, 32).bytes(&md5(covered.as_slice())).bytes(image);
        writer.finish()
    }

    #[test]
    fn wrg_and_wrgg_in_both_byte_orders() {
        for (endian, long) in [
            (Endian::Little, false),
            (Endian::Big, false),
            (Endian::Little, true),
            (Endian::Big, true),
        ] {
            let tree = Tree::from_bytes(wrg(endian, long), &Limits::default());
            assert_eq!(attribute(&tree, "wrg", "md5").unwrap(), "verified");
            assert_eq!(attribute(&tree, "wrg", "flash-offset").unwrap(), "0x80");
            assert_eq!(attribute(&tree, "wrg", "model").is_some(), long);
            let (image, _) = tree.resolve(&"image@0x0/wrg".parse().unwrap()).unwrap();
            assert_eq!(tree.bytes(image).unwrap(), "an image");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&wrg(endian, long), 160, 3);
        }
    }
}
