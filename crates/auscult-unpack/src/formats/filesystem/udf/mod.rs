//! UDF, versions 1.02 to 2.60 (ECMA-167, third edition; OSTA Universal Disk Format).
//!
//! All kinds of partitions are read: physical, virtual, sparable and metadata. Where ISO 9660 stands
//! on the same disc, what lists more files is opened. Streams beside the content of a file are
//! members with the name `file:stream`. Of a rewritten file the last version counts. Earlier
//! sessions, further file sets and extended attributes are not read.

mod allocation;
mod descriptor;
mod entry;
mod partition;
#[cfg(test)]
mod tests;
mod volume;
mod walk;

use self::{
    volume::Volume,
    walk::{Link, Reader},
};
use super::iso9660;
use crate::{
    Entry, EntryKind, Extent, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::walk::walk,
};

pub(crate) static FORMAT: Format = Format {
    name: "udf",
    // The sequence of volume descriptors, alone or behind those of ISO 9660.
    magics: &[Magic::at(SEQUENCE + 1, b"BEA01\x01"), Magic::at(SEQUENCE + 1, b"CD001\x01")],
    carve: true,
    open,
};

/// Place of the sequence that says which standards a disc follows.
const SEQUENCE: usize = 16 * 2048;
/// Descriptors of that sequence.
const SEQUENCE_MAX: usize = 64;

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    if !has_standard(extent) {
        return Err(NotThis);
    }
    let mut faults = Vec::new();
    let volume = Volume::read(extent, &mut faults).ok_or(NotThis)?;
    let mut length = volume.length;
    let image = extent.clamp(0, length);
    let root = volume.root.ok_or(NotThis)?;
    let mut attributes = volume.attributes();
    let mut reader = Reader::new(&image, volume.partitions);
    let (mut entries, walked) = walk(&image, &mut reader, Link::Root(root));
    faults.extend(walked);
    if let Some(other) = iso9660::list(extent) {
        if files(&other.entries) > files(&entries) {
            return Err(NotThis);
        }
        length = length.max(other.length);
        let image = extent.clamp(0, length);
        attributes.push(("also", format!("iso9660 with {} files", files(&other.entries))));
        let (boot, told) = iso9660::boot_entries(&image, &entries);
        entries.extend(boot);
        attributes.extend(told);
    }
    if entries.is_empty() {
        return Err(NotThis);
    }
    Ok(Opened { length, attributes, entries, faults, unread: None })
}

fn files(entries: &[Entry]) -> usize {
    entries.iter().filter(|entry| entry.kind == EntryKind::File).count()
}

/// Whether the sequence names the standard that UDF follows.
pub(super) fn has_standard(extent: &Extent) -> bool {
    let mut place = u64::try_from(SEQUENCE).unwrap_or(u64::MAX);
    for _ in 0..SEQUENCE_MAX {
        let Ok(head) = extent.read(place, 6) else { return false };
        match View(&head).bytes(1, 5) {
            Ok(b"NSR02" | b"NSR03") => return true,
            // In blocks of 4096 bytes, every second sector is empty.
            Ok(b"BEA01" | b"CD001" | b"BOOT2" | b"CDW02" | b"TEA01" | b"\0\0\0\0\0") => {
                place += 2048;
            }
            _ => return false,
        }
    }
    false
}
