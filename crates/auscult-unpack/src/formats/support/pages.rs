//! Bytes that are looked at in small pieces and in any order: allocation tables, bitmaps, trees.

use std::collections::HashMap;

use bytes::Bytes;

use crate::{Extent, Fault};

/// Bytes read at once.
const PAGE_BYTES: u64 = 64 << 10;
/// Pages held at once; then all are dropped.
const PAGES_MAX: usize = 256;

/// An extent with the pages of it that were read.
#[derive(Debug)]
pub(crate) struct Pages {
    extent: Extent,
    held: HashMap<u64, Bytes>,
}

impl Pages {
    /// Nothing is read yet.
    pub(crate) fn new(extent: Extent) -> Self {
        Self { extent, held: HashMap::new() }
    }

    /// The bytes at `offset`.
    ///
    /// # Errors
    /// As [`Extent::read`].
    pub(crate) fn array<const N: usize>(&mut self, offset: u64) -> Result<[u8; N], Fault> {
        let length = u64::try_from(N).unwrap_or(u64::MAX);
        let bytes = self.bytes(offset, length)?;
        let mut array = [0; N];
        array.copy_from_slice(&bytes);
        Ok(array)
    }

    /// The bytes `offset..offset + length`.
    ///
    /// # Errors
    /// As [`Extent::read`].
    pub(crate) fn bytes(&mut self, offset: u64, length: u64) -> Result<Bytes, Fault> {
        let (page, within) = (offset / PAGE_BYTES, offset % PAGE_BYTES);
        if within.saturating_add(length) > PAGE_BYTES {
            return self.extent.read(offset, length);
        }
        let held = self.page(page)?;
        let range = usize::try_from(within).ok().zip(usize::try_from(within + length).ok());
        match range.filter(|&(_, end)| end <= held.len()) {
            Some((start, end)) => Ok(held.slice(start..end)),
            None => self.extent.read(offset, length),
        }
    }

    fn page(&mut self, page: u64) -> Result<&Bytes, Fault> {
        if self.held.len() >= PAGES_MAX && !self.held.contains_key(&page) {
            self.held.clear();
        }
        match self.held.entry(page) {
            std::collections::hash_map::Entry::Occupied(held) => Ok(held.into_mut()),
            std::collections::hash_map::Entry::Vacant(place) => {
                Ok(place.insert(self.extent.read_up_to(page * PAGE_BYTES, PAGE_BYTES)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auscult_model::Limits;

    use super::{PAGE_BYTES, Pages};
    use crate::{Extent, Vault};

    #[test]
    fn pieces_may_cross_pages_and_must_be_there() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let mut bytes = vec![1; 100_000];
        bytes[65_534..65_539].copy_from_slice(b"abcde");
        let mut pages = Pages::new(Extent::from_memory(&vault, bytes));
        assert_eq!(pages.array(PAGE_BYTES - 2).unwrap(), *b"abcd");
        assert_eq!(pages.array(PAGE_BYTES).unwrap(), *b"cd");
        assert_eq!(pages.bytes(99_999, 1).unwrap(), [1][..]);
        assert!(pages.array::<2>(99_999).is_err());
        assert!(pages.array::<2>(u64::MAX).is_err());
    }
}
