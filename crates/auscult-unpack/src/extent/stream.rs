//! Reading an extent from its start, for decoders.

use std::io;

use bytes::{Buf as _, Bytes};

use super::Extent;

/// Bytes that a [`Stream`] reads at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// A reader over an extent that counts what was consumed.
#[derive(Debug)]
pub struct Stream<'extent> {
    extent: &'extent Extent,
    chunk: Bytes,
    position: u64,
}

impl<'extent> Stream<'extent> {
    /// A reader from the start.
    pub(super) fn of(extent: &'extent Extent) -> Self {
        Self { extent, chunk: Bytes::new(), position: 0 }
    }

    /// Bytes consumed so far.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes back by this many bytes, for decoders that read ahead.
    pub fn back(&mut self, count: u64) {
        self.position = self.position.saturating_sub(count);
        self.chunk = Bytes::new();
    }
}

impl io::BufRead for Stream<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.chunk.is_empty() {
            self.chunk =
                self.extent.read_up_to(self.position, CHUNK_BYTES).map_err(io::Error::other)?;
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        let amount = amount.min(self.chunk.len());
        self.chunk.advance(amount);
        self.position += u64::try_from(amount).unwrap_or(0);
    }
}

impl io::Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = io::BufRead::fill_buf(self)?;
        let count = available.len().min(buffer.len());
        if let (Some(target), Some(source)) = (buffer.get_mut(..count), available.get(..count)) {
            target.copy_from_slice(source);
        }
        io::BufRead::consume(self, count);
        Ok(count)
    }
}
