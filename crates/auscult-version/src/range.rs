//! Ranges of versions: two bounds, or the events of an OSV record.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::{Scheme, compare};

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound<S = String> {
    /// The version itself belongs to the range.
    Inclusive(S),
    /// The version itself does not belong to it.
    Exclusive(S),
}

impl<S: AsRef<str>> Bound<S> {
    /// The version of the bound.
    pub fn version(&self) -> &str {
        match self {
            Self::Inclusive(version) | Self::Exclusive(version) => version.as_ref(),
        }
    }
}

/// All versions between two bounds; an absent bound is open.
///
/// An upper bound may end in `.*`: `5.4.*` is every version that begins with the numbers 5.4.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Range {
    /// How versions of this range are ordered.
    pub scheme: Scheme,
    /// The lower bound.
    pub lower: Option<Bound>,
    /// The upper bound.
    pub upper: Option<Bound>,
}

impl Range {
    /// Tells whether a version lies in the range; `None` where it cannot be compared.
    pub fn contains(&self, version: &str) -> Option<bool> {
        within(self.scheme, self.lower.as_ref(), self.upper.as_ref(), version)
    }
}

/// Tells whether a version lies between two bounds, as [`Range::contains`] does.
pub fn within<S: AsRef<str>>(
    scheme: Scheme,
    lower: Option<&Bound<S>>,
    upper: Option<&Bound<S>>,
    version: &str,
) -> Option<bool> {
    // A bound that excludes the version decides alone, even if the other cannot be compared.
    match (above(scheme, lower, version), below(scheme, upper, version)) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn above<S: AsRef<str>>(scheme: Scheme, lower: Option<&Bound<S>>, version: &str) -> Option<bool> {
    let Some(lower) = lower else { return Some(true) };
    let order = order(scheme, version, lower.version())?;
    Some(order.is_gt() || (order.is_eq() && matches!(lower, Bound::Inclusive(_))))
}

fn below<S: AsRef<str>>(scheme: Scheme, upper: Option<&Bound<S>>, version: &str) -> Option<bool> {
    let Some(upper) = upper else { return Some(true) };
    if let Some(prefix) = upper.version().strip_suffix(".*") {
        return below_wildcard(scheme, version, prefix);
    }
    let order = order(scheme, version, upper.version())?;
    Some(order.is_lt() || (order.is_eq() && matches!(upper, Bound::Inclusive(_))))
}

/// Below `5.4.*`: either below 5.4, or 5.4 with whatever follows.
fn below_wildcard(scheme: Scheme, version: &str, prefix: &str) -> Option<bool> {
    let given = version.strip_prefix('v').unwrap_or(version);
    let inside = given
        .strip_prefix(prefix)
        .is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
    if inside {
        return Some(true);
    }
    Some(compare(scheme, version, prefix)?.is_le())
}

/// The order of a version and a limit. A limit that names less stands for all that it names: a
/// release of OpenSSH without a port for all ports of it, and a Python version without a local
/// label for all builds of it (PEP 440, "Version matching").
pub(crate) fn order(scheme: Scheme, version: &str, limit: &str) -> Option<Ordering> {
    let mark = match scheme {
        Scheme::OpenSsh => 'p',
        Scheme::Pep440 => '+',
        _ => return compare(scheme, version, limit),
    };
    if limit.contains(mark) {
        return compare(scheme, version, limit);
    }
    let named = version.split_once(mark).map_or(version, |(named, _)| named);
    compare(scheme, named, limit)
}

/// An event of an OSV range (OSV schema 1.7, `affected[].ranges[].events[]`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The first version that is affected; `0` stands for the very first.
    Introduced(String),
    /// The first version that is not affected any more.
    Fixed(String),
    /// The last version that is affected.
    LastAffected(String),
    /// Versions from here on were not looked at.
    Limit(String),
}

/// Tells whether a version is affected by these events, after the algorithm of the OSV schema.
pub fn events_contain(scheme: Scheme, events: &[Event], version: &str) -> Option<bool> {
    let mut affected = false;
    for event in sorted(scheme, events)? {
        match event {
            Event::Introduced(at) if at == "0" => affected = true,
            Event::Introduced(at) if compare(scheme, version, at)?.is_ge() => affected = true,
            Event::Fixed(at) if compare(scheme, version, at)?.is_ge() => affected = false,
            Event::LastAffected(at) if compare(scheme, version, at)?.is_gt() => affected = false,
            Event::Limit(at) if at != "*" && compare(scheme, version, at)?.is_ge() => {
                affected = false;
            }
            _ => {}
        }
    }
    Some(affected)
}

fn sorted(scheme: Scheme, events: &[Event]) -> Option<Vec<&Event>> {
    let at = |event: &Event| match event {
        Event::Introduced(at) | Event::Fixed(at) | Event::LastAffected(at) | Event::Limit(at) => {
            at.clone()
        }
    };
    let mut comparable = true;
    let mut sorted: Vec<&Event> = events.iter().collect();
    sorted.sort_by(|left, right| {
        let (left, right) = (at(left), at(right));
        match (left.as_str(), right.as_str()) {
            ("0", "0") | ("*", "*") => Ordering::Equal,
            ("0", _) | (_, "*") => Ordering::Less,
            (_, "0") | ("*", _) => Ordering::Greater,
            (left, right) => compare(scheme, left, right).unwrap_or_else(|| {
                comparable = false;
                left.cmp(right)
            }),
        }
    });
    comparable.then_some(sorted)
}
