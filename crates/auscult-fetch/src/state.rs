//! What is remembered of each feed between two updates.

use std::{collections::BTreeMap, path::Path};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Result, mirror};

/// The state of one feed, kept as JSON in `state/FEED.json`.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct FeedState {
    /// Files of the feed, by their path in its folder.
    pub files: BTreeMap<String, FileState>,
    /// When the feed was last complete and up to date.
    pub succeeded: Option<Timestamp>,
    /// When it was last asked.
    pub attempted: Option<Timestamp>,
    /// Since when it fails, if it does.
    pub failing_since: Option<Timestamp>,
    /// Why it failed last, or nothing.
    pub failure: Option<String>,
    /// Where a paged interface stands.
    pub cursor: Cursor,
}

/// What is remembered of one file.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(default)]
pub struct FileState {
    /// Validator of the server, with its quotes (RFC 9110 section 8.8.3).
    pub etag: Option<String>,
    /// Date of the server, as it wrote it (RFC 9110 section 8.8.2).
    pub last_modified: Option<String>,
    /// What the feed's own table of contents says of this version.
    pub token: Option<String>,
    /// SHA-256 of the bytes as kept, in hexadecimal.
    pub sha256: String,
    /// Length of the bytes as kept.
    pub size: u64,
    /// Records in it, where they were counted.
    pub records: Option<u64>,
    /// When it was fetched.
    pub fetched: Option<Timestamp>,
}

/// Where a paged interface stands.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(default)]
pub struct Cursor {
    /// Start of the full round that is under way.
    pub round_started: Option<Timestamp>,
    /// Index of the first record that it still lacks.
    pub next_index: u64,
    /// Changes up to here are in the mirror.
    pub complete_to: Option<Timestamp>,
}

/// A longer state file is not ours.
const STATE_BYTES_MAX: u64 = 256 << 20;

impl FeedState {
    /// Reads the state. What is missing or damaged only costs that files are fetched anew.
    pub fn load(path: &Path) -> Self {
        let bytes = mirror::read_bounded(path, STATE_BYTES_MAX).ok().flatten();
        bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// Writes the state whole or not at all; tells its length in bytes.
    pub(crate) fn save(&self, path: &Path) -> Result<u64> {
        let bytes = serde_json::to_vec_pretty(self)
            .map_err(|error| crate::Error::io(path)(std::io::Error::other(error)))?;
        mirror::write_atomically(path, &bytes)?;
        Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
    }
}
