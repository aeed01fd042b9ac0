//! Reading small pieces in about their order, without a read of the input for each.

use bytes::Bytes;

use crate::Extent;

/// Bytes that are read at once.
const WINDOW_BYTES: u64 = 1 << 20;

/// A window over an extent that follows what is asked for.
pub(crate) struct Window<'image> {
    image: &'image Extent,
    start: u64,
    bytes: Bytes,
}

impl<'image> Window<'image> {
    /// A window over these bytes; nothing is read yet.
    pub(crate) fn new(image: &'image Extent) -> Self {
        Self { image, start: 0, bytes: Bytes::new() }
    }

    /// At most `length` bytes from `place`: fewer at the end, or where they cannot be read.
    pub(crate) fn at(&mut self, place: u64, length: u64) -> &[u8] {
        let offset = |start: u64| usize::try_from(place.wrapping_sub(start)).unwrap_or(usize::MAX);
        let wanted = usize::try_from(length).unwrap_or(usize::MAX);
        let inside =
            place >= self.start && offset(self.start).saturating_add(wanted) <= self.bytes.len();
        if !inside {
            let bytes = self.image.read_up_to(place, length.max(WINDOW_BYTES));
            (self.start, self.bytes) = (place, bytes.unwrap_or_default());
        }
        let rest = self.bytes.get(offset(self.start)..).unwrap_or_default();
        rest.get(..wanted).unwrap_or(rest)
    }
}
