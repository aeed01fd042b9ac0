//! Writing a blob as its bytes come.

use auscult_model::Sha256;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256 as Hasher};

use super::{BlobInfo, CHUNK_SIZE, DELETE_UNNAMED_CHUNKS, DELETE_UPLOAD, SELECT_BLOB, info};
use crate::{
    Error, OrganisationId, Result, Store,
    identifiers::new_uuid,
    value::{integer, values},
};

const WRITING: &str = "write a blob";

/// A blob that is being written; it counts as there once [`BlobWriter::finish`] returned.
#[derive(Debug)]
pub struct BlobWriter {
    store: Store,
    organisation: OrganisationId,
    content: String,
    /// Bytes that are not yet in a chunk; fewer than [`CHUNK_SIZE`].
    waiting: Vec<u8>,
    chunks: i64,
    size_bytes: u64,
    hasher: Hasher,
}

impl BlobWriter {
    pub(super) async fn begin(
        store: Store,
        organisation: OrganisationId,
        now: Timestamp,
    ) -> Result<Self> {
        let content = new_uuid(now).to_string();
        let insert = "INSERT INTO upload (organisation, content, started_at) VALUES ($1, $2, $3)";
        let values = values![organisation, content.as_str(), now];
        store.database.execute(WRITING, insert, values).await?;
        Ok(Self {
            store,
            organisation,
            content,
            waiting: Vec::new(),
            chunks: 0,
            size_bytes: 0,
            hasher: Hasher::new(),
        })
    }

    /// Bytes taken so far.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Takes the next bytes, as many or few as there are. After an error the blob cannot be finished.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        let chunk_size = usize::try_from(CHUNK_SIZE).unwrap_or(usize::MAX);
        self.hasher.update(bytes);
        self.size_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let missing = chunk_size - self.waiting.len();
            let (taken, rest) = bytes.split_at_checked(missing).unwrap_or((bytes, &[]));
            self.waiting.extend_from_slice(taken);
            bytes = rest;
            if self.waiting.len() == chunk_size {
                self.write_chunk().await?;
            }
        }
        Ok(())
    }

    async fn write_chunk(&mut self) -> Result<()> {
        let insert = "INSERT INTO blob_chunk (organisation, content, number, sha256, bytes)
                      VALUES ($1, $2, $3, $4, $5)";
        let bytes = std::mem::take(&mut self.waiting);
        let digest = Sha256::of(&bytes);
        let values = values![self.organisation, self.content.as_str(), self.chunks, digest, bytes];
        self.chunks += 1;
        self.store.database.execute(WRITING, insert, values).await?;
        Ok(())
    }

    /// Makes the blob count as there. If one of the same content was, that one is kept.
    pub async fn finish(mut self, now: Timestamp) -> Result<BlobInfo> {
        if !self.waiting.is_empty() {
            self.write_chunk().await?;
        }
        let sha256 = Sha256(self.hasher.clone().finalize().into());
        let content = || values![self.organisation, self.content.as_str()];
        let mut transaction = self.store.database.begin(WRITING).await?;
        if transaction.execute(DELETE_UPLOAD, content()).await? == 0 {
            return Err(Error::UploadSwept);
        }
        self.check_chunks(&mut transaction).await?;
        let insert = "INSERT INTO blob
                (organisation, sha256, content, size, chunk_size, created_at)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        let size = integer("size of the blob", self.size_bytes)?;
        let chunk_size = integer("size of a chunk", CHUNK_SIZE)?;
        let values =
            values![self.organisation, sha256, self.content.as_str(), size, chunk_size, now];
        if transaction.execute(insert, values).await? == 0 {
            transaction.execute(DELETE_UNNAMED_CHUNKS, content()).await?;
        }
        let found = transaction.row(SELECT_BLOB, values![self.organisation, sha256]).await?;
        let found = found.ok_or_else(|| Error::not_found("blob", sha256))?;
        let blob = info(&found)?;
        transaction.commit().await?;
        Ok(blob)
    }

    /// A write that failed left a chunk out: such a blob must not become whole.
    async fn check_chunks(&self, transaction: &mut crate::database::Transaction) -> Result<()> {
        let count = "SELECT COUNT(*) AS chunks FROM blob_chunk
                     WHERE organisation = $1 AND content = $2";
        let values = values![self.organisation, self.content.as_str()];
        let chunks =
            transaction.row(count, values).await?.map_or(Ok(0), |row| row.int("chunks"))?;
        if chunks != self.chunks {
            let why = format!("{chunks} of its {} chunks were written", self.chunks);
            return Err(Error::Invalid { field: "blob", why });
        }
        Ok(())
    }
}
