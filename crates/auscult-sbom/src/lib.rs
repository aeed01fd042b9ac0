//! SBOM documents: CycloneDX JSON, written from [`Facts`](auscult_model::Facts) and read back to
//! them.
//!
//! [`write_cyclonedx`] writes version 1.6; [`read_cyclonedx`] reads 1.2 to 1.7 leniently, as SBOMs
//! of suppliers are seldom flawless. Specification: <https://cyclonedx.org/specification/overview/>.
//! [`read_components`] takes only the components, of CycloneDX in XML and of SPDX too. Not here: the
//! Protobuf form. [`read_vex`] reads VEX documents of the three forms in use. [`detect`] recognises those it can, so that a caller can refuse them
//! by name.

mod components;
mod cpe;
mod cyclonedx;
mod detect;
mod licence;
mod package;
mod spdx;
mod vex;

pub use components::{Listed, read_components};
pub use cyclonedx::{SPEC_VERSION_WRITTEN, WriteOptions, read_cyclonedx, write_cyclonedx};
pub use detect::{DocumentKind, detect};
pub use vex::{VexDocument, read_vex, write_csaf_vex, write_openvex};

use auscult_model::Sha256;

/// A document as indented JSON.
pub(crate) fn pretty(document: &impl serde::Serialize) -> Result<Vec<u8>, Error> {
    let mut bytes = serde_json::to_vec_pretty(document).map_err(Error::Write)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// An identifier `urn:uuid:…` of a content (RFC 9562, version 8): the same for the same digest.
pub(crate) fn uuid(purpose: &[u8], digest: Sha256) -> String {
    let hash = Sha256::of(&[purpose, &digest.0].concat());
    let bits = hash.0.first_chunk().map_or(0, |bytes: &[u8; 16]| u128::from_be_bytes(*bytes));
    let bits = bits & !(0xf << 76) | 0x8 << 76; // version
    let bits = bits & !(0x3 << 62) | 0x2 << 62; // variant
    format!(
        "urn:uuid:{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        bits >> 96,
        bits >> 80 & 0xffff,
        bits >> 64 & 0xffff,
        bits >> 48 & 0xffff,
        bits & 0xffff_ffff_ffff
    )
}

/// Why a document could not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The document is larger than a reader takes.
    #[error("read an SBOM of {bytes} bytes: the limit is {limit}")]
    TooLarge {
        /// Size of the document.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The bytes are no JSON, or nested deeper than a reader follows.
    #[error("read the SBOM as JSON")]
    Json(#[source] serde_json::Error),
    /// It is JSON, but no CycloneDX document.
    #[error("read the JSON document as CycloneDX: {0}")]
    NotCycloneDx(String),
    /// It is JSON, but no VEX document.
    #[error("read the JSON document as VEX: it is none of OpenVEX, CSAF and CycloneDX")]
    NoVex,
    /// The document could not be serialised.
    #[error("write the CycloneDX document")]
    Write(#[source] serde_json::Error),
}
