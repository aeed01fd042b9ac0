//! Maps of a flash (`fmap.h` of the flashmap project, as Chromebooks and coreboot use them): the areas of the
//! whole flash, which mostly lie in front of the map. They are told; what is in them is found by itself.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::text_of,
};

pub(in crate::formats::uefi) static FORMAT: Format =
    Format { name: "flash-map", magics: &[Magic::start(b"__FMAP__")], carve: true, open };

const HEADER_BYTES: u64 = 56;
const AREA_BYTES: usize = 42;
const AREAS_MAX: u64 = 256;
const FLAGS: &[(u16, &str)] =
    &[(1, "static"), (2, "compressed"), (4, "read-only"), (8, "preserve")];

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (major, minor) = (view.u8(8)?, view.u8(9)?);
    let count = u64::from(view.u16(54, Little)?);
    if major != 1 || !(1..=AREAS_MAX).contains(&count) {
        return Err(NotThis);
    }
    let table = candidate.extent.read(HEADER_BYTES, count * 42)?;
    let mut areas = Vec::new();
    for area in table.chunks_exact(AREA_BYTES) {
        let view = View(area);
        let (offset, size) = (view.u32(0, Little)?, view.u32(4, Little)?);
        let flags = view.u16(40, Little)?;
        let flags = FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name);
        let flags: Vec<&str> = flags.collect();
        let name = text_of(view.text(8, 32)?);
        let told = if flags.is_empty() { String::new() } else { format!(" ({})", flags.join(" ")) };
        areas.push(format!("{name} {offset:#x}+{size:#x}{told}"));
    }
    let attributes = vec![
        ("name", text_of(view.text(22, 32)?)),
        ("map-version", format!("{major}.{minor}")),
        ("flash-size", view.u32(18, Little)?.to_string()),
        ("areas", areas.join("; ")),
    ];
    Ok(Opened { length: HEADER_BYTES + count * 42, attributes, ..Opened::default() })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check},
    };

    #[test]
    fn areas_are_told() {
        let mut bytes = b"__FMAP__\x01\x01".to_vec();
        bytes.extend(0xff00_0000_u64.to_le_bytes());
        bytes.extend(0x0100_0000_u32.to_le_bytes());
        bytes.extend(b"FLASH");
        bytes.resize(54, 0);
        bytes.extend([1, 0]);
        bytes.extend(0x20_0000_u32.to_le_bytes());
        bytes.extend(0x1000_u32.to_le_bytes());
        bytes.extend(b"COREBOOT");
        bytes.resize(56 + 40, 0);
        bytes.extend([4, 0]);
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        let told = |key| attribute(&tree, "flash-map", key).unwrap();
        assert_eq!(told("areas"), "COREBOOT 0x200000+0x1000 (read-only)");
        assert_eq!((told("name"), told("flash-size")), ("FLASH".into(), "16777216".into()));
        assert_eq!(tree.coverage().bytes_read, bytes.len() as u64);
        check(&bytes, 60);
    }
}
