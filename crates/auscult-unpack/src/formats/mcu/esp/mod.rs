//! What Espressif's chips run and keep in flash: images, the table of partitions, settings.

mod esp8266;
mod image;
mod partitions;
mod secure_boot;
mod settings;

pub(super) use esp8266::{FORMAT as ESP8266, SECOND as ESP8266_SECOND};
pub(super) use image::FORMAT as ESP32;
pub(super) use partitions::FORMAT as PARTITIONS;
pub(super) use settings::FORMAT as SETTINGS;

use crate::{Endian::Little, Entry, Extent, View, format::NotThis};

/// Images are written at sectors of the flash.
const SECTOR_BYTES: u64 = 4096;
const SEGMENTS_MAX: u8 = 16;
const SEGMENT_BYTES_MAX: u64 = 16 << 20;
const CHECKSUM_SEED: u8 = 0xef;

/// The segments of an image, checked by their checksum.
struct Segments {
    entries: Vec<Entry>,
    addresses: Vec<u32>,
    /// The end of the block of 16 bytes that the checksum ends.
    end: u64,
}

/// Reads segments: address, length and data of each; behind them a checksum, which is the last byte of
/// the block of 16 that they end in.
fn segments(extent: &Extent, start: u64, count: u8) -> Result<Segments, NotThis> {
    if !(1..=SEGMENTS_MAX).contains(&count) {
        return Err(NotThis);
    }
    let mut places = Vec::new();
    let mut at = start;
    for _ in 0..count {
        let segment = extent.read(at, 8)?;
        let address = View(&segment).u32(0, Little)?;
        let length = u64::from(View(&segment).u32(4, Little)?);
        if !length.is_multiple_of(4) || length > SEGMENT_BYTES_MAX {
            return Err(NotThis);
        }
        places.push((address, extent.slice(at + 8, length).ok_or(NotThis)?));
        at += 8 + length;
    }
    let end = at | 15;
    let stored = View(&extent.read(end, 1)?).u8(0)?;
    let mut sum = CHECKSUM_SEED;
    for (_, data) in &places {
        crate::checksum::each_piece(data, |bytes| {
            sum = bytes.iter().fold(sum, |sum, byte| sum ^ byte);
        })?;
    }
    if stored != sum {
        return Err(NotThis);
    }
    let addresses = places.iter().map(|place| place.0).collect();
    let entries = (0..).zip(places).map(|(number, (address, data))| {
        Entry::part(format!("segment{number}-{address:#010x}").into_bytes(), data)
    });
    Ok(Segments { entries: entries.collect(), addresses, end: end + 1 })
}

/// A CRC-32 as the chips' ROM computes it from a start value of all ones.
fn crc32(bytes: &[u8]) -> u32 {
    const ALGORITHM: crc::Algorithm<u32> =
        crc::Algorithm { init: 0, check: 0xd202_d277, ..crc::CRC_32_ISO_HDLC };
    crc::Crc::<u32>::new(&ALGORITHM).checksum(bytes)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_that_of_the_rom() {
        // Python's zlib.crc32(b"123456789", 0xffffffff), as Espressif's tools compute it.
        assert_eq!(super::crc32(b"123456789"), 0xd202_d277);
    }
}
