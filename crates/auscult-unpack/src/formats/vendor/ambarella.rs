//! The ROM file system of Ambarella's camera chips, as `amba_romfs.py` of dji-firmware-tools
//! describes it: a count, a table of entries, files at multiples of 2 KiB.

use crate::{
    Endian::Little,
    Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::members::Members;

pub(crate) static FORMAT: Format = Format {
    name: "ambarella-romfs",
    magics: &[Magic::at(4, &[0x8a, 0x32, 0xfc, 0x66])],
    carve: true,
    open,
};

/// The header, padded with FF.
const HEADER_BYTES: u64 = 2048;
const ENTRY_BYTES: u64 = 128;
const NAME_BYTES: usize = 116;
/// What every entry ends with.
const ENTRY_MAGIC: u32 = 0x2387_ab76;
/// The reference tool warns of more.
const FILES_MAX: u32 = 16 << 10;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let count = View(&head).u32(0, Little)?;
    let padded = head.iter().skip(8).all(|&byte| byte == 0xff);
    if !(1..=FILES_MAX).contains(&count) || !padded {
        return Err(NotThis);
    }
    let table_bytes = u64::from(count) * ENTRY_BYTES;
    let table = candidate.extent.read_up_to(HEADER_BYTES, table_bytes)?;
    let mut members = Members::new(&candidate.extent, HEADER_BYTES + table_bytes);
    for (at, bytes) in (HEADER_BYTES..).step_by(128).zip(table.chunks_exact(128)) {
        let view = View(bytes);
        if view.u32(124, Little)? != ENTRY_MAGIC {
            members.faults.push(Fault::new(at, "read a file's entry", "its magic is wrong"));
            continue;
        }
        let (offset, size) = (view.u32(116, Little)?, view.u32(120, Little)?);
        members.file(view.text(0, NAME_BYTES)?, offset.into(), size.into());
    }
    let Members { entries, faults, end: length, .. } = members;
    if entries.is_empty() {
        return Err(NotThis);
    }
    let attributes = vec![("files", count.to_string())];
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    fn image() -> Vec<u8> {
        let files: [(&str, &[u8]); 2] = [("one.bin", b"first"), ("sub/two.bin", &[7; 2048])];
        let mut writer = Writer::new(Endian::Little);
        writer.u32(2).u32(0x66fc_328a).pad_to(2048, 0xff);
        for ((name, bytes), offset) in files.iter().zip([4096_u32, 6144]) {
            let length = u32::try_from(bytes.len()).unwrap();
            writer.field(name, 116).u32(offset).u32(length).u32(0x2387_ab76);
        }
        for (_, bytes) in files {
            // A whole block is followed by another one of padding.
            let end = (writer.len() / 2048 + 1) * 2048;
            writer.pad_to(end, 0xff).bytes(bytes);
        }
        writer.finish()
    }

    #[test]
    fn files_of_the_table_are_members() {
        let tree = Tree::from_bytes(image(), &Limits::default());
        assert_eq!(attribute(&tree, "ambarella-romfs", "files").unwrap(), "2");
        let (node, _) =
            tree.resolve(&"image@0x0/ambarella-romfs:/one.bin".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "first");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_eq!(tree.coverage().bytes_unread, 0);
    }

    #[test]
    fn damage_does_no_harm() {
        assert_survives_damage(&image(), 12, 37);
        let mut damaged = image();
        damaged[2048 + 124] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        assert!(tree.problems()[0].why.contains("magic"));
    }
}
