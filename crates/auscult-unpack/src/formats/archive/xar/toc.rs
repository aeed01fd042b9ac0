//! The table of contents: `xar/toc/file`, files inside of directories.

use std::collections::HashMap;

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{Sum, sum_of};
use crate::{Fault, formats::support::date::DateTime};

/// Deepest element read.
const DEPTH_MAX: usize = 256;

/// Where the bytes of a file are.
#[derive(Clone, Debug, Default)]
pub(super) struct Data {
    pub(super) offset: u64,
    /// Packed and unpacked.
    pub(super) length: u64,
    pub(super) size: u64,
    /// A media type.
    pub(super) encoding: String,
    pub(super) sum: Option<Sum>,
}

/// A file or directory.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    id: String,
    /// The directory that it is in, by its place in the list.
    parent: Option<usize>,
    pub(super) path: Vec<u8>,
    name: Vec<u8>,
    pub(super) kind: String,
    /// Target of a symbolic link; path of the other name of a hard link.
    pub(super) link: String,
    /// Number of the file that a hard link is another name of.
    original: String,
    pub(super) mode: Option<u32>,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) modified: Option<i64>,
    pub(super) data: Option<Data>,
}

impl File {
    pub(super) fn heap_end(&self) -> u64 {
        self.data.as_ref().map_or(0, |data| data.offset.saturating_add(data.length))
    }
}

#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) files: Vec<File>,
    pub(super) created: Option<String>,
    pub(super) signed: bool,
    /// Of the table itself: kind, and where in the heap it is.
    pub(super) checksum: Option<(String, u64, u64)>,
    /// End of what the table itself has in the heap: its checksum and signatures.
    pub(super) heap_end: u64,
    pub(super) fault: Option<Fault>,
}

/// An element that is open: its name and the text in it so far.
struct Element {
    name: String,
    text: String,
    /// The attribute that matters for its kind.
    style: String,
}

/// What is read so far.
#[derive(Default)]
struct State {
    contents: Contents,
    elements: Vec<Element>,
    /// Files that are open, the outermost first, by their place in the list.
    open: Vec<usize>,
    /// Offset and size of the sums and signatures of the table.
    own: (u64, u64),
}

/// Reads the whole table; what is malformed ends it.
pub(super) fn read(text: &str) -> Contents {
    let mut reader = Reader::from_str(text);
    let mut state = State::default();
    loop {
        let event = reader.read_event();
        let place = reader.buffer_position();
        let fault = |why: String| {
            Some(Fault::new(0, "read the table of contents", format!("at {place}: {why}")))
        };
        match event {
            Ok(Event::Eof) => break,
            Ok(Event::Start(start)) => state.start(&start),
            Ok(Event::Empty(start)) => {
                state.start(&start);
                state.end();
            }
            Ok(Event::End(_)) => state.end(),
            Ok(Event::Text(text)) => state.text(&text.xml10_content()),
            Ok(Event::CData(text)) => state.text(&text.xml10_content()),
            Ok(Event::GeneralRef(reference)) => {
                let plain = match &*reference {
                    "lt" => Some('<'),
                    "gt" => Some('>'),
                    "amp" => Some('&'),
                    "quot" => Some('"'),
                    "apos" => Some('\''),
                    _ => reference.resolve_char_ref().ok().flatten(),
                };
                state.text(plain.map_or_else(String::new, String::from).as_str());
            }
            Ok(_) => {}
            Err(error) => {
                state.contents.fault = fault(error.to_string());
                break;
            }
        }
        if state.elements.len() > DEPTH_MAX {
            state.contents.fault = fault("elements in elements without an end".to_owned());
            break;
        }
    }
    state.finish()
}

fn attribute(start: &BytesStart<'_>, name: &str) -> String {
    let mut found = start.attributes().filter_map(Result::ok);
    let value = found.find(|attribute| attribute.key.as_ref() == name);
    value
        .and_then(|value| value.normalized_value(XmlVersion::Implicit1_0).ok())
        .unwrap_or_default()
        .into_owned()
}

impl State {
    fn start(&mut self, start: &BytesStart<'_>) {
        let name = start.name().as_ref().to_owned();
        let style = match name.as_str() {
            "type" => attribute(start, "link"),
            "name" => attribute(start, "enctype"),
            _ => attribute(start, "style"),
        };
        match name.as_str() {
            "file" => {
                let (parent, id) = (self.open.last().copied(), attribute(start, "id"));
                self.open.push(self.contents.files.len());
                self.contents.files.push(File { id, parent, ..File::default() });
            }
            "data" if self.parent_is("file") => {
                if let Some(file) = self.file() {
                    file.data = Some(Data::default());
                }
            }
            "signature" | "x-signature" => self.contents.signed = true,
            _ => {}
        }
        self.elements.push(Element { name, text: String::new(), style });
    }

    fn parent_is(&self, name: &str) -> bool {
        self.elements.last().is_some_and(|parent| parent.name == name)
    }

    fn file(&mut self) -> Option<&mut File> {
        self.open.last().and_then(|&index| self.contents.files.get_mut(index))
    }

    fn text(&mut self, text: &str) {
        if let Some(element) = self.elements.last_mut() {
            element.text.push_str(text);
        }
    }

