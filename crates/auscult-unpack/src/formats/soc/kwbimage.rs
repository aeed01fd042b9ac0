//! Boot images for Marvell's Kirkwood and Armada chips (U-Boot, `tools/kwbimage.h` and
//! `doc/kwboot.1`): versions 0 and 1, whose header and image each have a checksum that must hold.
//!
//! The header begins with one byte that names the boot device, so it is looked for only at the start.

use crate::{
    Endian::Little,
    View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{check::Algorithm, layout::Layout};

pub(crate) static FORMAT: Format = Format {
    name: "kwbimage",
    magics: &[
        Magic::start(&[0x4d, 0]),
        Magic::start(&[0x5a, 0]),
        Magic::start(&[0x69, 0]),
        Magic::start(&[0x78, 0]),
        Magic::start(&[0x8b, 0]),
        Magic::start(&[0x8b, 1]),
        Magic::start(&[0x8b, 2]),
        Magic::start(&[0x8b, 3]),
        Magic::start(&[0x9c, 0]),
        Magic::start(&[0xae, 0]),
    ],
    carve: false,
    open,
};

const DEVICES: &[(u8, &str)] = &[
    (0x4d, "i2c"),
    (0x5a, "spi"),
    (0x69, "uart"),
    (0x78, "sata"),
    (0x8b, "nand"),
    (0x9c, "pcie"),
    (0xae, "sdio"),
];
const HEADER_BYTES: u64 = 32;
/// The extended header of version 0, with registers to set.
const EXTENDED_BYTES: u64 = 0x1e0;
/// Disks and cards count the place of the image in blocks of 512 bytes.
const BLOCK_DEVICES: [u8; 2] = [0x78, 0xae];
const IMAGE_BYTES_MAX: u64 = 64 << 20;
/// Kinds of optional headers of version 1.
const SECURE: u8 = 1;
const BINARY: u8 = 2;
const OPTIONAL_MAX: usize = 32;

struct Header {
    device: u8,
    version: u8,
    length: u64,
    place: u64,
    size: u64,
    extended: bool,
}

impl Header {
    fn parse(view: View<'_>) -> Result<Self, NotThis> {
        let (device, version) = (view.u8(0)?, view.u8(8)?);
        let extended = view.u8(0x1e)? & 1 != 0;
        let length = match version {
            0 => HEADER_BYTES + if extended { EXTENDED_BYTES } else { 0 },
            1 => u64::from(view.u8(9)?) << 16 | u64::from(view.u16(10, Little)?),
            _ => return Err(NotThis),
        };
        let place = u64::from(view.u32(12, Little)?);
        let block = if BLOCK_DEVICES.contains(&device) && version == 1 { 512 } else { 1 };
        let (place, size) = (place * block, u64::from(view.u32(4, Little)?));
        // The size is that of the image with its checksum.
        let fits = length >= HEADER_BYTES && place >= length && size > 4 && size.is_multiple_of(4);
        (fits && place + size <= IMAGE_BYTES_MAX)
            .then_some(Self { device, version, length, place, size, extended })
            .ok_or(NotThis)
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let header = Header::parse(View(&head))?;
    // Version 1 covers its optional headers; version 0 has a checksum for each.
    let covered = if header.version == 0 { HEADER_BYTES } else { header.length };
    let bytes = candidate.extent.read(0, covered)?;
    let stored = View(&head).u8(0x1f)?;
    let sum = Algorithm::Sum8.number(&bytes).wrapping_sub(u32::from(stored)) & 0xff;
    if !agrees(u32::from(stored), sum) {
        return Err(NotThis);
    }
    let image = candidate.extent.clamp(header.place, header.size);
    let (body, last) = (image.clamp(0, header.size - 4), image.read(header.size - 4, 4)?);
    let computed = Algorithm::Words32(Little).over(&body)?;
    if !cfg!(fuzzing) && !computed.iter().rev().eq(last.iter()) {
        return Err(NotThis);
    }
    let view = View(&head);
    let device = DEVICES.iter().find(|(code, _)| *code == header.device).ok_or(NotThis)?.1;
    let length = header.place + header.size;
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    let mut attributes = vec![
        ("version", header.version.to_string()),
        ("boot-device", device.to_owned()),
        ("load-address", format!("{:#010x}", view.u32(16, Little)?)),
        ("entry-point", format!("{:#010x}", view.u32(20, Little)?)),
        ("checksum", "verified".to_owned()),
    ];
    if header.version == 0 || !header.extended {
        layout.consumed(0, header.length);
    } else {
        optional_headers(&bytes, &mut layout, &mut attributes);
    }
    layout.part("image", header.place, header.size - 4);
    layout.consumed(length - 4, 4);
    let laid = layout.finish();
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// Lays out the optional headers: binary ones are code that prepares the memory.
fn optional_headers(
    bytes: &[u8],
    layout: &mut Layout,
    attributes: &mut Vec<(&'static str, String)>,
) {
    let view = View(bytes);
    let mut at = 0x20;
    layout.consumed(0, HEADER_BYTES);
    for number in 0..OPTIONAL_MAX {
        let Ok([kind, high, low, middle]) = view.array(at) else { break };
        let size = usize::from(high) << 16 | usize::from(u16::from_le_bytes([low, middle]));
        let Ok(header) = view.bytes(at, size) else { break };
        let Some(next) = size.checked_sub(4).and_then(|last| header.get(last)) else { break };
        let (start, length) = (as_offset(at), as_offset(size));
        match kind {
            // A count of arguments and the arguments stand before the code.
            BINARY => {
                let arguments = usize::from(header.get(4).copied().unwrap_or(0));
                let before = as_offset(8 + arguments * 4).min(length - 4);
                layout.consumed(start, before);
                layout.part(format!("binary{number}"), start + before, length - 4 - before);
                layout.consumed(start + length - 4, 4);
            }
            _ => layout.consumed(start, length),
        }
        if kind == SECURE {
            let told = "RSA in a secure header, not verified: the key's hash is in the chip";
            attributes.push(("signature", told.to_owned()));
        }
        at += size;
        if next & 1 == 0 {
            break;
        }
    }
    let used = as_offset(at);
    layout.consumed(used, as_offset(bytes.len()).saturating_sub(used));
}

fn as_offset(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, locators},
            reference::{assert_survives_damage, run, sample},
        },
    };

    /// Images of both versions as mkimage writes them.
    fn image(config: &str) -> Option<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (code, binary, out) = (at("code"), at("binary"), at("out"));
        fs::write(&code, sample(5001, 1)).unwrap();
        fs::write(&binary, sample(300, 2)).unwrap();
        fs::write(at("config"), config.replace("CODE", &binary)).unwrap();
        let arguments = ["-n", &at("config"), "-T", "kwbimage", "-a", "0x600000", "-e", "0x600000"];
        run("mkimage", &[&arguments[..], &["-d", &code, &out]].concat())
            .then(|| fs::read(&out).unwrap())
    }

    #[test]
    fn what_mkimage_writes_is_opened() {
        let versions = [
            (
                "BOOT_FROM nand\nNAND_ECC_MODE default\nNAND_PAGE_SIZE 0x800\nDATA 0xFFD100e0 1\n",
                "nand",
            ),
            ("VERSION 1\nBOOT_FROM spi\nBINARY CODE 0000005b 00000068\n", "spi"),
            ("VERSION 1\nBOOT_FROM sdio\nBINARY CODE 0000005b 00000068\n", "sdio"),
        ];
        for (config, device) in versions {
            let Some(bytes) = image(config) else { return };
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let found = locators(&tree);
            assert_eq!(attribute(&tree, "kwbimage", "boot-device").unwrap(), device);
            let read = |name: &str| {
                let path = format!("image@0x0/kwbimage:/{name}").parse().unwrap();
                tree.bytes(tree.resolve(&path).unwrap_or_else(|| panic!("{found:?}")).0).unwrap()
            };
            assert!(read("image").starts_with(&sample(5001, 1)), "{found:?}");
            if config.starts_with("VERSION 1") {
                assert!(read("binary0").starts_with(&sample(300, 2)), "{found:?}");
            }
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            let mut damaged = bytes.clone();
            let code = memchr::memmem::find(&bytes, &sample(5001, 1)).unwrap();
            damaged[code + 100] ^= 1;
            let tree = Tree::from_bytes(damaged, &Limits::default());
            assert!(!locators(&tree).iter().any(|locator| locator.contains("kwbimage")));
            assert_survives_damage(&bytes, 64, 499);
        }
    }
}
