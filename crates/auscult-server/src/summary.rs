//! What lists need of a judged build: its verdict, its numbers, and what is in it by name.
//!
//! Builds have much in common: a component of one version, and what is known of it, are kept once for
//! all of them ([`Shared`]). Otherwise the memory for thousands of builds would be that of their copies.

use std::{
    borrow::Borrow as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use auscult_model::{Facts, Finding, Outcome, Severity, Verdict, VerdictOutcome};
use auscult_report::{ScanResult, makers, primary, urgency};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{engine::Outline, pool::Pool};

/// A judged build in short.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// Its reasons name no findings: thousands of builds have thousands of them.
    pub(crate) verdict: Verdict,
    pub(crate) counts: Counts,
    /// Name and version of each component.
    pub(crate) components: Vec<Arc<(String, String)>>,
    /// What touches it, in the order in which findings are shown.
    pub(crate) touches: Vec<Arc<Touch>>,
}

/// A finding in short.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Touch {
    /// The usual id and the others.
    pub(crate) ids: Vec<String>,
    pub(crate) component: String,
    pub(crate) version: String,
    pub(crate) is_open: bool,
    pub(crate) outcome: String,
    /// How urgent that is; what nobody decided is the most urgent.
    pub(crate) urgency: u8,
    /// Known to be exploited (KEV).
    pub(crate) is_exploited: bool,
    /// The day by which the first of its decisions asks for something.
    pub(crate) due: Option<Date>,
}

/// Numbers of a build. Findings are counted while they are open, unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Counts {
    /// Components found in it.
    pub(crate) components: usize,
    /// Components of which the advisories hold no record: nobody can say that they are clean.
    pub(crate) components_without_data: usize,
    /// Components that could not be matched in full, as their version is unknown.
    pub(crate) components_without_version: usize,
    /// Findings, open or not.
    pub(crate) findings: usize,
    /// Findings that still ask for something.
    pub(crate) open: usize,
    /// Known to be exploited (KEV).
    pub(crate) known_exploited: usize,
    /// To act on at once (SSVC).
    pub(crate) immediate: usize,
    /// To act on at the next opportunity (SSVC).
    pub(crate) out_of_cycle: usize,
    /// To act on in the regular maintenance (SSVC).
    pub(crate) scheduled: usize,
    /// Uncontrolled risk (FDA).
    pub(crate) uncontrolled: usize,
    /// Of critical severity, or of none that is published.
    pub(crate) critical: usize,
    /// Decided by somebody, open or not.
    pub(crate) decided: usize,
}

/// What summaries have in common.
#[derive(Debug, Default)]
pub(crate) struct Shared(Mutex<Pools>);

#[derive(Debug, Default)]
struct Pools {
    components: Pool<(String, String)>,
    touches: Pool<Touch>,
}

impl Shared {
    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Name and version of each component.
    pub(crate) fn components(&self, facts: &Facts) -> Vec<Arc<(String, String)>> {
        let mut pools = self.pools();
        let components = facts.components.iter();
        let components = components.map(|one| (one.name.clone(), one.version.to_string()));
        components.map(|one| pools.components.one(one)).collect()
    }
}

/// What all builds have of one name, each in the order of the addresses.
pub(crate) struct Named {
    components: Vec<*const (String, String)>,
    touches: Vec<*const Touch>,
}

impl Named {
    /// The findings of a vulnerability, by any of its ids, or of a component, and the component.
    pub(crate) fn of(shared: &Shared, wanted: &str) -> Self {
        let is_it = |text: &str| text.eq_ignore_ascii_case(wanted);
        let is_touch =
            |one: &Touch| is_it(&one.component) || one.ids.iter().any(|id: &String| is_it(id));
        let pools = shared.pools();
        Self {
            components: pools.components.addresses(|(name, _)| is_it(name)),
            touches: pools.touches.addresses(is_touch),
        }
    }

