//! ARJ archives (`TECHNOTE.TXT` of ARJ).
//!
//! Garbled members are said, as are those that go on in another volume. Chapters and the security
//! envelope are not read.

use super::dos_word;
use crate::{
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    checksum::{Crc32, agrees},
    codec::{MemberCodec, Unpacking},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        gathering::Gathering,
        promise::{self, Promise, Sum},
        unix_mode,
    },
};

const MAGIC: &[u8] = &[0x60, 0xea];

// Two bytes are a short mark, but every header has a CRC-32.
pub(crate) static FORMAT: Format =
    Format { name: "arj", magics: &[Magic::start(MAGIC)], carve: true, open };

/// Lengths of a header, of the format.
const HEADER_BYTES_MIN: u16 = 30;
const HEADER_BYTES_MAX: u16 = 2600;
/// Types of files.
const TYPE_MAIN: u8 = 2;
const TYPE_DIRECTORY: u8 = 3;
const TYPE_LABEL: u8 = 4;
/// Flags.
const FLAG_GARBLED: u8 = 1;
const FLAG_CONTINUES: u8 = 4;
const FLAG_CONTINUED: u8 = 8;
const FLAG_SLASHES: u8 = 0x10;
const SYSTEMS: &[&str] = &[
    "MS-DOS",
    "PRIMOS",
    "Unix",
    "Amiga",
    "Mac OS",
    "OS/2",
    "Apple GS",
    "Atari",
    "NeXT",
    "VMS",
    "Windows 95",
    "Windows",
];
/// Systems whose times count the seconds since 1970.
const UNIX: u8 = 2;
const NEXT: u8 = 8;

struct Header {
    bytes: bytes::Bytes,
    name: Vec<u8>,
    comment: Vec<u8>,
    /// Bytes up to what follows.
    length: u64,
}

impl Header {
    /// Reads the header at `at`; none at the mark of the end.
    fn read(extent: &Extent, at: u64) -> Result<Option<Self>, Fault> {
        let fault = |why: &str| Fault::new(at, "read an arj header", why);
        let head = extent.read(at, 4)?;
        let size = View(&head).u16(2, Little)?;
        if head.get(..2) != Some(MAGIC) {
            return Err(fault("no mark"));
        }
        if size == 0 {
            return Ok(None);
        }
        if !(HEADER_BYTES_MIN..=HEADER_BYTES_MAX).contains(&size) {
            return Err(fault("an impossible length"));
        }
        let bytes = extent.read(at + 4, u64::from(size))?;
        let tail = extent.read(at + 4 + u64::from(size), 6)?;
        if !agrees(View(&tail).u32(0, Little)?, Crc32::of(&bytes)) {
            return Err(fault("its checksum is wrong"));
        }
        let fixed = usize::from(View(&bytes).u8(0)?);
        let mut texts = bytes.get(fixed..).unwrap_or_default().split(|&byte| byte == 0);
        let name = texts.next().unwrap_or_default().to_vec();
        let comment = texts.next().unwrap_or_default().to_vec();
        let mut length = 4 + u64::from(size) + 6;
        // Extended headers, each with a checksum; none was ever defined.
        let mut extended = u64::from(View(&tail).u16(4, Little)?);
        while extended != 0 {
            length += extended + 4;
            extended = u64::from(View(&extent.read(at + length, 2)?).u16(0, Little)?);
            length += 2;
        }
        Ok(Some(Self { bytes, name, comment, length }))
    }

    fn view(&self) -> View<'_> {
        View(&self.bytes)
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let main = Header::read(extent, 0)?.ok_or(NotThis)?;
    let view = main.view();
    if view.u8(6)? != TYPE_MAIN {
        return Err(NotThis);
    }
    let mut opened = Opened::default();
    let system = usize::from(view.u8(3)?);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    opened.attributes.push(("name", text(&main.name)));
    if let Some(system) = SYSTEMS.get(system) {
        opened.attributes.push(("os", (*system).to_owned()));
    }
    if !main.comment.is_empty() {
        opened.attributes.push(("comment", text(&main.comment)));
    }
    let mut gathering = Gathering::new(extent);
    let (mut promises, mut at) = (Vec::new(), main.length);
    opened.length = at;
    while !gathering.is_full() {
        let header = match Header::read(extent, at) {
            Ok(Some(header)) => header,
            Ok(None) => {
                opened.length = at + 4;
                break;
            }
            Err(fault) => {
                gathering.report(fault, b"");
                break;
            }
        };
        let data = at + header.length;
        let packed = u64::from(header.view().u32(12, Little)?);
        match entry(extent, at, data, &header, &mut gathering, &mut promises) {
            Ok(Some(entry)) => gathering.add(entry),
            Ok(None) => {}
            Err(fault) => gathering.report(fault.within(at), &header.name),
        }
        at = data.saturating_add(packed);
        opened.length = at;
    }
    let (entries, faults) = gathering.finish();
    opened.entries = entries;
    opened.faults = faults;
    opened.faults.extend(promise::verify(&promises));
    Ok(opened)
}

