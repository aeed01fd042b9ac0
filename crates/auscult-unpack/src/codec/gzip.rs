//! gzip members (RFC 1952): header, deflate stream, checksum and length.

use std::io::BufRead;

use super::{inflate, take};
use crate::{
    Endian, Fault, Sink, View,
    checksum::{Crc32, agrees},
};

/// FLG bits (section 2.3.1): the last three bits are reserved and must be zero.
const FLG_HEADER_CRC: u8 = 2;
const FLG_EXTRA: u8 = 4;
const FLG_NAME: u8 = 8;
const FLG_COMMENT: u8 = 16;
const FLG_RESERVED: u8 = 0xe0;

/// Longest name or comment accepted.
const TEXT_BYTES_MAX: usize = 4096;
/// Longest header: fixed part, extra field, name, comment, checksum.
pub(crate) const HEADER_BYTES_MAX: u64 = 10 + 2 + 65_535 + 2 * 4097 + 2;

/// What a member's header says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes of the header.
    pub(crate) length: usize,
    /// Name of the packed file.
    pub(crate) name: Option<Vec<u8>>,
    /// Comment.
    pub(crate) comment: Option<Vec<u8>>,
    /// Modification time in seconds since 1970; 0 for none.
    pub(crate) modified: u32,
    /// Number of the operating system that packed it.
    pub(crate) system: u8,
    /// Whether the fields without meaning for decoding hold values that encoders write.
    pub(crate) usual: bool,
}

impl Header {
    /// Reads the header at the start of these bytes.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let view = View(bytes);
        let flags = view.u8(3)?;
        if view.bytes(0, 3)? != [0x1f, 0x8b, 8] || flags & FLG_RESERVED != 0 {
            return Err(Fault::new(0, "read the gzip header", "not a header"));
        }
        let (level, system) = (view.u8(8)?, view.u8(9)?);
        let mut header = Self {
            length: 10,
            modified: view.u32(4, Endian::Little)?,
            system,
            // XFL is 0, 2 or 4 and OS 0 to 13 or 255 (section 2.3.1).
            usual: matches!(level, 0 | 2 | 4) && matches!(system, 0..=13 | 255),
            ..Self::default()
        };
        if flags & FLG_EXTRA != 0 {
            header.length += 2 + usize::from(view.u16(10, Endian::Little)?);
        }
        if flags & FLG_NAME != 0 {
            header.name = Some(header.text(view)?);
        }
        if flags & FLG_COMMENT != 0 {
            header.comment = Some(header.text(view)?);
        }
        if flags & FLG_HEADER_CRC != 0 {
            let stored = view.u16(header.length, Endian::Little)?;
            let [low, high, ..] = Crc32::of(view.bytes(0, header.length)?).to_le_bytes();
            if stored != u16::from_le_bytes([low, high]) {
                return Err(Fault::new(0, "read the gzip header", "its checksum is wrong"));
            }
            header.length += 2;
        }
        view.bytes(0, header.length)?;
        Ok(header)
    }

    /// Takes the NUL-terminated text at the present end of the header.
    fn text(&mut self, view: View<'_>) -> Result<Vec<u8>, Fault> {
        let rest = view.0.get(self.length..).unwrap_or_default();
        let length = memchr::memchr(0, rest).filter(|&length| length <= TEXT_BYTES_MAX);
        let length =
            length.ok_or_else(|| Fault::new(0, "read the gzip header", "a name without an end"))?;
        self.length += length + 1;
        Ok(rest.get(..length).unwrap_or_default().to_vec())
    }
}

/// Decodes one member.
pub(super) fn decode(input: &mut impl BufRead, sink: &mut Sink<'_>) -> Result<(), Fault> {
    skip_header(input)?;
    let (mut crc, start) = (Crc32::default(), sink.len());
    inflate::decode(input, sink, false, |bytes| crc.update(bytes))?;
    let [c0, c1, c2, c3, l0, l1, l2, l3] = take::<8>(input, "gzip")?;
    if !agrees(u32::from_le_bytes([c0, c1, c2, c3]), crc.value()) {
        return Err(Fault::new(0, "verify gzip", "the checksum is wrong"));
    }
    // ISIZE is the length modulo 2^32.
    if u64::from(u32::from_le_bytes([l0, l1, l2, l3])) != (sink.len() - start) & 0xffff_ffff {
        return Err(Fault::new(0, "verify gzip", "the length is wrong"));
    }
    Ok(())
}

/// Reads the header, which may lie across two chunks of the input.
fn skip_header(input: &mut impl BufRead) -> Result<(), Fault> {
    let mut fixed = take::<10>(input, "gzip")?.to_vec();
    let flags = fixed.get(3).copied().unwrap_or(0);
    if flags & FLG_EXTRA != 0 {
        let length = take::<2>(input, "gzip")?;
        fixed.extend(length);
        read_more(input, &mut fixed, u64::from(u16::from_le_bytes(length)))?;
    }
    for flag in [FLG_NAME, FLG_COMMENT] {
        if flags & flag != 0 {
            let limit = u64::try_from(TEXT_BYTES_MAX + 1).unwrap_or(0);
            let read = std::io::Read::take(&mut *input, limit).read_until(0, &mut fixed);
            read.map_err(|error| super::input_fault("gzip", &error))?;
        }
    }
    if flags & FLG_HEADER_CRC != 0 {
        read_more(input, &mut fixed, 2)?;
    }
    Header::parse(&fixed).map(|_| ())
}

fn read_more(input: &mut impl BufRead, bytes: &mut Vec<u8>, count: u64) -> Result<(), Fault> {
    let read = std::io::Read::read_to_end(&mut std::io::Read::take(input, count), bytes);
    read.map(|_| ()).map_err(|error| super::input_fault("gzip", &error))
}
