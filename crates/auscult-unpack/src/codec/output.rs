//! What a decoder of one member puts out: bytes with a bound, in which matches look back.

use super::Step;

/// Room taken at once; the bound may be any number that a header tells.
const ROOM_BYTES: usize = 1 << 20;

/// Decoded bytes, at most so many.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Vec<u8>,
    limit: usize,
}

impl Output {
    /// An empty one for at most `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { bytes: Vec::with_capacity(limit.min(ROOM_BYTES)), limit }
    }

    /// Whether the bound is reached.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= self.limit
    }

    /// The bound.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes so far.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The byte so many before the end, which has a distance of one; zero before the start.
    #[inline]
    pub(super) fn back(&self, distance: usize) -> u8 {
        let place = self.bytes.len().checked_sub(distance);
        place.and_then(|place| self.bytes.get(place)).copied().unwrap_or(0)
    }

    /// The bytes from here on.
    pub(super) fn tail_mut(&mut self, start: usize) -> &mut [u8] {
        self.bytes.get_mut(start..).unwrap_or_default()
    }

    /// All bytes.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Adds one byte; nothing once it is full.
    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        if self.bytes.len() < self.limit {
            self.bytes.push(byte);
        }
    }

    /// Adds bytes, cut at the bound.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let count = bytes.len().min(self.limit - self.bytes.len());
        self.bytes.extend_from_slice(bytes.get(..count).unwrap_or_default());
    }

    /// Adds so many zeros to be written over, fewer at the bound; returns how many.
    pub(super) fn grow(&mut self, length: usize) -> usize {
        let count = length.min(self.limit - self.bytes.len());
        self.bytes.resize(self.bytes.len() + count, 0);
        count
    }

    /// Repeats `length` bytes from `distance` before the end, cut at the bound; they may reach into
    /// themselves.
    ///
    /// # Errors
    /// Where the distance reaches before the start.
    #[inline]
    pub(super) fn copy(&mut self, distance: usize, length: usize) -> Step<()> {
        let end = self.bytes.len();
        let start = end.checked_sub(distance).filter(|&start| start < end);
        let start = start.ok_or("a match from before the start")?;
        let mut left = length.min(self.limit - end);
        while left > 0 {
            let step = left.min(self.bytes.len() - start);
            self.bytes.extend_from_within(start..start + step);
            left -= step;
        }
        Ok(())
    }

    /// The same where the window is filled with a byte before the start.
    pub(super) fn copy_filled(&mut self, distance: usize, length: usize, fill: u8) {
        let before = distance.saturating_sub(self.bytes.len()).min(length);
        let fresh = self.bytes.len() + before.min(self.limit - self.bytes.len());
        self.bytes.resize(fresh, fill);
        let _ = self.copy(distance, length - before);
    }
}

#[cfg(test)]
mod tests {
    use super::Output;

    #[test]
    fn matches_repeat_themselves_and_stop_at_the_bound() {
        let mut output = Output::new(12);
        output.extend(b"abc");
        output.copy(2, 5).unwrap();
        assert!(output.copy(9, 1).is_err() && output.copy(0, 1).is_err());
        output.copy(8, 3).unwrap();
        output.copy(1, 100).unwrap();
        assert!(output.is_full());
        assert_eq!(output.into_bytes(), b"abcbcbcbabcc");
        let mut filled = Output::new(10);
        filled.push(b'x');
        filled.copy_filled(3, 4, b' ');
        filled.copy_filled(1000, 2, b'-');
        assert_eq!((filled.back(1), filled.back(7), filled.back(8)), (b'-', b'x', 0));
        assert_eq!(filled.into_bytes(), b"x  x --");
    }
}
