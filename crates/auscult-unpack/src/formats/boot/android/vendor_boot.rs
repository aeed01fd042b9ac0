//! Vendor boot images of Android (`bootimg.h` of AOSP), versions 3 and 4: the maker's ramdisks, device
//! tree, command line and boot configuration.

use super::sections::{Section, lay_out, places, told};
use crate::{
    Endian::Little,
    Entry, Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{sanitize, text_of},
};

pub(in crate::formats::boot) static FORMAT: Format =
    Format { name: "android-vendor-boot", magics: &[Magic::start(b"VNDRBOOT")], carve: true, open };

const HEADER_3_BYTES: u32 = 2112;
/// Drafts of version 3 did not count the second half of the last field.
const HEADER_3_DRAFT_BYTES: u32 = 2108;
const HEADER_4_BYTES: u32 = 2128;
/// An entry of the table of ramdisks.
const RAMDISK_BYTES: usize = 108;
const RAMDISKS_MAX: u32 = 256;
const RAMDISK_KINDS: &[&str] = &["none", "platform", "recovery", "dlkm"];

struct Ramdisk {
    name: String,
    kind: String,
    offset: u64,
    bytes: u64,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, u64::from(HEADER_4_BYTES))?;
    let view = View(&head);
    let word = |at| view.u32(at, Little);
    let (version, page, header_bytes) = (word(8)?, u64::from(word(12)?), word(2096)?);
    let known = matches!(
        (version, header_bytes),
        (3, HEADER_3_BYTES | HEADER_3_DRAFT_BYTES) | (4, HEADER_4_BYTES)
    );
    if !known || !page.is_power_of_two() || !(512..=65_536).contains(&page) {
        return Err(NotThis);
    }
    let mut sections = vec![Section::new("ramdisk", word(24)?), Section::new("dtb", word(2100)?)];
    if version == 4 {
        sections.push(Section::leaf("ramdisk-table", word(2112)?));
        sections.push(Section::leaf("bootconfig", word(2124)?));
    }
    let mut attributes =
        vec![("header-version", version.to_string()), ("page-size", page.to_string())];
    attributes.extend(told("name", view.text(2080, 16)?));
    attributes.extend(told("cmdline", view.text(28, 2048)?));
    for (key, at) in [("kernel-address", 16), ("ramdisk-address", 20), ("tags-address", 2076)] {
        attributes.push((key, format!("{:#010x}", word(at)?)));
    }
    let image = &candidate.extent;
    let mut laid = lay_out(image, u64::from(header_bytes), page, &sections);
    if version == 4 {
        let starts = places(u64::from(header_bytes), page, &sections);
        let &[ramdisk_at, _, table_at, bootconfig_at, _] = &starts[..] else { return Err(NotThis) };
        let content = image.clamp(ramdisk_at, u64::from(word(24)?));
        match ramdisks(image, table_at, word(2116)?, word(2120)?) {
            Ok(ramdisks) => separate(&content, &ramdisks, &mut laid.entries, &mut attributes),
            Err(fault) => laid.faults.push(fault),
        }
        let bootconfig = image.read_up_to(bootconfig_at, u64::from(word(2124)?.min(65_536)));
        attributes.extend(bootconfig.ok().and_then(|text| told("bootconfig", &text)));
    }
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length: laid.length, attributes, entries, faults, unread: None })
}

/// The table of ramdisks, whose offsets count from the first one.
fn ramdisks(
    image: &Extent,
    place: u64,
    count: u32,
    entry_bytes: u32,
) -> Result<Vec<Ramdisk>, Fault> {
    let fault = |why: String| Fault::new(place, "read the table of ramdisks", why);
    let step = usize::try_from(entry_bytes).unwrap_or(usize::MAX);
    if !(RAMDISK_BYTES..=4096).contains(&step) || count > RAMDISKS_MAX {
        return Err(fault(format!("{count} entries of {entry_bytes} bytes")));
    }
    let table = image.read(place, u64::from(count) * u64::from(entry_bytes))?;
    let mut ramdisks = Vec::new();
    for entry in table.chunks_exact(step) {
        let view = View(entry);
        let kind = usize::try_from(view.u32(8, Little)?).unwrap_or(usize::MAX);
        ramdisks.push(Ramdisk {
            bytes: u64::from(view.u32(0, Little)?),
            offset: u64::from(view.u32(4, Little)?),
            kind: RAMDISK_KINDS.get(kind).map_or_else(|| kind.to_string(), ToString::to_string),
            name: text_of(view.text(12, 32)?),
        });
    }
    Ok(ramdisks)
}

