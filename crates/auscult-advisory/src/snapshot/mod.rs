//! The advisory snapshot: one read-only file in layers, each with a digest under one root digest.
//!
//! [`format`] writes and reads the file, [`view`] asks it questions, [`bundle`] carries it to a
//! site without a network, [`regression`](regression()) tells what a newer one lost.

pub(crate) mod bundle;
pub(crate) mod counts;
pub(crate) mod format;
mod regression;
mod replace;
pub(crate) mod scores;
pub(crate) mod table;
mod view;
pub(crate) mod write;

pub use counts::YearCoverage;
pub use regression::regression;
pub use replace::write_file;
pub(crate) use replace::{Replacement, open_present};
pub(crate) use view::kev_entry;
pub use view::{AdvisoryView, ClaimView, ExploitSign, Snapshot, StatementView};

/// Names of the layers, in the order of the file.
pub(crate) const RANGES: &str = "ranges";
pub(crate) const EXPLOITATION: &str = "exploitation";
pub(crate) const EPSS: &str = "epss";
pub(crate) const PROSE: &str = "prose";
pub(crate) const SUPPORT: &str = "support";

/// Tables of the layer of ranges: claims by product.
pub(crate) const PRODUCTS: usize = 0;
/// What a finding tells of each vulnerability.
pub(crate) const VULNERABILITIES: usize = 1;
/// Ids by other ids.
pub(crate) const ALIASES: usize = 2;
/// What publishers say beside the ranges.
pub(crate) const STATEMENTS: usize = 3;
/// The rest of what is known of each vulnerability.
pub(crate) const DETAILS: usize = 4;
