//! 7z archives (`7zFormat.txt` and `Methods.txt` of the LZMA SDK).
//!
//! A header at the end, usually packed itself, tells folders of coders; each folder unpacks to the
//! files in it one after the other. A folder is one derived extent, its files are slices. Encrypted
//! folders and headers are said. Files in several volumes are not joined.

use crate::{
    Endian, Entry, EntryKind, Extent, Fault, Metadata, View,
    checksum::{Crc32, agrees},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        epoch,
        gathering::Gathering,
        promise::{self, Promise, Sum},
        unix_mode,
    },
};

mod coder;
mod header;
mod property;
#[cfg(test)]
mod tests;

use header::{File, Header, Streams};
use property::Reader;

const MAGIC: &[u8] = b"7z\xbc\xaf\x27\x1c";

pub(crate) static FORMAT: Format =
    Format { name: "7z", magics: &[Magic::start(MAGIC)], carve: true, open };

/// The signature header, in front of the packed streams.
const SIGNATURE_BYTES: u64 = 32;
/// Largest header read, packed or not.
const HEADER_BYTES_MAX: u64 = 256 << 20;
/// A packed header may hold another one.
const HEADER_LAYERS_MAX: usize = 4;
/// Ids at the start of a header.
const PLAIN_HEADER: u8 = 1;
const PACKED_HEADER: u8 = 23;
/// Attributes of Windows, and the bit by which p7zip says that the upper half is `st_mode`.
const ATTRIBUTE_DIRECTORY: u32 = 0x10;
const ATTRIBUTE_UNIX: u32 = 0x8000;
const ATTRIBUTE_REPARSE: u32 = 0x400;
/// Longest target of a symbolic link read.
const TARGET_BYTES_MAX: u64 = 4096;

/// What the signature header tells.
struct Signature {
    version: (u8, u8),
    offset: u64,
    size: u64,
    crc: u32,
}

impl Signature {
    fn parse(view: View<'_>) -> Result<Self, NotThis> {
        let stored = view.u32(8, Endian::Little)?;
        let major = view.u8(6)?;
        if major != 0 || !agrees(stored, Crc32::of(view.bytes(12, 20)?)) {
            return Err(NotThis);
        }
        Ok(Self {
            version: (major, view.u8(7)?),
            offset: view.u64(12, Endian::Little)?,
            size: view.u64(20, Endian::Little)?,
            crc: view.u32(28, Endian::Little)?,
        })
    }
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, SIGNATURE_BYTES)?;
    let signature = Signature::parse(View(&head))?;
    let length = SIGNATURE_BYTES
        .checked_add(signature.offset)
        .and_then(|end| end.checked_add(signature.size))
        .ok_or(NotThis)?;
    let (major, minor) = signature.version;
    let mut opened = Opened { length, ..Opened::default() };
    opened.attributes.push(("version", format!("{major}.{minor}")));
    if signature.size == 0 {
        return Ok(opened);
    }
    match read_header(extent, &signature) {
        Ok(Database::Plain(header)) => list(extent, &header, &mut opened),
        Ok(Database::Locked(reason)) => {
            opened.attributes.push(("encrypted", "names and contents".to_owned()));
            opened.unread = Some(reason);
        }
        Err(fault) => {
            opened.unread = Some(format!("not extracted: {}: {}", fault.what, fault.why));
            opened.faults.push(fault);
        }
    }
    Ok(opened)
}

/// The header, or why it cannot be unpacked.
enum Database {
    Plain(Header),
    Locked(String),
}

