//! Tests of the orderings: third-party tables, laws of order, and ranges.

mod conformance;
mod laws;
mod ranges;
