//! Directory records (ECMA-119 section 9.1).

use crate::{Endian::Little, Fault, View, formats::support::date::DateTime};

/// Flags of a file.
const DIRECTORY: u8 = 0x02;
const ASSOCIATED: u8 = 0x04;
const CONTINUED: u8 = 0x80;
/// Bytes before the name.
const NAME: usize = 33;

/// A record as it stands in a directory.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Where it stands.
    pub(super) place: u64,
    /// Bytes of it.
    pub(super) length: usize,
    /// First block, with the extended attributes in front.
    pub(super) block: u64,
    /// Blocks of extended attributes.
    pub(super) attribute_blocks: u64,
    pub(super) size: u64,
    pub(super) modified: Option<i64>,
    pub(super) is_interleaved: bool,
    pub(super) name: Vec<u8>,
    /// What is behind the name: the system use area.
    pub(super) rest: Vec<u8>,
    flags: u8,
}

impl Record {
    /// Reads a record, which stands at `place`.
    pub(super) fn parse(bytes: &[u8], place: u64) -> Result<Self, Fault> {
        let view = View(bytes);
        let length = usize::from(view.u8(0)?);
        let name = view.bytes(NAME, usize::from(view.u8(32)?))?;
        // A name of even length has a byte behind it, so that the next field is even.
        let rest = NAME + name.len() + usize::from(name.len().is_multiple_of(2));
        Ok(Self {
            place,
            length,
            block: u64::from(view.u32(2, Little)?),
            attribute_blocks: u64::from(view.u8(1)?),
            size: u64::from(view.u32(10, Little)?),
            modified: short_time(view, 18),
            is_interleaved: view.u8(26)? != 0 || view.u8(27)? != 0,
            name: name.to_vec(),
            rest: bytes.get(rest..length).unwrap_or_default().to_vec(),
            flags: view.u8(25)?,
        })
    }

    pub(super) fn is_directory(&self) -> bool {
        self.flags & DIRECTORY != 0
    }

    /// Whether it only accompanies another file of the same name, like a resource fork.
    pub(super) fn is_associated(&self) -> bool {
        self.flags & ASSOCIATED != 0
    }

    /// Whether the next record goes on with the same file.
    pub(super) fn is_continued(&self) -> bool {
        self.flags & CONTINUED != 0
    }

    /// Whether it is the directory itself or the one above.
    pub(super) fn is_self_or_parent(&self) -> bool {
        matches!(self.name[..], [0 | 1])
    }

    /// Where its bytes start.
    pub(super) fn start(&self, block_bytes: u64) -> u64 {
        (self.block + self.attribute_blocks).saturating_mul(block_bytes)
    }
}

/// The records in the bytes of a directory, which stand at `place`. None crosses a sector.
pub(super) fn records(bytes: &[u8], place: u64, faults: &mut Vec<Fault>) -> Vec<Record> {
    const SECTOR_BYTES: usize = 2048;
    let mut found = Vec::new();
    for (index, sector) in (0..).zip(bytes.chunks(SECTOR_BYTES)) {
        let mut at = 0;
        while let Some(&length) = sector.get(at).filter(|&&length| length != 0) {
            let length = usize::from(length);
            let place = place + index * 2048 + u64::try_from(at).unwrap_or(0);
            let record = sector.get(at..at + length).filter(|bytes| bytes.len() > NAME);
            let short = || Fault::new(place, "list a directory", "a record is cut off");
            match record.ok_or_else(short).and_then(|bytes| Record::parse(bytes, place)) {
                Ok(record) => found.push(record),
                Err(fault) => {
                    faults.push(Fault { offset: place, ..fault });
                    break;
                }
            }
            at += length;
        }
    }
    found
}

/// A date in seven bytes: years since 1900 to seconds, and the distance from UTC in quarters of
/// an hour (section 9.1.5).
pub(super) fn short_time(view: View<'_>, at: usize) -> Option<i64> {
    let [year, month, day, hour, minute, second, zone] = view.array(at).ok()?;
    let time = DateTime { year: 1900 + u16::from(year), month, day, hour, minute, second };
    Some(time.seconds()? - i64::from(zone.cast_signed()) * 900)
}
