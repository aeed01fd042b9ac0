//! The findings of the JSON result, which are nearly all of it: made in pieces on all cores, and
//! written while the next are made.
//!
//! Most findings share the way to their decisions with others. What is shared is serialised once for
//! a piece.

use std::{
    collections::{HashMap, hash_map::Entry},
    io::Write,
    sync::Arc,
};

use auscult_model::{
    AffectedMatch, CvssScore, Exploitation, Finding, KevEntry, Known, Locator, MeasuredExposure,
    Outcome, Perspective, RiskDecision, Severity, Vex,
};
use jiff::civil::Date;
use rayon::prelude::*;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::Error;

/// Findings of one piece.
const PIECE: usize = 64;
/// Room for a piece: its findings have some six kilobytes each.
const PIECE_BYTES: usize = 512 << 10;
/// What stands around the list in an object that holds it alone.
const OPENING: &[u8] = b"{\n  \"findings\": [";
const CLOSING: &[u8] = b"\n  ]\n}";
/// The indentation of a decision's fields.
const FIELD: &str = "\n          ";

/// Writes the field `findings` with the comma before it, as the serialiser would inside the result.
pub(super) fn write(findings: &[Finding], out: &mut (dyn Write + Send)) -> Result<(), Error> {
    out.write_all(b",\n  \"findings\": [").map_err(Error::Write)?;
    if findings.is_empty() {
        return out.write_all(b"]").map_err(Error::Write);
    }
    // So many are made while those before them are written; they bound the memory.
    let pieces = 2 * rayon::current_num_threads();
    let (mut ready, mut next) = (Vec::new(), vec![Vec::new(); pieces]);
    let mut separator: &'static [u8] = b"";
    for group in findings.chunks(PIECE * pieces) {
        let (written, made) = rayon::join(
            || write_pieces(&ready, &mut separator, out),
            || {
                let pieces = group.par_chunks(PIECE).zip(&mut next);
                pieces.try_for_each(|(findings, piece)| make(findings, piece))
            },
        );
        written?;
        made?;
        next.iter_mut().skip(group.len().div_ceil(PIECE)).for_each(Vec::clear);
        std::mem::swap(&mut ready, &mut next);
        next.resize(pieces, Vec::new());
    }
    write_pieces(&ready, &mut separator, out)?;
    out.write_all(b"\n  ]").map_err(Error::Write)
}

fn write_pieces(
    pieces: &[Vec<u8>],
    separator: &mut &'static [u8],
    out: &mut (dyn Write + Send),
) -> Result<(), Error> {
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        out.write_all(separator).map_err(Error::Write)?;
        let inner = piece.strip_prefix(OPENING).and_then(|rest| rest.strip_suffix(CLOSING));
        out.write_all(inner.unwrap_or(piece)).map_err(Error::Write)?;
        *separator = b",";
    }
    Ok(())
}

/// Serialises some findings as an object that holds them alone, so that they are indented rightly.
fn make(findings: &[Finding], piece: &mut Vec<u8>) -> Result<(), Error> {
    piece.clear();
    piece.reserve(PIECE_BYTES);
    let mut shared = Shared::default();
    for decision in findings.iter().flat_map(|finding| &finding.decisions) {
        shared.take(decision)?;
    }
    let views = findings.iter().map(|one| view(one, &shared)).collect();
    Ok(serde_json::to_writer_pretty(piece, &FindingsView { findings: views })?)
}

/// Lists that many decisions share, serialised, by their place in memory.
#[derive(Default)]
struct Shared(HashMap<usize, Box<RawValue>>);

impl Shared {
    fn take(&mut self, decision: &RiskDecision) -> Result<(), Error> {
        self.take_list(&decision.path)?;
        self.take_list(&decision.would_change)
    }

    fn take_list<T: Serialize>(&mut self, list: &Arc<[T]>) -> Result<(), Error> {
        if let Entry::Vacant(vacant) = self.0.entry(place(list)) {
            let text = serde_json::to_string_pretty(&**list)?.replace('\n', FIELD);
            vacant.insert(RawValue::from_string(text)?);
        }
        Ok(())
    }

    fn of<T>(&self, list: &Arc<[T]>) -> Option<&RawValue> {
        self.0.get(&place(list)).map(AsRef::as_ref)
    }
}

fn place<T>(list: &Arc<[T]>) -> usize {
    Arc::as_ptr(list).addr()
}

#[derive(Serialize)]
struct FindingsView<'a> {
    findings: Vec<FindingView<'a>>,
}

#[derive(Serialize)]
struct FindingView<'a> {
    id: &'a str,
    aliases: Vec<&'a str>,
    component: &'a str,
    version: &'a str,
    purl: Option<&'a str>,
    locators: &'a [Locator],
    #[serde(rename = "match")]
    matches: &'a [AffectedMatch],
    vex: &'a Vex,
    kev: Option<&'a KevEntry>,
    epss: Option<EpssView>,
    cvss: Vec<CvssView<'a>>,
    severity: Option<Severity>,
    exploitation: Exploitation,
    automatable: Option<bool>,
    technical_impact: Option<&'static str>,
    exposure: &'a Known<MeasuredExposure>,
    decisions: Vec<DecisionView<'a>>,
}

#[derive(Serialize)]
struct EpssView {
    score: f64,
    percentile: f64,
}

#[derive(Serialize)]
struct CvssView<'a> {
    source: &'a str,
    vector: &'a str,
    score: f64,
    severity: Severity,
}

fn view<'a>(finding: &'a Finding, shared: &'a Shared) -> FindingView<'a> {
    FindingView {
        id: &finding.id.0,
        aliases: finding.aliases.iter().map(|alias| alias.0.as_str()).collect(),
        component: &finding.component,
        version: &finding.version.0,
        purl: finding.purl.as_deref(),
        locators: &finding.locators,
        matches: &finding.matches,
        vex: &finding.vex,
        kev: finding.kev.as_ref(),
        epss: finding.epss.map(|epss| EpssView {
            score: f64::from(epss.score_e5) / 1e5,
            percentile: f64::from(epss.percentile_e5) / 1e5,
        }),
        cvss: finding.cvss.iter().map(cvss).collect(),
        severity: finding.severity(),
        exploitation: finding.exploitation,
        automatable: finding.automatable,
        technical_impact: finding
            .technical_impact_total
            .map(|total| if total { "total" } else { "partial" }),
        exposure: &finding.exposure,
        decisions: finding.decisions.iter().map(|one| decision(one, shared)).collect(),
    }
}

fn cvss(score: &CvssScore) -> CvssView<'_> {
    CvssView {
        source: &score.source,
        vector: &score.vector,
        score: f64::from(score.score_tenths) / 10.0,
        severity: score.severity,
    }
}

/// A [`RiskDecision`], field by field.
#[derive(Serialize)]
struct DecisionView<'a> {
    perspective: Perspective,
    policy: &'a str,
    outcome: Outcome,
    due: Option<Date>,
    path: Option<&'a RawValue>,
    would_change: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
}

fn decision<'a>(decision: &'a RiskDecision, shared: &'a Shared) -> DecisionView<'a> {
    DecisionView {
        perspective: decision.perspective,
        policy: &decision.policy,
        outcome: decision.outcome,
        due: decision.due,
        path: shared.of(&decision.path),
        would_change: shared.of(&decision.would_change),
        action: decision.action.as_deref(),
    }
}