fn entry(
    extent: &Extent,
    at: u64,
    start: u64,
    header: &Header,
    gathering: &mut Gathering,
    promises: &mut Vec<Promise>,
) -> Result<Option<Entry>, Fault> {
    let view = header.view();
    let (system, flags, method, kind) = (view.u8(3)?, view.u8(4)?, view.u8(5)?, view.u8(6)?);
    let (packed, size) = (u64::from(view.u32(12, Little)?), u64::from(view.u32(16, Little)?));
    let unix = matches!(system, UNIX | NEXT);
    let mut name = header.name.clone();
    if flags & FLAG_SLASHES == 0 && !unix {
        name.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
    }
    let time = view.u32(8, Little)?;
    let mode = u32::from(view.u16(26, Little)?);
    let metadata = Metadata {
        mode: unix.then_some(mode & 0o7777),
        modified: if unix { Some(i64::from(time)) } else { dos_word(time) },
        ..Metadata::default()
    };
    let bare = Entry::member(name.as_slice(), EntryKind::File, metadata);
    if kind == TYPE_DIRECTORY {
        return Ok(Some(Entry { kind: EntryKind::Directory, ..bare }));
    }
    if kind >= TYPE_LABEL {
        return Ok(None);
    }
    if flags & FLAG_GARBLED != 0 {
        return Ok(Some(bare.unreadable(packed, "encrypted (garbled)")));
    }
    if flags & (FLAG_CONTINUES | FLAG_CONTINUED) != 0 {
        let reason = "not extracted: it goes on in another volume";
        return Ok(Some(bare.unreadable(packed, reason)));
    }
    let data = extent.clamp(start, packed);
    if data.len() < packed {
        let why = format!("{packed} bytes promised, {} there: truncated", data.len());
        gathering.report(Fault::new(start, "read an arj member", why), &name);
    }
    let content = match method {
        0 => data,
        1..=3 => {
            let codec = MemberCodec::Lzh { distance_bits: 5 };
            Unpacking { codec, input: data, size }.extent()
        }
        4 => Unpacking { codec: MemberCodec::ArjFastest, input: data, size }.extent(),
        other => return Ok(Some(bare.unreadable(packed, format!("compressed by method {other}")))),
    };
    let sum = Sum::Crc32(view.u32(20, Little)?);
    promises.push(Promise { name, place: at, content: content.clone(), sum });
    if unix && unix_mode::type_bits(mode) == unix_mode::SYMLINK {
        let target = content.read_up_to(0, 4096)?;
        return Ok(Some(Entry { kind: EntryKind::Symlink(target[..].into()), ..bare }));
    }
    Ok(Some(bare.with_content(content)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile,
            reference::{assert_same_files, container, installed, run, sample},
        },
    };

    /// Packs some files; none where the tool is missing.
    fn pack(options: &[&str]) -> Option<(tempfile::TempDir, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("large"), sample(200_001, 1)).unwrap();
        fs::write(root.join("text"), b"some text, and the same text again: some text".repeat(30))
            .unwrap();
        fs::write(root.join("sub/zeros"), vec![0; 70_000]).unwrap();
        let script = format!(
            "cd {} && arj a -r -y {} ../out.arj . >/dev/null",
            root.display(),
            options.join(" ")
        );
        let made = installed("arj") && run("sh", &["-c", &script]);
        made.then(|| fs::read(folder.path().join("out.arj")).map(|bytes| (folder, bytes)).unwrap())
    }

    #[test]
    fn every_method_of_the_reference_tool() {
        for method in ["-m0", "-m1", "-m2", "-m3", "-m4"] {
            let Some((folder, bytes)) = pack(&[method]) else { return };
            let tree = assert_same_files(bytes, "arj", &folder.path().join("root"));
            assert_eq!(tree.coverage().bytes_unread, 0, "{method}");
        }
    }

    #[test]
    fn garbled_members_are_said() {
        let Some((_folder, bytes)) = pack(&["-gsecret"]) else { return };
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let member = tree.member(container(&tree, "arj"), b"/text").unwrap();
        assert!(tree.node(member).unread.as_ref().unwrap().reason.contains("encrypted"));
    }

    #[test]
    fn damage_does_no_harm() {
        let Some((_folder, bytes)) = pack(&["-m4"]) else { return };
        hostile::check(&bytes[..600], 300);
    }
}
