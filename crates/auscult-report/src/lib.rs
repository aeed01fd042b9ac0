//! The outputs of a scan: one [`ScanResult`], many forms.
//!
//! Everything here is a pure function of the result: no clock, no network, no path of the host,
//! and the same result gives the same bytes. Text from an image or an advisory is hostile; each
//! form escapes it at its lowest level, so that no call can forget to. Not here: SBOM documents
//! (`auscult-sbom`), the facts themselves, and any opinion about them.

mod csv;
mod diff;
mod format;
mod html;
mod json;
mod rank;
mod result;
mod table;
mod text;
mod tree;

pub use csv::csv;
pub use diff::{DIFF_SCHEMA, Difference, Side};
pub use format::{OutputFormat, UnavailableFormat};
pub use html::html;
pub use json::{SCAN_SCHEMA, json, write_json};
pub use rank::{compare, makers, primary, sort, urgency};
pub use result::{Assessment, ScanResult, Unmatched};
pub use table::{TableOptions, explain, table};
pub use text::clean;
pub use tree::{TreeRow, tree_text};

/// Why an output could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The result could not be serialised.
    #[error("serialise the result")]
    Json(#[from] serde_json::Error),
    /// The output could not be written where it was asked for.
    #[error("write the result")]
    Write(#[source] std::io::Error),
    /// A text is no result of this program in this version of the form.
    #[error("read a result: the text is no {} document", SCAN_SCHEMA)]
    NoResult,
    /// The SBOM could not be written.
    #[error("write the SBOM")]
    Sbom(#[from] auscult_sbom::Error),
    /// The output needs findings, but none were sought; the text says why.
    #[error("list the findings: advisories were not asked: {0}")]
    NotAssessed(String),
}
