//! Whether a component was seen to run, and how the network reaches it.
//!
//! A component is reached where one of its files is started, loaded or called on the way from what
//! starts with the device or listens on the network (`Reached` of the facts). That none of them
//! is in that set is weak evidence: a program may be started in ways that no configuration tells.

use std::collections::BTreeMap;

use auscult_model::{Facts, Finding, Known, Reached, ReachedBy, Step};

use crate::{
    files::Files,
    statement::{Justification, Statement, Strength},
};

/// How the components of a build are reached.
pub(crate) struct Reach<'a> {
    /// How a binary is reached, the strongest way first.
    reached: BTreeMap<&'a [Step], &'a Reached>,
    /// Whether silence says something: see [`is_complete`].
    complete: bool,
}

impl<'a> Reach<'a> {
    pub(crate) fn of(facts: &'a Facts) -> Self {
        let mut reached: BTreeMap<&[Step], &Reached> = BTreeMap::new();
        let roots = facts.operation.roots();
        for one in roots.iter().filter_map(|root| root.reached.known()).flatten() {
            let place = reached.entry(&one.program.steps).or_insert(one);
            if weight(one.by) > weight(place.by) {
                *place = one;
            }
        }
        Self { reached, complete: is_complete(facts) }
    }

    /// What is to be said of a finding; nothing where the component's files are not known.
    pub(crate) fn judge(&self, files: &Files<'_>, finding: &Finding) -> Option<Statement> {
        let binaries = files.of_finding(finding);
        if binaries.is_empty() {
            return None;
        }
        let ways = binaries.iter().filter_map(|binary| self.reached.get(binary));
        if let Some(way) = ways.max_by_key(|way| weight(way.by)) {
            let how = match way.by {
                ReachedBy::Network => "is reached from the network",
                ReachedBy::Boot => "runs from boot on",
                ReachedBy::OnDemand => "runs when something asks for it",
                ReachedBy::MayBeLoaded => "may be loaded by a running program",
            };
            let chain = way.chain.join(" → ");
            return Some(Statement::note(vec![format!("{} {how}: {chain}", finding.component)]));
        }
        let justification = Justification::VulnerableCodeNotInExecutePath;
        self.complete.then(|| Statement {
            not_affected: Some((justification, Strength::Weak)),
            evidence: vec![format!(
                "none of the {} programs and libraries of {} was seen to start or to be loaded",
                binaries.len(),
                finding.component
            )],
        })
    }
}

/// Whether what starts is known for every root of the image and every byte was read, so that
/// silence says something.
pub(crate) fn is_complete(facts: &Facts) -> bool {
    let known = |root: &auscult_model::RootOperation| matches!(root.reached, Known::Known(_));
    let roots = facts.operation.roots();
    !roots.is_empty() && roots.iter().all(known) && facts.coverage.regions_unread.is_empty()
}

fn weight(by: ReachedBy) -> u8 {
    match by {
        ReachedBy::Network => 3,
        ReachedBy::Boot => 2,
        ReachedBy::OnDemand => 1,
        ReachedBy::MayBeLoaded => 0,
    }
}

#[cfg(test)]
mod tests {
    use auscult_model::{Known, Reached, ReachedBy, RootOperation, VexStatus};

    use super::Reach;
    use crate::{files::Files, stated::made};

    const CURL: &str = "image@0x0/squashfs:/usr/bin/curl";

    fn facts(reached: Known<Vec<Reached>>) -> auscult_model::Facts {
        let mut facts = made::facts();
        made::own_curl(&mut facts, CURL);
        let root = RootOperation { reached, ..made::root() };
        facts.operation.roots = Known::Known(vec![root]);
        facts
    }

    fn judged(reached: Known<Vec<Reached>>) -> (VexStatus, Option<String>, String) {
        let mut finding = made::finding();
        let facts = facts(reached);
        if let Some(statement) = Reach::of(&facts).judge(&Files::of(&facts), &finding) {
            statement.apply(&mut finding);
        }
        (finding.vex.status, finding.vex.strength, finding.vex.evidence.join("\n"))
    }

    #[test]
    fn the_strongest_way_is_told_and_silence_is_weak() {
        let way = |by| Reached {
            program: CURL.parse().unwrap(),
            by,
            chain: vec!["cron".into(), "/usr/bin/curl".into()],
        };
        let both = Known::Known(vec![way(ReachedBy::Boot), way(ReachedBy::Network)]);
        let (status, strength, evidence) = judged(both);
        assert_eq!((status, strength), (VexStatus::Affected, None));
        assert_eq!(evidence, "curl is reached from the network: cron → /usr/bin/curl");
        let (status, strength, evidence) = judged(Known::Known(Vec::new()));
        // Weak evidence closes nothing.
        assert_eq!((status, strength.as_deref()), (VexStatus::Affected, Some("weak")));
        assert!(evidence.contains("none of the 1 programs"), "{evidence}");
        assert_eq!(judged(Known::unknown("no init")).2, "");
    }
}
