//! XPRESS with Huffman codes (MS-XCA, section 2.1), one chunk at a time, as in Windows images.
//!
//! Long lengths are bytes between the 16-bit words of the bit stream: the bytes right behind those
//! words that the reference decoder has read ahead by then, so the reading ahead is part of the
//! format.

use super::{
    Step,
    bits::{Bits, CUT},
    huffman::Huffman,
    output::Output,
};

/// Lengths of 512 codes in four bits each.
const TABLE_BYTES: usize = 256;

/// The bit stream with at least 16 bits read ahead.
struct Ahead<'data> {
    bytes: &'data [u8],
    at: usize,
    hold: u32,
    /// Bits in `hold` beyond the 16.
    extra: i32,
}

impl<'data> Ahead<'data> {
    fn new(bytes: &'data [u8], at: usize) -> Self {
        let mut bits = Self { bytes, at, hold: 0, extra: 16 };
        let high = bits.word();
        bits.hold = u32::from(high) << 16;
        bits.hold |= u32::from(bits.word());
        bits
    }

    /// The next word; zero past the end, where padding may be missing.
    fn word(&mut self) -> u16 {
        let word = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<2>);
        self.at += 2;
        word.map_or(0, |word| u16::from_le_bytes(*word))
    }

    fn number(&mut self, count: u32) -> Step<usize> {
        let value = self.hold.checked_shr(32 - count).unwrap_or(0);
        self.skip(count)?;
        Ok(usize::try_from(value).unwrap_or(0))
    }

    fn byte(&mut self) -> Step<usize> {
        let byte = self.bytes.get(self.at).copied().ok_or(CUT)?;
        self.at += 1;
        Ok(usize::from(byte))
    }
}

impl Bits for Ahead<'_> {
    fn peek_code(&mut self) -> u16 {
        u16::try_from(self.hold >> 16).unwrap_or(0)
    }

    fn skip(&mut self, count: u32) -> Step<()> {
        self.hold = self.hold.checked_shl(count).unwrap_or(0);
        self.extra -= i32::try_from(count).unwrap_or(0);
        if self.extra < 0 {
            if self.at > self.bytes.len() + 4 {
                return Err(CUT);
            }
            self.hold |= u32::from(self.word()) << self.extra.unsigned_abs();
            self.extra += 16;
        }
        Ok(())
    }
}

/// Decodes one chunk until the output is full.
pub(super) fn decode(input: &[u8], output: &mut Output) -> Step<()> {
    let table = input.get(..TABLE_BYTES).ok_or(CUT)?;
    let lengths: Vec<u8> = table.iter().flat_map(|byte| [byte & 15, byte >> 4]).collect();
    let code = Huffman::new(&lengths)?;
    let mut bits = Ahead::new(input, TABLE_BYTES);
    while !output.is_full() {
        let symbol = code.read(&mut bits)?;
        if let Ok(byte) = u8::try_from(symbol) {
            output.push(byte);
            continue;
        }
        let symbol = symbol - 256;
        let mut length = usize::from(symbol & 15);
        if length == 15 {
            length += bits.byte()?;
            if length == 15 + 255 {
                length = bits.byte()? | bits.byte()? << 8;
                length = length.max(15);
            }
        }
        let width = u32::from(symbol >> 4);
        let distance = (1 << width) | bits.number(width)?;
        output.copy(distance, length + 3)?;
    }
    Ok(())
}
