//! Opening and closing the store.

use crate::{Result, database::Database, migrations};

/// One database, with everything that is durable in it. Copies share their connections.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) database: Database,
    /// The address as it may be shown.
    pub(crate) url: String,
}

impl Store {
    /// Opens the database at `sqlite:PATH` or `postgres://USER@HOST/NAME`, and brings its schema to
    /// this program's version. A file of SQLite is made where there is none.
    pub async fn open(url: &str) -> Result<Self> {
        let database = Database::connect(url).await?;
        match migrations::migrate(&database, url, migrations::MIGRATIONS).await {
            Ok(()) => Ok(Self { database, url: Database::shown(url) }),
            Err(error) => {
                database.close().await;
                Err(error)
            }
        }
    }

    /// The address of the database, without its password.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits for what is running and closes the connections of all copies.
    pub async fn close(&self) {
        self.database.close().await;
    }
}
