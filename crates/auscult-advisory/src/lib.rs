//! Feeds to a snapshot, and matching.
//!
//! [`build()`] reads a folder of vulnerability feeds as they were served and makes one snapshot of
//! them; [`Snapshot`] opens that file; [`match_component`] tells which advisories touch a
//! component. The library uses no network and reads no clock.

mod affected;
mod build;
mod codec;
mod cpe;
pub mod csaf;
mod cvss;
mod device;
mod error;
mod feeds;
mod matching;
mod names;
mod record;
mod snapshot;
mod support;
mod vector_code;

pub use build::{Build, BuildOptions, Selection, build};
pub use cvss::base_score;
pub use device::{DeviceMatch, DeviceOutcome, DeviceStatus, match_device};
pub use error::{Error, Result};
pub use feeds::disclosure::check_disclosure;
pub use matching::{
    Alike, Group, MatchOutcome, Matched, Platform, Recall, match_build, match_component,
    match_component_on, match_groups, support,
};
pub use snapshot::{
    AdvisoryView, ClaimView, ExploitSign, Snapshot, StatementView, YearCoverage, regression,
    write_file,
};

/// Signed bundles of snapshots for sites without a network.
pub mod bundle {
    pub use crate::snapshot::bundle::{
        Base, Bundle, Imported, PublicKey, SigningKey, Statement, Verified, import, seal,
    };
}

/// The snapshot that the program carries: facts on the components most found in devices.
pub fn starter() -> Result<Snapshot> {
    Snapshot::from_bytes(include_bytes!("../data/starter.snapshot"))
}
