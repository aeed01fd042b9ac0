//! Extents: a length of bytes in a source, read on demand.

use std::{fmt, fs::File, io, os::unix::fs::FileExt as _, sync::Arc};

use bytes::{Buf as _, Bytes};
use rayon::prelude::*;

use crate::{
    Fault, Sink, Vault,
    sink::Output,
    vault::{Held, HeldBytes},
};

/// Bytes that may be read at once.
const AT_ONCE_BYTES_MAX: u64 = 1 << 30;

/// A transform that produces the bytes of a derived source, the same ones each time.
pub trait Derive: Send + Sync {
    /// Puts all bytes out into `sink`.
    ///
    /// # Errors
    /// The fault that stopped it; what was put out before it is kept.
    fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault>;

    /// Number of input bytes, for the limit on the ratio: their [`Extent::weight`].
    fn input_bytes(&self) -> u64;
}

enum Origin {
    File(File),
    Memory(Bytes),
    Derived(Box<dyn Derive>),
    Joined(Joined),
    Zeros,
    Missing(Fault),
}

/// Bytes with zeros where they could not be read, and why not.
#[derive(Debug, Default)]
pub struct Salvage {
    /// As many bytes as the extent has.
    pub bytes: Bytes,
    /// What went wrong, in order.
    pub faults: Vec<Fault>,
}

impl Salvage {
    fn joined(parts: Vec<(u64, Self)>) -> Self {
        match <[(u64, Self); 1]>::try_from(parts) {
            Ok([(_, single)]) => single,
            Err(parts) => {
                let (mut bytes, mut faults) = (Vec::new(), Vec::new());
                for (at, part) in parts {
                    bytes.extend_from_slice(&part.bytes);
                    faults.extend(part.faults.into_iter().map(|fault| fault.within(at)));
                }
                Self { bytes: bytes.into(), faults }
            }
        }
    }
}

