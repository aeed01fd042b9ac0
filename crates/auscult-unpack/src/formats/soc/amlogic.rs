//! Update packages of Amlogic's tools (hardkernel's U-Boot, `amlImage_if.h`; JetHome's description of
//! the Amlogic Upgrade Package): a table of items with two names each, versions 1 and 2.

use crate::{
    Endian::Little,
    View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "amlogic-package",
    magics: &[Magic::at(8, &[0x56, 0x19, 0xb5, 0x27])],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 64;
const ITEMS_MAX: u32 = 512;
/// The checksum covers everything behind itself.
const COVERED_FROM: u64 = 4;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let version = view.u32(4, Little)?;
    // The items' names have grown.
    let name_bytes = match version {
        1 => 32,
        2 => 256,
        _ => return Err(NotThis),
    };
    let (length, count) = (view.u64(12, Little)?, view.u32(24, Little)?);
    let item_bytes = 64 + 2 * name_bytes;
    let table = u64::from(count) * u64::try_from(item_bytes).map_err(|_| NotThis)?;
    let data_from = HEADER_BYTES + table;
    if !(1..=ITEMS_MAX).contains(&count) || length < data_from || length > 1 << 40 {
        return Err(NotThis);
    }
    let items = candidate.extent.read(HEADER_BYTES, table)?;
    let image = candidate.extent.clamp(0, length);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, data_from);
    for item in items.chunks_exact(item_bytes) {
        let view = View(item);
        let (offset, size) = (view.u64(16, Little)?, view.u64(24, Little)?);
        let (kind, name) = (view.text(32, name_bytes)?, view.text(32 + name_bytes, name_bytes)?);
        let named = !kind.is_empty() && kind.is_ascii() && name.is_ascii();
        if !named || offset < data_from || offset.checked_add(size).is_none() {
            return Err(NotThis);
        }
        layout.part(format!("{}.{}", text_of(name), text_of(kind)), offset, size);
    }
    let mut stored = view.array::<4>(0)?;
    stored.reverse();
    let (covered, bytes) = (image.from(COVERED_FROM), length - COVERED_FROM);
    let algorithm = Algorithm::Crc32NotInverted;
    let verdict = check("the checksum", algorithm, &stored, &covered, bytes, COVERED_FROM);
    let laid = layout.finish();
    let (mut attributes, mut faults) = (vec![("version", version.to_string())], laid.faults);
    verdict.tell("checksum", &mut attributes, &mut faults);
    Ok(Opened { length, attributes, entries: laid.entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::crc32};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn package(version: u32) -> Vec<u8> {
        let name = if version == 1 { 32 } else { 256 };
        let data = 64 + 2 * (64 + 2 * name);
        let mut covered = Writer::new(Endian::Little);
        covered.u32(version).u32(0x27b5_1956).u64(u64::try_from(data).unwrap() + 10).u32(4).u32(2);
        covered.fill(0, 36);
        for (index, kind, sub, size) in [(0, "PARTITION", "boot", 4), (4, "USB", "DDR", 6)] {
            covered.u32(0).u32(0).u64(0).u64(u64::try_from(data).unwrap() + index).u64(size);
            covered.field(kind, name).field(sub, name).fill(0, 32);
        }
        covered.bytes(b"boot").bytes(b"loader");
        let mut writer = Writer::new(Endian::Little);
        writer.u32(!crc32(covered.as_slice())).bytes(covered.as_slice());
        writer.finish()
    }

    #[test]
    fn items_of_both_versions_are_parts() {
        for version in [1, 2] {
            let tree = Tree::from_bytes(package(version), &Limits::default());
            assert_eq!(attribute(&tree, "amlogic-package", "checksum").unwrap(), "verified");
            let path = "image@0x0/amlogic-package:/DDR.USB".parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), "loader");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&package(version), 100, 37);
        }
    }
}
