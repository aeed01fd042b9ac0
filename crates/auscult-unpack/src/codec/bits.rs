//! Bit streams in memory, read from the high or from the low end of their bytes.
//!
//! Past the end there are zero bits to look at, since codes are looked up in windows of 16 bits;
//! taking one of them is an error.

use super::Step;

/// What every decoder says of a stream that is cut.
pub(super) const CUT: &str = "the input ends early";

/// A stream of bits, as codes of variable length are read from it.
pub(super) trait Bits {
    /// The next 16 bits as a code: its first bit is the highest one.
    fn peek_code(&mut self) -> u16;

    /// Passes over bits, at most 32.
    ///
    /// # Errors
    /// Where they are not all there.
    fn skip(&mut self, count: u32) -> Step<()>;
}

/// Bits from the high end of each byte, or of each 16-bit little-endian word.
#[derive(Clone, Debug)]
pub(super) struct HighBits<'data> {
    bytes: &'data [u8],
    at: usize,
    /// The next bits, from the highest one down.
    hold: u64,
    count: u32,
    words: bool,
}

impl<'data> HighBits<'data> {
    /// Bits of bytes.
    pub(super) fn new(bytes: &'data [u8]) -> Self {
        Self { bytes, at: 0, hold: 0, count: 0, words: false }
    }

    /// Bits of 16-bit words.
    pub(super) fn of_words(bytes: &'data [u8]) -> Self {
        Self { words: true, ..Self::new(bytes) }
    }

    fn refill(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if self.words {
            let mut words = rest.as_chunks::<2>().0.iter();
            while self.count <= 48
                && let Some(word) = words.next()
            {
                self.hold |= u64::from(u16::from_le_bytes(*word)) << (48 - self.count);
                self.count += 16;
                self.at += 2;
            }
            return;
        }
        let mut bytes = rest.iter();
        while self.count <= 56
            && let Some(byte) = bytes.next()
        {
            self.hold |= u64::from(*byte) << (56 - self.count);
            self.count += 8;
            self.at += 1;
        }
    }

    /// The next bits, at most 32, without passing over them.
    pub(super) fn peek(&mut self, count: u32) -> u32 {
        if self.count < count {
            self.refill();
        }
        u32::try_from(self.hold >> 1 >> (63 - count)).unwrap_or(0)
    }

    /// Takes bits, at most 32.
    pub(super) fn take(&mut self, count: u32) -> Step<u32> {
        let value = self.peek(count);
        self.skip(count)?;
        Ok(value)
    }

    /// Takes a number of 16 bits at most as a size.
    pub(super) fn number(&mut self, count: u32) -> Step<usize> {
        self.take(count).map(|value| usize::try_from(value).unwrap_or(usize::MAX))
    }

    /// Drops the bits up to the next whole byte or word, and gives the place of what follows.
    pub(super) fn align(&mut self) -> usize {
        let unit = if self.words { 16 } else { 8 };
        let held = usize::try_from(self.count / unit * (unit / 8)).unwrap_or(0);
        self.seek(self.at - held);
        self.at
    }

    /// Goes on at this byte.
    pub(super) fn seek(&mut self, at: usize) {
        (self.at, self.hold, self.count) = (at, 0, 0);
    }
}

impl Bits for HighBits<'_> {
    fn peek_code(&mut self) -> u16 {
        u16::try_from(self.peek(16)).unwrap_or(0)
    }

    fn skip(&mut self, count: u32) -> Step<()> {
        if self.count < count {
            self.refill();
        }
        self.count = self.count.checked_sub(count).ok_or(CUT)?;
        self.hold <<= count;
        Ok(())
    }
}

/// Bits from the low end of each byte.
#[derive(Clone, Debug)]
pub(super) struct LowBits<'data> {
    bytes: &'data [u8],
    at: usize,
    hold: u64,
    count: u32,
}

impl<'data> LowBits<'data> {
    /// Bits of bytes.
    pub(super) fn new(bytes: &'data [u8]) -> Self {
        Self { bytes, at: 0, hold: 0, count: 0 }
    }

    fn refill(&mut self) {
        let mut bytes = self.bytes.get(self.at..).unwrap_or_default().iter();
        while self.count <= 56
            && let Some(byte) = bytes.next()
        {
            self.hold |= u64::from(*byte) << self.count;
            self.count += 8;
            self.at += 1;
        }
    }

    /// The next bits, at most 32, without passing over them.
    pub(super) fn peek(&mut self, count: u32) -> u32 {
        if self.count < count {
            self.refill();
        }
        u32::try_from(self.hold & ((1 << count) - 1)).unwrap_or(0)
    }

    /// Takes bits, at most 32.
    pub(super) fn take(&mut self, count: u32) -> Step<u32> {
        let value = self.peek(count);
        self.skip(count)?;
        Ok(value)
    }

    /// Takes a number as a size.
    pub(super) fn number(&mut self, count: u32) -> Step<usize> {
        self.take(count).map(|value| usize::try_from(value).unwrap_or(usize::MAX))
    }

    /// Drops the bits up to the next whole byte, and takes that many whole ones.
    pub(super) fn bytes(&mut self, count: usize) -> Step<&'data [u8]> {
        let at = self.position();
        let end = at.checked_add(count).ok_or(CUT)?;
        let bytes = self.bytes.get(at..end).ok_or(CUT)?;
        (self.at, self.hold, self.count) = (end, 0, 0);
        Ok(bytes)
    }

    /// Bytes that were begun.
    pub(super) fn position(&self) -> usize {
        self.at.saturating_sub(usize::try_from(self.count / 8).unwrap_or(0))
    }
}

impl Bits for LowBits<'_> {
    fn peek_code(&mut self) -> u16 {
        u16::try_from(self.peek(16)).unwrap_or(0).reverse_bits()
    }

    fn skip(&mut self, count: u32) -> Step<()> {
        if self.count < count {
            self.refill();
        }
        self.count = self.count.checked_sub(count).ok_or(CUT)?;
        self.hold >>= count;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Bits, HighBits, LowBits};

    #[test]
    fn both_ends_of_the_bytes() {
        let bytes = [0b1010_0001, 0xff, 0x12, 0x34];
        let mut high = HighBits::new(&bytes);
        assert_eq!((high.take(3), high.take(6), high.peek(7)), (Ok(5), Ok(3), 0x7f));
        assert_eq!((high.align(), high.take(16)), (2, Ok(0x1234)));
        assert!(high.take(1).is_err() && high.peek(16) == 0);
        let mut words = HighBits::of_words(&bytes);
        assert_eq!((words.take(16), words.take(8)), (Ok(0xffa1), Ok(0x34)));
        let mut low = LowBits::new(&bytes);
        assert_eq!((low.take(1), low.take(8), low.peek_code()), (Ok(1), Ok(0xd0), 0xfe90));
        assert_eq!(low.bytes(2), Ok(&bytes[2..]));
        assert!(low.skip(1).is_err());
    }
}
