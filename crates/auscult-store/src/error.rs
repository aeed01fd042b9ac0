//! What can go wrong between the program and its database.

/// A cause that is the database's own, without its type.
type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address that names no database.
    #[error("open the database {url}: {why}; give sqlite:PATH or postgres://USER@HOST/NAME")]
    Address {
        /// The address, without a password.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The database was made by a newer program.
    #[error(
        "open the database {url}: its schema is version {found}, this program knows up to \
         {known}; start the newer program, or restore a backup from before the upgrade"
    )]
    Newer {
        /// The address, without a password.
        url: String,
        /// The version of the schema that is there.
        found: i64,
        /// The newest version that this program knows.
        known: i64,
    },
    /// The database holds the tables of something else.
    #[error("open the database {url}: it holds tables that are not auscult's; give an empty one")]
    Foreign {
        /// The address, without a password.
        url: String,
    },
    /// A database was restored into that is not empty.
    #[error("restore into {url}: it already holds organisations; give an empty database")]
    NotEmpty {
        /// The address, without a password.
        url: String,
    },
    /// A file could not be read or written.
    #[error("{doing} {path}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The database cannot be reached, is busy, or took part in a conflict that it resolved against
    /// this call. Whether a commit that was cut off took place is not known; every function of the
    /// store may be called again.
    #[error("{doing}: the database is away or busy; try again")]
    Unavailable {
        /// What was being done.
        doing: &'static str,
        /// What the database's driver says.
        source: Cause,
    },
    /// The disk under the database is full.
    #[error("{doing}: the disk of the database is full; nothing was changed; free some space")]
    DiskFull {
        /// What was being done.
        doing: &'static str,
        /// What the database's driver says.
        source: Cause,
    },
    /// The database refused what should have worked.
    #[error("{doing}: the database refused it")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What the database's driver says.
        source: Cause,
    },
    /// What is stored is not what was written.
    #[error("read {what}: {why}; run `auscult doctor`, then restore a backup")]
    Damaged {
        /// What is damaged.
        what: String,
        /// How that was seen.
        why: String,
    },
    /// Something that was named is not there, or belongs to another organisation.
    #[error("find the {what} {name}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// Its name or id.
        name: String,
    },
    /// Something is there already under this name, and is another.
    #[error("make the {what} {name}: there is another one of this name")]
    Exists {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// Somebody else changed it since it was read.
    #[error("change the {what}: revision {found} is there, {expected} was expected; read it again")]
    Changed {
        /// What kind of thing.
        what: &'static str,
        /// The revision that the caller knew.
        expected: i64,
        /// The revision that is there.
        found: i64,
    },
    /// A value that cannot be kept.
    #[error("store the {field}: {why}")]
    Invalid {
        /// Which value.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A worker lost its job: its lease expired, or another worker has it.
    #[error("report on job {job}: the lease is lost; drop the work, another worker has it")]
    LeaseLost {
        /// The job.
        job: crate::JobId,
    },
    /// An upload was swept away before it was finished.
    #[error("finish the upload: it was begun too long ago and swept away; upload again")]
    UploadSwept,
}

/// The result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Sorts what the driver says by what the caller can do about it.
    pub(crate) fn of_database(doing: &'static str, source: sqlx::Error) -> Self {
        let code = source
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .unwrap_or_default();
        let connection = matches!(
            source,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
        );
        let trouble = if connection { Trouble::Away } else { trouble(&code) };
        let source = Box::new(source);
        match trouble {
            Trouble::Full => Self::DiskFull { doing, source },
            Trouble::Away => Self::Unavailable { doing, source },
            Trouble::Refused => Self::Database { doing, source },
        }
    }

    pub(crate) fn damaged(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged { what: what.into(), why: why.into() }
    }

    pub(crate) fn not_found(what: &'static str, name: impl std::fmt::Display) -> Self {
        Self::NotFound { what, name: name.to_string() }
    }
}

enum Trouble {
    Full,
    Away,
    Refused,
}

/// What an error code means: SQLSTATE (five characters) or a result code of SQLite (a number, whose
/// low byte is the primary code).
fn trouble(code: &str) -> Trouble {
    match code {
        "53100" => return Trouble::Full,
        "40001" | "40P01" | "57014" | "57P01" | "57P02" | "57P03" => return Trouble::Away,
        _ if code.len() == 5 && (code.starts_with("08") || code.starts_with("53")) => {
            return Trouble::Away;
        }
        _ => {}
    }
    let sqlite = if code.len() < 5 { code.parse::<u32>().ok() } else { None };
    match sqlite.map(|code| code & 0xff) {
        Some(13) => Trouble::Full,         // SQLITE_FULL
        Some(5 | 6 | 10) => Trouble::Away, // SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR
        _ => Trouble::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::{Trouble, trouble};

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        for code in ["53100", "13"] {
            assert!(matches!(trouble(code), Trouble::Full), "{code}");
        }
        for code in ["40001", "08006", "53300", "57P01", "5", "517", "6", "10"] {
            assert!(matches!(trouble(code), Trouble::Away), "{code}");
        }
        for code in ["23505", "42601", "1", "2067", ""] {
            assert!(matches!(trouble(code), Trouble::Refused), "{code}");
        }
    }
}
