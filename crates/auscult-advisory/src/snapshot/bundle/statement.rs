//! What the signature of a bundle vouches for: an in-toto statement (in-toto attestation
//! framework, statement v1) about a snapshot.

use auscult_model::{Sha256, SourceInfo};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Media type of the envelope's payload.
pub(super) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
const PREDICATE_TYPE: &str = "urn:auscult:advisory-bundle:v1";
/// Name of the one subject.
const SUBJECT: &str = "advisories.snapshot";

/// What a bundle holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Digest of the snapshot as a file.
    pub snapshot: Sha256,
    /// Length of that file.
    pub snapshot_bytes: u64,
    /// Root digest of the snapshot.
    pub root: Sha256,
    /// Date of the newest data in it.
    pub date: Date,
    /// What it covers.
    pub coverage: String,
    /// What it was made from.
    pub sources: Vec<SourceInfo>,
    /// The snapshot that a delta applies to; `None` where the bundle holds all.
    pub base: Option<Base>,
    /// Digest of the bundle's content.
    pub content: Sha256,
    /// Length of the bundle's content.
    pub content_bytes: u64,
}

/// The snapshot that a delta applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its root digest.
    pub root: Sha256,
    /// Its date.
    pub date: Date,
}

/// The statement as it is written.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Serialize, Deserialize)]
struct Subject {
    name: String,
    digest: Digests,
}

#[derive(Serialize, Deserialize)]
struct Digests {
    sha256: Sha256,
}

#[derive(Serialize, Deserialize)]
struct Predicate {
    root: Sha256,
    bytes: u64,
    date: Date,
    coverage: String,
    sources: Vec<SourceInfo>,
    base: Option<Base>,
    content: Content,
}

#[derive(Serialize, Deserialize)]
struct Content {
    sha256: Sha256,
    bytes: u64,
}

impl Statement {
    pub(super) fn write(&self) -> Result<Vec<u8>> {
        let document = Document {
            kind: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject {
                name: SUBJECT.to_owned(),
                digest: Digests { sha256: self.snapshot },
            }],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                root: self.root,
                bytes: self.snapshot_bytes,
                date: self.date,
                coverage: self.coverage.clone(),
                sources: self.sources.clone(),
                base: self.base,
                content: Content { sha256: self.content, bytes: self.content_bytes },
            },
        };
        serde_json::to_vec(&document).map_err(|error| Error::Write(std::io::Error::other(error)))
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self> {
        let malformed = || Error::MalformedBundle { what: "a statement about a snapshot" };
        let document: Document = serde_json::from_slice(payload).map_err(|_| malformed())?;
        let [subject] = document.subject.as_slice() else { return Err(malformed()) };
        if document.kind != STATEMENT_TYPE || document.predicate_type != PREDICATE_TYPE {
            return Err(malformed());
        }
        let (snapshot, predicate) = (subject.digest.sha256, document.predicate);
        Ok(Self {
            snapshot,
            snapshot_bytes: predicate.bytes,
            root: predicate.root,
            date: predicate.date,
            coverage: predicate.coverage,
            sources: predicate.sources,
            base: predicate.base,
            content: predicate.content.sha256,
            content_bytes: predicate.content.bytes,
        })
    }
}
