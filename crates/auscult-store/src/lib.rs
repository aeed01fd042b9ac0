//! Everything durable: what `auscult serve` knows is in here, and nowhere else.
//!
//! A [`Store`] is one SQLite file or one PostgreSQL database. Both take the same static SQL, several
//! processes may work with either at once, and no SQL, no connection and no row leaves this crate.
//! What was acknowledged (a function returned `Ok`) has been committed and survives the process.
//!
//! Everything belongs to an organisation, whose id is the first part of every key. Times are
//! arguments, kept to the millisecond: nothing here reads the clock.

mod account;
mod attempts;
mod audit;
mod backup;
mod blob;
mod build;
mod check_in;
mod database;
mod decision;
mod device;
mod doctor;
mod error;
mod identifiers;
mod job;
mod migrations;
mod monitoring;
mod organisation;
mod page;
mod product;
mod queue;
mod reach;
mod session;
mod setup;
mod sign_in;
mod snapshot;
mod store;
mod tables;
mod value;

pub use account::{Account, NewAccount, PasswordHash};
pub use attempts::{AttemptLimit, Attempts};
pub use audit::{AuditBreak, AuditEntry, AuditEvent, AuditVerdict};
pub use backup::Restored;
pub use blob::{BlobInfo, BlobReader, BlobWriter, CHUNK_SIZE};
pub use build::{
    Build, BuildChange, BuildFilter, BuildKind, BuildState, ChangedBuilds, NewBuild, Uploaded,
};
pub use check_in::{KeptReference, NewVerification, TrustedKey, Verification};
pub use decision::{DecisionRevision, WhatIsDecided};
pub use device::{
    Custody, CustodyStep, DeviceBuild, DeviceEvent, DeviceFilter, DeviceUpdate, DevicesAtPlace,
    DevicesOfBuild, Imported, KeptDevice, KeptWaiver, Released, SavedMapping, System, Waiver,
};
pub use doctor::{Checkup, Depth, Integrity};
pub use error::{Error, Result};
pub use identifiers::{
    AccountId, ApiKeyId, BuildId, DeviceId, EventId, JobId, OrganisationId, ProductId, RuleId,
};
pub use job::{
    Completion, Enqueued, Failure, Job, JobState, Lease, LeaseRequest, NewJob, Priority, Progress,
    retry_delay,
};
pub use monitoring::{Event, KeptRule, NewRule, RuleState, Telling, Told};
pub use organisation::Organisation;
pub use page::{Cursor, Page, PageRequest, TOTAL_MAX, Total};
pub use product::{NewProduct, Product};
pub use reach::{Reach, Within};
pub use session::{ApiKey, NewApiKey, Session};
pub use sign_in::{AccountSource, SecondFactor};
pub use snapshot::AdvisorySnapshot;
pub use store::Store;
