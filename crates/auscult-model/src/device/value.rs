//! Values of fields: one way to write each, whatever the file wrote.

use std::{fmt, net::IpAddr};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{DeviceField, FieldKind};
use crate::clean;

/// Characters that a value may have; a longer one is a document in the wrong place.
const LENGTH_MAX: usize = 1_000;
/// Addresses of one device.
const ADDRESSES_MAX: usize = 64;

/// What people write where they know nothing. None of these is a value.
const PLACEHOLDERS: &[&str] =
    &["-", "--", "?", "n/a", "na", "n.a.", "unknown", "unk", "tbd", "unbekannt", "k.a.", "null"];
const YES: &[&str] = &["yes", "y", "true", "1", "x", "ja", "j", "oui", "si", "sí"];
const NO: &[&str] = &["no", "n", "false", "0", "nein", "non"];

/// Which number of a date with slashes is which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DateOrder {
    /// Not said: a date that could be read in two ways is refused.
    #[default]
    Unsaid,
    /// `31/12/2026`
    DayFirst,
    /// `12/31/2026`
    MonthFirst,
}

/// A value in its one form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// Any text, or one of the words of a choice.
    Text(String),
    /// Yes or no.
    Flag(bool),
    /// A day.
    Day(Date),
    /// A number.
    Count(u32),
    /// Addresses, sorted.
    Addresses(Vec<String>),
}

/// A text that is no value of its field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {text:?} is not {expected}")]
pub struct InvalidValue {
    /// The field.
    pub field: DeviceField,
    /// What was given, cut where it is long.
    pub text: String,
    /// What it should have been.
    pub expected: String,
}

impl FieldValue {
    /// Reads what a person or another program wrote; `None` where nothing is said: blank, `N/A`,
    /// `unknown` and the like.
    pub fn parse(
        field: DeviceField,
        text: &str,
        order: DateOrder,
    ) -> Result<Option<Self>, InvalidValue> {
        let text = text.trim();
        let folded = text.to_lowercase();
        let kind = field.kind();
        let says_none = folded == "none" && !matches!(kind, FieldKind::Choice(_));
        if text.is_empty() || says_none || PLACEHOLDERS.contains(&folded.as_str()) {
            return Ok(None);
        }
        let fault = |expected: String| InvalidValue {
            field,
            text: clean(text.chars().take(60).collect::<String>().as_str()).into_owned(),
            expected,
        };
        let value = match kind {
            FieldKind::Text => plain(text).map(Self::Text),
            FieldKind::Flag => flag(&folded).map(Self::Flag),
            FieldKind::Day => day(text, order).map(Self::Day),
            FieldKind::Count => count(text).map(Self::Count),
            FieldKind::Choice(words) => choice(&folded, words).map(Self::Text),
            FieldKind::MacAddresses => addresses(text, mac).map(Self::Addresses),
            FieldKind::IpAddresses => addresses(text, ip).map(Self::Addresses),
        };
        value.map(Some).map_err(fault)
    }
}

impl fmt::Display for FieldValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => formatter.write_str(text),
            Self::Flag(flag) => formatter.write_str(if *flag { "yes" } else { "no" }),
            Self::Day(day) => day.fmt(formatter),
            Self::Count(count) => count.fmt(formatter),
            Self::Addresses(list) => formatter.write_str(&list.join(", ")),
        }
    }
}

fn plain(text: &str) -> Result<String, String> {
    if text.chars().count() > LENGTH_MAX {
        return Err(format!("a text of at most {LENGTH_MAX} characters"));
    }
    if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return Err("a text without control characters".to_owned());
    }
    // A cell may be broken into lines for its looks.
    Ok(text.split_whitespace().collect::<Vec<&str>>().join(" "))
}

fn flag(folded: &str) -> Result<bool, String> {
    if YES.contains(&folded) {
        Ok(true)
    } else if NO.contains(&folded) {
        Ok(false)
    } else {
        Err("yes or no".to_owned())
    }
}

fn count(text: &str) -> Result<u32, String> {
    // Spreadsheets keep whole numbers as `5.0`.
    let digits = text.strip_suffix(".0").unwrap_or(text);
    digits.parse().map_err(|_| "a whole number from 0 to 4294967295".to_owned())
}

fn choice(folded: &str, words: &[&str]) -> Result<String, String> {
    let wanted = folded.replace([' ', '_'], "-");
    let found = words.iter().find(|word| **word == wanted);
    found.map(|word| (*word).to_owned()).ok_or_else(|| format!("one of: {}", words.join(", ")))
}

/// `2026-12-31`, also with a time behind it, `31.12.2026`, or with slashes in the order that was
/// said.
fn day(text: &str, order: DateOrder) -> Result<Date, String> {
    let expected = || "a day, such as 2026-12-31".to_owned();
    let text = text.split(['T', ' ']).next().unwrap_or(text);
    if let Ok(day) = text.parse::<Date>() {
        return Ok(day);
    }
    let separator = if text.contains('.') { '.' } else { '/' };
    let mut numbers = text.split(separator).map(str::parse::<i16>);
    let (Some(Ok(first)), Some(Ok(second)), Some(Ok(third)), None) =
        (numbers.next(), numbers.next(), numbers.next(), numbers.next())
    else {
        return Err(expected());
    };
    if first >= 1000 {
        return build(first, second, third).ok_or_else(expected);
    }
    if third < 1000 {
        return Err("a day with a year of four digits".to_owned());
    }
    let day_first = match (separator, order) {
        ('.', _) | (_, DateOrder::DayFirst) => true,
        (_, DateOrder::MonthFirst) => false,
        (_, DateOrder::Unsaid) if first > 12 || first == second => true,
        (_, DateOrder::Unsaid) if second > 12 => false,
        (_, DateOrder::Unsaid) => {
            return Err("clear: say in the mapping whether days or months come first".to_owned());
        }
    };
    let (day, month) = if day_first { (first, second) } else { (second, first) };
    build(third, month, day).ok_or_else(expected)
}

fn build(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn addresses(text: &str, read: fn(&str) -> Result<String, String>) -> Result<Vec<String>, String> {
    let parts = text.split([',', ';', '|', ' ', '\n', '\r', '\t']).filter(|part| !part.is_empty());
    let mut list = parts.map(read).collect::<Result<Vec<String>, String>>()?;
    list.sort_unstable();
    list.dedup();
    if list.len() > ADDRESSES_MAX {
        return Err(format!("at most {ADDRESSES_MAX} addresses"));
    }
    Ok(list)
}

/// `AA-BB-CC-DD-EE-FF`, `aabb.ccdd.eeff` or without separators, as `aa:bb:cc:dd:ee:ff`.
fn mac(text: &str) -> Result<String, String> {
    let expected = || "a hardware address, such as 00:1b:44:11:3a:b7".to_owned();
    let digits: String = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(expected());
    }
    if digits.bytes().all(|byte| byte == b'0') || digits.bytes().all(|byte| byte | 32 == b'f') {
        return Err("the address of an interface: it stands for none or for all".to_owned());
    }
    let digits = digits.to_ascii_lowercase();
    let pairs = digits.as_bytes().chunks(2).map(String::from_utf8_lossy);
    Ok(pairs.collect::<Vec<_>>().join(":"))
}

fn ip(text: &str) -> Result<String, String> {
    // The length of the prefix says what network it is in, not where.
    let address = text.split('/').next().unwrap_or(text);
    let address: Result<IpAddr, _> = address.parse();
    address.map(|one| one.to_string()).map_err(|_| "a network address, such as 10.1.2.3".to_owned())
}
