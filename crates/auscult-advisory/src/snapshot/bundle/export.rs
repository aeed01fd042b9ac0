//! Makes bundles: the same snapshots and key give the same bytes.

use std::{
    io::{self, Write},
    path::Path,
};

use super::{
    Envelope, FORMAT, Hashing, MARK, PAYLOAD_TYPE, SigningKey, Statement, delta, each_chunk, put,
    statement::Base,
};
use crate::{
    Error, Result,
    snapshot::{Replacement, Snapshot},
};

/// Makes a bundle of any content that a statement vouches for; nothing of it is checked. For those
/// who try what a reader does with a bundle that is signed and wrong.
pub fn seal(statement: &Statement, content: &[u8], key: &SigningKey) -> Result<Vec<u8>> {
    let mut bundle = Vec::new();
    head(statement, key, &mut bundle)?;
    bundle.extend_from_slice(content);
    Ok(bundle)
}

/// Writes what stands before the content.
fn head(statement: &Statement, key: &SigningKey, out: &mut dyn Write) -> Result<()> {
    let envelope = Envelope::sign(PAYLOAD_TYPE, &statement.write()?, key);
    let envelope = serde_json::to_vec(&envelope).map_err(|e| Error::Write(io::Error::other(e)))?;
    put(out, &MARK)?;
    put(out, &FORMAT.to_le_bytes())?;
    put(out, &u32::try_from(envelope.len()).unwrap_or(u32::MAX).to_le_bytes())?;
    put(out, &envelope)
}

/// The content of a bundle, made while it is written.
enum Content {
    Whole,
    Delta(delta::Delta),
}

impl Content {
    fn write(&self, snapshot: &Snapshot, out: &mut dyn Write) -> Result<()> {
        let mut copy = |offset, length| {
            each_chunk(offset, length, |at, part| put(out, &snapshot.bytes(at, part)?))
        };
        match self {
            Self::Whole => copy(0, snapshot.length()),
            Self::Delta(delta) => {
                let length = u64::try_from(delta.recipe.len()).unwrap_or(u64::MAX);
                put(out, &length.to_le_bytes())?;
                put(out, &delta.recipe)?;
                delta.own.iter().try_for_each(|(at, length)| {
                    each_chunk(*at, *length, |at, part| put(out, &snapshot.bytes(at, part)?))
                })
            }
        }
    }
}

impl Snapshot {
    /// Writes a signed bundle of this snapshot, or of its difference to `since`, and tells what
    /// it vouches for. Both snapshots are verified first: damage is never signed.
    pub fn bundle(
        &self,
        since: Option<&Self>,
        key: &SigningKey,
        out: &mut dyn Write,
    ) -> Result<Statement> {
        self.verify()?;
        since.map_or(Ok(()), Self::check)?;
        let content = match since {
            None => Content::Whole,
            Some(old) => Content::Delta(delta::between(old, self)?),
        };
        let digest = |content: &Content| {
            let mut nowhere = io::sink();
            let mut out = Hashing::new(&mut nowhere);
            content.write(self, &mut out).map(|()| out.finish())
        };
        let (snapshot, snapshot_bytes) = digest(&Content::Whole)?;
        let (content_digest, content_bytes) = digest(&content)?;
        let info = self.info();
        let statement = Statement {
            snapshot,
            snapshot_bytes,
            root: info.root,
            date: info.date,
            coverage: info.coverage,
            sources: info.sources,
            base: since.map(|old| Base { root: old.info().root, date: old.info().date }),
            content: content_digest,
            content_bytes,
        };
        head(&statement, key, out)?;
        content.write(self, out)?;
        Ok(statement)
    }

    /// Writes [`Self::bundle`] to a file; nobody ever sees half of it.
    pub fn export(&self, since: Option<&Self>, key: &SigningKey, path: &Path) -> Result<Statement> {
        let mut replacement = Replacement::begin(path)?;
        let statement = self.bundle(since, key, replacement.file())?;
        replacement.commit()?;
        Ok(statement)
    }
}
