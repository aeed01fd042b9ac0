//! Images for Espressif's ESP8266 (`esptool`'s documentation, "Firmware Image Format"): the first version
//! as its ROM boots it, and the second for the maker's own boot loader, which puts the code that runs
//! from flash in front of it.

use super::{SECTOR_BYTES, segments};
use crate::{
    Endian::Little,
    Entry, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(in crate::formats::mcu) static FORMAT: Format =
    Format { name: "esp8266", magics: &[Magic::start(&[0xe9])], carve: true, open };

/// The second version, whose first header counts always four segments.
pub(in crate::formats::mcu) static SECOND: Format = Format {
    name: "esp8266-v2",
    magics: &[Magic::start(&[0xea, 4])],
    carve: true,
    open: open_second,
};

const HEADER_BYTES: u64 = 8;
/// Memory of the chip: data, instructions, and the flash that it maps.
const MEMORY: std::ops::Range<u32> = 0x3ffe_8000..0x4030_0000;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    if !candidate.offset.is_multiple_of(SECTOR_BYTES) {
        return Err(NotThis);
    }
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let entry_point = view.u32(4, Little)?;
    let segments = segments(&candidate.extent, HEADER_BYTES, view.u8(1)?)?;
    let plausible = view.u8(2)? <= 3
        && MEMORY.contains(&entry_point)
        && segments.addresses.iter().all(|address| MEMORY.contains(address));
    if !plausible {
        return Err(NotThis);
    }
    let attributes = vec![("entry-point", format!("{entry_point:#010x}"))];
    Ok(Opened { length: segments.end, attributes, entries: segments.entries, ..Opened::default() })
}

/// A header, the code that stays in flash, then a header and segments of the first version, and a
/// checksum over all of it.
fn open_second(candidate: &Candidate) -> Result<Opened, NotThis> {
    if !candidate.offset.is_multiple_of(SECTOR_BYTES) {
        return Err(NotThis);
    }
    let extent = &candidate.extent;
    let head = extent.read(0, 2 * HEADER_BYTES)?;
    let view = View(&head);
    let (entry_point, address) = (view.u32(4, Little)?, view.u32(8, Little)?);
    let flash_bytes = u64::from(view.u32(12, Little)?);
    if address != 0 || !MEMORY.contains(&entry_point) || flash_bytes > 1 << 20 {
        return Err(NotThis);
    }
    let second = 2 * HEADER_BYTES + flash_bytes;
    let inner = extent.read(second, HEADER_BYTES)?;
    if View(&inner).u8(0)? != 0xe9 {
        return Err(NotThis);
    }
    // The checksum of the segments counts from the second header on.
    let rest = extent.from(second);
    let segments = segments(&rest, HEADER_BYTES, View(&inner).u8(1)?)?;
    let mut length = second + segments.end;
    let mut attributes = vec![("entry-point", format!("{entry_point:#010x}"))];
    if let Ok(stored) = extent.read(length, 4) {
        let stored = View(&stored).u32(0, Little)?;
        let computed = Crc32::of_extent(&extent.clamp(0, length))?;
        // The loader's own checksum counts down from a number whose top bit is not set.
        let expected = if computed >> 31 == 1 { !computed } else { computed + 1 };
        if agrees(stored, expected) {
            attributes.push(("crc32", "verified".to_owned()));
            length += 4;
        }
    }
    let code = extent.clamp(2 * HEADER_BYTES, flash_bytes);
    let mut entries = vec![Entry::part(&b"code"[..], code)];
    entries.extend(segments.entries);
    Ok(Opened { length, attributes, entries, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn first() -> Vec<u8> {
        let mut bytes = vec![0xe9, 2, 2, 0x40];
        bytes.extend(0x4010_0004_u32.to_le_bytes());
        let mut sum = 0xef;
        for (address, data) in [(0x4010_0000_u32, [7; 64]), (0x3ffe_8000, [9; 64])] {
            bytes.extend(address.to_le_bytes());
            bytes.extend(64_u32.to_le_bytes());
            bytes.extend(data);
            sum = data.iter().fold(sum, |sum, byte| sum ^ byte);
        }
        bytes.resize((bytes.len() | 15) + 1, 0);
        *bytes.last_mut().unwrap() = sum;
        bytes
    }

    #[test]
    fn segments_of_the_first_version_are_parts() {
        let tree = Tree::from_bytes(first(), &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/esp8266:/segment1-0x3ffe8000".to_owned()), "{found:?}");
        assert_eq!(attribute(&tree, "esp8266", "entry-point").unwrap(), "0x40100004");
        check(&first(), 24);
    }

    #[test]
    fn the_second_version_puts_code_in_front() {
        let mut bytes = vec![0xea, 4, 2, 0x40];
        bytes.extend(0x4010_0004_u32.to_le_bytes());
        bytes.extend(0_u32.to_le_bytes());
        bytes.extend(32_u32.to_le_bytes());
        bytes.extend([0x55; 32]);
        bytes.extend(first());
        let crc = auscult_testkit::checksum::crc32(&bytes);
        let crc = if crc >> 31 == 1 { !crc } else { crc + 1 };
        bytes.extend(crc.to_le_bytes());
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let (part, _) = tree.resolve(&"image@0x0/esp8266-v2:/code".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), [0x55; 32][..]);
        assert_eq!(attribute(&tree, "esp8266-v2", "crc32").unwrap(), "verified");
        check(&bytes, 60);
    }
}
