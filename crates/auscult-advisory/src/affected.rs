//! Decides whether a claim touches a version, as the CVE record format 5.1 defines it.
//!
//! The status of a version is that of the entry that holds it, with its changes applied, else the
//! default status. An entry for that one version is more specific than a range around it. Where
//! two ranges contradict each other "affected" stands: a doubtful record must not read as safe.

use std::cmp::Ordering;

use auscult_version::{Bound, Scheme, compare, may_lack_letter, split_update, within};

use crate::record::{Claim, Entry, Span, Status};

/// The answer of a claim about one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The version is affected.
    Affected {
        /// The range it lies in.
        range: String,
        /// The first fixed version after it.
        fixed: Option<String>,
    },
    /// The claim says that it is not, or says nothing about it.
    NotAffected,
    /// The version cannot be compared with what the claim says.
    Undetermined {
        /// What the claim says.
        range: String,
    },
}

/// Compares by the claim's scheme; feeds call many things "semver" that are not.
fn order(scheme: Scheme, left: &str, right: &str) -> Option<Ordering> {
    compare(scheme, left, right).or_else(|| match scheme {
        Scheme::Semver | Scheme::Pep440 => compare(Scheme::Generic, left, right),
        _ => None,
    })
}

fn contains<S: AsRef<str>>(scheme: Scheme, span: &Span<S>, version: &str) -> Option<bool> {
    match span {
        Span::Unreadable(_) => None,
        Span::Exactly { version: named, any_update } => {
            let same = order(scheme, version, named.as_ref()).map(Ordering::is_eq);
            match same {
                Some(false) if *any_update => {
                    let (core, update) = split_update(version);
                    if update.is_empty() {
                        return Some(false);
                    }
                    order(scheme, core, named.as_ref()).map(Ordering::is_eq)
                }
                // A list of names: one that cannot be compared is another one.
                None => Some(false),
                decided => decided,
            }
        }
        Span::Between { lower, upper } => within(scheme, lower.as_ref(), upper.as_ref(), version)
            .or_else(|| match scheme {
                Scheme::Semver | Scheme::Pep440 => {
                    within(Scheme::Generic, lower.as_ref(), upper.as_ref(), version)
                }
                _ => None,
            }),
    }
}

/// The status that an entry gives to a version inside it.
fn status_in<S: AsRef<str>>(scheme: Scheme, entry: &Entry<S>, version: &str) -> Status {
    let mut status = entry.status;
    let mut latest: Option<&str> = None;
    for (at, changed) in &entry.changes {
        let at = at.as_ref();
        // A change that cannot be placed counts where it makes the version affected, and does not
        // where it would clear it.
        let reached =
            order(scheme, version, at).map_or(*changed == Status::Affected, Ordering::is_ge);
        let later = latest.is_none_or(|known| order(scheme, at, known).is_none_or(Ordering::is_ge));
        if reached && later {
            (status, latest) = (*changed, Some(at));
        }
    }
    status
}

/// Judges a version by a claim.
pub(crate) fn judge<S: AsRef<str>>(claim: &Claim<S>, version: &str) -> Verdict {
    let scheme = claim.scheme;
    let mut found: Option<(&Entry<S>, Status)> = None;
    let mut unclear = None;
    for entry in &claim.entries {
        match contains(scheme, &entry.span, version) {
            Some(false) => {}
            Some(true) => {
                let status = status_in(scheme, entry, version);
                if matches!(entry.span, Span::Exactly { .. }) {
                    found = Some((entry, status));
                    break;
                }
                if found.is_none_or(|(_, known)| known != Status::Affected) {
                    found = Some((entry, status));
                }
            }
            None => unclear = unclear.or(Some(entry)),
        }
    }
    match (found, unclear) {
        (Some((entry, Status::Affected)), _) => Verdict::Affected {
            range: describe_entry(entry),
            fixed: fixed_in(scheme, entry, version).or_else(|| next_unaffected(claim, version)),
        },
        (None, Some(entry)) if may_matter(claim.default, entry) => {
            Verdict::Undetermined { range: describe_entry(entry) }
        }
        (None, _) if claim.default == Status::Affected => {
            let fixed = next_unaffected(claim, version);
            Verdict::Affected { range: gap(claim, version, fixed.as_deref()), fixed }
        }
        _ => Verdict::NotAffected,
    }
}

/// Tells whether an entry that cannot be compared could change the answer.
fn may_matter<S: AsRef<str>>(default: Status, entry: &Entry<S>) -> bool {
    match entry.status {
        Status::Affected => true,
        Status::Unaffected => default == Status::Affected,
        Status::Unknown => false,
    }
}

