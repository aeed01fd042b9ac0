//! Backup to one file, and restore of it into an empty database of either kind.
//!
//! The file is always a database of SQLite with the same schema: SQLite writes it itself, and from
//! PostgreSQL every table is copied out of one snapshot. So a backup can be looked into with common
//! tools, a fleet can move from one kind of database to the other, and a backup of an older program
//! is brought up to date after it was restored.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
};

use futures_util::TryStreamExt as _;

use crate::{
    Error, Result, Store,
    database::{Database, ROWS_AT_ONCE, Transaction, made_of_constants},
    migrations::{self, MIGRATIONS},
    tables::{Copying, TABLES},
    value::values,
};

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The version of the schema that the backup has.
    pub schema_version: i64,
    /// Rows of each table.
    pub rows: Vec<(&'static str, u64)>,
}

impl Store {
    /// Writes a backup, of one moment, to a file that is not there yet. Others go on working. The
    /// file has its name only when it is whole and on the disk.
    pub async fn backup(&self, path: &Path) -> Result<()> {
        if path.try_exists().map_err(failed("look for", path))? {
            let source = io::Error::from(io::ErrorKind::AlreadyExists);
            return Err(failed("write the backup", path)(source));
        }
        let partial = partial(path);
        remove(&partial)?;
        let written = self.write_backup(&partial).await;
        if written.is_err() {
            remove(&partial)?;
        }
        written?;
        keep(&partial, path)
    }

    async fn write_backup(&self, partial: &Path) -> Result<()> {
        if self.database.vacuum_into(partial).await? {
            return Ok(());
        }
        let target = Database::connect_file(partial).await?;
        let url = format!("sqlite:{}", partial.display());
        migrations::migrate(&target, &url, MIGRATIONS).await?;
        let mut from = self.database.begin_reading("back up the database").await?;
        let mut to = target.begin("write the backup").await?;
        for table in TABLES {
            copy(&table.whole(), &mut from, &mut to).await?;
        }
        to.commit().await?;
        target.close().await;
        Ok(())
    }

    /// Restores a backup into an empty database, all of it or nothing.
    pub async fn restore(path: &Path, url: &str) -> Result<Restored> {
        let source = Database::open_file(path).await?;
        let target = Database::connect(url).await?;
        let restored = restore(&source, path, &target, url).await;
        source.close().await;
        target.close().await;
        restored
    }
}

async fn restore(source: &Database, path: &Path, target: &Database, url: &str) -> Result<Restored> {
    let shown = path.display().to_string();
    let found = migrations::version(source).await?;
    let found = found.ok_or_else(|| Error::Foreign { url: shown.clone() })?;
    let known = MIGRATIONS.last().map_or(0, |last| last.version);
    if found > known {
        return Err(Error::Newer { url: shown, found, known });
    }
    if let Some(first) = source.sqlite_faults().await?.into_iter().next() {
        return Err(Error::damaged(format!("the backup {shown}"), first));
    }
    let until = MIGRATIONS.iter().take_while(|migration| migration.version <= found).count();
    let older = MIGRATIONS.get(..until).unwrap_or(MIGRATIONS);
    migrations::migrate(target, url, older).await?;
    let mut from = source.begin_reading("read the backup").await?;
    let mut to = target.begin("restore the backup").await?;
    if to.row("SELECT 1 FROM organisation LIMIT 1", values![]).await?.is_some() {
        return Err(Error::NotEmpty { url: Database::shown(url) });
    }
    let mut rows = Vec::new();
    for table in TABLES {
        let Some(copying) = table.with(&columns(&mut from, table.name).await?) else { continue };
        rows.push((table.name, copy(&copying, &mut from, &mut to).await?));
    }
    to.commit().await?;
    migrations::migrate(target, url, MIGRATIONS).await?;
    Ok(Restored { schema_version: found, rows })
}

/// The columns that a table of the backup has.
async fn columns(from: &mut Transaction, table: &str) -> Result<Vec<String>> {
    let select = "SELECT name FROM pragma_table_info($1)";
    let rows = from.rows(select, values![table]).await?;
    rows.iter().map(|row| row.text("name")).collect()
}

/// Copies a table; only some rows are in memory at once, and of those with contents one.
async fn copy(copying: &Copying, from: &mut Transaction, to: &mut Transaction) -> Result<u64> {
    let at_once = if copying.has_bytes() { 1 } else { ROWS_AT_ONCE };
    let mut rows = from.stream(made_of_constants(copying.select()), values![]);
    let (mut some, mut count) = (Vec::new(), 0);
    while let Some(row) = rows.try_next().await? {
        some.push(copying.values(&row)?);
        if some.len() == at_once {
            count += to.insert(&copying.into(), std::mem::take(&mut some), "").await?;
        }
    }
    count += to.insert(&copying.into(), some, "").await?;
    to.analyse(copying.name()).await?;
    Ok(count)
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Gives a written file its name, and waits until both are on the disk.
fn keep(partial: &Path, path: &Path) -> Result<()> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    sync(partial).map_err(failed("sync", partial))?;
    std::fs::rename(partial, path).map_err(failed("name", path))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    sync(folder).map_err(failed("sync", folder))
}

fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> Error + use<> {
    let path = path.display().to_string();
    move |source| Error::File { doing, path: path.clone(), source }
}
