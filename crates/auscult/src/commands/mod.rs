//! The subcommands, one file each.

pub(crate) mod advisories;
pub(crate) mod explain;
mod judge;
pub(crate) mod scan;
pub(crate) mod unpack;

use auscult_model::Limits;

use crate::args::LimitArgs;

/// The limits that the user set.
fn limits(arguments: &LimitArgs) -> Limits {
    let mut limits =
        Limits { time_ms: arguments.time_limit.saturating_mul(1000), ..Limits::default() };
    if let Some(bytes) = arguments.unpacked_limit {
        limits.derived_bytes = bytes;
    }
    limits
}
