//! The subcommands, one file each.

pub(crate) mod advisories;
pub(crate) mod context;
pub(crate) mod diff;
pub(crate) mod explain;
pub(crate) mod integrity;
mod judge;
pub(crate) mod push;
pub(crate) mod scan;
pub(crate) mod serve;
pub(crate) mod unpack;
pub(crate) mod upkeep;

use auscult_model::Limits;

use crate::args::LimitArgs;

/// The limits that the user set.
fn limits(arguments: &LimitArgs) -> Limits {
    let usual = Limits::default();
    let derived_bytes = arguments.unpacked_bytes.unwrap_or(usual.derived_bytes);
    Limits {
        time_ms: arguments.time_seconds.saturating_mul(1000),
        derived_bytes,
        // A single stream may be all of it, and all of it may have to be spilled.
        stream_bytes: usual.stream_bytes.max(derived_bytes),
        spill_bytes: usual.spill_bytes.max(derived_bytes),
        cache_bytes: arguments.memory_bytes.unwrap_or(usual.cache_bytes),
        ratio: arguments.ratio.unwrap_or(usual.ratio),
        depth: arguments.depth.unwrap_or(usual.depth),
        entries: arguments.entries.unwrap_or(usual.entries),
        ..usual
    }
}
