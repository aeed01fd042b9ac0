//! What changed between two builds: components, findings, services, listeners, accounts, kernel
//! options.
//!
//! What one side does not know is told as unknown and never as "gone" or "new".

mod side;
mod text;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use auscult_model::{Known, Outcome, Severity, VexStatus};
use serde::Serialize;

pub use self::side::Side;
use self::side::{FindingSide, Section};
use crate::rank::urgency;

/// Name and version of the JSON form.
pub const DIFF_SCHEMA: &str = "auscult-diff/1";

/// What two sides differ in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    schema: &'static str,
    /// Digests of the inputs.
    old: String,
    new: String,
    components: Known<Changes>,
    findings: Known<FindingChanges>,
    services: Known<Changes>,
    listeners: Known<Changes>,
    accounts: Known<Changes>,
    setuid: Known<Changes>,
    kernel_options: Known<Changes>,
}

/// Changes of what has a name and a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Changes {
    added: BTreeMap<String, String>,
    removed: BTreeMap<String, String>,
    changed: BTreeMap<String, Change>,
}

/// A value before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    old: String,
    new: String,
}

/// Changes of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct FindingChanges {
    /// Open in the new build; the old one had no such finding.
    new: Vec<FindingChange>,
    /// Open now, and closed before by a VEX statement.
    newly_relevant: Vec<FindingChange>,
    /// Open in both, with another outcome, severity or known exploitation.
    rescored: Vec<FindingChange>,
    /// Open before, and closed now by a VEX statement.
    closed: Vec<FindingChange>,
    /// Open before, and no finding any more.
    gone: Vec<FindingChange>,
    /// Open in both, unchanged.
    unchanged: usize,
}

/// A finding that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FindingChange {
    id: String,
    component: String,
    /// Versions of the component: old, new.
    version: [Option<String>; 2],
    status: [Option<VexStatus>; 2],
    outcome: [Option<Outcome>; 2],
    risk: [Option<Outcome>; 2],
    severity: [Option<Severity>; 2],
    kev: [bool; 2],
}

impl Difference {
    /// Compares two sides.
    pub fn of(old: &Side, new: &Side) -> Self {
        Self {
            schema: DIFF_SCHEMA,
            old: old.digest.clone(),
            new: new.digest.clone(),
            components: section(&old.components, &new.components),
            findings: findings(old, new),
            services: section(&old.services, &new.services),
            listeners: section(&old.listeners, &new.listeners),
            accounts: section(&old.accounts, &new.accounts),
            setuid: section(&old.setuid, &new.setuid),
            kernel_options: section(&old.kernel_options, &new.kernel_options),
        }
    }

    /// As indented JSON with a line end.
    ///
    /// # Errors
    /// Fails only when memory does.
    pub fn json(&self) -> Result<String, crate::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }
}

fn both<'a, T>(old: &'a Known<T>, new: &'a Known<T>) -> Known<(&'a T, &'a T)> {
    match (old, new) {
        (Known::Known(old), Known::Known(new)) => Known::Known((old, new)),
        (Known::Unknown(reason), Known::Known(_)) => {
            Known::unknown(format!("of the old: {reason}"))
        }
        (Known::Known(_), Known::Unknown(reason)) => {
            Known::unknown(format!("of the new: {reason}"))
        }
        (Known::Unknown(old), Known::Unknown(new)) if old == new => Known::unknown(old.clone()),
        (Known::Unknown(old), Known::Unknown(new)) => {
            Known::unknown(format!("of the old: {old}; of the new: {new}"))
        }
    }
}

fn section(old: &Section, new: &Section) -> Known<Changes> {
    both(old, new).map(|(old, new)| {
        let mut changes = Changes::default();
        for (name, value) in new {
            match old.get(name) {
                None => drop(changes.added.insert(name.clone(), value.clone())),
                Some(before) if before != value => {
                    let change = Change { old: before.clone(), new: value.clone() };
                    changes.changed.insert(name.clone(), change);
                }
                Some(_) => {}
            }
        }
        let gone = old.iter().filter(|(name, _)| !new.contains_key(*name));
        changes.removed = gone.map(|(name, value)| (name.clone(), value.clone())).collect();
        changes
    })
}

fn findings(old: &Side, new: &Side) -> Known<FindingChanges> {
    both(&old.findings, &new.findings).map(|(old, new)| {
        let mut changes = FindingChanges::default();
        let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let (before, after) = (old.get(key), new.get(key));
            let was_open = before.is_some_and(|one| one.status.is_open());
            let is_open = after.is_some_and(|one| one.status.is_open());
            let list = match (was_open, is_open) {
                (false, true) if before.is_some() => &mut changes.newly_relevant,
                (false, true) => &mut changes.new,
                (true, false) if after.is_some() => &mut changes.closed,
                (true, false) => &mut changes.gone,
                (true, true) if weight(before) != weight(after) => &mut changes.rescored,
                (true, true) => {
                    changes.unchanged += 1;
                    continue;
                }
                (false, false) => continue,
            };
            list.push(change(key, before, after));
        }
        changes.sort();
        changes
    })
}

impl FindingChanges {
    /// What to look at first comes first; what is closed or gone weighs as it did before.
    fn sort(&mut self) {
        for list in [
            &mut self.new,
            &mut self.newly_relevant,
            &mut self.rescored,
            &mut self.closed,
            &mut self.gone,
        ] {
            list.sort_by_cached_key(|one| {
                let outcome = one.outcome.iter().flatten().last();
                let severity = one.severity.iter().flatten().last();
                let exploited = one.kev.contains(&true);
                // A missing answer must not hide a finding: without an outcome or a severity it
                // comes before the others.
                let urgency = outcome.map_or(u8::MAX, |outcome| urgency(*outcome));
                let severity = severity.copied().map_or((true, None), |one| (false, Some(one)));
                (Reverse(urgency), Reverse(exploited), Reverse(severity), one.id.clone())
            });
        }
    }
}

/// What makes a finding weigh as it does.
fn weight(one: Option<&FindingSide>) -> impl PartialEq {
    one.map(|one| (one.outcome, one.risk, one.severity, one.kev))
}

fn change(
    (id, component): &(String, String),
    before: Option<&FindingSide>,
    after: Option<&FindingSide>,
) -> FindingChange {
    let sides = [before, after];
    FindingChange {
        id: id.clone(),
        component: component.clone(),
        version: sides
            .map(|one| one.map(|one| one.version.clone()).filter(|text| !text.is_empty())),
        status: sides.map(|one| one.map(|one| one.status)),
        outcome: sides.map(|one| one.and_then(|one| one.outcome)),
        risk: sides.map(|one| one.and_then(|one| one.risk)),
        severity: sides.map(|one| one.and_then(|one| one.severity)),
        kev: sides.map(|one| one.is_some_and(|one| one.kev)),
    }
}

#[cfg(test)]
mod tests;
