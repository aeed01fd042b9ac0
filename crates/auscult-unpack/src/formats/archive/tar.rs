//! tar archives: POSIX `ustar` and `pax` (IEEE 1003.1-2017, pax), and GNU's long names, large
//! numbers and sparse files (GNU tar manual, "Basic Tar Format" and "Storing Sparse Files").
//!
//! Archives of Version 7, which have no mark but the checksum of their headers, are recognised at the
//! start of a file only.

use crate::{
    Entry, EntryKind, Extent, Fault, View,
    format::{Candidate, Format, Magic, NotThis, Opened},
    formats::support::{hardlinks, unix_mode},
};

mod pax;
mod sparse;

use pax::Overrides;

pub(crate) static FORMAT: Format =
    Format { name: "tar", magics: &[Magic::at(257, b"ustar")], carve: true, open };

/// Version 7: how programs end the field of the checksum is all that can be looked for.
pub(crate) static OLD_FORMAT: Format = Format {
    name: "tar-v7",
    magics: &[Magic::at(154, b"\0 "), Magic::at(154, b" \0")],
    carve: false,
    open: open_old,
};

const BLOCK_BYTES: u64 = 512;
/// Archives end at a multiple of this, filled up with zeros.
const RECORD_BYTES: u64 = 20 * BLOCK_BYTES;
/// Longest extended header or long name accepted.
const EXTENSION_BYTES_MAX: u64 = 1 << 20;

/// A header block, its checksum verified.
struct Header {
    block: Vec<u8>,
    kind: u8,
    size: u64,
}

impl Header {
    /// Reads the block at `at`; none where it is all zero, the mark of the end.
    fn read(extent: &Extent, at: u64, old: bool) -> Result<Option<Self>, Fault> {
        let block = extent.read(at, BLOCK_BYTES)?.to_vec();
        if block.iter().all(|&byte| byte == 0) {
            return Ok(None);
        }
        let view = View(&block);
        let fault = |why: &str| Fault::new(at, "read a tar header", why);
        let stored = number(view.bytes(148, 8)?).ok_or_else(|| fault("no checksum"))?;
        // The checksum is taken with spaces in its own place. Some old programs add signed bytes.
        let others = block.iter().enumerate().filter(|(at, _)| !(148..156).contains(at));
        let (mut plain, mut signed) = (8 * 32, 8 * 32);
        for (_, &byte) in others {
            plain += i64::from(byte);
            signed += i64::from(byte.cast_signed());
        }
        if ![Ok(plain), Ok(signed)].contains(&i64::try_from(stored)) {
            return Err(fault("its checksum is wrong"));
        }
        if !old && view.bytes(257, 5)? != b"ustar" {
            return Err(fault("no ustar mark"));
        }
        let size = number(view.bytes(124, 12)?).ok_or_else(|| fault("no size"))?;
        let kind = view.u8(156)?;
        Ok(Some(Self { block, kind, size }))
    }

    fn view(&self) -> View<'_> {
        View(&self.block)
    }

    fn number(&self, at: usize, length: usize) -> Option<u64> {
        number(self.view().bytes(at, length).ok()?)
    }

    fn number32(&self, at: usize, length: usize) -> Option<u32> {
        u32::try_from(self.number(at, length)?).ok()
    }

    /// GNU headers use the place of the prefix for other things.
    fn is_gnu(&self) -> bool {
        self.view().bytes(257, 8).is_ok_and(|magic| magic == b"ustar  \0")
    }

    fn path(&self) -> Result<Vec<u8>, Fault> {
        let name = self.view().text(0, 100)?;
        // Version 7 has no prefix; the first versions of star already had one, with their own mark.
        let marked =
            self.view().bytes(257, 5)? == b"ustar" || self.view().bytes(508, 4)? == b"tar\0";
        let no_prefix = self.is_gnu() || !marked;
        let prefix = if no_prefix { &[] } else { self.view().text(345, 155)? };
        Ok(if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() })
    }
}

