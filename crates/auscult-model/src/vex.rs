//! VEX statements of people and makers: what somebody says of a vulnerability in a product.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::VexStatus;

/// What somebody says of vulnerabilities in components, whatever the form it came in (OpenVEX 0.2.0,
/// CSAF 2.0 VEX profile, CycloneDX 1.4 and later).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VexStatement {
    /// Who says it: author or publisher; empty where the document names nobody.
    pub issuer: String,
    /// When, where that is told.
    pub date: Option<Timestamp>,
    /// The vulnerability, with all ids that the statement gives it; never empty.
    pub vulnerabilities: Vec<String>,
    /// What it is said of.
    pub subjects: Vec<VexSubject>,
    /// The status.
    pub status: VexStatus,
    /// The justification of `not_affected`, in the words of OpenVEX.
    pub justification: Option<String>,
    /// What is said in prose.
    pub detail: Option<String>,
}

/// A component that a statement speaks of, by every name that the statement gives it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VexSubject {
    /// Package URLs.
    pub purls: Vec<String>,
    /// CPE names, 2.3 or 2.2.
    pub cpes: Vec<String>,
    /// Plain name, where there is neither.
    pub name: Option<String>,
    /// The version, where it stands beside the name.
    pub version: Option<String>,
}

impl VexSubject {
    /// Whether it has no name at all.
    pub fn is_empty(&self) -> bool {
        self.purls.is_empty() && self.cpes.is_empty() && self.name.is_none()
    }
}
