//! Applications for the boot loaders of Cypress, now Infineon: `.cyacd` (AN60317, appendix "File Format") and
//! `.cyacd2` (PSoC 6's "Device Firmware Update SDK"): a line of hexadecimal digits about the chip, then
//! rows of flash.
//!
//! The first line has no mark: it is recognised by its rows, whose checksums must hold.

use super::memory::{self, Memory, line, unhex};
use crate::{
    Endian::Little,
    View,
    probe::{Found, Probe, Region},
};

pub(crate) static PROBE: Probe = Probe { name: "cyacd", find };

/// Rows of a file that is more than chance.
const ROWS_MIN: usize = 2;
/// Digits of the first line of either version.
const FIRST_DIGITS: usize = 12;
const SECOND_DIGITS: usize = 24;

fn find(region: &Region) -> Vec<Found> {
    let Ok(head) = region.code.read_up_to(0, 32) else { return Vec::new() };
    let digits = head.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if ![FIRST_DIGITS, SECOND_DIGITS].contains(&digits) {
        return Vec::new();
    }
    let Ok(text) = region.code.read_up_to(0, memory::TEXT_BYTES_MAX) else { return Vec::new() };
    let Some(memory) = parse(&text) else { return Vec::new() };
    let source = region.code.clamp(0, u64::try_from(memory.text_bytes).unwrap_or(0));
    vec![Found { offset: 0, opened: memory::opened(&source, memory, parse) }]
}

fn parse(text: &[u8]) -> Option<Memory> {
    let (head, mut at) = line(text, 0)?;
    let chip = unhex(head)?;
    let second = match head.len() {
        FIRST_DIGITS => false,
        SECOND_DIGITS => true,
        _ => return None,
    };
    let attributes = if second { about_second(&chip)? } else { about_first(&chip)? };
    let mut memory = Memory { attributes, ..Memory::default() };
    let mut rows = 0;
    while let Some((line, next)) = line(text, at) {
        // Notes about the application and its encryption.
        if !line.starts_with(b"@") {
            let Some((address, data)) = line.strip_prefix(b":").and_then(|row| {
                let bytes = unhex(row)?;
                if second { second_row(&bytes) } else { first_row(&bytes) }
            }) else {
                break;
            };
            memory.store(address, &data)?;
            rows += 1;
        }
        at = next;
    }
    memory.text_bytes = at;
    memory.attributes.push(("rows", rows.to_string()));
    (rows >= ROWS_MIN).then_some(memory)
}

/// The chip's number and revision, and the kind of checksum of the boot loader's packets.
fn about_first(chip: &[u8]) -> Option<Vec<(&'static str, String)>> {
    let &[a, b, c, d, revision, checksum] = chip else { return None };
    let silicon = u32::from_be_bytes([a, b, c, d]);
    (checksum <= 1).then(|| {
        vec![
            ("format-version", "1".to_owned()),
            ("silicon-id", format!("{silicon:#010x}")),
            ("silicon-revision", revision.to_string()),
        ]
    })
}

/// The file's version; then as before, with the least significant byte first, and the application.
fn about_second(chip: &[u8]) -> Option<Vec<(&'static str, String)>> {
    let view = View(chip);
    let silicon = view.u32(1, Little).ok()?;
    let [revision, checksum, application] = view.array(5).ok()?;
    let product = view.u32(8, Little).ok()?;
    (view.u8(0).ok()? == 1 && checksum <= 1).then(|| {
        vec![
            ("format-version", "2".to_owned()),
            ("silicon-id", format!("{silicon:#010x}")),
            ("silicon-revision", revision.to_string()),
            ("application", application.to_string()),
            ("product-id", format!("{product:#010x}")),
        ]
    })
}

/// Array, row, length, data and the two's complement of their sum. Rows have no address: an array is
/// 64 KiB of rows as long as this one.
fn first_row(bytes: &[u8]) -> Option<(u64, Vec<u8>)> {
    let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
    let (&[array, r0, r1, l0, l1], rest) = bytes.split_first_chunk::<5>()?;
    let (_, data) = rest.split_last()?;
    let length = u16::from_be_bytes([l0, l1]);
    if sum != 0 || data.len() != usize::from(length) {
        return None;
    }
    let row = u64::from(u16::from_be_bytes([r0, r1]));
    Some(((u64::from(array) << 24) + row * u64::from(length), data.to_vec()))
}

/// The address, least significant byte first, and data.
fn second_row(bytes: &[u8]) -> Option<(u64, Vec<u8>)> {
    let (address, data) = bytes.split_first_chunk::<4>()?;
    (!data.is_empty()).then(|| (u64::from(u32::from_le_bytes(*address)), data.to_vec()))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    fn row(number: u16, data: &[u8]) -> String {
        let length = u16::try_from(data.len()).unwrap();
        let mut bytes = vec![0];
        bytes.extend(number.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend(data);
        let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        bytes.push(0_u8.wrapping_sub(sum));
        format!(":{}\r\n", crate::digest::hex(&bytes).to_uppercase())
    }

    #[test]
    fn rows_of_the_first_version() {
        let text = format!("04C811931100\r\n{}{}", row(16, &[1; 128]), row(17, &[2; 128]));
        let tree = Tree::from_bytes(text.clone().into_bytes(), &Limits::default());
        let (part, _) = tree.resolve(&"image@0x0/cyacd:/0x00000800".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), [[1; 128], [2; 128]].concat());
        assert_eq!(attribute(&tree, "cyacd", "silicon-id").unwrap(), "0x04c81193");
        check(text.as_bytes(), 40);
    }

    #[test]
    fn rows_of_the_second_version() {
        let text = "01031C15E2210001A0B0C0D0\r\n@APPINFO:0x10040000,0x8\r\n\
                    :0000041001020304\r\n:0400041005060708\r\n";
        let tree = Tree::from_bytes(text.as_bytes(), &Limits::default());
        let (part, _) = tree.resolve(&"image@0x0/cyacd:/0x10040000".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), [1, 2, 3, 4, 5, 6, 7, 8][..]);
        assert_eq!(attribute(&tree, "cyacd", "product-id").unwrap(), "0xd0c0b0a0");
    }
}
