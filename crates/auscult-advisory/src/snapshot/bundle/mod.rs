//! Bundles: a snapshot, or the difference between two, signed for a site without a network.
//!
//! ```text
//! mark (8 bytes) · format (u32 LE) · envelope length (u32 LE) · envelope · content
//! envelope: DSSE over an in-toto statement with the digests of the content and of the snapshot
//! content:  the snapshot, or a recipe and the bytes that the base does not hold (see `delta`)
//! ```
//!
//! The signature is verified before anything else is believed, and the envelope ahead of the
//! content, so that a bundle of an unknown key is refused at once.

mod delta;
mod export;
mod import;
mod statement;

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use auscult_dsse::{Envelope, PAYLOAD_TYPE, Refused, shown_ids};
pub use auscult_dsse::{PublicKey, SigningKey};
use auscult_model::Sha256;
pub use export::seal;
pub use import::{Imported, import};
use sha2::Digest as _;
pub use statement::{Base, Statement};

use crate::{Error, Result, snapshot::Snapshot};

/// First bytes of a bundle; the line ends show a transfer in text mode.
const MARK: [u8; 8] = *b"AUBUN\r\n\x1a";
/// Number of the format.
const FORMAT: u32 = 1;
const PREFIX_BYTES: u64 = 16;
/// An envelope larger than this is refused before memory is taken for it.
const ENVELOPE_BYTES_MAX: u32 = 4 << 20;
/// Bytes that are read and written at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// The bytes of a bundle.
enum Bytes {
    Memory(Vec<u8>),
    File { file: File, path: PathBuf, length: u64 },
}

impl Bytes {
    fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::File { length, .. } => *length,
        }
    }

    /// Reads a part; the bundle must hold all of it.
    fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        let end = offset.checked_add(length).filter(|end| *end <= self.length());
        let truncated = || Error::TruncatedBundle {
            expected: offset.saturating_add(length),
            found: self.length(),
        };
        let (Some(end), Ok(size)) = (end, usize::try_from(length)) else {
            return Err(truncated());
        };
        match self {
            Self::Memory(bytes) => {
                let (start, end) = (usize::try_from(offset), usize::try_from(end));
                let (Ok(start), Ok(end)) = (start, end) else { return Err(truncated()) };
                bytes.get(start..end).map(<[u8]>::to_vec).ok_or_else(truncated)
            }
            Self::File { file, path, .. } => {
                let mut part = vec![0; size];
                file.read_exact_at(&mut part, offset)
                    .map_err(|source| Error::Io { path: path.clone(), source })?;
                Ok(part)
            }
        }
    }
}

/// A bundle whose envelope was read, and nothing verified yet.
pub struct Bundle {
    bytes: Bytes,
    envelope: Envelope,
    content_at: u64,
}

/// A bundle whose signature is of a trusted key.
pub struct Verified {
    bytes: Bytes,
    content_at: u64,
    /// What the signature vouches for.
    pub statement: Statement,
    /// The key that signed.
    pub key: PublicKey,
}

