//! Test support of the formats.

pub(crate) mod hostile;
pub(crate) mod reference;
mod registry;
mod stream_tests;
