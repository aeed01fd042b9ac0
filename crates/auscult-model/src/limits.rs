//! Limits on hostile input, in one value.

use serde::{Deserialize, Serialize};

/// What an inspection may use at most. Over a limit the work stops at that place, and a
/// [`Problem`](crate::Problem) says so; nothing is dropped silently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Containers inside containers.
    pub depth: u32,
    /// Nodes of the whole tree: files, directories, regions.
    pub entries: u64,
    /// Bytes that all transforms together may put out, read again or not.
    pub derived_bytes: u64,
    /// Bytes that a single transform (one stream, one file) may put out.
    pub stream_bytes: u64,
    /// Output of a stream divided by its input, looked at once the output passes
    /// [`ratio_floor_bytes`](Self::ratio_floor_bytes).
    pub ratio: u64,
    /// Streams smaller than this are never refused for their ratio, in bytes.
    pub ratio_floor_bytes: u64,
    /// Derived bytes that may be held in memory at once.
    pub cache_bytes: u64,
    /// Derived bytes that may be put into a temporary file where memory does not hold them.
    pub spill_bytes: u64,
    /// Length of a path, in bytes.
    pub path_bytes: u32,
    /// Wall time of the whole inspection, in milliseconds; kept by the caller of the worker.
    pub time_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            depth: 16,
            entries: 2_000_000,
            derived_bytes: 16 << 30,
            stream_bytes: 16 << 30,
            ratio: 1000,
            ratio_floor_bytes: 128 << 20,
            cache_bytes: 256 << 20,
            spill_bytes: 16 << 30,
            path_bytes: 4096,
            time_ms: 600_000,
        }
    }
}
