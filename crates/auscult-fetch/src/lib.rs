//! Downloads vulnerability feeds into a local mirror: incremental, resumable, verified.
//!
//! [`update()`] brings the folder of each feed up to date; what the feeds say is for
//! `auscult-advisory` to read, which builds a snapshot from the same folder. This crate reads only
//! what paging needs: tables of contents, digests, and whether a file is whole and of its schema.
//! A file replaces the last good copy only after it was verified; a feed that fails keeps what it
//! has. The crate reads no clock: the time is an argument.

mod config;
mod digest;
mod error;
mod feeds;
mod http;
mod kinds;
mod mirror;
mod part;
mod session;
mod shape;
mod state;
mod update;

pub use config::{Config, FeedConfig, Rate, Secret, Transfer};
pub use error::{Error, Result};
pub use feeds::{FEEDS, Feed, find};
pub use mirror::{Lock, Mirror, write_atomically};
pub use session::lost_too_much;
pub use state::{Cursor, FeedState, FileState};
pub use update::{Event, FeedReport, Judge, Judged, Observer, Options, Outcome, selected, update};
