//! Version range specifiers: `vers:npm/>=1.2.0|<2.0.0` (VERS, clause 5 of the standard).
//!
//! [`Vers::parse`] takes what the standard allows and nothing else; [`Vers::canonicalize`] repairs
//! what can be repaired (order, blanks, encoding); [`Vers::from_native`] reads the notation of an
//! ecosystem. [`Vers::contains`] judges a version, and may say that it cannot be compared.

mod contain;
mod encode;
mod native;
mod parse;
mod sets;

use std::fmt;

use crate::{Scheme, error::Fault};

/// Types that stand for every version and for no version; both take nothing but the asterisk.
const ALL: &str = "all";
const NONE: &str = "none";
/// Types for documentation and tests, for which no order of versions is defined, and the type that
/// must not be read.
const UNORDERED: [&str; 2] = ["example", "test"];
const INVALID: &str = "invalid";

/// How a version is compared with the one of a constraint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Comparator {
    /// Any version; stands alone and has no version.
    Any,
    /// This version; nothing is written before it.
    Equal,
    /// Any but this version.
    NotEqual,
    /// Versions before it.
    Less,
    /// It and versions before it.
    LessOrEqual,
    /// Versions after it.
    Greater,
    /// It and versions after it.
    GreaterOrEqual,
}

impl Comparator {
    /// How it is written in a VERS.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Any => "*",
            Self::Equal => "",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Begins a range.
    fn is_lower(self) -> bool {
        matches!(self, Self::Greater | Self::GreaterOrEqual)
    }

    /// Ends a range.
    fn is_upper(self) -> bool {
        matches!(self, Self::Less | Self::LessOrEqual)
    }

    /// Holds its own version.
    fn is_inclusive(self) -> bool {
        matches!(self, Self::Equal | Self::LessOrEqual | Self::GreaterOrEqual)
    }
}

/// A comparator with its version, which is not encoded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Constraint {
    /// The comparator.
    pub comparator: Comparator,
    /// The version; empty with [`Comparator::Any`].
    pub version: String,
}

impl Constraint {
    fn new(comparator: Comparator, version: impl Into<String>) -> Self {
        Self { comparator, version: version.into() }
    }

    fn any() -> Self {
        Self::new(Comparator::Any, "")
    }
}

/// A range of versions: constraints in the order of their versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vers {
    kind: String,
    constraints: Vec<Constraint>,
}

impl Vers {
    /// The type, such as `npm`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The constraints, in the order of their versions; at least one.
    pub fn constraints(&self) -> &[Constraint] {
        &self.constraints
    }

    /// How versions of this type are ordered, if that is known.
    pub fn scheme(&self) -> Option<Scheme> {
        scheme_of(&self.kind)
    }
}

/// The scheme of a type.
fn scheme_of(kind: &str) -> Option<Scheme> {
    if UNORDERED.contains(&kind) { None } else { Scheme::of_vers_type(kind) }
}

/// Checks a type that is written in lowercase already.
fn check_kind(kind: &str) -> Result<(), Fault> {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
    };
    if !kind.starts_with(|c: char| c.is_ascii_lowercase()) || !kind.bytes().all(allowed) {
        return Err(Fault::Type);
    }
    if kind == INVALID { Err(Fault::Reserved) } else { Ok(()) }
}

impl fmt::Display for Vers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "vers:{}/", self.kind)?;
        for (index, constraint) in self.constraints.iter().enumerate() {
            let separator = if index == 0 { "" } else { "|" };
            let symbol = constraint.comparator.symbol();
            write!(formatter, "{separator}{symbol}{}", encode::encode(&constraint.version))?;
        }
        Ok(())
    }
}
