//! The one error of this crate.

use std::{io, path::PathBuf};

/// Why a snapshot could not be built, read or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("access {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The folder holds no feed that is known.
    #[error("find a vulnerability feed in {path}: {files} files read, none recognised")]
    NoFeeds {
        /// The folder.
        path: PathBuf,
        /// Number of files looked at.
        files: u64,
    },
    /// The file is no snapshot at all.
    #[error("read the snapshot: it does not begin with the mark of a snapshot")]
    NotASnapshot,
    /// The snapshot was written by a newer program.
    #[error("read the snapshot: its format is {found}, this program reads {known}")]
    Format {
        /// The format of the file.
        found: u32,
        /// The format known.
        known: u32,
    },
    /// The file has another length than its header says.
    #[error("read the snapshot: {expected} bytes announced, {found} present")]
    Truncated {
        /// Length that the header gives.
        expected: u64,
        /// Length of the file.
        found: u64,
    },
    /// Bytes are not those that were written.
    #[error("verify layer {layer} of the snapshot: {what} does not have its digest")]
    Digest {
        /// The layer.
        layer: String,
        /// The part of it.
        what: String,
    },
    /// Bytes have their digest and still make no sense.
    #[error("decode layer {layer} of the snapshot: {what}")]
    Malformed {
        /// The layer.
        layer: String,
        /// What was expected.
        what: &'static str,
    },
    /// A snapshot could not be compressed.
    #[error("compress a block of the snapshot")]
    Compress(#[source] io::Error),
}

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;
