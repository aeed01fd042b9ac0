//! The encoding of 7z headers: property ids, numbers of variable length, bit vectors.

use crate::{Endian, Fault, View};

/// A reader through a header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'data> {
    bytes: &'data [u8],
    at: usize,
}

/// The fault of a header that does not hold together.
pub(super) fn fault(at: usize, why: impl Into<String>) -> Fault {
    Fault::new(u64::try_from(at).unwrap_or(u64::MAX), "read the 7z header", why)
}

impl<'data> Reader<'data> {
    pub(super) fn new(bytes: &'data [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Bytes that are left: a bound for every count, since each item takes at least one.
    pub(super) fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    pub(super) fn fault(&self, why: impl Into<String>) -> Fault {
        fault(self.at, why)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'data [u8], Fault> {
        let bytes = View(self.bytes).bytes(self.at, count)?;
        self.at += count;
        Ok(bytes)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Fault> {
        let byte = View(self.bytes).u8(self.at)?;
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Fault> {
        View(self.bytes(4)?).u32(0, Endian::Little)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Fault> {
        View(self.bytes(8)?).u64(0, Endian::Little)
    }

    /// `NUMBER`: the ones at the top of the first byte count the bytes that follow; what remains of
    /// the first byte stands above them.
    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut value = [0; 8];
        let count = usize::try_from(more).unwrap_or(8);
        let bytes = self.bytes(count)?;
        for (slot, &byte) in value.iter_mut().zip(bytes) {
            *slot = byte;
        }
        let low = u64::from_le_bytes(value);
        let high = if more < 7 { u64::from(first) & (0x7f >> more) } else { 0 };
        Ok(low | high.checked_shl(8 * more).unwrap_or(0))
    }

    /// A number of things of which each takes at least one byte of the header.
    pub(super) fn count(&mut self) -> Result<usize, Fault> {
        let value = self.number()?;
        let count = usize::try_from(value).ok().filter(|&count| count <= self.left());
        count.ok_or_else(|| self.fault(format!("{value} things in {} bytes", self.left())))
    }

    /// A bit vector, the first bit at the top.
    pub(super) fn bits(&mut self, count: usize) -> Result<Vec<bool>, Fault> {
        let bytes = self.bytes(count.div_ceil(8))?;
        let bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
        Ok(bits.take(count).collect())
    }

    /// A bit vector that a byte before it may replace: all are set then.
    pub(super) fn defined(&mut self, count: usize) -> Result<Vec<bool>, Fault> {
        if self.byte()? == 0 { self.bits(count) } else { Ok(vec![true; count]) }
    }

    /// Digests: CRC-32 of those that have one.
    pub(super) fn digests(&mut self, count: usize) -> Result<Vec<Option<u32>>, Fault> {
        let defined = self.defined(count)?;
        defined.into_iter().map(|there| there.then(|| self.u32()).transpose()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Reader;

    #[test]
    fn numbers_of_every_length() {
        let cases: [(&[u8], u64); 5] = [
            (&[0x7f], 0x7f),
            (&[0x81, 0x23], 0x123),
            (&[0xc5, 0x01, 0x02], 0x05_0201),
            (&[0xfe, 1, 2, 3, 4, 5, 6, 7], 0x07_0605_0403_0201),
            (&[0xff, 1, 2, 3, 4, 5, 6, 7, 8], 0x0807_0605_0403_0201),
        ];
        for (bytes, number) in cases {
            assert_eq!(Reader::new(bytes).number().unwrap(), number);
        }
        assert!(Reader::new(&[0x81]).number().is_err());
        assert_eq!(Reader::new(&[0xa0]).bits(3).unwrap(), [true, false, true]);
    }
}
