//! U-Boot's legacy image: a header of 64 bytes with two checksums (`include/image.h` of U-Boot).
//!
//! The header's checksum must hold; a wrong one over the data is told as a fault. Several images in
//! one file (types multi and script) have a table of sizes. Scripts are text and stay as they are.

use crate::{
    Endian::Big,
    Entry, Extent, Fault, Reading, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use super::packed;
use crate::formats::support::{date::iso_8601, layout::text_of};

pub(crate) static FORMAT: Format = Format {
    name: "uimage",
    magics: &[Magic::start(&[0x27, 0x05, 0x19, 0x56])],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 64;
const TYPE_MULTI: u8 = 4;
const TYPE_SCRIPT: u8 = 6;
/// A table of more images is none.
const IMAGES_MAX: u64 = 64;

const OPERATING_SYSTEMS: &[&str] = &[
    "invalid",
    "openbsd",
    "netbsd",
    "freebsd",
    "4.4bsd",
    "linux",
    "svr4",
    "esix",
    "solaris",
    "irix",
    "sco",
    "dell",
    "ncr",
    "lynxos",
    "vxworks",
    "psos",
    "qnx",
    "u-boot",
    "rtems",
    "artos",
    "unity",
    "integrity",
    "ose",
    "plan9",
    "openrtos",
    "arm-trusted-firmware",
    "tee",
    "opensbi",
    "efi",
    "elf",
];
const ARCHITECTURES: &[&str] = &[
    "invalid",
    "alpha",
    "arm",
    "x86",
    "ia64",
    "mips",
    "mips64",
    "powerpc",
    "s390",
    "sh",
    "sparc",
    "sparc64",
    "m68k",
    "nios",
    "microblaze",
    "nios2",
    "blackfin",
    "avr32",
    "st200",
    "sandbox",
    "nds32",
    "openrisc",
    "arm64",
    "arc",
    "x86_64",
    "xtensa",
    "riscv",
];
const TYPES: &[&str] = &[
    "invalid",
    "standalone",
    "kernel",
    "ramdisk",
    "multi",
    "firmware",
    "script",
    "filesystem",
    "flatdt",
    "kwbimage",
    "imximage",
    "ublimage",
    "omapimage",
    "aisimage",
    "kernel_noload",
    "pblimage",
    "mxsimage",
    "gpimage",
    "atmelimage",
    "socfpgaimage",
    "x86_setup",
    "lpc32xximage",
    "loadable",
    "rkimage",
    "rksd",
    "rkspi",
    "zynqimage",
    "zynqmpimage",
    "zynqmpbif",
    "fpga",
    "vybridimage",
    "tee",
    "firmware_ivt",
    "pmmc",
    "stm32image",
    "socfpgaimage_v1",
    "mtkimage",
];
const COMPRESSIONS: &[&str] = &["none", "gzip", "bzip2", "lzma", "lzo", "lz4", "zstd"];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let header = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&header);
    let mut covered = header.to_vec();
    covered.get_mut(4..8).ok_or(NotThis)?.fill(0);
    if !agrees(view.u32(4, Big)?, Crc32::of(&covered)) {
        return Err(NotThis);
    }
    let size = u64::from(view.u32(12, Big)?);
    let data = candidate.extent.clamp(HEADER_BYTES, size);
    let mut faults = Vec::new();
    // Of a truncated image the engine says so; its checksum cannot hold.
    if data.len() == size {
        faults.extend(check(&data, view.u32(24, Big)?));
    }
    let [os, architecture, kind, compression] = view.array(28)?;
    let compression = named(COMPRESSIONS, compression);
    let entries = match kind {
        TYPE_MULTI => images(&data, &compression, &mut faults),
        TYPE_SCRIPT => images(&data, "none", &mut faults).map(scripts),
        _ => None,
    };
    let entries =
        entries.unwrap_or_else(|| vec![packed::part("", data, &compression, &mut faults)]);
    Ok(Opened {
        length: HEADER_BYTES + size,
        attributes: vec![
            ("name", text_of(view.text(32, 32)?)),
            ("created", iso_8601(i64::from(view.u32(8, Big)?))),
            ("load-address", format!("{:#010x}", view.u32(16, Big)?)),
            ("entry-point", format!("{:#010x}", view.u32(20, Big)?)),
            ("os", named(OPERATING_SYSTEMS, os)),
            ("arch", named(ARCHITECTURES, architecture)),
            ("type", named(TYPES, kind)),
            ("compression", compression),
        ],
        entries,
        faults,
        unread: None,
    })
}

fn named(names: &[&str], code: u8) -> String {
    names.get(usize::from(code)).map_or_else(|| code.to_string(), |&name| name.to_owned())
}

fn check(data: &Extent, stored: u32) -> Option<Fault> {
    match Crc32::of_extent(data) {
        Ok(computed) if agrees(stored, computed) => None,
        Ok(computed) => {
            let why = format!("{stored:#010x} stored, {computed:#010x} computed");
            Some(Fault::new(HEADER_BYTES, "check the data's checksum", why))
        }
        Err(fault) => Some(fault.within(HEADER_BYTES)),
    }
}

/// Scripts are read as they are: nothing is looked for in them.
fn scripts(mut entries: Vec<Entry>) -> Vec<Entry> {
    for entry in entries.iter_mut().filter(|entry| entry.path.as_bytes() != b"rest") {
        entry.reading = Reading::Leaf;
    }
    entries
}

