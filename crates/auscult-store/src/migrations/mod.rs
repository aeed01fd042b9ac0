//! The schema, in versions that only go forward.
//!
//! Each version is one text for both databases, in SQLite's words; [`for_postgres`] says how it
//! differs there. What only one of them can do is told to that one. A version that was published is
//! never changed: a new one follows it, and leaves what the program before it still reads (expand
//! first, contract a release later).

use crate::{
    Error, Result,
    database::{Database, Transaction},
    value::values,
};

/// A step of the schema.
pub(crate) struct Migration {
    /// Counted from 1.
    pub(crate) version: i64,
    /// The statements for both databases.
    pub(crate) both: &'static str,
    /// What PostgreSQL is told besides.
    pub(crate) postgres: &'static str,
    /// What SQLite is told besides.
    pub(crate) sqlite: &'static str,
}

impl Migration {
    const fn of_both(version: i64, both: &'static str) -> Self {
        Self { version, both, postgres: "", sqlite: "" }
    }
}

/// Every version, in order.
pub(crate) const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        both: include_str!("0001_first.sql"),
        // Chunks of images hardly shrink, and compressing them costs more than the disk.
        postgres: "ALTER TABLE blob_chunk ALTER COLUMN bytes SET STORAGE EXTERNAL;",
        sqlite: "",
    },
    Migration::of_both(2, include_str!("0002_accounts.sql")),
    Migration::of_both(3, include_str!("0003_setup.sql")),
    Migration::of_both(4, include_str!("0004_devices.sql")),
    Migration::of_both(5, include_str!("0005_checkin.sql")),
    Migration::of_both(6, include_str!("0006_monitoring.sql")),
    Migration::of_both(7, include_str!("0007_signin.sql")),
    Migration::of_both(8, include_str!("0008_lists.sql")),
    Migration::of_both(9, include_str!("0009_reach.sql")),
    Migration::of_both(10, include_str!("0010_systems.sql")),
    Migration {
        version: 11,
        both: "",
        postgres: include_str!("0011_search_postgres.sql"),
        sqlite: include_str!("0011_search_sqlite.sql"),
    },
];

const MIGRATING: &str = "migrate the database";

/// PostgreSQL's processes that all make the first table take turns by failing; each does at most once.
const ATTEMPTS: u32 = 5;

/// Brings the schema of a database to the newest version, and refuses one that is newer.
pub(crate) async fn migrate(
    database: &Database,
    url: &str,
    migrations: &[Migration],
) -> Result<()> {
    let known = migrations.last().map_or(0, |last| last.version);
    if version(database).await? == Some(known) {
        return Ok(());
    }
    let mut attempt = 1;
    loop {
        match migrate_once(database, url, migrations, known).await {
            Err(Error::Database { .. } | Error::Unavailable { .. }) if attempt < ATTEMPTS => {
                attempt += 1;
            }
            done => return done,
        }
    }
}

async fn migrate_once(
    database: &Database,
    url: &str,
    migrations: &[Migration],
    known: i64,
) -> Result<()> {
    let mut transaction = database.begin(MIGRATING).await?;
    if tables(&mut transaction).await?.are_foreign() {
        return Err(Error::Foreign { url: Database::shown(url) });
    }
    let schema = "CREATE TABLE IF NOT EXISTS auscult_schema (version BIGINT NOT NULL PRIMARY KEY)";
    transaction.execute(schema, values![]).await?;
    if !transaction.is_sqlite() {
        transaction.execute("LOCK TABLE auscult_schema IN EXCLUSIVE MODE", values![]).await?;
    }
    let newest = "SELECT COALESCE(MAX(version), 0) AS version FROM auscult_schema";
    let row = transaction.row(newest, values![]).await?;
    let found = row.map_or(Ok(0), |row| row.int("version"))?;
    if found > known {
        return Err(Error::Newer { url: Database::shown(url), found, known });
    }
    for migration in migrations.iter().filter(|migration| migration.version > found) {
        apply(&mut transaction, migration).await?;
    }
    transaction.commit().await
}

async fn apply(transaction: &mut Transaction, migration: &Migration) -> Result<()> {
    let script = if transaction.is_sqlite() {
        migration.both.to_owned() + migration.sqlite
    } else {
        for_postgres(migration.both) + migration.postgres
    };
    transaction.execute_script(script).await?;
    let insert = "INSERT INTO auscult_schema (version) VALUES ($1)";
    transaction.execute(insert, values![migration.version]).await?;
    Ok(())
}

/// Two types have other names, texts sort by their bytes as in SQLite, so that lists have the same order
/// on both, and a field of a JSON text is read in another way.
fn for_postgres(text: &str) -> String {
    let text = text.replace(" BLOB", " BYTEA").replace(" TEXT", " TEXT COLLATE \"C\"");
    text.replace("json_extract(body, '$.", "(CAST(body AS JSONB) ->> '")
}

/// The version of the schema that is there, if it is one of ours.
pub(crate) async fn version(database: &Database) -> Result<Option<i64>> {
    let mut transaction = database.begin_reading("read the version of the schema").await?;
    if tables(&mut transaction).await?.ours == 0 {
        return Ok(None);
    }
    let newest = "SELECT MAX(version) AS version FROM auscult_schema";
    let row = transaction.row(newest, values![]).await?;
    row.map_or(Ok(None), |row| row.int_or_null("version"))
}

/// How many tables there are, and whether our list of versions is among them.
struct Tables {
    all: i64,
    ours: i64,
}

impl Tables {
    fn are_foreign(&self) -> bool {
        self.all > 0 && self.ours == 0
    }
}

/// Both are counted by one statement: between two, another process may make ours.
async fn tables(transaction: &mut Transaction) -> Result<Tables> {
    let sql = if transaction.is_sqlite() {
        "SELECT COUNT(*) AS tables, COUNT(CASE WHEN name = 'auscult_schema' THEN 1 END) AS ours
         FROM sqlite_master WHERE type = 'table'"
    } else {
        "SELECT COUNT(*) AS tables,
            COUNT(CASE WHEN table_name = 'auscult_schema' THEN 1 END) AS ours
         FROM information_schema.tables WHERE table_schema = current_schema()"
    };
    let Some(row) = transaction.row(sql, values![]).await? else {
        return Ok(Tables { all: 0, ours: 0 });
    };
    Ok(Tables { all: row.int("tables")?, ours: row.int("ours")? })
}
