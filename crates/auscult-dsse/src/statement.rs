//! In-toto statements (in-toto attestation framework, statement v1): what a signature vouches for.

use auscult_model::Sha256;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, Result};

/// Media type of an envelope's payload.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// A statement about something that has a digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement<P> {
    #[serde(rename = "_type")]
    kind: String,
    /// What it is about.
    pub subject: Vec<Subject>,
    predicate_type: String,
    /// What is said.
    pub predicate: P,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its name.
    pub name: String,
    digest: Digests,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Digests {
    sha256: Sha256,
}

impl Subject {
    /// A thing with this name and digest.
    pub fn new(name: impl Into<String>, sha256: Sha256) -> Self {
        Self { name: name.into(), digest: Digests { sha256 } }
    }

    /// Its digest.
    pub fn sha256(&self) -> Sha256 {
        self.digest.sha256
    }
}

impl<P> Statement<P> {
    /// A statement of this type.
    pub fn new(predicate_type: &str, subject: Vec<Subject>, predicate: P) -> Self {
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// The bytes that are signed.
    pub fn write(&self) -> Result<Vec<u8>>
    where
        P: Serialize,
    {
        serde_json::to_vec(self).map_err(Error::Write)
    }

    /// Reads a statement of this type; none of another type is taken for it.
    pub fn read(payload: &[u8], predicate_type: &str) -> Result<Self>
    where
        P: DeserializeOwned,
    {
        let statement: Self = serde_json::from_slice(payload)
            .map_err(|_| Error::Malformed { expected: "a statement of this type" })?;
        if statement.kind != STATEMENT_TYPE || statement.predicate_type != predicate_type {
            return Err(Error::Malformed { expected: "a statement of this type" });
        }
        Ok(statement)
    }
}

/// The type of a statement's predicate, whatever it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Typed {
    predicate_type: String,
}

/// The predicate type that a payload names.
pub(crate) fn predicate_type(payload: &[u8]) -> Option<String> {
    serde_json::from_slice::<Typed>(payload).ok().map(|typed| typed.predicate_type)
}

#[cfg(test)]
mod tests {
    use auscult_model::Sha256;

    use super::{Statement, Subject};

    #[test]
    fn a_statement_is_read_as_what_it_is_and_nothing_else() {
        let subject = vec![Subject::new("image", Sha256::of(b"x"))];
        let statement = Statement::new("urn:one", subject, vec![1, 2]);
        let bytes = statement.write().unwrap();
        assert_eq!(Statement::<Vec<u8>>::read(&bytes, "urn:one").unwrap(), statement);
        assert!(Statement::<Vec<u8>>::read(&bytes, "urn:two").is_err());
        assert!(Statement::<String>::read(&bytes, "urn:one").is_err());
        assert!(Statement::<Vec<u8>>::read(b"{}", "urn:one").is_err());
        assert_eq!(super::predicate_type(&bytes).as_deref(), Some("urn:one"));
    }
}
