//! Firmware of Bosch's cameras (`.fw`), as BoschFirmwareTool and fact_extractor describe it: headers
//! of 1 KiB, and behind those that hold data a list of files.
//!
//! The list is stored under a fixed pattern, which is taken off. Newer firmware is encrypted with a
//! key that is itself encrypted to the device; it is told and left unread.

use crate::{
    Endian::Big,
    Entry, Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
};

use crate::formats::support::{members::Members, transform::xored};

pub(crate) static FORMAT: Format =
    Format { name: "bosch-fw", magics: &[Magic::start(MAGIC)], carve: true, open };

pub(crate) static FILES: Format = Format {
    name: "bosch-files",
    magics: &[Magic::start(FILE_MAGIC)],
    carve: true,
    open: open_files,
};

const MAGIC: &[u8] = &[0x10, 0x12, 0x20, 0x03];
const HEADER_BYTES: u64 = 1024;
/// A header that only holds others.
const TARGET_NESTED: u32 = 0x10;
/// What data is stored under.
const PATTERN: u8 = 0x42;
/// Where the encrypted key stands.
const KEY: (usize, usize) = (588, 256);
/// Headers in one file.
const SECTIONS_MAX: usize = 64;
const FILE_MAGIC: &[u8] = &[0xde, 0xad, 0xaf, 0xfe];
const FILE_HEADER_BYTES: u64 = 64;
const FILES_MAX: usize = 4096;

struct Header {
    target: u32,
    length: u64,
    version: String,
    has_key: bool,
}

fn header(bytes: &[u8]) -> Result<Header, NotThis> {
    let view = View(bytes);
    // What stands between the known fields is zero.
    if !bytes.starts_with(MAGIC) || view.bytes(32, 44)?.iter().any(|&byte| byte != 0) {
        return Err(NotThis);
    }
    let version: Vec<_> = view.bytes(12, 4)?.iter().map(u8::to_string).collect();
    Ok(Header {
        target: view.u32(4, Big)?,
        length: u64::from(view.u32(16, Big)?),
        version: version.join("."),
        has_key: view.bytes(KEY.0, KEY.1)?.iter().any(|&byte| byte != 0),
    })
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let root = header(&candidate.extent.read(0, HEADER_BYTES)?)?;
    if root.length == 0 || root.target == 0 {
        return Err(NotThis);
    }
    let mut length = HEADER_BYTES + root.length;
    let mut entries = Vec::new();
    if root.target == TARGET_NESTED {
        let mut at = HEADER_BYTES;
        while entries.len() < SECTIONS_MAX {
            let Ok(bytes) = candidate.extent.read(at, HEADER_BYTES) else { break };
            let Ok(section) = header(&bytes) else { break };
            let name = format!("section-{:#x}", section.target);
            entries.push(content(candidate, &name, at + HEADER_BYTES, &section));
            at += HEADER_BYTES + section.length;
        }
        // The sections tell it better than the header around them, which some tools leave behind.
        length = at;
        if entries.is_empty() {
            return Err(NotThis);
        }
    } else {
        let entry = content(candidate, "firmware", HEADER_BYTES, &root);
        // A single header has nothing else to be known by.
        if !is_list(&entry) && !root.has_key {
            return Err(NotThis);
        }
        entries.push(entry);
    }
    let attributes = vec![("version", root.version)];
    Ok(Opened { length, attributes, entries, ..Opened::default() })
}

/// The data behind a header.
fn content(candidate: &Candidate, name: &str, offset: u64, header: &Header) -> Entry {
    let stored = candidate.extent.clamp(offset, header.length);
    let plain = Entry::part(name.as_bytes(), xored(&stored, &[PATTERN]));
    if is_list(&plain) || !header.has_key {
        return plain;
    }
    let bytes = stored.len();
    let mut sealed = Entry::part(name.as_bytes(), stored);
    sealed.reading = crate::Reading::Leaf;
    sealed.unreadable(bytes, "encrypted: AES, with a key that only the device can open")
}

fn is_list(entry: &Entry) -> bool {
    let head = entry.content.as_ref().and_then(|content| content.read(0, 4).ok());
    head.is_some_and(|head| &head[..] == FILE_MAGIC)
}

