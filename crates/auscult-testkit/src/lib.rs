//! Image builders for the project's tests and its sample.
//!
//! Every builder returns bytes in a real format that the tools of that format accept, made from
//! small typed descriptions. The same description gives the same bytes on every run and machine:
//! no clock, no randomness, no host path.
//!
//! For development only, never shipped. The inputs are the project's own, so a builder that meets
//! an impossible one (a name too long for its field) panics instead of returning an error.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "builders run in tests on our own inputs; a failed one is a bug in the test"
)]

pub mod archive;
pub mod checksum;
pub mod disk;
pub mod elf;
pub mod feeds;
pub mod hive;
mod mailbox;
mod oidc_provider;
pub mod packages;
mod postgres;
pub mod sample;
mod seeds;
mod serving;
mod slapd;
pub mod squashfs;
pub mod stream;
pub mod tree;
pub mod uboot;
pub mod vendor;
mod writer;
pub mod zip;

pub use mailbox::{Mailbox, free_port};
pub use oidc_provider::{GroupsIn, OidcProvider};
pub use postgres::Postgres;
pub use seeds::seeds;
pub use serving::Serving;
pub use slapd::Slapd;
pub use tree::{Entry, EntryKind, Tree};
pub use writer::{Endian, Writer};
