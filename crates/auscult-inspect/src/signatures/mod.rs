//! Signature rules: which component do these bytes belong to, and in which version?
//!
//! A rule is a TOML file `rules/GROUP/ID.toml`, one per component, with its own positive and
//! negative tests; `rules/README.md` tells how to write one. All literals of all rules are sought
//! in one Aho-Corasick pass over the bytes; only around a literal that was met does a bounded
//! regular expression read the version. No expression ever runs over a whole file.
//!
//! What a pattern proves is part of the rule ([`EvidenceClass`](auscult_model::EvidenceClass)):
//! an OpenSSL banner next to OpenSSL's own error texts is OpenSSL's code, the same banner in
//! another program says only what it was compiled against. Symbol-version nodes, soname numbers
//! and protocol names are no versions, and no rule reads them as such.
//!
//! Not here: package databases, kernel banners and image headers, which are structures.

mod glob;
mod literals;
mod record;
mod rule;
mod ruleset;
mod scan;
mod standalone;
mod text;

#[cfg(test)]
mod tests;

pub use record::Record;
pub use rule::{Pattern, Rule, RuleError, RuleTest};
pub use ruleset::RuleSet;
pub use scan::{FileContext, FileKind, Hit};
