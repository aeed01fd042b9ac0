//! The content of a virtual disk, put together from where its blocks are.

use crate::{Extent, Fault};

/// A disk while its blocks are collected in order.
pub(super) struct Assembly<'image> {
    image: &'image Extent,
    parts: Vec<Extent>,
    /// Bytes so far.
    length: u64,
    /// Bytes of the disk.
    size: u64,
    /// The last part, if the next one may follow it without a seam.
    pending: Option<Pending>,
    /// The end of what is used of the image.
    end: u64,
    /// Bytes that a parent or another file has.
    elsewhere: u64,
    faults: Vec<Fault>,
}

#[derive(Clone, Copy)]
enum Pending {
    Stored { place: u64, length: u64 },
    Zeros(u64),
}

/// What a disk comes to.
pub(super) struct Assembled {
    pub(super) content: Extent,
    /// The end of what is used of the image.
    pub(super) end: u64,
    /// Bytes that were read as zeros and are in a parent.
    pub(super) elsewhere: u64,
    pub(super) faults: Vec<Fault>,
}

/// No image is longer: sums with it stay in range.
const END_MAX: u64 = 1 << 62;
/// Faults that are listed one by one.
const FAULTS_MAX: usize = 50;

impl<'image> Assembly<'image> {
    pub(super) fn new(image: &'image Extent, size: u64) -> Self {
        Self {
            image,
            parts: Vec::new(),
            length: 0,
            size,
            pending: None,
            end: 0,
            elsewhere: 0,
            faults: Vec::new(),
        }
    }

    /// Bytes of the disk that have no block yet.
    pub(super) fn left(&self) -> u64 {
        self.size - self.length
    }

    /// The next bytes stand in the image.
    pub(super) fn stored(&mut self, place: u64, length: u64) {
        let length = length.min(self.left());
        self.length += length;
        self.used(place, length);
        match &mut self.pending {
            Some(Pending::Stored { place: first, length: before })
                if first.checked_add(*before) == Some(place) =>
            {
                *before += length;
            }
            _ => {
                self.flush();
                self.pending = Some(Pending::Stored { place, length });
            }
        }
    }

    /// The next bytes are zeros.
    pub(super) fn zeros(&mut self, length: u64) {
        let length = length.min(self.left());
        self.length += length;
        if let Some(Pending::Zeros(before)) = &mut self.pending {
            *before += length;
        } else {
            self.flush();
            self.pending = Some(Pending::Zeros(length));
        }
    }

    /// The next bytes are in a parent, which is not here: they read as zeros.
    pub(super) fn elsewhere(&mut self, length: u64) {
        self.elsewhere += length.min(self.left());
        self.zeros(length);
    }

    /// The next bytes are computed.
    pub(super) fn derived(&mut self, part: &Extent) {
        let part = part.clamp(0, self.left());
        self.length += part.len();
        self.flush();
        self.parts.push(part);
    }

    /// The next bytes cannot be read.
    pub(super) fn missing(&mut self, length: u64, fault: Fault) {
        let part = Extent::missing(self.image.vault(), length.min(self.left()), fault.clone());
        self.derived(&part);
        self.tell(fault);
    }

    /// Notes what went wrong.
    pub(super) fn tell(&mut self, fault: Fault) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault);
        }
    }

    /// Notes that these bytes of the image are used.
    pub(super) fn used(&mut self, place: u64, length: u64) {
        self.end = self.end.max(place.saturating_add(length).min(END_MAX));
    }

    fn flush(&mut self) {
        let vault = self.image.vault();
        match self.pending.take() {
            Some(Pending::Stored { place, length }) => {
                let there = self.image.clamp(place, length);
                let missing = length - there.len();
                if !there.is_empty() {
                    self.parts.push(there);
                }
                if missing > 0 {
                    let why = format!("{missing} bytes are past the end");
                    let fault = Fault::new(place, "find blocks of the disk", why);
                    self.parts.push(Extent::missing(vault, missing, fault.clone()));
                    self.tell(fault);
                }
            }
            Some(Pending::Zeros(length)) if length > 0 => {
                self.parts.push(Extent::zeros(vault, length));
            }
            Some(Pending::Zeros(_)) | None => {}
        }
    }

    /// The disk; what was not told is zeros.
    pub(super) fn finish(mut self) -> Assembled {
        self.zeros(self.left());
        self.flush();
        Assembled {
            content: Extent::joined(self.image.vault(), self.parts),
            end: self.end,
            elsewhere: self.elsewhere,
            faults: self.faults,
        }
    }
}

/// The fault of a disk that has a parent.
pub(super) fn parent_fault(bytes: u64, parent: &str) -> Option<Fault> {
    let why = format!("{bytes} bytes are in {parent}, which is another file: read as zeros");
    (bytes > 0).then(|| Fault::new(0, "read the whole disk", why))
}
