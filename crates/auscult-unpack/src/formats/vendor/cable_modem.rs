//! What cable modems with Broadcom's chips keep in flash: images behind the header that Broadcom's
//! `ProgramStore` writes, as `bcm2-utils` describes it. Kernels packed with LZMA are unpacked; the
//! other packings (LZ, LZO, NRV2D) are said by name.

use crate::{
    Endian::Big,
    Entry, Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats,
};

use crate::formats::support::{
    bare_lzma,
    check::{Algorithm, check},
    date::iso_8601,
    layout::text_of,
};

/// The signature differs from board to board. What all have in common is a load address in the part
/// of memory that the kernel of a MIPS processor sees; an image is sought only where bytes start, and
/// its header's checksum must hold.
pub(crate) static FORMAT: Format = Format {
    name: "program-store",
    magics: &[
        Magic::at(16, &[0x80]),
        Magic::at(16, &[0x81]),
        Magic::at(16, &[0x82]),
        Magic::at(16, &[0x83]),
        Magic::at(16, &[0x84]),
        Magic::at(16, &[0x85]),
        Magic::at(16, &[0x86]),
        Magic::at(16, &[0x87]),
    ],
    carve: false,
    open,
};

const HEADER_BYTES: u64 = 92;
const OWN_SUM: usize = 84;
const IMAGE_BYTES_MAX: u64 = 64 << 20;
const PACKINGS: &[&str] = &["none", "LZ", "LZO", "reserved", "NRV2D", "LZMA"];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let own = Algorithm::Crc16Genibus;
    let covered = extent.clamp(0, HEADER_BYTES - 8);
    let verdict = check("the header", own, view.bytes(OWN_SUM, 2)?, &covered, HEADER_BYTES - 8, 0);
    let (name, size) = (view.text(20, 48)?, u64::from(view.u32(12, Big)?));
    let named = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    let packing = *PACKINGS.get(usize::from(view.u16(2, Big)? & 7)).ok_or(NotThis)?;
    let sizes = (1..=IMAGE_BYTES_MAX).contains(&size);
    if verdict.fault().is_some() || !named || !sizes {
        return Err(NotThis);
    }
    let mut opened = Opened { length: HEADER_BYTES + size, ..Opened::default() };
    opened.attributes = vec![
        ("signature", format!("{:#06x}", view.u16(0, Big)?)),
        ("version", format!("{}.{}", view.u16(4, Big)?, view.u16(6, Big)?)),
        ("built", iso_8601(i64::from(view.u32(8, Big)?))),
        ("load-address", format!("{:#010x}", view.u32(16, Big)?)),
        ("name", text_of(name)),
        ("compression", packing.to_owned()),
    ];
    opened.entries.push(entry(packing, extent.clamp(HEADER_BYTES, size)));
    Ok(opened)
}

fn entry(packing: &str, image: Extent) -> Entry {
    if packing == "none" {
        return Entry::payload(image);
    }
    if packing == "LZMA" {
        // With the usual header the stream is opened as any other.
        if formats::open_as("lzma", &image).is_some() {
            return Entry::payload(image);
        }
        if let Some(unpacked) = bare_lzma::unpacked(&image) {
            return Entry::payload(unpacked);
        }
    }
    let bytes = image.len();
    Entry::payload(image).unreadable(bytes, format!("packed with {packing}"))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, stream};

    use crate::{
        Tree,
        formats::{
            support::check::Algorithm,
            testing::{
                hostile::{attribute, noise},
                reference::assert_survives_damage,
            },
        },
    };

    fn image(packing: u16, body: &[u8]) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Big);
        writer.u16(0xa825).u16(packing).u16(5).u16(1).u32(1_300_000_000);
        writer.u32(u32::try_from(body.len()).unwrap()).u32(0x8000_4000);
        writer.field("modem_software.bin", 48).fill(0, 8).u32(0).u32(0);
        let own = Algorithm::Crc16Genibus.number(writer.as_slice());
        writer.u16(u16::try_from(own).unwrap()).u16(0).u32(0).bytes(body);
        writer.finish()
    }

    #[test]
    fn images_are_unpacked_or_said_to_be_packed() {
        let kernel = noise(3000).repeat(2);
        let alone = stream::lzma_alone(&kernel);
        let bare = [&alone[..5], &alone[13..]].concat();
        for (packing, body, packed) in
            [(0, &kernel, "none"), (5, &bare, "LZMA"), (4, &kernel, "NRV2D")]
        {
            let bytes = image(packing, body);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(attribute(&tree, "program-store", "compression").unwrap(), packed);
            let (node, _) = tree.resolve(&"image@0x0/program-store".parse().unwrap()).unwrap();
            assert!(tree.bytes(node).unwrap().starts_with(&kernel));
            assert_survives_damage(&bytes, 92, 113);
        }
        let tree = Tree::from_bytes(image(5, &alone), &Limits::default());
        assert_eq!(attribute(&tree, "program-store", "compression").unwrap(), "LZMA");
        let (node, _) = tree.resolve(&"image@0x0/program-store@0x0/lzma".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), kernel);
    }
}