/// A list of files: each has a header of 64 bytes that tells where the next one is.
fn open_files(candidate: &Candidate) -> Result<Opened, NotThis> {
    let mut members = Members::new(&candidate.extent, FILE_HEADER_BYTES);
    let mut at = 0;
    while members.entries.len() < FILES_MAX {
        let Some((name, length, next)) = file(&candidate.extent, at) else { break };
        members.file(&name, at + FILE_HEADER_BYTES, length);
        at += next;
        members.end = members.end.max(at);
    }
    // The list ends with a header of no file, of zeros but for its magic, or of zeros.
    let last = candidate.extent.read_up_to(at, FILE_HEADER_BYTES)?;
    let rest = last.strip_prefix(FILE_MAGIC).unwrap_or(&last);
    if rest.iter().all(|&byte| byte == 0) {
        members.end = members.end.max(at + length_of(&last));
    }
    let Members { entries, faults, end: length, .. } = members;
    if entries.is_empty() {
        return Err(NotThis);
    }
    Ok(Opened { length, entries, faults, ..Opened::default() })
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The name and length of a file, and the distance to the next header.
fn file(extent: &Extent, at: u64) -> Option<(Vec<u8>, u64, u64)> {
    let bytes = extent.read(at, FILE_HEADER_BYTES).ok()?;
    let view = View(&bytes);
    let name = view.text(8, 32).ok()?;
    let (next, length) = (view.u32(4, Big).ok()?, u64::from(view.u32(40, Big).ok()?));
    let next = u64::from(next);
    let named = !name.is_empty() && name.iter().all(|byte| (0x20..0x7f).contains(byte));
    let fits = length > 0 && next >= FILE_HEADER_BYTES && length <= next - FILE_HEADER_BYTES;
    (bytes.starts_with(FILE_MAGIC) && named && fits).then(|| (name.to_vec(), length, next))
}

#[cfg(test)]
mod tests {
    use auscult_model::Limits;
    use auscult_testkit::{Endian, Writer};

    use crate::{
        Tree,
        formats::testing::{
            hostile::{attribute, locators},
            reference::assert_survives_damage,
        },
    };

    fn files() -> Vec<u8> {
        let mut writer = Writer::new(Endian::Big);
        for (name, bytes) in [("app.bin", &b"program"[..]), ("RomFS.bin", b"pages")] {
            let length = u32::try_from(bytes.len()).unwrap();
            writer.bytes(b"\xde\xad\xaf\xfe").u32(64 + 16).field(name, 32).u32(length);
            writer.fill(0, 20).bytes(bytes).fill(0, 16 - bytes.len());
        }
        writer.bytes(b"\xde\xad\xaf\xfe").fill(0, 60);
        writer.finish()
    }

    fn header(target: u32, length: usize, key: u8) -> Vec<u8> {
        let mut writer = Writer::new(Endian::Big);
        writer.u32(0x1012_2003).u32(target).u32(0).u32(0x0102_0304);
        writer.u32(u32::try_from(length).unwrap()).pad_to(588, 0).fill(key, 256).pad_to(1024, 0);
        writer.finish()
    }

    fn nested() -> Vec<u8> {
        let hidden: Vec<u8> = files().iter().map(|byte| byte ^ 0x42).collect();
        let mut image = header(0x10, 1024 + hidden.len(), 0);
        image.extend(header(0x999, hidden.len(), 0));
        image.extend(hidden);
        image
    }

    #[test]
    fn files_under_the_pattern_are_members() {
        let tree = Tree::from_bytes(nested(), &Limits::default());
        assert_eq!(attribute(&tree, "bosch-fw", "version").unwrap(), "1.2.3.4");
        let path = "image@0x0/bosch-fw:/section-0x999@0x0/bosch-files:/app.bin";
        let (node, _) = tree.resolve(&path.parse().unwrap()).unwrap();
        assert_eq!(tree.bytes(node).unwrap(), "program");
        assert!(tree.problems().is_empty(), "{:?}", tree.problems());
        assert_eq!(tree.coverage().bytes_unread, 0);
    }

    #[test]
    fn a_single_header_and_an_encrypted_one() {
        let mut image = header(0x123, 300, 7);
        image.extend([0x99; 300]);
        let tree = Tree::from_bytes(image, &Limits::default());
        let unread = &tree.coverage().regions_unread;
        assert_eq!(unread.len(), 1);
        assert!(unread[0].reason.starts_with("encrypted: AES"), "{unread:?}");
        let mut plain = header(0x123, 300, 0);
        plain.extend([0x99; 300]);
        let tree = Tree::from_bytes(plain, &Limits::default());
        assert!(!locators(&tree).iter().any(|locator| locator.contains("bosch")));
    }

    #[test]
    fn damage_does_no_harm() {
        assert_survives_damage(&nested(), 32, 97);
        assert_survives_damage(&files(), 64, 7);
    }
}
