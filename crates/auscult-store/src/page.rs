//! Lists in pages: a cursor instead of an offset, and totals that say how exact they are.

use sqlx::SqlSafeStr;

use crate::{
    Error, Result,
    database::{Row, Transaction},
    value::Value,
};

/// Counting stops here: the exact size of a very long list is worth no scan of it.
pub const TOTAL_MAX: u64 = 10_000;

/// Entries of a page, at most.
const LIMIT_MAX: u32 = 1_000;

/// Where the next page begins; opaque, and valid as long as the list is asked for in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// Takes the cursor of an earlier page, as [`Cursor::as_str`] wrote it.
    pub fn from_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The cursor's text; safe in a URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_key(key: &str) -> Self {
        let digit = |four: u8| char::from_digit(four.into(), 16).unwrap_or_default();
        Self(key.bytes().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect())
    }

    fn key(&self) -> Result<String> {
        let invalid = || Error::Invalid { field: "cursor", why: "it is none of ours".to_owned() };
        let digits = self.0.as_bytes();
        if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(invalid());
        }
        let byte = |pair: &[u8]| {
            let pair = std::str::from_utf8(pair).map_err(|_| invalid())?;
            u8::from_str_radix(pair, 16).map_err(|_| invalid())
        };
        let bytes = digits.chunks(2).map(byte).collect::<Result<Vec<u8>>>()?;
        let key = String::from_utf8(bytes).map_err(|_| invalid())?;
        crate::value::check_text("cursor", &key, 1_000)?;
        Ok(key)
    }
}

/// Which part of a list is wanted.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// Where to begin; at the start where there is none.
    pub after: Option<Cursor>,
    /// Entries wanted, 1 to 1000.
    pub limit: u32,
}

impl PageRequest {
    /// The first page.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    /// The key to begin after; `start` sorts before every key of the list.
    pub(crate) fn key_or(&self, start: &str) -> Result<String> {
        self.after.as_ref().map_or_else(|| Ok(start.to_owned()), Cursor::key)
    }

    /// Entries to read: one more than wanted shows whether there is a next page.
    pub(crate) fn rows(&self) -> i64 {
        i64::from(self.limit.clamp(1, LIMIT_MAX)) + 1
    }
}

/// How many entries the whole list has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Total {
    /// So many.
    Exact(u64),
    /// At least so many; counting stopped there.
    AtLeast(u64),
}

impl Total {
    /// From a count that stops above [`TOTAL_MAX`].
    pub(crate) fn of(counted: i64) -> Self {
        let counted = u64::try_from(counted).unwrap_or_default();
        if counted > TOTAL_MAX { Self::AtLeast(TOTAL_MAX) } else { Self::Exact(counted) }
    }

    /// Rows to count at most.
    pub(crate) fn rows() -> i64 {
        i64::try_from(TOTAL_MAX).unwrap_or(i64::MAX).saturating_add(1)
    }
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins; none after the last.
    pub next: Option<Cursor>,
    /// Entries of the whole list, at the moment of this page.
    pub total: Total,
}

impl<T> Page<T> {
    /// Reads a page: the rows of one statement, and as `counted` how many the list has, by another
    /// that counts no more than [`Total::rows`].
    pub(crate) async fn read(
        transaction: &mut Transaction,
        request: &PageRequest,
        (select, values): (impl SqlSafeStr, Vec<Value>),
        (count, counted): (impl SqlSafeStr, Vec<Value>),
        item: fn(&Row) -> Result<T>,
        key: fn(&T) -> String,
    ) -> Result<Self> {
        let rows = transaction.rows(select, values).await?;
        let counted = transaction.row(count, counted).await?;
        let total = Total::of(counted.map_or(Ok(0), |row| row.int("counted"))?);
        let items = rows.iter().map(item).collect::<Result<_>>()?;
        Ok(Self::of(request, items, total, key))
    }

    /// Makes a page of the rows that [`PageRequest::rows`] asked for.
    pub(crate) fn of(
        request: &PageRequest,
        mut items: Vec<T>,
        total: Total,
        key: impl Fn(&T) -> String,
    ) -> Self {
        let limit = usize::try_from(request.rows() - 1).unwrap_or(usize::MAX);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| Cursor::to_key(&key(last)));
        Self { items, next, total }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cursor, Page, PageRequest, Total};

    #[test]
    fn a_cursor_reads_back_and_foreign_ones_are_refused() {
        assert_eq!(Cursor::to_key("Pump Ä/1").key().unwrap(), "Pump Ä/1");
        for text in ["0", "zz", "ff", "+1", "00", "é1"] {
            assert!(Cursor::from_text(text).key().is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_page_has_no_next() {
        let request = PageRequest::first(2);
        let page = |items: Vec<u8>| Page::of(&request, items, Total::of(3), u8::to_string);
        assert_eq!(page(vec![1, 2, 3]).next, Some(Cursor::to_key("2")));
        assert_eq!(page(vec![1, 2]).next, None);
        assert_eq!(Total::of(10_000), Total::Exact(10_000));
        assert_eq!(Total::of(10_001), Total::AtLeast(10_000));
    }
}
