//! Scores of CVSS 3.0 and 3.1 (FIRST, "Specification Document" 3.0 section 8, 3.1 section 7).

use super::{
    CvssVector, CvssVersion, Scores,
    decimal::{ONE, e4, from_tenths, power, tenth_up, tenth_up_31, times},
};

/// Largest impact sub-score that the environment can make.
const IMPACT_MAX: i128 = e4(9_150);

pub(super) fn scores(vector: &CvssVector) -> Scores {
    let base = base(vector);
    Scores {
        base,
        temporal: vector.has_temporal().then(|| temporal(vector, base)),
        environmental: vector.has_environmental().then(|| environmental(vector)),
    }
}

fn round_up(vector: &CvssVector, number: i128) -> u8 {
    match vector.version() {
        CvssVersion::V3_0 => tenth_up(number),
        _ => tenth_up_31(number),
    }
}

fn pick(value: &str, weights: &[(&str, i128)]) -> i128 {
    weights.iter().find(|(known, _)| *known == value).map_or(ONE, |(_, weight)| *weight)
}

fn impact_of(value: &str) -> i128 {
    pick(value, &[("H", e4(5_600)), ("L", e4(2_200)), ("N", 0)])
}

/// The values of a metric: those of the environment where it states them, if it is asked.
fn value<'a>(vector: &'a CvssVector, modified: Option<&str>, metric: &str) -> &'a str {
    let stated = modified.and_then(|modified| vector.get(modified));
    stated.or_else(|| vector.get(metric)).unwrap_or_default()
}

fn base(vector: &CvssVector) -> u8 {
    let changed = value(vector, None, "S") == "C";
    let rest = ["C", "I", "A"]
        .map(|metric| ONE - impact_of(value(vector, None, metric)))
        .into_iter()
        .fold(ONE, times);
    let sub_score = ONE - rest;
    let impact = if changed {
        changed_impact(sub_score, sub_score, 15)
    } else {
        times(e4(64_200), sub_score)
    };
    let exploitability =
        exploitability(changed, ["AV", "AC", "PR", "UI"].map(|metric| value(vector, None, metric)));
    combined(vector, changed, impact, exploitability)
}

/// The impact where the scope changes; the second sub-score is the one that is raised to a power.
fn changed_impact(sub_score: i128, damped: i128, exponent: u32) -> i128 {
    times(e4(75_200), sub_score - e4(290)) - times(e4(32_500), power(damped - e4(200), exponent))
}

fn exploitability(changed: bool, [vector, complexity, privileges, interaction]: [&str; 4]) -> i128 {
    let (low, high) = if changed { (6_800, 5_000) } else { (6_200, 2_700) };
    let factors = [
        pick(vector, &[("N", e4(8_500)), ("A", e4(6_200)), ("L", e4(5_500)), ("P", e4(2_000))]),
        pick(complexity, &[("L", e4(7_700)), ("H", e4(4_400))]),
        pick(privileges, &[("N", e4(8_500)), ("L", e4(low)), ("H", e4(high))]),
        pick(interaction, &[("N", e4(8_500)), ("R", e4(6_200))]),
    ];
    factors.into_iter().fold(e4(82_200), times)
}

fn combined(vector: &CvssVector, changed: bool, impact: i128, exploitability: i128) -> u8 {
    if impact <= 0 {
        return 0;
    }
    let factor = if changed { e4(10_800) } else { ONE };
    round_up(vector, times(impact + exploitability, factor).min(10 * ONE))
}

fn temporal(vector: &CvssVector, base: u8) -> u8 {
    let code = [("U", e4(9_100)), ("P", e4(9_400)), ("F", e4(9_700)), ("H", ONE)];
    let remedy = [("O", e4(9_500)), ("T", e4(9_600)), ("W", e4(9_700)), ("U", ONE)];
    let confidence = [("U", e4(9_200)), ("R", e4(9_600)), ("C", ONE)];
    let mut score = from_tenths(base);
    score = times(score, pick(value(vector, None, "E"), &code));
    score = times(score, pick(value(vector, None, "RL"), &remedy));
    score = times(score, pick(value(vector, None, "RC"), &confidence));
    round_up(vector, score)
}

pub(super) fn environmental(vector: &CvssVector) -> u8 {
    let changed = value(vector, Some("MS"), "S") == "C";
    let levels = [("L", e4(5_000)), ("M", ONE), ("H", e4(15_000))];
    let rest = [("CR", "MC", "C"), ("IR", "MI", "I"), ("AR", "MA", "A")]
        .map(|(requirement, modified, metric)| {
            let impact = impact_of(value(vector, Some(modified), metric));
            ONE - times(impact, pick(value(vector, None, requirement), &levels))
        })
        .into_iter()
        .fold(ONE, times);
    let sub_score = (ONE - rest).min(IMPACT_MAX);
    let impact = match (changed, vector.version()) {
        (false, _) => times(e4(64_200), sub_score),
        (true, CvssVersion::V3_0) => changed_impact(sub_score, sub_score, 15),
        (true, _) => changed_impact(sub_score, times(sub_score, e4(9_731)), 13),
    };
    let modified = [("MAV", "AV"), ("MAC", "AC"), ("MPR", "PR"), ("MUI", "UI")];
    let exploitability = exploitability(
        changed,
        modified.map(|(modified, metric)| value(vector, Some(modified), metric)),
    );
    temporal(vector, combined(vector, changed, impact, exploitability))
}
