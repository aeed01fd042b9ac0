//! Cabinets of Microsoft (MS-CAB): folders of frames, packed with MSZIP (MS-MCI), LZX or Quantum, and
//! the files in them one after the other.
//!
//! Files that go on in another cabinet of the set are said.

use crate::{
    Derive,
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, Sink, View,
    checksum::agrees,
    codec::{self, FrameCodec},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{dos_time::dos_time, gathering::Gathering},
};

pub(crate) static FORMAT: Format =
    Format { name: "cab", magics: &[Magic::start(b"MSCF")], carve: true, open };

const HEADER_BYTES: u64 = 36;
const FOLDER_BYTES: u64 = 8;
const FILE_BYTES: u64 = 16;
const FRAME_BYTES: u64 = 8;
/// Flags of the header: cabinets before and after this one, room for others.
const FLAG_PREVIOUS: u16 = 1;
const FLAG_NEXT: u16 = 2;
const FLAG_RESERVE: u16 = 4;
/// Longest name, of the specification.
const NAME_BYTES_MAX: u64 = 256;
/// Folder numbers of files that go on in another cabinet: from the one before, to the next, both.
const CONTINUED_MIN: u16 = 0xfffd;
const CONTINUED_TO_NEXT: u16 = 0xfffe;
/// Attributes of a file: a directory is never one; the name is UTF-8.
const ATTRIBUTE_READ_ONLY: u16 = 1;
const ATTRIBUTE_EXECUTE: u16 = 0x40;

struct Header {
    length: u64,
    files_at: u64,
    folders: u16,
    files: u16,
    flags: u16,
    set: u16,
    number: u16,
    folder_reserve: u64,
    data_reserve: u64,
    previous: Vec<u8>,
    next: Vec<u8>,
    /// Where the folders start.
    end: u64,
}

impl Header {
    fn read(extent: &Extent) -> Result<Self, NotThis> {
        let head = extent.read(0, HEADER_BYTES)?;
        let view = View(&head);
        let mut header = Self {
            length: u64::from(view.u32(8, Little)?),
            files_at: u64::from(view.u32(16, Little)?),
            folders: view.u16(26, Little)?,
            files: view.u16(28, Little)?,
            flags: view.u16(30, Little)?,
            set: view.u16(32, Little)?,
            number: view.u16(34, Little)?,
            folder_reserve: 0,
            data_reserve: 0,
            previous: Vec::new(),
            next: Vec::new(),
            end: HEADER_BYTES,
        };
        // Version 1.3 is the only one there ever was.
        let version = view.u16(24, Little)? == 0x0103;
        let places = header.files_at >= HEADER_BYTES && header.files_at < header.length;
        if !version || !places || header.flags > 7 || header.folders == 0 {
            return Err(NotThis);
        }
        if header.flags & FLAG_RESERVE != 0 {
            let sizes = extent.read(header.end, 4)?;
            let reserve = u64::from(View(&sizes).u16(0, Little)?);
            header.folder_reserve = u64::from(View(&sizes).u8(2)?);
            header.data_reserve = u64::from(View(&sizes).u8(3)?);
            header.end += 4 + reserve;
        }
        for (flag, previous) in [(FLAG_PREVIOUS, true), (FLAG_NEXT, false)] {
            if header.flags & flag != 0 {
                let name = header.text(extent)?;
                // The label of the disk.
                header.text(extent)?;
                let slot = if previous { &mut header.previous } else { &mut header.next };
                *slot = name;
            }
        }
        Ok(header)
    }

    /// Takes the text with a zero at its end that stands at the present end.
    fn text(&mut self, extent: &Extent) -> Result<Vec<u8>, NotThis> {
        let bytes = extent.read_up_to(self.end, NAME_BYTES_MAX)?;
        let length = memchr::memchr(0, &bytes).ok_or(NotThis)?;
        self.end += u64::try_from(length).unwrap_or(0) + 1;
        Ok(bytes.get(..length).unwrap_or_default().to_vec())
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let mut attributes = Vec::new();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if self.flags & (FLAG_PREVIOUS | FLAG_NEXT) != 0 {
            attributes.push(("set", self.set.to_string()));
            attributes.push(("volume", (u32::from(self.number) + 1).to_string()));
        }
        for (key, name) in [("previous", &self.previous), ("next", &self.next)] {
            if !name.is_empty() {
                attributes.push((key, text(name)));
            }
        }
        attributes
    }
}