fn fixed_in<S: AsRef<str>>(scheme: Scheme, entry: &Entry<S>, version: &str) -> Option<String> {
    let change = entry.changes.iter().find(|(at, status)| {
        *status == Status::Unaffected
            && order(scheme, at.as_ref(), version).is_some_and(Ordering::is_gt)
    });
    if let Some((at, _)) = change {
        return Some(at.as_ref().to_owned());
    }
    match &entry.span {
        Span::Between { upper: Some(Bound::Exclusive(version)), .. } => {
            Some(version.as_ref().to_owned())
        }
        _ => None,
    }
}

/// The smallest version after this one that the claim calls unaffected.
fn next_unaffected<S: AsRef<str>>(claim: &Claim<S>, version: &str) -> Option<String> {
    let unaffected = claim.entries.iter().filter(|entry| entry.status == Status::Unaffected);
    let starts = unaffected.filter_map(|entry| match &entry.span {
        Span::Exactly { version, .. }
        | Span::Between { lower: Some(Bound::Inclusive(version)), .. } => Some(version.as_ref()),
        _ => None,
    });
    starts
        .filter(|start| order(claim.scheme, start, version).is_some_and(Ordering::is_gt))
        .min_by(|left, right| order(claim.scheme, left, right).unwrap_or(Ordering::Equal))
        .map(ToOwned::to_owned)
}

/// The gap between unaffected ranges that a version lies in, as text.
fn gap<S: AsRef<str>>(claim: &Claim<S>, version: &str, next: Option<&str>) -> String {
    let ends = claim.entries.iter().filter(|entry| entry.status == Status::Unaffected);
    let ends = ends.filter_map(|entry| match &entry.span {
        Span::Between { upper: Some(upper), .. } => Some(upper),
        _ => None,
    });
    let number = |bound: &Bound<S>| bound.version().trim_end_matches(".*").to_owned();
    let below = ends.filter(|end| within(claim.scheme, None, Some(end), version) == Some(false));
    let last = below.max_by(|left, right| {
        order(claim.scheme, &number(left), &number(right)).unwrap_or(Ordering::Equal)
    });
    let lower = last.map(|end| match end {
        Bound::Exclusive(version) => format!(">= {}", version.as_ref()),
        Bound::Inclusive(version) => format!("> {}", version.as_ref()),
    });
    match (lower, next) {
        (Some(lower), Some(next)) => format!("{lower}, < {next}"),
        (Some(lower), None) => lower,
        (None, Some(next)) => format!("< {next}"),
        (None, None) => describe(claim),
    }
}

/// The span of an entry as text.
fn describe_entry<S: AsRef<str>>(entry: &Entry<S>) -> String {
    let mut text = match &entry.span {
        Span::Exactly { version, .. } => format!("= {}", version.as_ref()),
        Span::Unreadable(text) => format!("{:?}", text.as_ref()),
        Span::Between { lower, upper } => {
            let lower = lower.as_ref().map(|bound| match bound {
                Bound::Inclusive(version) => format!(">= {}", version.as_ref()),
                Bound::Exclusive(version) => format!("> {}", version.as_ref()),
            });
            let upper = upper.as_ref().map(|bound| match bound {
                Bound::Inclusive(version) => format!("<= {}", version.as_ref()),
                Bound::Exclusive(version) => format!("< {}", version.as_ref()),
            });
            match (lower, upper) {
                (Some(lower), Some(upper)) => format!("{lower}, {upper}"),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => "all versions".to_owned(),
            }
        }
    };
    for (at, status) in &entry.changes {
        let word = match status {
            Status::Affected => "affected",
            Status::Unaffected => "unaffected",
            Status::Unknown => "unknown",
        };
        text.extend([", ", word, " from ", at.as_ref()]);
    }
    text
}

/// The affected versions of a claim as text.
pub(crate) fn describe<S: AsRef<str>>(claim: &Claim<S>) -> String {
    let of = |status| {
        let entries = claim.entries.iter().filter(move |entry| entry.status == status);
        entries.map(describe_entry).collect::<Vec<_>>().join(" | ")
    };
    if claim.default == Status::Affected {
        let except = of(Status::Unaffected);
        return if except.is_empty() {
            "all versions".to_owned()
        } else {
            format!("all versions except {except}")
        };
    }
    of(Status::Affected)
}

