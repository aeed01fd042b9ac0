//! RAR archives of versions 1.5 to 4 and 5 (technical notes of the maker: "RAR archive format" and
//! "RAR 5.0 archive format").
//!
//! All members are listed; stored ones are slices. RAR's own compression is not read: its only
//! complete description is source code whose licence forbids to build on it. Such members are said,
//! one by one, as are encrypted ones and parts in other volumes.

use crate::{
    Entry, EntryKind, Extent, Fault, Metadata,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        gathering::Gathering,
        hardlinks,
        promise::{self, Promise, Sum},
        unix_mode,
    },
};

mod current;
mod old;
#[cfg(test)]
mod tests;

const MAGIC_OLD: &[u8] = b"Rar!\x1a\x07\0";
const MAGIC_CURRENT: &[u8] = b"Rar!\x1a\x07\x01\0";

pub(crate) static FORMAT: Format = Format {
    name: "rar",
    magics: &[Magic::start(MAGIC_OLD), Magic::start(MAGIC_CURRENT)],
    carve: true,
    open,
};

/// Longest link target read.
const TARGET_BYTES_MAX: u64 = 4096;

/// Where the data of a member stands with respect to this volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Split {
    before: bool,
    after: bool,
}

/// A member, in either version.
#[derive(Clone, Debug, Default)]
struct Member {
    /// Where its header is.
    place: u64,
    name: Vec<u8>,
    directory: bool,
    /// Target of a link, where the header has it, and whether it is a hard one.
    link: Option<(Vec<u8>, bool)>,
    metadata: Metadata,
    /// `st_mode`, where a Unix program made it.
    mode: Option<u32>,
    data: u64,
    packed: u64,
    size: u64,
    crc: Option<u32>,
    encrypted: bool,
    stored: bool,
    /// Version of the compression, for people.
    compression: String,
    split: Split,
}

/// An archive, in either version.
#[derive(Debug, Default)]
struct Archive {
    length: u64,
    attributes: Vec<(&'static str, String)>,
    members: Vec<Member>,
    faults: Vec<Fault>,
    /// Why nothing can be listed.
    locked: Option<String>,
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let head = extent.read(0, 8)?;
    let archive = if *head == *MAGIC_CURRENT { current::read(extent)? } else { old::read(extent)? };
    let mut gathering = Gathering::new(extent);
    let mut promises = Vec::new();
    for member in &archive.members {
        if gathering.is_full() {
            break;
        }
        let entry = entry(extent, member, &mut gathering, &mut promises);
        gathering.add(entry);
    }
    let (mut entries, mut faults) = gathering.finish();
    hardlinks::fill(&mut entries);
    faults.extend(archive.faults);
    faults.extend(promise::verify(&promises));
    let attributes = archive.attributes;
    Ok(Opened { length: archive.length, attributes, entries, faults, unread: archive.locked })
}

fn entry(
    extent: &Extent,
    member: &Member,
    gathering: &mut Gathering,
    promises: &mut Vec<Promise>,
) -> Entry {
    let bare = Entry::member(member.name.as_slice(), EntryKind::File, member.metadata.clone());
    if member.directory {
        return Entry { kind: EntryKind::Directory, ..bare };
    }
    if let Some((target, hard)) = &member.link {
        let target = target.as_slice().into();
        let kind = if *hard { EntryKind::Hardlink(target) } else { EntryKind::Symlink(target) };
        return Entry { kind, ..bare };
    }
    if member.encrypted {
        return bare.unreadable(member.packed, "encrypted");
    }
    if member.split != Split::default() {
        return bare.unreadable(member.packed, "not extracted: it goes on in another volume");
    }
    let mode = member.mode.unwrap_or(0);
    let symlink = unix_mode::type_bits(mode) == unix_mode::SYMLINK;
    if member.packed == 0 && member.size == 0 {
        return match unix_mode::kind(mode, 0, 0) {
            Some(EntryKind::File) | None => bare.with_content(extent.clamp(0, 0)),
            Some(kind) => Entry { kind, ..bare },
        };
    }
    if !member.stored {
        let reason = format!("not extracted: rar compression {}", member.compression);
        return bare.unreadable(member.packed, reason);
    }
    let content = extent.clamp(member.data, member.packed);
    if content.len() < member.packed {
        let why = format!("{} bytes promised, {} there: truncated", member.packed, content.len());
        gathering.report(Fault::new(member.data, "read a rar member", why), &member.name);
    } else if let Some(crc) = member.crc {
        promises.push(Promise {
            name: member.name.clone(),
            place: member.place,
            content: content.clone(),
            sum: Sum::Crc32(crc),
        });
    }
    if symlink && let Ok(target) = content.read_up_to(0, TARGET_BYTES_MAX) {
        return Entry { kind: EntryKind::Symlink(target[..].into()), ..bare };
    }
    bare.with_content(content)
}

/// Names of the systems that archives come from.
fn system(names: &[&str], code: u64) -> String {
    let name = usize::try_from(code).ok().and_then(|index| names.get(index));
    name.map_or_else(|| code.to_string(), |name| (*name).to_owned())
}
