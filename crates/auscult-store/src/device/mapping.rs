//! Saved mappings: how the exports of a maintenance system are read.

use jiff::Timestamp;

use crate::{
    OrganisationId, Result, Store,
    value::{check_name, check_text, values},
};

const BODY_BYTES_MAX: usize = 256 << 10;

/// A mapping under the name that a person gave it. What is in it is the importer's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedMapping {
    /// Its name.
    pub name: String,
    /// JSON.
    pub body: String,
    /// When it was saved last.
    pub changed_at: Timestamp,
}

impl Store {
    /// Saves a mapping, over the one of its name.
    pub async fn save_mapping(
        &self,
        organisation: OrganisationId,
        name: &str,
        body: &str,
        now: Timestamp,
    ) -> Result<()> {
        check_name("name of the mapping", name)?;
        check_text("mapping", body, BODY_BYTES_MAX)?;
        let upsert = "INSERT INTO import_mapping (organisation, name, body, changed_at)
            VALUES ($1, $2, $3, $4)
            ON CONFLICT (organisation, name) DO UPDATE SET body = $3, changed_at = $4";
        let values = values![organisation, name, body, now];
        self.database.execute("save a mapping", upsert, values).await?;
        Ok(())
    }

    /// Every saved mapping, by name.
    pub async fn mappings(&self, organisation: OrganisationId) -> Result<Vec<SavedMapping>> {
        let select = "SELECT name, body, changed_at FROM import_mapping
                      WHERE organisation = $1 ORDER BY name";
        let rows = self.database.rows("list the mappings", select, values![organisation]).await?;
        let mapping = |row: &crate::database::Row| {
            Ok(SavedMapping {
                name: row.text("name")?,
                body: row.text("body")?,
                changed_at: row.time("changed_at")?,
            })
        };
        rows.iter().map(mapping).collect()
    }
}
