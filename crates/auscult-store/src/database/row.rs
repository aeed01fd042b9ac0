//! A row of a result, read by the names of its columns.

use std::str::FromStr;

use auscult_model::Sha256;
use jiff::Timestamp;
use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};

use crate::{Error, Result};

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

macro_rules! column {
    ($self:expr, $name:expr) => {{
        let read = match $self {
            Row::Sqlite(row) => row.try_get($name),
            Row::Postgres(row) => row.try_get($name),
        };
        read.map_err(|error| Error::damaged(format!("the column {}", $name), error.to_string()))
    }};
}

impl Row {
    pub(crate) fn int(&self, name: &str) -> Result<i64> {
        column!(self, name)
    }

    pub(crate) fn int_or_null(&self, name: &str) -> Result<Option<i64>> {
        column!(self, name)
    }

    /// A number that counts something.
    pub(crate) fn count(&self, name: &str) -> Result<u64> {
        let number = self.int(name)?;
        u64::try_from(number).map_err(|_| Error::damaged(column(name), format!("it is {number}")))
    }

    /// A small number that counts something.
    pub(crate) fn small(&self, name: &str) -> Result<u32> {
        let number = self.int(name)?;
        u32::try_from(number).map_err(|_| Error::damaged(column(name), format!("it is {number}")))
    }

    pub(crate) fn text(&self, name: &str) -> Result<String> {
        column!(self, name)
    }

    pub(crate) fn text_or_null(&self, name: &str) -> Result<Option<String>> {
        column!(self, name)
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>> {
        column!(self, name)
    }

    /// A time, kept as milliseconds since 1970.
    pub(crate) fn time(&self, name: &str) -> Result<Timestamp> {
        time(name, self.int(name)?)
    }

    pub(crate) fn time_or_null(&self, name: &str) -> Result<Option<Timestamp>> {
        self.int_or_null(name)?.map(|number| time(name, number)).transpose()
    }

    /// An id or a digest, kept as its text.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str) -> Result<T> {
        parsed(name, &self.text(name)?)
    }

    pub(crate) fn parsed_or_null<T: FromStr>(&self, name: &str) -> Result<Option<T>> {
        self.text_or_null(name)?.map(|text| parsed(name, &text)).transpose()
    }

    pub(crate) fn digest(&self, name: &str) -> Result<Sha256> {
        self.parsed(name)
    }
}

fn column(name: &str) -> String {
    format!("the column {name}")
}

fn time(name: &str, number: i64) -> Result<Timestamp> {
    Timestamp::from_millisecond(number)
        .map_err(|_| Error::damaged(column(name), format!("{number} is no time")))
}

fn parsed<T: FromStr>(name: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| Error::damaged(column(name), format!("it is {text:?}")))
}
