//! DrayTek's header `2RDH` of the Vigor 167 and its kin, as fact_extractor describes it: a kernel and
//! a SquashFS file system, and behind them an MD5 digest as text.
//!
//! What header checksum and digest cover is not published; both are told as they stand.

use crate::{
    Endian::Big,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    layout::text_of,
    shape::{self, Demand, Number, Part, Shape, Tell},
};

pub(crate) static FORMAT: Format =
    Format { name: "draytek-2rdh", magics: &[Magic::start(b"2RDH")], carve: true, open };

const HEADER: Number = Number::At32(4);
const TOTAL: Number = Number::At32(8);
const KERNEL: Number = Number::At32(0x50);
const ROOTFS: Number = Number::At32(0x54);
/// What the digest stands behind.
const FOOTER: &[u8] = b"DrayTekImageMD5\n";

static SHAPE: Shape = Shape {
    endian: Big,
    head_bytes: 256,
    demands: &[
        Demand::Within(HEADER, 256..=256),
        Demand::Within(ROOTFS, 1..=256 << 20),
        Demand::AtMost(Number::Sum(&[HEADER, KERNEL, ROOTFS]), TOTAL),
    ],
    tells: &[("crc32", Tell::Hex(Number::At32(12)))],
    sums: &[],
    header: HEADER,
    parts: &[
        Part { name: "kernel", offset: HEADER, length: KERNEL, unread: None },
        Part {
            name: "rootfs",
            offset: Number::Sum(&[HEADER, KERNEL]),
            length: ROOTFS,
            unread: None,
        },
    ],
    total: TOTAL,
};

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let mut opened = shape::open(candidate, &SHAPE)?;
    // The last gap is the footer: text that is read here.
    let footer = opened.entries.last().and_then(|entry| entry.content.as_ref());
    let text = footer.and_then(|content| content.read_up_to(0, 64).ok()).unwrap_or_default();
    if let Some(digest) = text.strip_prefix(FOOTER) {
        opened.attributes.push(("md5", text_of(digest)));
        opened.entries.pop();
    }
    Ok(opened)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn kernel_and_file_system_are_parts() {
        let footer = b"DrayTekImageMD5\nbbc06553566f3d73c11299057ca45573\n";
        let total = u32::try_from(256 + 6 + 7 + footer.len()).unwrap();
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(b"2RDH").u32(256).u32(total).u32(7).pad_to(0x50, 0).u32(6).u32(7);
        writer.pad_to(256, 0).bytes(b"kernel").bytes(b"rootfs!").bytes(footer);
        let bytes = writer.finish();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let (rootfs, _) = tree.resolve(&"image@0x0/draytek-2rdh:/rootfs".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(rootfs).unwrap(), "rootfs!");
        let digest = attribute(&tree, "draytek-2rdh", "md5").unwrap();
        assert_eq!(digest, "bbc06553566f3d73c11299057ca45573");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        check(&bytes, 90);
    }
}