/// A numeric field: octal digits between spaces and NULs, or base 256 where the top bit is set.
/// An empty field is zero.
fn number(field: &[u8]) -> Option<u64> {
    let (&first, rest) = field.split_first()?;
    if first & 0x80 != 0 {
        // Negative numbers (dates before 1970) are read as zero.
        if first & 0x40 != 0 {
            return Some(0);
        }
        return rest.iter().try_fold(u64::from(first & 0x3f), |value, &byte| {
            value.checked_mul(256)?.checked_add(u64::from(byte))
        });
    }
    let digits = field.split(|&byte| byte == 0).next()?.trim_ascii();
    digits.iter().try_fold(0_u64, |value, &digit| match digit {
        b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// Opens an archive of Version 7, where every field of the first header makes sense.
fn open_old(candidate: &Candidate) -> Result<Opened, NotThis> {
    let first = Header::read(&candidate.extent, 0, true)?.ok_or(NotThis)?;
    let view = first.view();
    let star = view.bytes(508, 4)? == b"tar\0";
    let name = view.text(0, 100)?;
    // GNU tar fills in the device numbers that come with the mark, but not the mark.
    let blank = |byte: &u8| matches!(byte, 0 | b' ' | b'0'..=b'7');
    let plain = star
        || view.bytes(257, 88)?.iter().all(blank)
            && view.bytes(345, 167)?.iter().all(|&byte| byte == 0);
    let fields = [(100, 8), (108, 8), (116, 8), (136, 12)];
    let numbers = fields.iter().all(|&(at, length)| first.number(at, length).is_some());
    let sound = !name.is_empty() && !name.iter().any(u8::is_ascii_control);
    if !plain || !numbers || !sound || !matches!(first.kind, 0 | b'0'..=b'7') {
        return Err(NotThis);
    }
    Ok(read(&candidate.extent, if star { "star" } else { "v7" }, true))
}

fn open(candidate: &Candidate) -> Result<Opened, NotThis> {
    let first = Header::read(&candidate.extent, 0, false)?.ok_or(NotThis)?;
    let variant = match (first.is_gnu(), first.kind) {
        (true, _) => "gnu",
        (false, b'x' | b'g') => "pax",
        _ => "ustar",
    };
    Ok(read(&candidate.extent, variant, false))
}

fn read(extent: &Extent, variant: &str, old: bool) -> Opened {
    let mut reader = Reader {
        extent,
        at: 0,
        old,
        global: Overrides::default(),
        next: Overrides::default(),
        opened: Opened::default(),
    };
    reader.opened.attributes.push(("variant", variant.to_owned()));
    reader.read_all();
    hardlinks::fill(&mut reader.opened.entries);
    reader.opened
}

struct Reader<'extent> {
    extent: &'extent Extent,
    at: u64,
    /// Whether members need no mark.
    old: bool,
    /// What a global pax header says of all members that follow.
    global: Overrides,
    /// What extended headers say of the next member.
    next: Overrides,
    opened: Opened,
}

impl Reader<'_> {
    fn read_all(&mut self) {
        let limit = self.extent.vault().limits().entries;
        let mut count = 0;
        loop {
            self.opened.length = self.at.min(self.extent.len());
            match Header::read(self.extent, self.at, self.old) {
                Ok(Some(header)) => {
                    if let Err(fault) = self.read_member(&header) {
                        self.opened.length = self.at.min(self.extent.len());
                        self.opened.faults.push(fault);
                        return;
                    }
                }
                Ok(None) => {
                    self.opened.length = self.end();
                    return;
                }
                Err(fault) => {
                    let why = format!("no end mark: {}", fault.why);
                    self.opened.faults.push(Fault::new(self.at, "read a tar header", why));
                    return;
                }
            }
            count += 1;
            if count > limit {
                let why = format!("more than {limit} members (limit entries)");
                self.opened.faults.push(Fault::new(self.at, "list all members", why));
                return;
            }
        }
    }

    /// The end of the archive: behind the zeros that fill up its last record.
    fn end(&self) -> u64 {
        let full = self.at.saturating_add(1).next_multiple_of(RECORD_BYTES).min(self.extent.len());
        let fill = self.extent.read(self.at, full - self.at).unwrap_or_default();
        let zeros = fill.iter().take_while(|&&byte| byte == 0).count();
        let blocks = u64::try_from(zeros).unwrap_or(0);
        self.at + if self.at + blocks == full { blocks } else { blocks / BLOCK_BYTES * BLOCK_BYTES }
    }

    fn read_member(&mut self, header: &Header) -> Result<(), Fault> {
        let start = self.at;
        let mut data_at = start + BLOCK_BYTES;
        let extension = matches!(header.kind, b'x' | b'g' | b'L' | b'K');
        let size = if extension { None } else { self.next.size.or(self.global.size) };
        let size = if has_data(header.kind) { size.unwrap_or(header.size) } else { 0 };
        let mut map = None;
        if header.kind == b'S' {
            let (entries, blocks) = sparse::old_gnu(self.extent, start, &header.block)?;
            data_at += blocks * BLOCK_BYTES;
            map = Some(entries);
        }
        let data = self.extent.slice(data_at, size);
        let padded = size.checked_next_multiple_of(BLOCK_BYTES).unwrap_or(u64::MAX);
        self.at = data_at.saturating_add(padded);
        if extension {
            let data = data.filter(|_| size <= EXTENSION_BYTES_MAX);
            let data = data.ok_or_else(|| Fault::new(start, "read a tar header", "too long"))?;
            return self.extend(header.kind, &data.read_all()?);
        }
        let overrides = std::mem::take(&mut self.next).over(&self.global);
        if header.kind == b'V' {
            let label = String::from_utf8_lossy(&header.path()?).into_owned();
            self.opened.attributes.push(("label", label));
            return Ok(());
        }
        if header.kind == b'M' {
            self.opened.attributes.push(("continues-volume", "true".to_owned()));
        }
        let whole = data.is_some();
        let data = data.unwrap_or_else(|| self.extent.from(data_at));
        let entry = Self::entry(header, &overrides, data, map)?;
        self.opened.entries.push(entry);
        if whole { Ok(()) } else { Err(Fault::new(start, "read a tar member", "it is cut off")) }
    }

    /// Takes in an extended header.
    fn extend(&mut self, kind: u8, data: &[u8]) -> Result<(), Fault> {
        let text = || View(data).text(0, data.len()).map(<[u8]>::to_vec);
        match kind {
            b'L' => self.next.path = Some(text()?),
            b'K' => self.next.link = Some(text()?),
            b'g' => self.global.read(data),
            _ => self.next.read(data),
        }
        Ok(())
    }

    fn entry(
        header: &Header,
        overrides: &Overrides,
        data: Extent,
        map: Option<sparse::Map>,
    ) -> Result<Entry, Fault> {
        let path = overrides.path.clone().map_or_else(|| header.path(), Ok)?;
        let link = || match &overrides.link {
            Some(link) => Ok(link.clone()),
            None => header.view().text(157, 100).map(<[u8]>::to_vec),
        };
        let (major, minor) =
            (header.number32(329, 8).unwrap_or(0), header.number32(337, 8).unwrap_or(0));
        let kind = match header.kind {
            b'1' => EntryKind::Hardlink(link()?.into()),
            b'2' => EntryKind::Symlink(link()?.into()),
            b'3' => EntryKind::CharacterDevice { major, minor },
            b'4' => EntryKind::BlockDevice { major, minor },
            b'5' | b'D' => EntryKind::Directory,
            b'6' => EntryKind::Fifo,
            // Version 7 writes directories as files whose name ends with a slash.
            0 | b'0' if path.ends_with(b"/") => EntryKind::Directory,
            _ => EntryKind::File,
        };
        let number = |at, length, other: Option<u32>| other.or(header.number32(at, length));
        let modified = header.number(136, 12).and_then(|time| i64::try_from(time).ok());
        let mut metadata = unix_mode::metadata(
            header.number32(100, 8).unwrap_or(0),
            number(108, 8, overrides.user).unwrap_or(0),
            number(116, 8, overrides.group).unwrap_or(0),
            overrides.modified.or(modified).unwrap_or(0),
        );
        metadata.xattrs.clone_from(&overrides.xattrs);
        let file = kind == EntryKind::File;
        let entry = Entry::member(path, kind, metadata);
        if !file {
            return Ok(entry);
        }
        let (data, map) = match map {
            Some(map) => (data, Some(map)),
            None => overrides.sparse_map(data)?,
        };
        Ok(entry.with_content(map.map_or(data.clone(), |map| sparse::expand(&data, &map))))
    }
}

/// Whether blocks of data follow a header of this kind.
fn has_data(kind: u8) -> bool {
    !matches!(kind, b'1'..=b'6' | b'V')
}

#[cfg(test)]
mod tests;
