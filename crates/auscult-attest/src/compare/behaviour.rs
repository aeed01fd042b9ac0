//! Compares what two builds do, as their facts tell.

use std::collections::BTreeMap;

use auscult_model::Known;

use super::BEHAVIOUR;
use crate::{Code, Evidence, Expectation, Item, Reference, verdict::Collector};

/// Compares accounts, start-up entries, listeners and setuid files.
pub(crate) fn compare(reference: &Reference, evidence: &Evidence, out: &mut Collector) {
    if evidence.inspected_by.as_ref() != Some(&reference.facts.tool) {
        let why = match evidence.inspected_by {
            None => "only files were measured; a change shows as a changed file",
            Some(_) => "the reference was made by another version of the rules",
        };
        let item = Item::not_measured(Code::NotMeasured, "accounts, start-up, listeners", why);
        return out.add(BEHAVIOUR, item.not_needed());
    }
    let lists = reference.expected.lists().into_iter().zip(evidence.behaviour.lists());
    for ((what, wanted), (_, found)) in lists {
        match (wanted, found) {
            (Known::Known(wanted), Known::Known(found)) => list(what, wanted, found, out),
            (Known::Unknown(_), Known::Unknown(_)) => {}
            (Known::Known(_), Known::Unknown(why)) | (Known::Unknown(why), Known::Known(_)) => {
                let item = Item::not_measured(Code::NotMeasured, format!("{what}s"), why.clone());
                out.add(BEHAVIOUR, item.not_needed());
            }
        }
    }
}

fn list(what: &str, wanted: &[Expectation], found: &[Expectation], out: &mut Collector) {
    let by_name = |list: &[Expectation]| {
        let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for one in list {
            names.entry(one.name.clone()).or_default().push(one.what.clone());
        }
        names
    };
    let (wanted, found) = (by_name(wanted), by_name(found));
    for (name, before) in &wanted {
        let subject = format!("{what} {name}");
        match found.get(name) {
            Some(now) if now == before => out.passed(BEHAVIOUR),
            Some(now) => {
                let reason = format!("is {}, not {}", now.join("; "), before.join("; "));
                out.add(BEHAVIOUR, Item::fail(Code::BehaviourChanged, subject, reason));
            }
            None => {
                let reason = format!("is gone; was {}", before.join("; "));
                out.add(BEHAVIOUR, Item::fail(Code::BehaviourRemoved, subject, reason));
            }
        }
    }
    for (name, now) in found.iter().filter(|(name, _)| !wanted.contains_key(*name)) {
        let reason = format!("the build does not have it: {}", now.join("; "));
        let item = Item::fail(Code::BehaviourAdded, format!("{what} {name}"), reason);
        out.add(BEHAVIOUR, item);
    }
}
