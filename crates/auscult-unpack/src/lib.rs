//! Bytes to a lazy tree: opens firmware images in memory, one module per format.
//!
//! A node of the [`Tree`] is an extent of a source; derived sources (a decompressed stream, a file
//! of a file system) produce their bytes on demand behind one cache with a budget. Unpacking never
//! fails: it returns the tree and the problems met on the way. Every byte of the image belongs to
//! a container, a raw region or padding. Nothing here runs a program, follows a link or writes.
//!
//! A new format is one file in `formats/` and one line in its registry.

mod carve;
mod checksum;
mod codec;
mod coverage;
mod digest;
mod entropy;
mod extent;
mod fault;
mod format;
mod formats;
mod guard;
mod memo;
mod padding;
mod probe;
mod route;
mod signature;
mod sink;
mod spill;
mod tree;
mod vault;
mod view;

pub use checksum::each_piece;
pub use extent::{Derive, Extent, Recipe, Salvage, Stream};
pub use fault::Fault;
pub use format::{Entry, EntryKind, Metadata, Reading, Unread};
pub use formats::{RpmHeader, family, format_names, open_formats};
pub use memo::Memo;
pub use route::find;
pub use sink::Sink;
pub use tree::{Node, NodeId, NodeKind, Tree, image, image_with, unpack};
pub use vault::Vault;
pub use view::{Endian, View};
