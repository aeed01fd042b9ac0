//! Updates of Reolink's and Swann's cameras (`.pak`), as `pakler` describes them: sections with name
//! and version, a table of flash partitions, and a checksum; with numbers of 32 or 64 bits.

use crate::{
    Endian::Little,
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "reolink-pak",
    magics: &[Magic::start(&[0x13, 0x59, 0x72, 0x32])],
    carve: true,
    open,
};

/// Sections that `pakler` looks through for the partition table.
const SECTIONS_MAX: usize = 30;
const PARTITION_BYTES: usize = 76;
const HEADER_BYTES_MAX: u64 = 8192;
/// What the checksum covers between the data and the table of sections.
const BETWEEN: [u8; 4] = [2, 0, 0, 0];

struct Section {
    name: String,
    version: String,
    offset: u64,
    length: u64,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read_up_to(0, HEADER_BYTES_MAX)?;
    let view = View(&head);
    // The upper halves of wide numbers are zero; narrow ones have a checksum and a name there.
    let wide =
        view.u32(4, Little)? == 0 && view.u32(12, Little)? == 0 && view.u32(20, Little)? == 0;
    let (fixed, section_bytes, sum_at) = if wide { (24, 72, 8) } else { (12, 64, 4) };
    let sections = sections(view, fixed, section_bytes, wide)?;
    let data_from = fixed + sections.len() * (section_bytes + PARTITION_BYTES);
    let data_from = u64::try_from(data_from).map_err(|_| NotThis)?;
    let named: Vec<&Section> = sections.iter().filter(|section| section.length > 0).collect();
    let end = named.iter().filter_map(|one| one.offset.checked_add(one.length)).max();
    let end = end.filter(|&end| end > data_from && end < 1 << 40).ok_or(NotThis)?;
    if named.iter().any(|section| section.offset < data_from) {
        return Err(NotThis);
    }
    let image = candidate.extent.clamp(0, end);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, data_from);
    let mut attributes =
        vec![("type", format!("{:#x}", view.u32(if wide { 16 } else { 8 }, Little)?))];
    for section in named {
        if !section.version.is_empty() {
            attributes.push(("version", format!("{}: {}", section.name, section.version)));
        }
        layout.part(section.name.clone(), section.offset, section.length);
    }
    let mut laid = layout.finish();
    let mut stored = view.array::<4>(sum_at)?;
    stored.reverse();
    let table = u64::try_from(sections.len() * section_bytes).map_err(|_| NotThis)?;
    let covered = covered(&image, data_from, u64::try_from(fixed).map_err(|_| NotThis)?, table);
    let length = end - data_from + 4 + table;
    let verdict = check("the image", Algorithm::Crc32FromZero, &stored, &covered, length, 0);
    verdict.tell("checksum", &mut attributes, &mut laid.faults);
    Ok(Opened { length: end, attributes, entries: laid.entries, faults: laid.faults, unread: None })
}

/// The checksum covers the data, four fixed bytes, and the table of sections, in this order.
fn covered(image: &Extent, data_from: u64, fixed: u64, table: u64) -> Extent {
    let between = Extent::from_memory(image.vault(), BETWEEN.to_vec());
    let parts = vec![image.from(data_from), between, image.clamp(fixed, table)];
    Extent::joined(image.vault(), parts)
}

/// The sections; there are as many as entries up to the one that starts with the first one's name:
/// with it starts the table of partitions.
fn sections(
    view: View<'_>,
    fixed: usize,
    section_bytes: usize,
    wide: bool,
) -> Result<Vec<Section>, NotThis> {
    let first = view.bytes(fixed, 32)?;
    let names = view.text(fixed, 32)?;
    if names.is_empty() || !names.iter().all(u8::is_ascii_graphic) {
        return Err(NotThis);
    }
    let mut sections = Vec::new();
    for index in 0..=SECTIONS_MAX {
        let at = fixed + index * section_bytes;
        if index > 0 && view.bytes(at, 32)? == first {
            return Ok(sections);
        }
        let number = |offset: usize| -> Result<u64, NotThis> {
            Ok(if wide {
                view.u64(at + 56 + offset * 8, Little)?
            } else {
                u64::from(view.u32(at + 56 + offset * 4, Little)?)
            })
        };
        sections.push(Section {
            name: text_of(view.text(at, 32)?),
            version: text_of(view.text(at + 32, 24)?),
            offset: number(0)?,
            length: number(1)?,
        });
    }
    Err(NotThis)
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::{
            support::check::Algorithm,
            testing::{hostile::attribute, reference::assert_survives_damage},
        },
    };

    fn pak(wide: bool) -> Vec<u8> {
        let (fixed, section) = if wide { (24, 72) } else { (12, 64) };
        let data = fixed + 3 * (section + 76);
        let mut table = Writer::new(Endian::Little);
        for (name, version, at, size) in
            [("loader", "v1.0.0.1", data, 6), ("", "", 0, 0), ("rootfs", "", data + 6, 13)]
        {
            table.field(name, 32).field(version, 24);
            for number in [at, size] {
                if wide {
                    table.u64(number);
                } else {
                    table.u32(u32::try_from(number).unwrap());
                }
            }
        }
        let body = b"loadera file system";
        let covered = [body.as_slice(), &super::BETWEEN, table.as_slice()].concat();
        let sum = Algorithm::Crc32FromZero.number(&covered);
        let mut writer = Writer::new(Endian::Little);
        for number in [0x3272_5913, sum, 0x4b02] {
            writer.u32(number);
            if wide {
                writer.u32(0);
            }
        }
        writer.bytes(table.as_slice());
        for name in ["loader", "fdt", "rootfs"] {
            writer.field(name, 32).u32(1).field("/dev/mtd1", 32).u32(0).u32(0x1000);
        }
        writer.bytes(body);
        writer.finish()
    }

    #[test]
    fn sections_of_both_widths_are_parts() {
        for wide in [false, true] {
            let bytes = pak(wide);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let (node, _) =
                tree.resolve(&"image@0x0/reolink-pak:/rootfs".parse().unwrap()).unwrap();
            assert_eq!(tree.bytes(node).unwrap(), "a file system");
            assert_eq!(attribute(&tree, "reolink-pak", "checksum").unwrap(), "verified");
            assert_eq!(attribute(&tree, "reolink-pak", "version").unwrap(), "loader: v1.0.0.1");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&bytes, 300, 23);
        }
        let mut bad = pak(true);
        *bad.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert_eq!(attribute(&tree, "reolink-pak", "checksum").unwrap(), "wrong");
    }
}
