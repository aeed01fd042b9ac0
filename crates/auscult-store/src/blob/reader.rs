//! Reading a blob, each chunk verified before it is given out.

use std::ops::Range;

use auscult_model::Sha256;
use bytes::Bytes;
use sha2::{Digest as _, Sha256 as Hasher};

use super::BlobInfo;
use crate::{
    Error, OrganisationId, Result, Store,
    value::{integer, values},
};

/// A range of a blob, read chunk by chunk.
#[derive(Debug)]
pub struct BlobReader {
    store: Store,
    organisation: OrganisationId,
    blob: BlobInfo,
    range: Range<u64>,
    /// Over everything given out, where the range is the whole blob.
    hasher: Option<Hasher>,
}

impl BlobReader {
    pub(super) fn new(
        store: Store,
        organisation: OrganisationId,
        blob: BlobInfo,
        range: Range<u64>,
    ) -> Self {
        let range = range.start.min(blob.size_bytes)..range.end.min(blob.size_bytes);
        let whole = range == (0..blob.size_bytes);
        Self { store, organisation, blob, range, hasher: whole.then(Hasher::new) }
    }

    /// The blob that is read.
    pub fn blob(&self) -> &BlobInfo {
        &self.blob
    }

    /// The next bytes; none after the last. Bytes that are not those that were written are never
    /// given out, and the whole of a blob ends with an error where its digest is another.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        if self.range.is_empty() {
            return self.check_whole().map(|()| None);
        }
        let chunk_size = self.blob.chunk_size;
        let number = self.range.start / chunk_size;
        let start = number * chunk_size;
        let length = chunk_size.min(self.blob.size_bytes - start);
        let chunk = self.chunk(number, length).await?;
        let end = self.range.end.min(start + length);
        let part = slice(&chunk, self.range.start - start..end - start);
        let part = part.ok_or_else(|| self.damaged(format!("chunk {number} is too short")))?;
        self.range.start = end;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&part);
        }
        Ok(Some(part))
    }

    async fn chunk(&self, number: u64, length: u64) -> Result<Bytes> {
        let select = "SELECT sha256, bytes FROM blob_chunk
                      WHERE organisation = $1 AND content = $2 AND number = $3";
        let number_value = integer("number of a chunk", number)?;
        let values = values![self.organisation, self.blob.content.as_str(), number_value];
        let row = self.store.database.row("read a blob", select, values).await?;
        let row = row.ok_or_else(|| self.damaged(format!("chunk {number} is missing")))?;
        let bytes = row.bytes("bytes")?;
        if bytes.len() as u64 != length || Sha256::of(&bytes) != row.digest("sha256")? {
            return Err(self.damaged(format!("chunk {number} is not what was written")));
        }
        Ok(bytes.into())
    }

    fn check_whole(&mut self) -> Result<()> {
        match self.hasher.take().map(|hasher| Sha256(hasher.finalize().into())) {
            Some(found) if found != self.blob.sha256 => {
                Err(self.damaged(format!("its bytes have the digest {found}")))
            }
            _ => Ok(()),
        }
    }

    fn damaged(&self, why: String) -> Error {
        Error::damaged(format!("the blob {}", self.blob.sha256), why)
    }
}

fn slice(bytes: &Bytes, range: Range<u64>) -> Option<Bytes> {
    let start = usize::try_from(range.start).ok()?;
    let end = usize::try_from(range.end).ok()?;
    (start <= end && end <= bytes.len()).then(|| bytes.slice(start..end))
}
