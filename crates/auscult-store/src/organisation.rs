//! Organisations: whose data it is. Nothing of one is ever seen by another.

use jiff::Timestamp;

use crate::{
    Error, OrganisationId, Result, Store,
    database::Row,
    value::{check_name, values},
};

/// A maker, a hospital, or a part of one that keeps its data apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Its id, the first part of every key.
    pub id: OrganisationId,
    /// Its name, unlike every other's.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Store {
    /// Makes an organisation, or returns the one of this name.
    pub async fn ensure_organisation(&self, name: &str, now: Timestamp) -> Result<Organisation> {
        check_name("name of the organisation", name)?;
        let mut transaction = self.database.begin("make an organisation").await?;
        let insert = "INSERT INTO organisation (id, name, created_at) VALUES ($1, $2, $3)
                      ON CONFLICT DO NOTHING";
        transaction.execute(insert, values![OrganisationId::new(now), name, now]).await?;
        let select = "SELECT id, name, created_at FROM organisation WHERE name = $1";
        let row = transaction.row(select, values![name]).await?;
        let row = row.ok_or_else(|| Error::not_found("organisation", name))?;
        let organisation = organisation(&row)?;
        transaction.commit().await?;
        Ok(organisation)
    }

    /// Every organisation, in the order in which they were made.
    pub async fn organisations(&self) -> Result<Vec<Organisation>> {
        let select = "SELECT id, name, created_at FROM organisation ORDER BY created_at, id";
        let rows = self.database.rows("list the organisations", select, values![]).await?;
        rows.iter().map(organisation).collect()
    }
}

fn organisation(row: &Row) -> Result<Organisation> {
    Ok(Organisation {
        id: row.parsed("id")?,
        name: row.text("name")?,
        created_at: row.time("created_at")?,
    })
}
