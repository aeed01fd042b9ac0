//! Everything durable: what `auscult serve` knows is in here, and nowhere else.
//!
//! A [`Store`] is one SQLite file or one PostgreSQL database. Both take the same static SQL, several
//! processes may work with either at once, and no SQL, no connection and no row leaves this crate.
//! What was acknowledged (a function returned `Ok`) has been committed and survives the process.
//!
//! Everything belongs to an organisation, whose id is the first part of every key. Times are
//! arguments, kept to the millisecond: nothing here reads the clock.

mod blob;
mod build;
mod database;
mod error;
mod identifiers;
mod job;
mod migrations;
mod organisation;
mod page;
mod product;
mod queue;
mod store;
mod value;

pub use blob::{BlobInfo, BlobReader, BlobWriter, CHUNK_SIZE};
pub use build::{Build, BuildFilter, BuildKind, BuildState, NewBuild};
pub use error::{Error, Result};
pub use identifiers::{BuildId, JobId, OrganisationId, ProductId};
pub use job::{
    Completion, Enqueued, Failure, Job, JobState, Lease, LeaseRequest, NewJob, Priority, Progress,
    retry_delay,
};
pub use organisation::Organisation;
pub use page::{Cursor, Page, PageRequest, TOTAL_MAX, Total};
pub use product::{NewProduct, Product};
pub use store::Store;