/// Extents one after the other.
struct Joined {
    parts: Vec<Extent>,
    /// Where each part starts.
    starts: Vec<u64>,
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
        let rest = self.starts.iter().zip(&self.parts).skip(first);
        rest.take_while(|&(&place, _)| place < end)
            .map(|(&place, part)| {
                let from = start.saturating_sub(place);
                (place.saturating_sub(start), part.clamp(from, end - place.max(start)))
            })
            .filter(|(_, piece)| !piece.is_empty())
            .collect()
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
        Self::new(vault, length, Origin::Joined(Joined { parts, starts }))
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
            Origin::Joined(joined) => {
                joined.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.weight()))
            }
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

    /// The first place from `offset` on that is not in a hole; the end if there is none.
    pub(crate) fn next_data(&self, offset: u64) -> u64 {
        match &self.source.origin {
            Origin::Zeros => self.length,
            Origin::Joined(joined) => {
                let (start, end) = (self.start.saturating_add(offset), self.start + self.length);
                let pieces = joined.starts.partition_point(|&place| place <= start);
                let first = pieces.saturating_sub(1);
                let mut rest = joined.starts.iter().zip(&joined.parts).skip(first);
                let data = rest.find(|(place, part)| {
                    !matches!(part.source.origin, Origin::Zeros)
                        && place.saturating_add(part.length) > start
                });
                let place = data.map_or(end, |(&place, _)| place.max(start).min(end));
                place.saturating_sub(self.start)
            }
            _ => offset.min(self.length),
        }
    }

    /// Whether these are the very same bytes of the same source.
    pub fn is_same(&self, other: &Self) -> bool {
        self.place() == other.place() && self.length == other.length
    }

    /// The place of this extent in another one of the same source, as an offset.
    pub fn offset_in(&self, outer: &Self) -> Option<u64> {
        let same = Arc::ptr_eq(&self.source, &outer.source);
        (same
            && self.start >= outer.start
            && self.start + self.length <= outer.start + outer.length)
            .then(|| self.start - outer.start)
    }

    /// Reads exactly `offset..offset + length`.
    ///
    /// # Errors
    /// A [`Fault`] where a byte is missing or a transform failed before it.
    pub fn read(&self, offset: u64, length: u64) -> Result<Bytes, Fault> {
        let part = self.slice(offset, length).ok_or_else(|| {
            let there = self.length.saturating_sub(offset);
            Fault::new(offset, "read", format!("{length} bytes wanted, {there} there"))
        })?;
        part.fetch().map_err(|fault| fault.within(offset))
    }

    /// Reads at most `length` bytes from `offset`: fewer at the end.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_up_to(&self, offset: u64, length: u64) -> Result<Bytes, Fault> {
        let part = self.clamp(offset, length);
        part.fetch().map_err(|fault| fault.within(offset))
    }

    /// Reads all bytes.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_all(&self) -> Result<Bytes, Fault> {
        self.fetch()
    }

    /// Reads all bytes, with zeros in the place of those that cannot be read. For extents that fit
    /// into memory.
    pub fn salvage(&self) -> Salvage {
        match &self.source.origin {
            Origin::Joined(joined) => {
                let pieces = joined.pieces(self.start, self.start + self.length);
                let salvage = |(at, piece): &(u64, Self)| (*at, piece.salvage());
                let parts: Vec<_> = if pieces.iter().any(|(_, piece)| piece.is_derived()) {
                    pieces.par_iter().map(salvage).collect()
                } else {
                    pieces.iter().map(salvage).collect()
                };
                Salvage::joined(parts)
            }
            _ => match self.fetch() {
                Ok(bytes) => Salvage { bytes, faults: Vec::new() },
                Err(fault) => self.salvage_start(fault),
            },
        }
    }

    /// What there is before the first byte that cannot be read.
    fn salvage_start(&self, fault: Fault) -> Salvage {
        let held = match self.source.origin {
            Origin::Derived(_) => self.vault().cached(self.source.id).map(|held| held.bytes.len()),
            _ => None,
        };
        let there = held.unwrap_or(0).saturating_sub(self.start).min(self.length);
        let start = self.clamp(0, there).fetch().unwrap_or_default();
        let mut bytes = Vec::from(start);
        bytes.resize(usize::try_from(self.length).unwrap_or(0), 0);
        Salvage { bytes: bytes.into(), faults: vec![fault] }
    }

    /// Reads from the start in chunks, for decoders that do not know how far they will get.
    pub fn stream(&self) -> Stream<'_> {
        Stream { extent: self, chunk: Bytes::new(), position: 0 }
    }

    fn fetch(&self) -> Result<Bytes, Fault> {
        match &self.source.origin {
            Origin::File(file) => self.fetch_file(file),
            Origin::Memory(bytes) => self.cut(bytes, None),
            Origin::Derived(transform) => self.fetch_derived(transform.as_ref()),
            Origin::Joined(joined) => self.fetch_joined(joined),
            Origin::Missing(fault) => Err(fault.clone()),
            Origin::Zeros => self.admitted_length().map(|length| vec![0; length].into()),
        }
    }

    /// The length, if that many bytes may be made up at once: sparse files promise any number.
    fn admitted_length(&self) -> Result<usize, Fault> {
        let limit = self.vault().limits().stream_bytes.min(AT_ONCE_BYTES_MAX);
        usize::try_from(self.length).ok().filter(|_| self.length <= limit).ok_or_else(|| {
            let why = format!("{} bytes at once exceed {limit}", self.length);
            Fault::new(0, "read", why)
        })
    }

    fn fetch_file(&self, file: &File) -> Result<Bytes, Fault> {
        let length = usize::try_from(self.length)
            .map_err(|_| Fault::new(0, "read", "more bytes than the address space"))?;
        let mut buffer = vec![0; length];
        file.read_exact_at(&mut buffer, self.start)
            .map_err(|error| Fault::new(0, "read the input", error.to_string()))?;
        Ok(buffer.into())
    }

    fn fetch_derived(&self, transform: &dyn Derive) -> Result<Bytes, Fault> {
        let source = &self.source;
        if let Some(held) = source.vault.cached(source.id) {
            return self.cut_held(&held);
        }
        let mut sink = source.vault.sink(transform.input_bytes());
        let fault = transform.derive(&mut sink).err();
        let mut output = sink.finish();
        output.truncate(source.length);
        let held = source.vault.keep(source.id, output, fault.as_ref());
        self.cut_held(&held)
    }

    /// The part of derived bytes that this extent means, from memory or from the file.
    fn cut_held(&self, held: &Held) -> Result<Bytes, Fault> {
        match &held.bytes {
            HeldBytes::Memory(bytes) => self.cut(bytes, held.fault.clone()),
            HeldBytes::Spilled(spilled) if self.start + self.length <= held.bytes.len() => {
                self.admitted_length()?;
                let spill = self.vault().spill();
                let read =
                    spill.map(|spill| spill.read(spilled, self.start, self.start + self.length));
                let gone = || Fault::new(0, "read", "the file with derived bytes is gone");
                read.ok_or_else(gone)?
                    .map_err(|error| Fault::new(0, "read derived bytes", error.to_string()))
            }
            HeldBytes::Spilled(_) => Err(self.short(held.bytes.len(), held.fault.clone())),
        }
    }

    fn fetch_joined(&self, joined: &Joined) -> Result<Bytes, Fault> {
        let wanted = self.admitted_length()?;
        let pieces = joined.pieces(self.start, self.start + self.length);
        let fetch = |(at, piece): &(u64, Self)| piece.fetch().map_err(|fault| fault.within(*at));
        if let [piece] = pieces.as_slice() {
            return fetch(piece);
        }
        // Decoding is worth another thread, copying is not.
        let derived = pieces.iter().filter(|(_, piece)| piece.is_derived()).count();
        let fetched: Vec<_> = if derived > 1 {
            pieces.par_iter().map(fetch).collect()
        } else {
            pieces.iter().map(fetch).collect()
        };
        let fetched = fetched.into_iter().collect::<Result<Vec<Bytes>, _>>()?;
        let mut output = Vec::with_capacity(wanted);
        for bytes in fetched {
            output.extend_from_slice(&bytes);
        }
        Ok(output.into())
    }

    /// The part of the source's bytes that this extent means.
    fn cut(&self, bytes: &Bytes, fault: Option<Fault>) -> Result<Bytes, Fault> {
        let start = usize::try_from(self.start).unwrap_or(usize::MAX);
        let end = usize::try_from(self.start + self.length).unwrap_or(usize::MAX);
        if start <= end && end <= bytes.len() {
            return Ok(bytes.slice(start..end));
        }
        Err(self.short(length_of(bytes), fault))
    }

    /// The fault of a source that has only so many bytes.
    fn short(&self, made: u64, fault: Option<Fault>) -> Fault {
        let there = made.saturating_sub(self.start);
        fault.unwrap_or_else(|| {
            Fault::new(there, "read", format!("{} bytes promised, {there} there", self.length))
        })
    }
}

