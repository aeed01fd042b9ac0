//! Records of the central directory (section 4.3.12) with their extra fields (section 4.5).

use super::{LOCAL, LOCAL_BYTES, is_link};
use crate::{
    Endian, EntryKind, Extent, Fault, Metadata, View,
    checksum::{Crc32, agrees},
    formats::support::{dos_time::dos_time, epoch, unix_mode},
};

const SIGNATURE: u32 = 0x0201_4b50;
const FIXED_BYTES: usize = 46;
/// Flags (section 4.4.4): encrypted, sizes behind the data, strong encryption.
const FLAG_ENCRYPTED: u16 = 1;
const FLAG_DESCRIPTOR: u16 = 1 << 3;
const FLAG_STRONG: u16 = 1 << 6;
/// The method of members encrypted with AES; the real one is in the extra field.
const METHOD_AES: u16 = 99;

/// One member as the central directory tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) name: Vec<u8>,
    pub(super) method: u16,
    pub(super) packed: u64,
    pub(super) size: u64,
    /// Offset of the local header from the start of the archive.
    pub(super) offset: u64,
    pub(super) crc: u32,
    /// Number of the volume that the member starts in.
    pub(super) volume: u16,
    flags: u16,
    /// Key length of AES (1 to 3), where it is used.
    aes: Option<u8>,
    strong: bool,
    /// `st_mode`, where a Unix program made it.
    mode: Option<u32>,
    directory: bool,
    modified: Option<i64>,
    owner: Option<(u32, u32)>,
}

impl Record {
    /// Reads the record at `at` of the directory, and where the next one is.
    pub(super) fn parse(directory: &[u8], at: usize) -> Result<(Self, usize), Fault> {
        let view = View(directory.get(at..).unwrap_or_default());
        let short = |offset| view.u16(offset, Endian::Little);
        let long = |offset| view.u32(offset, Endian::Little);
        if long(0)? != SIGNATURE {
            let place = u64::try_from(at).unwrap_or(u64::MAX);
            return Err(Fault::new(place, "read the zip directory", "no record"));
        }
        let (name, extra) = (usize::from(short(28)?), usize::from(short(30)?));
        let attributes = long(38)?;
        // The upper byte of "made by" is the system: 3 is Unix, 19 is macOS.
        let unix = matches!(short(4)? >> 8, 3 | 19);
        let mut record = Self {
            name: view.bytes(FIXED_BYTES, name)?.to_vec(),
            method: short(10)?,
            packed: u64::from(long(20)?),
            size: u64::from(long(24)?),
            offset: u64::from(long(42)?),
            crc: long(16)?,
            volume: short(34)?,
            flags: short(8)?,
            mode: Some(attributes >> 16).filter(|&mode| unix && mode != 0),
            modified: dos_time(short(14)?, short(12)?),
            ..Self::default()
        };
        record.directory = record.name.ends_with(b"/") || attributes & 0x10 != 0 && !unix;
        record.read_extra(view.bytes(FIXED_BYTES + name, extra)?);
        let next = at + FIXED_BYTES + name + extra + usize::from(short(32)?);
        if next > directory.len() {
            return Err(Fault::new(0, "read the zip directory", "a record is cut off"));
        }
        Ok((record, next))
    }

    /// Reads the local header at `at`, for an archive whose directory is missing. Returns it with
    /// the length of the header.
    pub(super) fn from_local(extent: &Extent, at: u64) -> Result<(Self, u64), Fault> {
        let head = extent.read(at, LOCAL_BYTES)?;
        let view = View(&head);
        let short = |offset| view.u16(offset, Endian::Little);
        let long = |offset| view.u32(offset, Endian::Little);
        if long(0)? != LOCAL {
            return Err(Fault::new(at, "read a zip member", "no local header"));
        }
        let (name, extra) = (u64::from(short(26)?), u64::from(short(28)?));
        let rest = extent.read(at + LOCAL_BYTES, name + extra)?;
        let split = usize::try_from(name).unwrap_or(usize::MAX).min(rest.len());
        let (name, extra) = rest.split_at(split);
        let mut record = Self {
            name: name.to_vec(),
            method: short(8)?,
            packed: u64::from(long(18)?),
            size: u64::from(long(22)?),
            offset: at,
            crc: long(14)?,
            flags: short(6)?,
            directory: name.ends_with(b"/"),
            modified: dos_time(short(12)?, short(10)?),
            ..Self::default()
        };
        record.read_extra(extra);
        Ok((record, LOCAL_BYTES + u64::try_from(rest.len()).unwrap_or(0)))
    }

