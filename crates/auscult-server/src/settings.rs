//! What whoever starts the server decides.

use std::{net::SocketAddr, path::PathBuf};

/// Settings of one process. What is the same for all replicas is in the store.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The organisation whose people sign in here.
    pub organisation: String,
    /// Where the certificate comes from.
    pub certificate: CertificateSource,
    /// Largest image that is taken, in bytes.
    pub upload_bytes_max: u64,
    /// Images that are inspected at once.
    pub inspections_max: usize,
    /// Requests a second that one address may send in the long run.
    pub requests_per_second: u32,
}

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum CertificateSource {
    /// Made once and kept in this folder.
    Kept(PathBuf),
    /// Files in PEM form: the chain and its key.
    Given {
        /// The certificate, followed by those that vouch for it.
        chain: PathBuf,
        /// The private key.
        key: PathBuf,
    },
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to write the log to standard error; `level` is `error`, `warn`, `info` or `debug`.
pub fn start_log(format: LogFormat, level: &str) {
    let level = level.parse().unwrap_or(tracing::Level::INFO);
    let builder = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(level)
        .with_target(false);
    // Somebody who uses the library may have set a log already, which then stays.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
