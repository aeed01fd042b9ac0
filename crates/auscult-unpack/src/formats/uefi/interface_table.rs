//! Intel's Firmware Interface Table (the "FIT BIOS Specification"): where a processor finds microcode, code that
//! runs before the BIOS, and policies, by their addresses. What they point to is found by itself.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "intel-fit", magics: &[Magic::start(b"_FIT_   ")], carve: true, open };

const ENTRY_BYTES: u64 = 16;
const ENTRIES_MAX: u64 = 256;
const CHECKSUM_VALID: u8 = 0x80;
const KINDS: &[(u8, &str)] = &[
    (0x01, "microcode"),
    (0x02, "startup-acm"),
    (0x03, "diagnostic-acm"),
    (0x04, "prot-boot-policy"),
    (0x07, "bios-startup-module"),
    (0x08, "tpm-policy"),
    (0x09, "bios-policy"),
    (0x0a, "txt-policy"),
    (0x0b, "key-manifest"),
    (0x0c, "boot-policy-manifest"),
    (0x10, "cse-secure-boot"),
    (0x2d, "feature-policy"),
    (0x2f, "debug-policy"),
    (0x7f, "unused"),
];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, ENTRY_BYTES)?;
    let view = View(&head);
    let size = |view: View<'_>| -> Result<u64, NotThis> {
        let [a, b, c] = view.array(8)?;
        Ok(u64::from(u32::from_le_bytes([a, b, c, 0])))
    };
    let count = size(view)?;
    let kind = view.u8(14)?;
    if !(1..=ENTRIES_MAX).contains(&count) || kind & 0x7f != 0 || view.u16(12, Little)? != 0x0100 {
        return Err(NotThis);
    }
    let length = count * ENTRY_BYTES;
    let table = candidate.extent.read(0, length)?;
    let mut attributes = Vec::new();
    if kind & CHECKSUM_VALID != 0 {
        let sum = table.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        attributes.push(("checksum", if sum == 0 { "verified" } else { "wrong" }.to_owned()));
    }
    let mut told = Vec::new();
    for entry in table.as_chunks::<16>().0.iter().skip(1) {
        let view = View(entry);
        let kind = view.u8(14)? & 0x7f;
        let known = KINDS.iter().find(|known| known.0 == kind);
        let name = known.map_or_else(|| format!("kind {kind:#04x}"), |known| known.1.to_owned());
        told.push(format!("{name} at {:#x}", view.u64(0, Little)?));
    }
    attributes.push(("entries", told.join("; ")));
    Ok(Opened { length, attributes, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn entries_are_told() {
        let mut bytes = b"_FIT_   \x02\0\0\0\0\x01\x80\0".to_vec();
        bytes.extend(0xffd0_0000_u64.to_le_bytes());
        bytes.extend([0, 0, 0, 0, 0, 1, 1, 0]);
        let sum = bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
        bytes[15] = 0_u8.wrapping_sub(sum);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "intel-fit", "entries").unwrap(), "microcode at 0xffd00000");
        assert_eq!(attribute(&tree, "intel-fit", "checksum").unwrap(), "verified");
        check(&bytes, 32);
    }
}
