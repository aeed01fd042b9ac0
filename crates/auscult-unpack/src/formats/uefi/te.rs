//! Terse executables (UEFI Platform Initialization 1.8, volume 1, section 15): programs of the early phases,
//! whose headers are cut down from those of PE files.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::boot::pe::{machine, subsystem},
};

pub(crate) static FORMAT: Format =
    Format { name: "te", magics: &[Magic::start(b"VZ")], carve: true, open };

const HEADER_BYTES: u64 = 40;
const SECTION_BYTES: usize = 40;
const SECTIONS_MAX: u8 = 32;
const PROGRAM_BYTES_MAX: u64 = 64 << 20;
/// Programs for EFI.
const SUBSYSTEMS: std::ops::RangeInclusive<u8> = 10..=13;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let machine = machine(view.u16(2, Little)?).ok_or(NotThis)?;
    let (count, kind) = (view.u8(4)?, view.u8(5)?);
    // What was cut off in front counts in every offset.
    let stripped = u64::from(view.u16(6, Little)?);
    let (entry, base) = (view.u32(8, Little)?, view.u64(16, Little)?);
    let plausible = (1..=SECTIONS_MAX).contains(&count)
        && SUBSYSTEMS.contains(&kind)
        && stripped >= HEADER_BYTES;
    if !plausible {
        return Err(NotThis);
    }
    let table = extent.read(HEADER_BYTES, u64::from(count) * 40)?;
    let mut length = HEADER_BYTES + u64::from(count) * 40;
    for section in table.chunks_exact(SECTION_BYTES) {
        let section = View(section);
        let (size, offset) =
            (u64::from(section.u32(16, Little)?), u64::from(section.u32(20, Little)?));
        let end = (offset + size).checked_sub(stripped - HEADER_BYTES).ok_or(NotThis)?;
        let printable = section.text(0, 8)?.iter().all(u8::is_ascii_graphic);
        if end > PROGRAM_BYTES_MAX || !printable || size > 0 && offset < stripped {
            return Err(NotThis);
        }
        length = length.max(end);
    }
    let attributes = vec![
        ("machine", machine.to_owned()),
        ("subsystem", subsystem(u16::from(kind))),
        ("entry-point", format!("{:#x}", base.saturating_add(u64::from(entry)))),
    ];
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
    fn a_program_claims_its_sections() {
        let mut bytes = b"VZ\x64\x86\x01\x0b\xb8\x01".to_vec();
        for word in [0x1000_u32, 0x1000, 0xff00_0000, 0, 0, 0, 0, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(b".text\0\0\0");
        // The section's bytes stand at 0x1e0 of the whole file.
        for word in [32_u32, 0x1000, 32, 0x1e0, 0, 0, 0, 0x6000_0020] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.resize(80, 0);
        bytes.extend([0xcc; 32]);
        let length = bytes.len() as u64;
        bytes.extend(b"behind");
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "te", "entry-point").unwrap(), "0xff001000");
        assert_eq!(attribute(&tree, "te", "subsystem").unwrap(), "efi-boot-driver");
        assert_eq!(tree.coverage().bytes_read, length);
        check(&bytes, 60);
    }
}
