//! The order of findings: outcome, known exploitation, weak evidence against it, severity (of the
//! harm, then of the scores), how near the network comes, EPSS, base score, then names.
//!
//! It only orders what `auscult-priority` decided; it decides nothing. A finding without a
//! decision stands before all others, as a missing answer must not hide it.

use std::{
    borrow::Borrow,
    cmp::{Ordering, Reverse},
};

use auscult_model::{Exploitation, Finding, NetworkReach, Outcome, Perspective, RiskDecision};
use rayon::prelude::*;

/// Tells whether a finding still asks for something: it is neither repaired nor inapplicable.
pub(crate) fn is_open(finding: &Finding) -> bool {
    finding.vex.status.is_open()
}

/// The decision by which a finding is grouped: SSVC if there is one, else the most urgent.
pub fn primary(finding: &Finding) -> Option<&RiskDecision> {
    let ssvc = |decision: &&RiskDecision| {
        use Outcome::{Defer, Immediate, OutOfCycle, Scheduled};
        // The maker's table for suppliers has the same words.
        decision.perspective == Perspective::Hospital
            && matches!(decision.outcome, Defer | Scheduled | OutOfCycle | Immediate)
    };
    let decisions = finding.decisions.iter();
    decisions
        .clone()
        .filter(ssvc)
        .max_by_key(|decision| urgency(decision.outcome))
        .or_else(|| decisions.max_by_key(|decision| urgency(decision.outcome)))
}

/// The maker's decision, shown beside the primary one.
pub fn makers(finding: &Finding) -> Option<&RiskDecision> {
    finding.decisions.iter().find(|decision| decision.perspective == Perspective::Maker)
}

/// How urgent an outcome is, over all the tables that outcomes come from.
pub fn urgency(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Immediate => 11,
        Outcome::Within3DaysForensic | Outcome::Act => 10,
        Outcome::Within3Days => 9,
        Outcome::Uncontrolled => 8,
        Outcome::OutOfCycle | Outcome::Attend => 7,
        Outcome::Within14Days => 6,
        Outcome::Scheduled => 5,
        Outcome::Within60Days | Outcome::TrackClosely => 4,
        Outcome::Controlled => 3,
        Outcome::FixOnSystemUpgrade => 2,
        Outcome::Defer | Outcome::Track => 1,
    }
}

/// The highest published score, in tenths.
pub(crate) fn score_tenths(finding: &Finding) -> Option<u8> {
    finding.cvss.iter().map(|score| score.score_tenths).max()
}

/// Compares two findings, the one to look at first being the lesser.
pub fn compare(a: &Finding, b: &Finding) -> Ordering {
    urgencies(a).cmp(&urgencies(b)).then_with(|| names(a).cmp(&names(b)))
}

/// So many findings are worth other threads than the one that has them: a kernel has thousands.
const MANY: usize = 4_000;

/// Puts findings into their order.
pub fn sort<T: Borrow<Finding> + Send + Sync>(findings: &mut Vec<T>) {
    // What costs the most is told once for each, and each is moved once.
    let ranked = |(at, finding): (usize, &T)| (urgencies(finding.borrow()), at);
    let name = |at: usize| findings.get(at).map(|finding| names(finding.borrow()));
    let by_rank = |(one, at): &(_, usize), (other, other_at): &(_, usize)| {
        Ord::cmp(one, other).then_with(|| name(*at).cmp(&name(*other_at)))
    };
    let mut order: Vec<_>;
    if findings.len() < MANY {
        order = findings.iter().enumerate().map(ranked).collect();
        order.sort_by(by_rank);
    } else {
        order = findings.par_iter().enumerate().map(ranked).collect();
        order.par_sort_by(by_rank);
    }
    let mut given: Vec<Option<T>> = std::mem::take(findings).into_iter().map(Some).collect();
    findings.extend(order.iter().filter_map(|(_, at)| given.get_mut(*at)?.take()));
}

fn urgencies(finding: &Finding) -> impl Ord + Send + use<> {
    let most = u8::MAX;
    (
        !is_open(finding),
        Reverse(primary(finding).map_or(most, |decision| urgency(decision.outcome))),
        // A public exploit has had its part in the outcome. Counted once more it would put whatever
        // somebody tried out before what is likely to be exploited: `cargo xtask bench backtest`.
        finding.kev.is_none() && finding.exploitation != Exploitation::Active,
        // What was not seen to run comes after what was, within its outcome.
        finding.vex.justification.is_some(),
        Reverse(harm(finding)),
        // Without a score the severity is unknown, and unknown is not low.
        finding.severity().map(Reverse),
        Reverse(reach(finding)),
        Reverse(finding.epss.map(|epss| epss.score_e5)),
        Reverse(score_tenths(finding).unwrap_or(most)),
    )
}

fn names(finding: &Finding) -> impl Ord + '_ {
    (&finding.component, &finding.version, &finding.id, &finding.purl)
}

/// How grave the worst harm is that the maker's decision counts with; what nobody assessed ranks as
/// critical.
fn harm(finding: &Finding) -> u8 {
    let path = makers(finding).map_or(&[][..], |decision| &decision.path);
    let severity = path.iter().find(|point| point.point == "severity");
    match severity.map(|point| point.value.as_str()) {
        Some("negligible") => 0,
        Some("minor") => 1,
        Some("serious") => 2,
        Some("catastrophic") => 4,
        _ => 3,
    }
}

/// How near the network comes. Where that is not known it counts as running: what is seen to be
/// reached comes before it, and nothing that is seen not to run does.
fn reach(finding: &Finding) -> NetworkReach {
    finding.exposure.known().map_or(NetworkReach::Running, |measured| measured.reach)
}
