//! Derived bytes that are too many for memory, in one file without a name.
//!
//! The file is opened before the walls stand (`docs/adr/0003-worker.md`); afterwards it is only
//! written and read by position. Nothing in it outlives the process.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;

/// The file, filled from its start.
#[derive(Debug)]
pub(crate) struct Spill {
    file: File,
    next: AtomicU64,
    bytes_max: u64,
}

/// Bytes that were written to the file, in pieces.
#[derive(Debug, Default)]
pub(crate) struct Spilled {
    /// For each piece, where it starts in these bytes and where in the file.
    pieces: Vec<(u64, u64)>,
    length: u64,
}

impl Spill {
    /// An empty file that takes at most so many bytes.
    pub(crate) fn new(file: File, bytes_max: u64) -> Self {
        Self { file, next: AtomicU64::new(0), bytes_max }
    }

    /// Appends bytes to those spilled before.
    ///
    /// # Errors
    /// The file is full, or the disk below it is.
    pub(crate) fn append(&self, spilled: &mut Spilled, bytes: &[u8]) -> io::Result<()> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let place = self.next.fetch_add(length, Ordering::Relaxed);
        if place.saturating_add(length) > self.bytes_max {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.file.write_all_at(bytes, place)?;
        spilled.pieces.push((spilled.length, place));
        spilled.length += length;
        Ok(())
    }

    /// Reads `start..end`, which lies inside.
    pub(crate) fn read(&self, spilled: &Spilled, start: u64, end: u64) -> io::Result<Bytes> {
        let length = end.saturating_sub(start);
        let mut buffer = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        let first = spilled.pieces.partition_point(|piece| piece.0 <= start).saturating_sub(1);
        let mut rest = buffer.as_mut_slice();
        let mut at = start;
        for (index, &(begin, place)) in spilled.pieces.iter().enumerate().skip(first) {
            let next = spilled.pieces.get(index + 1).map_or(spilled.length, |next| next.0);
            let count = next.min(end).saturating_sub(at);
            let count = usize::try_from(count).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            self.file.read_exact_at(now, place + (at - begin))?;
            (rest, at) = (later, next);
            if rest.is_empty() {
                break;
            }
        }
        if rest.is_empty() { Ok(buffer.into()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

impl Spilled {
    /// Number of bytes.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// Forgets what lies past a length.
    pub(crate) fn truncate(&mut self, length: u64) {
        self.length = self.length.min(length);
        self.pieces.retain(|piece| piece.0 < length);
    }
}

#[cfg(test)]
mod tests {
    use super::{Spill, Spilled};

    #[test]
    fn pieces_read_as_one() {
        let spill = Spill::new(tempfile::tempfile().unwrap(), 20);
        let (mut one, mut other) = (Spilled::default(), Spilled::default());
        spill.append(&mut one, b"01234").unwrap();
        spill.append(&mut other, b"other").unwrap();
        spill.append(&mut one, b"56789").unwrap();
        for start in 0..=10 {
            for end in start..=10 {
                let wanted = &b"0123456789"[start..end];
                assert_eq!(spill.read(&one, start as u64, end as u64).unwrap(), wanted);
            }
        }
        assert!(spill.append(&mut one, b"too many").is_err());
        assert_eq!(one.len(), 10);
        one.truncate(7);
        assert_eq!(spill.read(&one, 3, 7).unwrap(), "3456");
        assert!(spill.read(&one, 6, 8).is_err());
    }
}
