//! The one error of this crate.

use std::{io, path::PathBuf};

use auscult_model::Sha256;
use jiff::civil::Date;

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
    /// The snapshot was written by a newer program, or by one before the last change of the format.
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
    /// Another process is writing the same file.
    #[error("write {path}: another process is writing it")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// Bytes could not be passed on.
    #[error("write")]
    Write(#[source] io::Error),
    /// The file is no bundle at all.
    #[error("read the bundle: it does not begin with the mark of a bundle")]
    NotABundle,
    /// The bundle was written by a newer program.
    #[error("read the bundle: its format is {found}, this program reads {known}")]
    BundleFormat {
        /// The format of the file.
        found: u32,
        /// The format known.
        known: u32,
    },
    /// The bundle has another length than was signed.
    #[error("read the bundle: {expected} bytes announced, {found} present")]
    TruncatedBundle {
        /// Length that is needed.
        expected: u64,
        /// Length of the file.
        found: u64,
    },
    /// The bundle makes no sense.
    #[error("read the bundle: it does not hold {what}")]
    MalformedBundle {
        /// What was expected.
        what: &'static str,
    },
    /// The bundle is signed by a key that is not trusted.
    #[error("verify the bundle: it is signed by an unknown key ({keys})")]
    UnknownKey {
        /// Names of the keys, as the bundle tells them.
        keys: String,
    },
    /// The bundle names a trusted key that did not sign it.
    #[error("verify the bundle: the signature is not of the key that it names ({key})")]
    WrongSignature {
        /// Name of the key.
        key: String,
    },
    /// Bytes of a bundle, or what they make, are not those that were signed.
    #[error("verify the bundle: {what} does not have the digest that was signed")]
    BundleDigest {
        /// The part of it.
        what: &'static str,
    },
    /// A delta belongs to another snapshot than the present one.
    #[error(
        "apply the bundle: it is a delta to the snapshot of {date} (root sha256:{needed}); {}",
        found.map_or_else(
            || "there is no snapshot yet".to_owned(),
            |found| format!("the present one has the root sha256:{found}"),
        )
    )]
    Base {
        /// Root digest of the snapshot that is needed.
        needed: Sha256,
        /// Date of it.
        date: Date,
        /// Root digest of the snapshot that is there.
        found: Option<Sha256>,
    },
    /// The new snapshot knows less than the present one.
    #[error("replace the snapshot: {}", reasons.join("; "))]
    Regression {
        /// What was lost.
        reasons: Vec<String>,
    },
    /// The present file cannot be compared with.
    #[error("compare with the present snapshot {path}")]
    Present {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Box<Error>,
    },
}

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;
