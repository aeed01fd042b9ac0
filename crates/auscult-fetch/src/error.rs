//! The one error of this crate.

use std::{io, path::PathBuf};

/// Why a feed, or all of them, could not be brought up to date.
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
    /// Another update works in the same folder.
    #[error("lock {path}: another update is at work there")]
    Busy {
        /// The lock file.
        path: PathBuf,
    },
    /// The configuration makes no sense.
    #[error("read the configuration: {0}")]
    Config(String),
    /// A feed of that name does not exist.
    #[error("find the feed {0}: there is none of that name")]
    UnknownFeed(String),
    /// The server answered with an error.
    #[error("get {url}: the server answers {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// Its HTTP status.
        status: u16,
    },
    /// The server wants to be asked later than we are ready to wait.
    #[error("get {url}: the server answers {status} and asks to wait {seconds} s")]
    Later {
        /// What was asked for.
        url: String,
        /// Its HTTP status.
        status: u16,
        /// Seconds to wait.
        seconds: u64,
    },
    /// The connection failed, or what came over it is no HTTP.
    #[error("get {url}: {reason}")]
    Connection {
        /// What was asked for.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The server does not prove who it is.
    #[error("get {url}: the server is not trusted: {reason}")]
    Untrusted {
        /// What was asked for.
        url: String,
        /// What is wrong with its certificate.
        reason: String,
    },
    /// The body ended early.
    #[error("get {url}: the connection ended after {received} bytes")]
    Truncated {
        /// What was asked for.
        url: String,
        /// Bytes of the file received so far.
        received: u64,
    },
    /// The server sends, but next to nothing.
    #[error("get {url}: less than {bytes} bytes came in {seconds} s")]
    TooSlow {
        /// What was asked for.
        url: String,
        /// Bytes that must come.
        bytes: u64,
        /// In this time.
        seconds: u64,
    },
    /// The body is larger than the feed can be.
    #[error("get {url}: larger than the {limit} bytes that this file may have")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// Most bytes taken.
        limit: u64,
    },
    /// A redirection leads in a circle, to nowhere, or from an encrypted to a plain connection.
    #[error("get {url}: {reason}")]
    Redirect {
        /// What was asked for.
        url: String,
        /// What is wrong with the redirection.
        reason: &'static str,
    },
    /// The bytes do not have the digest that is published for them.
    #[error("verify {name}: the feed publishes {algorithm} {expected}, the file has {found}")]
    Digest {
        /// The file, relative to the folder of the feed.
        name: String,
        /// Name of the algorithm.
        algorithm: &'static str,
        /// The digest published.
        expected: String,
        /// The digest of what came.
        found: String,
    },
    /// The file is not what the feed serves.
    #[error("verify {name}: {reason}")]
    Shape {
        /// The file, relative to the folder of the feed.
        name: String,
        /// What is missing.
        reason: String,
    },
    /// The table of contents of a feed makes no sense.
    #[error("read {url}: {reason}")]
    Listing {
        /// The table of contents.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The new copy would lose what the old one has; the old one is kept.
    #[error("accept {name}: {reason}")]
    HeldBack {
        /// The file or the feed.
        name: String,
        /// What would be lost.
        reason: String,
    },
}

impl Error {
    /// Tells whether asking again soon may help.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(self, Self::Connection { .. } | Self::Truncated { .. } | Self::TooSlow { .. })
    }

    pub(crate) fn io(path: &std::path::Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// The result of this crate's functions.
pub type Result<T> = std::result::Result<T, Error>;
