//! Tests of the orderings: third-party tables, laws of order, and ranges.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a failed precondition is a failed test; what was skipped or measured is told"
)]

mod laws;
mod orders;
mod ranges;
mod suites;
mod vers;
mod vers_spec;
