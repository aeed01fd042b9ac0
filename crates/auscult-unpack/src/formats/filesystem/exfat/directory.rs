//! Directory entries (sections 6 and 7): a file is a set of them with one checksum.

use crate::{
    Endian::Little,
    Fault, View,
    checksum::agrees,
    formats::support::{dos_time::dos_time, guid::guid, utf16},
};

const ENTRY_BYTES: usize = 32;
/// Types of entries; the highest bit says that they are in use.
const LABEL: u8 = 0x83;
const FILE: u8 = 0x85;
const GUID: u8 = 0xa0;
const STREAM: u8 = 0xc0;
const NAME: u8 = 0xc1;
const IN_USE: u8 = 0x80;
/// Bits of a type: it belongs to the one before; it may be ignored by who does not know it.
const SECONDARY: u8 = 0x40;
const BENIGN: u8 = 0x20;
/// The allocation bitmap and the up-case table.
const TABLES: [u8; 2] = [0x81, 0x82];
/// `FileAttributes`: a directory.
const DIRECTORY: u16 = 0x10;
/// `GeneralSecondaryFlags`: it has clusters; they follow each other without a chain.
const ALLOCATED: u8 = 1;
const NO_CHAIN: u8 = 2;
/// Units of a name in one entry.
const NAME_BYTES: usize = 30;

/// A file or directory as its entries have it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    /// Where its entries start.
    pub(super) place: u64,
    pub(super) is_directory: bool,
    /// 0 where it has none.
    pub(super) cluster: u32,
    pub(super) in_a_row: bool,
    pub(super) size: u64,
    /// Bytes that were written; what is behind them reads as zeros.
    pub(super) valid: u64,
    pub(super) modified: Option<i64>,
}

/// What a directory holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) children: Vec<(Vec<u8>, Listed)>,
    /// Name of the volume and its GUID, which stand in the root directory.
    pub(super) label: Option<String>,
    pub(super) guid: Option<String>,
    set: Option<Set>,
}

/// The entries of a file that were read so far.
#[derive(Debug)]
struct Set {
    place: u64,
    bytes: Vec<u8>,
    missing: u8,
}

impl Listing {
    /// Reads the entries of `bytes`, which stand at `place`. False once the directory has ended.
    pub(super) fn read(&mut self, bytes: &[u8], place: u64, faults: &mut Vec<Fault>) -> bool {
        for (index, entry) in (0..).zip(bytes.chunks_exact(ENTRY_BYTES)) {
            let place = place.saturating_add(index * 32);
            let kind = entry.first().copied().unwrap_or(0);
            if kind & SECONDARY != 0 && kind & IN_USE != 0 {
                // Without a set to belong to, it is part of one that is not understood.
                faults.extend(self.add_secondary(entry).err());
                continue;
            }
            self.abandon(faults);
            match kind {
                0 => return false,
                FILE => {
                    let missing = entry.get(1).copied().unwrap_or(0);
                    self.set = Some(Set { place, bytes: entry.to_vec(), missing });
                }
                LABEL => {
                    let units = entry.get(1).map_or(0, |&count| usize::from(count.min(11)));
                    let name = utf16::little_endian(entry.get(2..2 + units * 2).unwrap_or(&[]));
                    self.label = Some(String::from_utf8_lossy(&name).into_owned());
                }
                GUID => self.guid = View(entry).array(6).ok().map(|bytes| guid(&bytes)),
                known if TABLES.contains(&known) => {}
                kind if kind & IN_USE == 0 || kind & BENIGN != 0 => {}
                kind => {
                    let why = format!("an entry of the unknown type {kind:#04x}");
                    faults.push(Fault::new(place, "list a directory", why));
                }
            }
        }
        true
    }

    /// Tells of a set that is not whole.
    pub(super) fn abandon(&mut self, faults: &mut Vec<Fault>) {
        if let Some(set) = self.set.take() {
            let why = format!("{} of its entries are missing", set.missing);
            faults.push(Fault::new(set.place, "read the entries of a file", why));
        }
    }

    fn add_secondary(&mut self, entry: &[u8]) -> Result<(), Fault> {
        let Some(mut set) = self.set.take() else { return Ok(()) };
        set.bytes.extend_from_slice(entry);
        set.missing = set.missing.saturating_sub(1);
        if set.missing > 0 {
            self.set = Some(set);
            return Ok(());
        }
        let place = set.place;
        let at_place = |fault| Fault { offset: place, ..fault };
        let (name, listed, sealed) = set.finish().map_err(at_place)?;
        self.children.push((name, listed));
        if sealed {
            return Ok(());
        }
        Err(Fault::new(place, "check the entries of a file", "their checksum is wrong"))
    }
}

impl Set {
    /// The name, the file, and whether the checksum is right.
    fn finish(self) -> Result<(Vec<u8>, Listed, bool), Fault> {
        let file = View(&self.bytes);
        let sum = self.bytes.iter().enumerate().fold(0_u16, |sum, (index, &byte)| match index {
            2 | 3 => sum,
            _ => sum.rotate_right(1).wrapping_add(u16::from(byte)),
        });
        let sealed = agrees(file.u16(2, Little)?, sum);
        let stream = View(file.bytes(ENTRY_BYTES, ENTRY_BYTES)?);
        if stream.u8(0)? != STREAM {
            let why = format!("type {:#04x} follows", stream.u8(0)?);
            return Err(Fault::new(0, "read the entries of a file", why));
        }
        let mut name = Vec::new();
        let names = self.bytes.chunks_exact(ENTRY_BYTES).skip(2);
        for entry in names.take_while(|entry| entry.first() == Some(&NAME)) {
            name.extend_from_slice(View(entry).bytes(2, NAME_BYTES)?);
        }
        name.truncate(usize::from(stream.u8(3)?) * 2);
        let flags = stream.u8(1)?;
        let allocated = flags & ALLOCATED != 0;
        let listed = Listed {
            place: self.place,
            is_directory: file.u16(4, Little)? & DIRECTORY != 0,
            cluster: if allocated { stream.u32(20, Little)? } else { 0 },
            in_a_row: flags & NO_CHAIN != 0,
            size: if allocated { stream.u64(24, Little)? } else { 0 },
            valid: stream.u64(8, Little)?,
            modified: modified(file)?,
        };
        Ok((utf16::little_endian(&name), listed, sealed))
    }
}

/// The time of the last change, in UTC where the entry says how far its own is from that.
fn modified(file: View<'_>) -> Result<Option<i64>, Fault> {
    let (time, date) = (file.u16(12, Little)?, file.u16(14, Little)?);
    let hundredths = i64::from(file.u8(21)?);
    let offset = file.u8(23)?;
    // Seven bits with a sign, in quarters of an hour; the eighth says that they count.
    let quarters = i64::from((offset << 1).cast_signed() >> 1);
    let east = if offset & 0x80 == 0 { 0 } else { quarters * 900 };
    Ok(dos_time(date, time).map(|seconds| seconds + hundredths / 100 - east))
}
