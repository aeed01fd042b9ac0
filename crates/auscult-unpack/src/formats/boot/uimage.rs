//! U-Boot's legacy image: a header of 64 bytes with two checksums (`include/image.h` of U-Boot).
//!
//! The header's checksum must hold; a wrong one over the data is told as a fault. Several images in
//! one file (types multi and script) have a table of sizes. Packed data is left to carving.

use crate::{
    Endian::Big,
    Entry, Extent, Fault, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

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
    let entries = match kind {
        TYPE_MULTI | TYPE_SCRIPT => images(&data, &mut faults),
        _ => None,
    };
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
            ("compression", named(COMPRESSIONS, compression)),
        ],
        entries: entries.unwrap_or_else(|| vec![Entry::payload(data)]),
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

/// The images behind a table of sizes that ends with zero; each starts at a multiple of 4.
fn images(data: &Extent, faults: &mut Vec<Fault>) -> Option<Vec<Entry>> {
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
        entries.push(Entry::part(format!("image{number}").into_bytes(), image));
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
        formats::testing::hostile::{self, attribute, locators},
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
    fn damage_does_no_harm() {
        hostile::check(&image(), 64);
    }
}
