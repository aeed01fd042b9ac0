//! Updates of Hikvision's cameras and recorders (`digicap.dav`), as `hikpack` and Hikvision's own
//! upgrade client describe them: a header and a table of files under a fixed pattern, sums of the
//! header and of each file. The files of newer devices are encrypted; they look like any other data.

use crate::{
    Endian::Little,
    Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{
    check::{Algorithm, check},
    layout::text_of,
    members::Members,
};

pub(crate) static FORMAT: Format = Format {
    name: "hikvision",
    magics: &[
        // "SWKH" and "02KH" under the pattern.
        Magic::start(&[0xe9, 0x9a, 0xf7, 0xb6]),
        Magic::start(&[0x8a, 0xff, 0xf7, 0xb6]),
    ],
    carve: true,
    open,
};

const PATTERN: [u8; 16] = [
    0xba, 0xcd, 0xbc, 0xfe, 0xd6, 0xca, 0xdd, 0xd3, 0xba, 0xb9, 0xa3, 0xab, 0xbf, 0xcb, 0xb5, 0xbe,
];
const HEADER_BYTES: u64 = 64;
const FILE_BYTES: u64 = 44;
const FILES_MAX: u32 = 64;
/// What may stand in the header behind the table.
const SPARE_BYTES: u64 = 1024;
/// The header's sum covers the rest of the header from here on.
const COVERED_FROM: usize = 12;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let fixed = plain(&candidate.extent, HEADER_BYTES)?;
    let view = View(&fixed);
    let (size, files) = (view.u32(8, Little)?, view.u32(12, Little)?);
    let table_end = HEADER_BYTES + u64::from(files) * FILE_BYTES;
    let header_bytes = u64::from(size);
    if !(1..=FILES_MAX).contains(&files)
        || !(table_end..=table_end + SPARE_BYTES).contains(&header_bytes)
    {
        return Err(NotThis);
    }
    let header = plain(&candidate.extent, header_bytes)?;
    let view = View(&header);
    let sum = Algorithm::Sum32.number(header.get(COVERED_FROM..).unwrap_or_default());
    if !cfg!(fuzzing) && sum != view.u32(4, Little)? {
        return Err(NotThis);
    }
    let mut attributes = vec![("magic", text_of(view.bytes(0, 4)?))];
    for (name, at) in [("language", 16), ("device-class", 20)] {
        attributes.push((name, format!("{:#x}", view.u32(at, Little)?)));
    }
    let mut members = Members::new(&candidate.extent, header_bytes);
    let table = header.get(64..).unwrap_or_default();
    for record in table.as_chunks::<44>().0.iter().take(usize::try_from(files).unwrap_or(0)) {
        file(&candidate.extent, View(record), &mut members)?;
    }
    let (length, entries, faults) = (members.end, members.entries, members.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// Name, length, place and sum of a file.
fn file(extent: &Extent, record: View<'_>, members: &mut Members) -> Result<(), NotThis> {
    let (size, at) = (u64::from(record.u32(32, Little)?), u64::from(record.u32(36, Little)?));
    members.file(record.text(0, 32)?, at, size);
    let mut stored = record.array::<4>(40)?;
    stored.reverse();
    let content = extent.clamp(at, size);
    let name = text_of(record.text(0, 32)?);
    members.faults.extend(check(&name, Algorithm::Sum32, &stored, &content, size, at).fault());
    Ok(())
}

/// The first bytes without their pattern, which turns by one byte every time that it starts anew.
fn plain(extent: &Extent, length: u64) -> Result<Vec<u8>, NotThis> {
    let bytes = extent.read(0, length)?;
    let mask = |index: usize| PATTERN.get((index + (index >> 4)) & 15).copied().unwrap_or(0);
    Ok(bytes.iter().enumerate().map(|(index, byte)| byte ^ mask(index)).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Extent, Tree, Vault,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn sum(bytes: &[u8]) -> u32 {
        bytes.iter().map(|&byte| u32::from(byte)).sum()
    }

    fn update(magic: &[u8]) -> Vec<u8> {
        let files =
            [("hroot.img", b"a root file system".to_vec()), ("start.sh", b"#!/bin/sh".to_vec())];
        let mut header = Writer::new(Endian::Little);
        header.bytes(magic).u32(0).u32(64 + 2 * 44).u32(2).u32(1).u32(0x2a).fill(0, 40);
        let mut at = 64 + 2 * 44;
        for (name, bytes) in &files {
            header.field(name, 32).u32(u32::try_from(bytes.len()).unwrap()).u32(at);
            header.u32(sum(bytes));
            at += u32::try_from(bytes.len()).unwrap();
        }
        let own = sum(&header.as_slice()[12..]);
        header.patch(4, &own.to_le_bytes());
        let vault = Arc::new(Vault::new(Limits::default()));
        let plain = header.finish();
        let length = u64::try_from(plain.len()).unwrap();
        // The pattern is its own inverse.
        let mut bytes = super::plain(&Extent::from_memory(&vault, plain), length).ok().unwrap();
        bytes.extend(files.into_iter().flat_map(|(_, bytes)| bytes));
        bytes
    }

    #[test]
    fn files_are_members_and_their_sums_hold() {
        for magic in [b"SWKH", b"02KH"] {
            let bytes = update(magic);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            let (node, _) =
                tree.resolve(&"image@0x0/hikvision:/start.sh".parse().unwrap()).unwrap();
            assert_eq!(tree.bytes(node).unwrap(), "#!/bin/sh");
            assert_eq!(attribute(&tree, "hikvision", "device-class").unwrap(), "0x2a");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&bytes, 152, 11);
        }
        let mut bad = update(b"SWKH");
        *bad.last_mut().unwrap() ^= 1;
        let tree = Tree::from_bytes(bad, &Limits::default());
        assert!(tree.problems()[0].what.contains("start.sh"), "{:?}", tree.problems());
    }
}
