//! What each database does in its own way: copying itself, and checking its own files.

use std::path::Path;

use super::Database;
use crate::{Error, Integrity, Result, database::connect::create_private, value::values};

impl Database {
    /// Writes a copy of one moment to a file, and says whether this database can.
    pub(crate) async fn vacuum_into(&self, path: &Path) -> Result<bool> {
        let Self::Sqlite { readers, .. } = self else { return Ok(false) };
        let doing = "back up the database";
        let shown = || path.display().to_string();
        let text = path.to_str().ok_or_else(|| {
            let source = std::io::Error::from(std::io::ErrorKind::InvalidFilename);
            Error::File { doing: "write the backup", path: shown(), source }
        })?;
        create_private(path)?;
        let copied = sqlx::query("VACUUM INTO $1").bind(text).execute(readers).await;
        copied.map(|_| true).map_err(|error| Error::of_database(doing, error))
    }

    /// Asks the database whether its files are sound.
    pub(crate) async fn integrity(&self) -> Result<Integrity> {
        if matches!(self, Self::Sqlite { .. }) {
            let faults = self.sqlite_faults().await?;
            return Ok(if faults.is_empty() {
                Integrity::Sound
            } else {
                Integrity::Faults(faults)
            });
        }
        let select = "SELECT COALESCE(checksum_failures, -1) AS failures FROM pg_stat_database
                      WHERE datname = current_database()";
        let row = self.row("check the database", select, values![]).await?;
        Ok(match row.map_or(Ok(-1), |row| row.int("failures"))? {
            -1 => Integrity::NotChecked("the server keeps no checksums (initdb --data-checksums)"),
            0 => {
                Integrity::NotChecked("the server's checksums hold so far; pg_amcheck looks closer")
            }
            failures => {
                Integrity::Faults(vec![format!("{failures} pages with a wrong checksum were read")])
            }
        })
    }

    /// What SQLite's own checks find in its file: nothing, or sentences.
    pub(crate) async fn sqlite_faults(&self) -> Result<Vec<String>> {
        let doing = "check the database file";
        let rows = self.rows(doing, "PRAGMA integrity_check(20)", values![]).await?;
        let texts = rows.iter().map(|row| row.text("integrity_check"));
        let mut faults = texts.collect::<Result<Vec<_>>>()?;
        faults.retain(|text| text != "ok");
        let keys = "SELECT DISTINCT \"table\" AS name, parent FROM pragma_foreign_key_check";
        for row in self.rows(doing, keys, values![]).await? {
            let (name, parent) = (row.text("name")?, row.text("parent")?);
            faults.push(format!("rows of {name} name rows of {parent} that are not there"));
        }
        Ok(faults)
    }
}
