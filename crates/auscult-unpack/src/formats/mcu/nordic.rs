//! Nordic's SoftDevices in dumps of flash: the stack for Bluetooth that comes as a binary, recognised by its
//! information structure 2000h behind its start (`nrf_sdm.h`, "SoftDevice information structure").
//!
//! The code counts as read, since its version says what it is. The boot record in front of it (MBR) and
//! the application behind it are images of their own.

use memchr::memmem;

use crate::{
    Endian::Little,
    Entry, Reading, View, digest,
    format::Opened,
    probe::{Found, Probe, Region},
};

pub(crate) static PROBE: Probe = Probe { name: "nordic-softdevice", find };

/// `SD_INFO_STRUCT` with its magic number.
const INFORMATION_AT: usize = 0x2000;
const MAGIC: [u8; 4] = 0x51b1_e5db_u32.to_le_bytes();
const MAGIC_AT: usize = 4;
const PAGE_BYTES: usize = 0x400;
/// The SoftDevice's own start, behind the boot record.
const BOOT_RECORD_BYTES: u64 = 0x1000;
const BYTES_MAX: u64 = 1 << 20;

/// Where the registers for the user's configuration (UICR) are programmed, and their size.
const REGISTERS: std::ops::Range<u64> = 0x1000_1000..0x1000_1400;
/// Those that say where things are and what is locked (nRF51 and nRF52 product specifications).
const REGISTER_NAMES: &[(u64, &str)] = &[
    (0x004, "readback-protection"),
    (0x014, "bootloader"),
    (0x018, "boot-record-parameters"),
    (0x208, "access-port-protection"),
];

/// Releases by their firmware number (`nrfutil pkg generate --help`); later structures tell it themselves.
const RELEASES: &[(u16, &str)] = &[
    (0x67, "S130 1.0.0"),
    (0x80, "S130 2.0.0"),
    (0x87, "S130 2.0.1"),
    (0x81, "S132 2.0.0"),
    (0x88, "S132 2.0.1"),
    (0x8c, "S132 3.0.0"),
    (0x91, "S132 3.1.0"),
    (0x95, "S132 4.0.0"),
    (0x98, "S132 4.0.2"),
    (0x99, "S132 4.0.3"),
    (0x9e, "S132 4.0.4"),
    (0x9f, "S132 4.0.5"),
    (0x9d, "S132 5.0.0"),
    (0xa5, "S132 5.1.0"),
];

fn find(region: &Region) -> Vec<Found> {
    let Ok(bytes) = region.code.read_all() else { return Vec::new() };
    let places = memmem::find_iter(&bytes, &MAGIC);
    places.filter_map(|place| softdevice(region, &bytes, place)).take(1).collect()
}

fn softdevice(region: &Region, bytes: &[u8], magic: usize) -> Option<Found> {
    let structure = magic.checked_sub(MAGIC_AT)?;
    let start = structure.checked_sub(INFORMATION_AT)?;
    let view = View(bytes.get(structure..)?);
    let size = usize::from(view.u8(0).ok()?);
    if !start.is_multiple_of(PAGE_BYTES) || !(16..=0x50).contains(&size) {
        return None;
    }
    // It counts from the start of flash, with the boot record.
    let end = u64::from(view.u32(8, Little).ok()?);
    let length = end.checked_sub(BOOT_RECORD_BYTES).filter(|length| *length <= BYTES_MAX)?;
    let firmware = view.u16(12, Little).ok()?;
    let mut attributes = vec![("firmware-id", format!("{firmware:#06x}"))];
    let number = |at| view.u32(at, Little).ok().filter(|_| size >= at + 4);
    let release = match (number(16), number(20)) {
        (Some(variant @ 100..1000), Some(version)) => {
            let (major, minor) = (version / 1_000_000, version / 1000 % 1000);
            Some(format!("S{variant} {major}.{minor}.{}", version % 1000))
        }
        _ => RELEASES.iter().find(|known| known.0 == firmware).map(|known| known.1.to_owned()),
    };
    attributes.extend(release.map(|release| ("release", release)));
    if size >= 44
        && let Ok(unique) = view.bytes(24, 20)
    {
        attributes.push(("revision", digest::hex(unique)));
    }
    attributes.push(("flash-end", format!("{end:#x}")));
    let offset = u64::try_from(start).ok()?;
    let there = region.code.clamp(offset, length);
    let length = there.len();
    let mut code = Entry::payload(there);
    code.reading = Reading::Leaf;
    let opened = Opened { length, attributes, entries: vec![code], ..Opened::default() };
    Some(Found { offset, opened })
}

/// What a run of records for these registers sets; none where the run is for other memory.
pub(super) fn registers(address: u64, bytes: &[u8]) -> Option<String> {
    let end = address.checked_add(u64::try_from(bytes.len()).ok()?)?;
    if !REGISTERS.contains(&address) || end > REGISTERS.end {
        return None;
    }
    let mut told = Vec::new();
    for (place, word) in (address..).step_by(4).zip(bytes.as_chunks::<4>().0) {
        let word = u32::from_le_bytes(*word);
        if word != u32::MAX {
            let offset = place - REGISTERS.start;
            let named = REGISTER_NAMES.iter().find(|named| named.0 == offset);
            let name = named.map_or_else(|| format!("{offset:#05x}"), |named| named.1.to_owned());
            told.push(format!("{name} {word:#010x}"));
        }
    }
    Some(told.join(", "))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, locators, noise},
    };

    fn flash(size: u8) -> Vec<u8> {
        let mut bytes: Vec<u8> = noise(0x6000).iter().map(|byte| byte & 0x7f | 1).collect();
        let at = 0x3000;
        bytes[at] = size;
        bytes[at + 4..at + 8].copy_from_slice(&super::MAGIC);
        for (place, word) in [(8, 0x5000_u32), (12, 0x101), (16, 132), (20, 7_002_000)] {
            bytes[at + place..at + place + 4].copy_from_slice(&word.to_le_bytes());
        }
        bytes[at + 24..at + 44].fill(0xab);
        bytes
    }

    #[test]
    fn a_release_is_told_and_counts_as_read() {
        let tree = Tree::from_bytes(flash(0x30), &Limits::default());
        let told = |key| attribute(&tree, "nordic-softdevice", key).unwrap();
        assert_eq!((told("release"), told("firmware-id")), ("S132 7.2.0".into(), "0x0101".into()));
        let found = locators(&tree);
        assert!(found.contains(&"image@0x1000/nordic-softdevice".to_owned()), "{found:?}");
        assert_eq!(tree.coverage().bytes_read, 0x4000);
    }

    #[test]
    fn registers_of_a_file_of_records_are_told() {
        let text = b":020000040000FA\n:04000000010203 04F2\n:020000041000EA\n:0410140000F80700D9\n:00000001FF\n";
        let text: Vec<u8> = text.iter().copied().filter(|&byte| byte != b' ').collect();
        let tree = Tree::from_bytes(text, &Limits::default());
        assert_eq!(attribute(&tree, "ihex", "nordic-uicr").unwrap(), "bootloader 0x0007f800");
    }

    #[test]
    fn older_structures_have_only_a_number() {
        let mut bytes = flash(16);
        bytes[0x300c] = 0x88;
        bytes[0x300d] = 0;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "nordic-softdevice", "release").unwrap(), "S132 2.0.1");
        assert_eq!(attribute(&tree, "nordic-softdevice", "revision"), None);
        let tree = Tree::from_bytes(flash(3), &Limits::default());
        assert_eq!(attribute(&tree, "nordic-softdevice", "release"), None);
    }
}
