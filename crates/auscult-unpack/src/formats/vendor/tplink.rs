//! TP-Link's firmware headers of 512 bytes, versions 1 to 3, as OpenWrt's `mktplinkfw` and
//! `mktplinkfw2` write and document them.
//!
//! An image with a boot loader in front holds a second header for what goes to flash behind it. The
//! digest is salted; with the public salts it is verified, with another one it cannot be.

use crate::{
    Endian::Big,
    Extent, View,
    digest::md5,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::{Layout, text_of};

pub(crate) static FORMAT: Format = Format {
    name: "tplink",
    magics: &[
        Magic::start(&[1, 0, 0, 0]),
        Magic::start(&[2, 0, 0, 0]),
        Magic::start(&[3, 0, 0, 0]),
    ],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 512;
const SECTOR_BYTES: u64 = 64 << 10;
const DIGEST_BYTES: usize = 16;
/// What stands in the digest's place while it is computed: for images without a boot loader
/// (version 1, later ones) and with one (version 1, later ones).
const SALTS: [u128; 4] = [
    0xdcd7_3aa5_c395_98fb_ddf9_e7f4_0eae_4738,
    0xdcd7_3aa5_c395_98fb_dcf9_e7f4_0eae_4737,
    0x8cef_335b_d5c5_cefa_a79c_28da_b2e9_0f42,
    0x8cef_335f_d5c5_cefa_ac9c_28da_b2e9_0f42,
];
/// Images are made for flash chips of up to 16 MiB.
const IMAGE_BYTES_MAX: u64 = 64 << 20;

struct Header {
    vendor: Option<String>,
    version: String,
    /// Where its numbers start: the hardware's identifier is the first.
    numbers: usize,
    image_bytes: u64,
    kernel: (u64, u64),
    rootfs: (u64, u64),
    boot: (u64, u64),
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let bytes = candidate.extent.read(0, HEADER_BYTES)?;
    let header = header(View(&bytes)).ok_or(NotThis)?;
    let claimed = header.image_bytes;
    let there = candidate.extent.clamp(0, claimed);
    let mut layout = Layout::new(there.clone());
    layout.consumed(0, HEADER_BYTES);
    if header.boot.1 > 0 {
        layout.part("bootloader", HEADER_BYTES + header.boot.0, header.boot.1);
        if let Some(second) = second_header(&there, HEADER_BYTES + header.boot.0 + header.boot.1) {
            layout.part("firmware", second, claimed.saturating_sub(second));
        }
    } else {
        layout.part("kernel", header.kernel.0, header.kernel.1);
        let kernel_end = header.kernel.0 + header.kernel.1;
        if header.rootfs.0 >= kernel_end {
            layout.part("rootfs", header.rootfs.0, header.rootfs.1);
        } else {
            // Makers that append the file system to the kernel leave the usual place in the header.
            layout.part("rootfs", kernel_end, claimed - kernel_end);
        }
    }
    let laid = layout.finish();
    let verified = there.len() == claimed && is_verified(&there, header.numbers)?;
    let digest =
        if verified { "verified" } else { "not verified: other salt, changed or truncated" };
    Ok(Opened {
        length: claimed,
        attributes: header.attributes(View(&bytes), digest)?,
        entries: laid.entries,
        faults: laid.faults,
        unread: None,
    })
}

impl Header {
    fn attributes(
        self,
        view: View<'_>,
        digest: &str,
    ) -> Result<Vec<(&'static str, String)>, NotThis> {
        let word = |offset| view.u32(self.numbers + offset, Big);
        let mut attributes = vec![("header", view.u8(0)?.to_string())];
        attributes.extend(self.vendor.map(|vendor| ("vendor", vendor)));
        attributes.extend([
            ("version", self.version),
            ("hardware-id", format!("{:#010x}", word(0)?)),
            ("hardware-revision", word(4)?.to_string()),
            ("load-address", format!("{:#010x}", word(0x34)?)),
            ("entry-point", format!("{:#010x}", word(0x38)?)),
            ("md5", digest.to_owned()),
        ]);
        Ok(attributes)
    }
}

/// The header, if its texts are texts and its parts lie inside the image.
fn header(view: View<'_>) -> Option<Header> {
    let is_text = |text: &[u8]| text.iter().all(|byte| (0x20..0x7f).contains(byte));
    let first = view.u8(0).ok()? == 1;
    // Later versions have no vendor, a longer version, and fixed values around the numbers.
    let (vendor, version, numbers) = if first {
        let vendor = view.text(4, 24).ok().filter(|vendor| vendor.len() >= 3 && is_text(vendor))?;
        (Some(text_of(vendor)), view.text(0x1c, 36).ok()?, 0x40)
    } else {
        let fixed = view.u32(0x64, Big).ok()? == u32::MAX && view.u16(0x8c, Big).ok()? == 0x55aa;
        (None, view.text(4, 48).ok().filter(|_| fixed)?, 0x34)
    };
    let word = |offset| view.u32(numbers + offset, Big).ok().map(u64::from);
    let header = Header {
        vendor,
        version: text_of(version),
        numbers,
        image_bytes: word(0x3c)?,
        kernel: (word(0x40)?, word(0x44)?),
        rootfs: (word(0x48)?, word(0x4c)?),
        boot: (word(0x50)?, word(0x54)?),
    };
    let fits = |(offset, length): (u64, u64)| offset + length <= header.image_bytes;
    let sizes = (HEADER_BYTES..=IMAGE_BYTES_MAX).contains(&header.image_bytes);
    let kernel = header.kernel.0 >= HEADER_BYTES && header.kernel.1 > 0 && fits(header.kernel);
    let named = is_text(version) && !version.is_empty();
    (named && sizes && kernel && fits(header.rootfs) && fits(header.boot)).then_some(header)
}

/// Where the second header starts: at a sector of the flash behind the boot loader.
fn second_header(image: &Extent, from: u64) -> Option<u64> {
    let own = image.read(0, 4).ok()?;
    let sectors =
        (1..=image.len() / SECTOR_BYTES).map(|sector| HEADER_BYTES + sector * SECTOR_BYTES);
    sectors.skip_while(|&at| at < from).find(|&at| {
        image
            .read(at, HEADER_BYTES)
            .is_ok_and(|bytes| bytes.starts_with(&own) && header(View(&bytes)).is_some())
    })
}

/// Whether the digest, which stands 12 bytes behind the first number, is that of the image with one
/// of the public salts in its place.
fn is_verified(image: &Extent, numbers: usize) -> Result<bool, NotThis> {
    let mut salted = image.read_all()?.to_vec();
    let place = numbers + 12..numbers + 12 + DIGEST_BYTES;
    let stored = salted.get(place.clone()).ok_or(NotThis)?.to_vec();
    for salt in SALTS {
        salted.get_mut(place.clone()).ok_or(NotThis)?.copy_from_slice(&salt.to_be_bytes());
        if md5(&salted).as_slice() == stored {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, vendor::TpLinkV1};

    use crate::{
        Tree,
        digest::md5,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn image() -> Vec<u8> {
        TpLinkV1 {
            version: "ver. 2.0",
            hardware: 0x0841_0011,
            revision: 1,
            kernel: b"kernel",
            rootfs: b"rootfs",
            rootfs_offset: 1024,
        }
        .build()
    }

    #[test]
    fn kernel_and_rootfs_are_parts_and_the_digest_holds() {
        let tree = Tree::from_bytes(image(), &Limits::default());
        let found = locators(&tree);
        for name in ["kernel", "rootfs"] {
            assert!(found.contains(&format!("image@0x0/tplink:/{name}")), "{found:?}");
        }
        assert_eq!(attribute(&tree, "tplink", "hardware-id").unwrap(), "0x08410011");
        assert_eq!(attribute(&tree, "tplink", "md5").unwrap(), "verified");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
    }

    #[test]
    fn a_file_system_right_behind_the_kernel_is_found_there() {
        let mut bytes = image();
        bytes.truncate(512);
        bytes.extend(b"kernelROOTFS");
        bytes[0x7c..0x80].copy_from_slice(&524_u32.to_be_bytes());
        bytes[0x88..0x8c].copy_from_slice(&514_u32.to_be_bytes());
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let (rootfs, _) = tree.resolve(&"image@0x0/tplink:/rootfs".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(rootfs).unwrap(), "ROOTFS");
        assert!(tree.problems().is_empty());
    }

    #[test]
    fn a_boot_loader_stands_in_front_of_a_second_header() {
        let mut bytes = image();
        bytes.truncate(512);
        bytes[0x90..0x98].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 64]);
        bytes.resize(512 + 0x10000, b'B');
        bytes.extend(image());
        let total = u32::try_from(bytes.len()).unwrap();
        bytes[0x7c..0x80].copy_from_slice(&total.to_be_bytes());
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let found = locators(&tree);
        for wanted in ["bootloader", "gap-0x240", "firmware@0x0/tplink:/rootfs"] {
            assert!(found.contains(&format!("image@0x0/tplink:/{wanted}")), "{found:?}");
        }
    }

    /// A header of a later version, with what `mktplinkfw2` fills in.
    fn later(version: u8, salt: u128) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(&[version, 0, 0, 0]).field("3.14 Build 1", 48);
        writer.u32(0xc200_0001).u32(1).u32(0).bytes(&salt.to_be_bytes()).u32(0).fill(0, 16);
        writer.u32(u32::MAX).u32(0x8000_2000).u32(0x8000_6000).u32(524);
        writer.u32(512).u32(6).u32(518).u32(6).u32(0).u32(0).u16(0x55aa).fill(0, 0x172);
        writer.bytes(b"kernelROOTFS");
        let mut bytes = writer.finish();
        let digest = md5(&bytes);
        bytes[0x40..0x50].copy_from_slice(digest.as_slice());
        bytes
    }

    #[test]
    fn later_versions_have_no_vendor_and_other_salts() {
        for (version, salt) in
            [(2, 0xdcd7_3aa5_c395_98fb_dcf9_e7f4_0eae_4737), (3, super::SALTS[3])]
        {
            let tree = Tree::from_bytes(later(version, salt), &Limits::default());
            for (key, value) in [
                ("header", version.to_string()),
                ("version", "3.14 Build 1".to_owned()),
                ("hardware-id", "0xc2000001".to_owned()),
                ("md5", "verified".to_owned()),
            ] {
                assert_eq!(attribute(&tree, "tplink", key), Some(value));
            }
            let (rootfs, _) = tree.resolve(&"image@0x0/tplink:/rootfs".parse().unwrap()).unwrap();
            assert_eq!(tree.bytes(rootfs).unwrap(), "ROOTFS");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        }
        let mut changed = later(2, super::SALTS[1]);
        *changed.last_mut().unwrap() = b'!';
        let tree = Tree::from_bytes(changed, &Limits::default());
        assert!(attribute(&tree, "tplink", "md5").unwrap().starts_with("not verified"));
        check(&later(3, super::SALTS[1]), 200);
    }

    #[test]
    fn damage_does_no_harm() {
        check(&image(), 200);
    }
}
