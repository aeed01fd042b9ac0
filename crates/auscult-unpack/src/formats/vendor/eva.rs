//! Kernels for AVM's boot loader EVA, as OpenWrt's `lzma2eva` writes them: records with a load
//! address, and in them LZMA with the length in another place. Devices with two processors have two
//! records, one behind the other.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    bare_lzma,
    check::{Algorithm, check},
    layout::Layout,
};

pub(crate) static FORMAT: Format = Format {
    name: "eva-kernel",
    magics: &[
        Magic::start(&[0x81, 0x12, 0xed, 0xfe]),
        // The kernel of the second processor.
        Magic::start(&[0x07, 0xb0, 0xed, 0xfe]),
    ],
    carve: true,
    open,
};

const RECORD_BYTES: u64 = 12;
const TRAILER_BYTES: u64 = 12;
/// Behind the record's head: type, packed length, unpacked length, checksum, LZMA's properties.
const PACKED_BYTES: u64 = 24;
const PACKED_TYPE: u32 = 0x075a_0201;
const KERNEL_BYTES_MAX: u64 = 64 << 20;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, RECORD_BYTES + PACKED_BYTES)?;
    let view = View(&head);
    let (payload, address) = (u64::from(view.u32(4, Little)?), view.u32(8, Little)?);
    let (packed, unpacked) = (u64::from(view.u32(16, Little)?), u64::from(view.u32(20, Little)?));
    let padded = view.bytes(33, 3)? == [0; 3];
    let sizes = packed > 13 && payload >= packed + PACKED_BYTES && payload <= KERNEL_BYTES_MAX;
    if view.u32(12, Little)? != PACKED_TYPE || !padded || !sizes || unpacked > KERNEL_BYTES_MAX {
        return Err(NotThis);
    }
    let start = RECORD_BYTES + PACKED_BYTES;
    let length = RECORD_BYTES + payload + TRAILER_BYTES;
    let image = candidate.extent.clamp(0, length);
    let stream = image.clamp(start, packed);
    let mut stored = view.array::<4>(24)?;
    stored.reverse();
    let verdict = check("the kernel", Algorithm::Crc32, &stored, &stream, packed, start);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, start);
    layout.part("kernel", start, packed);
    layout.consumed(RECORD_BYTES + payload, TRAILER_BYTES);
    let mut laid = layout.finish();
    let content = bare_lzma::of_length(&image.clamp(28, 5), unpacked, stream);
    for entry in &mut laid.entries {
        if entry.path.as_bytes() == b"kernel" {
            entry.content = Some(content.clone());
        }
    }
    let mut attributes = vec![("load-address", format!("{address:#010x}"))];
    if let Ok(trailer) = image.read(RECORD_BYTES + payload, TRAILER_BYTES) {
        let entry = View(&trailer).u32(8, Little)?;
        attributes.push(("entry-point", format!("{entry:#010x}")));
    }
    verdict.tell("checksum", &mut attributes, &mut laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults: laid.faults, unread: None })
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

    fn record(magic: u32, kernel: &[u8]) -> Vec<u8> {
        let alone = stream::lzma_alone(kernel);
        let packed = &alone[13..];
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut writer = Writer::new(Endian::Little);
        writer.u32(magic).u32(size(packed) + 24).u32(0x9400_0000).u32(0x075a_0201);
        writer.u32(size(packed)).u32(size(kernel)).u32(crc32(packed));
        writer.bytes(&alone[..5]).fill(0, 3).bytes(packed).u32(0).u32(0).u32(0x9400_4000);
        writer.finish()
    }

    #[test]
    fn kernels_of_both_processors_are_unpacked() {
        let (first, second) = (noise(2000).repeat(2), noise(1000).repeat(2));
        let bytes = [record(0xfeed_1281, &first), record(0xfeed_b007, &second)].concat();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let at = record(0xfeed_1281, &first).len();
        for (offset, kernel) in [(0, first), (at, second)] {
            let path = format!("image@{offset:#x}/eva-kernel:/kernel").parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), kernel);
        }
        assert_eq!(attribute(&tree, "eva-kernel", "entry-point").unwrap(), "0x94004000");
        assert_eq!(attribute(&tree, "eva-kernel", "checksum").unwrap(), "verified");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 60, 97);
    }
}
