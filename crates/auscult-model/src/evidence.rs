//! Evidence: why we say that something is in an image.

use serde::{Deserialize, Serialize};

use crate::Locator;

/// One trace of a component in the image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Evidence {
    /// Where the trace is.
    pub locator: Locator,
    /// How it was found.
    pub technique: Technique,
    /// What it says about the relation between the bytes and the component.
    pub class: EvidenceClass,
    /// Confidence of the identification, in percent.
    pub confidence: u8,
    /// What was seen there, shortened: a database row, a matched string.
    pub detail: String,
}

/// How a trace was found; the names follow CycloneDX 1.6 `evidence.identity.methods.technique`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Technique {
    /// A package database or manifest inside the image lists it.
    ManifestAnalysis,
    /// A signature rule matched the bytes of a file.
    BinaryAnalysis,
    /// The name of the file, or the soname it carries.
    Filename,
    /// A digest of the file is known.
    HashComparison,
    /// Taken from an SBOM that was given or found.
    Attestation,
}

/// What a trace says: does the image contain the component's code, or only speak of it?
///
/// Only [`ContainsCode`](Self::ContainsCode) and [`LinksTo`](Self::LinksTo) make a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceClass {
    /// The bytes hold the component's own code or it is installed as a package.
    ContainsCode,
    /// A program in the image is dynamically linked to it.
    LinksTo,
    /// A program was compiled against its headers ("OpenSSL 3.0.16" inside hostapd).
    CompiledAgainst,
    /// A text or string speaks of it.
    Mentions,
}

impl EvidenceClass {
    /// Tells whether a trace of this class makes a component.
    pub fn makes_component(self) -> bool {
        matches!(self, Self::ContainsCode | Self::LinksTo)
    }
}
