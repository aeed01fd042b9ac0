//! Bits and numbers of StuffIt X, from the low end of each byte.

use bytes::Bytes;

use crate::{Extent, Fault, codec::stuffit::p2};

/// Bytes read at once: elements are short, and what they hold is passed over.
const CHUNK_BYTES: u64 = 512;

/// A place in an extent, down to the bit.
pub(super) struct Cursor<'extent> {
    extent: &'extent Extent,
    chunk: Bytes,
    chunk_at: u64,
    /// The byte that the next bit is in.
    at: u64,
    /// Bits of it that were taken.
    taken: u32,
}

impl<'extent> Cursor<'extent> {
    pub(super) fn new(extent: &'extent Extent, at: u64) -> Self {
        Self { extent, chunk: Bytes::new(), chunk_at: at, at, taken: 0 }
    }

    /// The next whole byte.
    pub(super) fn place(&self) -> u64 {
        self.at + u64::from(self.taken > 0)
    }

    pub(super) fn fault(&self, why: &str) -> Fault {
        Fault::new(self.at, "read a stuffit element", why)
    }

    /// Goes to the next whole byte, if bits of one were taken.
    pub(super) fn align(&mut self) {
        (self.at, self.taken) = (self.place(), 0);
    }

    fn present(&mut self) -> Result<u8, Fault> {
        let index = |cursor: &Self| cursor.at.checked_sub(cursor.chunk_at).map(usize::try_from);
        let held = index(self).and_then(Result::ok).and_then(|index| self.chunk.get(index));
        if let Some(&byte) = held {
            return Ok(byte);
        }
        self.chunk = self.extent.read_up_to(self.at, CHUNK_BYTES)?;
        self.chunk_at = self.at;
        self.chunk.first().copied().ok_or_else(|| self.fault("it ends early: truncated"))
    }

    fn bit(&mut self) -> Result<bool, Fault> {
        let bit = self.present()? >> self.taken & 1;
        self.taken += 1;
        if self.taken == u8::BITS {
            (self.at, self.taken) = (self.at + 1, 0);
        }
        Ok(bit == 1)
    }

    /// A single bit.
    pub(super) fn flag(&mut self) -> Result<bool, Fault> {
        self.bit()
    }

    /// A number in the code "P2".
    pub(super) fn number(&mut self) -> Result<u64, Fault> {
        let place = self.at;
        let long = || Fault::new(place, "read a stuffit element", "a number of more than 64 bits");
        p2(|| self.bit(), long)
    }

    /// Bytes, wherever the bit is.
    pub(super) fn bytes<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let mut bytes = [0; N];
        for byte in &mut bytes {
            for place in 0..u8::BITS {
                *byte |= u8::from(self.bit()?) << place;
            }
        }
        Ok(bytes)
    }

    /// The length of a string, then, from the next whole byte on, the string.
    pub(super) fn string(&mut self, bytes_max: u64) -> Result<Bytes, Fault> {
        let length = self.number()?;
        if length > bytes_max {
            return Err(self.fault("a string that is too long"));
        }
        self.align();
        let bytes = self.extent.read(self.at, length)?;
        self.at += length;
        Ok(bytes)
    }

    /// Passes over whole bytes; they need not be there.
    pub(super) fn skip(&mut self, count: u64) {
        self.align();
        self.at = self.at.saturating_add(count);
    }
}
