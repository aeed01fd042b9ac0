//! Snapshots of advisories that were loaded, each a blob under the digest of its root.

use auscult_model::Sha256;
use jiff::{Timestamp, civil::Date};

use crate::{Error, OrganisationId, Result, Store, database::Row, value::values};

/// A snapshot that is in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdvisorySnapshot {
    /// Digest over the digests of its layers.
    pub root: Sha256,
    /// Date of the newest data in it.
    pub date: Date,
    /// The file.
    pub blob: Sha256,
    /// When it was loaded, the last time where it was several times.
    pub loaded_at: Timestamp,
}

impl Store {
    /// Records that a snapshot was loaded; the one that was loaded last is judged by.
    pub async fn load_snapshot(
        &self,
        organisation: OrganisationId,
        snapshot: &AdvisorySnapshot,
    ) -> Result<()> {
        let AdvisorySnapshot { root, date, blob, loaded_at } = *snapshot;
        if self.blob(organisation, blob).await?.is_none() {
            return Err(Error::not_found("blob", blob));
        }
        let insert = "INSERT INTO advisory_snapshot (organisation, root, dated, blob, loaded_at)
            VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organisation, root)
            DO UPDATE SET blob = excluded.blob, loaded_at = excluded.loaded_at";
        let values = values![organisation, root, date.to_string(), blob, loaded_at];
        self.database.execute("load a snapshot", insert, values).await?;
        Ok(())
    }

    /// Snapshots, the last loaded first.
    pub async fn snapshots(&self, organisation: OrganisationId) -> Result<Vec<AdvisorySnapshot>> {
        let select = "SELECT root, dated, blob, loaded_at FROM advisory_snapshot
                      WHERE organisation = $1 ORDER BY loaded_at DESC, root";
        let rows = self.database.rows("list the snapshots", select, values![organisation]).await?;
        rows.iter().map(snapshot).collect()
    }
}

fn snapshot(row: &Row) -> Result<AdvisorySnapshot> {
    Ok(AdvisorySnapshot {
        root: row.digest("root")?,
        date: row.parsed("dated")?,
        blob: row.digest("blob")?,
        loaded_at: row.time("loaded_at")?,
    })
}
