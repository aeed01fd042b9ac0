//! Headers of Qualcomm's first stages (coreboot, `util/qualcomm/mbn_tools.py`): the MBN header of 40
//! bytes, and the one of 80 bytes that the boot ROM reads.
//!
//! Images, signature and certificates follow one another; the root of the certificates is in the chip.

use crate::{
    Endian::Little,
    format::{Format, Magic},
};

use crate::formats::support::shape::{self, Demand, Number, Part, Shape, Tell};

/// The header of 40 bytes has no magic but its version.
pub(crate) static MBN: Format = Format {
    name: "qualcomm-mbn",
    magics: &[Magic::at(4, &[3, 0, 0, 0, 0, 0, 0, 0])],
    carve: false,
    open: |candidate| shape::open(candidate, &MBN_SHAPE),
};

pub(crate) static SBL: Format = Format {
    name: "qualcomm-sbl",
    magics: &[Magic::start(&[0xd1, 0xdc, 0x4b, 0x84, 0x34, 0x10, 0xd7, 0x73])],
    carve: true,
    open: |candidate| shape::open(candidate, &SBL_SHAPE),
};

const MBN_HEADER: Number = Number::Fixed(40);
const MBN_IMAGE: Number = Number::At32(16);
const MBN_CODE: Number = Number::At32(20);
const MBN_SIGNATURE: Number = Number::At32(28);
const MBN_CERTIFICATES: Number = Number::At32(36);

static MBN_SHAPE: Shape = Shape {
    endian: Little,
    head_bytes: 40,
    demands: &[
        Demand::Within(Number::At32(0), 0..=0x40),
        Demand::Within(MBN_CODE, 16..=64 << 20),
        Demand::Equal(MBN_IMAGE, Number::Sum(&[MBN_CODE, MBN_SIGNATURE, MBN_CERTIFICATES])),
        // The parts follow each other in memory.
        Demand::Equal(Number::At32(24), Number::Sum(&[Number::At32(12), MBN_CODE])),
        Demand::Equal(Number::At32(32), Number::Sum(&[Number::At32(24), MBN_SIGNATURE])),
    ],
    tells: &[
        ("image-id", Tell::Decimal(Number::At32(0))),
        ("load-address", Tell::Hex(Number::At32(12))),
    ],
    sums: &[],
    header: MBN_HEADER,
    parts: &[
        Part { name: "code", offset: MBN_HEADER, length: MBN_CODE, unread: None },
        Part {
            name: "signature",
            offset: Number::Sum(&[MBN_HEADER, MBN_CODE]),
            length: MBN_SIGNATURE,
            unread: None,
        },
        Part {
            name: "certificates",
            offset: Number::Sum(&[MBN_HEADER, MBN_CODE, MBN_SIGNATURE]),
            length: MBN_CERTIFICATES,
            unread: None,
        },
    ],
    total: Number::Sum(&[MBN_HEADER, MBN_IMAGE]),
};

const SBL_HEADER: Number = Number::Fixed(80);
const SBL_IMAGE: Number = Number::At32(28);
const SBL_CODE: Number = Number::At32(32);
const SBL_SIGNATURE: Number = Number::At32(40);
const SBL_CERTIFICATES: Number = Number::At32(48);

static SBL_SHAPE: Shape = Shape {
    endian: Little,
    head_bytes: 80,
    demands: &[
        Demand::Within(SBL_CODE, 16..=64 << 20),
        Demand::Equal(SBL_IMAGE, Number::Sum(&[SBL_CODE, SBL_SIGNATURE, SBL_CERTIFICATES])),
    ],
    tells: &[
        ("image-id", Tell::Decimal(Number::At32(8))),
        ("load-address", Tell::Hex(Number::At32(24))),
        ("root-certificates", Tell::Decimal(Number::At32(56))),
    ],
    sums: &[],
    header: SBL_HEADER,
    parts: &[
        Part { name: "code", offset: SBL_HEADER, length: SBL_CODE, unread: None },
        Part {
            name: "signature",
            offset: Number::Sum(&[SBL_HEADER, SBL_CODE]),
            length: SBL_SIGNATURE,
            unread: None,
        },
        Part {
            name: "certificates",
            offset: Number::Sum(&[SBL_HEADER, SBL_CODE, SBL_SIGNATURE]),
            length: SBL_CERTIFICATES,
            unread: None,
        },
    ],
    total: Number::Sum(&[SBL_HEADER, SBL_IMAGE]),
};

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn mbn() -> Vec<u8> {
        let base = 0x0800_0000;
        let mut writer = Writer::new(Endian::Little);
        writer.u32(5).u32(3).u32(0).u32(base).u32(48 + 16 + 8).u32(48).u32(base + 48).u32(16);
        writer.u32(base + 64).u32(8).fill(b'c', 48).fill(b's', 16).fill(b'x', 8);
        writer.finish()
    }

    fn sbl() -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.u32(0x844b_dcd1).u32(0x73d7_1034).u32(21).u32(0).u32(0).u32(80).u32(0x0800_0000);
        writer.u32(48).u32(48).u32(0).u32(0).u32(0).u32(0).u32(0).u32(1).pad_to(80, 0);
        writer.fill(b'c', 48);
        writer.finish()
    }

    #[test]
    fn both_headers_are_opened() {
        for (bytes, format) in [(mbn(), "qualcomm-mbn"), (sbl(), "qualcomm-sbl")] {
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let path = format!("image@0x0/{format}:/code").parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), vec![b'c'; 48]);
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            check(&bytes, 80);
        }
        let tree = Tree::from_bytes(sbl(), &Limits::default());
        assert_eq!(attribute(&tree, "qualcomm-sbl", "root-certificates").unwrap(), "1");
        let mut odd = mbn();
        odd[24] ^= 4;
        let tree = Tree::from_bytes(odd, &Limits::default());
        assert!(!locators(&tree).iter().any(|locator| locator.contains("qualcomm")));
    }
}
