//! What goes wrong while reading hostile bytes.

use std::fmt;

/// A place where reading went wrong: the offset is relative to the bytes being read.
///
/// The engine turns it into an `auscult_model::Problem` with a full locator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Fault {
    /// Offset in the bytes that were being read.
    pub offset: u64,
    /// What could not be done, such as "read the superblock".
    pub what: String,
    /// Why.
    pub why: String,
}

impl Fault {
    /// A fault at this offset.
    pub fn new(offset: u64, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { offset, what: what.into(), why: why.into() }
    }

    /// The same fault, seen from bytes that enclose the present ones at `base`.
    #[must_use]
    pub fn within(mut self, base: u64) -> Self {
        self.offset = self.offset.saturating_add(base);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at {:#x}: {}", self.what, self.offset, self.why)
    }
}
