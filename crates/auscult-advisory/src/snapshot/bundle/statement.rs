//! What the signature of a bundle vouches for: an in-toto statement (in-toto attestation
//! framework, statement v1) about a snapshot.

use auscult_dsse::Subject;
use auscult_model::{Sha256, SourceInfo};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

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
        let predicate = Predicate {
            root: self.root,
            bytes: self.snapshot_bytes,
            date: self.date,
            coverage: self.coverage.clone(),
            sources: self.sources.clone(),
            base: self.base,
            content: Content { sha256: self.content, bytes: self.content_bytes },
        };
        let subject = vec![Subject::new(SUBJECT, self.snapshot)];
        auscult_dsse::Statement::new(PREDICATE_TYPE, subject, predicate)
            .write()
            .map_err(|error| Error::Write(std::io::Error::other(error)))
    }

    pub(super) fn read(payload: &[u8]) -> Result<Self> {
        let malformed = || Error::MalformedBundle { what: "a statement about a snapshot" };
        let document = auscult_dsse::Statement::<Predicate>::read(payload, PREDICATE_TYPE)
            .map_err(|_| malformed())?;
        let [subject] = document.subject.as_slice() else { return Err(malformed()) };
        let (snapshot, predicate) = (subject.sha256(), document.predicate);
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
