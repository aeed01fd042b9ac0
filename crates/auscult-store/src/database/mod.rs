//! The two databases behind one face: statements, transactions, rows.
//!
//! Statements are static texts with `$1` placeholders, which SQLite takes like PostgreSQL. Columns
//! are whole numbers, texts and bytes, so that both databases give back what was put in. Writers
//! change rows by what they saw in them (`… WHERE state = 'leased' AND fence = $3`), so that
//! correctness rests on neither a lock nor an isolation level that only one of the two has.

mod address;
mod connect;
mod row;
mod upkeep;

use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use sqlx::{
    AssertSqlSafe, Executor as _, PgPool, Postgres, SqlSafeStr, SqlStr, Sqlite, SqlitePool,
};

pub(crate) use address::Address;
pub(crate) use row::Row;

use crate::{Error, Result, value::Value};

/// Rows of one statement: SQLite takes 32,766 values, and no row has a hundred.
pub(crate) const ROWS_AT_ONCE: usize = 200;

/// Connections to one database.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// Readers, and the one writer of this process: SQLite has one at a time anyway, and waiting for
    /// it in a queue is fairer than polling its lock.
    Sqlite { readers: SqlitePool, writer: SqlitePool },
    /// Readers and writers alike.
    Postgres(PgPool),
}

/// Statements that take effect together.
pub(crate) struct Transaction {
    doing: &'static str,
    inner: Inner,
}