/// A frame of packed bytes.
#[derive(Clone, Copy, Debug)]
struct Frame {
    place: u64,
    packed: u16,
    size: u16,
}

struct Folder {
    method: u16,
    frames: Vec<Frame>,
    packed: u64,
}

impl Folder {
    /// How it is packed; otherwise the name of what is not read.
    fn codec(&self) -> Result<FrameCodec, String> {
        match self.method & 15 {
            0 => Ok(FrameCodec::Stored),
            1 => Ok(FrameCodec::MsZip),
            2 => Ok(FrameCodec::Quantum { window_bits: u32::from(self.method >> 8 & 31) }),
            3 => Ok(FrameCodec::Lzx { window_bits: u32::from(self.method >> 8 & 31) }),
            other => Err(format!("compressed by method {other}")),
        }
    }

    fn name(&self) -> String {
        match self.method & 15 {
            0 => "none".to_owned(),
            1 => "mszip".to_owned(),
            2 => "quantum".to_owned(),
            3 => format!("lzx:{}", self.method >> 8 & 31),
            other => other.to_string(),
        }
    }
}

/// A file in a folder.
struct File {
    place: u64,
    size: u64,
    offset: u64,
    folder: u16,
    modified: Option<i64>,
    attributes: u16,
    name: Vec<u8>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let header = Header::read(&candidate.extent)?;
    let cabinet = candidate.extent.clamp(0, header.length);
    let mut faults = Vec::new();
    let folders = read_folders(&cabinet, &header, &mut faults)?;
    let (files, fault) = read_files(&cabinet, &header);
    if files.is_empty() && header.files > 0 {
        return Err(NotThis);
    }
    faults.extend(fault);
    let mut attributes = header.attributes();
    let mut methods: Vec<String> = folders.iter().map(Folder::name).collect();
    methods.dedup();
    methods.truncate(8);
    attributes.push(("compression", methods.join(" ")));
    let mut gathering = Gathering::new(&cabinet);
    for (index, folder) in (0_u16..).zip(&folders) {
        list(&cabinet, folder, index, header.folders, &files, &mut gathering);
    }
    for file in
        files.iter().filter(|file| usize::from(own_folder(file, header.folders)) >= folders.len())
    {
        let why = "it is in a folder that is not there";
        gathering.report(Fault::new(file.place, "read a file of the cabinet", why), &file.name);
    }
    let (entries, more) = gathering.finish();
    faults.extend(more);
    Ok(Opened { length: header.length, attributes, entries, faults, unread: None })
}

/// The folder that holds what there is of a file in this cabinet.
fn own_folder(file: &File, folders: u16) -> u16 {
    match file.folder {
        CONTINUED_TO_NEXT => folders.saturating_sub(1),
        CONTINUED_MIN.. => 0,
        folder => folder,
    }
}

/// Reads folders and the headers of their frames, and checks the sums of the frames.
fn read_folders(
    cabinet: &Extent,
    header: &Header,
    faults: &mut Vec<Fault>,
) -> Result<Vec<Folder>, NotThis> {
    let mut folders = Vec::new();
    // No frame is in two folders: more bytes than there are is a trick.
    let mut left = cabinet.len();
    for index in 0..u64::from(header.folders) {
        let at = header.end + index * (FOLDER_BYTES + header.folder_reserve);
        let bytes = cabinet.read(at, FOLDER_BYTES)?;
        let view = View(&bytes);
        let (start, count) = (u64::from(view.u32(0, Little)?), view.u16(4, Little)?);
        let method = view.u16(6, Little)?;
        if method & 15 > 3 {
            return Err(NotThis);
        }
        let mut folder = Folder { method, frames: Vec::new(), packed: 0 };
        let mut place = start;
        for _ in 0..count {
            let frame = match read_frame(cabinet, header, place) {
                Ok(frame) => frame,
                Err(fault)
                    if folder.frames.is_empty() && index == 0 && header.length <= cabinet.len() =>
                {
                    drop(fault);
                    return Err(NotThis);
                }
                Err(fault) => {
                    faults.push(fault);
                    break;
                }
            };
            let bytes = FRAME_BYTES + header.data_reserve + u64::from(frame.packed);
            let Some(rest) = left.checked_sub(bytes) else {
                faults.push(Fault::new(place, "read a frame of the cabinet", "folders overlap"));
                return Ok(folders);
            };
            left = rest;
            folder.packed += u64::from(frame.packed);
            faults.extend(check_frame(cabinet, header, place, frame).err());
            place += bytes;
            folder.frames.push(frame);
        }
        folders.push(folder);
    }
    Ok(folders)
}

