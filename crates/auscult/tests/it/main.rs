//! The program as a user runs it: arguments in, exit code, standard output and files out.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a failed precondition of a test is its failure"
)]

mod bad_input;
mod bundle;
mod cache;
mod gate;
mod hostile;
mod integrity;
mod labels;
mod places;
mod readme;
mod sbom;
mod server;
mod snapshot;
mod stated;
mod support;
mod update;
mod walls;
