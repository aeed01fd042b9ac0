//! Blobs: bytes by their SHA-256, in chunks, so that an image of gigabytes costs memory for one.
//!
//! A blob is there when its row is, and its row is written last: a half-written one is chunks that
//! nothing names, until [`Store::sweep_uploads`] takes them away.

mod reader;
mod writer;

use std::ops::Range;

use auscult_model::Sha256;
use jiff::Timestamp;

pub use reader::BlobReader;
pub use writer::BlobWriter;

use crate::{Error, OrganisationId, Result, Store, database::Row, value::values};

/// Bytes of a chunk; the last one of a blob has fewer.
pub const CHUNK_SIZE: u64 = 1 << 20;

/// A blob that is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// SHA-256 of its bytes.
    pub sha256: Sha256,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// When it was first written.
    pub created_at: Timestamp,
    content: String,
    chunk_size: u64,
}

impl Store {
    /// Begins to write a blob.
    pub async fn write_blob(
        &self,
        organisation: OrganisationId,
        now: Timestamp,
    ) -> Result<BlobWriter> {
        BlobWriter::begin(self.clone(), organisation, now).await
    }

    /// Writes a blob that is in memory.
    pub async fn put_blob(
        &self,
        organisation: OrganisationId,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<BlobInfo> {
        if let Some(known) = self.blob(organisation, Sha256::of(bytes)).await? {
            return Ok(known);
        }
        let mut writer = self.write_blob(organisation, now).await?;
        writer.write(bytes).await?;
        writer.finish(now).await
    }

    /// The blob of this digest, if it is there and whole.
    pub async fn blob(
        &self,
        organisation: OrganisationId,
        sha256: Sha256,
    ) -> Result<Option<BlobInfo>> {
        let values = values![organisation, sha256];
        self.database.row("find a blob", SELECT_BLOB, values).await?.as_ref().map(info).transpose()
    }

    /// Reads a range of a blob, chunk by chunk. A range beyond its end is cut there.
    pub async fn read_blob(
        &self,
        organisation: OrganisationId,
        sha256: Sha256,
        range: Range<u64>,
    ) -> Result<BlobReader> {
        let blob = self.blob(organisation, sha256).await?;
        let blob = blob.ok_or_else(|| Error::not_found("blob", sha256))?;
        Ok(BlobReader::new(self.clone(), organisation, blob, range))
    }

    /// Reads a blob into memory that has at most so many bytes.
    pub async fn get_blob(
        &self,
        organisation: OrganisationId,
        sha256: Sha256,
        size_max: usize,
    ) -> Result<Vec<u8>> {
        let mut reader = self.read_blob(organisation, sha256, 0..u64::MAX).await?;
        let size = usize::try_from(reader.blob().size_bytes).unwrap_or(usize::MAX);
        if size > size_max {
            let why = format!("it has {size} bytes, more than the {size_max} asked for");
            return Err(Error::Invalid { field: "blob", why });
        }
        let mut bytes = Vec::with_capacity(size);
        while let Some(chunk) = reader.next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Takes away uploads that were begun before this time and never finished, and returns how many.
    /// One that is still being written then ends with [`Error::UploadSwept`].
    pub async fn sweep_uploads(&self, started_before: Timestamp) -> Result<u64> {
        let mut swept = 0;
        loop {
            let mut transaction = self.database.begin("sweep abandoned uploads").await?;
            let select = "SELECT organisation, content FROM upload WHERE started_at < $1
                          ORDER BY organisation, content LIMIT 1";
            let Some(row) = transaction.row(select, values![started_before]).await? else {
                return Ok(swept);
            };
            let (organisation, content) = (row.text("organisation")?, row.text("content")?);
            let named = || values![organisation.as_str(), content.as_str()];
            // Another sweeper or the writer itself may have been faster.
            swept += transaction.execute(DELETE_UPLOAD, named()).await?;
            transaction.execute(DELETE_UNNAMED_CHUNKS, named()).await?;
            transaction.commit().await?;
        }
    }
}

const SELECT_BLOB: &str = "SELECT sha256, content, size, chunk_size, created_at FROM blob
                           WHERE organisation = $1 AND sha256 = $2";

const DELETE_UPLOAD: &str = "DELETE FROM upload WHERE organisation = $1 AND content = $2";

/// Never deletes what became a blob in the meantime.
const DELETE_UNNAMED_CHUNKS: &str = "DELETE FROM blob_chunk
    WHERE organisation = $1 AND content = $2 AND NOT EXISTS (
        SELECT 1 FROM blob WHERE blob.organisation = blob_chunk.organisation
            AND blob.content = blob_chunk.content)";

fn info(row: &Row) -> Result<BlobInfo> {
    let chunk_size = row.count("chunk_size")?;
    if chunk_size == 0 {
        return Err(Error::damaged("a blob", "its chunks have no size"));
    }
    Ok(BlobInfo {
        sha256: row.digest("sha256")?,
        size_bytes: row.count("size")?,
        created_at: row.time("created_at")?,
        content: row.text("content")?,
        chunk_size,
    })
}
