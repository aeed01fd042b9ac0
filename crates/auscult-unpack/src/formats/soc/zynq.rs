//! Boot images of AMD's (Xilinx's) Zynq-7000 and Zynq UltraScale+ (UG585, "Boot and configuration";
//! UG1085, table 11-4; UG1283, "Bootgen"): a header with a checksum, the first stage, and a table of
//! partitions.

use crate::{
    Endian::Little,
    Extent, Fault, View,
    checksum::agrees,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::Layout;

pub(crate) static FORMAT: Format = Format {
    name: "zynq-boot",
    magics: &[Magic::at(0x20, &[0x66, 0x55, 0x99, 0xaa, b'X', b'N', b'L', b'X'])],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 0xa0;
/// The words that the header's checksum covers, and where it stands.
const COVERED: (usize, usize) = (0x20, 10);
const CHECKSUM: usize = 0x48;
const ENCRYPTIONS: &[(u32, &str)] = &[
    (0xa5c3_c5a3, "key in the eFUSE"),
    (0xa5c3_c5a7, "obfuscated key in the eFUSE"),
    (0x3a5c_3c5a, "key in battery-backed memory"),
    (0xa35c_7ca5, "obfuscated key in the header"),
];
const PARTITION_BYTES: u64 = 64;
const PARTITIONS_MAX: u64 = 32;
const IMAGE_BYTES_MAX: u64 = 512 << 20;
const SEALED: &str = "encrypted: AES-256, with a key in the chip";

/// Where the two families have their fields.
struct Family {
    name: &'static str,
    /// Where the header ends, with the registers that it sets.
    header_end: u64,
    load: usize,
    /// Fields of a partition's header.
    partition_load: usize,
    partition_offset: usize,
    partition_attributes: usize,
    partition_image: usize,
}

const ZYNQ: Family = Family {
    name: "zynq-7000",
    header_end: 0x8c0,
    load: 0x3c,
    partition_load: 0x0c,
    partition_offset: 0x14,
    partition_attributes: 0x18,
    partition_image: 0x24,
};
const ZYNQ_MP: Family = Family {
    name: "zynq-ultrascale+",
    header_end: 0x8b8,
    load: 0x2c,
    partition_load: 0x18,
    partition_offset: 0x20,
    partition_attributes: 0x24,
    partition_image: 0x30,
};
/// UltraScale+ loads its first stage to memory in the chip, from here on. The older family has a
/// word of the user in the place of this address.
const CHIP_MEMORY: u32 = 0xffe0_0000;
/// In the attributes of a partition.
const SIGNED: u32 = 0x8000;
const ENCRYPTED: u32 = 0x80;
const LOGIC: u32 = 0x20;

struct Partition {
    name: String,
    offset: u64,
    size: u64,
    summary: String,
    encrypted: bool,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let mut sum = 0_u32;
    for index in 0..COVERED.1 {
        sum = sum.wrapping_add(view.u32(COVERED.0 + index * 4, Little)?);
    }
    if !agrees(view.u32(CHECKSUM, Little)?, !sum) {
        return Err(NotThis);
    }
    let family = if view.u32(0x2c, Little)? >= CHIP_MEMORY { &ZYNQ_MP } else { &ZYNQ };
    let encryption = view.u32(0x28, Little)?;
    let mut faults = Vec::new();
    let mut partitions = partitions(&candidate.extent, view, family, &mut faults);
    if partitions.is_empty() {
        partitions.push(first_stage(&candidate.extent, view, family)?);
    }
    let end = partitions.iter().map(|partition| partition.offset + partition.size).max();
    let length = end.unwrap_or(0).max(family.header_end.min(candidate.extent.len()));
    let mut layout = Layout::disjoint(candidate.extent.clamp(0, length));
    let first = partitions.iter().map(|partition| partition.offset).min().unwrap_or(0);
    // The tables and their padding stand between the header and the first partition.
    layout.consumed(0, first.min(length));
    let mut attributes = vec![
        ("family", family.name.to_owned()),
        ("load-address", format!("{:#010x}", view.u32(family.load, Little)?)),
    ];
    if encryption != 0 {
        let key = ENCRYPTIONS.iter().find(|(code, _)| *code == encryption);
        attributes.push(("encryption", key.map_or("an unknown key", |(_, name)| name).to_owned()));
    }
    let summary: Vec<_> = partitions.iter().map(|partition| partition.summary.as_str()).collect();
    attributes.push(("partitions", summary.join("; ")));
    for partition in partitions {
        let Partition { name, offset, size, .. } = partition;
        if partition.encrypted {
            layout.unread_part(name, offset, size, SEALED);
        } else {
            layout.part(name, offset, size);
        }
    }
    let laid = layout.finish();
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

/// The first stage alone, of images without a table.
fn first_stage(extent: &Extent, view: View<'_>, family: &Family) -> Result<Partition, NotThis> {
    let word = |at| view.u32(at, Little).map(u64::from);
    let offset = word(0x30)?;
    let mut size = word(0x40)?;
    if family.name == ZYNQ_MP.name {
        // The firmware of the power management unit stands in front of it.
        size += word(0x38)?;
    } else if size == extent.len() {
        // U-Boot's mkimage counts the header too.
        size = size.saturating_sub(offset);
    }
    let fits = offset >= HEADER_BYTES && size > 0 && offset + size <= IMAGE_BYTES_MAX;
    fits.then(|| Partition {
        name: "first-stage".to_owned(),
        offset,
        size,
        summary: "first-stage".to_owned(),
        encrypted: view.u32(0x28, Little).is_ok_and(|code| code != 0),
    })
    .ok_or(NotThis)
}

/// The partitions of the table that the header points to.
fn partitions(
    extent: &Extent,
    view: View<'_>,
    family: &Family,
    faults: &mut Vec<Fault>,
) -> Vec<Partition> {
    let mut found = Vec::new();
    let table = view.u32(0x9c, Little).map_or(0, u64::from);
    if table < HEADER_BYTES || table == u64::from(u32::MAX) {
        return found;
    }
    for index in 0..PARTITIONS_MAX {
        let at = table + index * PARTITION_BYTES;
        let Ok(bytes) = extent.read(at, PARTITION_BYTES) else { break };
        // The table ends with a header of zeros.
        if bytes.iter().take(0x3c).all(|&byte| byte == 0) {
            break;
        }
        match partition(extent, View(&bytes), family) {
            Some(partition) => found.push(partition),
            None => faults.push(Fault::new(at, "read a partition's header", "its sum is wrong")),
        }
    }
    found
}

fn partition(extent: &Extent, view: View<'_>, family: &Family) -> Option<Partition> {
    let word = |at| view.u32(at, Little).ok();
    let mut sum = 0_u32;
    for index in 0..15 {
        sum = sum.wrapping_add(word(index * 4)?);
    }
    if !agrees(word(0x3c)?, !sum) {
        return None;
    }
    let attributes = word(family.partition_attributes)?;
    let offset = u64::from(word(family.partition_offset)?) * 4;
    // The length as stored, and with what signs it.
    let (stored, plain) = (u64::from(word(0)?) * 4, u64::from(word(4)?) * 4);
    let image = u64::from(word(family.partition_image)?) * 4;
    let encrypted =
        if family.name == ZYNQ_MP.name { attributes & ENCRYPTED != 0 } else { stored != plain };
    let name = name(extent, image).unwrap_or_else(|| format!("partition-{offset:#x}"));
    let mut summary = format!("{name} load {:#x}", word(family.partition_load)?);
    for (flag, told) in [
        (attributes & LOGIC != 0, ", programmable logic"),
        (attributes & SIGNED != 0, ", RSA signature, not verified"),
        (encrypted, ", encrypted"),
    ] {
        summary.push_str(if flag { told } else { "" });
    }
    let fits = offset >= HEADER_BYTES && offset + stored <= IMAGE_BYTES_MAX;
    fits.then_some(Partition { name, offset, size: stored, summary, encrypted })
}

/// The name in an image's header: words with their bytes in reverse, up to one that is zero.
fn name(extent: &Extent, image: u64) -> Option<String> {
    const NAME_BYTES: u64 = 64;
    let bytes = extent.read_up_to(image.checked_add(16)?, NAME_BYTES).ok()?;
    let words = bytes.as_chunks::<4>().0.iter().take_while(|word| **word != [0; 4]);
    let name: Vec<u8> =
        words.flat_map(|word| word.iter().rev().copied()).filter(|&byte| byte != 0).collect();
    let named = !name.is_empty() && name.iter().all(|byte| (0x20..0x7f).contains(byte));
    named.then(|| String::from_utf8(name).ok())?
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, check, locators},
            reference::{assert_survives_damage, run, sample},
        },
    };

    /// A header with its checksum and a first stage behind it.
    fn image(load: u32) -> Vec<u8> {
        let mut covered = vec![0xaa99_5566, 0x584c_4e58, 0, 0, 0x8c0, 0, 0, 0, 64, 0];
        covered[if load >= 0xffe0_0000 { 3 } else { 7 }] = load;
        let sum = covered.iter().fold(0, |sum: u32, word| sum.wrapping_add(*word));
        let mut writer = Writer::new(Endian::Little);
        for _ in 0..8 {
            writer.u32(0xeaff_fffe);
        }
        for word in covered {
            writer.u32(word);
        }
        writer.u32(!sum).pad_to(0xa0, 0).pad_to(0x8c0, 0xff).fill(b'f', 64);
        writer.finish()
    }

    #[test]
    fn headers_of_both_families() {
        for (load, family) in [(0, "zynq-7000"), (0xfffc_0000, "zynq-ultrascale+")] {
            let tree = Tree::from_bytes(image(load), &Limits::default());
            assert_eq!(attribute(&tree, "zynq-boot", "family").unwrap(), family);
            let path = "image@0x0/zynq-boot:/first-stage".parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), vec![b'f'; 64]);
            check(&image(load)[..0xb0], 0xb0);
        }
    }

    /// An ELF file with one segment, for bootgen.
    fn elf(path: &Path, wide: bool) {
        let code = sample(2048, 5);
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"\x7fELF").u8(if wide { 2 } else { 1 }).u8(1).u8(1).fill(0, 9).u16(2);
        let size = 2048;
        if wide {
            writer.u16(183).u32(1).u64(0xfffc_0000).u64(64).u64(0).u32(0);
            writer.u16(64).u16(56).u16(1).u16(0).u16(0).u16(0).u32(1).u32(5).u64(0x1000);
            writer.u64(0xfffc_0000).u64(0xfffc_0000).u64(size).u64(size).u64(0x1000);
        } else {
            let size = 2048;
            writer.u16(40).u32(1).u32(0).u32(52).u32(0).u32(0);
            writer.u16(52).u16(32).u16(1).u16(0).u16(0).u16(0).u32(1).u32(0x1000);
            writer.u32(0).u32(0).u32(size).u32(size).u32(5).u32(0x1000);
        }
        writer.pad_to(0x1000, 0).bytes(&code);
        fs::write(path, writer.finish()).unwrap();
    }

    #[test]
    fn what_bootgen_packs_is_opened() {
        for (arch, options) in [("zynq", ""), ("zynqmp", ", destination_cpu=a53-0")] {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
            elf(&folder.path().join("fsbl.elf"), arch == "zynqmp");
            fs::write(at("u-boot.bin"), sample(9000, 2)).unwrap();
            let (stage, loader) = (at("fsbl.elf"), at("u-boot.bin"));
            let text = format!(
                "the_ROM_image:\n{{\n[bootloader{options}] {stage}\n[load=0x8000000] {loader}\n}}\n"
            );
            fs::write(at("bif"), text).unwrap();
            let arguments = ["-arch", arch, "-image", &at("bif"), "-o", &at("out"), "-w"];
            if !run("bootgen", &arguments) {
                return;
            }
            let bytes = fs::read(at("out")).unwrap();
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let found = locators(&tree);
            for (name, content) in [("fsbl.elf", sample(2048, 5)), ("u-boot.bin", sample(9000, 2))]
            {
                let path = format!("image@0x0/zynq-boot:/{name}").parse().unwrap();
                let (node, _) = tree.resolve(&path).unwrap_or_else(|| panic!("{found:?}"));
                assert!(tree.bytes(node).unwrap().starts_with(&content));
            }
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&bytes, 0xa0, 1499);
        }
    }

    #[test]
    fn what_mkimage_writes_is_opened() {
        for kind in ["zynqimage", "zynqmpimage"] {
            let folder = tempfile::tempdir().unwrap();
            let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
            fs::write(at("code"), sample(9000, 2)).unwrap();
            if !run("mkimage", &["-T", kind, "-d", &at("code"), &at("out")]) {
                return;
            }
            let tree = Tree::from_bytes(fs::read(at("out")).unwrap(), &Limits::default());
            let path = "image@0x0/zynq-boot:/first-stage".parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), sample(9000, 2));
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        }
    }
}
