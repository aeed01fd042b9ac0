//! Fix versions of kernel vulnerabilities per stable stream, from before the kernel had a CNA:
//! `{"CVE-…": {"4.4": {"cmt_id": …, "fixed_version": "4.4.50"}}}`.
//!
//! A stream's version before its fix is taken as affected; a stream that is not named says nothing.

use std::collections::BTreeMap;

use auscult_version::{Bound, Scheme};
use serde::Deserialize;

use crate::{
    feeds::{Recognised, Record, claim, is_cve},
    record::{Entry, Span, Status},
};

const SOURCE: &str = "kernel-stream-fixes";

#[derive(Deserialize)]
struct Fix {
    fixed_version: String,
}

/// Reads the map; any other JSON is no feed.
pub(crate) fn parse(bytes: &[u8]) -> Recognised {
    let parsed = serde_json::from_slice::<BTreeMap<String, BTreeMap<String, Fix>>>(bytes);
    let Ok(map) = parsed else { return Recognised::Nothing };
    if map.is_empty() || !map.keys().all(|id| is_cve(id)) {
        return Recognised::Nothing;
    }
    let records = map.into_iter().map(|(id, streams)| {
        let entries = streams.into_iter().map(|(stream, fix)| {
            let lower = Some(Bound::Inclusive(stream));
            let upper = Some(Bound::Exclusive(fix.fixed_version));
            Entry::new(Status::Affected, Span::Between { lower, upper })
        });
        let claim = claim(&id, Scheme::Kernel, Status::Unaffected, entries.collect());
        Record {
            source: SOURCE,
            unique: id.clone(),
            id,
            claims: vec![("k:linux".to_owned(), claim)],
            ..Record::default()
        }
    });
    Recognised::Records { source: SOURCE, records: records.collect(), failures: 0, date: None }
}