fn read_frame(cabinet: &Extent, header: &Header, at: u64) -> Result<Frame, Fault> {
    let bytes = cabinet.read(at, FRAME_BYTES + header.data_reserve)?;
    let (packed, size) = (View(&bytes).u16(4, Little)?, View(&bytes).u16(6, Little)?);
    // 32 KiB of output; what does not pack grows a little.
    if packed > 0x9800 || size > 0x8000 {
        return Err(Fault::new(at, "read a frame of the cabinet", "an impossible size"));
    }
    Ok(Frame { place: at + FRAME_BYTES + header.data_reserve, packed, size })
}

/// The sum covers the data, then the two sizes and the reserve; zero means that there is none.
fn check_frame(cabinet: &Extent, header: &Header, at: u64, frame: Frame) -> Result<(), Fault> {
    let bytes = cabinet.read(at, FRAME_BYTES + header.data_reserve + u64::from(frame.packed))?;
    let stored = View(&bytes).u32(0, Little)?;
    let split = usize::try_from(FRAME_BYTES + header.data_reserve).unwrap_or(usize::MAX);
    let (head, data) = bytes.split_at_checked(split).unwrap_or_default();
    let sum = sum_of(data) ^ sum_of(head.get(4..).unwrap_or_default());
    if stored == 0 || agrees(stored, sum) {
        return Ok(());
    }
    Err(Fault::new(at, "verify a frame of the cabinet", "the checksum is wrong"))
}

/// Exclusive or of words; the bytes left over count from the highest one down.
fn sum_of(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let sum = words.iter().fold(0, |sum, word| sum ^ u32::from_le_bytes(*word));
    sum ^ rest.iter().fold(0, |tail, &byte| tail << 8 | u32::from(byte))
}

/// Reads the files; what is damaged ends it.
fn read_files(cabinet: &Extent, header: &Header) -> (Vec<File>, Option<Fault>) {
    let (mut files, mut at) = (Vec::new(), header.files_at);
    for _ in 0..header.files {
        match read_file(cabinet, at) {
            Ok((file, next)) => {
                files.push(file);
                at = next;
            }
            Err(fault) => return (files, Some(fault)),
        }
    }
    (files, None)
}

fn read_file(cabinet: &Extent, at: u64) -> Result<(File, u64), Fault> {
    let bytes = cabinet.read_up_to(at, FILE_BYTES + NAME_BYTES_MAX)?;
    let view = View(&bytes);
    let rest = bytes.get(16..).unwrap_or_default();
    let length = memchr::memchr(0, rest)
        .ok_or_else(|| Fault::new(at, "read a file of the cabinet", "a name without an end"))?;
    let mut name = rest.get(..length).unwrap_or_default().to_vec();
    name.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
    let file = File {
        place: at,
        size: u64::from(view.u32(0, Little)?),
        offset: u64::from(view.u32(4, Little)?),
        folder: view.u16(8, Little)?,
        modified: dos_time(view.u16(10, Little)?, view.u16(12, Little)?),
        attributes: view.u16(14, Little)?,
        name,
    };
    Ok((file, at + FILE_BYTES + u64::try_from(length).unwrap_or(0) + 1))
}

/// Adds the files of one folder.
fn list(
    cabinet: &Extent,
    folder: &Folder,
    index: u16,
    folders: u16,
    files: &[File],
    gathering: &mut Gathering,
) {
    let own = || files.iter().filter(|file| own_folder(file, folders) == index);
    let size = own().map(|file| file.offset.saturating_add(file.size)).max().unwrap_or(0);
    let codec = folder.codec();
    let whole = codec.as_ref().ok().map(|&codec| {
        let (cabinet, frames) = (cabinet.clone(), folder.frames.clone());
        let packed = folder.packed;
        let vault = std::sync::Arc::clone(cabinet.vault());
        Extent::derived(&vault, size, Unpacking { codec, cabinet, frames, size, packed })
    });
    for file in own() {
        if gathering.is_full() {
            return;
        }
        let metadata = Metadata {
            mode: Some(mode(file.attributes)),
            modified: file.modified,
            ..Metadata::default()
        };
        let bare = Entry::member(file.name.as_slice(), EntryKind::File, metadata);
        let share = file.size.min(folder.packed);
        let entry = match &whole {
            _ if file.folder >= CONTINUED_MIN => {
                bare.unreadable(share, "not extracted: it goes on in another cabinet")
            }
            Some(whole) => bare.with_content(whole.clamp(file.offset, file.size)),
            None => bare.unreadable(share, codec.clone().err().unwrap_or_default()),
        };
        gathering.add(entry);
    }
}

