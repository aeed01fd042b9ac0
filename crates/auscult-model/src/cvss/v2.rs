//! Scores of CVSS 2.0 (FIRST, "Complete Guide", section 3.2).

use super::{
    CvssVector, Scores,
    decimal::{ONE, e4, in_tenths, nearest_tenth, times},
};

pub(super) fn scores(vector: &CvssVector) -> Scores {
    let base = nearest_tenth(base(vector, impact(vector, [ONE; 3])));
    Scores {
        base: in_tenths(base),
        temporal: vector.has_temporal().then(|| in_tenths(temporal(vector, base))),
        environmental: vector.has_environmental().then(|| environmental(vector)),
    }
}

fn weight(vector: &CvssVector, metric: &str, weights: &[(&str, i128)]) -> i128 {
    let value = vector.get(metric).unwrap_or_default();
    weights.iter().find(|(known, _)| *known == value).map_or(ONE, |(_, weight)| *weight)
}

/// The impact of section 3.2.1, each part of it times its requirement.
fn impact(vector: &CvssVector, requirements: [i128; 3]) -> i128 {
    let mut rest = ONE;
    for (metric, requirement) in ["C", "I", "A"].into_iter().zip(requirements) {
        let impact = weight(vector, metric, &[("N", 0), ("P", e4(2_750)), ("C", e4(6_600))]);
        rest = times(rest, ONE - times(impact, requirement));
    }
    times(e4(104_100), ONE - rest)
}

/// Section 3.2.1 with this impact.
fn base(vector: &CvssVector, impact: i128) -> i128 {
    if impact == 0 {
        return 0;
    }
    let access = [("L", e4(3_950)), ("A", e4(6_460)), ("N", ONE)];
    let complexity = [("H", e4(3_500)), ("M", e4(6_100)), ("L", e4(7_100))];
    let authentication = [("M", e4(4_500)), ("S", e4(5_600)), ("N", e4(7_040))];
    let exploitability = times(
        times(20 * weight(vector, "AV", &access), weight(vector, "AC", &complexity)),
        weight(vector, "Au", &authentication),
    );
    let sum = times(e4(6_000), impact) + times(e4(4_000), exploitability) - e4(15_000);
    times(sum, e4(11_760))
}

/// Section 3.2.2.
fn temporal(vector: &CvssVector, base: i128) -> i128 {
    let exploitability = [("U", e4(8_500)), ("POC", e4(9_000)), ("F", e4(9_500)), ("H", ONE)];
    let remediation = [("OF", e4(8_700)), ("TF", e4(9_000)), ("W", e4(9_500)), ("U", ONE)];
    let confidence = [("UC", e4(9_000)), ("UR", e4(9_500)), ("C", ONE)];
    let mut score = base;
    score = times(score, weight(vector, "E", &exploitability));
    score = times(score, weight(vector, "RL", &remediation));
    score = times(score, weight(vector, "RC", &confidence));
    nearest_tenth(score)
}

/// Section 3.2.3.
pub(super) fn environmental(vector: &CvssVector) -> u8 {
    let levels = [("L", e4(5_000)), ("M", ONE), ("H", e4(15_100))];
    let requirements = ["CR", "IR", "AR"].map(|metric| weight(vector, metric, &levels));
    // Only here is the impact held at ten; complete impact alone is a little above.
    let impact = impact(vector, requirements).min(10 * ONE);
    let adjusted = temporal(vector, nearest_tenth(base(vector, impact)));
    let damage = [
        ("", 0),
        ("N", 0),
        ("L", e4(1_000)),
        ("LM", e4(3_000)),
        ("MH", e4(4_000)),
        ("H", e4(5_000)),
    ];
    let targets = [("N", 0), ("L", e4(2_500)), ("M", e4(7_500)), ("H", ONE)];
    let worse = adjusted + times(10 * ONE - adjusted, weight(vector, "CDP", &damage));
    in_tenths(nearest_tenth(times(worse, weight(vector, "TD", &targets))))
}
