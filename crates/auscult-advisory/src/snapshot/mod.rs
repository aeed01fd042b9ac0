//! The advisory snapshot: one read-only file in layers, each with a digest under one root digest.
//!
//! [`format`] writes and reads the file, [`view`] asks it questions.

pub(crate) mod format;
pub(crate) mod table;
mod view;
pub(crate) mod write;

pub(crate) use view::kev_entry;
pub use view::{AdvisoryView, ClaimView, ExploitSign, Snapshot, StatementView};
pub use write::write_file;

/// Names of the layers, in the order of the file.
pub(crate) const RANGES: &str = "ranges";
pub(crate) const EXPLOITATION: &str = "exploitation";
pub(crate) const EPSS: &str = "epss";
pub(crate) const PROSE: &str = "prose";
