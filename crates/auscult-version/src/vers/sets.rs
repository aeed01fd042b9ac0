//! Sets of versions as intervals: the alternatives of a native range become one sorted range.

use std::cmp::Ordering;

use super::{Comparator, Constraint};
use crate::{Scheme, compare, error::Fault};

/// A bound of an interval; `None` is open.
type Bound = Option<(String, bool)>;

/// The versions between two bounds, without some.
#[derive(Clone, Debug)]
struct Interval {
    /// Version, and whether it belongs to the interval.
    lower: Bound,
    upper: Bound,
    except: Vec<String>,
}

fn order(scheme: Scheme, left: &str, right: &str) -> Result<Ordering, Fault> {
    compare(scheme, left, right)
        .ok_or_else(|| Fault::Incomparable(left.to_owned(), right.to_owned()))
}

/// The constraints that describe the union of alternatives, each of which is a conjunction; sorted
/// by version. `None` if no version can satisfy any of them.
///
/// Intervals that only touch stay apart; those that overlap become one.
pub(super) fn union(
    scheme: Scheme,
    alternatives: &[Vec<Constraint>],
) -> Result<Option<Vec<Constraint>>, Fault> {
    let mut intervals = Vec::new();
    for conjunction in alternatives {
        intervals.extend(intersect(scheme, conjunction)?);
    }
    let mut fault = None;
    intervals.sort_by(|left, right| {
        by_lower(scheme, left, right).unwrap_or_else(|error| {
            fault = Some(error);
            Ordering::Equal
        })
    });
    if let Some(fault) = fault {
        return Err(fault);
    }
    let mut merged: Vec<Interval> = Vec::new();
    for interval in intervals {
        match merged.last_mut() {
            Some(last) if overlap(scheme, last, &interval)? => join(scheme, last, interval)?,
            _ => merged.push(interval),
        }
    }
    Ok((!merged.is_empty()).then(|| merged.into_iter().flat_map(written).collect()))
}

fn intersect(scheme: Scheme, conjunction: &[Constraint]) -> Result<Option<Interval>, Fault> {
    let mut interval = Interval { lower: None, upper: None, except: Vec::new() };
    for constraint in conjunction {
        let version = constraint.version.clone();
        let comparator = constraint.comparator;
        if comparator == Comparator::NotEqual {
            interval.except.push(version);
            continue;
        }
        let bound = (version, comparator.is_inclusive());
        if comparator.is_lower() || comparator == Comparator::Equal {
            tighten(scheme, &mut interval.lower, bound.clone(), Ordering::Greater)?;
        }
        if comparator.is_upper() || comparator == Comparator::Equal {
            tighten(scheme, &mut interval.upper, bound, Ordering::Less)?;
        }
    }
    leave_out_bounds(scheme, &mut interval)?;
    if let (Some(lower), Some(upper)) = (&interval.lower, &mut interval.upper) {
        match order(scheme, &lower.0, &upper.0)? {
            Ordering::Greater => return Ok(None),
            Ordering::Equal if !(lower.1 && upper.1) => return Ok(None),
            // One version, which may have been written in two ways.
            Ordering::Equal => upper.0.clone_from(&lower.0),
            Ordering::Less => {}
        }
    }
    let mut except = Vec::new();
    for version in std::mem::take(&mut interval.except) {
        if contains(scheme, &interval, &version)? {
            except.push(version);
        }
    }
    interval.except = except;
    Ok(Some(interval))
}

/// A bound that is left out is no part of the interval: `>=5, !=5` is `>5`, since a range names a
/// version once, and nothing is left of `=9, !=9`.
fn leave_out_bounds(scheme: Scheme, interval: &mut Interval) -> Result<(), Fault> {
    for (version, inclusive) in interval.lower.iter_mut().chain(&mut interval.upper) {
        for left_out in &interval.except {
            *inclusive &= order(scheme, left_out, version)?.is_ne();
        }
    }
    Ok(())
}

/// Takes a bound if it leaves less than the present one.
fn tighten(
    scheme: Scheme,
    present: &mut Bound,
    bound: (String, bool),
    tighter: Ordering,
) -> Result<(), Fault> {
    let take = match present {
        None => true,
        Some((version, _)) => match order(scheme, &bound.0, version)? {
            Ordering::Equal => !bound.1,
            other => other == tighter,
        },
    };
    if take {
        *present = Some(bound);
    }
    Ok(())
}

fn contains(scheme: Scheme, interval: &Interval, version: &str) -> Result<bool, Fault> {
    let inside = |bound: &Bound, outside: Ordering| match bound {
        None => Ok(true),
        Some((limit, inclusive)) => order(scheme, version, limit)
            .map(|order| if order.is_eq() { *inclusive } else { order != outside }),
    };
    Ok(inside(&interval.lower, Ordering::Less)? && inside(&interval.upper, Ordering::Greater)?)
}

fn by_lower(scheme: Scheme, left: &Interval, right: &Interval) -> Result<Ordering, Fault> {
    match (&left.lower, &right.lower) {
        (None, None) => Ok(Ordering::Equal),
        (None, Some(_)) => Ok(Ordering::Less),
        (Some(_), None) => Ok(Ordering::Greater),
        (Some(left), Some(right)) => {
            Ok(order(scheme, &left.0, &right.0)?.then_with(|| right.1.cmp(&left.1)))
        }
    }
}

/// Tells whether an interval begins before another one ends, or at its end and one of them is a
/// single version.
fn overlap(scheme: Scheme, last: &Interval, next: &Interval) -> Result<bool, Fault> {
    let (Some(upper), Some(lower)) = (&last.upper, &next.lower) else {
        return Ok(true);
    };
    let order = order(scheme, &lower.0, &upper.0)?;
    let single = last.lower == last.upper || next.lower == next.upper;
    Ok(order.is_lt() || (order.is_eq() && lower.1 && upper.1 && single))
}

/// Adds an interval to one that it overlaps. A version stays out only if both leave it out.
fn join(scheme: Scheme, last: &mut Interval, next: Interval) -> Result<(), Fault> {
    let mut except = Vec::new();
    for (versions, other) in [(&last.except, &next), (&next.except, &*last)] {
        for version in versions {
            let kept_out = other.except.contains(version) || !contains(scheme, other, version)?;
            if kept_out && !except.contains(version) {
                except.push(version.clone());
            }
        }
    }
    let longer = match (&last.upper, &next.upper) {
        (None, _) => false,
        (_, None) => true,
        (Some(last), Some(next)) => match order(scheme, &next.0, &last.0)? {
            Ordering::Equal => next.1,
            other => other.is_gt(),
        },
    };
    if longer {
        last.upper = next.upper;
    }
    last.except = except;
    Ok(())
}

fn written(interval: Interval) -> Vec<Constraint> {
    let Interval { lower, upper, except } = interval;
    match (lower, upper) {
        (None, None) if except.is_empty() => vec![Constraint::any()],
        (Some(lower), Some(upper)) if lower == upper => {
            vec![Constraint::new(Comparator::Equal, lower.0)]
        }
        (lower, upper) => {
            let lower = lower.map(|(version, inclusive)| {
                let comparator =
                    if inclusive { Comparator::GreaterOrEqual } else { Comparator::Greater };
                Constraint { comparator, version }
            });
            let upper = upper.map(|(version, inclusive)| {
                let comparator = if inclusive { Comparator::LessOrEqual } else { Comparator::Less };
                Constraint { comparator, version }
            });
            let except = except.into_iter().map(|one| Constraint::new(Comparator::NotEqual, one));
            lower.into_iter().chain(except).chain(upper).collect()
        }
    }
}
