//! The unified image of Intel's and MaxLinear's Puma cable modem chips (`VER2`, `VER3`), as
//! fact_extractor describes it: kernels and file systems of the two processors one after the other.

use crate::{
    Endian::Big,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::Layout;

pub(crate) static FORMAT: Format = Format {
    name: "puma-image",
    magics: &[
        Magic::start(b"VER2Intel_Unified_Image\0"),
        Magic::start(b"VER3Intel_Unified_Image\0"),
    ],
    carve: true,
    open,
};

/// What a version of the header has: parts at most, where their sizes and kinds stand, its length.
struct Table {
    parts: usize,
    sizes: usize,
    kinds: usize,
    header_bytes: u64,
}

const VERSION_2: Table = Table { parts: 10, sizes: 92, kinds: 132, header_bytes: 160 };
const VERSION_3: Table = Table { parts: 20, sizes: 132, kinds: 212, header_bytes: 252 };

const KINDS: &[(u8, &str)] = &[
    (2, "atom-kernel"),
    (3, "atom-rootfs"),
    (8, "arm-kernel"),
    (9, "arm-rootfs"),
    (10, "gateway-rootfs"),
];
const PART_BYTES_MAX: u64 = 1 << 30;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let version = candidate.extent.read(3, 1)?;
    let table = if &version[..] == b"2" { VERSION_2 } else { VERSION_3 };
    let head = candidate.extent.read(0, table.header_bytes)?;
    let view = View(&head);
    let mut parts = Vec::new();
    let mut length = table.header_bytes;
    for index in 0..table.parts {
        let size = u64::from(view.u32(table.sizes + index * 4, Big)?);
        let kind = view.u8(table.kinds + index)?;
        if size > PART_BYTES_MAX {
            return Err(NotThis);
        }
        if size > 0 {
            let name = KINDS.iter().find(|(known, _)| *known == kind);
            let name = name.map_or_else(|| format!("part-{kind}"), |(_, name)| (*name).to_owned());
            parts.push((name, length, size));
            length += size;
        }
    }
    if parts.is_empty() {
        return Err(NotThis);
    }
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    layout.consumed(0, table.header_bytes);
    for (name, offset, size) in parts {
        layout.part(name, offset, size);
    }
    let laid = layout.finish();
    let attributes = vec![("version", String::from_utf8_lossy(&version).into_owned())];
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{Tree, formats::testing::hostile::check};

    fn image(version: u8, slots: usize) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(b"VER").u8(version).field("Intel_Unified_Image", 20).fill(1, 28);
        writer.fill(2, slots * 4).u32(6).u32(7).fill(0, slots * 4 - 8);
        writer.u8(8).u8(9).fill(0, slots - 2);
        writer.fill(0, if slots == 10 { 18 } else { 20 }).bytes(b"kernel").bytes(b"rootfs!");
        writer.finish()
    }

    #[test]
    fn parts_are_named_by_their_kind() {
        for (version, slots) in [(b'2', 10), (b'3', 20)] {
            let bytes = image(version, slots);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let path = "image@0x0/puma-image:/arm-rootfs".parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), "rootfs!");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            check(&bytes, bytes.len());
        }
    }
}