    fn end(&mut self) {
        let Some(element) = self.elements.pop() else { return };
        if element.name == "file" {
            self.open.pop();
            return;
        }
        let parent = self.elements.last().map(|parent| parent.name.clone()).unwrap_or_default();
        match parent.as_str() {
            "file" => self.end_in_file(&element),
            "data" => self.end_in_data(&element),
            "toc" if element.name == "creation-time" => {
                self.contents.created = Some(element.text.trim().to_owned());
            }
            "checksum" | "signature" | "x-signature" => self.end_in_own(&element),
            _ => {}
        }
    }

    fn end_in_file(&mut self, element: &Element) {
        let text = element.text.as_str();
        let Some(file) = self.file() else { return };
        match element.name.as_str() {
            "name" if element.style == "base64" => file.name = base64(text),
            "name" => file.name = text.as_bytes().to_vec(),
            "type" => {
                text.trim().clone_into(&mut file.kind);
                file.original.clone_from(&element.style);
            }
            "link" => text.clone_into(&mut file.link),
            "mode" => file.mode = u32::from_str_radix(text.trim(), 8).ok(),
            "uid" => file.user = text.trim().parse().ok(),
            "gid" => file.group = text.trim().parse().ok(),
            "mtime" => file.modified = seconds(text.trim()),
            _ => {}
        }
    }

    fn end_in_data(&mut self, element: &Element) {
        let number = element.text.trim().parse().unwrap_or(0);
        let Some(data) = self.file().and_then(|file| file.data.as_mut()) else { return };
        match element.name.as_str() {
            "offset" => data.offset = number,
            "length" => data.length = number,
            "size" => data.size = number,
            "encoding" => data.encoding.clone_from(&element.style),
            "extracted-checksum" => data.sum = sum_of(&element.style, element.text.trim()),
            _ => {}
        }
    }

    fn end_in_own(&mut self, element: &Element) {
        let number = element.text.trim().parse().unwrap_or(0);
        match element.name.as_str() {
            "offset" => self.own.0 = number,
            "size" => self.own.1 = number,
            _ => return,
        }
        let parent = self.elements.last().filter(|parent| parent.name == "checksum");
        if let Some(parent) = parent {
            self.contents.checksum = Some((parent.style.clone(), self.own.0, self.own.1));
        }
        let end = self.own.0.saturating_add(self.own.1);
        self.contents.heap_end = self.contents.heap_end.max(end);
    }

    /// Puts the paths together. Directories stand before what is in them.
    fn finish(mut self) -> Contents {
        let mut paths: Vec<Vec<u8>> = Vec::with_capacity(self.contents.files.len());
        for file in &mut self.contents.files {
            file.path = match file.parent.and_then(|parent| paths.get(parent)) {
                Some(parent) => [parent.as_slice(), b"/", &file.name].concat(),
                None => file.name.clone(),
            };
            paths.push(file.path.clone());
        }
        let by_id: HashMap<String, Vec<u8>> =
            self.contents.files.iter().map(|file| (file.id.clone(), file.path.clone())).collect();
        for file in &mut self.contents.files {
            if file.kind != "hardlink" {
                continue;
            }
            match by_id.get(&file.original) {
                Some(path) => file.link = String::from_utf8_lossy(path).into_owned(),
                // The first name of the file, which holds its bytes.
                None => "file".clone_into(&mut file.kind),
            }
        }
        self.contents
    }
}

/// Reads `2026-01-31T23:59:59` with whatever follows, as UTC.
fn seconds(text: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u8>().ok();
    let time = DateTime {
        year: text.get(0..4)?.parse().ok()?,
        month: number(5..7)?,
        day: number(8..10)?,
        hour: number(11..13)?,
        minute: number(14..16)?,
        second: number(17..19)?,
    };
    time.seconds()
}

/// Decodes base64 (RFC 4648); what is no digit is passed over.
fn base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut hold, mut count) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes().filter_map(value) {
        (hold, count) = (hold << 6 | u32::from(digit), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(hold >> count & 0xff).unwrap_or(0));
            hold &= (1 << count) - 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{base64, read};

    #[test]
    fn names_paths_and_links() {
        let text = r#"<xar><toc><file id="1"><type>directory</type><name>a&amp;b</name>
            <file id="2"><type link="original">hardlink</type><name enctype="base64">w6Q=</name>
            <data><offset>7</offset><length>3</length><size>3</size><ea><name>x</name></ea></data>
            </file></file>
            <file id="3"><name>other</name><type link="2">hardlink</type></file></toc></xar>"#;
        let contents = read(text);
        let paths: Vec<_> = contents
            .files
            .iter()
            .map(|file| {
                (
                    String::from_utf8_lossy(&file.path).into_owned(),
                    file.kind.as_str(),
                    file.link.as_str(),
                )
            })
            .collect();
        assert_eq!(
            paths,
            [
                ("a&b".to_owned(), "directory", ""),
                ("a&b/ä".to_owned(), "file", ""),
                ("other".to_owned(), "hardlink", "a&b/ä"),
            ]
        );
        assert_eq!(contents.files[1].heap_end(), 10);
        assert_eq!(base64("TWFu TQ=="), b"ManM");
    }

    #[test]
    fn malformed_tables_end_early() {
        assert!(read("<xar><toc><file></toc>").fault.is_some());
        assert!(read(&"<a>".repeat(1000)).fault.is_some());
    }
}