    pub(crate) fn is_component(&self, one: &Arc<(String, String)>) -> bool {
        self.components.binary_search(&Arc::as_ptr(one)).is_ok()
    }

    pub(crate) fn is_touch(&self, one: &Arc<Touch>) -> bool {
        self.touches.binary_search(&Arc::as_ptr(one)).is_ok()
    }
}

impl Summary {
    pub(crate) fn of(result: &ScanResult, shared: &Shared) -> Self {
        let not_judged = || Verdict { outcome: VerdictOutcome::Inconclusive, reasons: Vec::new() };
        let assessment = result.assessment.known();
        let counts = Counts {
            components: result.facts.components.len(),
            components_without_data: assessment.map_or(0, |one| one.no_data.len()),
            components_without_version: assessment.map_or(0, |one| one.version_unknown.len()),
            ..Counts::of(result.findings().iter())
        };
        let components = shared.components(&result.facts);
        let mut pools = shared.pools();
        Self {
            verdict: result.verdict.clone().map_or_else(not_judged, without_names),
            counts,
            components,
            touches: result.findings().iter().map(|one| pools.touches.one(touch(one))).collect(),
        }
    }

    /// The same of a build that was judged in short.
    pub(crate) fn of_outline(
        components: Vec<Arc<(String, String)>>,
        outline: Outline,
        shared: &Shared,
    ) -> Self {
        let findings = || outline.findings.iter().map(|one| (one, one.borrow()));
        let counts = Counts {
            components: components.len(),
            components_without_data: outline.without_data,
            components_without_version: outline.without_version,
            ..Counts::of(findings().map(|(_, finding)| finding))
        };
        let one = |finding| shared.pools().touches.one(touch(finding));
        let touches = findings().map(|(shared, finding)| shared.touch(|| one(finding)));
        let verdict = without_names(outline.verdict);
        Self { touches: touches.collect(), counts, components, verdict }
    }
}

fn without_names(mut verdict: Verdict) -> Verdict {
    for reason in &mut verdict.reasons {
        reason.findings = Vec::new();
    }
    verdict
}

fn touch(finding: &Finding) -> Touch {
    let ids = std::iter::once(&finding.id).chain(&finding.aliases);
    Touch {
        ids: ids.map(|id| id.0.clone()).collect(),
        component: finding.component.clone(),
        version: finding.version.to_string(),
        is_open: finding.vex.status.is_open(),
        outcome: outcome_of(finding),
        urgency: primary(finding).map_or(u8::MAX, |decision| urgency(decision.outcome)),
        is_exploited: finding.kev.is_some(),
        due: finding.decisions.iter().filter_map(|decision| decision.due).min(),
    }
}

impl Counts {
    /// What is counted of findings.
    fn of<'a>(findings: impl Iterator<Item = &'a Finding>) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            counts.take(finding);
        }
        counts
    }

    fn take(&mut self, finding: &Finding) {
        let strength = finding.vex.strength.as_deref();
        self.findings += 1;
        self.decided += usize::from(strength == Some(auscult_assess::DECIDED));
        if !finding.vex.status.is_open() {
            return;
        }
        self.open += 1;
        self.known_exploited += usize::from(finding.kev.is_some());
        match primary(finding).map(|decision| decision.outcome) {
            Some(Outcome::Immediate) | None => self.immediate += 1,
            Some(Outcome::OutOfCycle) => self.out_of_cycle += 1,
            Some(Outcome::Scheduled) => self.scheduled += 1,
            Some(_) => {}
        }
        let makers = makers(finding).map(|decision| decision.outcome);
        self.uncontrolled += usize::from(makers == Some(Outcome::Uncontrolled));
        let severity = finding.severity();
        self.critical += usize::from(severity.is_none_or(|one| one == Severity::Critical));
    }
}

/// The word of a value that is written as one.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// What the hospital's table makes of a finding.
pub(crate) fn outcome_of(finding: &Finding) -> String {
    primary(finding).map_or_else(|| "not decided".to_owned(), |one| word(&one.outcome))
}
