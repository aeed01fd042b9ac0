//! ZIP archives (APPNOTE.TXT 6.3.10), read from their central directory.
//!
//! Stored members are slices of the image, deflated ones are unpacked when read. Encrypted members
//! are listed without content. Members that lie over each other, as in a bomb, are not read.

use crate::{
    Endian, Entry, EntryKind, Extent, Fault, View,
    codec::{Codec, Decoding},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::unix_mode,
};

mod directory;
mod record;

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
    let overlapping = overlapping(extent, &found.records);
    let encrypted = found.records.iter().filter(|record| record.encrypted()).count();
    let filled = found.records.iter().filter(|record| record.packed > 0).count();
    for (record, overlaps) in found.records.iter().zip(overlapping) {
        let (entry, fault) = entry(extent, record, overlaps);
        opened.entries.push(entry);
        opened.faults.extend(fault);
    }
    super::bundle::annotate(&mut opened);
    if encrypted > 0 {
        opened.attributes.push(("encrypted-members", encrypted.to_string()));
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
    if record.encrypted() {
        return (bare.unreadable(record.packed, "encrypted"), None);
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
    let codec = match record.method {
        0 => return Some(data),
        8 => Codec::Deflate,
        12 => Codec::Bzip2,
        93 => Codec::Zstd,
        95 => Codec::Xz,
        _ => return None,
    };
    if record.size == 0 {
        return Some(data.clamp(0, 0));
    }
    let vault = std::sync::Arc::clone(data.vault());
    Some(Extent::derived(&vault, record.size, Decoding { codec, input: data }))
}

/// Whether a mode means a symbolic link.
fn is_link(mode: u32) -> bool {
    unix_mode::type_bits(mode) == unix_mode::SYMLINK
}

#[cfg(test)]
mod tests;
