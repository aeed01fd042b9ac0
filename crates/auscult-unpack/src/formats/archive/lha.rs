//! LHA archives (`.lzh`), headers of levels 0 to 3, and those of LArc (`header.doc.md` of LHa for
//! UNIX).
//!
//! `-lh2-`, `-lh3-` and the methods of PMarc were never in wide use and are said.

use super::dos_word;
use crate::{
    Endian::Little,
    Entry, EntryKind, Extent, Fault, Metadata, View,
    checksum::agrees,
    codec::{MemberCodec, Unpacking},
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{
        epoch,
        gathering::Gathering,
        promise::{self, Promise, Sum, crc16_arc},
        unix_mode,
    },
};

pub(crate) static FORMAT: Format = Format {
    name: "lha",
    magics: &[
        Magic::at(2, b"-lh0-"),
        Magic::at(2, b"-lh1-"),
        Magic::at(2, b"-lh4-"),
        Magic::at(2, b"-lh5-"),
        Magic::at(2, b"-lh6-"),
        Magic::at(2, b"-lh7-"),
        Magic::at(2, b"-lhd-"),
        Magic::at(2, b"-lzs-"),
        Magic::at(2, b"-lz4-"),
        Magic::at(2, b"-lz5-"),
    ],
    carve: true,
    open,
};

/// Longest header read.
const HEADER_BYTES_MAX: u64 = 64 << 10;
/// Types of extended headers.
mod extension {
    pub(super) const COMMON: u8 = 0;
    pub(super) const NAME: u8 = 1;
    pub(super) const DIRECTORY: u8 = 2;
    pub(super) const WINDOWS_TIMES: u8 = 0x41;
    pub(super) const LARGE_SIZES: u8 = 0x42;
    pub(super) const UNIX_MODE: u8 = 0x50;
    pub(super) const UNIX_OWNER: u8 = 0x51;
    pub(super) const UNIX_TIME: u8 = 0x54;
}

/// A member as its header tells it.
#[derive(Debug, Default)]
struct Member {
    method: [u8; 5],
    level: u8,
    system: u8,
    directory: Vec<u8>,
    name: Vec<u8>,
    packed: u64,
    size: u64,
    crc: u16,
    modified: Option<i64>,
    mode: Option<u32>,
    owner: Option<(u32, u32)>,
    /// The sum over the header, where it has one.
    header_crc: Option<u16>,
    /// Where the data starts, from the start of the header.
    data: u64,
}

fn fault(at: u64, why: &str) -> Fault {
    Fault::new(at, "read an lha header", why)
}

impl Member {
    /// Reads the header at `at`; none at the end of the archive.
    fn read(extent: &Extent, at: u64) -> Result<Option<Self>, Fault> {
        let head = extent.read_up_to(at, HEADER_BYTES_MAX)?;
        let view = View(&head);
        if matches!(head.first(), None | Some(0)) {
            return Ok(None);
        }
        let mut member = Self {
            method: view.array(2)?,
            level: view.u8(20)?,
            packed: u64::from(view.u32(7, Little)?),
            size: u64::from(view.u32(11, Little)?),
            ..Self::default()
        };
        let [b'-', _, _, _, b'-'] = member.method else { return Err(fault(at, "no method")) };
        match member.level {
            0 => drop(member.read_old(view)?),
            1 => {
                let fixed = member.read_old(view)?;
                let first = view.u16(fixed - 2, Little)?;
                let end = member.extensions(view, fixed, usize::from(first), 2)?;
                // The packed size counts the extended headers.
                let more = u64::try_from(end - fixed).unwrap_or(u64::MAX);
                member.packed =
                    member.packed.checked_sub(more).ok_or_else(|| fault(at, "sizes"))?;
                member.data = u64::try_from(end).unwrap_or(u64::MAX);
            }
            2 => {
                let total = view.u16(0, Little)?;
                member.read_new(view, usize::from(total), 24, 2)?;
            }
            3 => {
                let total = usize::try_from(view.u32(24, Little)?).unwrap_or(usize::MAX);
                member.read_new(view, total, 28, 4)?;
            }
            _ => return Err(fault(at, "an unknown level")),
        }
        let length = usize::try_from(member.data).unwrap_or(usize::MAX);
        if let Some(stored) = member.header_crc {
            member.check(view.bytes(0, length)?, stored).map_err(|fault| fault.within(at))?;
        }
        Ok(Some(member))
    }

