//! ARC archives of SEA (`arc.doc`), as CP/M and MS-DOS had them: a mark, a method, a header, data.
//!
//! The methods of the first versions (5 to 7) and those of PAK are said. One byte is too weak a mark
//! to look for elsewhere than at the start of a file.

use crate::{
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    codec::{LzwVariant, MemberCodec, Unpacking},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        dos_time::dos_time,
        gathering::Gathering,
        promise::{self, Promise, Sum},
    },
};

pub(crate) static FORMAT: Format = Format {
    name: "arc",
    magics: &[
        Magic::start(&[MARK, 1]),
        Magic::start(&[MARK, 2]),
        Magic::start(&[MARK, 3]),
        Magic::start(&[MARK, 4]),
        Magic::start(&[MARK, 5]),
        Magic::start(&[MARK, 6]),
        Magic::start(&[MARK, 7]),
        Magic::start(&[MARK, 8]),
        Magic::start(&[MARK, 9]),
    ],
    carve: false,
    open,
};

const MARK: u8 = 0x1a;
/// Method of the end, and of the first version, whose header has no unpacked size.
const END: u8 = 0;
const STORED_OLD: u8 = 1;
const HEADER_BYTES: u64 = 29;

#[derive(Debug)]
struct Member {
    method: u8,
    name: Vec<u8>,
    packed: u64,
    size: u64,
    crc: u16,
    modified: Option<i64>,
    data: u64,
}

impl Member {
    /// Reads the header at `at`; none at the end.
    fn read(extent: &Extent, at: u64) -> Result<Option<Self>, Fault> {
        let fault = |why: &str| Fault::new(at, "read an arc header", why);
        let head = extent.read_up_to(at, HEADER_BYTES)?;
        let view = View(&head);
        let method = view.u8(1)?;
        if view.u8(0)? != MARK || method > 9 {
            return Err(fault("no mark"));
        }
        if method == END {
            return Ok(None);
        }
        let name = view.text(2, 13)?;
        let plain = |byte: &u8| (0x21..=0x7e).contains(byte) && !b"*?<>|\"".contains(byte);
        if name.is_empty() || name.len() > 12 || !name.iter().all(plain) {
            return Err(fault("a name that is none"));
        }
        let packed = u64::from(view.u32(15, Little)?);
        let old = method == STORED_OLD;
        Ok(Some(Self {
            method,
            name: name.to_vec(),
            packed,
            size: if old { packed } else { u64::from(view.u32(25, Little)?) },
            crc: view.u16(23, Little)?,
            modified: dos_time(view.u16(19, Little)?, view.u16(21, Little)?),
            data: at + if old { HEADER_BYTES - 4 } else { HEADER_BYTES },
        }))
    }

    fn codec(&self) -> Option<MemberCodec> {
        Some(match self.method {
            3 => MemberCodec::ArcRuns,
            4 => MemberCodec::ArcSqueezed,
            8 => MemberCodec::ArcCrunched,
            9 => MemberCodec::Lzw(LzwVariant::compress(13, true)),
            _ => return None,
        })
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let first = Member::read(extent, 0)?.ok_or(NotThis)?;
    // The header alone proves little: its data must be there, and another header or the end.
    let next = first.data.saturating_add(first.packed);
    if first.modified.is_none() || Member::read(extent, next).is_err() {
        return Err(NotThis);
    }
    let mut opened = Opened::default();
    let mut gathering = Gathering::new(extent);
    let (mut promises, mut member) = (Vec::new(), first);
    while !gathering.is_full() {
        let entry = entry(extent, &member, &mut gathering, &mut promises);
        gathering.add(entry);
        let at = member.data.saturating_add(member.packed);
        opened.length = at;
        match Member::read(extent, at) {
            Ok(Some(next)) => member = next,
            Ok(None) => {
                opened.length = at + 2;
                break;
            }
            Err(fault) => {
                gathering.report(fault, b"");
                break;
            }
        }
    }
    let (entries, faults) = gathering.finish();
    opened.entries = entries;
    opened.faults = faults;
    opened.faults.extend(promise::verify(&promises));
    Ok(opened)
}

fn entry(
    extent: &Extent,
    member: &Member,
    gathering: &mut Gathering,
    promises: &mut Vec<Promise>,
) -> Entry {
    let metadata = Metadata { modified: member.modified, ..Metadata::default() };
    let bare = Entry::member(member.name.as_slice(), EntryKind::File, metadata);
    let data = extent.clamp(member.data, member.packed);
    if data.len() < member.packed {
        let why = format!("{} bytes promised, {} there: truncated", member.packed, data.len());
        gathering.report(Fault::new(member.data, "read an arc member", why), &member.name);
    }
    let content = match member.codec() {
        _ if member.method <= 2 => data,
        Some(codec) => Unpacking { codec, input: data, size: member.size }.extent(),
        None => {
            let reason = format!("compressed by method {}", member.method);
            return bare.unreadable(member.packed, reason);
        }
    };
    let (name, sum) = (member.name.clone(), Sum::Crc16(member.crc));
    promises.push(Promise { name, place: member.data, content: content.clone(), sum });
    bare.with_content(content)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::formats::testing::{
        hostile,
        reference::{assert_same_files, installed, run, sample},
    };

    /// Packs some files; none where the tool is missing.
    fn pack(options: &str) -> Option<(tempfile::TempDir, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(&root).unwrap();
        // Names as the tool writes them.
        fs::write(root.join("LARGE"), sample(100_001, 1)).unwrap();
        fs::write(root.join("TEXT"), b"some text, and the same text again".repeat(90)).unwrap();
        fs::write(root.join("ZEROS"), vec![0; 70_000]).unwrap();
        fs::write(root.join("MARKS"), [0x90; 700]).unwrap();
        fs::write(root.join("SHORT"), b"eeeeeeeeaaab").unwrap();
        let script = format!("cd {} && arc {options} ../out.arc * >/dev/null", root.display());
        let made = installed("arc") && run("sh", &["-c", &script]);
        made.then(|| fs::read(folder.path().join("out.arc")).map(|bytes| (folder, bytes)).unwrap())
    }

    #[test]
    fn archives_of_the_reference_tool() {
        for options in ["a", "as", "aq"] {
            let Some((folder, bytes)) = pack(options) else { return };
            // Behind the end, the tool leaves what its trials of other methods wrote.
            assert_same_files(bytes, "arc", &folder.path().join("root"));
        }
    }

    #[test]
    fn damage_does_no_harm() {
        let Some((_folder, bytes)) = pack("a") else { return };
        let length = bytes.len();
        hostile::check(&bytes[length.saturating_sub(900)..], 20);
        let head = [&bytes[..29], &bytes[length - 2..]].concat();
        hostile::check(&head, 31);
    }
}
