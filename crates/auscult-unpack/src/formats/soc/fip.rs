//! The firmware image package of Arm's Trusted Firmware-A (`docs/design/firmware-design.rst` and
//! `include/tools_share/firmware_image_package.h` there): a table of UUIDs, then the images.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::Layout;

pub(crate) static FORMAT: Format =
    Format { name: "fip", magics: &[Magic::start(&[0x01, 0x00, 0x64, 0xaa])], carve: true, open };

const HEADER_BYTES: u64 = 16;
const ENTRY_BYTES: u64 = 40;
const ENTRIES_MAX: u64 = 256;
/// Images are loaded to memory by a boot loader.
const PACKAGE_BYTES_MAX: u64 = 1 << 30;

/// The UUIDs with the names that `fiptool` has for them.
const IMAGES: &[(u128, &str)] = &[
    (0x6592_2703_2f74_e644_8dff_579a_c1ff_0610, "scp-fwu-cfg"),
    (0x60b3_eb37_c1e5_ea41_9df3_19ed_a11f_6801, "ap-fwu-cfg"),
    (0x4f51_1d11_2be5_4e49_b4c5_83c2_f715_840a, "fwu"),
    (0x7140_8ab2_18d6_874c_8b2e_c6dc_cd50_f096, "fwu-cert"),
    (0x5ff9_ec0b_4d22_3e4d_a544_c39d_81c7_3f0a, "tb-fw"),
    (0x9766_fd3d_89be_e849_ae5d_78a1_4060_8213, "scp-fw"),
    (0x47d4_086d_4cfe_9846_9b95_2950_cbbd_5a00, "soc-fw"),
    (0x05d0_e189_53dc_1347_8d2b_500a_4b7a_3e38, "tos-fw"),
    (0x0b70_c29b_2a5a_7840_9f65_0a56_8273_8288, "tos-fw-extra1"),
    (0x8ea8_7bb1_cfa2_3f4d_85fd_e7bb_a502_20d9, "tos-fw-extra2"),
    (0xd6d0_eea7_fcea_d54b_9782_9934_f234_b6e4, "nt-fw"),
    (0x6c07_62a6_12f2_4b56_92cb_ba8f_6336_06d9, "rmm-fw"),
    (0x5807_e16a_8459_47be_8ed5_648e_8ddd_ab0e, "fw-config"),
    (0x08b8_f1d9_c9cf_9349_a962_6fbc_6b72_65cc, "hw-config"),
    (0x6c04_58ff_af6b_7d4f_82ed_aa27_bc69_bfd2, "tb-fw-config"),
    (0x9979_814b_0376_fb46_8c8e_8d26_7f78_59e0, "soc-fw-config"),
    (0x2625_7c1a_dbc6_7f47_8d96_c4c4_b024_8021, "tos-fw-config"),
    (0x28da_9815_93e8_7e44_ac66_1aaf_8015_50f9, "nt-fw-config"),
    (0x862d_1d72_f860_e411_920b_8be7_6216_0f24, "rot-cert"),
    (0x827e_e890_f860_e411_a1b4_777a_21b4_f94c, "trusted-key-cert"),
    (0x0242_21a1_f860_e411_8d9b_f33c_0e15_a014, "scp-fw-key-cert"),
    (0x8ab8_becc_f960_e411_9ad0_eb48_22d8_dcf8, "soc-fw-key-cert"),
    (0x9477_d603_fb60_e411_85dd_b710_5b8c_ee04, "tos-fw-key-cert"),
    (0x8ad5_832a_fb60_e411_8aaf_df30_bbc4_9859, "nt-fw-key-cert"),
    (0xd6e2_69ea_5d63_e411_8d8c_9fba_be99_56a5, "tb-fw-cert"),
    (0x44be_6f04_5e63_e411_b28b_73d8_eaae_9656, "scp-fw-cert"),
    (0xe2b2_0c20_5e63_e411_9ce8_abcc_f92b_b666, "soc-fw-cert"),
    (0xa49f_4411_5e63_e411_8728_3f05_722a_f33d, "tos-fw-cert"),
    (0x8ec4_c1f3_5d63_e411_a7a9_87ee_40b2_3fa7, "nt-fw-cert"),
    (0x776d_fd44_8697_4c3b_91eb_c13e_025a_2a6f, "sip-sp-cert"),
    (0xddcb_bf4a_cad6_11ea_87d0_0242_ac13_0003, "plat-sp-cert"),
    (0x36d8_3d85_761d_4daf_96f1_cd99_d656_9b00, "cca-cert"),
    (0x5222_2d31_820f_494d_8bbc_ea68_25d3_c35a, "core-swd-cert"),
    (0xd43c_d902_5b9f_412e_8ac6_92b6_d18b_e60d, "plat-key-cert"),
];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (serial, flags) = (view.u32(4, Little)?, view.u64(8, Little)?);
    let (mut images, mut at) = (Vec::new(), HEADER_BYTES);
    let length = loop {
        let bytes = candidate.extent.read(at, ENTRY_BYTES)?;
        let view = View(&bytes);
        let (offset, size) = (view.u64(16, Little)?, view.u64(24, Little)?);
        let uuid = u128::from_be_bytes(view.array(0)?);
        at += ENTRY_BYTES;
        if offset > PACKAGE_BYTES_MAX || size > PACKAGE_BYTES_MAX {
            return Err(NotThis);
        }
        if uuid == 0 {
            // The entry that ends the table tells the length of all.
            break offset;
        }
        images.push((name(uuid), offset, size));
        if at >= HEADER_BYTES + ENTRIES_MAX * ENTRY_BYTES {
            return Err(NotThis);
        }
    };
    let inside = images.iter().all(|(_, offset, size)| *offset >= at && offset + size <= length);
    if serial == 0 || images.is_empty() || !inside || length < at {
        return Err(NotThis);
    }
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, at);
    for (name, offset, size) in &images {
        layout.part(name.as_str(), *offset, *size);
    }
    let laid = layout.finish();
    let names: Vec<_> = images.into_iter().map(|(name, ..)| name).collect();
    let mut attributes = vec![("images", names.join(", "))];
    // The word of the platform (Trusted Firmware-A, `plat_toc_flags`).
    if flags != 0 {
        attributes.push(("flags", format!("{flags:#x}")));
    }
    if attributes.iter().any(|(_, names)| names.contains("-cert")) {
        let told = "certificates are there, not verified: the root of trust is not known";
        attributes.push(("signature", told.to_owned()));
    }
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