/// Reads the header, through its layers.
fn read_header(extent: &Extent, signature: &Signature) -> Result<Database, Fault> {
    let start = SIGNATURE_BYTES + signature.offset;
    let missing = || Fault::new(start, "read the 7z header", "it is not there: truncated");
    let stored = extent.slice(start, signature.size).ok_or_else(missing)?;
    let mut bytes = bounded(&stored)?;
    if !agrees(signature.crc, Crc32::of(&bytes)) {
        return Err(Fault::new(start, "read the 7z header", "its checksum is wrong"));
    }
    for _ in 0..HEADER_LAYERS_MAX {
        let mut reader = Reader::new(&bytes);
        match reader.byte()? {
            PLAIN_HEADER => return Header::read(&mut reader).map(Database::Plain),
            PACKED_HEADER => {}
            other => return Err(reader.fault(format!("it starts with {other}"))),
        }
        let streams = Streams::read(&mut reader)?;
        let (Some(folder), packed) = (streams.folders.first(), packed_of(extent, &streams)) else {
            return Err(reader.fault("a packed header without a folder"));
        };
        if let Some(reason) = coder::obstacle(folder) {
            return Ok(Database::Locked(reason));
        }
        let packed = packed.first().and_then(Option::clone).ok_or_else(missing)?;
        let (size, crc) = (folder.size(), folder.crc);
        let unpacking = coder::Unpacking { folder: folder.clone(), packed };
        bytes = bounded(&Extent::derived(extent.vault(), size, unpacking))?;
        if crc.is_some_and(|crc| !agrees(crc, Crc32::of(&bytes))) {
            return Err(Fault::new(start, "unpack the 7z header", "its checksum is wrong"));
        }
    }
    Err(Fault::new(start, "read the 7z header", "packed too many times"))
}

fn bounded(header: &Extent) -> Result<bytes::Bytes, Fault> {
    if header.len() > HEADER_BYTES_MAX {
        let why = format!("{} bytes are more than any header has", header.len());
        return Err(Fault::new(0, "read the 7z header", why));
    }
    header.read_all()
}

/// The packed streams of each folder, where they are all there.
fn packed_of(extent: &Extent, streams: &Streams) -> Vec<Option<Vec<Extent>>> {
    let mut at = SIGNATURE_BYTES.saturating_add(streams.position);
    let mut sizes = streams.packed.iter();
    let mut folders = Vec::with_capacity(streams.folders.len());
    for folder in &streams.folders {
        let mut packed = Some(Vec::new());
        for &size in sizes.by_ref().take(folder.packed.len()) {
            match (extent.slice(at, size), &mut packed) {
                (Some(stream), Some(packed)) => packed.push(stream),
                _ => packed = None,
            }
            at = at.saturating_add(size);
        }
        folders.push(packed);
    }
    folders
}

/// What a folder unpacks to.
enum Content {
    There(Extent),
    Unreadable(String),
    Missing,
}

/// One stored stream: its bytes or why there are none, its share of the packed bytes, its checksum.
struct Part {
    content: Content,
    packed_bytes: u64,
    crc: Option<u32>,
}

fn parts_of(extent: &Extent, streams: &Streams) -> Vec<Part> {
    let mut all = Vec::new();
    let packed = packed_of(extent, streams);
    for ((folder, packed), parts) in streams.folders.iter().zip(packed).zip(&streams.parts) {
        let packed_bytes =
            packed.iter().flatten().fold(0_u64, |sum, stream| sum.saturating_add(stream.len()));
        let size = folder.size();
        let whole = match (coder::obstacle(folder), packed) {
            (Some(reason), _) => Content::Unreadable(reason),
            (None, None) => Content::Missing,
            (None, Some(packed)) => Content::There(unpacked(extent, folder, packed)),
        };
        let mut at = 0;
        for &(length, crc) in parts {
            let content = match &whole {
                Content::There(whole) => {
                    whole.slice(at, length).map_or(Content::Missing, Content::There)
                }
                Content::Unreadable(reason) => Content::Unreadable(reason.clone()),
                Content::Missing => Content::Missing,
            };
            let share = u128::from(packed_bytes) * u128::from(length) / u128::from(size.max(1));
            let packed_bytes = u64::try_from(share).unwrap_or(packed_bytes);
            all.push(Part { content, packed_bytes, crc });
            at = at.saturating_add(length);
        }
    }
    all
}

/// A folder that only copies is a slice of the archive.
fn unpacked(extent: &Extent, folder: &header::Folder, mut packed: Vec<Extent>) -> Extent {
    let size = folder.size();
    if let ([coder], [stream]) = (folder.coders.as_slice(), packed.as_slice())
        && coder.method == 0
        && stream.len() == size
    {
        return packed.remove(0);
    }
    let folder = folder.clone();
    Extent::derived(extent.vault(), size, coder::Unpacking { folder, packed })
}

