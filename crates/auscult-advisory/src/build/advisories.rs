//! Collects advisories of the Common Security Advisory Framework: of several copies of a document
//! the newest counts, and what could not be checked of a source is told once.

use std::collections::BTreeMap;

use crate::{
    csaf::trust::{Checked, Signature},
    feeds::csaf::{Advisory, Origin, source_name},
};

/// Refused documents of a source are told by name up to this number.
const TOLD_MAX: usize = 20;

/// What is known of one source's documents.
#[derive(Default)]
struct Source {
    documents: u64,
    with_digest: u64,
    no_key: u64,
    unsigned: u64,
    refused: Vec<String>,
    refused_count: u64,
}

/// Everything read so far.
#[derive(Default)]
pub(crate) struct Advisories {
    newest: BTreeMap<(&'static str, String), Advisory>,
    sources: BTreeMap<&'static str, Source>,
}

fn plus(count: &mut u64) {
    *count = count.saturating_add(1);
}

impl Source {
    /// Counts what was checked of a document that its publisher serves.
    fn count(&mut self, checked: Checked) {
        plus(&mut self.documents);
        if checked.digest {
            plus(&mut self.with_digest);
        }
        match checked.signature {
            Signature::Holds => {}
            Signature::NoKey => plus(&mut self.no_key),
            Signature::None => plus(&mut self.unsigned),
        }
    }
}

impl Advisories {
    /// Takes a document; gives its source.
    pub(crate) fn take(&mut self, advisory: Advisory, checked: Checked) -> &'static str {
        let name = source_name(advisory.origin, &advisory.publisher);
        let source = self.sources.entry(name).or_default();
        if advisory.origin == Origin::Published {
            source.count(checked);
        }
        let key = (name, advisory.id.clone());
        let older = self.newest.get(&key).is_some_and(|known| known.release >= advisory.release);
        if !older {
            self.newest.insert(key, advisory);
        }
        name
    }

    /// Notes a document of a source that is not used; gives the source.
    pub(crate) fn refuse(&mut self, name: &'static str, path: &str, reason: &str) -> &'static str {
        let source = self.sources.entry(name).or_default();
        plus(&mut source.refused_count);
        if source.refused.len() < TOLD_MAX {
            source.refused.push(format!("{path}: refused: {reason}"));
        }
        name
    }

    /// What is to be told, per source.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (name, source) in &self.sources {
            problems.extend(source.refused.iter().map(|refused| format!("{name}: {refused}")));
            let told = u64::try_from(source.refused.len()).unwrap_or(u64::MAX);
            if source.refused_count > told {
                let more = source.refused_count - told;
                problems.push(format!("{name}: {more} more documents refused"));
            }
            let of = source.documents;
            if source.no_key > 0 {
                let count = source.no_key;
                problems.push(format!(
                    "{name}: signature not checked: no key ({count} of {of} documents)"
                ));
            }
            if source.unsigned > 0 {
                let count = source.unsigned;
                problems.push(format!(
                    "{name}: {count} of {of} documents have no signature beside them"
                ));
            }
            if source.with_digest < of {
                let count = of.saturating_sub(source.with_digest);
                problems
                    .push(format!("{name}: {count} of {of} documents have no digest beside them"));
            }
        }
        problems
    }

    /// The documents that count, by source and id.
    pub(crate) fn drain(&mut self) -> Vec<(&'static str, Advisory)> {
        let all = std::mem::take(&mut self.newest);
        // The newest document of a source comes last: its terms stand for the source.
        let mut all: Vec<_> =
            all.into_iter().map(|((name, _), advisory)| (name, advisory)).collect();
        all.sort_by(|(one, a), (other, b)| {
            (one, &a.release, &a.id).cmp(&(other, &b.release, &b.id))
        });
        all
    }
}
