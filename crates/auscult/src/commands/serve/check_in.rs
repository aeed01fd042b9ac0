//! Verification for the server: the same as `auscult verify`, of papers that are in memory.

use anyhow::Context as _;
use auscult_attest::{
    Challenge, GivenReference, Item, Measured, Outcome, Overall, Question, Trust, verify as judge,
};
use auscult_dsse::PublicKey;
use auscult_server::{Papers, Verified};
use jiff::{Timestamp, tz::TimeZone};

use crate::failure::Hinted;

/// Items that a reason names; the verdict has all of them.
const REASONS_MAX: usize = 5;

pub(super) fn check_reference(manifest: &[u8]) -> anyhow::Result<()> {
    GivenReference::read("the reference", manifest).map(drop).map_err(|error| {
        Hinted::error(error.to_string(), "make one with: auscult manifest create IMAGE -o FILE")
    })
}

pub(super) fn verify(papers: &Papers, now: Timestamp) -> anyhow::Result<Verified> {
    let measured = Measured::read(&papers.evidence).map_err(|error| {
        Hinted::error(error.to_string(), "make evidence with: auscult measure PATH -o FILE")
    })?;
    let references = papers.references.iter().map(|(name, text)| GivenReference::read(name, text));
    let references = references.collect::<Result<Vec<_>, _>>().context("read a reference")?;
    let challenge = Challenge::read(papers.challenge.as_bytes()).context("read the challenge")?;
    let trust = Trust::of_purposes(keys(&papers.makers)?, keys(&papers.benches)?);
    let question = Question {
        references: &references,
        trust: &trust,
        challenge: Some(&challenge),
        deny: None,
        level_min: None,
        now,
        as_of: TimeZone::UTC.to_datetime(now).date(),
        // Whoever brings the evidence is not whom it speaks for.
        signature_needed: true,
        date_only: false,
    };
    let verdict = judge(&measured, &question, None);
    let (outcome, decides) = match verdict.outcome {
        Overall::Pass => ("pass", None),
        Overall::Fail => ("fail", Some(Outcome::Fail)),
        Overall::Inconclusive => ("inconclusive", Some(Outcome::NotMeasured)),
    };
    let reasons = verdict.items().filter(|item| Some(item.outcome) == decides && item.needed);
    let mut reasons: Vec<String> = reasons.map(told).collect();
    let more = reasons.len().saturating_sub(REASONS_MAX);
    reasons.truncate(REASONS_MAX);
    if more > 0 {
        reasons.push(format!("and {more} more"));
    }
    let mut reason = reasons.join("; ");
    if reason.is_empty() && decides.is_some() {
        "nothing of it was compared".clone_into(&mut reason);
    }
    let json = verdict.json().context("make the verdict json")?;
    Ok(Verified { outcome, reason, reference: verdict.reference, json })
}

fn keys(pems: &[String]) -> anyhow::Result<Vec<PublicKey>> {
    pems.iter().map(|pem| Ok(PublicKey::from_pem(pem)?)).collect()
}

fn told(item: &Item) -> String {
    auscult_report::clean(&format!("{}: {}", item.subject, item.reason)).to_string()
}
