//! Whether a version lies in a range (VERS, "Checking if a version is contained within a range").

use std::cmp::Ordering;

use super::{Comparator, Constraint, NONE, Vers};
use crate::{Scheme, range::order};

impl Vers {
    /// Tells whether a version lies in the range; `None` where it cannot be compared with a
    /// constraint that would decide, or where no order is known for the type.
    ///
    /// A range of nothing but exclusions contains everything else.
    pub fn contains(&self, version: &str) -> Option<bool> {
        if self.constraints.iter().any(|one| one.comparator == Comparator::Any) {
            return Some(self.kind != NONE);
        }
        let Some(scheme) = self.scheme() else { return self.names(version) };
        for constraint in &self.constraints {
            if order(scheme, version, &constraint.version) == Some(Ordering::Equal) {
                if constraint.comparator.is_inclusive() {
                    return Some(true);
                }
                if constraint.comparator == Comparator::NotEqual {
                    return Some(false);
                }
            }
        }
        let bounds = essential(&self.constraints);
        if bounds.is_empty() {
            let only_excludes =
                self.constraints.iter().all(|one| one.comparator == Comparator::NotEqual);
            return Some(only_excludes);
        }
        between(scheme, &bounds, version)
    }

    /// Without an order only a name that stands in the range decides.
    fn names(&self, version: &str) -> Option<bool> {
        let named = self.constraints.iter().find(|one| one.version == version)?;
        match named.comparator {
            Comparator::NotEqual | Comparator::Less | Comparator::Greater => None,
            _ => Some(true),
        }
    }
}

/// The bounds, without those that others make redundant: of two begins the first one counts, of
/// two ends the last one.
fn essential(constraints: &[Constraint]) -> Vec<&Constraint> {
    let mut bounds: Vec<&Constraint> = Vec::new();
    for constraint in constraints {
        let comparator = constraint.comparator;
        let last = bounds.last().map(|one| one.comparator);
        if comparator.is_lower() && !last.is_some_and(Comparator::is_lower) {
            bounds.push(constraint);
        } else if comparator.is_upper() {
            if last.is_some_and(Comparator::is_upper) {
                bounds.pop();
            }
            bounds.push(constraint);
        }
    }
    bounds
}

/// Looks between which of the alternating bounds a version lies that none of them includes.
fn between(scheme: Scheme, bounds: &[&Constraint], version: &str) -> Option<bool> {
    let mut inside = bounds.first().is_some_and(|first| first.comparator.is_upper());
    for bound in bounds {
        match order(scheme, version, &bound.version)? {
            Ordering::Less => return Some(inside),
            Ordering::Equal => return Some(false),
            Ordering::Greater => inside = bound.comparator.is_lower(),
        }
    }
    Some(inside)
}
