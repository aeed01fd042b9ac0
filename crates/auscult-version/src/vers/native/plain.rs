//! Comparators that mean what they say, as distributions and advisories use them.

use super::{Alternatives, lexer::Condition};
use crate::{
    Scheme,
    error::Fault,
    vers::{Comparator, Constraint},
};

/// The comparator of a sign that means the same everywhere; Debian writes `<<` and `>>`.
pub(super) fn comparator(operator: &str) -> Option<Comparator> {
    Some(match operator {
        "" | "=" | "==" | "===" => Comparator::Equal,
        "!=" | "<>" => Comparator::NotEqual,
        "<" | "<<" => Comparator::Less,
        "<=" | "=<" => Comparator::LessOrEqual,
        ">" | ">>" => Comparator::Greater,
        ">=" | "=>" => Comparator::GreaterOrEqual,
        _ => return None,
    })
}

/// One condition for one alternative.
pub(super) fn one(comparator: Comparator, version: impl Into<String>) -> Alternatives {
    vec![vec![Constraint::new(comparator, version)]]
}

/// From a version up to another one.
pub(super) fn between(lower: impl Into<String>, below: impl Into<String>) -> Alternatives {
    vec![vec![
        Constraint::new(Comparator::GreaterOrEqual, lower),
        Constraint::new(Comparator::Less, below),
    ]]
}

/// What a condition means.
pub(super) fn expand(scheme: Scheme, condition: &Condition<'_>) -> Result<Alternatives, Fault> {
    let Condition { operator, version, through } = condition;
    if let Some(last) = through {
        return Ok(vec![vec![
            Constraint::new(Comparator::GreaterOrEqual, *version),
            Constraint::new(Comparator::LessOrEqual, *last),
        ]]);
    }
    // NuGet reads a version without brackets as the least one.
    if scheme == Scheme::Nuget && operator.is_empty() {
        return Ok(one(Comparator::GreaterOrEqual, *version));
    }
    let comparator =
        comparator(operator).ok_or_else(|| Fault::Comparator((*operator).to_owned()))?;
    Ok(one(comparator, *version))
}

/// A list of single versions between commas, as OpenSSL's advisories have it.
pub(super) fn list(text: &str) -> Alternatives {
    let versions = text.split(',').map(str::trim).filter(|version| !version.is_empty());
    versions.map(|version| vec![Constraint::new(Comparator::Equal, version)]).collect()
}
