//! Canonical Huffman codes, told by the length of each symbol's code (as in RFC 1951, 3.2.2).
//!
//! Short codes are found in a table, the few long ones by comparing with the first code of each
//! length. Tables are small, since some formats send new ones every few kilobytes.

use super::{Step, bits::Bits};

/// Longest code.
const BITS_MAX: usize = 16;
/// Codes up to this length are found in the table.
const TABLE_BITS: u32 = 10;

/// The code of one alphabet of at most 2048 symbols.
#[derive(Clone, Debug)]
pub(super) struct Huffman {
    /// For each beginning of a code, symbol << 5 | length; 0 where it is longer, or no code.
    table: Vec<u16>,
    /// The symbols by length, then by number.
    sorted: Vec<u16>,
    /// For each length: its first code, the number of codes, and where its symbols start.
    lengths: [(u32, u32, u32); BITS_MAX + 1],
}

impl Huffman {
    /// Makes the code out of the length for each symbol, 0 for one that does not occur.
    ///
    /// # Errors
    /// Where the lengths are of no code. A code with room to spare is one: reading what is not
    /// assigned is an error.
    pub(super) fn new(lengths: &[u8]) -> Step<Self> {
        const BAD: &str = "lengths that make no code";
        let mut counts = [0_u32; BITS_MAX + 1];
        for &length in lengths {
            *counts.get_mut(usize::from(length)).ok_or(BAD)? += 1;
        }
        let mut code =
            Self { table: vec![0; 1 << TABLE_BITS], sorted: Vec::new(), lengths: [(0, 0, 0); 17] };
        let (mut next, mut start) = (0_u32, 0);
        for (bits, (slot, &count)) in code.lengths.iter_mut().zip(&counts).enumerate().skip(1) {
            next <<= 1;
            *slot = (next, count, start);
            (next, start) = (next + count, start + count);
            if next > 1 << bits {
                return Err(BAD);
            }
        }
        code.sorted = vec![0; usize::try_from(start).unwrap_or(0)];
        let mut places = code.lengths;
        for (symbol, &length) in (0_u16..).zip(lengths).filter(|(_, length)| **length > 0) {
            let Some(place) = places.get_mut(usize::from(length)) else { continue };
            if let Some(slot) = code.sorted.get_mut(usize::try_from(place.2).unwrap_or(usize::MAX))
            {
                *slot = symbol;
            }
            code.fill(place.0, length, symbol);
            (place.0, place.2) = (place.0 + 1, place.2 + 1);
        }
        Ok(code)
    }

    fn fill(&mut self, code: u32, length: u8, symbol: u16) {
        let Some(free) = TABLE_BITS.checked_sub(u32::from(length)) else { return };
        let start = usize::try_from(code << free).unwrap_or(usize::MAX);
        if let Some(slots) = self.table.get_mut(start..start + (1 << free)) {
            slots.fill(symbol << 5 | u16::from(length));
        }
    }

    /// Reads one symbol.
    ///
    /// # Errors
    /// Where the bits are no code, or not all there.
    #[inline]
    pub(super) fn read(&self, bits: &mut impl Bits) -> Step<u16> {
        let code = bits.peek_code();
        let entry = self.table.get(usize::from(code >> (16 - TABLE_BITS))).copied().unwrap_or(0);
        if entry != 0 {
            bits.skip(u32::from(entry & 31))?;
            return Ok(entry >> 5);
        }
        self.read_long(code, bits)
    }

    fn read_long(&self, code: u16, bits: &mut impl Bits) -> Step<u16> {
        for (length, &(first, count, start)) in (0_u32..).zip(&self.lengths).skip(1) {
            let index = (u32::from(code) >> (16 - length)).wrapping_sub(first);
            if index < count {
                bits.skip(length)?;
                let place = usize::try_from(start + index).unwrap_or(usize::MAX);
                return self.sorted.get(place).copied().ok_or("no code");
            }
        }
        Err("bits that are no code")
    }
}

#[cfg(test)]
mod tests {
    use super::{super::bits::HighBits, Huffman};

    #[test]
    fn short_and_long_codes() {
        // Lengths 1, 2, … 15, 15: the code of symbol n is n ones and a zero.
        let mut lengths: Vec<u8> = (1..16).collect();
        lengths.push(15);
        let code = Huffman::new(&lengths).unwrap();
        let bytes = [0b1011_1111, 0b1111_1111, 0b1011_1111, 0b1111_1111];
        let mut bits = HighBits::new(&bytes);
        assert_eq!(code.read(&mut bits), Ok(1));
        assert_eq!(code.read(&mut bits), Ok(15));
        assert_eq!(code.read(&mut bits), Ok(0));
        assert_eq!(code.read(&mut bits), Err(super::super::bits::CUT));
        assert!(Huffman::new(&[1, 1, 1]).is_err() && Huffman::new(&[17]).is_err());
        let single = Huffman::new(&[0, 1]).unwrap();
        assert_eq!(single.read(&mut HighBits::new(&[0])), Ok(1));
        assert!(single.read(&mut HighBits::new(&[0xff])).is_err());
    }
}