/// Permissions that go with the attributes of DOS.
fn mode(attributes: u16) -> u32 {
    let write = if attributes & ATTRIBUTE_READ_ONLY == 0 { 0o200 } else { 0 };
    let execute = if attributes & ATTRIBUTE_EXECUTE == 0 { 0 } else { 0o111 };
    0o444 | write | execute
}

/// A folder that is unpacked when read.
struct Unpacking {
    codec: FrameCodec,
    cabinet: Extent,
    frames: Vec<Frame>,
    size: u64,
    packed: u64,
}

impl Derive for Unpacking {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let mut frames = self.frames.iter();
        codec::decode_frames(self.codec, self.size, sink, || {
            let Some(frame) = frames.next() else { return Ok(None) };
            let bytes = self.cabinet.read(frame.place, u64::from(frame.packed))?;
            Ok(Some((bytes, usize::from(frame.size))))
        })
    }

    fn input_bytes(&self) -> u64 {
        self.cabinet.clamp(0, self.packed).weight()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use auscult_model::Limits;

    use crate::{
        Tree,
        formats::testing::{
            hostile::{self, attribute},
            reference::{assert_same_files, container, run, sample},
        },
    };

    /// Packs some files with the reference tool; none where it is missing.
    fn pack(options: &[&str]) -> Option<(tempfile::TempDir, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::write(root.join("large"), sample(200_001, 1)).unwrap();
        fs::write(root.join("text"), b"some text").unwrap();
        fs::write(root.join("sub/zeros"), vec![0; 70_000]).unwrap();
        let script = format!(
            "cd {} && gcab -c {} ../out.cab large text sub/zeros",
            root.display(),
            options.join(" ")
        );
        let made = run("gcab", &["--version"]) && run("sh", &["-c", &script]);
        made.then(|| fs::read(folder.path().join("out.cab")).map(|bytes| (folder, bytes)).unwrap())
    }

    #[test]
    fn cabinets_of_the_reference_tool() {
        for options in [&[][..], &["-z"]] {
            let Some((folder, bytes)) = pack(options) else { return };
            let tree = assert_same_files(bytes, "cab", &folder.path().join("root"));
            assert_eq!(tree.coverage().bytes_unread, 0);
            assert!(attribute(&tree, "cab", "compression").is_some());
        }
    }

    #[test]
    fn a_wrong_checksum_is_told() {
        let Some((_folder, mut bytes)) = pack(&[]) else { return };
        let at = bytes.len() - 10;
        bytes[at] ^= 1;
        let tree = Tree::from_bytes(bytes, &Limits::default());
        assert!(tree.problems().iter().any(|problem| problem.why.contains("checksum")));
        let inside = container(&tree, "cab");
        assert!(tree.member(inside, b"/text").is_some());
    }

    #[test]
    fn files_of_other_cabinets_are_said() {
        let Some((_folder, mut bytes)) = pack(&[]) else { return };
        let files = usize::try_from(u32::from_le_bytes(bytes[16..20].try_into().unwrap())).unwrap();
        bytes[files + 8..files + 10].copy_from_slice(&[0xfe, 0xff]);
        let tree = Tree::from_bytes(bytes, &Limits::default());
        let member = tree.member(container(&tree, "cab"), b"/large").unwrap();
        assert!(tree.node(member).unread.as_ref().unwrap().reason.contains("another cabinet"));
    }

    #[test]
    fn damage_does_no_harm() {
        for options in [&["-n"][..], &["-z"]] {
            let Some((_folder, bytes)) = pack(options) else { return };
            hostile::check(&bytes[..400], 300);
        }
    }
}
