//! Applications for Pololu's Wixel (`.wxl`, "Wixel Application Files" in its user's guide): a text whose
//! sections begin with `====== NAME`, of which `hex` holds an Intel HEX file.

use memchr::memmem;

use super::{ihex, memory};
use crate::{
    Entry, Extent, Fault, Reading,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::layout::sanitize,
};

pub(crate) static FORMAT: Format = Format {
    name: "wixel",
    magics: &[Magic::start(b"Pololu Wixel Application")],
    carve: true,
    open,
};

const MARK: &[u8] = b"\n====== ";
const SECTIONS_MAX: usize = 64;

struct Section {
    name: String,
    start: usize,
    end: usize,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let text = candidate.extent.read_up_to(0, memory::TEXT_BYTES_MAX)?;
    let sections = sections(&text);
    let hex = sections.iter().find(|section| section.name == "hex").ok_or(NotThis)?;
    let version = text.split(|&byte| byte == b'\n').nth(1).unwrap_or_default();
    let mut attributes =
        vec![("version", String::from_utf8_lossy(version.trim_ascii()).into_owned())];
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    let mut length = text.len();
    for section in &sections {
        let content = part(&candidate.extent, section.start, section.end);
        if section.start != hex.start {
            let mut entry = Entry::part(section.name.as_bytes(), content);
            entry.reading = Reading::Leaf;
            entries.push(entry);
            continue;
        }
        let records = text.get(section.start..section.end).unwrap_or_default();
        if let Some(memory) = ihex::parse(records) {
            // What follows the end record is not part of the file.
            length = section.start + memory.text_bytes;
            let source = content.clamp(0, u64::try_from(memory.text_bytes).unwrap_or(0));
            let opened = memory::opened(&source, memory, ihex::parse);
            entries.extend(opened.entries);
            attributes.extend(opened.attributes);
        } else {
            let place = u64::try_from(section.start).unwrap_or(u64::MAX);
            let why = "a record is damaged or the end record is missing";
            faults.push(Fault::new(place, "read the section hex", why));
            entries.push(Entry::part(&b"hex"[..], content));
        }
    }
    let length = u64::try_from(length).map_err(|_| NotThis)?;
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

fn part(extent: &Extent, start: usize, end: usize) -> Extent {
    let place = |at| u64::try_from(at).unwrap_or(u64::MAX);
    extent.clamp(place(start), place(end).saturating_sub(place(start)))
}

fn sections(text: &[u8]) -> Vec<Section> {
    let marks: Vec<usize> = memmem::find_iter(text, MARK).take(SECTIONS_MAX).collect();
    let ends = marks.iter().skip(1).map(|mark| mark + 1).chain([text.len()]);
    let sections = marks.iter().zip(ends).filter_map(|(mark, end)| {
        let name_at = mark + MARK.len();
        let newline = memchr::memchr(b'\n', text.get(name_at..end)?)?;
        let name = String::from_utf8_lossy(text.get(name_at..name_at + newline)?);
        Some(Section { name: sanitize(name.trim()), start: name_at + newline + 1, end })
    });
    sections.collect()
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::hostile::{attribute, check, locators},
    };

    const TEXT: &[u8] = b"Pololu Wixel Application - www.pololu.com\n1.0\n====== license\nFree.\n\
        ====== hex\n:0400100041424344E2\n:020014004546\x35F\n:00000001FF\n";

    #[test]
    fn the_memory_of_the_section_hex_is_a_part() {
        let text = String::from_utf8(TEXT.to_vec()).unwrap();
        let tree = Tree::from_bytes(text.clone().into_bytes(), &Limits::default());
        let (part, _) = tree.resolve(&"image@0x0/wixel:/0x00000010".parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(part).unwrap(), "ABCDEF");
        let found = locators(&tree);
        assert!(found.contains(&"image@0x0/wixel:/license".to_owned()), "{found:?}");
        assert_eq!(attribute(&tree, "wixel", "version").unwrap(), "1.0");
        let damaged = text.replace(":0400", ":0401");
        let tree = Tree::from_bytes(damaged.into_bytes(), &Limits::default());
        assert!(tree.problems()[0].what.contains("hex"));
        check(text.as_bytes(), 120);
    }
}