    /// Levels 0 and 1: a size and a sum in the first two bytes. Returns the length.
    fn read_old(&mut self, view: View<'_>) -> Result<usize, Fault> {
        let length = usize::from(view.u8(0)?) + 2;
        let sum = view.bytes(2, length - 2)?.iter().fold(0_u8, |sum, &byte| sum.wrapping_add(byte));
        if !agrees(view.u8(1)?, sum) {
            return Err(fault(0, "the checksum of the header is wrong"));
        }
        let name = usize::from(view.u8(21)?);
        let mut path = view.bytes(22, name)?.to_vec();
        path.iter_mut().filter(|byte| **byte == b'\\').for_each(|byte| *byte = b'/');
        self.name = path;
        self.crc = view.u16(22 + name, Little)?;
        self.modified = dos_word(view.u32(15, Little)?);
        self.data = u64::try_from(length).unwrap_or(u64::MAX);
        let rest = View(view.bytes(24 + name, length.saturating_sub(24 + name))?);
        self.system = rest.u8(0).unwrap_or(0);
        // Programs of Unix keep time, mode and owner behind a level 0 header.
        if self.level == 0 && self.system == b'U' && rest.0.len() >= 12 {
            self.modified = Some(i64::from(rest.u32(2, Little)?));
            self.mode = Some(u32::from(rest.u16(6, Little)?));
            let id = |at| rest.u16(at, Little).map(u32::from);
            self.owner = Some((id(8)?, id(10)?));
        }
        Ok(length)
    }

    /// Levels 2 and 3: everything else is in extended headers.
    fn read_new(
        &mut self,
        view: View<'_>,
        total: usize,
        first_at: usize,
        width: usize,
    ) -> Result<(), Fault> {
        self.modified = Some(i64::from(view.u32(15, Little)?));
        self.crc = view.u16(21, Little)?;
        self.system = view.u8(23)?;
        let first = size_at(view, first_at, width)?;
        let end = self.extensions(view, first_at + width, first, width)?;
        if total < end || u64::try_from(total).unwrap_or(u64::MAX) > HEADER_BYTES_MAX {
            return Err(fault(0, "an impossible length"));
        }
        self.data = u64::try_from(total).unwrap_or(u64::MAX);
        Ok(())
    }

    /// Goes through the extended headers: each ends with the size of the next one. Returns the end.
    fn extensions(
        &mut self,
        view: View<'_>,
        start: usize,
        first: usize,
        width: usize,
    ) -> Result<usize, Fault> {
        let (mut at, mut size) = (start, first);
        while size != 0 {
            if size < 1 + width {
                return Err(fault(0, "an extended header that is too short"));
            }
            let kind = view.u8(at)?;
            self.extend(kind, View(view.bytes(at + 1, size - 1 - width)?));
            size = {
                let next = at + size - width;
                at += size;
                size_at(view, next, width)?
            };
        }
        Ok(at)
    }

    fn extend(&mut self, kind: u8, value: View<'_>) {
        let short = |at| value.u16(at, Little).ok();
        match kind {
            extension::COMMON => self.header_crc = short(0),
            extension::NAME => self.name = value.0.to_vec(),
            extension::DIRECTORY => {
                self.directory = value.0.to_vec();
                // The parts of a path are separated by a byte that no name has.
                self.directory
                    .iter_mut()
                    .filter(|byte| **byte == 0xff)
                    .for_each(|byte| *byte = b'/');
            }
            extension::WINDOWS_TIMES => {
                let modified = value.u64(8, Little).ok().and_then(epoch::windows_time);
                self.modified = modified.or(self.modified);
            }
            extension::LARGE_SIZES => {
                if let (Ok(packed), Ok(size)) = (value.u64(0, Little), value.u64(8, Little)) {
                    (self.packed, self.size) = (packed, size);
                }
            }
            extension::UNIX_MODE => self.mode = short(0).map(u32::from),
            extension::UNIX_OWNER => {
                self.owner =
                    short(2).zip(short(0)).map(|(user, group)| (user.into(), group.into()));
            }
            extension::UNIX_TIME => {
                let time = value.u32(0, Little).ok().map(i64::from);
                self.modified = time.or(self.modified);
            }
            _ => {}
        }
    }

