//! What can be wrong with a version range.

/// Why a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A text is no VERS; the standard's clause 5 tells the rules.
    #[error("failed to read {text:?} as VERS: {fault}")]
    Vers {
        /// The text, as given.
        text: String,
        /// The rule that it breaks.
        fault: Fault,
    },
    /// A text is no range in the notation of an ecosystem.
    #[error("failed to read {text:?} as a version range of type {kind:?}: {fault}")]
    Native {
        /// The VERS type of the ecosystem.
        kind: String,
        /// The text, as given.
        text: String,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// A broken rule of VERS or of a native notation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The scheme is not `vers:`.
    #[error("it does not begin with \"vers:\"")]
    Scheme,
    /// The type is missing or has other characters than lowercase letters, digits, `.` and `-`.
    #[error("the type is missing or malformed")]
    Type,
    /// The type `invalid` is reserved for ranges that must not be read.
    #[error("the type \"invalid\" is always invalid")]
    Reserved,
    /// There is no constraint, or an empty one: a leading, trailing or doubled pipe.
    #[error("a constraint is empty")]
    Empty,
    /// A blank that is not percent-encoded.
    #[error("whitespace is not permitted")]
    Whitespace,
    /// The asterisk stands beside something else.
    #[error("the asterisk must stand alone")]
    Asterisk,
    /// The comparator is none of the standard's, such as a leading `=`.
    #[error("the comparator of {0:?} is unknown")]
    Comparator(String),
    /// A percent sign without two hexadecimal digits, or text that is not UTF-8.
    #[error("the percent-encoding of {0:?} is invalid")]
    Encoding(String),
    /// Encoded though it need not be, or not encoded though it must.
    #[error("the percent-encoding of {0:?} is not canonical")]
    NotCanonical(String),
    /// A version does not follow the rules of its type.
    #[error("{0:?} is no version of this type")]
    Version(String),
    /// The versions do not ascend.
    #[error("the constraints are not sorted by version, at {0:?}")]
    Order(String),
    /// A version stands twice.
    #[error("the version {0:?} stands more than once")]
    Duplicate(String),
    /// Two comparators that cannot follow each other, such as `<` after `<`.
    #[error("the comparator before {0:?} cannot follow the one before it")]
    Sequence(String),
    /// Two versions that cannot be compared.
    #[error("{0:?} and {1:?} cannot be compared")]
    Incomparable(String, String),
    /// There is no order of versions for the type.
    #[error("no order of versions is known for this type")]
    Unordered,
    /// More alternatives than are worth reading.
    #[error("it has more than {0} alternatives")]
    Limit(usize),
}
