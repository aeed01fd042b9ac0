//! The file format of the snapshot.
//!
//! ```text
//! mark (8 bytes) · format (u32 LE) · header length (u32 LE) · root digest (32 bytes)
//! header (JSON): date, coverage, sources, layers with digest, offset, length
//! layers: directory (tables → blocks with length, digest, checksum, first key), then the blocks
//! ```
//!
//! The root is the SHA-256 of everything before it and of the header, the digest of a layer that
//! of its directory, and the directory holds the digest of every block. So no byte that is used can
//! change unseen, and nothing but the header need be read to open the file. The checksum beside the
//! digest (XXH3, 64 bits) finds damage in all the blocks that a scan does not use, at the speed of
//! memory.

use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use auscult_model::{Sha256, SourceInfo};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Error, Result, snapshot::counts::Counts};

/// First bytes of a snapshot; the line ends show a transfer in text mode.
pub(crate) const MARK: [u8; 8] = *b"AUADV\r\n\x1a";
/// Number of the format. 1 had larger blocks without checksums, and kept all that is known of a
/// vulnerability in one row.
pub(crate) const FORMAT: u32 = 2;
/// Length of what stands before the header.
pub(crate) const PREFIX_BYTES: usize = 48;
/// A header larger than this is refused before memory is taken for it.
const HEADER_BYTES_MAX: u32 = 1 << 20;
/// The same for a directory or a block, packed or not.
pub(crate) const PART_BYTES_MAX: u64 = 1 << 28;

/// The header of a snapshot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Header {
    pub(crate) date: Date,
    pub(crate) coverage: String,
    /// Missing in snapshots of earlier releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counts: Option<Counts>,
    pub(crate) sources: Vec<SourceInfo>,
    pub(crate) layers: Vec<LayerHeader>,
}

/// Where a layer is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LayerHeader {
    pub(crate) name: String,
    pub(crate) digest: Sha256,
    /// Offset after the end of the header.
    pub(crate) offset: u64,
    pub(crate) directory_bytes: u64,
    pub(crate) length: u64,
}

/// The root digest over the prefix and the header.
pub(crate) fn root_digest(header: &[u8]) -> Sha256 {
    let mut bytes = Vec::with_capacity(header.len() + 16);
    bytes.extend_from_slice(&MARK);
    bytes.extend_from_slice(&FORMAT.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(header.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(header);
    Sha256::of(&bytes)
}

/// The bytes of a snapshot, in memory or in a file.
pub(crate) enum Source {
    Static(&'static [u8]),
    Memory(Vec<u8>),
    File { file: File, path: PathBuf, length: u64 },
}

impl Source {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |source| Error::Io { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Self::File { file, path: path.to_owned(), length })
    }

    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Static(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Memory(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::File { length, .. } => *length,
        }
    }

    /// Reads a part; the file must hold all of it.
    pub(crate) fn read(&self, offset: u64, length: u64) -> Result<Vec<u8>> {
        self.read_in(offset, length, &mut Vec::new()).map(<[u8]>::to_vec)
    }

    /// The same without a copy of what is in memory; what is in a file comes into the room that is
    /// lent, so that thousands of blocks need not each have their own.
    pub(crate) fn read_in<'a>(
        &'a self,
        offset: u64,
        length: u64,
        room: &'a mut Vec<u8>,
    ) -> Result<&'a [u8]> {
        let truncated =
            || Error::Truncated { expected: offset.saturating_add(length), found: self.length() };
        let end = offset.checked_add(length).ok_or_else(truncated)?;
        if end > self.length() || length > PART_BYTES_MAX {
            return Err(truncated());
        }
        let bytes: &[u8] = match self {
            Self::Static(bytes) => bytes,
            Self::Memory(bytes) => bytes,
            Self::File { file, path, .. } => {
                let failed = |source| Error::Io { path: path.clone(), source };
                room.resize(usize::try_from(length).map_err(|_| truncated())?, 0);
                file.read_exact_at(room, offset).map_err(failed)?;
                return Ok(room);
            }
        };
        let (start, end) = (usize::try_from(offset), usize::try_from(end));
        let (Ok(start), Ok(end)) = (start, end) else { return Err(truncated()) };
        bytes.get(start..end).ok_or_else(truncated)
    }
}

/// Reads and verifies the header; gives it with its root digest and its end in the file.
pub(crate) fn read_header(source: &Source) -> Result<(Header, Sha256, u64)> {
    let prefix_bytes = u64::try_from(PREFIX_BYTES).unwrap_or(u64::MAX);
    if source.length() < prefix_bytes {
        return Err(Error::NotASnapshot);
    }
    let prefix = source.read(0, prefix_bytes)?;
    let word = |at: usize| {
        let bytes = prefix.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_le_bytes)
    };
    if prefix.get(..8) != Some(&MARK) {
        return Err(Error::NotASnapshot);
    }
    let (format, header_bytes) = (word(8), word(12));
    if format != FORMAT {
        return Err(Error::Format { found: format, known: FORMAT });
    }
    let bad = || Error::Digest { layer: "header".into(), what: "the header".into() };
    if header_bytes > HEADER_BYTES_MAX {
        return Err(bad());
    }
    let header = source.read(prefix_bytes, u64::from(header_bytes))?;
    let root = root_digest(&header);
    if prefix.get(16..) != Some(&root.0) {
        return Err(bad());
    }
    let parsed: Header = serde_json::from_slice(&header).map_err(|_| Error::Malformed {
        layer: "header".into(),
        what: "a header of this format",
    })?;
    let end = prefix_bytes + u64::from(header_bytes);
    let data: u64 = parsed.layers.iter().map(|layer| layer.length).fold(0, u64::saturating_add);
    let expected = end.saturating_add(data);
    if expected != source.length() {
        return Err(Error::Truncated { expected, found: source.length() });
    }
    Ok((parsed, root, end))
}