/// Versions that together stand for all that a version known in part may be: itself, its ends,
/// and every limit of the claim within it.
fn probes<S: AsRef<str>>(claim: &Claim<S>, known: &str) -> Vec<String> {
    let mut probes = vec![known.to_owned()];
    if claim.scheme == Scheme::OpenSsl && may_lack_letter(known) {
        probes.extend(('a'..='z').map(|letter| format!("{known}{letter}")));
        probes.extend(('a'..='z').map(|letter| format!("{known}z{letter}")));
        return probes;
    }
    let prefix = format!("{known}.");
    for limit in limits(claim).into_iter().filter(|limit| limit.starts_with(&prefix)) {
        probes.extend([limit.to_owned(), format!("{limit}.0.1")]);
    }
    probes.push(format!("{known}.999999"));
    probes
}

/// Every version at which the answer of a claim may change.
fn limits<S: AsRef<str>>(claim: &Claim<S>) -> Vec<&str> {
    let mut limits = Vec::new();
    for entry in &claim.entries {
        match &entry.span {
            Span::Exactly { version, .. } => limits.push(version.as_ref()),
            Span::Between { lower, upper } => {
                limits.extend(lower.iter().chain(upper).map(Bound::version));
            }
            Span::Unreadable(_) => {}
        }
        limits.extend(entry.changes.iter().map(|(at, _)| at.as_ref()));
    }
    limits
}

/// Versions that together stand for all between two bounds: the lower one, every limit of the
/// claim, and some behind each. What cannot be compared with the bounds stands for nothing.
fn probes_between<S: AsRef<str>>(
    claim: &Claim<S>,
    at_least: Option<&str>,
    below: Option<&str>,
) -> Vec<String> {
    let order = |left: &str, right: &str| order(claim.scheme, left, right);
    let mut starts = vec![at_least.unwrap_or("0")];
    starts.extend(limits(claim).into_iter().map(|limit| limit.trim_end_matches(".*")));
    let mut probes = Vec::new();
    for start in starts {
        // Right behind, in the ways of the schemes, and behind all that begins so (`5.4.*`).
        let behind = [".0.1", ".999999.1", "a", "p1"].map(|end| format!("{start}{end}"));
        probes
            .extend(behind.into_iter().filter(|one| order(one, start) == Some(Ordering::Greater)));
        probes.push(start.to_owned());
    }
    let high =
        |one: &str| at_least.is_none_or(|least| order(one, least).is_some_and(Ordering::is_ge));
    let low = |one: &str| below.is_none_or(|limit| order(one, limit).is_some_and(Ordering::is_lt));
    probes.retain(|one| high(one) && low(one));
    probes
}

/// Judges a version of which only bounds are known, at least one: affected if all between them are,
/// not if none is, and undetermined in every other case.
pub(crate) fn judge_between<S: AsRef<str>>(
    claim: &Claim<S>,
    at_least: Option<&str>,
    below: Option<&str>,
) -> Verdict {
    let undetermined = || Verdict::Undetermined { range: describe(claim) };
    let probes = probes_between(claim, at_least, below);
    if probes.is_empty() {
        return undetermined();
    }
    agreed(probes.iter().map(|version| judge(claim, version)).collect())
        .unwrap_or_else(undetermined)
}

/// What all verdicts say together, if they agree; the first one tells range and repair.
fn agreed(verdicts: Vec<Verdict>) -> Option<Verdict> {
    let affected = |verdict: &Verdict| matches!(verdict, Verdict::Affected { .. });
    if verdicts.iter().all(|verdict| *verdict == Verdict::NotAffected) {
        return Some(Verdict::NotAffected);
    }
    let all = verdicts.iter().all(affected);
    all.then(|| verdicts.into_iter().next()).flatten()
}

/// Judges a version of which only a part is known: affected if all that it may be are, not if
/// none is.
pub(crate) fn judge_incomplete<S: AsRef<str>>(claim: &Claim<S>, known: &str) -> Verdict {
    let verdicts: Vec<Verdict> =
        probes(claim, known).iter().map(|version| judge(claim, version)).collect();
    agreed(verdicts).unwrap_or_else(|| Verdict::Undetermined { range: describe(claim) })
}

#[cfg(test)]
mod tests {
    use auscult_version::Scheme;

    use super::status_in;
    use crate::record::{Entry, Span, Status};

    #[test]
    fn a_change_that_cannot_be_placed_never_clears() {
        let entry = |status, changed| {
            let span = Span::Between { lower: None, upper: None };
            Entry { status, span, changes: vec![("not a version".to_owned(), changed)] }
        };
        let affected = entry(Status::Affected, Status::Unaffected);
        assert_eq!(status_in(Scheme::Semver, &affected, "1.0.0"), Status::Affected);
        let unaffected = entry(Status::Unaffected, Status::Affected);
        assert_eq!(status_in(Scheme::Semver, &unaffected, "1.0.0"), Status::Affected);
    }
}
