//! A fake of the servers that publish vulnerability feeds: the shapes as they are served
//! officially, on a loopback port, with faults that can be switched on per path.

#![expect(
    clippy::indexing_slicing,
    clippy::format_push_string,
    reason = "a fake for tests, on our own inputs; plain text is easier to read than fast"
)]

mod layout;
mod server;
pub mod shapes;

pub use layout::{NOW, config, lay_out};
pub use server::{Fault, FeedServer, Pace, Request, Resource};
pub use shapes::Vulnerability;
