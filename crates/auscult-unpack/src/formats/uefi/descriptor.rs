//! Intel's flash descriptor (the SPI programming guides of the chipsets; UEFITool's `descriptor.h`): the
//! regions of a PC's flash and who may read and write them.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::Layout,
};

pub(crate) static FORMAT: Format = Format {
    name: "intel-flash",
    // Old chipsets have it at the start, later ones behind an empty vector.
    magics: &[Magic::at(16, &SIGNATURE), Magic::start(&SIGNATURE)],
    carve: true,
    open,
};

const SIGNATURE: [u8; 4] = [0x5a, 0xa5, 0xf0, 0x0f];
const DESCRIPTOR_BYTES: u64 = 4096;
const BLOCK_BYTES: u64 = 4096;
const FLASH_BYTES_MAX: u64 = 128 << 20;
const REGIONS: [&str; 16] = [
    "descriptor",
    "bios",
    "me",
    "gbe",
    "platform-data",
    "device-expansion-1",
    "bios-2",
    "microcode",
    "ec",
    "device-expansion-2",
    "innovation-engine",
    "10gbe-1",
    "10gbe-2",
    "reserved-13",
    "reserved-14",
    "trusted-platform",
];
const MASTERS: [&str; 5] = ["host", "me", "gbe", "other", "ec"];
/// Clock of reads as the component section codes it: 17 MHz with the second layout of the registers.
const CLOCK_17_MHZ: u32 = 6;

struct Region {
    name: &'static str,
    start: u64,
    length: u64,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let page = extent.read(0, DESCRIPTOR_BYTES)?;
    let view = View(&page);
    let at = if view.bytes(16, 4)? == SIGNATURE { 16 } else { 0 };
    let word = |at: usize| view.u32(at, Little);
    let (map0, map1) = (word(at + 4)?, word(at + 8)?);
    // Sections start at multiples of 16.
    let base = |map: u32, shift: u32| usize::try_from((map >> shift & 0xff) << 4);
    let (components, region_base) =
        (base(map0, 0).map_err(|_| NotThis)?, base(map0, 16).map_err(|_| NotThis)?);
    let master_base = base(map1, 0).map_err(|_| NotThis)?;
    if components < at + 16 || region_base < at + 16 || master_base < at + 16 {
        return Err(NotThis);
    }
    let later = word(components)? >> 17 & 7 == CLOCK_17_MHZ;
    let count = if later { REGIONS.len() } else { 5 };
    let regions = regions(view, region_base, count);
    // The descriptor itself is the first region.
    let first = regions.first().filter(|first| first.name == "descriptor" && first.start == 0);
    let end = regions.iter().map(|region| region.start + region.length).max().unwrap_or(0);
    if first.is_none() || regions.len() < 2 || end > FLASH_BYTES_MAX {
        return Err(NotThis);
    }
    let mut layout = Layout::new(extent.clamp(0, end));
    layout.consumed(0, DESCRIPTOR_BYTES);
    for region in regions.iter().filter(|region| region.name != "descriptor") {
        layout.part(region.name, region.start, region.length);
    }
    let laid = layout.finish();
    let told: Vec<String> = regions
        .iter()
        .map(|region| format!("{} {:#x}+{:#x}", region.name, region.start, region.length))
        .collect();
    let attributes = vec![
        ("layout-version", if later { "2" } else { "1" }.to_owned()),
        ("regions", told.join("; ")),
        ("access", access(view, master_base, later)?),
    ];
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length: end, attributes, entries, faults, unread: None })
}

/// The regions that are there: first and last block in 15 bits each.
fn regions(view: View<'_>, base: usize, count: usize) -> Vec<Region> {
    let mut regions = Vec::new();
    for (index, name) in REGIONS.iter().enumerate().take(count) {
        let Ok(register) = view.u32(base + index * 4, Little) else { break };
        let (first, last) = (u64::from(register & 0x7fff), u64::from(register >> 16 & 0x7fff));
        // A register that is not there is erased, or has its end before its start.
        if register == u32::MAX || register == 0 && index > 0 || last < first {
            continue;
        }
        let length = (last + 1 - first) * BLOCK_BYTES;
        regions.push(Region { name, start: first * BLOCK_BYTES, length });
    }
    regions
}

/// Which regions each master may read and write.
fn access(view: View<'_>, base: usize, later: bool) -> Result<String, NotThis> {
    let mut told = Vec::new();
    for (index, master) in MASTERS.iter().enumerate() {
        if !later && index >= 3 {
            break;
        }
        let register = view.u32(base + index * 4, Little)?;
        if register == 0 || register == u32::MAX {
            continue;
        }
        let (read, write) = if later {
            (register >> 8 & 0xfff, register >> 20)
        } else {
            (register >> 16 & 0xff, register >> 24)
        };
        let names = |bits: u32| {
            let set = REGIONS.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 != 0);
            set.map(|(_, name)| *name)
                .take(if later { 12 } else { 5 })
                .collect::<Vec<_>>()
                .join(" ")
        };
        told.push(format!("{master} reads {}, writes {}", names(read), names(write)));
    }
    Ok(told.join("; "))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn flash(clock: u32, masters: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0xff; 0x6000];
        let mut put = |at: usize, word: u32| bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        put(16, 0x0ff0_a55a);
        put(20, 0x04 << 16 | 0x03);
        put(24, 0x06);
        put(0x30, clock << 17);
        for (index, (first, last)) in
            [(0_u32, 0_u32), (3, 5), (1, 2), (0x7fff, 0)].iter().enumerate()
        {
            put(0x40 + index * 4, last << 16 | first);
        }
        put(0x50, 0x0000_7fff);
        for (index, master) in masters.iter().enumerate() {
            put(0x60 + index * 4, *master);
        }
        bytes[0x1000..0x1010].fill(1);
        bytes[0x3000..0x3010].fill(2);
        bytes
    }

    #[test]
    fn regions_are_parts_and_access_is_told() {
        let tree = Tree::from_bytes(flash(0, &[0x0a0b_0000, 0x0c0d_0000, 0]), &Limits::default());
        let found = locators(&tree);
        for name in ["bios", "me"] {
            assert!(found.contains(&format!("image@0x0/intel-flash:/{name}")), "{found:?}");
        }
        let told = |key| attribute(&tree, "intel-flash", key).unwrap();
        assert_eq!(told("regions"), "descriptor 0x0+0x1000; bios 0x3000+0x3000; me 0x1000+0x2000");
        assert!(
            told("access").starts_with("host reads descriptor bios gbe, writes bios gbe; me reads")
        );
        check(&flash(0, &[1])[..4200], 120);
    }

    #[test]
    fn later_chipsets_have_wider_fields() {
        let masters = [0x00a0_0b00_u32, 0, 0, 0, 0x1001_0000];
        let tree = Tree::from_bytes(flash(6, &masters), &Limits::default());
        assert_eq!(attribute(&tree, "intel-flash", "layout-version").unwrap(), "2");
        let access = attribute(&tree, "intel-flash", "access").unwrap();
        assert_eq!(
            access,
            "host reads descriptor bios gbe, writes bios gbe; ec reads ec, writes ec"
        );
    }
}
