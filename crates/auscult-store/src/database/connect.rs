//! Opening connections, and what a file of SQLite must promise before it may hold anything.

use std::{io, path::Path, time::Duration};

use sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Address, Database, address::shown};
use crate::{Error, Result};

const CONNECTIONS_MAX: u32 = 8;

/// A writer waits this long for another process; a commit takes milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// A caller waits this long for a connection before it hears that the database is away.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Rows that wait between SQLite's thread and the reader; rows of blobs have a mebibyte.
const ROWS_WAITING: usize = 8;

/// Memory of a connection for pages of SQLite, in kibibytes as it takes them: an import changes pages of
/// many indexes at once, and would write and read each of them again and again.
const WRITER_CACHE: &str = "-65536";
const READER_CACHE: &str = "-8192";

/// Switching a new file to its write-ahead log needs it alone, without waiting: so processes that
/// start together try again, for three seconds at most.
const OPENING_ATTEMPTS: u32 = 60;
const OPENING_PAUSE: Duration = Duration::from_millis(50);

/// A server that was told to acknowledge before it wrote is told otherwise for our commits; what it
/// was told to wait for besides (replicas) stays.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'";

const OPENING: &str = "open the database";

impl Database {
    /// Connects to the database at an address, and makes the file of SQLite where there is none.
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        match Address::parse(url)? {
            Address::Sqlite(path) => {
                create_private(&path)?;
                Self::connect_sqlite(options(&path).journal_mode(SqliteJournalMode::Wal)).await
            }
            Address::Postgres(options) => Self::connect_postgres(*options).await,
        }
    }

    /// The address as it may be shown.
    pub(crate) fn shown(url: &str) -> String {
        shown(url)
    }

    /// Makes a file that is to be carried elsewhere: all of it in one file, without a log beside it.
    pub(crate) async fn connect_file(path: &Path) -> Result<Self> {
        create_private(path)?;
        Self::connect_sqlite(options(path).journal_mode(SqliteJournalMode::Delete)).await
    }

    /// Opens such a file, to read it alone.
    pub(crate) async fn open_file(path: &Path) -> Result<Self> {
        Self::connect_sqlite(options(path).read_only(true)).await
    }

    async fn connect_sqlite(options: SqliteConnectOptions) -> Result<Self> {
        let mut attempt = 1;
        let writer = loop {
            let pool = SqlitePoolOptions::new()
                .max_connections(1)
                .acquire_timeout(BUSY_TIMEOUT + ACQUIRE_TIMEOUT)
                .connect_with(options.clone().pragma("cache_size", WRITER_CACHE));
            match pool.await.map_err(|error| Error::of_database(OPENING, error)) {
                Ok(pool) => break pool,
                Err(Error::Unavailable { .. }) if attempt < OPENING_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
            tokio::time::sleep(OPENING_PAUSE).await;
        };
        let readers = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_lazy_with(options.pragma("cache_size", READER_CACHE));
        Ok(Self::Sqlite { readers, writer })
    }

    async fn connect_postgres(options: PgConnectOptions) -> Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_connect(|connection, _| {
                Box::pin(async { sqlx::query(DURABLE).execute(connection).await.map(|_| ()) })
            })
            .connect_with(options.application_name("auscult"))
            .await;
        pool.map(Self::Postgres).map_err(|error| Error::of_database(OPENING, error))
    }
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        // In this mode a commit is on the disk when it returns: nothing acknowledged is lost when
        // the power goes.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .row_buffer_size(ROWS_WAITING)
}

/// Makes the file if there is none, for its owner alone: it will hold password hashes. SQLite gives
/// the files beside it the same mode.
pub(super) fn create_private(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::OpenOptions::new();
    match options.read(true).write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(source) => {
            let path = path.display().to_string();
            Err(Error::File { doing: "make the database file", path, source })
        }
    }
}
