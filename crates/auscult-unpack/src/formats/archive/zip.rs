//! ZIP archives (APPNOTE.TXT 6.3.10), read from their central directory, or from the local headers
//! where it is missing.
//!
//! Stored members are slices of the image, packed ones are unpacked when read. Encrypted members
//! are listed without content, as are the ones in other volumes. Members that lie over each other,
//! as in a bomb, are not read. Reduced members (methods 2 to 5), of the first versions, are said.

use crate::{
    Endian, Entry, EntryKind, Extent, Fault, View,
    codec::{Codec, Decoding, MemberCodec, Unpacking},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        promise::{self, Promise, Sum},
        unix_mode,
    },
};

mod directory;
mod record;
mod scan;
mod signing;

use record::Record;

pub(crate) static FORMAT: Format = Format {
    name: "zip",
    magics: &[Magic::start(b"PK\x03\x04"), Magic::start(b"PK\x05\x06")],
    carve: true,
    open,
};

/// Signature of a local header (section 4.3.7) and its fixed length.
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_BYTES: u64 = 30;
/// Longest symbolic link target read.
const TARGET_BYTES_MAX: u64 = 4096;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let found = directory::find(extent).ok_or(NotThis)?;
    let mut opened = Opened { length: found.end, faults: found.faults, ..Opened::default() };
    if !found.comment.is_empty() {
        let comment = String::from_utf8_lossy(&found.comment).into_owned();
        opened.attributes.push(("comment", comment));
    }
    if !found.signatures.is_empty() {
        opened.attributes.push(("signature", found.signatures.join(" ")));
    }
    if found.volume > 0 {
        let volumes = u32::from(found.volume) + 1;
        opened.attributes.push(("volume", format!("{volumes} of {volumes}")));
        let why = format!("{} volumes before this one are missing", found.volume);
        opened.faults.push(Fault::new(0, "read all volumes of the zip archive", why));
    }
    let overlapping = overlapping(extent, &found.records);
    let encrypted = found.records.iter().filter(|record| record.encrypted()).count();
    let mut promises = Vec::new();
    let filled = found.records.iter().filter(|record| record.packed > 0).count();
    for (record, overlaps) in found.records.iter().zip(overlapping) {
        if record.volume < found.volume {
            opened.entries.push(Entry::member(
                record.name.as_slice(),
                record.kind().unwrap_or(EntryKind::File),
                record.metadata(),
            ));
            continue;
        }
        let (entry, fault) = entry(extent, record, overlaps);
        promises.extend(entry.content.as_ref().map(|content| Promise {
            name: record.name.clone(),
            place: record.offset,
            content: content.clone(),
            sum: Sum::Crc32(record.crc),
        }));
        opened.entries.push(entry);
        opened.faults.extend(fault);
    }
    opened.faults.extend(promise::verify(&promises));
    if let Some(kind) = found.records.iter().find_map(Record::encryption) {
        opened.attributes.push(("encrypted-members", encrypted.to_string()));
        opened.attributes.push(("encryption", kind.to_owned()));
    }
    if encrypted > 0 && encrypted == filled {
        opened.unread = Some("encrypted".to_owned());
    }
    Ok(opened)
}

/// Where the data of a member is, once its local header is checked.
fn data_of(extent: &Extent, record: &Record) -> Result<Extent, Fault> {
    let at = record.offset;
    let head = extent.read(at, LOCAL_BYTES)?;
    let view = View(&head);
    if view.u32(0, Endian::Little)? != LOCAL {
        return Err(Fault::new(at, "read a zip member", "no local header"));
    }
    let name = u64::from(view.u16(26, Endian::Little)?);
    let extra = u64::from(view.u16(28, Endian::Little)?);
    let start = at + LOCAL_BYTES + name + extra;
    extent
        .slice(start, record.packed)
        .ok_or_else(|| Fault::new(at, "read a zip member", "its data is not all there"))
}

/// For each member, whether its bytes start inside those of another one.
fn overlapping(extent: &Extent, records: &[Record]) -> Vec<bool> {
    let mut order: Vec<_> = (0..records.len()).collect();
    let place = |index: &usize| records.get(*index).map_or(0, |record| record.offset);
    order.sort_by_key(place);
    let (mut overlaps, mut end) = (vec![false; records.len()], 0);
    for index in order {
        let Some(record) = records.get(index) else { continue };
        if let Some(slot) = overlaps.get_mut(index) {
            *slot = record.offset < end;
        }
        let data = data_of(extent, record).ok();
        let start = data.and_then(|data| data.offset_in(extent)).unwrap_or(record.offset);
        end = end.max(start.saturating_add(record.packed));
    }
    overlaps
}

fn entry(extent: &Extent, record: &Record, overlaps: bool) -> (Entry, Option<Fault>) {
    let name = record.name.as_slice();
    let metadata = record.metadata();
    let fault = |why: String| {
        let what = format!("read {}", String::from_utf8_lossy(name));
        Some(Fault::new(record.offset, what, why))
    };
    let kind = record.kind();
    if kind == Some(EntryKind::Directory) {
        return (Entry::member(name, EntryKind::Directory, metadata), None);
    }
    let bare = Entry::member(name, EntryKind::File, metadata);
    if overlaps {
        return (bare, fault("it lies over another member".to_owned()));
    }
    if let Some(kind) = record.encryption() {
        return (bare.unreadable(record.packed, format!("encrypted ({kind})")), None);
    }
    let content = match data_of(extent, record).map(|data| content_of(record, data)) {
        Ok(Some(content)) => content,
        Ok(None) => {
            let reason = format!("compressed by method {}", record.method);
            return (bare.unreadable(record.packed, reason), None);
        }
        Err(error) => return (bare, fault(error.why)),
    };
    match kind {
        Some(EntryKind::File) => (bare.with_content(content), None),
        Some(kind) => (Entry { kind, ..bare }, None),
        // A symbolic link is a file whose content is the target.
        None => match content.read_up_to(0, TARGET_BYTES_MAX) {
            Ok(target) => (Entry { kind: EntryKind::Symlink(target[..].into()), ..bare }, None),
            Err(error) => (bare, fault(error.why)),
        },
    }
}

/// The unpacked bytes; none where the method (section 4.4.5) is not known.
fn content_of(record: &Record, data: Extent) -> Option<Extent> {
    let (large_window, literals) = record.implode_options();
    let member = match record.method {
        1 => Some(MemberCodec::Shrink),
        6 => Some(MemberCodec::Implode { large_window, literals }),
        9 => Some(MemberCodec::Deflate64),
        14 => Some(MemberCodec::ZipLzma),
        98 => Some(MemberCodec::ZipPpmd),
        _ => None,
    };
    let stream = match record.method {
        0 => return Some(data),
        8 => Some(Codec::Deflate),
        12 => Some(Codec::Bzip2),
        20 | 93 => Some(Codec::Zstd),
        95 => Some(Codec::Xz),
        _ => None,
    };
    let size = record.size;
    if size == 0 && (member.is_some() || stream.is_some()) {
        return Some(data.clamp(0, 0));
    }
    let vault = std::sync::Arc::clone(data.vault());
    match (member, stream) {
        (Some(codec), _) => Some(Unpacking { codec, input: data, size }.extent()),
        (_, Some(codec)) => Some(Extent::derived(&vault, size, Decoding { codec, input: data })),
        (None, None) => None,
    }
}

/// Whether a mode means a symbolic link.
fn is_link(mode: u32) -> bool {
    unix_mode::type_bits(mode) == unix_mode::SYMLINK
}

#[cfg(test)]
mod tests;
