//! TP-Link's first firmware header, 512 bytes, as OpenWrt's `mktplinkfw` writes and documents it.
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

pub(crate) static FORMAT: Format =
    Format { name: "tplink", magics: &[Magic::start(MAGIC)], carve: true, open };

/// The version of the header, big-endian.
const MAGIC: &[u8] = &[1, 0, 0, 0];
const HEADER_BYTES: u64 = 512;
const SECTOR_BYTES: u64 = 64 << 10;
const DIGEST: std::ops::Range<usize> = 0x4c..0x5c;
/// What stands in the digest's place while it is computed: for images without and with a boot
/// loader.
const SALTS: [u128; 2] =
    [0xdcd7_3aa5_c395_98fb_ddf9_e7f4_0eae_4738, 0x8cef_335b_d5c5_cefa_a79c_28da_b2e9_0f42];
/// Images are made for flash chips of up to 16 MiB.
const IMAGE_BYTES_MAX: u64 = 64 << 20;

struct Header {
    vendor: String,
    version: String,
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
    let verified = if there.len() == claimed { is_verified(&there.read_all()?) } else { None };
    let view = View(&bytes);
    let mut attributes = vec![
        ("vendor", header.vendor),
        ("version", header.version),
        ("hardware-id", format!("{:#010x}", view.u32(0x40, Big)?)),
        ("hardware-revision", view.u32(0x44, Big)?.to_string()),
        ("load-address", format!("{:#010x}", view.u32(0x74, Big)?)),
        ("entry-point", format!("{:#010x}", view.u32(0x78, Big)?)),
    ];
    let digest = match verified {
        Some(()) => "verified",
        None => "not verified: other salt, changed or truncated",
    };
    attributes.push(("md5", digest.to_owned()));
    Ok(Opened {
        length: claimed,
        attributes,
        entries: laid.entries,
        faults: laid.faults,
        unread: None,
    })
}

/// The header, if its texts are texts and its parts lie inside the image.
fn header(view: View<'_>) -> Option<Header> {
    let word = |at| view.u32(at, Big).ok().map(u64::from);
    let (vendor, version) = (view.text(4, 24).ok()?, view.text(0x1c, 36).ok()?);
    let is_text = |text: &[u8]| text.iter().all(|byte| (0x20..0x7f).contains(byte));
    let header = Header {
        vendor: text_of(vendor),
        version: text_of(version),
        image_bytes: word(0x7c)?,
        kernel: (word(0x80)?, word(0x84)?),
        rootfs: (word(0x88)?, word(0x8c)?),
        boot: (word(0x90)?, word(0x94)?),
    };
    let fits = |(offset, length): (u64, u64)| offset + length <= header.image_bytes;
    let sizes = (HEADER_BYTES..=IMAGE_BYTES_MAX).contains(&header.image_bytes);
    let kernel = header.kernel.0 >= HEADER_BYTES && header.kernel.1 > 0 && fits(header.kernel);
    let texts = vendor.len() >= 3 && is_text(vendor) && is_text(version) && !version.is_empty();
    (texts && sizes && kernel && fits(header.rootfs) && fits(header.boot)).then_some(header)
}

/// Where the second header starts: at a sector of the flash behind the boot loader.
fn second_header(image: &Extent, from: u64) -> Option<u64> {
    let sectors =
        (1..=image.len() / SECTOR_BYTES).map(|sector| HEADER_BYTES + sector * SECTOR_BYTES);
    sectors.skip_while(|&at| at < from).find(|&at| {
        image
            .read(at, HEADER_BYTES)
            .is_ok_and(|bytes| bytes.starts_with(MAGIC) && header(View(&bytes)).is_some())
    })
}

/// Whether the digest is that of the image with one of the public salts in its place.
fn is_verified(image: &[u8]) -> Option<()> {
    let stored = image.get(DIGEST)?.to_vec();
    let mut salted = image.to_vec();
    SALTS.into_iter().find_map(|salt| {
        salted.get_mut(DIGEST)?.copy_from_slice(&salt.to_be_bytes());
        (md5(&salted).as_slice() == stored).then_some(())
    })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::vendor::TpLinkV1;

    use crate::{
        Tree,
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

    #[test]
    fn damage_does_no_harm() {
        check(&image(), 200);
    }
}
