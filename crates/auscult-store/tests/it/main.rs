//! The store as its callers see it, each test on SQLite and on PostgreSQL.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a failed precondition is a failed test; what was skipped is told"
)]

mod accounts;
mod audit;
mod backups;
mod blobs;
mod builds;
mod databases;
mod decisions;
mod devices;
mod fault;
mod opening;
mod organisations;
mod queue;
mod reach;
mod sign_in;
