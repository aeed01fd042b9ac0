//! Three-valued answers.

use serde::{Deserialize, Serialize};

/// The answer to a question about a device: known, or unknown for a stated reason.
///
/// An absent fact is never a `false`: "no kernel configuration in the image" must not read as "the
/// feature is off". Serialised as `{"known": …}` or `{"unknown": "reason"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Known<T> {
    /// The question was answered by evidence.
    Known(T),
    /// The question could not be answered; the text says why.
    Unknown(String),
}

impl<T> Known<T> {
    /// Builds an unknown answer from its reason.
    pub fn unknown(reason: impl Into<String>) -> Self {
        Self::Unknown(reason.into())
    }

    /// Returns the known value, if there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }

    /// Returns the reason why the answer is unknown, if it is.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(reason) => Some(reason),
        }
    }

    /// Turns an option into an answer, with the reason for its absence.
    pub fn from_option(value: Option<T>, reason: impl Into<String>) -> Self {
        value.map_or_else(|| Self::Unknown(reason.into()), Self::Known)
    }

    /// Borrows the value inside.
    pub fn as_ref(&self) -> Known<&T> {
        match self {
            Self::Known(value) => Known::Known(value),
            Self::Unknown(reason) => Known::Unknown(reason.clone()),
        }
    }

    /// Applies a function to a known value and keeps the reason otherwise.
    pub fn map<U>(self, function: impl FnOnce(T) -> U) -> Known<U> {
        match self {
            Self::Known(value) => Known::Known(function(value)),
            Self::Unknown(reason) => Known::Unknown(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Known;

    #[test]
    fn serialised_form_names_the_state() {
        let known = serde_json::to_string(&Known::Known(3)).unwrap();
        let unknown = serde_json::to_string(&Known::<u8>::unknown("none in the image")).unwrap();
        assert_eq!(
            (known.as_str(), unknown.as_str()),
            (r#"{"known":3}"#, r#"{"unknown":"none in the image"}"#)
        );
    }
}