enum Inner {
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

macro_rules! bound {
    ($sql:expr, $values:expr) => {{
        let mut query = sqlx::query($sql);
        for value in $values {
            query = match value {
                Value::Int(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
                Value::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
    }};
}

/// Takes a text as a statement that was put together here, of nothing that came from outside.
pub(crate) fn made_of_constants(text: String) -> SqlStr {
    AssertSqlSafe(std::sync::Arc::<str>::from(text)).into_sql_str()
}

/// So many placeholders from `$first` on, as they stand between parentheses.
pub(crate) fn places(first: usize, count: usize) -> String {
    let places: Vec<String> = (first..first + count).map(|place| format!("${place}")).collect();
    places.join(", ")
}

/// Ids for so many placeholders: one statement does for every number of them, as those that are missing
/// are asked for as none.
pub(crate) fn in_places<T: ToString>(ids: &[T], count: usize) -> impl Iterator<Item = Value> {
    let ids = ids.iter().map(|id| Some(id.to_string()));
    ids.chain(std::iter::repeat(None)).take(count).map(Value::from)
}

impl Database {
    /// Begins to write. The purpose is told in errors, as a fragment: "enqueue a job".
    pub(crate) async fn begin(&self, doing: &'static str) -> Result<Transaction> {
        // What the server's administrator set as default is not asked: a stricter level would refuse
        // what is right here.
        const COMMITTED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
        let inner = match self {
            // A transaction that reads first and writes later can lose the file to another writer
            // in between; this one takes the lock at once and waits for it if need be.
            Self::Sqlite { writer, .. } => {
                writer.begin_with("BEGIN IMMEDIATE").await.map(Inner::Sqlite)
            }
            Self::Postgres(pool) => pool.begin_with(COMMITTED).await.map(Inner::Postgres),
        };
        Ok(Transaction { doing, inner: inner.map_err(|error| Error::of_database(doing, error))? })
    }

    /// Begins to read: all statements see the same state.
    pub(crate) async fn begin_reading(&self, doing: &'static str) -> Result<Transaction> {
        const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let inner = match self {
            Self::Sqlite { readers, .. } => readers.begin().await.map(Inner::Sqlite),
            Self::Postgres(pool) => pool.begin_with(SNAPSHOT).await.map(Inner::Postgres),
        };
        Ok(Transaction { doing, inner: inner.map_err(|error| Error::of_database(doing, error))? })
    }

    /// Reads the rows of one statement.
    pub(crate) async fn rows(
        &self,
        doing: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<Row>> {
        let rows = match self {
            Self::Sqlite { readers, .. } => {
                let rows = bound!(sql, values).fetch_all(readers).await;
                rows.map(|rows| rows.into_iter().map(Row::Sqlite).collect())
            }
            Self::Postgres(pool) => {
                let rows = bound!(sql, values).fetch_all(pool).await;
                rows.map(|rows| rows.into_iter().map(Row::Postgres).collect())
            }
        };
        rows.map_err(|error| Error::of_database(doing, error))
    }

    /// Reads the one row of a statement, if there is one.
    pub(crate) async fn row(
        &self,
        doing: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<Row>> {
        Ok(self.rows(doing, sql, values).await?.into_iter().next())
    }

    /// Runs one writing statement.
    pub(crate) async fn execute(
        &self,
        doing: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<u64> {
        let done = match self {
            Self::Sqlite { writer, .. } => {
                bound!(sql, values).execute(writer).await.map(|done| done.rows_affected())
            }
            Self::Postgres(pool) => {
                bound!(sql, values).execute(pool).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(|error| Error::of_database(doing, error))
    }

    /// Closes the connections once what runs on them is done.
    pub(crate) async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Transaction {
    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self.inner, Inner::Sqlite(_))
    }

    /// Runs a statement and returns how many rows it changed.
    pub(crate) async fn execute(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Value>,
    ) -> Result<u64> {
        let done = match &mut self.inner {
            Inner::Sqlite(inner) => {
                bound!(sql, values).execute(&mut **inner).await.map(|done| done.rows_affected())
            }
            Inner::Postgres(inner) => {
                bound!(sql, values).execute(&mut **inner).await.map(|done| done.rows_affected())
            }
        };
        done.map_err(|error| Error::of_database(self.doing, error))
    }

    /// Inserts rows of as many values as `into` names columns, some hundred with one statement: of
    /// thousands, each with its own way to PostgreSQL and back, most of the time would be the way.
    /// `after` is what follows the rows, as `ON CONFLICT DO NOTHING`. Returns how many were inserted.
    pub(crate) async fn insert(
        &mut self,
        into: &str,
        rows: Vec<Vec<Value>>,
        after: &str,
    ) -> Result<u64> {
        let mut inserted = 0;
        let mut rows = rows.into_iter().peekable();
        while let Some(columns) = rows.peek().map(Vec::len) {
            let some: Vec<_> = rows.by_ref().take(ROWS_AT_ONCE).collect();
            let row = |number: usize| format!("({})", places(number * columns + 1, columns));
            let places: Vec<String> = (0..some.len()).map(row).collect();
            let statement = format!("{into} VALUES {} {after}", places.join(", "));
            let values = some.into_iter().flatten().collect();
            inserted += self.execute(made_of_constants(statement), values).await?;
        }
        Ok(inserted)
    }

    /// Has PostgreSQL look at tables that this transaction fills. It decided how it finds the rows that
    /// foreign keys name while the table was empty, and would look through all of them for each.
    pub(crate) async fn analyse(&mut self, tables: &str) -> Result<()> {
        if !self.is_sqlite() {
            self.execute(made_of_constants(format!("ANALYZE {tables}")), Vec::new()).await?;
        }
        Ok(())
    }

    /// Runs a text of several statements without values.
    pub(crate) async fn execute_script(&mut self, script: String) -> Result<()> {
        let script = sqlx::raw_sql(AssertSqlSafe(script));
        let done = match &mut self.inner {
            Inner::Sqlite(inner) => inner.execute(script).await.map(|_| ()),
            Inner::Postgres(inner) => inner.execute(script).await.map(|_| ()),
        };
        done.map_err(|error| Error::of_database(self.doing, error))
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn rows(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Value>,
    ) -> Result<Vec<Row>> {
        self.stream(sql, values).try_collect().await
    }

    /// Runs a statement and returns its one row, if there is one.
    pub(crate) async fn row(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Value>,
    ) -> Result<Option<Row>> {
        Ok(self.rows(sql, values).await?.into_iter().next())
    }

    /// Runs a statement and returns its rows as they come, without holding them all.
    pub(crate) fn stream(
        &mut self,
        sql: impl SqlSafeStr,
        values: Vec<Value>,
    ) -> BoxStream<'_, Result<Row>> {
        let doing = self.doing;
        let rows = match &mut self.inner {
            Inner::Sqlite(inner) => {
                bound!(sql, values).fetch(&mut **inner).map_ok(Row::Sqlite).boxed()
            }
            Inner::Postgres(inner) => {
                bound!(sql, values).fetch(&mut **inner).map_ok(Row::Postgres).boxed()
            }
        };
        rows.map_err(move |error| Error::of_database(doing, error)).boxed()
    }

    /// Makes everything durable. Without it, dropping the transaction undoes everything.
    pub(crate) async fn commit(self) -> Result<()> {
        let done = match self.inner {
            Inner::Sqlite(inner) => inner.commit().await,
            Inner::Postgres(inner) => inner.commit().await,
        };
        done.map_err(|error| Error::of_database(self.doing, error))
    }
}
