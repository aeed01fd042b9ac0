//! Ranges after Semantic Versioning: npm (node-semver), Cargo, Composer and others: `^1.2`,
//! `~1.2.3`, `1.x`, `1.2 - 2.3`.
//!
//! A version with fewer than three numbers stands for all that begin so. Composer and Cargo differ
//! in what a tilde and a lone version mean.

use super::{Alternatives, lexer::Condition, plain};
use crate::{
    Scheme,
    error::Fault,
    key::{is_number, without_v},
    vers::{Comparator, Constraint},
};

/// A version that may be known in part.
struct Partial<'a> {
    /// The numbers that are given, at most three count.
    numbers: Vec<u64>,
    /// A wildcard ends the numbers.
    wild: bool,
    text: &'a str,
}

impl<'a> Partial<'a> {
    fn parse(text: &'a str) -> Result<Self, Fault> {
        let text = without_v(text.trim_start_matches('='));
        let core = text.split(['-', '+']).next().unwrap_or_default();
        let (mut numbers, mut wild) = (Vec::new(), false);
        for number in core.split('.') {
            if matches!(number, "x" | "X" | "*") {
                wild = true;
                break;
            }
            if !is_number(number) {
                break;
            }
            numbers.push(number.parse().map_err(|_| Fault::Version(text.to_owned()))?);
        }
        Ok(Self { numbers, wild, text })
    }

    /// Stands for several versions.
    fn is_partial(&self) -> bool {
        self.wild || (self.numbers.len() < 3 && !self.text.contains(['-', '+']))
    }

    /// The least version that it stands for.
    fn least(&self) -> String {
        if self.wild { padded(&joined(&self.numbers)) } else { padded(self.text) }
    }

    /// The numbers up to a place, that one counted up: the first version behind.
    fn after(&self, place: usize) -> Result<String, Fault> {
        let malformed = || Fault::Version(self.text.to_owned());
        let mut kept: Vec<u64> =
            self.numbers.iter().take(place.saturating_add(1)).copied().collect();
        let last = kept.last_mut().ok_or_else(malformed)?;
        *last = last.checked_add(1).ok_or_else(malformed)?;
        Ok(padded(&joined(&kept)))
    }

    /// The first version behind all that it stands for.
    fn behind(&self) -> Result<String, Fault> {
        self.after(self.numbers.len().saturating_sub(1))
    }
}

fn joined(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
}

/// A version with at least three numbers, without the `v` before it and zeros before numbers.
pub(super) fn padded(version: &str) -> String {
    let version = without_v(version);
    let end = version.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(version.len());
    let (core, tail) = version.split_at_checked(end).unwrap_or((version, ""));
    if !core.split('.').all(is_number) {
        return version.to_owned();
    }
    let plain = |number: &str| match number.trim_start_matches('0') {
        "" => "0".to_owned(),
        number => number.to_owned(),
    };
    let mut numbers: Vec<String> = core.split('.').map(plain).collect();
    if numbers.len() < 3 {
        numbers.resize(3, "0".to_owned());
    }
    format!("{}{tail}", numbers.join("."))
}

/// What a condition means for a type.
pub(super) fn expand(kind: &str, condition: &Condition<'_>) -> Result<Alternatives, Fault> {
    let Condition { operator, version, through } = condition;
    let partial = Partial::parse(version)?;
    if let Some(last) = through {
        return hyphen(&partial, last);
    }
    let whole = partial.numbers.is_empty() && (partial.wild || *version == "any");
    if whole {
        let nothing = matches!(*operator, "<" | ">" | "!=");
        return Ok(if nothing { Alternatives::new() } else { vec![Vec::new()] });
    }
    match *operator {
        "^" => caret(&partial),
        "~" | "~>" => tilde(kind, &partial),
        "" if kind == "cargo" && !partial.wild => caret(&partial),
        operator if partial.is_partial() && (kind != "composer" || partial.wild) => {
            wildcard(operator, &partial)
        }
        _ => plain::expand(Scheme::Semver, condition),
    }
}

/// Up to the next version that may break: the leftmost number that is not zero counts up.
fn caret(partial: &Partial<'_>) -> Result<Alternatives, Fault> {
    let place = partial.numbers.iter().take(3).position(|number| *number > 0);
    let last = partial.numbers.len().min(3).saturating_sub(1);
    Ok(plain::between(partial.least(), partial.after(place.unwrap_or(last))?))
}

/// Up to the next minor version; for Composer the last number that is given may grow.
fn tilde(kind: &str, partial: &Partial<'_>) -> Result<Alternatives, Fault> {
    let place = if kind == "composer" {
        partial.numbers.len().saturating_sub(2)
    } else {
        partial.numbers.len().min(2).saturating_sub(1)
    };
    Ok(plain::between(partial.least(), partial.after(place)?))
}

/// A comparator before a version that stands for several.
fn wildcard(operator: &str, partial: &Partial<'_>) -> Result<Alternatives, Fault> {
    let comparator = plain::comparator(operator);
    let comparator = comparator.ok_or_else(|| Fault::Comparator(operator.to_owned()))?;
    Ok(match comparator {
        Comparator::Any | Comparator::Equal => plain::between(partial.least(), partial.behind()?),
        Comparator::NotEqual => vec![
            vec![Constraint::new(Comparator::Less, partial.least())],
            vec![Constraint::new(Comparator::GreaterOrEqual, partial.behind()?)],
        ],
        Comparator::Less => plain::one(Comparator::Less, partial.least()),
        Comparator::LessOrEqual => plain::one(Comparator::Less, partial.behind()?),
        Comparator::Greater => plain::one(Comparator::GreaterOrEqual, partial.behind()?),
        Comparator::GreaterOrEqual => plain::one(Comparator::GreaterOrEqual, partial.least()),
    })
}

fn hyphen(first: &Partial<'_>, last: &str) -> Result<Alternatives, Fault> {
    let last = Partial::parse(last)?;
    let lower = Constraint::new(Comparator::GreaterOrEqual, first.least());
    if last.numbers.is_empty() {
        return Ok(vec![vec![lower]]);
    }
    let upper = if last.is_partial() {
        Constraint::new(Comparator::Less, last.behind()?)
    } else {
        Constraint::new(Comparator::LessOrEqual, last.least())
    };
    Ok(vec![vec![lower, upper]])
}
