//! Decisions of people about findings, as they are stored: scoped by what they rely on.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Sha256, VexStatus};

/// Name and version of the form.
pub const DECISIONS_SCHEMA: &str = "auscult-decisions/1";

/// A file of decisions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Decisions {
    /// [`DECISIONS_SCHEMA`].
    pub schema: String,
    /// The decisions, in any order; of two about one finding the later counts.
    pub decisions: Vec<Decision>,
}

/// What a person decided about a vulnerability in a component, whatever the component's version.
///
/// It holds for a later build as long as every fact that it relies on is the same there, and reopens
/// when one is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Decision {
    /// The vulnerability, by any of its ids.
    pub vulnerability: String,
    /// The component's name, or its purl without a version.
    pub component: String,
    /// The status.
    pub status: VexStatus,
    /// The justification, in the words of OpenVEX; `not_affected` needs one.
    #[serde(default)]
    pub justification: Option<String>,
    /// What will be done: `can_not_fix`, `will_not_fix`, `update`, `rollback`, `workaround_available`
    /// (CycloneDX 1.6, analysis response).
    #[serde(default)]
    pub response: Vec<String>,
    /// Why, in prose.
    pub comment: String,
    /// Who decided.
    pub by: String,
    /// When.
    pub date: Date,
    /// The last day on which it counts.
    #[serde(default)]
    pub expires: Option<Date>,
    /// The facts that it relies on.
    #[serde(default)]
    pub relies_on: Vec<ReliedFact>,
}

/// A fact of the build that was decided about, with its digest then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ReliedFact {
    /// Its name, such as `kernel-option:CONFIG_BT`; `auscult explain TARGET NAME` tells its value.
    pub fact: String,
    /// SHA-256 of its value as text.
    pub sha256: Sha256,
}