/// Bytes that a [`Stream`] reads at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// A reader over an extent that counts what was consumed.
#[derive(Debug)]
pub struct Stream<'extent> {
    extent: &'extent Extent,
    chunk: Bytes,
    position: u64,
}

impl Stream<'_> {
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

fn length_of(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use auscult_model::Limits;

    use super::{Derive, Extent};
    use crate::{Fault, Sink, Vault};

    struct Counting(Arc<AtomicUsize>);

    impl Derive for Counting {
        fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
            self.0.fetch_add(1, Ordering::Relaxed);
            sink.push(b"0123456789")
        }

        fn input_bytes(&self) -> u64 {
            1
        }
    }

    #[test]
    fn derived_bytes_are_computed_once_and_sliced() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let calls = Arc::new(AtomicUsize::new(0));
        let extent = Extent::derived(&vault, 12, Counting(Arc::clone(&calls)));
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        assert_eq!(extent.read(2, 3).unwrap(), "234");
        assert_eq!(extent.slice(4, 6).unwrap().read_all().unwrap(), "456789");
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert!(extent.read(8, 4).unwrap_err().why.contains("promised"));
    }

    #[test]
    fn derived_bytes_too_many_for_the_cache_are_computed_once_all_the_same() {
        let limits = Limits { cache_bytes: 20, ..Limits::default() };
        let vault = Arc::new(Vault::new(limits));
        let calls = Arc::new(AtomicUsize::new(0));
        let extent = Extent::derived(&vault, 12, Counting(Arc::clone(&calls)));
        for (offset, wanted) in (0..).zip("0123456789".as_bytes().windows(3)) {
            assert_eq!(extent.read(offset, 3).unwrap(), wanted);
        }
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert!(extent.read(8, 4).unwrap_err().why.contains("promised"));
    }

    #[test]
    fn a_second_reader_meets_the_same_fault() {
        struct Broken;
        impl Derive for Broken {
            fn derive(&self, sink: &mut Sink<'_>) -> Result<(), Fault> {
                sink.push(b"half")?;
                Err(Fault::new(4, "decompress", "the checksum is wrong"))
            }

            fn input_bytes(&self) -> u64 {
                1
            }
        }
        let vault = Arc::new(Vault::new(Limits::default()));
        let extent = Extent::derived(&vault, 8, Broken);
        let first = extent.read_all().unwrap_err();
        assert_eq!(extent.read(0, 4).unwrap(), "half");
        assert_eq!(extent.read_all().unwrap_err(), first);
        let salvage = extent.clamp(1, 7).salvage();
        assert_eq!((&salvage.bytes[..], salvage.faults.len()), (&b"alf\0\0\0\0"[..], 1));
    }

    #[test]
    fn joined_extents_read_across_their_seams() {
        let vault = Arc::new(Vault::new(Limits::default()));
        let one = Extent::from_memory(&vault, &b"abcdef"[..]);
        let joined = Extent::joined(
            &vault,
            vec![one.slice(0, 2).unwrap(), one.slice(4, 2).unwrap(), one.clone()],
        );
        assert_eq!(joined.read_all().unwrap(), "abefabcdef");
        assert_eq!(joined.read(1, 4).unwrap(), "befa");
        assert_eq!(joined.slice(3, 2).unwrap().read_all().unwrap(), "fa");
        assert!(joined.read(8, 3).is_err());
        let sparse = Extent::joined(&vault, vec![one.clone(), Extent::zeros(&vault, 1 << 50)]);
        assert_eq!(sparse.read(4, 4).unwrap(), "ef\0\0");
        let fault = Fault::new(0, "find a block", "cut");
        let holed = Extent::joined(
            &vault,
            vec![one.clone(), Extent::missing(&vault, 9, fault), one.clone()],
        );
        assert_eq!(holed.read(15, 2).unwrap(), "ab");
        assert_eq!(holed.read(5, 2).unwrap_err().what, "find a block");
        let places = [0, 5, 6, 1 << 40].map(|offset| sparse.next_data(offset));
        assert_eq!(places, [0, 5, sparse.len(), sparse.len()]);
        assert!(sparse.refusal().is_some() && one.refusal().is_none());
        let salvage = holed.clamp(4, 15).salvage();
        assert_eq!(
            (&salvage.bytes[..], salvage.faults.len()),
            (&b"ef\0\0\0\0\0\0\0\0\0abcd"[..], 1)
        );
        assert!(sparse.read_all().unwrap_err().why.contains("at once"));
        assert_eq!(one.slice(1, 3).unwrap().offset_in(&one), Some(1));
    }
}
