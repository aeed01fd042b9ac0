//! Reading: the bytes of an extent, from wherever they come.

use std::{fs::File, os::unix::fs::FileExt as _};

use bytes::Bytes;
use rayon::prelude::*;

use super::{Derive, Extent, Joined, Origin, Stream, Strided};
use crate::{
    Fault,
    guard::guard,
    vault::{Held, HeldBytes},
};

/// Bytes that may be read at once.
const AT_ONCE_BYTES_MAX: u64 = 1 << 30;

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

impl Extent {
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
        Stream::of(self)
    }

    fn fetch(&self) -> Result<Bytes, Fault> {
        match &self.source.origin {
            Origin::File(file) => self.fetch_file(file),
            Origin::Memory(bytes) => self.cut(bytes, None),
            Origin::Derived(transform) => self.fetch_derived(transform.as_ref()),
            Origin::Joined(joined) => self.fetch_joined(joined),
            Origin::Strided(strided) => self.fetch_strided(strided),
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
        let derived = guard(|| "read".to_owned(), || transform.derive(&mut sink));
        let fault = derived.and_then(|result| result).err();
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

    /// Reads from the first piece to the last at once, and leaves out what is between them.
    fn fetch_strided(&self, strided: &Strided) -> Result<Bytes, Fault> {
        let Strided { base, piece, stride } = strided;
        if self.length == 0 {
            return Ok(Bytes::new());
        }
        let wanted = self.admitted_length()?;
        let place = |offset: u64| offset / piece * stride + offset % piece;
        let last = self.start + self.length - 1;
        let (from, to) = (place(self.start), place(last) + 1);
        let bytes = base.read(from, to - from).map_err(|fault| fault.within(from))?;
        let mut output = Vec::with_capacity(wanted);
        let (mut at, mut left) = (self.start, self.length);
        while left > 0 {
            let length = left.min(piece - at % piece);
            let start = usize::try_from(place(at) - from).unwrap_or(usize::MAX);
            let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
            output.extend_from_slice(bytes.get(start..end).unwrap_or_default());
            at += length;
            left -= length;
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

/// Their number.
pub(super) fn length_of(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
