//! Everything behind one vulnerability or one component of a result.

use auscult_model::{Component, Finding};

use super::findings::explain_finding;
use crate::{
    ScanResult,
    json::word,
    text::{Page, Style, count, things},
};

/// Ids listed of the advisories that touch a component.
const SHOWN: usize = 100;

/// Explains the findings with this id or alias, or the components with this name and what touches
/// them. `None` where the result has neither.
pub fn explain(result: &ScanResult, id: &str, width: usize) -> Option<String> {
    let mut page = Page::new(false, width);
    let named = |finding: &&Finding| {
        std::iter::once(&finding.id)
            .chain(&finding.aliases)
            .any(|known| known.0.eq_ignore_ascii_case(id))
    };
    let findings: Vec<&Finding> = result.findings().iter().filter(named).collect();
    for finding in &findings {
        finding_section(&mut page, result, finding);
    }
    let components = result.facts.components.iter();
    let components: Vec<&Component> =
        components.filter(|component| component.name.eq_ignore_ascii_case(id)).collect();
    for component in &components {
        component_section(&mut page, component);
    }
    if let Some(component) = components.first() {
        touching(&mut page, result, &component.name);
    }
    (!findings.is_empty() || !components.is_empty()).then(|| page.finish())
}

fn finding_section(page: &mut Page, result: &ScanResult, finding: &Finding) {
    explain_finding(page, finding, usize::MAX);
    for score in &finding.cvss {
        let tenths = score.score_tenths;
        let text =
            format!("cvss {}.{} {} ({})", tenths / 10, tenths % 10, score.vector, score.source);
        page.line(4, &text, Style::Plain);
    }
    if let Some(kev) = &finding.kev {
        page.line(4, &format!("known exploited since {}", kev.added), Style::Warning);
    }
    for reason in &finding.vex.evidence {
        page.line(4, &format!("vex {}: {reason}", word(&finding.vex.status)), Style::Plain);
    }
    let components = result.facts.components.iter();
    for component in components.filter(|component| component.name == finding.component) {
        component_section(page, component);
    }
}

fn component_section(page: &mut Page, component: &Component) {
    page.heading("COMPONENT", &format!("{} {}", component.name, component.version), Style::Plain);
    let identifiers = component.purl.iter().map(|purl| purl.0.as_str());
    for identifier in identifiers.chain(component.cpes.iter().map(|cpe| cpe.0.as_str())) {
        page.line(2, identifier, Style::Plain);
    }
    for evidence in &component.evidence {
        let text = format!(
            "{} by {} ({} % sure): {}",
            word(&evidence.class),
            word(&evidence.technique),
            evidence.confidence,
            evidence.detail
        );
        page.line(2, &text, Style::Plain);
        page.line(4, &evidence.locator.to_string(), Style::Plain);
    }
}

/// The advisories that touch a component, by id only: each can be explained in turn.
fn touching(page: &mut Page, result: &ScanResult, name: &str) {
    let findings = result.findings().iter().filter(|finding| finding.component == name);
    let ids: Vec<&str> = findings.map(|finding| finding.id.0.as_str()).collect();
    page.heading("FINDINGS", &things(ids.len(), "finding"), Style::Plain);
    let shown = ids.get(..SHOWN.min(ids.len())).unwrap_or_default().join(", ");
    if !shown.is_empty() {
        page.line(2, &shown, Style::Plain);
    }
    if ids.len() > SHOWN {
        page.line(
            2,
            &format!("… and {} more: all with -o json", count(ids.len() - SHOWN)),
            Style::Plain,
        );
    }
}
