//! What goes into a column and comes out of it: integers, texts and bytes, on both databases.

use auscult_model::Sha256;
use jiff::{SignedDuration, Timestamp};

use crate::{Error, Result};

/// A value for a placeholder; the kind is known even where the value is null.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(Some(number.into()))
    }
}

impl From<Timestamp> for Value {
    fn from(time: Timestamp) -> Self {
        Self::Int(Some(time.as_millisecond()))
    }
}

impl From<Option<Timestamp>> for Value {
    fn from(time: Option<Timestamp>) -> Self {
        Self::Int(time.map(Timestamp::as_millisecond))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<Sha256> for Value {
    fn from(digest: Sha256) -> Self {
        Self::Text(Some(digest.to_string()))
    }
}

impl From<Option<Sha256>> for Value {
    fn from(digest: Option<Sha256>) -> Self {
        Self::Text(digest.map(|digest| digest.to_string()))
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

macro_rules! from_text_of {
    ($($name:ty),+) => { $(
        impl From<$name> for Value {
            fn from(one: $name) -> Self {
                Self::Text(Some(one.to_string()))
            }
        }

        impl From<Option<$name>> for Value {
            fn from(one: Option<$name>) -> Self {
                Self::Text(one.map(|one| one.to_string()))
            }
        }
    )+ };
}

from_text_of!(crate::OrganisationId, crate::ProductId, crate::BuildId, crate::JobId);
from_text_of!(crate::AccountId, crate::ApiKeyId, crate::DeviceId, crate::EventId, crate::RuleId);

/// The values of a statement, in the order of its placeholders.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::value::Value::from($value)),*] };
}
pub(crate) use values;

/// A number that SQL can hold.
pub(crate) fn integer(field: &'static str, number: u64) -> Result<i64> {
    let why = || format!("{number} is more than can be kept");
    i64::try_from(number).map_err(|_| Error::Invalid { field, why: why() })
}

/// A time so long after another; the last there is where that is beyond it.
pub(crate) fn after(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// A time so long before another; the first there is where that is beyond it.
pub(crate) fn before(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

/// Checks a text that comes from outside: PostgreSQL keeps no NUL, and nothing is kept without limit.
pub(crate) fn check_text(field: &'static str, text: &str, bytes_max: usize) -> Result<()> {
    let why = if text.contains('\0') {
        "it contains a NUL character".to_owned()
    } else if text.len() > bytes_max {
        format!("it has {} bytes, more than {bytes_max}", text.len())
    } else {
        return Ok(());
    };
    Err(Error::Invalid { field, why })
}

/// Checks a name that people choose: a text, and not an empty one.
pub(crate) fn check_name(field: &'static str, name: &str) -> Result<()> {
    /// Bytes of a name; a line on a screen holds less.
    const NAME_BYTES_MAX: usize = 200;
    if name.trim().is_empty() {
        return Err(Error::Invalid { field, why: "it is empty".to_owned() });
    }
    check_text(field, name, NAME_BYTES_MAX)
}
