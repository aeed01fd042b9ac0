//! Expansion ROMs of PCI devices (PCI Firmware Specification 3.3, section 5), for the BIOS and for UEFI
//! (UEFI specification 2.10, section 14.2). Images for UEFI hold a program, plain or packed.

use crate::{
    Endian::Little,
    Entry, View,
    codec::{Codec, payload},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

pub(crate) static FORMAT: Format =
    Format { name: "option-rom", magics: &[Magic::start(&[0x55, 0xaa])], carve: true, open };

const BLOCK_BYTES: u64 = 512;
const EFI_SIGNATURE: u32 = 0x0ef1;
const KINDS: &[(u8, &str)] = &[(0, "x86"), (1, "open-firmware"), (2, "pa-risc"), (3, "efi")];
const LAST_IMAGE: u8 = 0x80;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, 0x20)?;
    let view = View(&head);
    let data_at = u64::from(view.u16(0x18, Little)?);
    if !(0x1a..0x1000).contains(&data_at) {
        return Err(NotThis);
    }
    let data = extent.read(data_at, 24)?;
    let device = View(&data);
    let length = u64::from(device.u16(16, Little)?) * BLOCK_BYTES;
    let (kind, indicator) = (device.u8(20)?, device.u8(21)?);
    let plausible =
        device.bytes(0, 4)? == b"PCIR" && length > data_at && matches!(indicator, 0 | LAST_IMAGE);
    if !plausible {
        return Err(NotThis);
    }
    let named = KINDS.iter().find(|named| named.0 == kind).ok_or(NotThis)?.1;
    let [interface, subclass, class] = device.array(13)?;
    let mut attributes = vec![
        ("vendor-id", format!("{:#06x}", device.u16(4, Little)?)),
        ("device-id", format!("{:#06x}", device.u16(6, Little)?)),
        ("class", format!("{class:02x}{subclass:02x}{interface:02x}")),
        ("code", named.to_owned()),
        ("revision", device.u16(18, Little)?.to_string()),
        ("last-image", (indicator == LAST_IMAGE).to_string()),
    ];
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    if named == "efi" && view.u32(4, Little)? == EFI_SIGNATURE {
        let compression = view.u16(12, Little)?;
        let offset = u64::from(view.u16(0x16, Little)?);
        attributes.push(("compressed", (compression == 1).to_string()));
        let program = extent.clamp(offset, length.saturating_sub(offset));
        let content = if compression == 1 {
            let unpacked = payload(Codec::Efi, &program, |_| false);
            faults.extend(unpacked.fault);
            unpacked.extent
        } else {
            program
        };
        entries.push(Entry::part(&b"program"[..], content));
    }
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn rom(kind: u8) -> Vec<u8> {
        let mut bytes = vec![0x55, 0xaa, 2, 0, 0xf1, 0x0e, 0, 0, 11, 0, 0x64, 0x86, 0, 0];
        bytes.resize(0x16, 0);
        bytes.extend([0x40, 0, 0x1c, 0]);
        bytes.resize(0x1c, 0);
        bytes.extend(b"PCIR\x86\x80\x13\x15\0\0\x18\0\0\0\0\x02");
        bytes.extend([2, 0, 5, 0, kind, 0x80, 0, 0]);
        bytes.resize(0x40, 0);
        bytes.extend(b"MZ program");
        bytes.resize(1024, 0);
        bytes
    }

    #[test]
    fn a_rom_tells_its_device() {
        let mut bytes = vec![7; 3];
        bytes.extend(rom(0));
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let told = |key| attribute(&tree, "option-rom", key).unwrap();
        assert_eq!((told("vendor-id"), told("device-id")), ("0x8086".into(), "0x1513".into()));
        assert_eq!((told("class"), told("code")), ("020000".into(), "x86".into()));
        assert_eq!(tree.coverage().bytes_read, 1024);
        let tree = Tree::from_bytes(rom(3), &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/option-rom:/program".to_owned()), "{found:?}");
        check(&rom(3), 0x40);
    }
}
