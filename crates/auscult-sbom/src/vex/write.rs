//! The findings of a scan as VEX documents of others' forms: what they have in common.
//!
//! A document is a pure function of the facts, the findings and the date. Only the status that the
//! scan came to is told: weak evidence, which orders and never closes, stays a note.

use auscult_model::{Facts, Finding, Sha256, Vex, VexStatus};
use jiff::civil::Date;

use crate::Error;

/// What is written about.
pub(super) struct Subject<'a> {
    /// `sha256:…` of the input.
    pub(super) image: String,
    /// An id of the document, `urn:uuid:…`, the same for the same content.
    pub(super) id: String,
    pub(super) time: String,
    pub(super) findings: &'a [Finding],
    pub(super) facts: &'a Facts,
}

impl<'a> Subject<'a> {
    pub(super) fn of(
        facts: &'a Facts,
        findings: &'a [Finding],
        as_of: Date,
    ) -> Result<Self, Error> {
        let told = serde_json::to_vec(findings).map_err(Error::Write)?;
        let digest = Sha256::of(&[&facts.input.sha256.0[..], &told].concat());
        Ok(Self {
            image: format!("sha256:{}", facts.input.sha256),
            id: crate::uuid(b"auscult VEX document\0", digest),
            time: format!("{as_of}T00:00:00Z"),
            findings,
            facts,
        })
    }
}

/// The component of a finding as its purl, or else its name and version.
pub(super) fn component(finding: &Finding) -> String {
    match &finding.purl {
        Some(purl) => purl.clone(),
        None => format!("{} {}", finding.component, finding.version),
    }
}

/// The justification, where it is one of those that OpenVEX and CSAF share; others are prose.
pub(super) fn justification(vex: &Vex) -> Option<&str> {
    const WORDS: &[&str] = &[
        "component_not_present",
        "vulnerable_code_not_present",
        "vulnerable_code_not_in_execute_path",
        "vulnerable_code_cannot_be_controlled_by_adversary",
        "inline_mitigations_already_exist",
    ];
    let closed = vex.status == VexStatus::NotAffected;
    vex.justification.as_deref().filter(|word| closed && WORDS.contains(word))
}

/// The facts behind a status, in a sentence; none where there are none.
pub(super) fn reasons(vex: &Vex) -> Option<String> {
    let strength =
        vex.strength.as_ref().map(|strength| format!("{strength}: ")).unwrap_or_default();
    let evidence = vex.evidence.join("; ");
    (!evidence.is_empty()).then(|| format!("{strength}{evidence}"))
}

/// Why a finding does not apply.
pub(super) fn impact(vex: &Vex) -> String {
    let why = reasons(vex).or_else(|| vex.justification.clone());
    why.unwrap_or_else(|| "no reason was given".to_owned())
}

/// What the holder of an affected component can do, as far as the data tell: the category of a
/// remediation (CSAF 2.0 section 3.2.3.12.1), and the words.
pub(super) fn action(finding: &Finding) -> (&'static str, String) {
    let name = &finding.component;
    let mut fixed: Vec<&str> =
        finding.matches.iter().filter_map(|one| Some(one.fixed.as_ref()?.0.as_str())).collect();
    fixed.sort_unstable();
    fixed.dedup();
    let text = match fixed.as_slice() {
        [] => format!("No repaired version of {name} is known to the advisories that were asked."),
        [one] => format!("Update {name} to {one} or later."),
        all => format!("Update {name} to a repaired version: {}.", all.join(", ")),
    };
    (if fixed.is_empty() { "none_available" } else { "vendor_fix" }, text)
}
