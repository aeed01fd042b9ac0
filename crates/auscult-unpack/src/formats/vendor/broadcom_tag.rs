//! Firmware of Broadcom's DSL routers (BCM63xx) behind its tag, as Linux's `bcm963xx_tag.h` and
//! OpenWrt's `imagetag` describe it: 256 bytes, most of them numbers as decimal text.
//!
//! The boot loader CFE packs kernels as LZMA without a length and without an end marker. Such a
//! stream is decoded as far as it goes; the decoder's last few bytes may then be none of the
//! kernel's.

use crate::{
    Endian::Big,
    Entry, Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    bare_lzma,
    check::{Algorithm, check},
    layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "broadcom-tag",
    magics: &[Magic::at(4, b"Broadcom Corporatio"), Magic::at(24, b"ver. 2.0\0")],
    carve: true,
    open,
};

const TAG_BYTES: u64 = 256;
const HEADER_SUM: usize = 236;
const IMAGE_SUM: usize = 216;
/// Before a packed kernel: load address, entry point, packed length.
const KERNEL_BYTES: u64 = 12;

struct Tag {
    total: u64,
    cfe: u64,
    /// Address and length.
    rootfs: (u64, u64),
    kernel: (u64, u64),
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let bytes = candidate.extent.read(0, TAG_BYTES)?;
    let view = View(&bytes);
    let own = Algorithm::Crc32NotInverted.number(view.bytes(0, HEADER_SUM)?);
    if !cfg!(fuzzing) && own != view.u32(HEADER_SUM, Big)? {
        return Err(NotThis);
    }
    let number = |at, length| number(view, at, length);
    let tag = Tag {
        total: number(62, 10)?,
        cfe: number(84, 10)?,
        rootfs: (number(94, 12)?, number(106, 10)?),
        kernel: (number(116, 12)?, number(128, 10)?),
    };
    let length = TAG_BYTES + tag.total;
    let image = candidate.extent.clamp(0, length);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, TAG_BYTES);
    layout.part("cfe", TAG_BYTES, tag.cfe);
    let (rootfs, kernel) = tag.places();
    layout.part("rootfs", rootfs.0, rootfs.1);
    let packed = packed_kernel(&image.clamp(kernel.0, kernel.1));
    match &packed {
        Some(_) => layout.consumed(kernel.0, kernel.1),
        None => layout.part("kernel", kernel.0, kernel.1),
    }
    let mut laid = layout.finish();
    laid.entries.extend(packed.map(|kernel| Entry::part(&b"kernel"[..], kernel)));
    let mut attributes: Vec<(&str, String)> = Vec::new();
    for (name, at, size) in
        [("tag-version", 0, 4), ("vendor", 4, 20), ("chip", 38, 6), ("board", 44, 16)]
    {
        attributes.push((name, text_of(view.text(at, size)?)));
    }
    let endian = if view.u8(60)? == b'0' { "little" } else { "big" };
    attributes.push(("endian", endian.to_owned()));
    attributes.push(("kernel-address", format!("{:#010x}", tag.kernel.0)));
    let stored = view.array::<4>(IMAGE_SUM)?;
    let covered = image.from(TAG_BYTES);
    let algorithm = Algorithm::Crc32NotInverted;
    let verdict = check("the image", algorithm, &stored, &covered, tag.total, TAG_BYTES);
    verdict.tell("image-checksum", &mut attributes, &mut laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults: laid.faults, unread: None })
}

impl Tag {
    /// Where the root file system and the kernel stand in the image. Broadcom puts the file system
    /// first, OpenWrt the kernel.
    fn places(&self) -> ((u64, u64), (u64, u64)) {
        let first = TAG_BYTES + self.cfe;
        let rootfs_first = self.rootfs.1 > 0 && self.rootfs.0 < self.kernel.0;
        if rootfs_first || self.kernel.1 == 0 {
            let distance = self.kernel.0.saturating_sub(self.rootfs.0);
            ((first, self.rootfs.1), (first + distance, self.kernel.1))
        } else {
            let behind = first + self.kernel.1;
            let rest = (TAG_BYTES + self.total).saturating_sub(behind);
            ((behind, rest), (first, self.kernel.1))
        }
    }
}

