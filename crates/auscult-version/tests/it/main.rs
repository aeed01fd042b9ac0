//! Tests of the orderings: third-party tables, laws of order, and ranges.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a failed precondition is a failed test; what was skipped or measured is told"
)]

mod conformance;
mod laws;
mod ranges;
