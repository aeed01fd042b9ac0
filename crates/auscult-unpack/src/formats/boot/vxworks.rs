//! What VxWorks systems of network devices carry beside the kernel, as the unpackers of TP-Link's
//! firmware describe it: the memory file system that begins with `OWOW…`.

use crate::{
    Endian::Big,
    Metadata, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::members::Members;

pub(crate) static FORMAT: Format = Format {
    name: "vxworks-memfs",
    magics: &[Magic::start(b"OWOWOWOWOWOWOWOWOWOWOWOWOWOWOWOW")],
    carve: true,
    open,
};

const HEADER_BYTES: u64 = 40;
const ENTRY_BYTES: usize = 76;
const NAME_BYTES: usize = 64;
const FILES_MAX: u32 = 1 << 16;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let count = View(&head).u32(36, Big)?;
    if !(1..=FILES_MAX).contains(&count) {
        return Err(NotThis);
    }
    let table_bytes = u64::from(count) * u64::try_from(ENTRY_BYTES).map_err(|_| NotThis)?;
    let table = candidate.extent.read(HEADER_BYTES, table_bytes)?;
    let mut members = Members::new(&candidate.extent, HEADER_BYTES + table_bytes);
    for entry in table.chunks_exact(ENTRY_BYTES) {
        let view = View(entry);
        let name = view.text(0, NAME_BYTES)?;
        let (size, offset) = (view.u32(64, Big)?, view.u32(68, Big)?);
        // Paths of both worlds, some from the root.
        let path: Vec<u8> =
            name.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect();
        let path = path.strip_prefix(b"/").unwrap_or(&path);
        let plain = Metadata::default();
        members.file_with(path, offset.into(), size.into(), plain, |content| content);
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

    #[test]
    fn files_are_members() {
        let mut writer = Writer::new(Endian::Big);
        writer.bytes(&b"OW".repeat(16)).u32(1).u32(2);
        writer.field("/web/index.htm", 64).u32(4).u32(192).u32(0);
        writer.field("img\\a.gif", 64).u32(3).u32(196).u32(0).bytes(b"pagegif");
        let bytes = writer.finish();
        let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
        assert_eq!(attribute(&tree, "vxworks-memfs", "files").unwrap(), "2");
        for (path, content) in [("web/index.htm", "page"), ("img/a.gif", "gif")] {
            let path = format!("image@0x0/vxworks-memfs:/{path}").parse().unwrap();
            assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), content);
        }
        assert_survives_damage(&bytes, 44, 7);
    }
}
