//! nginx security advisories: `1.1.4-1.2.8, 1.3.9+`.
//!
//! A plus means this and all later versions; of a stable branch, whose second number is even,
//! those of that branch.

use super::{Alternatives, plain};
use crate::{
    error::Fault,
    vers::{Comparator, Constraint},
};

/// Reads the list of versions and ranges.
pub(super) fn read(text: &str) -> Result<Alternatives, Fault> {
    let mut alternatives = Alternatives::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        if let Some((first, last)) = part.split_once('-') {
            alternatives.push(vec![
                Constraint::new(Comparator::GreaterOrEqual, first.trim()),
                Constraint::new(Comparator::LessOrEqual, last.trim()),
            ]);
        } else if let Some(first) = part.strip_suffix('+') {
            alternatives.extend(from(first.trim())?);
        } else {
            alternatives.extend(plain::one(Comparator::Equal, part));
        }
    }
    Ok(alternatives)
}

fn from(first: &str) -> Result<Alternatives, Fault> {
    let malformed = || Fault::Version(first.to_owned());
    let mut numbers = first.split('.');
    let major: u64 = numbers.next().and_then(|n| n.parse().ok()).ok_or_else(malformed)?;
    let minor: u64 = numbers.next().and_then(|n| n.parse().ok()).ok_or_else(malformed)?;
    if minor % 2 == 1 {
        return Ok(plain::one(Comparator::GreaterOrEqual, first));
    }
    Ok(plain::between(first, format!("{major}.{}.0", minor.saturating_add(1))))
}
