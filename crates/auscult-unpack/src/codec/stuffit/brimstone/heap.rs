//! The memory of the model: units of twelve bytes, contexts from the high end down and tables of
//! states from the low end up, with a list of free pieces for each size (the allocator of PPMd by
//! Dmitry Shkarin, whose behaviour is part of the format, since a full memory starts the model anew).

use super::super::super::{Step, WINDOW_BYTES_MAX};

/// A place in the heap in bytes; zero is none.
pub(super) type Place = u32;

/// Bytes of a unit: one context, or two states.
pub(super) const UNIT: u32 = 12;
/// Most units of a piece.
const UNITS_MAX: usize = 128;
/// Sizes of pieces: four in steps of one unit, of two, of three, then in steps of four.
const SIZES: usize = 38;
const DAMAGED: &str = "a model that leads nowhere";

/// The heap.
pub(super) struct Heap {
    bytes: Vec<u8>,
    low: Place,
    high: Place,
    /// The first free piece of each size; the next one is told by its first four bytes.
    free: [Place; SIZES],
    /// Units of each size, and the smallest size that holds so many units, less one.
    units: [u32; SIZES],
    size_of: [usize; UNITS_MAX],
}

impl Heap {
    /// A heap of `1 << exponent` bytes, or of as many whole units.
    ///
    /// # Errors
    /// Where it is too large.
    pub(super) fn new(exponent: u8) -> Step<Self> {
        let bytes = 1_u32.checked_shl(exponent.into()).filter(|&bytes| bytes <= WINDOW_BYTES_MAX);
        let units = bytes.ok_or("a model that takes too much memory")? / UNIT;
        // One unit more, so that no place is zero.
        let length = (units + 1) * UNIT;
        let mut heap = Self {
            bytes: vec![0; usize::try_from(length).unwrap_or(0)],
            low: UNIT,
            high: length,
            free: [0; SIZES],
            units: [0; SIZES],
            size_of: [0; UNITS_MAX],
        };
        let steps = [1; 4].into_iter().chain([2; 4]).chain([3; 4]).chain([4; 26]);
        let mut total = 0;
        for (size, step) in heap.units.iter_mut().zip(steps) {
            total += step;
            *size = total;
        }
        let mut size = 0;
        for (units, slot) in (1..).zip(&mut heap.size_of) {
            if heap.units.get(size).is_some_and(|&there| there < units) {
                size += 1;
            }
            *slot = size;
        }
        Ok(heap)
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.low = UNIT;
        self.high = u32::try_from(self.bytes.len()).unwrap_or(0);
        self.free = [0; SIZES];
    }

    fn array<const N: usize>(&self, at: Place) -> Step<[u8; N]> {
        let start = usize::try_from(at).ok().filter(|&start| start != 0).ok_or(DAMAGED)?;
        let rest = self.bytes.get(start..).ok_or(DAMAGED)?;
        rest.first_chunk().copied().ok_or(DAMAGED)
    }

    fn put<const N: usize>(&mut self, at: Place, value: [u8; N]) -> Step<()> {
        let start = usize::try_from(at).ok().filter(|&start| start != 0).ok_or(DAMAGED)?;
        let rest = self.bytes.get_mut(start..).ok_or(DAMAGED)?;
        *rest.first_chunk_mut().ok_or(DAMAGED)? = value;
        Ok(())
    }

    #[inline]
    pub(super) fn byte(&self, at: Place) -> Step<u8> {
        self.array(at).map(|[byte]| byte)
    }

    #[inline]
    pub(super) fn set_byte(&mut self, at: Place, value: u8) -> Step<()> {
        self.put(at, [value])
    }

    #[inline]
    pub(super) fn short(&self, at: Place) -> Step<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    #[inline]
    pub(super) fn set_short(&mut self, at: Place, value: u16) -> Step<()> {
        self.put(at, value.to_le_bytes())
    }

    #[inline]
    pub(super) fn place(&self, at: Place) -> Step<Place> {
        self.array(at).map(u32::from_le_bytes)
    }

    #[inline]
    pub(super) fn set_place(&mut self, at: Place, value: Place) -> Step<()> {
        self.put(at, value.to_le_bytes())
    }

    /// Copies bytes; both pieces may overlap.
    pub(super) fn copy(&mut self, from: Place, to: Place, count: u32) -> Step<()> {
        let index = |at: Place| usize::try_from(at).map_err(|_| DAMAGED);
        let (from, to, count) = (index(from)?, index(to)?, index(count)?);
        let fits = |start: usize| start != 0 && start + count <= self.bytes.len();
        if !fits(from) || !fits(to) {
            return Err(DAMAGED);
        }
        self.bytes.copy_within(from..from + count, to);
        Ok(())
    }

    fn size(&self, units: u32) -> Step<usize> {
        let index = usize::try_from(units).ok().and_then(|units| units.checked_sub(1));
        index.and_then(|index| self.size_of.get(index)).copied().ok_or("a table that is too long")
    }

    fn length(&self, size: usize) -> u32 {
        self.units.get(size).map_or(0, |units| units * UNIT)
    }

    fn release(&mut self, at: Place, size: usize) -> Step<()> {
        let first = self.free.get(size).copied().unwrap_or(0);
        self.set_place(at, first)?;
        if let Some(slot) = self.free.get_mut(size) {
            *slot = at;
        }
        Ok(())
    }

