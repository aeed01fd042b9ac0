//! Decides whether what an advisory writes about versions holds a device's version.
//!
//! What cannot be compared is undetermined: an advisory that is not understood never clears a
//! device.

use std::cmp::Ordering;

use auscult_version::{Scheme, compare, split_update, within};

use super::version_text::VersionText;
use crate::{
    affected::describe,
    record::{Claim, Entry, Span, Status},
};

/// Whether an advisory touches a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceStatus {
    /// The advisory speaks of this version.
    Affected,
    /// It cannot be told from what is written, or the version is not known.
    Undetermined,
    /// The advisory says that the version is not touched.
    NotAffected,
}

/// The answer with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) status: DeviceStatus,
    pub(super) reason: String,
}

fn judged(status: DeviceStatus, reason: impl Into<String>) -> Judged {
    Judged { status, reason: reason.into() }
}

/// A version as asked, without the words around it: "Version 2.3" is 2.3.
fn plain(version: &str) -> String {
    match VersionText::read(version).spans.as_slice() {
        [Span::Exactly { version, .. }] => version.clone(),
        _ => version.trim().to_owned(),
    }
}

/// What all entries of one status say about a version; a later one is stronger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    /// There are none.
    Nothing,
    /// None holds it.
    Outside,
    /// One cannot be compared with it.
    Open,
    /// A range holds it.
    Inside,
    /// One names it.
    Named,
}

impl Said {
    fn of(claim: &Claim, status: Status, version: &str) -> Self {
        let entries = claim.entries.iter().filter(|entry| entry.status == status);
        let said = entries.map(|entry| match holds(claim.scheme, entry, version) {
            Some(true) if matches!(entry.span, Span::Exactly { .. }) => Self::Named,
            Some(true) => Self::Inside,
            Some(false) => Self::Outside,
            None => Self::Open,
        });
        said.max().unwrap_or(Self::Nothing)
    }
}

/// Judges a device's version, where it is known.
pub(super) fn judge(claim: &Claim, version: Option<&str>) -> Judged {
    use DeviceStatus::{Affected, NotAffected, Undetermined};
    let Some(version) = version.map(plain).filter(|version| !version.is_empty()) else {
        return judge_unknown(claim);
    };
    let affected = Said::of(claim, Status::Affected, &version);
    let cleared = Said::of(claim, Status::Unaffected, &version);
    let looked_at = Said::of(claim, Status::Unknown, &version);
    // A named version is more specific than a range around it; else "affected" stands.
    if affected >= Said::Inside && (cleared < Said::Named || affected == Said::Named) {
        return judged(Affected, "the version lies in the range");
    }
    if cleared >= Said::Inside {
        return judged(NotAffected, "the advisory calls the version repaired or not affected");
    }
    if affected == Said::Open {
        return judged(Undetermined, "the text about versions cannot be compared with the version");
    }
    if looked_at >= Said::Open {
        return judged(Undetermined, "the maker is still looking at it");
    }
    if affected == Said::Outside {
        return judged(NotAffected, format!("the advisory speaks of {} only", describe(claim)));
    }
    judged(Undetermined, "the advisory names versions that are not affected, and no affected one")
}

/// Without a version only what holds for all of them is decided.
fn judge_unknown(claim: &Claim) -> Judged {
    let all = |entry: &Entry| matches!(entry.span, Span::Between { lower: None, upper: None });
    let of = |status| claim.entries.iter().filter(move |entry| entry.status == status);
    let cleared = of(Status::Unaffected).count();
    if cleared == 0 && of(Status::Affected).any(all) {
        return judged(DeviceStatus::Affected, "all versions are affected");
    }
    let open = claim.entries.iter().any(|entry| entry.status != Status::Unaffected);
    if !open && of(Status::Unaffected).any(all) {
        return judged(DeviceStatus::NotAffected, "no version is affected");
    }
    judged(DeviceStatus::Undetermined, "the device's version is not known")
}

/// Tells whether an entry holds a version; `None` where that cannot be told.
fn holds(scheme: Scheme, entry: &Entry, version: &str) -> Option<bool> {
    match &entry.span {
        Span::Unreadable(text) => text.trim().eq_ignore_ascii_case(version).then_some(true),
        Span::Between { lower, upper } => {
            let strict = within(scheme, lower.as_ref(), upper.as_ref(), version);
            strict.or_else(|| within(Scheme::Generic, lower.as_ref(), upper.as_ref(), version))
        }
        Span::Exactly { version: named, .. } => {
            if named.eq_ignore_ascii_case(version) {
                return Some(true);
            }
            let (core, update) = split_update(version);
            if !update.is_empty() && compare(scheme, core, named).is_some_and(Ordering::is_eq) {
                // "1.1.3" stands for all its builds.
                return Some(true);
            }
            let (core, update) = split_update(named);
            if !update.is_empty() && compare(scheme, core, version).is_some_and(Ordering::is_eq) {
                // Which build of it the device has is not known.
                return None;
            }
            compare(scheme, version, named).map(Ordering::is_eq)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{DeviceStatus, judge};
    use crate::{
        device::version_text::VersionText,
        feeds::claim,
        record::{Entry, Status},
    };

    fn status(text: &str, version: Option<&str>) -> DeviceStatus {
        let read = VersionText::read(text);
        let entries = read.spans.into_iter().map(|span| Entry::new(Status::Affected, span));
        judge(&claim("CVE-2026-0001", read.scheme, Status::Unaffected, entries.collect()), version)
            .status
    }

    #[test]
    fn what_cannot_be_compared_is_undetermined() {
        use DeviceStatus::{Affected, NotAffected, Undetermined};
        for (text, version, expected) in [
            ("Version 2.3.6 and below", Some("2.3.6"), Affected),
            ("Version 2.3.6 and below", Some("v2.3"), Affected),
            ("Version 2.3.6 and below", Some("Version 2.4"), NotAffected),
            ("Version 2.3.6 and below", None, Undetermined),
            ("1.1.3 Build 10", Some("1.1.3 Build 10"), Affected),
            ("1.1.3 Build 10", Some("1.1.3 build 11"), NotAffected),
            ("1.1.3 Build 10", Some("1.1.3"), Undetermined),
            ("1.1.3", Some("1.1.3 Build 7"), Affected),
            ("1.1.3 | 1.1.5", Some("1.1.4"), NotAffected),
            ("R2021.1 and earlier", Some("R2020.2"), Affected),
            ("R2021.1 and earlier", Some("2021.2"), NotAffected),
            ("<= L81", Some("L80"), Affected),
            ("<= L81", Some("L82"), NotAffected),
            ("<= L81", Some("U62"), Undetermined),
            ("<=N", Some("N"), Affected),
            ("<=N", Some("3.1"), Undetermined),
            ("MMT-1710", Some("3.1"), Undetermined),
            ("<May 2018", Some("3.1"), Undetermined),
            ("with wireless option", Some("3.1"), Undetermined),
            ("vers:all/*", Some("anything"), Affected),
            ("vers:all/*", None, Affected),
            ("vers:none/*", Some("anything"), Undetermined),
            ("vers:none/*", None, Undetermined),
            ("14.1.x", Some("14.1.9"), Affected),
            ("14.1.x", Some("14.2"), NotAffected),
        ] {
            assert_eq!(status(text, version), expected, "{text} {version:?}");
        }
    }
}
