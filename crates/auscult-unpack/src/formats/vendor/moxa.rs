//! Firmware of Moxa's serial device servers and gateways (`*FRM`), as unblob describes it: a table of
//! sections, one of which is the file system of the web pages, a flat table of files.

use auscult_model::ByteName;

use crate::{
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::layout::{Layout, text_of};

pub(crate) static FORMAT: Format =
    Format { name: "moxa", magics: &[Magic::start(b"*FRM\0\0\0\x01")], carve: true, open };

const HEADER_BYTES: u64 = 64;
const SECTION_BYTES: u64 = 16;
const SECTIONS_MAX: u64 = 16;
const FILE_SYSTEM: u32 = 2;
const FILE_SYSTEM_BYTES: u64 = 76;
const FILE_BYTES: u64 = 64;
const FILES_MAX: u16 = 4096;

/// A file of the web pages: name, offset from the start of the section, length.
struct File {
    name: ByteName,
    offset: u64,
    length: u64,
}

/// The file system of the web pages.
struct Pages {
    device: String,
    built: u32,
    table: (u64, u64),
    files: Vec<File>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let head = candidate.extent.read(0, HEADER_BYTES)?;
    let view = View(&head);
    let (length, header_bytes) =
        (u64::from(view.u32(8, Little)?), u64::from(view.u16(12, Little)?));
    let count = u64::from(view.u16(14, Little)?);
    let table_end = HEADER_BYTES + count * SECTION_BYTES;
    let counted = (1..=SECTIONS_MAX).contains(&count);
    if !counted || table_end > header_bytes || header_bytes >= length || length > 1 << 30 {
        return Err(NotThis);
    }
    let table = candidate.extent.read(HEADER_BYTES, count * SECTION_BYTES)?;
    let image = candidate.extent.clamp(0, length);
    let mut layout = Layout::disjoint(image.clone());
    layout.consumed(0, header_bytes);
    let (mut attributes, mut entries, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for record in table.as_chunks::<16>().0 {
        let view = View(record);
        let kind = view.u32(0, Little)?;
        let (offset, size) = (u64::from(view.u32(4, Little)?), u64::from(view.u32(8, Little)?));
        if offset < header_bytes || offset + size > length {
            return Err(NotThis);
        }
        let section = image.clamp(offset, size);
        match (kind, pages(&section)) {
            (FILE_SYSTEM, Ok(pages)) if attributes.is_empty() => {
                attributes.push(("device", pages.device.clone()));
                attributes.push((
                    "built",
                    crate::formats::support::date::iso_8601(i64::from(pages.built)),
                ));
                layout.consumed(offset, FILE_SYSTEM_BYTES);
                layout.consumed(offset + pages.table.0, pages.table.1);
                for file in &pages.files {
                    layout.consumed(offset + file.offset, file.length);
                }
                faults.extend(files(&section, pages.files, &mut entries));
            }
            (1, _) => layout.part("firmware", offset, size),
            (kind, _) => layout.part(format!("section-{kind}"), offset, size),
        }
    }
    let laid = layout.finish();
    entries.extend(laid.entries);
    faults.extend(laid.faults);
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

/// The header and the table of the web pages' file system.
fn pages(section: &Extent) -> Result<Pages, NotThis> {
    let head = section.read(0, FILE_SYSTEM_BYTES)?;
    let view = View(&head);
    let device = view.text(0, 32)?;
    let (table, record_bytes) =
        (u64::from(view.u32(48, Little)?), u64::from(view.u16(56, Little)?));
    // Some devices have the number of files in another field.
    let count = match view.u16(58, Little)? {
        0 => view.u16(66, Little)?,
        count => count,
    };
    let named = !device.is_empty() && device.is_ascii();
    if !named || record_bytes < FILE_BYTES || !(1..=FILES_MAX).contains(&count) {
        return Err(NotThis);
    }
    let table_bytes = record_bytes * u64::from(count);
    let records = section.read(table, table_bytes)?;
    let mut files = Vec::new();
    for record in records.chunks_exact(usize::try_from(record_bytes).map_err(|_| NotThis)?) {
        let view = View(record);
        let name = view.text(0, 48)?;
        if !name.is_empty() {
            files.push(File {
                name: ByteName(name.to_vec()),
                offset: u64::from(view.u32(60, Little)?),
                length: u64::from(view.u32(56, Little)?),
            });
        }
    }
    let built = view.u32(36, Little)?;
    Ok(Pages { device: text_of(device), built, table: (table, table_bytes), files })
}

/// Adds the files; some of them are packed with gzip, under the name of what is in them.
fn files(section: &Extent, files: Vec<File>, entries: &mut Vec<Entry>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in files {
        let content = section.clamp(file.offset, file.length);
        if content.len() < file.length {
            let why = format!("{} bytes promised, {} there", file.length, content.len());
            let what = format!("read {} whole", file.name);
            faults.push(Fault::new(file.offset, what, why));
        }
        let member = Entry::member(file.name, EntryKind::File, Metadata::default());
        entries.push(member.with_content(content));
    }
    faults
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{hostile::attribute, reference::assert_survives_damage},
    };

    /// With the number of files in the first or the second field.
    fn image(second: bool) -> Vec<u8> {
        let (first, other) = if second { (0, 2) } else { (2, 0) };
        let mut pages = Writer::new(Endian::Little);
        pages.field("NPort 5110", 32).u32(0).u32(1_500_000_000).u32(0).u32(0).u32(0x100).u32(128);
        pages.u16(64).u16(first).u32(11).u16(0).u16(other).u32(128).u32(0);
        pages.pad_to(0x100, 0);
        for (name, size, at) in [("index.htm", 6, 0x180), ("a.css", 5, 0x186)] {
            pages.field(name, 48).fill(0, 8).u32(size).u32(at);
        }
        pages.bytes(b"<html>body{");
        let size = u32::try_from(pages.len()).unwrap();
        let mut writer = Writer::new(Endian::Little);
        writer.bytes(b"*FRM\0\0\0\x01").u32(96 + size + 10).u16(96).u16(2).fill(0, 48);
        writer.u32(2).u32(96).u32(size).u32(0).u32(1).u32(96 + size).u32(10).u32(0);
        writer.bytes(pages.as_slice()).bytes(b"a firmware");
        writer.finish()
    }

    #[test]
    fn sections_are_parts_and_web_pages_are_files() {
        for second in [false, true] {
            let bytes = image(second);
            let tree = Tree::from_bytes(bytes.clone(), &Limits::default());
            for (name, content) in
                [("index.htm", "<html>"), ("a.css", "body{"), ("firmware", "a firmware")]
            {
                let path = format!("image@0x0/moxa:/{name}").parse().unwrap();
                assert_eq!(tree.bytes(tree.resolve(&path).unwrap().0).unwrap(), content);
            }
            assert_eq!(attribute(&tree, "moxa", "device").unwrap(), "NPort 5110");
            assert_eq!(attribute(&tree, "moxa", "built").unwrap(), "2017-07-14T02:40:00Z");
            assert!(tree.problems().is_empty(), "{:?}", tree.problems());
            assert_survives_damage(&bytes, 240, 19);
        }
    }
}