    /// A free piece of this size, if there is one.
    fn reuse(&mut self, size: usize) -> Step<Option<Place>> {
        let Some(&at) = self.free.get(size).filter(|&&at| at != 0) else { return Ok(None) };
        let next = self.place(at)?;
        if let Some(slot) = self.free.get_mut(size) {
            *slot = next;
        }
        Ok(Some(at))
    }

    /// Gives back what a piece has above the new size, as one or two pieces.
    fn split(&mut self, at: Place, old: usize, new: usize) -> Step<()> {
        let units = |heap: &Self, size: usize| heap.units.get(size).copied().unwrap_or(0);
        let mut rest = at.wrapping_add(self.length(new));
        let mut left = units(self, old).wrapping_sub(units(self, new));
        let size = self.size(left)?;
        if units(self, size) != left {
            let smaller = size.saturating_sub(1);
            self.release(rest, smaller)?;
            rest = rest.wrapping_add(self.length(smaller));
            left = left.wrapping_sub(units(self, smaller));
        }
        let size = self.size(left)?;
        self.release(rest, size)
    }

    /// Room for a context; none where the memory is full.
    pub(super) fn context(&mut self) -> Step<Option<Place>> {
        if self.high > self.low {
            self.high -= UNIT;
            return Ok(Some(self.high));
        }
        self.allocate(1)
    }

    /// Room for so many units; none where the memory is full.
    pub(super) fn allocate(&mut self, units: u32) -> Step<Option<Place>> {
        let size = self.size(units)?;
        if let Some(at) = self.reuse(size)? {
            return Ok(Some(at));
        }
        let length = self.length(size);
        if length <= self.high - self.low {
            self.low += length;
            return Ok(Some(self.low - length));
        }
        for larger in size + 1..SIZES {
            if let Some(at) = self.reuse(larger)? {
                self.split(at, larger, size)?;
                return Ok(Some(at));
            }
        }
        Ok(None)
    }

    /// Makes a piece of so many units one longer; it may move. None where the memory is full.
    pub(super) fn expand(&mut self, at: Place, units: u32) -> Step<Option<Place>> {
        let (old, new) = (self.size(units)?, self.size(units + 1)?);
        if old == new {
            return Ok(Some(at));
        }
        let moved = self.allocate(units + 1)?;
        if let Some(moved) = moved {
            self.copy(at, moved, self.length(old))?;
            self.release(at, old)?;
        }
        Ok(moved)
    }

    /// Makes a piece shorter; it may move.
    pub(super) fn shrink(&mut self, at: Place, old: u32, new: u32) -> Step<Place> {
        let (old, new) = (self.size(old)?, self.size(new)?);
        if old == new {
            return Ok(at);
        }
        if let Some(moved) = self.reuse(new)? {
            self.copy(at, moved, self.length(new))?;
            self.release(at, old)?;
            return Ok(moved);
        }
        self.split(at, old, new)?;
        Ok(at)
    }

    /// Gives back a piece of so many units.
    pub(super) fn give_back(&mut self, at: Place, units: u32) -> Step<()> {
        let size = self.size(units)?;
        self.release(at, size)
    }
}

#[cfg(test)]
mod tests {
    use super::{Heap, UNIT};

    #[test]
    fn pieces_are_taken_and_given_back() {
        let mut heap = Heap::new(10).unwrap();
        assert_eq!((heap.units[11], heap.units[37]), (24, 128));
        assert_eq!((heap.size_of[0], heap.size_of[4], heap.size_of[127]), (0, 4, 37));
        // Of 85 units: contexts from above, tables from below.
        assert_eq!(heap.context().unwrap(), Some(85 * UNIT));
        let first = heap.allocate(13).unwrap().unwrap();
        assert_eq!(first, UNIT);
        heap.set_place(first, 7).unwrap();
        let moved = heap.expand(first, 15).unwrap().unwrap();
        assert_eq!((moved, heap.place(moved)), ((1 + 15) * UNIT, Ok(7)));
        // What was given back first is taken where nothing fits, and split: 15 are 4, 10 and 1.
        while heap.context().unwrap().is_some_and(|at| at > moved) {}
        assert_eq!(heap.allocate(4).unwrap(), Some(UNIT + 12));
        assert!(heap.byte(0).is_err() && heap.set_byte(u32::MAX, 1).is_err());
        assert!(heap.copy(UNIT, 2000, 8).is_err() && heap.allocate(129).is_err());
        assert!(Heap::new(29).is_err() && Heap::new(40).is_err());
    }

    #[test]
    fn shorter_pieces_give_back_what_is_left() {
        let mut heap = Heap::new(12).unwrap();
        let at = heap.allocate(28).unwrap().unwrap();
        assert_eq!(heap.shrink(at, 28, 13), Ok(at));
        // 28 - 15 are 13: a piece of 12 and one of 1.
        assert_eq!(heap.allocate(1).unwrap(), Some(at + 27 * UNIT));
        assert_eq!(heap.allocate(12).unwrap(), Some(at + 15 * UNIT));
        heap.give_back(at, 15).unwrap();
        assert_eq!(heap.allocate(14).unwrap(), Some(at));
    }
}
