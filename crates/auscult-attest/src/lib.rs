//! Tells whether a device is still the one that was approved.
//!
//! The maker writes a [`Reference`] of a build and signs it; a bench measures a device and gets
//! [`Evidence`]; [`verify`] compares the two and gives a [`Verdict`] in which every item passed, failed
//! or was not measured. Everything works without a network, and the time is an argument.
//!
//! What is not measured never counts as passed, and a signature that was not checked neither.

mod behaviour;
mod classes;
mod compare;
mod deny;
mod evidence;
mod reference;
mod survey;
mod table;
mod trust;
mod verdict;
mod verify;

use auscult_dsse::{Envelope, PAYLOAD_TYPE, Statement, Subject};
use auscult_model::Sha256;

pub use behaviour::{Behaviour, Expectation};
pub use classes::{Class, Classes, PathRule, RegionRule};
pub use deny::{DENY_TYPE, DenyList};
pub use evidence::{
    Challenge, ChallengeSeen, EVIDENCE_TYPE, Evidence, Level, MeasuringTool, Scope,
};
pub use reference::{
    ComponentSeen, FactsSeen, FileSystem, Identity, ImageSeen, REFERENCE_TYPE, Reference, Region,
    RegionClass, RegionCoverage,
};
pub use survey::{Survey, survey};
pub use trust::{GivenRoot, ROOT_TYPE, RoleKeys, Trust, TrustRoot};
pub use verdict::{Code, Group, Item, Outcome, Overall, VERIFY_SCHEMA, Verdict};
pub use verify::{Deny, GivenReference, Measured, Question, RegionReader, verify};

/// Why a document of this crate cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An envelope or statement is none of this type.
    #[error(transparent)]
    Envelope(#[from] auscult_dsse::Error),
    /// A document is not what it must be.
    #[error("read the {what}: {why}")]
    Malformed {
        /// The document.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads a document as a person writes it, in TOML.
fn from_toml<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    let malformed =
        |error: toml::de::Error| Error::Malformed { what, why: error.message().to_owned() };
    toml::from_str(text).map_err(malformed)
}

/// A document that is about itself, in an envelope that is not signed yet.
fn seal<P: serde::Serialize>(name: &str, kind: &str, document: &P) -> Result<Envelope> {
    let digest = Sha256::of(&serde_json::to_vec(document).map_err(auscult_dsse::Error::Write)?);
    let subject = vec![Subject::new(name, digest)];
    let payload = Statement::new(kind, subject, document).write()?;
    Ok(Envelope::unsigned(PAYLOAD_TYPE, &payload))
}

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
