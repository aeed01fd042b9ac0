//! The deny list: builds, devices and keys that must not pass any more, signed and numbered.

use auscult_dsse::{Envelope, Statement};
use auscult_model::Sha256;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Result, from_toml, seal};

/// Predicate type of a deny list.
pub const DENY_TYPE: &str = "urn:auscult:deny-list/v1";

/// What must not pass any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DenyList {
    /// Its number; a later list has a higher one.
    pub number: u64,
    /// When it was written.
    pub date: Date,
    /// The last day on which it may be relied on.
    #[serde(default)]
    pub expires: Option<Date>,
    /// Build ids.
    #[serde(default)]
    pub builds: Vec<String>,
    /// Images.
    #[serde(default)]
    pub images: Vec<Sha256>,
    /// Serial numbers of devices.
    #[serde(default)]
    pub devices: Vec<String>,
    /// Ids of keys.
    #[serde(default)]
    pub keys: Vec<String>,
}

impl DenyList {
    /// Reads a list as a person writes it, in TOML.
    pub fn parse(text: &str) -> Result<Self> {
        from_toml("deny list", text)
    }

    /// The list in an envelope that is not signed yet.
    pub fn seal(&self) -> Result<Envelope> {
        seal("deny-list", DENY_TYPE, self)
    }

    /// Reads the payload of an envelope.
    pub fn read(payload: &[u8]) -> Result<Self> {
        Ok(Statement::<Self>::read(payload, DENY_TYPE)?.predicate)
    }
}
