//! The packed bytes of a stream, taken one after the other.

use super::super::{Step, bits::CUT};

/// Bytes in memory with a place to go on at, and at most one byte that bits are taken from.
#[derive(Debug)]
pub(super) struct Input<'data> {
    bytes: &'data [u8],
    at: usize,
    /// Bits of the byte before the place that were not taken yet, and how many.
    rest: u8,
    left: u32,
}

impl<'data> Input<'data> {
    pub(super) fn new(bytes: &'data [u8]) -> Self {
        Self { bytes, at: 0, rest: 0, left: 0 }
    }

    /// The next whole byte; what is left of one that was begun is passed over.
    ///
    /// # Errors
    /// At the end.
    #[inline]
    pub(super) fn byte(&mut self) -> Step<u8> {
        self.left = 0;
        let byte = *self.bytes.get(self.at).ok_or(CUT)?;
        self.at += 1;
        Ok(byte)
    }

    /// A big-endian number of 32 bits as a size.
    pub(super) fn size(&mut self) -> Step<usize> {
        let bytes = [self.byte()?, self.byte()?, self.byte()?, self.byte()?];
        Ok(usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX))
    }

    /// The next whole bytes.
    pub(super) fn take(&mut self, count: usize) -> Step<&'data [u8]> {
        self.left = 0;
        let end = self.at.checked_add(count).ok_or(CUT)?;
        let bytes = self.bytes.get(self.at..end).ok_or(CUT)?;
        self.at = end;
        Ok(bytes)
    }

    /// All bytes that were not taken.
    pub(super) fn remainder(&self) -> &'data [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Passes over whole bytes, at most to the end.
    pub(super) fn skip(&mut self, count: usize) {
        self.left = 0;
        self.at = self.at.saturating_add(count).min(self.bytes.len());
    }

    /// The next bit, from the low end of each byte.
    pub(super) fn bit(&mut self) -> Step<bool> {
        if self.left == 0 {
            (self.rest, self.left) = (self.byte()?, 8);
        }
        let bit = self.rest & 1 == 1;
        (self.rest, self.left) = (self.rest >> 1, self.left - 1);
        Ok(bit)
    }

    /// Passes over what is left of a byte that was begun.
    pub(super) fn align(&mut self) {
        self.left = 0;
    }

    /// A number in the code "P2" of StuffIt X: as many ones as the number has, less one, then a
    /// zero; the number plus one from its lowest bit up to its highest one.
    pub(super) fn number(&mut self) -> Step<u64> {
        p2(|| self.bit(), || "a number of more than 64 bits")
    }
}

/// Reads a number in the code "P2" from any source of bits.
///
/// # Errors
/// Those of the source, and one where the number has more than 64 bits.
pub(crate) fn p2<E>(
    mut bit: impl FnMut() -> Result<bool, E>,
    too_long: impl Fn() -> E,
) -> Result<u64, E> {
    let mut ones = 1_u32;
    while bit()? {
        ones += 1;
        if ones > u64::BITS {
            return Err(too_long());
        }
    }
    let mut value = 0_u64;
    for place in 0..u64::BITS {
        if bit()? {
            value |= 1 << place;
            ones -= 1;
        }
        if ones == 0 {
            // At least one bit is set.
            return Ok(value - 1);
        }
    }
    Err(too_long())
}

#[cfg(test)]
mod tests {
    use super::Input;

    /// Number and bits in the order read.
    #[test]
    fn numbers_have_as_many_ones_as_told() {
        for (bits, number) in [
            ("01", 0),
            ("001", 1),
            ("1011", 2),
            ("0001", 3),
            ("10101", 4),
            ("10011", 5),
            ("110111", 6),
            ("11101111", 14),
            ("000001", 15),
            ("1010001", 16),
        ] {
            let mut bytes = [0_u8; 4];
            for (place, bit) in bits.bytes().enumerate() {
                bytes[place / 8] |= (bit - b'0') << (place % 8);
            }
            let mut input = Input::new(&bytes);
            assert_eq!(input.number(), Ok(number), "{bits}");
        }
        assert!(Input::new(&[0xff; 20]).number().is_err() && Input::new(&[0]).number().is_err());
        assert!(Input::new(&[0; 20]).number().is_err());
    }

    #[test]
    fn bits_and_bytes_do_not_mix() {
        let mut input = Input::new(&[0b101, 2, 0, 0, 1, 0, 9]);
        assert_eq!((input.bit(), input.bit(), input.byte()), (Ok(true), Ok(false), Ok(2)));
        assert_eq!((input.size(), input.remainder()), (Ok(256), &[9][..]));
        assert!(input.take(2).is_err() && input.take(1).is_ok() && input.byte().is_err());
    }
}