fn list(extent: &Extent, header: &Header, opened: &mut Opened) {
    let mut gathering = Gathering::new(extent);
    let mut promises = Vec::new();
    let mut parts = parts_of(extent, &header.streams).into_iter();
    let mut anti = 0;
    for file in &header.files {
        let part = if file.has_stream { parts.next() } else { None };
        if file.anti {
            anti += 1;
            continue;
        }
        if gathering.is_full() {
            break;
        }
        let entry = entry(file, part, &mut gathering, &mut promises);
        gathering.add(entry);
    }
    attributes(header, anti, opened);
    let (entries, faults) = gathering.finish();
    opened.faults.extend(faults);
    opened.faults.extend(promise::verify(&promises));
    opened.entries = entries;
    let filled = header.files.iter().any(|file| file.has_stream);
    let locked = header
        .streams
        .folders
        .iter()
        .all(|folder| coder::obstacle(folder).is_some_and(|reason| reason == "encrypted"));
    if filled && locked {
        opened.unread = Some("encrypted".to_owned());
    }
}

fn attributes(header: &Header, anti: usize, opened: &mut Opened) {
    let mut methods: Vec<String> = Vec::new();
    for coder in header.streams.folders.iter().flat_map(|folder| &folder.coders) {
        let name = coder::name(coder.method);
        if !methods.contains(&name) && methods.len() < 32 {
            methods.push(name);
        }
    }
    if !methods.is_empty() {
        opened.attributes.push(("compression", methods.join(" ")));
    }
    if header.streams.parts.iter().any(|parts| parts.len() > 1) {
        opened.attributes.push(("solid", "true".to_owned()));
    }
    if methods.iter().any(|name| name == "aes") {
        opened.attributes.push(("encrypted", "contents".to_owned()));
    }
    if anti > 0 {
        opened.attributes.push(("anti-items", anti.to_string()));
    }
}

fn entry(
    file: &File,
    part: Option<Part>,
    gathering: &mut Gathering,
    promises: &mut Vec<Promise>,
) -> Entry {
    let attributes = file.attributes.unwrap_or(0);
    let mode = (attributes & ATTRIBUTE_UNIX != 0).then_some(attributes >> 16);
    let metadata = Metadata {
        mode: mode.map(|mode| mode & 0o7777),
        modified: file.modified.and_then(epoch::windows_time),
        ..Metadata::default()
    };
    let directory = attributes & ATTRIBUTE_DIRECTORY != 0 || !file.has_stream && !file.is_regular;
    if directory && part.is_none() {
        return Entry::member(file.name.as_slice(), EntryKind::Directory, metadata);
    }
    let bare = Entry::member(file.name.as_slice(), EntryKind::File, metadata);
    let Some(part) = part else {
        return match mode.and_then(|mode| unix_mode::kind(mode, 0, 0)) {
            Some(kind) => Entry { kind, ..bare },
            None => bare,
        };
    };
    let content = match part.content {
        Content::There(content) => content,
        Content::Unreadable(reason) => return bare.unreadable(part.packed_bytes, reason),
        Content::Missing => {
            let why = "its packed bytes are not all there";
            gathering.report(Fault::new(0, "read a 7z member", why), &file.name);
            return bare;
        }
    };
    let link = mode.is_some_and(|mode| unix_mode::type_bits(mode) == unix_mode::SYMLINK)
        || mode.is_none() && attributes & ATTRIBUTE_REPARSE != 0;
    if link && let Ok(target) = content.read_up_to(0, TARGET_BYTES_MAX) {
        return Entry { kind: EntryKind::Symlink(target[..].into()), ..bare };
    }
    if let Some(crc) = part.crc {
        let sum = Sum::Crc32(crc);
        promises.push(Promise { name: file.name.clone(), place: 0, content: content.clone(), sum });
    }
    bare.with_content(content)
}
