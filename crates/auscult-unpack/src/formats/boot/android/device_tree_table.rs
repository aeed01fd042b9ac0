//! Tables of device trees or overlays for several boards (`dt_table.h` of AOSP's `libufdt`, "DTB/DTBO
//! partitions"), versions 0 and 1; and those of ACPI tables, which have the same form.

use crate::{
    Endian::Big,
    Entry, Extent, Fault, View,
    codec::Codec,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::Layout,
};

pub(in crate::formats::boot) static FORMAT: Format = Format {
    name: "android-dtbo",
    magics: &[
        Magic::start(&[0xd7, 0xb7, 0xab, 0x1e]),
        Magic::start(&[0x41, 0x43, 0x50, 0x49]), // "ACPI": its tables in the same form
    ],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 32;
const ENTRY_BYTES: u64 = 32;
const ENTRIES_MAX: u64 = 4096;
/// How an entry is packed, in the first custom word of version 1.
const COMPRESSION_ZLIB: u32 = 1;
const COMPRESSION_GZIP: u32 = 2;

struct Header {
    total: u64,
    entry_bytes: u64,
    count: u64,
    entries_at: u64,
    page: u32,
    version: u32,
}

struct Slot {
    offset: u64,
    bytes: u64,
    id: u32,
    revision: u32,
    custom: [u32; 4],
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let header = header(View(&head))?;
    let image = candidate.extent.clamp(0, header.total);
    let mut layout = Layout::new(image.clone());
    layout.consumed(0, HEADER_BYTES);
    layout.consumed(header.entries_at, header.count * header.entry_bytes);
    let mut slots = Vec::new();
    for number in 0..header.count {
        let slot = slot(&image, header.entries_at + number * header.entry_bytes)?;
        // Several boards may share one tree.
        let shared = slots.iter().any(|other: &Slot| other.offset == slot.offset);
        if slot.offset < HEADER_BYTES || slot.bytes == 0 {
            return Err(NotThis);
        }
        if !shared {
            layout.part(format!("dtb{number}"), slot.offset, slot.bytes);
        }
        slots.push(slot);
    }
    let laid = layout.finish();
    let (mut entries, faults) = (laid.entries, laid.faults);
    if header.version == 1 {
        for (number, slot) in slots.iter().enumerate() {
            unpack(&image, slot, &format!("dtb{number}"), &mut entries);
        }
    }
    let told: Vec<String> = slots.iter().map(describe).collect();
    let attributes = vec![
        ("version", header.version.to_string()),
        ("page-size", header.page.to_string()),
        ("entries", told.join("; ")),
    ];
    Ok(Opened { length: header.total, attributes, entries, faults, unread: None })
}

fn header(view: View<'_>) -> Result<Header, NotThis> {
    let word = |at| view.u32(at, Big);
    let header = Header {
        total: u64::from(word(4)?),
        entry_bytes: u64::from(word(12)?),
        count: u64::from(word(16)?),
        entries_at: u64::from(word(20)?),
        page: word(24)?,
        version: word(28)?,
    };
    let table = header.entries_at.saturating_add(header.count * header.entry_bytes);
    let plausible = word(8)? == 32
        && (ENTRY_BYTES..=256).contains(&header.entry_bytes)
        && (1..=ENTRIES_MAX).contains(&header.count)
        && header.entries_at >= HEADER_BYTES
        && header.version <= 1
        && table <= header.total;
    if plausible { Ok(header) } else { Err(NotThis) }
}

fn slot(image: &Extent, at: u64) -> Result<Slot, Fault> {
    let bytes = image.read(at, ENTRY_BYTES)?;
    let view = View(&bytes);
    let word = |at| view.u32(at, Big);
    Ok(Slot {
        bytes: u64::from(word(0)?),
        offset: u64::from(word(4)?),
        id: word(8)?,
        revision: word(12)?,
        custom: [word(16)?, word(20)?, word(24)?, word(28)?],
    })
}

/// Zlib data has no magic: an entry that says so is unpacked here. Gzip is found by itself.
fn unpack(image: &Extent, slot: &Slot, name: &str, entries: &mut [Entry]) {
    if slot.custom[0] & 0xf != COMPRESSION_ZLIB {
        return;
    }
    let input = image.clamp(slot.offset, slot.bytes);
    let entry = entries.iter_mut().find(|entry| entry.path.as_bytes() == name.as_bytes());
    if let Some(entry) = entry {
        let payload = crate::codec::payload(Codec::Zlib, &input, |_| false);
        entry.content = (payload.fault.is_none() && payload.consumed == input.len())
            .then_some(payload.extent)
            .or_else(|| entry.content.take());
    }
}

fn describe(slot: &Slot) -> String {
    let [flags, rest @ ..] = slot.custom;
    let packed = match flags & 0xf {
        COMPRESSION_ZLIB => ", zlib",
        COMPRESSION_GZIP => ", gzip",
        _ => "",
    };
    let custom: Vec<String> = rest.iter().map(|word| format!("{word:#x}")).collect();
    let (id, revision) = (slot.id, slot.revision);
    format!("id {id:#x}, revision {revision:#x}, custom {flags:#x} {}{packed}", custom.join(" "))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;
    use auscult_testkit::{stream, uboot::DeviceTreeNode};

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn table(version: u32, trees: &[(Vec<u8>, u32)]) -> Vec<u8> {
        let count = u32::try_from(trees.len()).unwrap();
        let total: usize = trees.iter().map(|tree| tree.0.len()).sum();
        let total = 32 + 32 * count + u32::try_from(total).unwrap();
        let mut bytes = Vec::new();
        for word in [0xd7b7_ab1e, total, 32, 32, count, 32, 2048, version] {
            bytes.extend(word.to_be_bytes());
        }
        let mut at = 32 + 32 * count;
        for (number, (tree, custom)) in (7..).zip(trees) {
            let size = u32::try_from(tree.len()).unwrap();
            for word in [size, at, number, 1, *custom, 0, 0, 0] {
                bytes.extend(word.to_be_bytes());
            }
            at += size;
        }
        for tree in trees {
            bytes.extend(&tree.0);
        }
        bytes
    }

    fn tree() -> Vec<u8> {
        DeviceTreeNode::new("").text("model", "Board").build()
    }

    #[test]
    fn trees_of_several_boards_are_parts() {
        let bytes = table(0, &[(tree(), 0), (tree(), 3)]);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/android-dtbo:/dtb1@0x0/dtb".to_owned()), "{found:?}");
        let entries = attribute(&tree, "android-dtbo", "entries").unwrap();
        assert!(entries.contains("id 0x8, revision 0x1, custom 0x3 0x0"), "{entries}");
        assert_eq!(tree.coverage().bytes_unread, 0);
        check(&bytes, 100);
    }

    #[test]
    fn packed_trees_are_unpacked() {
        let bytes = table(1, &[(stream::zlib(&tree()), 1), (stream::gzip(&tree()), 2)]);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let found = locators(&tree);
        for wanted in ["dtb0@0x0/dtb", "dtb1@0x0/gzip@0x0/dtb"] {
            let wanted = format!("image@0x0/android-dtbo:/{wanted}");
            assert!(found.contains(&wanted), "{found:?}");
        }
    }

    #[test]
    fn device_trees_of_the_compiler() {
        let folder = tempfile::tempdir().unwrap();
        let (source, blob) = (folder.path().join("a.dts"), folder.path().join("a.dtb"));
        fs::write(&source, "/dts-v1/; /plugin/; &uart { status = \"okay\"; };").unwrap();
        let arguments =
            ["-q", "-@", "-O", "dtb", "-o", blob.to_str().unwrap(), source.to_str().unwrap()];
        if crate::formats::testing::reference::run("dtc", &arguments) {
            let bytes = table(0, &[(fs::read(blob).unwrap(), 0)]);
            let tree = Tree::from_bytes(bytes, &Limits::default());
            assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 0));
        }
    }
}
