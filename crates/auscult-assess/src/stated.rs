//! What people and suppliers say of findings: VEX documents and decisions.
//!
//! A statement is about a vulnerability in a component. Somebody who says "affected" is believed
//! before the machine; who says "not affected" is believed where the issuer is trusted, and a
//! decision as long as the facts hold that it relies on.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{
    Component, Cpe, Decision, Facts, Finding, Known, Purl, VexStatement, VexStatus, VexSubject,
};
use jiff::civil::Date;

use crate::fact::{fact_digest, fact_value};

/// The strength of what a person decided.
pub const DECIDED: &str = "decided";

/// What is said from outside.
#[derive(Clone, Debug, Default)]
pub struct Stated {
    /// Statements of VEX documents.
    pub statements: Vec<VexStatement>,
    /// The issuers whose "not affected" closes a finding; all where this is none.
    pub trusted: Option<BTreeSet<String>>,
    /// Decisions of people.
    pub decisions: Vec<Decision>,
}

impl Stated {
    /// Writes what is said into the findings. What people decided, in decisions that hold on this
    /// day, has the strength [`DECIDED`].
    pub fn apply(&self, facts: &Facts, findings: &mut [Finding], as_of: Date) {
        if self.statements.is_empty() && self.decisions.is_empty() {
            return;
        }
        let said = by_vulnerability(
            self.statements
                .iter()
                .flat_map(|one| one.vulnerabilities.iter().map(move |id| (id.as_str(), one))),
        );
        let decided =
            by_vulnerability(self.decisions.iter().map(|one| (one.vulnerability.as_str(), one)));
        for finding in findings {
            let statements = of_finding(&said, finding)
                .filter(|one| one.subjects.iter().any(|subject| is_about(subject, facts, finding)));
            self.hear(statements.collect(), finding);
            let decisions =
                of_finding(&decided, finding).filter(|one| names(&one.component, finding));
            if let Some(decision) = decisions.max_by_key(|one| one.date) {
                decide(decision, facts, finding, as_of);
            }
        }
    }

    /// Takes what issuers say: the newest word of each counts, and the worst of all.
    fn hear(&self, statements: Vec<&VexStatement>, finding: &mut Finding) {
        let mut newest: BTreeMap<&str, &VexStatement> = BTreeMap::new();
        for statement in statements {
            let place = newest.entry(&statement.issuer).or_insert(statement);
            if statement.date >= place.date {
                *place = statement;
            }
        }
        let mut closing = None;
        let mut open = None;
        for statement in newest.into_values() {
            let trusted = self.trusted.as_ref().is_none_or(|all| all.contains(&statement.issuer));
            finding.vex.evidence.push(sentence(statement, trusted));
            match statement.status {
                VexStatus::Affected => open = Some(VexStatus::Affected),
                VexStatus::UnderInvestigation => open = open.or(Some(statement.status)),
                VexStatus::NotAffected | VexStatus::Fixed if trusted => closing = Some(statement),
                VexStatus::NotAffected | VexStatus::Fixed => {}
            }
        }
        let vex = &mut finding.vex;
        match (open, closing) {
            (Some(status), _) => {
                vex.status = status;
                vex.justification = None;
                vex.strength = None;
            }
            (None, Some(statement)) if vex.status.is_open() => {
                vex.status = statement.status;
                vex.justification.clone_from(&statement.justification);
                vex.strength = Some("stated".to_owned());
            }
            (None, _) => {}
        }
    }
}

/// Takes a decision into a finding, if it holds.
fn decide(decision: &Decision, facts: &Facts, finding: &mut Finding, as_of: Date) {
    let vex = &mut finding.vex;
    let who = format!("{} decided on {}", decision.by, decision.date);
    let reopened = decision
        .expires
        .filter(|last| *last < as_of)
        .map(|last| format!("it counted until {last}"))
        .or_else(|| {
            decision.relies_on.iter().find_map(|relied| match fact_value(facts, &relied.fact) {
                Known::Known(value) if fact_digest(&value) == relied.sha256 => None,
                Known::Known(value) => Some(format!("{} is now {value}", relied.fact)),
                Known::Unknown(reason) => Some(format!("{} is unknown: {reason}", relied.fact)),
            })
        });
    if let Some(reason) = reopened {
        vex.evidence
            .push(format!("{who} {}, and that is open again: {reason}", word(decision.status)));
        return;
    }
    vex.status = decision.status;
    vex.justification.clone_from(&decision.justification);
    vex.strength = Some(DECIDED.to_owned());
    vex.evidence.push(format!("{who} {}: {}", word(decision.status), decision.comment));
}

