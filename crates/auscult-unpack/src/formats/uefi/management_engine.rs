//! Intel's Management Engine in flash (`$FPT`, as UEFITool's and MEAnalyzer's sources describe it): the table
//! of its partitions, and the version of the code from its manifest. The code itself is packed or encrypted in
//! ways of its own: it is not opened.

use memchr::memmem;

use crate::{
    Endian::Little,
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::{Layout, text_of},
};

pub(crate) static FORMAT: Format = Format {
    name: "intel-me",
    // Behind a vector of 16 bytes, or without it.
    magics: &[Magic::at(16, b"$FPT"), Magic::start(b"$FPT")],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 32;
const ENTRY_BYTES: usize = 32;
const ENTRIES_MAX: u64 = 128;
const REGION_BYTES_MAX: u64 = 32 << 20;
/// The manifest stands in the first part of the code's partition.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

struct Partition {
    name: String,
    offset: u64,
    length: u64,
    valid: bool,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let start = if extent.read(16, 4).is_ok_and(|mark| mark == b"$FPT"[..]) { 16 } else { 0 };
    let head = extent.read(start, HEADER_BYTES)?;
    let view = View(&head);
    let count = u64::from(view.u32(4, Little)?);
    let (version, header_bytes) = (view.u8(8)?, view.u8(10)?);
    let plausible = (1..=ENTRIES_MAX).contains(&count)
        && matches!(version, 0x10 | 0x20 | 0x21)
        && matches!(header_bytes, 0x20 | 0x30);
    if !plausible {
        return Err(NotThis);
    }
    let table_at = start + HEADER_BYTES;
    let table = extent.read(table_at, count * 32)?;
    let mut partitions = Vec::new();
    for entry in table.chunks_exact(ENTRY_BYTES) {
        let view = View(entry);
        let name = text_of(view.text(0, 4)?);
        if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NotThis);
        }
        partitions.push(Partition {
            name,
            offset: u64::from(view.u32(8, Little)?),
            length: u64::from(view.u32(12, Little)?),
            valid: view.u32(28, Little)? >> 24 != 0xff,
        });
    }
    let there = |one: &&Partition| {
        one.valid
            && one.length > 0
            && one.offset.checked_add(one.length).is_some_and(|end| end <= extent.len())
            && one.offset >= table_at
    };
    let inside: Vec<&Partition> = partitions.iter().filter(there).collect();
    let ends = inside.iter().map(|one| one.offset + one.length);
    let length = ends.chain([table_at + count * 32]).max().unwrap_or(0);
    if length > REGION_BYTES_MAX {
        return Err(NotThis);
    }
    let mut layout = Layout::new(extent.clamp(0, length));
    layout.consumed(0, table_at + count * 32);
    for partition in &inside {
        layout.part(partition.name.as_str(), partition.offset, partition.length);
    }
    let laid = layout.finish();
    let names: Vec<String> = partitions
        .iter()
        .map(|one| format!("{} {:#x}+{:#x}", one.name, one.offset, one.length))
        .collect();
    let mut attributes = vec![("partitions", names.join("; "))];
    let code = inside.iter().find(|one| matches!(one.name.as_str(), "FTPR" | "CODE"));
    let version = code.and_then(|code| manifest_version(&extent.clamp(code.offset, code.length)));
    attributes.extend(version.map(|version| ("version", version)));
    let (entries, faults) = (laid.entries, laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// The version that a manifest tells: four numbers behind its mark and the number of modules.
fn manifest_version(code: &Extent) -> Option<String> {
    let bytes = code.read_up_to(0, MANIFEST_BYTES_MAX).ok()?;
    let at = [&b"$MN2"[..], b"$MAN"].iter().find_map(|mark| memmem::find(&bytes, mark))?;
    let view = View(bytes.get(at + 8..)?);
    let part = |at| view.u16(at, Little).ok();
    let (major, minor, fix, build) = (part(0)?, part(2)?, part(4)?, part(6)?);
    (1..100).contains(&major).then(|| format!("{major}.{minor}.{fix}.{build}"))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    fn region() -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes.extend(b"$FPT");
        bytes.extend(2_u32.to_le_bytes());
        bytes.extend([0x20, 0x10, 0x20, 0]);
        bytes.resize(48, 0);
        for (name, offset, length) in [(b"FTPR", 0x1000_u32, 0x200_u32), (b"MFS\0", 0x2000, 0x100)]
        {
            bytes.extend(name);
            bytes.extend([0; 4]);
            bytes.extend(offset.to_le_bytes());
            bytes.extend(length.to_le_bytes());
            bytes.extend([0; 16]);
        }
        bytes.resize(0x1000, 0xff);
        bytes.extend([1; 28]);
        bytes.extend(b"$MN2");
        bytes.extend(3_u32.to_le_bytes());
        for number in [11_u16, 8, 50, 3425] {
            bytes.extend(number.to_le_bytes());
        }
        bytes.resize(0x2000, 0xff);
        bytes.extend([3; 0x100]);
        bytes
    }

    #[test]
    fn partitions_are_parts_and_the_version_is_told() {
        let tree = Tree::from_bytes(region(), &Limits::default());
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/intel-me:/FTPR".to_owned()), "{found:?}");
        assert_eq!(attribute(&tree, "intel-me", "version").unwrap(), "11.8.50.3425");
        assert!(attribute(&tree, "intel-me", "partitions").unwrap().ends_with("MFS 0x2000+0x100"));
        check(&region()[..0x140], 120);
    }
}
