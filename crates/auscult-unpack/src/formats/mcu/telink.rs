//! Firmware for Telink's chips: a mark and the length at fixed places of the start-up code, a CRC-32 at the
//! end (`tl_check_fw2` and the start-up code of Telink's SDKs).

use crate::{
    Endian::Little,
    Entry, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "telink", magics: &[Magic::at(8, b"KNLT")], carve: true, open };

const LENGTH_AT: usize = 0x18;
const IMAGE_BYTES: std::ops::RangeInclusive<u64> = 256..=(16 << 20);

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, 64)?;
    let view = View(&head);
    let length = u64::from(view.u32(LENGTH_AT, Little)?);
    if !IMAGE_BYTES.contains(&length) || length > extent.len() {
        return Err(NotThis);
    }
    // The last word is the checksum, not inverted at the end; builds without it have none.
    let covered = length - 4;
    let stored = View(&extent.read(covered, 4)?).u32(0, Little)?;
    let computed = !Crc32::of_extent(&extent.clamp(0, covered))?;
    let state = if agrees(stored, computed) { "verified" } else { "none, or wrong" };
    let mut attributes = vec![("crc32", state.to_owned())];
    let version = view.u32(2, Little)?;
    attributes.push(("version", format!("{version:#010x}")));
    let word = |at| view.u16(at, Little).map(|word| format!("{word:#06x}"));
    attributes.push(("manufacturer", word(0x12)?));
    attributes.push(("image-type", word(0x14)?));
    // The mark itself is left out, or the firmware would be found in itself.
    let code = Entry::part(&b"code"[..], extent.clamp(32, length - 32));
    Ok(Opened { length, attributes, entries: vec![code], ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::checksum::crc32;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn a_firmware_whose_checksum_holds() {
        let mut bytes = vec![0x26; 600];
        bytes[2..6].copy_from_slice(&0x0102_0304_u32.to_le_bytes());
        bytes[8..12].copy_from_slice(b"KNLT");
        bytes[0x18..0x1c].copy_from_slice(&604_u32.to_le_bytes());
        let crc = !crc32(&bytes);
        bytes.extend(crc.to_le_bytes());
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "telink", "crc32").unwrap(), "verified");
        assert_eq!(attribute(&tree, "telink", "version").unwrap(), "0x01020304");
        check(&bytes, 32);
    }
}
