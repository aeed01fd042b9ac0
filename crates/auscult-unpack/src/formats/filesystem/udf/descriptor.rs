//! What all descriptors share: tags, texts, times, addresses (ECMA-167 3/7, 3/1.7, 1/7).

use crc::{CRC_16_XMODEM, Crc};

use crate::{
    Endian::Little,
    Fault, View,
    checksum::agrees,
    formats::support::{date::DateTime, utf16},
};

/// Bytes of a tag.
pub(super) const TAG_BYTES: usize = 16;
const CRC: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);
/// A time zone that is not known.
const ZONE_UNKNOWN: i16 = -2047;

/// Kinds of descriptors.
pub(super) const PRIMARY: u16 = 1;
pub(super) const ANCHOR: u16 = 2;
pub(super) const POINTER: u16 = 3;
pub(super) const PARTITION: u16 = 5;
pub(super) const LOGICAL: u16 = 6;
pub(super) const TERMINATOR: u16 = 8;
pub(super) const INTEGRITY: u16 = 9;
pub(super) const FILE_SET: u16 = 256;
pub(super) const IDENTIFIER: u16 = 257;
pub(super) const ALLOCATION: u16 = 258;
pub(super) const INDIRECT: u16 = 259;
pub(super) const FILE: u16 = 261;
pub(super) const EXTENDED_FILE: u16 = 266;

/// The tag at the start of a descriptor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag {
    pub(super) kind: u16,
    /// The block in which it should stand.
    pub(super) block: u32,
}

impl Tag {
    /// Reads a tag and checks its sum and that of what follows.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let view = View(bytes);
        let head: [u8; TAG_BYTES] = view.array(0)?;
        let sum = head.iter().enumerate().filter(|&(index, _)| index != 4);
        let sum = sum.fold(0_u8, |sum, (_, &byte)| sum.wrapping_add(byte));
        let wrong = |why: &str| Fault::new(0, "read a descriptor", why);
        if !agrees(view.u8(4)?, sum) {
            return Err(wrong("the checksum of its tag is wrong"));
        }
        let covered = view.bytes(TAG_BYTES, usize::from(view.u16(10, Little)?))?;
        if !agrees(view.u16(8, Little)?, CRC.checksum(covered)) {
            return Err(wrong("its checksum is wrong"));
        }
        Ok(Self { kind: view.u16(0, Little)?, block: view.u32(12, Little)? })
    }
}

/// An address: a partition of the logical volume, and a block in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) partition: u16,
    pub(super) block: u32,
}

/// An address with a length in bytes (`long_ad`).
#[derive(Clone, Copy, Debug)]
pub(super) struct LongAddress {
    pub(super) length: u32,
    pub(super) address: Address,
}

impl LongAddress {
    pub(super) fn read(view: View<'_>, at: usize) -> Result<Self, Fault> {
        let address =
            Address { block: view.u32(at + 4, Little)?, partition: view.u16(at + 8, Little)? };
        Ok(Self { length: view.u32(at, Little)? & LENGTH_MASK, address })
    }
}

/// The two highest bits of a length are something else.
pub(super) const LENGTH_MASK: u32 = 0x3fff_ffff;

/// A name in compressed Unicode (UDF 2.1.1): the first byte says how wide the others are.
pub(super) fn name(bytes: &[u8]) -> Vec<u8> {
    match bytes.split_first() {
        // 254 and 255 are those of deleted entries.
        Some((8 | 254, rest)) => utf16::name(rest.iter().map(|&byte| u16::from(byte))),
        Some((16 | 255, rest)) => utf16::big_endian(rest),
        _ => Vec::new(),
    }
}

/// A text in a fixed field whose last byte is its length.
pub(super) fn text(view: View<'_>, at: usize, length: usize) -> String {
    let field = view.bytes(at, length).unwrap_or_default();
    let used = field.last().map_or(0, |&used| usize::from(used)).min(length.saturating_sub(1));
    String::from_utf8_lossy(&name(field.get(..used).unwrap_or_default())).trim_end().to_owned()
}

/// The name of who or what a field is about (`regid`), without its flags and suffix.
pub(super) fn identifier(view: View<'_>, at: usize) -> &[u8] {
    view.text(at + 1, 23).unwrap_or_default()
}

/// A time in UTC, or as if in UTC where the zone is not known.
pub(super) fn time(view: View<'_>, at: usize) -> Option<i64> {
    let kind_zone = view.u16(at, Little).ok()?;
    let [month, day, hour, minute, second] = view.array(at + 4).ok()?;
    let year = view.u16(at + 2, Little).ok()?;
    let time = DateTime { year, month, day, hour, minute, second };
    // Twelve bits with a sign, in minutes.
    let minutes = (kind_zone << 4).cast_signed() >> 4;
    let zone = if minutes == ZONE_UNKNOWN { 0 } else { i64::from(minutes) };
    Some(time.seconds()? - zone * 60)
}
