//! The Debian security tracker as served (`data/json`): what it says of every source package in
//! every release, `{"PACKAGE": {"CVE-…": {"releases": {"bookworm": {"status": …}}}}}`.

use std::collections::BTreeMap;

use auscult_version::{Bound, Scheme};
use serde::Deserialize;

use crate::{
    feeds::{Recognised, Record, claim, is_cve},
    record::{Entry, Span, Status},
};

const SOURCE: &str = "debian-tracker";

#[derive(Deserialize)]
struct Tracked {
    releases: BTreeMap<String, State>,
}

#[derive(Deserialize)]
struct State {
    status: String,
    #[serde(default)]
    fixed_version: Option<String>,
}

/// Reads the document; any other JSON is no feed.
pub(crate) fn parse(bytes: &[u8]) -> Recognised {
    type Document = BTreeMap<String, BTreeMap<String, Tracked>>;
    let Ok(document) = serde_json::from_slice::<Document>(bytes) else {
        return Recognised::Nothing;
    };
    if document.values().all(BTreeMap::is_empty) {
        return Recognised::Nothing;
    }
    let (mut records, mut failures) = (Vec::new(), 0);
    for (package, tracked) in document {
        // Temporary ids stand for what has no CVE yet; they change.
        for (id, tracked) in tracked.into_iter().filter(|(id, _)| is_cve(id)) {
            for (release, state) in tracked.releases {
                let Some((default, entries)) = said(&state) else {
                    failures += 1;
                    continue;
                };
                let mut claim = claim(&id, Scheme::Debian, default, entries);
                claim.release.clone_from(&release);
                claim.record.clone_from(&package);
                records.push(Record {
                    source: SOURCE,
                    unique: format!("{package} {release} {id}"),
                    id: id.clone(),
                    claims: vec![(format!("d:debian:{package}"), claim)],
                    ..Record::default()
                });
            }
        }
    }
    Recognised::Records { source: SOURCE, records, failures, date: None }
}

/// A release that was never affected is "resolved" in version 0.
fn said(state: &State) -> Option<(Status, Vec<Entry>)> {
    Some(match (state.status.as_str(), state.fixed_version.as_deref()) {
        ("resolved", Some("0")) => (Status::Unaffected, Vec::new()),
        ("resolved", Some(version)) => {
            let upper = Some(Bound::Exclusive(version.to_owned()));
            let below = Entry::new(Status::Affected, Span::Between { lower: None, upper });
            (Status::Unaffected, vec![below])
        }
        ("open", _) => (Status::Affected, Vec::new()),
        ("undetermined", _) => (Status::Unknown, Vec::new()),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::{feeds::Recognised, record::Status};

    #[test]
    fn every_state_is_told_apart() {
        let document = br#"{"acme": {
            "CVE-2026-0001": {"releases": {
                "bookworm": {"status": "resolved", "fixed_version": "1.2-3"},
                "bullseye": {"status": "resolved", "fixed_version": "0"},
                "trixie": {"status": "open"}, "sid": {"status": "undetermined"},
                "forky": {"status": "new word"}}},
            "TEMP-0000000-0": {"releases": {"sid": {"status": "open"}}}}}"#;
        let Recognised::Records { records, failures, .. } = parse(document) else {
            panic!("it is not recognised");
        };
        let said: Vec<(&str, Status, usize)> = records
            .iter()
            .map(|record| &record.claims[0].1)
            .map(|claim| (claim.release.as_str(), claim.default, claim.entries.len()))
            .collect();
        assert_eq!(
            said,
            [
                ("bookworm", Status::Unaffected, 1),
                ("bullseye", Status::Unaffected, 0),
                ("sid", Status::Unknown, 0),
                ("trixie", Status::Affected, 0),
            ]
        );
        assert_eq!(failures, 1);
    }
}
