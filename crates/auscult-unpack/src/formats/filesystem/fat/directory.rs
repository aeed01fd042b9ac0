//! Directory entries: short names, and the long ones in the entries before them.

use crate::{
    Endian::Little,
    Fault, View,
    formats::support::{code_page, dos_time::dos_time, utf16},
};

const ENTRY_BYTES: usize = 32;
/// Attributes of an entry.
const VOLUME: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
/// All four of read-only, hidden, system and volume mark a piece of a long name.
const LONG: u8 = 0x0f;
const LONG_MASK: u8 = 0x3f;
/// Bits that no attribute uses.
const RESERVED: u8 = 0xc0;
/// First byte of an entry that was deleted, and of one behind which there are no others.
const DELETED: u8 = 0xe5;
const LAST: u8 = 0;
/// `DIR_NTRes`: the name, or the extension, is in lower case.
const LOWER_NAME: u8 = 0x08;
const LOWER_EXTENSION: u8 = 0x10;
/// The piece with this bit is the last of a long name and comes first.
const LONG_LAST: u8 = 0x40;
/// A long name has 255 units at most, 13 in each piece.
const PIECES_MAX: u8 = 20;

/// A file or directory as its entry has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed {
    /// Where its entry stands.
    pub(super) place: u64,
    pub(super) is_directory: bool,
    pub(super) cluster: u32,
    pub(super) size: u64,
    pub(super) modified: Option<i64>,
}

/// What a directory holds.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) children: Vec<(Vec<u8>, Listed)>,
    /// The name of the volume, which stands in the root directory.
    pub(super) label: Option<String>,
    long: LongName,
}

/// The pieces of a long name that were read so far.
#[derive(Debug, Default)]
struct LongName {
    /// Units from the last piece to the first.
    pieces: Vec<[u16; 13]>,
    checksum: u8,
    /// The number of the piece that came last; 1 once all are there.
    number: u8,
}

impl LongName {
    fn add(&mut self, entry: View<'_>) -> Result<(), Fault> {
        let (order, checksum) = (entry.u8(0)?, entry.u8(13)?);
        let number = order & !LONG_LAST;
        if order & LONG_LAST != 0 {
            *self = Self { pieces: Vec::new(), checksum, number: number.saturating_add(1) };
        }
        let follows = number.checked_add(1) == Some(self.number) && checksum == self.checksum;
        if !follows || !(1..=PIECES_MAX).contains(&number) {
            *self = Self::default();
            return Ok(());
        }
        self.number = number;
        let mut units = [0; 13];
        // Five units, six and two, around fields that old programs would read.
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain([28, 30]);
        for (unit, place) in units.iter_mut().zip(places) {
            *unit = entry.u16(place, Little)?;
        }
        self.pieces.push(units);
        Ok(())
    }

    /// The name, if it is whole and belongs to this short one.
    fn finish(self, short: &[u8]) -> Option<Vec<u8>> {
        let sum = short.iter().fold(0_u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte));
        let fits = self.number == 1 && sum == self.checksum;
        let units = self.pieces.into_iter().rev().flatten();
        fits.then(|| utf16::name(units)).filter(|name| !name.is_empty())
    }
}

impl Listing {
    /// Reads the entries of `bytes`, which stand at `place`. False once the directory has ended.
    pub(super) fn read(&mut self, bytes: &[u8], place: u64, faults: &mut Vec<Fault>) -> bool {
        for (index, entry) in (0..).zip(bytes.chunks_exact(ENTRY_BYTES)) {
            match entry.first() {
                Some(&LAST) => return false,
                Some(&DELETED) => self.long = LongName::default(),
                _ => faults.extend(self.add(View(entry), place.saturating_add(index * 32)).err()),
            }
        }
        true
    }

    fn add(&mut self, entry: View<'_>, place: u64) -> Result<(), Fault> {
        let attributes = entry.u8(11)?;
        if attributes & LONG_MASK == LONG {
            return self.long.add(entry);
        }
        let long = std::mem::take(&mut self.long);
        let short: [u8; 11] = entry.array(0)?;
        if attributes & VOLUME != 0 {
            let label = code_page::text(&restored(short)).trim_end().to_owned();
            self.label.get_or_insert(label);
            return Ok(());
        }
        // "." and ".." lead nowhere new.
        if short.starts_with(b".") {
            return Ok(());
        }
        if attributes & RESERVED != 0 || short.iter().skip(1).any(|&byte| byte < 0x20) {
            let why = format!("no entry: {:02x?} with attributes {attributes:#04x}", &short);
            return Err(Fault::new(place, "list a directory", why));
        }
        let name = long.finish(&short).unwrap_or(short_name(short, entry.u8(12)?).into_bytes());
        let high = u32::from(entry.u16(20, Little)?);
        let listed = Listed {
            place,
            is_directory: attributes & DIRECTORY != 0,
            cluster: high << 16 | u32::from(entry.u16(26, Little)?),
            size: u64::from(entry.u32(28, Little)?),
            modified: dos_time(entry.u16(24, Little)?, entry.u16(22, Little)?),
        };
        self.children.push((name, listed));
        Ok(())
    }
}

/// The byte that marks deleted entries is written as another one at the start of a name.
fn restored(mut short: [u8; 11]) -> [u8; 11] {
    if let [first @ 0x05, ..] = &mut short {
        *first = DELETED;
    }
    short
}

/// The name before and behind the dot, each in its case.
fn short_name(short: [u8; 11], flags: u8) -> String {
    let short = restored(short);
    let part = |bytes: &[u8], lower: bool| {
        let text = code_page::text(bytes);
        let text = text.trim_end_matches(' ');
        if lower { text.to_lowercase() } else { text.to_owned() }
    };
    let (name, extension) = short.split_at(8);
    let mut text = part(name, flags & LOWER_NAME != 0);
    let extension = part(extension, flags & LOWER_EXTENSION != 0);
    if !extension.is_empty() {
        text.push('.');
        text.push_str(&extension);
    }
    text
}