impl Bundle {
    /// Opens a file and reads its envelope.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Self::from(Bytes::File { file, path: path.to_owned(), length })
    }

    /// Takes a bundle in memory.
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self> {
        Self::from(Bytes::Memory(bytes))
    }

    fn from(bytes: Bytes) -> Result<Self> {
        let prefix = bytes.read(0, PREFIX_BYTES.min(bytes.length()))?;
        let word = |at: usize| {
            let four = prefix.get(at..at + 4).and_then(|four| four.try_into().ok());
            four.map(u32::from_le_bytes)
        };
        if prefix.get(..8) != Some(&MARK) {
            return Err(Error::NotABundle);
        }
        let (Some(format), Some(envelope_bytes)) = (word(8), word(12)) else {
            return Err(Error::TruncatedBundle { expected: PREFIX_BYTES, found: bytes.length() });
        };
        if format != FORMAT {
            return Err(Error::BundleFormat { found: format, known: FORMAT });
        }
        if envelope_bytes > ENVELOPE_BYTES_MAX {
            return Err(Error::MalformedBundle { what: "an envelope of at most 4 MiB" });
        }
        let envelope = bytes.read(PREFIX_BYTES, u64::from(envelope_bytes))?;
        let envelope = serde_json::from_slice(&envelope)
            .map_err(|_| Error::MalformedBundle { what: "a DSSE envelope" })?;
        Ok(Self { bytes, envelope, content_at: PREFIX_BYTES + u64::from(envelope_bytes) })
    }

    /// Verifies the signature, and that the content has the length that was signed.
    pub fn verify(self, trusted: &[PublicKey]) -> Result<Verified> {
        let nameless = || Error::UnknownKey { keys: shown_ids([""; 0]) };
        let opened = self.envelope.open(PAYLOAD_TYPE, trusted);
        let (payload, keys) = opened.map_err(|refused| match refused {
            Refused::Malformed => Error::MalformedBundle { what: "a signed statement" },
            Refused::Unsigned => nameless(),
            Refused::Unknown(keys) => Error::UnknownKey { keys: shown_ids(keys) },
            Refused::Wrong(key) => Error::WrongSignature { key },
        })?;
        let statement = Statement::read(&payload)?;
        let key = keys.first().copied().cloned();
        let key = key.ok_or_else(nameless)?;
        let expected = self.content_at.saturating_add(statement.content_bytes);
        if expected != self.bytes.length() {
            return Err(Error::TruncatedBundle { expected, found: self.bytes.length() });
        }
        let Self { bytes, content_at, .. } = self;
        Ok(Verified { bytes, content_at, statement, key })
    }
}

impl Verified {
    /// Writes the snapshot that the bundle stands for: byte for byte the one that was exported,
    /// compared with its digest. A delta needs the snapshot that it was made against. What was
    /// written before an error is not to be used.
    pub fn restore(&self, base: Option<&Snapshot>, out: &mut dyn Write) -> Result<()> {
        self.check_content()?;
        let mut out = Hashing::new(out);
        match &self.statement.base {
            None => self.copy(self.content_at, self.statement.content_bytes, &mut out)?,
            Some(needed) => {
                let base = base.filter(|base| base.info().root == needed.root);
                let base = base.ok_or_else(|| Error::Base {
                    needed: needed.root,
                    date: needed.date,
                    found: base.map(|base| base.info().root),
                })?;
                delta::apply(self, base, &mut out)?;
            }
        }
        if out.finish() != (self.statement.snapshot, self.statement.snapshot_bytes) {
            return Err(Error::BundleDigest { what: "the snapshot" });
        }
        Ok(())
    }

    fn check_content(&self) -> Result<()> {
        let mut nowhere = io::sink();
        let mut out = Hashing::new(&mut nowhere);
        self.copy(self.content_at, self.statement.content_bytes, &mut out)?;
        let found = out.finish();
        if found != (self.statement.content, self.statement.content_bytes) {
            return Err(Error::BundleDigest { what: "its content" });
        }
        Ok(())
    }

    fn copy(&self, offset: u64, length: u64, out: &mut dyn Write) -> Result<()> {
        each_chunk(offset, length, |at, part| put(out, &self.bytes.read(at, part)?))
    }
}

/// Calls a function with offset and length of each chunk of a stretch.
fn each_chunk(
    offset: u64,
    length: u64,
    mut take: impl FnMut(u64, u64) -> Result<()>,
) -> Result<()> {
    let (mut at, mut left) = (offset, length);
    while left > 0 {
        let part = left.min(CHUNK_BYTES);
        take(at, part)?;
        at = at.saturating_add(part);
        left -= part;
    }
    Ok(())
}

fn put(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes).map_err(Error::Write)
}

/// Passes bytes on, with their digest and number.
struct Hashing<'a> {
    out: &'a mut dyn Write,
    hasher: sha2::Sha256,
    length: u64,
}

impl<'a> Hashing<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        Self { out, hasher: sha2::Sha256::new(), length: 0 }
    }

    fn finish(self) -> (Sha256, u64) {
        (Sha256(self.hasher.finalize().into()), self.length)
    }
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.hasher.update(bytes);
        self.length = self.length.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
