//! File contents: a list of pointers, one for each page, and the pages.

use super::{Inode, STICKY, choice::Choice};
use crate::{Derive, Endian, Extent, Fault, Sink, View, formats::filesystem::coding::Coding};

/// Flags of an extended pointer: stored as it is; points to the start instead of the end.
const POINTER_STORED: u32 = 1 << 31;
const POINTER_DIRECT: u32 = 1 << 30;

/// Finds the pages of one image.
pub(super) struct Pages<'image> {
    image: &'image Extent,
    endian: Endian,
    is_extended: bool,
    page_bytes: u64,
    coding: Coding,
    /// The furthest byte that was found to be part of the file system.
    end: u64,
}

/// A page as it lies in the image.
#[derive(Clone)]
pub(super) enum Page {
    /// Zeros that are not stored.
    Hole,
    /// Bytes as they are.
    Stored(Extent),
    /// Bytes to be decoded.
    Coded(Extent),
}

impl<'image> Pages<'image> {
    /// Pages of the usual size and coding unless it is known better.
    pub(super) fn new(
        image: &'image Extent,
        endian: Endian,
        is_extended: bool,
        choice: Option<Choice>,
    ) -> Self {
        let Choice { page_bytes, coding } = choice.unwrap_or(Choice::USUAL);
        Self { image, endian, is_extended, page_bytes, coding, end: 0 }
    }

    /// Notes that the file system goes on at least to there.
    pub(super) fn reach(&mut self, end: u64) {
        self.end = self.end.max(end);
    }

    /// How far it was found to go.
    pub(super) fn end(&self) -> u64 {
        self.end.min(self.image.len())
    }

    /// The bytes of a file or link; what is missing is reported and keeps its place.
    pub(super) fn content(&mut self, inode: &Inode, faults: &mut Vec<Fault>) -> Extent {
        let vault = self.image.vault();
        if let Some(stored) = self.in_place(inode) {
            self.reach(inode.offset.next_multiple_of(self.page_bytes) + inode.size);
            return stored;
        }
        let count = inode.size.div_ceil(self.page_bytes);
        let mut start = inode.offset + count * 4;
        let (mut parts, mut left) = (Vec::new(), inode.size);
        for index in 0..count {
            let length = left.min(self.page_bytes);
            left -= length;
            let page = self.page(inode.offset + index * 4, &mut start, length);
            self.reach(start);
            let part = page.and_then(|page| self.extent(page, length, inode.offset + index * 4));
            parts.push(part.unwrap_or_else(|fault| {
                faults.push(fault.clone());
                Extent::missing(vault, length, fault)
            }));
        }
        Extent::joined(vault, parts)
    }

    /// Files that run in place, of the patches from before the extension, lie in the image as they
    /// are, from the next page on. They have no pointers and are marked by the sticky bit, which
    /// others may have as well.
    fn in_place(&self, inode: &Inode) -> Option<Extent> {
        let is_marked = inode.mode & STICKY != 0 && inode.mode >> 12 == 0o10;
        if !is_marked || self.is_extended || self.has_pointers(inode) {
            return None;
        }
        self.image.slice(inode.offset.next_multiple_of(self.page_bytes), inode.size)
    }

    /// Whether pointers stand where a file says, each behind the one before.
    pub(super) fn has_pointers(&self, inode: &Inode) -> bool {
        let count = inode.size.div_ceil(self.page_bytes);
        let Ok(list) = self.image.read(inode.offset, count * 4) else { return false };
        let mut start = inode.offset + count * 4;
        list.chunks_exact(4).all(|word| {
            let end = View(word).u32(0, self.endian).map_or(0, u64::from);
            // What does not compress grows a little.
            let fits = (start..=start + self.page_bytes * 2).contains(&end);
            start = end;
            fits && end <= self.image.len()
        })
    }

    /// The page whose pointer is at `pointer`; it starts at `start`, which moves to its end.
    pub(super) fn page(&self, pointer: u64, start: &mut u64, length: u64) -> Result<Page, Fault> {
        let word = View(&self.image.read(pointer, 4)?).u32(0, self.endian)?;
        let flags = if self.is_extended { word } else { 0 };
        let mut end = u64::from(if self.is_extended { word & !(3 << 30) } else { word });
        if flags & POINTER_DIRECT != 0 {
            // Direct pointers count in words. Coded pages have their length in front.
            *start = end * 4;
            end = *start + length;
            if flags & POINTER_STORED == 0 {
                let stored = View(&self.image.read(*start, 2)?).u16(0, self.endian)?;
                *start += 2;
                end = *start + u64::from(stored);
            }
        }
        let missing = || Fault::new(pointer, "find a page", format!("{start:#x} to {end:#x}"));
        let stored_bytes = end.checked_sub(*start).ok_or_else(missing)?;
        let stored = self.image.slice(*start, stored_bytes).ok_or_else(missing)?;
        *start = end;
        Ok(if stored.is_empty() {
            Page::Hole
        } else if flags & POINTER_STORED != 0 {
            Page::Stored(stored)
        } else {
            Page::Coded(stored)
        })
    }

    fn extent(&self, page: Page, length: u64, pointer: u64) -> Result<Extent, Fault> {
        let vault = self.image.vault();
        Ok(match page {
            Page::Hole => Extent::zeros(vault, length),
            Page::Stored(stored) => {
                let why = format!("{} bytes", stored.len());
                let short = || Fault::new(pointer, "find a page", why);
                stored.slice(0, length).ok_or_else(short)?
            }
            Page::Coded(stored) => {
                let (coding, length_max) = (self.coding, self.page_bytes);
                Extent::derived(vault, length, Decoding { stored, coding, length_max })
            }
        })
    }
}

/// A page that is decoded when read.
struct Decoding {
    stored: Extent,
    coding: Coding,
    length_max: u64,
}

impl Derive for Decoding {
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let length_max = usize::try_from(self.length_max).unwrap_or(0);
        sink.adopt(self.coding.decode(&self.stored.read_all()?, length_max)?)
    }

    fn input_bytes(&self) -> u64 {
        self.stored.weight()
    }
}
