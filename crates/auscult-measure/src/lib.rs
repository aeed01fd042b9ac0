//! Measures what lies in a directory, under a live root, or in the regions of a flash image or block
//! device: digests, owners, modes, links. It compares nothing and judges nothing.
//!
//! Small enough for an agent on a device, and therefore without the unpacker. It only observes: no file
//! is opened through a link, none blocks, none outside the file system of the root is entered, and
//! what could not be measured is told as such, path by path ([`Unmeasured`]).

mod entry;
mod region;
mod tree;

pub use entry::{Content, Entry, Kind, Unmeasured, capability_text};
pub use region::{RegionDigest, regions};
pub use tree::{Bounds, Measurement, tree};

/// Why nothing could be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The root could not be opened.
    #[error("open the root")]
    Root(#[source] std::io::Error),
}
