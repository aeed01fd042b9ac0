//! Extents: a length of bytes in a source, read on demand.

mod fingerprint;
mod read;
mod stream;
#[cfg(test)]
mod tests;

use std::{
    fmt,
    fs::File,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use self::read::length_of;
pub use self::{fingerprint::Recipe, read::Salvage, stream::Stream};
use crate::{Fault, Sink, Vault, sink::Output};

/// A transform that produces the bytes of a derived source, the same ones each time.
pub trait Derive: Send + Sync {
    /// Puts all bytes out into `sink`.
    ///
    /// # Errors
    /// The fault that stopped it; what was put out before it is kept.
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault>;

    /// Number of input bytes, for the limit on the ratio: their [`Extent::weight`].
    fn input_bytes(&self) -> u64;

    /// What decides the output, where that can be told without computing it.
    fn recipe(&self) -> Option<Recipe> {
        None
    }
}

enum Origin {
    File(File),
    Memory(Bytes),
    Derived(Box<dyn Derive>),
    Joined(Joined),
    Strided(Strided),
    Zeros,
    Missing(Fault),
}

/// Extents one after the other.
struct Joined {
    parts: Vec<Extent>,
    /// Where each part starts.
    starts: Vec<u64>,
    /// The weight of all parts, once it was asked for: a disk may have a million of them.
    weight: OnceLock<u64>,
}

/// Pieces of one length at one distance from each other.
struct Strided {
    base: Extent,
    piece: u64,
    stride: u64,
}

struct Source {
    id: u64,
    length: u64,
    origin: Origin,
    vault: Arc<Vault>,
}

/// A length of bytes in a source. Cloning is cheap; nothing is read until asked for.
#[derive(Clone)]
pub struct Extent {
    source: Arc<Source>,
    start: u64,
    length: u64,
}

impl fmt::Debug for Extent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Extent({}: {:#x}+{:#x})", self.source.id, self.start, self.length)
    }
}

impl Joined {
    /// What the parts have of `start..end`, with its offset there.
    fn pieces(&self, start: u64, end: u64) -> Vec<(u64, Extent)> {
        let first = self.starts.partition_point(|&place| place <= start).saturating_sub(1);
        // Skipping over a zip would visit all that is skipped.
        let starts = self.starts.get(first..).unwrap_or_default();
        let parts = self.parts.get(first..).unwrap_or_default();
        let rest = starts.iter().zip(parts);
        rest.take_while(|&(&place, _)| place < end)
            .map(|(&place, part)| {
                let from = start.saturating_sub(place);
                (place.saturating_sub(start), part.clamp(from, end - place.max(start)))
            })
            .filter(|(_, piece)| !piece.is_empty())
            .collect()
    }
}

impl Joined {
    fn weight(&self) -> u64 {
        let sum = || self.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.weight()));
        *self.weight.get_or_init(sum)
    }

    /// Bytes of a hole from a place on, in the part that it lies in.
    fn hole_at(&self, place: u64) -> u64 {
        let index = self.starts.partition_point(|&start| start <= place).saturating_sub(1);
        let found = self.starts.get(index).zip(self.parts.get(index));
        found.map_or(0, |(start, part)| part.hole_at(place - start))
    }
}

impl Extent {
    fn new(vault: &Arc<Vault>, length: u64, origin: Origin) -> Self {
        Self::numbered(vault, vault.source_id(), length, origin)
    }

    fn numbered(vault: &Arc<Vault>, id: u64, length: u64, origin: Origin) -> Self {
        let source = Source { id, length, origin, vault: Arc::clone(vault) };
        Self { start: 0, length, source: Arc::new(source) }
    }

    /// An open file of this length, read with positioned reads.
    pub fn from_file(vault: &Arc<Vault>, file: File, length: u64) -> Self {
        Self::new(vault, length, Origin::File(file))
    }

    /// Bytes in memory.
    pub fn from_memory(vault: &Arc<Vault>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::new(vault, length_of(&bytes), Origin::Memory(bytes))
    }

    /// Derived bytes whose length a header tells; nothing is computed yet. Where the transform puts
    /// out fewer bytes, reading the missing ones is a fault; more are cut off.
    pub fn derived(vault: &Arc<Vault>, length: u64, transform: impl Derive + 'static) -> Self {
        Self::new(vault, length, Origin::Derived(Box::new(transform)))
    }

    /// Bytes that were derived before as this source, by the same transform.
    pub(crate) fn derived_again(
        vault: &Arc<Vault>,
        source: u64,
        length: u64,
        transform: impl Derive + 'static,
    ) -> Self {
        Self::numbered(vault, source, length, Origin::Derived(Box::new(transform)))
    }