    /// The sum over a header is taken with zeros in its own place.
    fn check(&self, header: &[u8], stored: u16) -> Result<(), Fault> {
        let mark = stored.to_le_bytes();
        let start =
            if self.level < 2 { usize::from(header.first().copied().unwrap_or(0)) } else { 22 };
        for at in memchr::memmem::find_iter(header.get(start..).unwrap_or_default(), &mark).take(8)
        {
            let mut zeroed = header.to_vec();
            if let Some(place) = zeroed.get_mut(start + at..start + at + 2) {
                place.fill(0);
            }
            if agrees(stored, crc16_arc(&zeroed)) {
                return Ok(());
            }
        }
        Err(fault(0, "the checksum of the header is wrong"))
    }

    fn path(&self) -> Vec<u8> {
        let mut path = self.directory.clone();
        if !path.is_empty() && !path.ends_with(b"/") {
            path.push(b'/');
        }
        path.extend_from_slice(&self.name);
        path
    }

    /// The unpacked bytes; otherwise why there are none.
    fn content(&self, data: Extent) -> Result<Extent, String> {
        let codec = match &self.method {
            b"-lh0-" | b"-lz4-" => return Ok(data),
            b"-lh1-" => MemberCodec::LzhAdaptive,
            b"-lh4-" | b"-lh5-" => MemberCodec::Lzh { distance_bits: 4 },
            b"-lh6-" | b"-lh7-" => MemberCodec::Lzh { distance_bits: 5 },
            b"-lzs-" => MemberCodec::Lzs,
            b"-lz5-" => MemberCodec::Lz5,
            other => return Err(format!("compressed by {}", String::from_utf8_lossy(other))),
        };
        Ok(Unpacking { codec, input: data, size: self.size }.extent())
    }

    fn metadata(&self) -> Metadata {
        Metadata {
            mode: self.mode.map(|mode| mode & 0o7777),
            user: self.owner.map(|owner| owner.0),
            group: self.owner.map(|owner| owner.1),
            modified: self.modified,
            xattrs: Vec::new(),
        }
    }
}

fn size_at(view: View<'_>, at: usize, width: usize) -> Result<usize, Fault> {
    if width == 2 {
        return view.u16(at, Little).map(usize::from);
    }
    view.u32(at, Little).map(|size| usize::try_from(size).unwrap_or(usize::MAX))
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let extent = &candidate.extent;
    let first = Member::read(extent, 0)?.ok_or(NotThis)?;
    if first.level >= 2 && first.header_crc.is_none() && first.path().is_empty() {
        return Err(NotThis);
    }
    let mut opened = Opened::default();
    opened.attributes.push(("level", first.level.to_string()));
    let mut gathering = Gathering::new(extent);
    let (mut promises, mut at, mut member) = (Vec::new(), 0, first);
    while !gathering.is_full() {
        let entry = entry(extent, at, &member, &mut gathering, &mut promises);
        gathering.add(entry);
        at = at.saturating_add(member.data).saturating_add(member.packed);
        opened.length = at;
        match Member::read(extent, at) {
            Ok(Some(next)) => member = next,
            Ok(None) => {
                // One zero ends the archive, where it is there at all.
                opened.length = at.saturating_add(1).min(extent.len().max(at));
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
    at: u64,
    member: &Member,
    gathering: &mut Gathering,
    promises: &mut Vec<Promise>,
) -> Entry {
    let path = member.path();
    let bare = Entry::member(path.as_slice(), EntryKind::File, member.metadata());
    if &member.method == b"-lhd-" {
        let symlink = unix_mode::type_bits(member.mode.unwrap_or(0)) == unix_mode::SYMLINK;
        // A symbolic link has its target behind its name.
        if symlink && let Some(bar) = memchr::memchr(b'|', &path) {
            let (name, target) = path.split_at(bar);
            let kind = EntryKind::Symlink(target.get(1..).unwrap_or_default().into());
            return Entry { kind, path: name.into(), ..bare };
        }
        return Entry { kind: EntryKind::Directory, ..bare };
    }
    let start = at.saturating_add(member.data);
    let data = extent.clamp(start, member.packed);
    if data.len() < member.packed {
        let why = format!("{} bytes promised, {} there: truncated", member.packed, data.len());
        gathering.report(Fault::new(start, "read an lha member", why), &path);
    }
    match member.content(data) {
        Ok(content) => {
            let (name, sum) = (path, Sum::Crc16(member.crc));
            promises.push(Promise { name, place: at, content: content.clone(), sum });
            bare.with_content(content)
        }
        Err(reason) => bare.unreadable(member.packed, reason),
    }
}

#[cfg(test)]
mod tests;
