//! Pairs of vulnerable and fixed kernels, as the kernel's CNA keeps them beside its records
//! (`CVE-….dyad` of `vulns.git`): lines of `VERSION:COMMIT:VERSION:COMMIT`, 0 for none.
//!
//! The records themselves tell only one introduction; a fault that a stable release brought in with a
//! backport stands in the pairs alone, so these replace the ranges of the record.

use std::{cmp::Ordering::Less, collections::BTreeMap};

use auscult_version::{Bound, Scheme, compare};

use crate::{
    feeds::{Recognised, Record, claim, is_cve},
    record::{Claim, Entry, Span, Status},
};

pub(crate) const SOURCE: &str = "kernel-dyads";
/// Beginnings of the lists, of now and of the first ones.
const HEADS: [&str; 2] = ["# dyad version:", "# \tgetting vulnerable:fixed pairs"];

/// Tells whether a text is a list of pairs.
pub(crate) fn is_dyad(first: &str) -> bool {
    HEADS.iter().any(|head| first.starts_with(head))
}

/// Reads a list; the file is called after the vulnerability.
pub(crate) fn parse(path: &str, text: &str) -> Recognised {
    let file = path.rsplit('/').next().unwrap_or(path);
    let Some(id) = file.strip_suffix(".dyad").filter(|id| is_cve(id)) else {
        return Recognised::failed(SOURCE);
    };
    let withdrawn = path.split('/').any(|part| part == "rejected");
    let (mut fixes, mut failures) = (BTreeMap::<&str, Vec<&str>>::new(), 0);
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let mut fields = line.split(':');
        match (fields.next(), fields.nth(1)) {
            (Some(since), Some(fixed)) => fixes.entry(since).or_default().push(fixed),
            _ => failures += 1,
        }
    }
    let claims = fixes.into_iter().map(|(since, fixes)| claim_since(id, since, &fixes));
    let record = Record {
        source: SOURCE,
        unique: id.to_owned(),
        id: id.to_owned(),
        withdrawn,
        claims: claims.map(|claim| ("k:linux".to_owned(), claim)).collect(),
        ..Record::default()
    };
    Recognised::Records { source: SOURCE, records: vec![record], failures, date: None }
}

/// The stream of a stable release, `5.4` of `5.4.262`; none for a release of the main line.
fn stream(version: &str) -> Option<&str> {
    let old = version.starts_with("2.") || version.starts_with("1.");
    let parts = version.split('.').count();
    (parts > if old { 3 } else { 2 }).then(|| version.rsplit_once('.').map(|(stream, _)| stream))?
}

/// What is affected since one version: of a stable stream up to its fix or its end, of the main line
/// everything but what is fixed, stream by stream.
fn claim_since(id: &str, since: &str, fixes: &[&str]) -> Claim {
    let at = |version: &str| Some(Bound::Inclusive(version.to_owned()));
    let below = |version: &str| Some(Bound::Exclusive(version.to_owned()));
    let end = |stream: &str| Some(Bound::Inclusive(format!("{stream}.*")));
    let before = |one: &str, other: &str| compare(Scheme::Kernel, one, other) == Some(Less);
    let entry = |status, lower, upper| Entry::new(status, Span::Between { lower, upper });
    let (mut main, mut last) = (None::<&str>, BTreeMap::<&str, &str>::new());
    for &version in fixes.iter().filter(|version| **version != "0") {
        match stream(version) {
            // A fault that took several commits has several fixes in a stream: the last one counts.
            Some(stream) => {
                let known = last.entry(stream).or_insert(version);
                *known = if before(known, version) { version } else { known };
            }
            None => main = main.filter(|&first| !before(version, first)).or(Some(version)),
        }
    }
    if let Some(stream) = stream(since) {
        let upper = last.get(stream).map_or_else(|| end(stream), |version| below(version));
        let entries = vec![entry(Status::Affected, at(since), upper)];
        return claim(id, Scheme::Kernel, Status::Unaffected, entries);
    }
    let mut entries = Vec::new();
    if since != "0" {
        entries.push(entry(Status::Unaffected, None, below(since)));
    }
    for (stream, version) in last {
        entries.push(entry(Status::Unaffected, at(version), end(stream)));
        // A stream that needed a fix of its own was not whole when it began.
        if main.is_some_and(|first| !before(stream, first)) {
            entries.push(entry(Status::Affected, at(stream), below(version)));
        }
    }
    entries.extend(main.map(|first| entry(Status::Unaffected, at(first), None)));
    claim(id, Scheme::Kernel, Status::Affected, entries)
}

#[cfg(test)]
mod tests {
    use super::{is_dyad, parse, stream};
    use crate::{
        affected::{Verdict, judge},
        feeds::Recognised,
    };

    const TEXT: &str = "# dyad version: 1\n# comment\n5.4.262:a:5.4.269:b\n6.4.8:a:0:0\n\
                        6.5:a:6.6.17:b\n6.5:a:6.7.5:b\n6.5:a:6.8:b\n";

    #[test]
    fn streams_are_those_of_stable_releases() {
        assert_eq!(stream("5.4.262"), Some("5.4"));
        assert_eq!(stream("2.6.32.5"), Some("2.6.32"));
        assert_eq!((stream("6.5"), stream("2.6.32"), stream("0")), (None, None, None));
    }

    #[test]
    fn each_stream_has_its_own_fix() {
        assert!(is_dyad(TEXT));
        let Recognised::Records { records, failures: 0, .. } = parse("a/CVE-2026-0001.dyad", TEXT)
        else {
            panic!("it is not read");
        };
        let claims = &records[0].claims;
        for (version, affected) in [
            ("5.4.261", false),
            ("5.4.262", true),
            ("5.4.268", true),
            ("5.4.269", false),
            ("5.5", false),
            ("6.4.7", false),
            ("6.4.16", true),
            ("6.5", true),
            ("6.5.13", true),
            ("6.6.16", true),
            ("6.6.17", false),
            ("6.7.5", false),
            ("6.7.4", true),
            ("6.8", false),
            ("6.12.1", false),
            ("6.9.2", false),
        ] {
            let found = claims
                .iter()
                .any(|(_, claim)| matches!(judge(claim, version), Verdict::Affected { .. }));
            assert_eq!(found, affected, "{version}");
        }
    }
}