    /// The source and the place in it where these bytes start.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.source.id, self.start)
    }

    /// Derived bytes that were just computed to learn their length; they enter the cache and are
    /// computed again when it has dropped them.
    pub fn computed(
        vault: &Arc<Vault>,
        bytes: impl Into<Bytes>,
        transform: impl Derive + 'static,
    ) -> Self {
        Self::computed_by(vault, Output::Memory(bytes.into()), transform)
    }

    /// The same for what a sink took.
    pub(crate) fn computed_by(
        vault: &Arc<Vault>,
        output: Output,
        transform: impl Derive + 'static,
    ) -> Self {
        let extent = Self::derived(vault, output.len(), transform);
        vault.keep(extent.source.id, output, None);
        extent
    }

    /// Several extents one after the other, such as the data runs of a file.
    pub fn joined(vault: &Arc<Vault>, parts: Vec<Self>) -> Self {
        let parts = match <[Self; 1]>::try_from(parts) {
            Ok([single]) => return single,
            Err(parts) => parts,
        };
        let (mut starts, mut length) = (Vec::with_capacity(parts.len()), 0_u64);
        for part in &parts {
            starts.push(length);
            length = length.saturating_add(part.length);
        }
        Self::new(vault, length, Origin::Joined(Joined { parts, starts, weight: OnceLock::new() }))
    }

    /// The first `piece` bytes of every `stride` bytes, such as blocks with a checksum behind each.
    /// The last one may be cut. Both lengths must be above 0, and a piece no longer than a stride.
    pub(crate) fn strided(base: &Self, piece: u64, stride: u64) -> Self {
        let (piece, stride) = (piece.max(1), stride.max(piece).max(1));
        let rest = (base.length % stride).min(piece);
        let length = base.length / stride * piece + rest;
        let strided = Strided { base: base.clone(), piece, stride };
        Self::new(base.vault(), length, Origin::Strided(strided))
    }

    /// Bytes that are all zero, such as a hole in a sparse file. They cost nothing until read.
    pub fn zeros(vault: &Arc<Vault>, length: u64) -> Self {
        Self::new(vault, length, Origin::Zeros)
    }

    /// Bytes that should be there but are not, such as a block past the end of a cut image. They
    /// keep their place among others; reading one is this fault.
    pub fn missing(vault: &Arc<Vault>, length: u64, fault: Fault) -> Self {
        Self::new(vault, length, Origin::Missing(fault))
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        self.length
    }

    /// Its share of the bytes of the image that it comes from. A bomb packed twice is light: the
    /// limit on the ratio counts from the image, not from the layer above.
    pub fn weight(&self) -> u64 {
        let source = match &self.source.origin {
            Origin::File(_) | Origin::Memory(_) => return self.length,
            Origin::Zeros | Origin::Missing(_) => return 1,
            Origin::Derived(transform) => transform.input_bytes(),
            Origin::Joined(joined) => joined.weight(),
            Origin::Strided(strided) => strided.base.weight(),
        };
        // What was stored rather than packed weighs no more than its length.
        let share =
            u128::from(source) * u128::from(self.length) / u128::from(self.source.length.max(1));
        u64::try_from(share).unwrap_or(self.length).clamp(1, self.length.max(1))
    }

    /// Whether its bytes are computed.
    fn is_derived(&self) -> bool {
        matches!(self.source.origin, Origin::Derived(_))
    }

    /// Whether it holds no byte.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The vault that this extent belongs to.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.source.vault
    }

    /// The part `offset..offset + length`, if it is all inside.
    pub fn slice(&self, offset: u64, length: u64) -> Option<Self> {
        let end = offset.checked_add(length)?;
        (end <= self.length).then(|| Self {
            source: Arc::clone(&self.source),
            start: self.start + offset,
            length,
        })
    }

    /// The part `offset..offset + length`, cut at the end of this extent.
    #[must_use]
    pub fn clamp(&self, offset: u64, length: u64) -> Self {
        let offset = offset.min(self.length);
        let length = length.min(self.length - offset);
        Self { source: Arc::clone(&self.source), start: self.start + offset, length }
    }

    /// Everything from `offset` on; empty past the end.
    #[must_use]
    pub fn from(&self, offset: u64) -> Self {
        self.clamp(offset, u64::MAX)
    }

    /// Why these bytes are too many for what they come from, if they are: files and disks may be
    /// made of holes and promise any length.
    pub fn refusal(&self) -> Option<String> {
        let limits = self.vault().limits();
        if self.length > limits.stream_bytes {
            let (length, limit) = (self.length, limits.stream_bytes);
            return Some(format!("{length} bytes exceed {limit} (limit stream-bytes)"));
        }
        let bomb = self.length > limits.ratio_floor_bytes
            && self.length / self.weight().max(1) > limits.ratio;
        let (length, ratio) = (self.length, limits.ratio);
        bomb.then(|| format!("{length} bytes are more than {ratio} times the input (limit ratio)"))
    }

    /// Whether these are the very same bytes of the same source.
    pub fn is_same(&self, other: &Self) -> bool {
        self.place() == other.place() && self.length == other.length
    }

    /// The same bytes with so many before them, as far as the source has them.
    #[must_use]
    pub fn reaching_back(&self, count: u64) -> Self {
        let count = count.min(self.start);
        Self {
            source: Arc::clone(&self.source),
            start: self.start - count,
            length: self.length.saturating_add(count),
        }
    }

    /// How many bytes from `offset` on are a hole: known to be zeros without reading them.
    pub fn hole_at(&self, offset: u64) -> u64 {
        let left = self.length.saturating_sub(offset);
        match &self.source.origin {
            Origin::Zeros => left,
            Origin::Joined(joined) => joined.hole_at(self.start.saturating_add(offset)).min(left),
            _ => 0,
        }
    }

    /// The place of this extent in another one of the same source, as an offset.
    pub fn offset_in(&self, outer: &Self) -> Option<u64> {
        let same = Arc::ptr_eq(&self.source, &outer.source);
        (same
            && self.start >= outer.start
            && self.start + self.length <= outer.start + outer.length)
            .then(|| self.start - outer.start)
    }
}
