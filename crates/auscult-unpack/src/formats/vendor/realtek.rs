//! Sections of firmware for Realtek's router chips, as the tools of its development kit (`cvimg`,
//! `fwupgrade`) and OpenWrt's loader describe them: kernels, file systems and web pages, each with
//! 16 bytes in front and a sum that comes out as zero. Most images are several of them in a row.
//!
//! Edimax has made its own header from it, with the model in it, as OpenWrt's `mkedimaximg` writes
//! it, and in both byte orders.

use crate::{
    Endian::{self, Big, Little},
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "realtek-section",
    magics: &[
        Magic::start(b"cs6c"),
        Magic::start(b"cr6c"),
        Magic::start(b"csys"),
        Magic::start(b"csro"),
        Magic::start(b"r6cr"),
        Magic::start(b"w6cg"),
        Magic::start(b"ALL1"),
        Magic::start(b"ALL2"),
    ],
    carve: true,
    open,
};

pub(crate) static EDIMAX: Format =
    Format { name: "edimax", magics: &[Magic::start(b"CSYS")], carve: true, open: open_edimax };

const HEADER_BYTES: u64 = 16;
const EDIMAX_BYTES: u64 = 20;
/// Flash chips of these routers have up to 32 MiB.
const SECTION_BYTES: std::ops::RangeInclusive<u64> = 16..=64 << 20;
const FLASH_BYTES_MAX: u32 = 128 << 20;
/// Where the processor (MIPS) sees memory and flash.
const ADDRESSES: std::ops::Range<u32> = 0x8000_0000..0xc000_0000;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (load, burn) = (view.u32(4, Big)?, view.u32(8, Big)?);
    let size = u64::from(view.u32(12, Big)?);
    let load_fits = load < FLASH_BYTES_MAX || ADDRESSES.contains(&load);
    if !SECTION_BYTES.contains(&size) || burn >= FLASH_BYTES_MAX || !load_fits {
        return Err(NotThis);
    }
    let (holds, algorithm) = match view.bytes(0, 4)? {
        b"cs6c" | b"csys" => ("kernel", Algorithm::Words16(Big)),
        b"cr6c" | b"csro" => ("kernel and file system", Algorithm::Words16(Big)),
        b"r6cr" => ("file system", Algorithm::Words16(Big)),
        b"w6cg" => ("web pages", Algorithm::Sum8),
        _ => ("whole flash", Algorithm::Words16(Big)),
    };
    let attributes = vec![
        ("section", holds.to_owned()),
        ("load-address", format!("{load:#010x}")),
        ("flash-offset", format!("{burn:#x}")),
    ];
    Ok(section(&candidate.extent, HEADER_BYTES, size, algorithm, attributes))
}

fn open_edimax(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, EDIMAX_BYTES)?;
    let view = View(&head);
    // The order is the one in which the length makes sense.
    let fits = |endian: &Endian| {
        let size = view.u32(16, *endian).map_or(0, u64::from);
        SECTION_BYTES.contains(&size) && size <= candidate.extent.len()
    };
    let endian = [Little, Big].into_iter().find(fits).ok_or(NotThis)?;
    let model = view.bytes(12, 4)?;
    if !model.iter().all(u8::is_ascii_graphic) {
        return Err(NotThis);
    }
    let attributes = vec![
        ("model", text_of(model)),
        ("load-address", format!("{:#010x}", view.u32(4, endian)?)),
        ("flash-offset", format!("{:#x}", view.u32(8, endian)?)),
    ];
    let size = u64::from(view.u32(16, endian)?);
    let algorithm = Algorithm::Words16(endian);
    Ok(section(&candidate.extent, EDIMAX_BYTES, size, algorithm, attributes))
}

/// A section behind a header of so many bytes. Its last bytes make its sum come out as zero.
fn section(
    extent: &Extent,
    header_bytes: u64,
    size: u64,
    algorithm: Algorithm,
    mut attributes: Vec<(&'static str, String)>,
) -> Opened {
    let length = header_bytes + size;
    let body = extent.clamp(header_bytes, size);
    let zero = vec![0; algorithm.width()];
    let verdict = check("the section", algorithm, &zero, &body, size, header_bytes);
    let mut layout = Layout::disjoint(extent.clamp(0, length));
    layout.consumed(0, header_bytes);
    layout.part("", header_bytes, size);
    let mut laid = layout.finish();
    verdict.tell("checksum", &mut attributes, &mut laid.faults);
    Opened { length, attributes, entries: laid.entries, faults: laid.faults, unread: None }
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, locators},
            reference::assert_survives_damage,
        },
    };

    fn section(signature: &[u8], body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        if signature == b"w6cg" {
            let sum = body.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
            body.push(sum.wrapping_neg());
        } else {
            body.resize(body.len().next_multiple_of(2), 0);
            let words = body.as_chunks::<2>().0.iter().map(|&word| u16::from_be_bytes(word));
            let sum = words.fold(0_u16, u16::wrapping_add);
            body.extend(sum.wrapping_neg().to_be_bytes());
        }
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(signature).u32(0x8050_0000).u32(0x20000);
        writer.u32(u32::try_from(body.len()).unwrap()).bytes(&body);
        writer.finish()
    }

    #[test]
    fn sections_stand_in_a_row() {
        let bytes = [
            section(b"w6cg", b"pages of the router's server"),
            section(b"cs6c", b"a kernel and what loads it"),
            section(b"r6cr", b"hsqs and so on and so forth"),
        ]
        .concat();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let found = locators(&tree);
        let sections = found.iter().filter(|one| one.contains("realtek-section@0x0")).count();
        assert_eq!(sections, 3, "{found:?}");
        assert_eq!(attribute(&tree, "realtek-section", "section").unwrap(), "web pages");
        assert_eq!(attribute(&tree, "realtek-section", "checksum").unwrap(), "verified");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_survives_damage(&bytes, 48, 5);
    }

    #[test]
    fn a_wrong_sum_is_told() {
        let mut bytes = section(b"cr6c", b"a kernel and its file system");
        bytes[20] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "realtek-section", "checksum").unwrap(), "wrong");
        assert!(tree.problems()[0].what.contains("section"), "{:?}", tree.problems());
    }

    #[test]
    fn edimax_in_both_byte_orders() {
        for endian in [Endian::Little, Endian::Big] {
            let mut body = b"a kernel and a file system".to_vec();
            let words = body.as_chunks::<2>().0.iter().map(|&word| match endian {
                Endian::Little => u16::from_le_bytes(word),
                Endian::Big => u16::from_be_bytes(word),
            });
            let mut sum = Writer::new(endian);
            sum.u16(words.fold(0_u16, u16::wrapping_sub));
            body.extend(sum.finish());
            let mut writer = Writer::new(endian);
            writer.bytes(b"CSYS").u32(0x0110_0000).u32(0x7_0000).bytes(b"RN67");
            writer.u32(u32::try_from(body.len()).unwrap()).bytes(&body);
            let bytes = writer.finish();
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            assert_eq!(attribute(&tree, "edimax", "model").unwrap(), "RN67");
            assert_eq!(attribute(&tree, "edimax", "flash-offset").unwrap(), "0x70000");
            assert_eq!(attribute(&tree, "edimax", "checksum").unwrap(), "verified");
            assert_survives_damage(&bytes, 20, 5);
        }
    }
}