    fn read_extra(&mut self, mut bytes: &[u8]) {
        while let (Ok(kind), Ok(length)) =
            (View(bytes).u16(0, Endian::Little), View(bytes).u16(2, Endian::Little))
        {
            let Ok(field) = View(bytes).bytes(4, usize::from(length)) else { return };
            match kind {
                0x0001 => self.read_zip64(View(field)),
                // Extended timestamp: bit 0 says that the modification time is there.
                0x5455 if View(field).u8(0).is_ok_and(|flags| flags & 1 == 1) => {
                    let time = View(field).u32(1, Endian::Little).ok();
                    self.modified = time.map(|time| i64::from(time.cast_signed()));
                }
                // NTFS: a reserved word, then attribute 1 with three times, the first of change.
                0x000a if View(field).u16(4, Endian::Little).is_ok_and(|tag| tag == 1) => {
                    let time =
                        View(field).u64(8, Endian::Little).ok().and_then(epoch::windows_time);
                    self.modified = time.or(self.modified);
                }
                // Info-ZIP Unix, first version: times of access and change, then the owner.
                0x5855 => {
                    let time = View(field).u32(4, Endian::Little).ok();
                    self.modified =
                        time.map(|time| i64::from(time.cast_signed())).or(self.modified);
                    self.owner = short_owner(View(field), 8).or(self.owner);
                }
                // Info-ZIP Unix, second version.
                0x7855 => self.owner = short_owner(View(field), 0).or(self.owner),
                0x7075 => self.read_unicode_path(View(field)),
                // AE-x (the AES encryption of WinZip): version, vendor, strength, real method.
                0x9901 => {
                    self.aes = View(field).u8(4).ok();
                    if let Ok(method) = View(field).u16(5, Endian::Little) {
                        self.method = if self.method == METHOD_AES { method } else { self.method };
                    }
                }
                0x0017 => self.strong = true,
                // Unix owner, version 1, with the lengths of both ids.
                0x7875 => self.owner = owner(View(field)).or(self.owner),
                _ => {}
            }
            bytes = bytes.get(4 + usize::from(length)..).unwrap_or_default();
        }
    }

    /// The fields that did not fit 32 bits, in this order (section 4.5.3).
    fn read_zip64(&mut self, view: View<'_>) {
        let mut at = 0;
        for value in [&mut self.size, &mut self.packed, &mut self.offset] {
            if *value == u64::from(u32::MAX)
                && let Ok(wide) = view.u64(at, Endian::Little)
            {
                *value = wide;
                at += 8;
            }
        }
    }

    /// A name in UTF-8 (section 4.6.9), good as long as the plain one was not changed since.
    fn read_unicode_path(&mut self, view: View<'_>) {
        let right = view.u8(0).is_ok_and(|version| version == 1)
            && view
                .u32(1, Endian::Little)
                .is_ok_and(|stored| agrees(stored, Crc32::of(&self.name)));
        if right && let Some(name) = view.0.get(5..).filter(|name| !name.is_empty()) {
            self.name = name.to_vec();
        }
    }

    pub(super) fn encrypted(&self) -> bool {
        self.flags & FLAG_ENCRYPTED != 0
    }

    /// Whether the sizes in the local header are zero, and stand behind the data instead.
    pub(super) fn has_descriptor(&self) -> bool {
        self.flags & FLAG_DESCRIPTOR != 0
    }

    /// How it is encrypted, where it is.
    pub(super) fn encryption(&self) -> Option<&'static str> {
        if !self.encrypted() {
            return None;
        }
        Some(match self.aes {
            Some(1) => "AES-128",
            Some(2) => "AES-192",
            Some(3) => "AES-256",
            Some(_) => "AES",
            None if self.strong || self.flags & FLAG_STRONG != 0 => "strong encryption",
            None => "ZipCrypto",
        })
    }

    /// Bits 1 and 2 of the flags, for implode: a large window, a code for literals.
    pub(super) fn implode_options(&self) -> (bool, bool) {
        (self.flags & 2 != 0, self.flags & 4 != 0)
    }

    /// None for a symbolic link, whose target is its content.
    pub(super) fn kind(&self) -> Option<EntryKind> {
        if self.directory {
            return Some(EntryKind::Directory);
        }
        match self.mode {
            Some(mode) if is_link(mode) => None,
            Some(mode) => unix_mode::kind(mode, 0, 0).or(Some(EntryKind::File)),
            None => Some(EntryKind::File),
        }
    }

    pub(super) fn metadata(&self) -> Metadata {
        Metadata {
            mode: self.mode.map(|mode| mode & 0o7777),
            user: self.owner.map(|(user, _)| user),
            group: self.owner.map(|(_, group)| group),
            modified: self.modified,
            xattrs: Vec::new(),
        }
    }
}

fn owner(view: View<'_>) -> Option<(u32, u32)> {
    let four = view.u8(0).ok()? == 1 && view.u8(1).ok()? == 4 && view.u8(6).ok()? == 4;
    let ids = (view.u32(2, Endian::Little).ok()?, view.u32(7, Endian::Little).ok()?);
    four.then_some(ids)
}

/// Owner and group in 16 bits each.
fn short_owner(view: View<'_>, at: usize) -> Option<(u32, u32)> {
    let id = |at| view.u16(at, Endian::Little).ok().map(u32::from);
    Some((id(at)?, id(at + 2)?))
}
