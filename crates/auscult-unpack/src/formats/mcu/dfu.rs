//! Firmware files for USB devices: the suffix of the Device Firmware Upgrade specification 1.1,
//! appendix B, and ST's container DfuSe (UM0391) with its targets and elements.

use crate::{
    Endian::Little,
    Entry, Fault, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
    probe::{Found, Probe, Region},
};

use crate::formats::support::layout::{Layout, text_of};

/// The suffix stands at the end: no magic leads to it.
pub(crate) static PROBE: Probe = Probe { name: "dfu", find };

pub(crate) static DFUSE: Format =
    Format { name: "dfuse", magics: &[Magic::start(b"DfuSe\x01")], carve: true, open };

const SUFFIX_BYTES: usize = 16;
const BOOT_HEADER_BYTES: usize = 16;
const BLOCK_BYTES: usize = 512;
const PREFIX_BYTES: u64 = 11;
const TARGET_BYTES: u64 = 274;

fn find(region: &Region) -> Vec<Found> {
    let Ok(bytes) = region.code.read_all() else { return Vec::new() };
    let Some((code_bytes, attributes)) = suffix(&bytes) else { return Vec::new() };
    let code = region.code.clamp(0, code_bytes);
    let entries = vec![Entry::part(&b"firmware"[..], code)];
    let length = region.code.len();
    vec![Found { offset: 0, opened: Opened { length, attributes, entries, ..Opened::default() } }]
}

type Attributes = Vec<(&'static str, String)>;

/// The header that the boot ROM of NXP's LPC43xx wants in front of an image (UM10503 section 5.3.4):
/// plain, with its length in blocks. Build scripts put it there after the suffix was computed.
fn has_boot_header(bytes: &[u8], end: usize) -> bool {
    let blocks = View(bytes).u16(2, Little).map(usize::from);
    let fits = |blocks: usize| (end - BOOT_HEADER_BYTES.min(end)).div_ceil(BLOCK_BYTES) == blocks;
    bytes.first().is_some_and(|first| first & 0x3f == 0x1a) && blocks.is_ok_and(fits)
}

/// The length of what a suffix covers, if its checksum holds.
fn suffix(bytes: &[u8]) -> Option<(u64, Attributes)> {
    let start = bytes.len().checked_sub(SUFFIX_BYTES)?;
    let view = View(bytes.get(start..)?);
    if view.bytes(8, 4).ok()? != b"UFD\x10" {
        return None;
    }
    let stored = view.u32(12, Little).ok()?;
    let covered = bytes.get(..start + 12)?;
    let holds = |covered: &[u8]| agrees(stored, !Crc32::of(covered)); // stored not inverted at the end
    let behind_header = || has_boot_header(bytes, start).then(|| covered.get(BOOT_HEADER_BYTES..));
    if !holds(covered) && !behind_header().flatten().is_some_and(holds) {
        return None;
    }
    let word = |at| view.u16(at, Little).ok().map(|word| format!("{word:#06x}"));
    let attributes = vec![
        ("device-release", word(0)?),
        ("product-id", word(2)?),
        ("vendor-id", word(4)?),
        ("dfu-version", word(6)?),
    ];
    Some((u64::try_from(start).ok()?, attributes))
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, PREFIX_BYTES)?;
    let image_bytes = u64::from(View(&head).u32(6, Little)?);
    let targets = View(&head).u8(10)?;
    if targets == 0 || image_bytes < PREFIX_BYTES + TARGET_BYTES {
        return Err(NotThis);
    }
    let mut layout = Layout::new(candidate.extent.clamp(0, image_bytes));
    layout.consumed(0, PREFIX_BYTES);
    let (mut at, mut faults, mut names) = (PREFIX_BYTES, Vec::new(), Vec::new());
    for number in 0..targets {
        match target(candidate, &mut layout, &mut at, image_bytes) {
            Ok(name) => names.push(name),
            Err(fault) if number == 0 => return Err(fault.into()),
            Err(fault) => {
                faults.push(fault);
                break;
            }
        }
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    let mut attributes = vec![("targets", names.join(", "))];
    let mut length = image_bytes;
    if let Ok(bytes) = candidate.extent.read(0, image_bytes + 16)
        && let Some((_, told)) = suffix(&bytes)
    {
        attributes.extend(told);
        length += 16;
    }
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

/// Reads a target and its elements; returns its name.
fn target(
    candidate: &Candidate,
    layout: &mut Layout,
    at: &mut u64,
    end: u64,
) -> Result<String, Fault> {
    let head = candidate.extent.read(*at, TARGET_BYTES)?;
    let view = View(&head);
    if view.bytes(0, 6)? != b"Target" {
        return Err(Fault::new(*at, "read a target", "its signature is missing"));
    }
    let setting = view.u8(6)?;
    let name = if view.u32(7, Little)? == 0 { &[][..] } else { view.text(11, 255)? };
    layout.consumed(*at, TARGET_BYTES);
    *at += TARGET_BYTES;
    for _ in 0..view.u32(270, Little)? {
        let element = candidate.extent.read(*at, 8)?;
        let address = View(&element).u32(0, Little)?;
        let size = u64::from(View(&element).u32(4, Little)?);
        layout.consumed(*at, 8);
        *at += 8;
        if *at + size > end {
            return Err(Fault::new(*at, "read an element", "it leads out of the image"));
        }
        layout.part(format!("target{setting}-{address:#010x}"), *at, size);
        *at += size;
    }
    Ok(text_of(name))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::checksum::crc32;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn with_suffix(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.extend([0x34, 0x12, 0x02, 0x00, 0x83, 0x04, 0x00, 0x01]);
        bytes.extend(b"UFD\x10");
        let crc = !crc32(&bytes);
        bytes.extend(crc.to_le_bytes());
        bytes
    }

    #[test]
    fn a_suffix_whose_checksum_holds_names_the_device() {
        let bytes = with_suffix(b"machine code".to_vec());
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "dfu", "vendor-id").unwrap(), "0x0483");
        assert_eq!(tree.coverage().bytes_unread, 12, "{:?}", locators(&tree));
        check(&bytes, 28);
    }

    #[test]
    fn a_boot_header_may_stand_outside_of_the_checksum() {
        let mut bytes = vec![0xda, 0xff, 2, 0];
        bytes.resize(16, 0xff);
        bytes.extend(with_suffix(vec![0x42; 600]));
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert!(attribute(&tree, "dfu", "vendor-id").is_some());
        bytes[2] = 9;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert_eq!(attribute(&tree, "dfu", "vendor-id"), None);
    }

    #[test]
    fn elements_of_targets_are_parts() {
        let mut target = b"Target\x01".to_vec();
        target.extend(1_u32.to_le_bytes());
        let mut name = b"internal flash".to_vec();
        name.resize(255, 0);
        target.extend(name);
        target.extend(13_u32.to_le_bytes());
        target.extend(1_u32.to_le_bytes());
        target.extend(0x0800_0000_u32.to_le_bytes());
        target.extend(5_u32.to_le_bytes());
        target.extend(b"abcde");
        let mut bytes = b"DfuSe\x01".to_vec();
        bytes.extend(u32::try_from(11 + target.len()).unwrap().to_le_bytes());
        bytes.push(1);
        bytes.extend(target);
        let bytes = with_suffix(bytes);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/dfuse:/target1-0x08000000".to_owned()), "{found:?}");
        assert_eq!(attribute(&tree, "dfuse", "targets").unwrap(), "internal flash");
        check(&bytes, 300);
    }
}
