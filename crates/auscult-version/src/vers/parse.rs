//! Reading a VERS, to the letter or with repairs.

use std::cmp::Ordering;

use super::{ALL, Comparator, Constraint, NONE, Vers, check_kind, encode, scheme_of};
use crate::{
    Scheme, compare,
    error::{Error, Fault},
    key,
};

/// Comparators by what they look like, the longer ones first.
const COMPARATORS: [(&str, Comparator); 5] = [
    (">=", Comparator::GreaterOrEqual),
    ("<=", Comparator::LessOrEqual),
    ("!=", Comparator::NotEqual),
    ("<", Comparator::Less),
    (">", Comparator::Greater),
];

impl Vers {
    /// Reads a canonical VERS: sorted, every version once, comparators that alternate, encoded as
    /// the standard demands. Nothing is corrected.
    ///
    /// The order is not checked where none is known for the type.
    pub fn parse(text: &str) -> Result<Self, Error> {
        strict(text).map_err(|fault| Error::Vers { text: text.to_owned(), fault })
    }

    /// Reads a VERS and brings it into canonical form: blanks and empty constraints are dropped,
    /// the type is put in lowercase, constraints are sorted, versions are encoded anew. Redundant
    /// constraints are kept; they do not change what the range contains.
    pub fn canonicalize(text: &str) -> Result<Self, Error> {
        lenient(text).map_err(|fault| Error::Vers { text: text.to_owned(), fault })
    }
}

fn strict(text: &str) -> Result<Vers, Fault> {
    if text.contains(|c: char| c.is_whitespace()) {
        return Err(Fault::Whitespace);
    }
    let specifier = text.strip_prefix("vers:").ok_or(Fault::Scheme)?;
    let (kind, constraints) = specifier.split_once('/').ok_or(Fault::Type)?;
    check_kind(kind)?;
    if constraints == "*" {
        return Ok(Vers { kind: kind.to_owned(), constraints: vec![Constraint::any()] });
    }
    if matches!(kind, ALL | NONE) {
        return Err(Fault::Asterisk);
    }
    let mut read = Vec::new();
    for constraint in constraints.split('|') {
        let constraint = split(constraint)?;
        let version = encode::decode(constraint.1)?;
        check_version(kind, constraint.1, &version)?;
        read.push(Constraint { comparator: constraint.0, version });
    }
    check_order(scheme_of(kind), &read)?;
    Ok(Vers { kind: kind.to_owned(), constraints: read })
}

fn split(constraint: &str) -> Result<(Comparator, &str), Fault> {
    let found = COMPARATORS.iter().find(|(symbol, _)| constraint.starts_with(symbol));
    let (comparator, version) = match found {
        Some((symbol, comparator)) => {
            (*comparator, constraint.get(symbol.len()..).unwrap_or_default())
        }
        None => (Comparator::Equal, constraint),
    };
    if version.starts_with('*') {
        return Err(Fault::Asterisk);
    }
    if version.starts_with(['=', '!', '<', '>']) {
        return Err(Fault::Comparator(constraint.to_owned()));
    }
    if version.is_empty() { Err(Fault::Empty) } else { Ok((comparator, version)) }
}

fn check_version(kind: &str, encoded: &str, version: &str) -> Result<(), Fault> {
    if encode::encode(version) != encoded {
        return Err(Fault::NotCanonical(encoded.to_owned()));
    }
    // Other types are not narrowed: a version that cannot be compared is told when it is compared.
    let datetime = scheme_of(kind) == Some(Scheme::Datetime);
    if datetime && (version.contains(['t', 'z']) || key(Scheme::Datetime, version).is_none()) {
        return Err(Fault::Version(version.to_owned()));
    }
    Ok(())
}

/// Checks the rules for neighbours (VERS 5.4).
fn check_order(scheme: Option<Scheme>, constraints: &[Constraint]) -> Result<(), Fault> {
    let mut texts: Vec<&str> = constraints.iter().map(|one| one.version.as_str()).collect();
    texts.sort_unstable();
    let twice = texts.iter().zip(texts.iter().skip(1)).find(|(left, right)| left == right);
    if let Some((version, _)) = twice {
        return Err(Fault::Duplicate((*version).to_owned()));
    }
    let Some(scheme) = scheme else { return Ok(()) };
    for (left, right) in constraints.iter().zip(constraints.iter().skip(1)) {
        let (left, right) = (&left.version, &right.version);
        match compare(scheme, left, right) {
            Some(Ordering::Less) => {}
            Some(Ordering::Equal) => return Err(Fault::Duplicate(right.clone())),
            Some(Ordering::Greater) => return Err(Fault::Order(right.clone())),
            None => return Err(Fault::Incomparable(left.clone(), right.clone())),
        }
    }
    check_sequence(constraints)
}

/// Checks which comparator follows which: not counting `!=`, an equality is followed by another or
/// by the begin of a range; not counting equalities either, begins and ends alternate.
fn check_sequence(constraints: &[Constraint]) -> Result<(), Fault> {
    let positive = || constraints.iter().filter(|one| one.comparator != Comparator::NotEqual);
    for (left, right) in positive().zip(positive().skip(1)) {
        if left.comparator == Comparator::Equal && right.comparator.is_upper() {
            return Err(Fault::Sequence(right.version.clone()));
        }
        if left.comparator.is_lower() && right.comparator == Comparator::Equal {
            return Err(Fault::Sequence(right.version.clone()));
        }
    }
    let bounds = || positive().filter(|one| one.comparator != Comparator::Equal);
    for (left, right) in bounds().zip(bounds().skip(1)) {
        if left.comparator.is_lower() == right.comparator.is_lower() {
            return Err(Fault::Sequence(right.version.clone()));
        }
    }
    Ok(())
}

fn lenient(text: &str) -> Result<Vers, Fault> {
    let (uri_scheme, specifier) = text.trim().split_once(':').ok_or(Fault::Scheme)?;
    if !uri_scheme.trim().eq_ignore_ascii_case("vers") {
        return Err(Fault::Scheme);
    }
    let (kind, constraints) = specifier.split_once('/').ok_or(Fault::Type)?;
    let kind = kind.trim().to_ascii_lowercase();
    check_kind(&kind)?;
    if constraints.trim() == "*" {
        return Ok(Vers { kind, constraints: vec![Constraint::any()] });
    }
    if matches!(kind.as_str(), ALL | NONE) {
        return Err(Fault::Asterisk);
    }
    let mut read = Vec::new();
    for constraint in constraints.split('|').map(str::trim).filter(|one| !one.is_empty()) {
        let (comparator, version) = split(constraint.strip_prefix('=').unwrap_or(constraint))?;
        let version = encode::decode(version.trim())?.trim().to_owned();
        if version.is_empty() {
            return Err(Fault::Empty);
        }
        read.push(Constraint { comparator, version });
    }
    if read.is_empty() {
        return Err(Fault::Empty);
    }
    sort(scheme_of(&kind), &mut read)?;
    Ok(Vers { kind, constraints: read })
}

/// Sorts constraints by version; what is equal keeps its order. Without an order of versions
/// nothing is changed.
pub(super) fn sort(scheme: Option<Scheme>, constraints: &mut [Constraint]) -> Result<(), Fault> {
    let Some(scheme) = scheme else { return Ok(()) };
    let mut fault = None;
    constraints.sort_by(|left, right| {
        compare(scheme, &left.version, &right.version).unwrap_or_else(|| {
            fault = Some(Fault::Incomparable(left.version.clone(), right.version.clone()));
            left.version.cmp(&right.version)
        })
    });
    fault.map_or(Ok(()), Err)
}
