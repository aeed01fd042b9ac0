//! HP's archives for the firmware of printers: bundles (`ibdl`) of packages (`ipkg`) of files, as the
//! tool hpbdl and unblob describe them.

use crate::{
    Endian::Little,
    View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{layout::text_of, members::Members};

pub(crate) static BUNDLE: Format = Format {
    name: "hp-bdl",
    magics: &[Magic::start(b"ibdl\x01\0\x01\0")],
    carve: true,
    open: open_bundle,
};

pub(crate) static PACKAGE: Format = Format {
    name: "hp-ipkg",
    magics: &[Magic::start(b"ipkg\x01\0\x03\0")],
    carve: true,
    open: open_package,
};

const BUNDLE_HEADER_BYTES: u64 = 1321;
const PACKAGE_HEADER_BYTES: u64 = 1056;
const BUNDLE_ENTRY_BYTES: usize = 16;
const PACKAGE_ENTRY_BYTES: usize = 276;
const ENTRIES_MAX: u32 = 4096;
const FIELD_BYTES: usize = 256;

/// Where the table is, and its bytes.
fn table(
    candidate: &Candidate,
    head: View<'_>,
    header_bytes: u64,
    entry_bytes: usize,
) -> Result<(u64, Vec<u8>), NotThis> {
    let (at, count) = (u64::from(head.u32(8, Little)?), head.u32(16, Little)?);
    if at < header_bytes || !(1..=ENTRIES_MAX).contains(&count) {
        return Err(NotThis);
    }
    let length = u64::from(count) * u64::try_from(entry_bytes).map_err(|_| NotThis)?;
    Ok((at + length, candidate.extent.read(at, length)?.to_vec()))
}

fn fields(
    head: View<'_>,
    names: &[(&'static str, usize)],
) -> Result<Vec<(&'static str, String)>, NotThis> {
    let mut attributes = Vec::new();
    for (name, at) in names {
        let text = head.text(*at, FIELD_BYTES)?;
        if !text.iter().all(|byte| (0x20..0x7f).contains(byte)) {
            return Err(NotThis);
        }
        attributes.push((*name, text_of(text)));
    }
    attributes.retain(|(_, text)| !text.is_empty());
    Ok(attributes)
}

fn open_bundle(candidate: &Candidate) -> Result<Opened, NotThis> {
    const FIELDS: &[(&str, usize)] = &[
        ("release", 32),
        ("brand", 32 + 256),
        ("device", 32 + 512),
        ("version", 32 + 768 + 9),
        ("revision", 32 + 1024 + 9),
    ];
    let head = candidate.extent.read(0, BUNDLE_HEADER_BYTES)?;
    let attributes = fields(View(&head), FIELDS)?;
    let (end, table) = table(candidate, View(&head), BUNDLE_HEADER_BYTES, BUNDLE_ENTRY_BYTES)?;
    let mut members = Members::new(&candidate.extent, BUNDLE_HEADER_BYTES);
    for (number, entry) in table.chunks_exact(BUNDLE_ENTRY_BYTES).enumerate() {
        let (offset, size) = (View(entry).u64(0, Little)?, View(entry).u64(8, Little)?);
        members.file(format!("ipkg{number:03}").as_bytes(), offset, size);
    }
    let Members { entries, faults, end: files_end, .. } = members;
    Ok(Opened { length: end.max(files_end), attributes, entries, faults, unread: None })
}

fn open_package(candidate: &Candidate) -> Result<Opened, NotThis> {
    const FIELDS: &[(&str, usize)] = &[("version", 32), ("product", 32 + 256), ("name", 32 + 512)];
    let head = candidate.extent.read(0, PACKAGE_HEADER_BYTES)?;
    let attributes = fields(View(&head), FIELDS)?;
    let (end, table) = table(candidate, View(&head), PACKAGE_HEADER_BYTES, PACKAGE_ENTRY_BYTES)?;
    let mut members = Members::new(&candidate.extent, PACKAGE_HEADER_BYTES);
    for entry in table.chunks_exact(PACKAGE_ENTRY_BYTES) {
        let view = View(entry);
        let name = view.text(0, FIELD_BYTES)?;
        let (offset, size) = (view.u64(256, Little)?, view.u64(264, Little)?);
        let stored = view.u32(272, Little)?;
        members.file(name, offset, size);
        let content = candidate.extent.clamp(offset, size);
        if content.len() == size
            && let Ok(computed) = Crc32::of_extent(&content)
            && !agrees(stored, computed)
        {
            let why = format!("{stored:#010x} stored, {computed:#010x} computed");
            let what = format!("check {}", name.escape_ascii());
            members.faults.push(crate::Fault::new(offset, what, why));
        }
    }
    let Members { entries, faults, end: files_end, .. } = members;
    Ok(Opened { length: end.max(files_end), attributes, entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer, checksum::crc32};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn package() -> Vec<u8> {
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"ipkg\x01\0\x03\0").u32(1056).u32(0).u32(1).fill(0, 12);
        writer.field("2.1", 256).field("LaserJet", 256).field("fw", 256).field("sig", 256);
        writer.field("kernel.bin", 256).u64(1056 + 276).u64(6).u32(crc32(b"kernel"));
        writer.bytes(b"kernel");
        writer.finish()
    }

    fn bundle() -> Vec<u8> {
        let package = package();
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"ibdl\x01\0\x01\0").u32(1321).u32(0).u32(1).fill(0, 12);
        writer.field("r", 256).field("HP", 256).field("d", 256).fill(0xee, 9);
        writer.field("1.0", 256).field("7", 256);
        writer.u64(1321 + 16).u64(u64::try_from(package.len()).unwrap()).bytes(&package);
        writer.finish()
    }

    #[test]
    fn bundles_hold_packages_that_hold_files() {
        let tree = Tree::from_bytes(bundle(), &Limits::default());
        assert_eq!(attribute(&tree, "hp-bdl", "brand").unwrap(), "HP");
        let path = "image@0x0/hp-bdl:/ipkg000@0x0/hp-ipkg:/kernel.bin".parse().unwrap();
        assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), "kernel");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        let mut damaged = bundle();
        *damaged.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert!(tree.problems()[0].what.contains("kernel.bin"), "{:?}", tree.problems());
        assert_survives_damage(&bundle(), 32, 61);
        assert_survives_damage(&package(), 32, 61);
    }
}