fn by_vulnerability<'a, T>(
    all: impl Iterator<Item = (&'a str, &'a T)>,
) -> BTreeMap<String, Vec<&'a T>> {
    let mut found: BTreeMap<String, Vec<&T>> = BTreeMap::new();
    for (id, one) in all {
        found.entry(id.to_ascii_uppercase()).or_default().push(one);
    }
    found
}

fn of_finding<'a, T>(
    all: &BTreeMap<String, Vec<&'a T>>,
    finding: &Finding,
) -> impl Iterator<Item = &'a T> {
    let ids = std::iter::once(&finding.id).chain(&finding.aliases);
    let mut found: Vec<&'a T> = Vec::new();
    for id in ids {
        for &one in all.get(&id.0.to_ascii_uppercase()).into_iter().flatten() {
            if !found.iter().any(|known| std::ptr::eq(*known, one)) {
                found.push(one);
            }
        }
    }
    found.into_iter()
}

/// Whether a subject is the component of a finding, in its version where it has one.
fn is_about(subject: &VexSubject, facts: &Facts, finding: &Finding) -> bool {
    let version = &finding.version.0;
    let same_version = |told: &str| told.is_empty() || told == version;
    let by_purl = subject.purls.iter().any(|purl| {
        let Ok(said) = Purl::parse(purl) else { return false };
        let own = finding.purl.as_deref().and_then(|own| Purl::parse(own).ok());
        own.is_some_and(|own| {
            let told = said.parts().ok().and_then(|parts| parts.version).unwrap_or_default();
            let mine = own.parts().ok().and_then(|parts| parts.version).unwrap_or_default();
            own.without_version() == said.without_version() && (same_version(&told) || told == mine)
        })
    });
    if by_purl {
        return true;
    }
    let by_cpe = subject.cpes.iter().any(|cpe| {
        let said = Cpe(cpe.clone());
        let part = |cpe: &Cpe, at: usize| cpe.attributes().get(at).map(|text| (*text).to_owned());
        component(facts, finding).is_some_and(|component| {
            component.cpes.iter().any(|own| {
                part(own, 1).is_some()
                    && part(own, 1) == part(&said, 1)
                    && part(own, 2) == part(&said, 2)
                    && part(&said, 3).is_none_or(|told| told == "*" || same_version(&told))
            })
        })
    });
    let nameless = subject.purls.is_empty() && subject.cpes.is_empty();
    let named =
        subject.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&finding.component));
    by_cpe || nameless && named && subject.version.as_deref().is_none_or(same_version)
}

fn component<'a>(facts: &'a Facts, finding: &Finding) -> Option<&'a Component> {
    facts.components.iter().find(|one| one.name == finding.component)
}

/// Whether a name of a decision is that of the finding's component: its name or its purl.
fn names(name: &str, finding: &Finding) -> bool {
    let purl = finding.purl.as_deref().and_then(|purl| Purl::parse(purl).ok());
    name == finding.component || purl.is_some_and(|purl| purl.without_version() == name)
}

fn word(status: VexStatus) -> &'static str {
    match status {
        VexStatus::Affected => "affected",
        VexStatus::NotAffected => "not affected",
        VexStatus::Fixed => "fixed",
        VexStatus::UnderInvestigation => "under investigation",
    }
}

fn sentence(statement: &VexStatement, trusted: bool) -> String {
    let issuer =
        if statement.issuer.is_empty() { "an unnamed issuer" } else { statement.issuer.as_str() };
    let date = statement.date.map_or_else(String::new, |date| {
        format!(" on {}", jiff::tz::TimeZone::UTC.to_datetime(date).date())
    });
    let reasons = [&statement.justification, &statement.detail];
    let reasons: Vec<&str> = reasons.into_iter().flatten().map(String::as_str).collect();
    let reasons =
        if reasons.is_empty() { String::new() } else { format!(": {}", reasons.join("; ")) };
    let doubt = if trusted { "" } else { " (an issuer that is not trusted)" };
    format!("{issuer}{doubt} says {}{date}{reasons}", word(statement.status))
}

#[cfg(test)]
pub(crate) mod made;
#[cfg(test)]
mod tests;
