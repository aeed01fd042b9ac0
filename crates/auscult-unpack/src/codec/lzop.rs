//! The file format of lzop, which Linux packs LZO kernels and ramdisks in. Its only specification
//! is the program's source (version 1.04, `lzop.c` and `conf.h`).

use std::io::BufRead;

use super::{lz4::take_bytes, take};
use crate::{
    Endian, Fault, Sink, View,
    checksum::{Crc32, agrees},
};

pub(crate) const MAGIC: &[u8] = b"\x89LZO\0\r\n\x1a\n";
/// Most bytes in a block (`MAX_BLOCK_SIZE`).
const BLOCK_BYTES_MAX: usize = 64 << 20;
/// Longest header accepted: fixed fields and a name of at most 255 bytes.
pub(crate) const HEADER_BYTES_MAX: u64 = 9 + 25 + 4 + 1 + 255 + 4;

const FLAG_ADLER_UNPACKED: u32 = 1;
const FLAG_ADLER_PACKED: u32 = 2;
const FLAG_EXTRA: u32 = 0x40;
const FLAG_CRC_UNPACKED: u32 = 0x100;
const FLAG_CRC_PACKED: u32 = 0x200;
const FLAG_FILTER: u32 = 0x800;
const FLAG_HEADER_CRC: u32 = 0x1000;
/// First version of the program whose headers have all fields.
const VERSION_FULL: u16 = 0x0940;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Bytes of magic and header.
    pub(crate) length: usize,
    /// Name of the packed file; often empty.
    pub(crate) name: Vec<u8>,
    /// Modification time in seconds since 1970; 0 for none.
    pub(crate) modified: u32,
    flags: u32,
}

impl Header {
    /// Reads magic and header and verifies its checksum.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let fault = |why: &str| Fault::new(0, "read the lzop header", why);
        let view = View(bytes);
        if view.bytes(0, 9)? != MAGIC {
            return Err(fault("no magic"));
        }
        let full = view.u16(9, Endian::Big)? >= VERSION_FULL;
        let mut at = if full { 15 } else { 13 };
        let method = view.u8(at)?;
        at += if full { 2 } else { 1 };
        let flags = view.u32(at, Endian::Big)?;
        at += if flags & FLAG_FILTER != 0 { 8 } else { 4 };
        let modified = view.u32(at + 4, Endian::Big)?;
        at += if full { 12 } else { 8 };
        let name_length = usize::from(view.u8(at)?);
        let name = view.bytes(at + 1, name_length)?.to_vec();
        at += 1 + name_length;
        let covered = view.bytes(9, at - 9)?;
        let sum = if flags & FLAG_HEADER_CRC != 0 { Crc32::of(covered) } else { adler32(covered) };
        if !agrees(view.u32(at, Endian::Big)?, sum) {
            return Err(fault("its checksum is wrong"));
        }
        // LZO1X-1, LZO1X-1(15) and LZO1X-999 unpack alike; a filter or an extra field is nothing
        // that a kernel's decoder takes.
        if !(1..=3).contains(&method) || flags & (FLAG_FILTER | FLAG_EXTRA) != 0 {
            return Err(fault("a method or flag that is not supported"));
        }
        Ok(Self { length: at + 4, name, modified, flags })
    }

    /// Bytes of checksums behind the lengths of a block.
    fn checksum_bytes(&self, stored: bool) -> usize {
        let unpacked = self.flags & (FLAG_ADLER_UNPACKED | FLAG_CRC_UNPACKED);
        let packed = self.flags & (FLAG_ADLER_PACKED | FLAG_CRC_PACKED);
        let flags = if stored { unpacked } else { unpacked | packed };
        4 * usize::try_from(flags.count_ones()).unwrap_or(0)
    }

    /// Compares the first checksum of a block, which is of its unpacked bytes.
    fn verify(&self, checksums: &[u8], unpacked: &[u8]) -> Result<(), Fault> {
        let sum = match self.flags {
            flags if flags & FLAG_ADLER_UNPACKED != 0 => adler32(unpacked),
            flags if flags & FLAG_CRC_UNPACKED != 0 => Crc32::of(unpacked),
            _ => return Ok(()),
        };
        if agrees(View(checksums).u32(0, Endian::Big)?, sum) {
            Ok(())
        } else {
            Err(fault("the checksum of a block is wrong"))
        }
    }
}

/// Decodes one file: its header, blocks, and the zero length that ends it.
pub(super) fn decode(input: &mut impl BufRead, sink: &mut Sink<'_>) -> Result<(), Fault> {
    let header = take_header(input)?;
    let (mut packed, mut checksums) = (Vec::new(), Vec::new());
    loop {
        let unpacked = u32::from_be_bytes(take::<4>(input, "lzop")?);
        if unpacked == 0 {
            return Ok(());
        }
        let unpacked = usize::try_from(unpacked).unwrap_or(usize::MAX);
        let length = u32::from_be_bytes(take::<4>(input, "lzop")?);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if unpacked > BLOCK_BYTES_MAX || length > unpacked || length == 0 {
            return Err(fault("a block of an impossible length"));
        }
        let stored = length == unpacked;
        take_bytes(input, &mut checksums, header.checksum_bytes(stored))?;
        take_bytes(input, &mut packed, length)?;
        if stored {
            header.verify(&checksums, &packed)?;
            sink.push(&packed)?;
            continue;
        }
        let mut block = vec![0; unpacked];
        let made =
            lzo::decompress_into(&packed, &mut block).map_err(|error| fault(&error.to_string()))?;
        block.truncate(made);
        header.verify(&checksums, &block)?;
        sink.push(&block)?;
    }
}

/// Reads the header byte by byte as far as its own lengths say.
fn take_header(input: &mut impl BufRead) -> Result<Header, Fault> {
    let mut bytes = take::<34>(input, "lzop")?.to_vec();
    while u64::try_from(bytes.len()).unwrap_or(u64::MAX) <= HEADER_BYTES_MAX {
        match Header::parse(&bytes) {
            Ok(header) if header.length == bytes.len() => return Ok(header),
            Err(fault) if fault.what != "read" => return Err(fault),
            _ => bytes.extend(take::<1>(input, "lzop")?),
        }
    }
    Err(fault("a header without an end"))
}

/// The checksum of RFC 1950, section 8.2.
fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1_u32, 0_u32);
    // The sums of so many bytes fit 32 bits.
    for chunk in bytes.chunks(5552) {
        for &byte in chunk {
            low += u32::from(byte);
            high += low;
        }
        low %= 65_521;
        high %= 65_521;
    }
    high << 16 | low
}

fn fault(why: &str) -> Fault {
    Fault::new(0, "decompress lzop", why)
}

#[cfg(test)]
mod tests {
    #[test]
    fn adler_of_the_usual_example() {
        assert_eq!(super::adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(super::adler32(b""), 1);
    }
}
