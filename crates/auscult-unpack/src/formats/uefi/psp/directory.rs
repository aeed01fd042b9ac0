//! Directories (`$PSP`, `$PL2` of programs, `$BHD`, `$BL2` of the BIOS, `2PSP` and `2BHD` of other directories),
//! whose checksum is Fletcher's. Places are addresses, or count from the start of the flash or the directory.
//!
//! Entries that lie behind the directory become its parts; those in front of it are told.

use crate::{
    Endian::Little,
    View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::Layout,
};

pub(in crate::formats::uefi) static FORMAT: Format = Format {
    name: "amd-psp-directory",
    magics: &[
        Magic::start(b"$PSP"),
        Magic::start(b"$PL2"),
        Magic::start(b"$BHD"),
        Magic::start(b"$BL2"),
        Magic::start(b"2PSP"),
        Magic::start(b"2BHD"),
    ],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 16;
const COMBINED_HEADER_BYTES: u64 = 32;
const ENTRIES_MAX: u64 = 256;
/// Flash is mapped below 4 GiB: of an address the bits of its size count.
const FLASH_MASK: u64 = 0x00ff_ffff;
/// A directory and what belongs to it lie close together.
const REACH_BYTES: u64 = 16 << 20;
const SIZE_VALUE: u64 = 0xffff_ffff;

const PROGRAMS: &[(u8, &str)] = &[
    (0x00, "amd-public-key"),
    (0x01, "psp-bootloader"),
    (0x02, "psp-secure-os"),
    (0x03, "psp-recovery-bootloader"),
    (0x04, "psp-data"),
    (0x05, "oem-public-key"),
    (0x06, "oem-signature"),
    (0x08, "smu-firmware"),
    (0x09, "secure-debug-key"),
    (0x0a, "oem-secure-debug"),
    (0x0b, "soft-fuses"),
    (0x0c, "trustlet"),
    (0x0d, "trustlet-key"),
    (0x12, "smu-firmware-2"),
    (0x13, "debug-unlock"),
    (0x1a, "psp-s3-data"),
    (0x21, "wrapped-ikek"),
    (0x22, "token-unlock"),
    (0x24, "security-gasket"),
    (0x25, "mp2-firmware"),
    (0x28, "system-driver"),
    (0x2a, "smu-microcode-patch"),
    (0x2d, "s0i3-driver"),
    (0x30, "abl0"),
    (0x31, "abl1"),
    (0x32, "abl2"),
    (0x33, "abl3"),
    (0x34, "abl4"),
    (0x35, "abl5"),
    (0x36, "abl6"),
    (0x37, "abl7"),
    (0x40, "second-level-directory"),
    (0x50, "key-database"),
];
const BIOS: &[(u8, &str)] = &[
    (0x05, "bios-signing-key"),
    (0x07, "bios-signature"),
    (0x60, "apcb"),
    (0x61, "apob"),
    (0x62, "bios"),
    (0x63, "apob-storage"),
    (0x64, "phy-code"),
    (0x65, "phy-data"),
    (0x66, "microcode-patch"),
    (0x68, "apcb-backup"),
    (0x70, "second-level-directory"),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Programs,
    Bios,
    Combined,
}

struct Slot {
    name: String,
    bytes: u64,
    /// Place from the start of the bytes that hold the flash.
    place: Option<u64>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let kind = match view.bytes(0, 4)? {
        b"$PSP" | b"$PL2" => Kind::Programs,
        b"$BHD" | b"$BL2" => Kind::Bios,
        _ => Kind::Combined,
    };
    let (header_bytes, entry_bytes) = match kind {
        Kind::Programs => (HEADER_BYTES, 16),
        Kind::Bios => (HEADER_BYTES, 24),
        Kind::Combined => (COMBINED_HEADER_BYTES, 16),
    };
    let count = u64::from(view.u32(8, Little)?);
    if !(1..=ENTRIES_MAX).contains(&count) {
        return Err(NotThis);
    }
    let table_bytes = header_bytes + count * entry_bytes;
    let table = extent.read(0, table_bytes)?;
    let covered = table.get(8..).ok_or(NotThis)?;
    if !agrees(view.u32(4, Little)?, fletcher(covered)) {
        return Err(NotThis);
    }
    let step = usize::try_from(entry_bytes).map_err(|_| NotThis)?;
    let start = usize::try_from(header_bytes).map_err(|_| NotThis)?;
    let entries = table.get(start..).ok_or(NotThis)?.chunks_exact(step);
    let slots: Vec<Slot> =
        entries.map(|entry| slot(View(entry), kind, candidate.offset)).collect::<Result<_, _>>()?;
    let behind = |slot: &&Slot| {
        let relative = slot.place.and_then(|place| place.checked_sub(candidate.offset));
        relative.is_some_and(|place| {
            place >= table_bytes && place + slot.bytes <= extent.len().min(REACH_BYTES)
        })
    };
    let own: Vec<&Slot> = slots.iter().filter(behind).collect();
    let ends = own.iter().map(|slot| slot.place.unwrap_or(0) - candidate.offset + slot.bytes);
    // Of other directories only the places are told: they are containers of their own.
    let length =
        if kind == Kind::Combined { table_bytes } else { ends.max().unwrap_or(table_bytes) };
    let mut layout = Layout::new(extent.clamp(0, length));
    layout.consumed(0, table_bytes);
    for slot in own.iter().filter(|_| kind != Kind::Combined) {
        let place = slot.place.unwrap_or(0) - candidate.offset;
        layout.part(slot.name.as_str(), place, slot.bytes);
    }
    let laid = layout.finish();
    let told: Vec<String> = slots
        .iter()
        .map(|slot| match slot.place {
            Some(place) => format!("{} {place:#x}+{:#x}", slot.name, slot.bytes),
            None => slot.name.clone(),
        })
        .collect();
    let attributes = vec![
        ("signature", String::from_utf8_lossy(view.bytes(0, 4)?).into_owned()),
        ("checksum", "verified".to_owned()),
        ("entries", told.join("; ")),
    ];
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

fn slot(view: View<'_>, kind: Kind, directory: u64) -> Result<Slot, NotThis> {
    if kind == Kind::Combined {
        let chip = view.u32(4, Little)?;
        let place = place(view.u64(8, Little)?, directory);
        return Ok(Slot { name: format!("chip-{chip:#010x}"), bytes: 0, place: Some(place) });
    }
    let (number, detail) = (view.u8(0)?, view.u8(1)?);
    let names = if kind == Kind::Bios { BIOS } else { PROGRAMS };
    let known = names.iter().find(|known| known.0 == number);
    let mut name = known.map_or_else(|| format!("type-{number:#04x}"), |known| known.1.to_owned());
    if kind == Kind::Programs && detail != 0 {
        name = format!("{name}-{detail}");
    }
    let bytes = u64::from(view.u32(4, Little)?);
    // Fuses are a value in the place of an offset.
    if bytes == SIZE_VALUE {
        return Ok(Slot {
            name: format!("{name} {:#x}", view.u64(8, Little)?),
            bytes: 0,
            place: None,
        });
    }
    Ok(Slot { name, bytes, place: Some(place(view.u64(8, Little)?, directory)) })
}

/// What a place counts from stands in its two highest bits: nothing, the flash, the directory, the slot.
fn place(stored: u64, directory: u64) -> u64 {
    let offset = stored & 0x3fff_ffff_ffff_ffff;
    match stored >> 62 {
        2 | 3 => directory.saturating_add(offset),
        _ => offset & FLASH_MASK,
    }
}

/// Fletcher's checksum over words of 16 bits, as the PSP computes it.
fn fletcher(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (0xffff_u32, 0xffff_u32);
    // Sums of 360 words do not overflow.
    for block in bytes.as_chunks::<2>().0.chunks(360) {
        for word in block {
            low += u32::from(u16::from_le_bytes(*word));
            high += low;
        }
        low = (low & 0xffff) + (low >> 16);
        high = (high & 0xffff) + (high >> 16);
    }
    low = (low & 0xffff) + (low >> 16);
    high = (high & 0xffff) + (high >> 16);
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use super::fletcher;
    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn words(values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// A flash with a directory at 0x1000 and programs behind it.
    fn flash() -> Vec<u8> {
        let entries = [
            words(&[0x01, 0x100, 0xff00_1400, 0]),
            words(&[0x0b, u32::MAX, 0x21, 0]),
            words(&[0x0208, 0x80, 0x600, 0x8000_0000]),
            words(&[0x02, 0x40, 0x0010, 0]),
        ];
        let body = [words(&[4, 0]), entries.concat()].concat();
        let mut bytes = vec![0xff; 0x1000];
        bytes.extend(b"$PSP");
        bytes.extend(fletcher(&body).to_le_bytes());
        bytes.extend(body);
        bytes.resize(0x1400, 0xff);
        bytes.extend([1; 0x100]);
        bytes.resize(0x1600, 0xff);
        bytes.extend([2; 0x80]);
        bytes
    }

    #[test]
    fn entries_behind_the_directory_are_parts() {
        let tree = Tree::from_bytes(flash(), &Limits::default());
        let found = locators(&tree);
        for name in ["psp-bootloader", "smu-firmware-2"] {
            let wanted = format!("image@0x1000/amd-psp-directory:/{name}");
            assert!(found.contains(&wanted), "{found:?}");
        }
        let entries = attribute(&tree, "amd-psp-directory", "entries").unwrap();
        assert_eq!(
            entries,
            "psp-bootloader 0x1400+0x100; soft-fuses 0x21; smu-firmware-2 0x1600+0x80; \
             psp-secure-os 0x10+0x40"
        );
        let mut damaged = flash();
        damaged[0x1010] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert_eq!(attribute(&tree, "amd-psp-directory", "entries"), None);
        check(&flash()[0x1000..0x1100], 100);
    }
}