/// Puts the ramdisks of the table in the place of the section that holds them all, if they fill it.
fn separate(
    content: &Extent,
    ramdisks: &[Ramdisk],
    entries: &mut Vec<Entry>,
    attributes: &mut Vec<(&'static str, String)>,
) {
    let mut end = 0;
    let contiguous = ramdisks.iter().all(|ramdisk| {
        let fits = ramdisk.offset == end;
        end = ramdisk.offset + ramdisk.bytes;
        fits && end <= content.len()
    });
    if !contiguous || end != content.len() || ramdisks.is_empty() {
        return;
    }
    entries.retain(|entry| entry.path.as_bytes() != b"ramdisk");
    for (number, ramdisk) in ramdisks.iter().enumerate() {
        let name = match sanitize(&ramdisk.name) {
            name if name.is_empty() => format!("ramdisk{number}"),
            name => format!("ramdisk{number}-{name}"),
        };
        let part = content.clamp(ramdisk.offset, ramdisk.bytes);
        entries.push(Entry::part(name.into_bytes(), part));
    }
    let told: Vec<String> =
        ramdisks.iter().map(|ramdisk| format!("{:?} ({})", ramdisk.name, ramdisk.kind)).collect();
    attributes.push(("ramdisks", told.join(", ")));
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check},
            reference::{run, sample},
        },
    };

    fn part(tree: &Tree, name: &str) -> Vec<u8> {
        let locator = format!("image@0x0/android-vendor-boot:/{name}").parse().unwrap();
        tree.bytes(tree.resolve(&locator).unwrap().0).unwrap().to_vec()
    }

    #[test]
    fn version_3_of_the_reference_tool() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        fs::write(path("ramdisk"), sample(9000, 1)).unwrap();
        fs::write(path("dtb"), sample(700, 2)).unwrap();
        let (ramdisk, dtb, output) = (path("ramdisk"), path("dtb"), path("vendor_boot.img"));
        let arguments = [
            "--header_version",
            "3",
            "--vendor_boot",
            &output,
            "--vendor_ramdisk",
            &ramdisk,
            "--dtb",
            &dtb,
            "--vendor_cmdline",
            "androidboot.hardware=pump",
            "--board",
            "acme",
        ];
        if !run("mkbootimg", &arguments) {
            return;
        }
        let tree = Tree::from_bytes(fs::read(output).unwrap(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let told = |key| attribute(&tree, "android-vendor-boot", key).unwrap();
        assert_eq!(told("cmdline"), "androidboot.hardware=pump");
        assert_eq!(told("name"), "acme");
        assert_eq!(part(&tree, "ramdisk"), sample(9000, 1));
        assert_eq!(part(&tree, "dtb"), sample(700, 2));
    }

    /// Version 4 with two ramdisks and a boot configuration, after `bootimg.h`.
    fn version_4() -> Vec<u8> {
        let mut bytes = b"VNDRBOOT".to_vec();
        for word in [4, 2048, 0x8000, 0x0100_0000, 9_u32] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.resize(2096, 0);
        for word in [2128, 3, 0, 0, 216, 2, 108, 5_u32] {
            bytes.extend(word.to_le_bytes());
        }
        let mut table = Vec::new();
        for (size, offset, kind, name) in [(4_u32, 0_u32, 1_u32, "main"), (5, 4, 3, "modules")] {
            for word in [size, offset, kind] {
                table.extend(word.to_le_bytes());
            }
            table.extend(name.as_bytes());
            table.resize(table.len().next_multiple_of(108), 0);
        }
        for section in [&b"onlydlkm!"[..], b"dtb", &table, b"a=b\n\0"] {
            bytes.resize(bytes.len().next_multiple_of(2048), 0);
            bytes.extend(section);
        }
        bytes.resize(bytes.len().next_multiple_of(2048), 0);
        bytes
    }

    #[test]
    fn version_4_has_several_ramdisks() {
        let bytes = version_4();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        assert_eq!(part(&tree, "ramdisk0-main"), b"only");
        assert_eq!(part(&tree, "ramdisk1-modules"), b"dlkm!");
        let told = |key| attribute(&tree, "android-vendor-boot", key).unwrap();
        assert_eq!(told("ramdisks"), "\"main\" (platform), \"modules\" (dlkm)");
        assert_eq!(told("bootconfig"), "a=b");
        check(&bytes[..4200], 40);
    }
}
