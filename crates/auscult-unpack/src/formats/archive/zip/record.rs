//! Records of the central directory (section 4.3.12) with their extra fields (section 4.5).

use super::is_link;
use crate::{
    Endian, EntryKind, Fault, Metadata, View,
    formats::support::{dos_time::dos_time, unix_mode},
};

const SIGNATURE: u32 = 0x0201_4b50;
const FIXED_BYTES: usize = 46;

/// One member as the central directory tells it.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) name: Vec<u8>,
    pub(super) method: u16,
    pub(super) packed: u64,
    pub(super) size: u64,
    /// Offset of the local header from the start of the archive.
    pub(super) offset: u64,
    flags: u16,
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
            flags: short(8)?,
            mode: Some(attributes >> 16).filter(|&mode| unix && mode != 0),
            directory: false,
            modified: dos_time(short(14)?, short(12)?),
            owner: None,
        };
        record.directory = record.name.ends_with(b"/") || attributes & 0x10 != 0 && !unix;
        record.read_extra(view.bytes(FIXED_BYTES + name, extra)?);
        let next = at + FIXED_BYTES + name + extra + usize::from(short(32)?);
        if next > directory.len() {
            return Err(Fault::new(0, "read the zip directory", "a record is cut off"));
        }
        Ok((record, next))
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

    pub(super) fn encrypted(&self) -> bool {
        self.flags & 1 == 1
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
