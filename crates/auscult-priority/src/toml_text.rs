//! TOML files with bare dates and errors that name the line.

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Error;

/// Reads a file into a type of the vocabulary.
///
/// TOML has dates of its own (`expires = 2027-01-31`) while our dates are read from text. People
/// write both, so bare dates are put in quotes before the second reading; lines stay what they are.
pub(crate) fn parse<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, Error> {
    let table = DeTable::parse(text).map_err(|error| located(what, text, &error))?;
    let mut dates = Vec::new();
    for value in table.get_ref().values() {
        collect_dates(value, &mut dates);
    }
    dates.sort_by_key(|range: &std::ops::Range<usize>| std::cmp::Reverse(range.start));
    let mut quoted = text.to_owned();
    for range in dates {
        if let Some(date) = text.get(range.clone()) {
            quoted.replace_range(range, &format!("\"{date}\""));
        }
    }
    toml::from_str(&quoted).map_err(|error| located(what, &quoted, &error))
}

fn collect_dates(value: &Spanned<DeValue<'_>>, dates: &mut Vec<std::ops::Range<usize>>) {
    match value.get_ref() {
        DeValue::Datetime(_) => dates.push(value.span()),
        DeValue::Array(items) => items.iter().for_each(|item| collect_dates(item, dates)),
        DeValue::Table(table) => table.values().for_each(|item| collect_dates(item, dates)),
        DeValue::String(_) | DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) => {}
    }
}

fn located(what: &'static str, text: &str, error: &toml::de::Error) -> Error {
    let start = error.span().map_or(0, |span| span.start);
    let line = 1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count();
    // A message of several lines would break the "one line per error" of the command line.
    let message = error.message().lines().collect::<Vec<_>>().join("; ");
    Error::Toml { what, line, message }
}