/// The images behind a table of sizes that ends with zero; each starts at a multiple of 4. The
/// header's compression is that of the first one, the kernel.
fn images(data: &Extent, compression: &str, faults: &mut Vec<Fault>) -> Option<Vec<Entry>> {
    let mut sizes = Vec::new();
    for index in 0..IMAGES_MAX {
        let size = View(&data.read(index * 4, 4).ok()?).u32(0, Big).ok()?;
        if size == 0 {
            break;
        }
        sizes.push(u64::from(size));
    }
    let count = u64::try_from(sizes.len()).unwrap_or(IMAGES_MAX);
    if count == 0 || count == IMAGES_MAX {
        return None;
    }
    let mut offset = (count + 1) * 4;
    let mut entries = Vec::new();
    for (number, size) in (1..).zip(sizes) {
        let image = data.clamp(offset, size);
        if image.len() < size {
            let why = format!("{size} bytes promised, {} there: truncated", image.len());
            let what = format!("read image {number} whole");
            faults.push(Fault::new(HEADER_BYTES + offset + image.len(), what, why));
        }
        let compression = if number == 1 { compression } else { "none" };
        entries.push(packed::part(&format!("image{number}"), image, compression, faults));
        offset = offset.saturating_add(size).saturating_add(3) & !3;
    }
    let rest = data.from(offset);
    if !rest.is_empty() {
        entries.push(Entry::part(&b"rest"[..], rest));
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{stream, uboot::UImage};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{self, attribute, locators},
            reference::run,
        },
    };

    fn image() -> Vec<u8> {
        let data = stream::gzip(b"a kernel");
        UImage {
            name: "Linux-6.1",
            compression: 1,
            architecture: 22,
            data: &data,
            ..UImage::default()
        }
        .build()
    }

    #[test]
    fn the_header_is_told_and_the_payload_is_opened() {
        let mut bytes = b"junk".to_vec();
        bytes.extend(image());
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "uimage", "arch").unwrap(), "arm64");
        assert_eq!(attribute(&tree, "uimage", "compression").unwrap(), "gzip");
        assert_eq!(attribute(&tree, "uimage", "name").unwrap(), "Linux-6.1");
        let payload = "image@0x4/uimage@0x0/gzip".parse().unwrap();
        let (node, _) = tree.resolve(&payload).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "a kernel");
        assert!(tree.problems().is_empty());
    }

    #[test]
    fn a_wrong_checksum_of_the_data_is_told_and_of_the_header_is_no_image() {
        let mut bytes = UImage { data: b"plain data", ..UImage::default() }.build();
        bytes[66] ^= 1;
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert!(tree.problems()[0].what.contains("checksum"));
        bytes[10] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(!locators(&tree).iter().any(|locator| locator.contains("uimage")));
    }

    #[test]
    fn images_of_a_multi_file_are_parts() {
        let mut data = Vec::new();
        for word in [5_u32, 6, 0] {
            data.extend(word.to_be_bytes());
        }
        data.extend(b"first\0\0\0second");
        let bytes = UImage { kind: 4, data: &data, ..UImage::default() }.build();
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let (node, _) = tree.resolve(&"image@0x0/uimage:/image2".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "second");
        assert!(tree.problems().is_empty());
    }

    #[test]
    fn lzma_that_carving_would_not_see_is_unpacked_because_the_header_says_so() {
        let text = b"a kernel in lzma, a kernel in lzma, a kernel in lzma".repeat(40);
        let mut data = stream::lzma_alone(&text);
        // A dictionary size that no packer of today writes.
        data[1..5].copy_from_slice(&0x0012_3456_u32.to_le_bytes());
        let bytes = UImage { compression: 3, data: &data, ..UImage::default() }.build();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let (node, _) = tree.resolve(&"image@0x0/uimage".parse().unwrap()).unwrap();
        assert!(tree.bytes(node).unwrap() == text);
        assert_eq!(tree.problems(), []);
        let wrong = UImage { compression: 3, data: b"no lzma at all", ..UImage::default() };
        let tree = Tree::from_bytes(wrong.build(), &Limits::default());
        assert_eq!(tree.problems()[0].why, "it is not lzma");
        let (node, _) = tree.resolve(&"image@0x0/uimage".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "no lzma at all");
    }

    #[test]
    fn images_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let text = b"the quick brown fox ".repeat(500);
        std::fs::write(path("kernel"), stream::zstd(&text)).unwrap();
        std::fs::write(path("script"), b"echo hello\nbootm 0x1000\n").unwrap();
        let image = path("image");
        let (kernel, script) = (path("kernel"), path("script"));
        let packed = ["-A", "arm", "-T", "kernel", "-C", "zstd", "-n", "k", "-d", &kernel, &image];
        if !run("mkimage", &packed) {
            return;
        }
        let tree = Tree::from_bytes(std::fs::read(&image).unwrap(), &Limits::default());
        let (node, _) = tree.resolve(&"image@0x0/uimage@0x0/zstd".parse().unwrap()).unwrap();
        assert!(tree.bytes(node).unwrap() == text);
        assert!(run(
            "mkimage",
            &["-A", "mips", "-T", "script", "-C", "none", "-d", &script, &image]
        ));
        let tree = Tree::from_bytes(std::fs::read(&image).unwrap(), &Limits::default());
        let (node, _) = tree.resolve(&"image@0x0/uimage:/image1".parse().unwrap()).unwrap();
        assert!(tree.bytes(node).unwrap().starts_with(b"echo hello"));
        assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 0));
        let both = format!("{kernel}:{script}");
        assert!(run("mkimage", &["-A", "arm", "-T", "multi", "-C", "zstd", "-d", &both, &image]));
        let tree = Tree::from_bytes(std::fs::read(&image).unwrap(), &Limits::default());
        let first = "image@0x0/uimage:/image1@0x0/zstd".parse().unwrap();
        assert!(tree.bytes(tree.resolve(&first).unwrap().0).unwrap() == text);
        assert_eq!(tree.problems(), []);
    }

    #[test]
    fn damage_does_no_harm() {
        hostile::check(&image(), 64);
    }
}
