//! Signed envelopes and the keys that sign them: what bundles of advisories, reference manifests,
//! evidence and deny lists have in common.
//!
//! An [`Envelope`] is DSSE 1.0.2 with signatures by Ed25519 (RFC 8032) or ECDSA on P-256 with SHA-256
//! (FIPS 186-5); what is signed is an in-toto [`Statement`] of version 1. A crate of its own because
//! whoever checks a bundle need not know devices, and whoever checks a device no advisories
//! (`docs/adr/0012-integrity.md`). No key is made here out of nothing: random bytes are the caller's
//! business.

mod envelope;
mod key;
mod statement;

pub use envelope::{Envelope, Refused, SIGNATURES_MAX, shown_ids};
pub use key::{PublicKey, SigningKey};
pub use statement::{PAYLOAD_TYPE, Statement, Subject};

/// Why a key, an envelope or a statement cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text is no key of the kind that is needed.
    #[error("read the key: this is not {expected}")]
    Key {
        /// What was expected.
        expected: &'static str,
    },
    /// A text is no envelope, or its payload is none of the expected type.
    #[error("read the envelope: it does not hold {expected}")]
    Malformed {
        /// What was expected.
        expected: &'static str,
    },
    /// An envelope takes no more signatures.
    #[error("sign: the envelope has {SIGNATURES_MAX} signatures already")]
    Full,
    /// The key has signed this envelope before.
    #[error("sign: the key {key} has signed this already")]
    Again {
        /// Its id.
        key: String,
    },
    /// A value could not be written.
    #[error("write the statement")]
    Write(#[source] serde_json::Error),
}

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;
