//! Tests of the outputs, over results made by hand.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod csv;
mod formats;
mod html;
mod json;
mod results;
mod table;
mod tree;