/// A number in decimal text; an empty field is zero.
fn number(view: View<'_>, at: usize, length: usize) -> Result<u64, NotThis> {
    let text = str::from_utf8(view.text(at, length)?).map_err(|_| NotThis)?.trim();
    if text.is_empty() {
        return Ok(0);
    }
    text.parse::<u32>().map(u64::from).map_err(|_| NotThis)
}

/// The kernel in its packing of CFE's; nothing if it is packed in another way or not at all.
fn packed_kernel(part: &Extent) -> Option<Extent> {
    let head = part.read(0, KERNEL_BYTES).ok()?;
    let size = u64::from(View(&head).u32(8, Big).ok()?);
    bare_lzma::unpacked(&part.slice(KERNEL_BYTES, size)?)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::crc32, stream};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, noise},
            reference::assert_survives_damage,
        },
    };

    /// A tag and its image, with the file system at the first address and the kernel at the second.
    fn image(rootfs: (u32, &[u8]), kernel: (u32, &[u8])) -> Vec<u8> {
        let body = if rootfs.0 < kernel.0 {
            [rootfs.1, kernel.1].concat()
        } else {
            [kernel.1, rootfs.1].concat()
        };
        let mut writer = Writer::new(Endian::Big);
        writer.field("6", 4).field("Broadcom Corporatio", 20).field("ver. 2.0", 14);
        writer.field("6358", 6).field("96358VW", 16).field("1", 2);
        writer.field(&body.len().to_string(), 10).field("0", 12).field("0", 10);
        writer.field(&rootfs.0.to_string(), 12).field(&rootfs.1.len().to_string(), 10);
        writer.field(&kernel.0.to_string(), 12).field(&kernel.1.len().to_string(), 10);
        writer.fill(0, 216 - writer.len()).u32(!crc32(&body)).fill(0, 16);
        let own = !crc32(writer.as_slice());
        writer.u32(own).fill(0, 16).bytes(&body);
        writer.finish()
    }

    fn cfe_kernel(kernel: &[u8]) -> Vec<u8> {
        let alone = stream::lzma_alone(kernel);
        let mut writer = Writer::new(Endian::Big);
        writer.u32(0x8001_0000).u32(0x8001_0400).u32(u32::try_from(alone.len() - 8).unwrap());
        writer.bytes(&alone[..5]).bytes(&alone[13..]);
        writer.finish()
    }

    #[test]
    fn both_orders_are_opened_and_the_kernel_is_unpacked() {
        let kernel = noise(3000).repeat(4);
        let packed = cfe_kernel(&kernel);
        for (rootfs, kernel_at) in [
            (0xbfc1_0100_u32, 0xbfc1_0100 + 12_u32),
            (0xbfc1_0100 + u32::try_from(packed.len()).unwrap(), 0xbfc1_0100),
        ] {
            let bytes = image((rootfs, b"a filesystem"), (kernel_at, &packed));
            let tree = Tree::from_bytes(bytes, &Limits::default());
            let read = |name: &str| {
                let path = format!("image@0x0/broadcom-tag:/{name}").parse().unwrap();
                tree.bytes(tree.resolve(&path).unwrap().0).unwrap()
            };
            assert_eq!(read("rootfs"), "a filesystem");
            let unpacked = read("kernel");
            assert!(unpacked.starts_with(&kernel) && unpacked.len() < kernel.len() + 300);
            assert_eq!(attribute(&tree, "broadcom-tag", "image-checksum").unwrap(), "verified");
            assert_eq!(attribute(&tree, "broadcom-tag", "board").unwrap(), "96358VW");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        }
    }

    #[test]
    fn damage_is_told_and_does_no_harm() {
        let plain = image((0x1000, b"a filesystem"), (0x100c, b"a kernel that is not packed"));
        let tree = Tree::from_bytes(plain.clone(), &Limits::default());
        let (kernel, _) = tree.resolve(&"image@0x0/broadcom-tag:/kernel".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(kernel).unwrap(), "a kernel that is not packed");
        let mut bad = plain.clone();
        *bad.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert!(tree.problems()[0].what.contains("the image"), "{:?}", tree.problems());
        assert_survives_damage(&plain, 256, 13);
    }
}