fn name(uuid: u128) -> String {
    if let Some((_, name)) = IMAGES.iter().find(|(known, _)| *known == uuid) {
        return (*name).to_owned();
    }
    let [high, middle, low] = [uuid >> 96, uuid >> 80 & 0xffff, uuid >> 64 & 0xffff];
    let [clock, node] = [uuid >> 48 & 0xffff, uuid & 0xffff_ffff_ffff];
    format!("{high:08x}-{middle:04x}-{low:04x}-{clock:04x}-{node:012x}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check},
            reference::{assert_survives_damage, run, sample},
        },
    };

    fn package() -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.u32(0xaa64_0001).u32(0x1234_5678).u64(0);
        writer.bytes(&0x47d4_086d_4cfe_9846_9b95_2950_cbbd_5a00_u128.to_be_bytes());
        writer.u64(136).u64(4).u64(0);
        writer.bytes(&[7; 16]).u64(140).u64(5).u64(0).fill(0, 16).u64(145).u64(0).u64(0);
        writer.bytes(b"bl31other");
        writer.finish()
    }

    #[test]
    fn images_are_named_by_their_uuid() {
        let tree = Tree::from_bytes(package(), &Limits::default());
        let read = |name: &str| {
            let path = format!("image@0x0/fip:/{name}").parse().unwrap();
            tree.bytes(tree.resolve(&path).unwrap().0).unwrap()
        };
        assert_eq!(read("soc-fw"), "bl31");
        assert_eq!(read("07070707-0707-0707-0707-070707070707"), "other");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        check(&package(), package().len());
    }

    #[test]
    fn what_fiptool_packs_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (bl31, bl33, out) = (at("bl31"), at("bl33"), at("out"));
        fs::write(&bl31, sample(5001, 1)).unwrap();
        fs::write(&bl33, sample(70_003, 2)).unwrap();
        let arguments = ["create", "--align", "64", "--soc-fw", &bl31, "--nt-fw", &bl33];
        let certificate = ["--nt-fw-cert", &bl31, &out];
        if !run("fiptool", &[&arguments[..], &certificate].concat()) {
            return;
        }
        let bytes = fs::read(&out).unwrap();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "fip", "images").unwrap(), "soc-fw, nt-fw, nt-fw-cert");
        let path = "image@0x0/fip:/nt-fw".parse().unwrap();
        assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), sample(70_003, 2));
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 200, 997);
    }
}
