//! Scores of CVSS 4.0 (FIRST, "Specification Document" 4.0, section 8).
//!
//! A vector falls into a MacroVector by six levels (EQ1 to EQ6). The table holds the score of the
//! most severe vector of each. A less severe one is lowered towards the next MacroVector below, by
//! the share of its distance from the most severe, averaged over the levels that have one below.

use std::sync::OnceLock;

use super::{CvssVector, Scores};

/// Levels of EQ1 to EQ6.
type Levels = [u8; 6];

const TABLE: &str = include_str!("../../data/cvss4-macrovectors.tsv");

/// A multiple of all depths of a level, so that distances stay integral.
const COMMON: i64 = 2520;

/// Which groups of metrics count.
#[derive(Clone, Copy)]
struct Counted {
    threat: bool,
    environment: bool,
}

pub(super) fn scores(vector: &CvssVector) -> Scores {
    let (threat, environment) = (vector.has_temporal(), vector.has_environmental());
    let with = |threat, environment| score(vector, Counted { threat, environment });
    Scores {
        base: with(false, false),
        temporal: threat.then(|| with(true, false)),
        environmental: environment.then(|| environmental(vector)),
    }
}

pub(super) fn environmental(vector: &CvssVector) -> u8 {
    score(vector, Counted { threat: true, environment: true })
}

/// The values that count, each as its distance from the worst one.
struct Values {
    /// AV, PR, UI.
    reach: [u8; 3],
    /// AC, AT.
    conditions: [u8; 2],
    /// VC, VI, VA; then CR, IR, AR.
    impact: [u8; 6],
    /// SC, SI, SA; "safety" is 0.
    subsequent: [u8; 3],
    /// E.
    exploit: u8,
}

impl Values {
    fn of(vector: &CvssVector, counted: Counted) -> Self {
        let at = |metric: &str, order: &[&str]| -> u8 {
            let modified = counted.environment.then(|| vector.get(&format!("M{metric}"))).flatten();
            let value = modified.or_else(|| vector.get(metric));
            let place = order.iter().position(|known| Some(*known) == value);
            place.and_then(|place| u8::try_from(place).ok()).unwrap_or_default()
        };
        // What is not defined counts as the worst: place 0.
        let alone = |metric: &str, order: &[&str], counts: bool| -> u8 {
            if counts { at(metric, order) } else { 0 }
        };
        let impacts = ["H", "L", "N"];
        let levels = ["H", "M", "L"];
        let subsequent = ["S", "H", "L", "N"];
        let required = |metric| alone(metric, &levels, counted.environment);
        Self {
            reach: [
                at("AV", &["N", "A", "L", "P"]),
                at("PR", &["N", "L", "H"]),
                at("UI", &["N", "P", "A"]),
            ],
            conditions: [at("AC", &["L", "H"]), at("AT", &["N", "P"])],
            impact: [
                at("VC", &impacts),
                at("VI", &impacts),
                at("VA", &impacts),
                required("CR"),
                required("IR"),
                required("AR"),
            ],
            subsequent: ["SC", "SI", "SA"].map(|metric| at(metric, &subsequent)),
            exploit: alone("E", &["A", "P", "U"], counted.threat),
        }
    }

    /// Tables 24 to 29.
    fn levels(&self) -> Levels {
        let worst = |values: &[u8]| values.iter().fold(0, |sum, value| sum + u8::from(*value == 0));
        let physical = self.reach.first() == Some(&3);
        let eq1 = match worst(&self.reach) {
            3 => 0,
            1 | 2 if !physical => 1,
            _ => 2,
        };
        let [confidentiality, integrity, availability, required @ ..] = self.impact;
        let eq3 = match (confidentiality, integrity, availability) {
            (0, 0, _) => 0,
            (0, _, _) | (_, 0, _) | (_, _, 0) => 1,
            _ => 2,
        };
        let eq4 = match self.subsequent {
            [_, 0, _] | [_, _, 0] => 0,
            values if values.contains(&1) => 1,
            _ => 2,
        };
        let both = [confidentiality, integrity, availability]
            .into_iter()
            .zip(required)
            .any(|(impact, requirement)| impact == 0 && requirement == 0);
        let eq2 = u8::from(worst(&self.conditions) < 2);
        [eq1, eq2, eq3, eq4, self.exploit, u8::from(!both)]
    }
}

fn score(vector: &CvssVector, counted: Counted) -> u8 {
    let values = Values::of(vector, counted);
    let impacts = values.impact.iter().take(3).all(|impact| *impact == 2);
    if impacts && values.subsequent.iter().all(|impact| *impact == 3) {
        return 0;
    }
    let levels = values.levels();
    let Some(highest) = looked_up(levels) else { return 0 };
    let [eq1, eq2, eq3, eq4, eq5, eq6] = levels;
    // Distance from the most severe vector, depth of the level, and the next level below. EQ3 and
    // EQ6 go together. EQ5 has one metric, so a vector is never away from its most severe one.
    let below = |levels: Levels| looked_up(levels);
    let (both_worst, both_depth) = most_severe_impacts(eq3, eq6);
    let both_below = match (eq3, eq6) {
        (0, 0) => below([eq1, eq2, 0, eq4, eq5, 1]).max(below([eq1, eq2, 1, eq4, eq5, 0])),
        (1, 0) => below([eq1, eq2, 1, eq4, eq5, 1]),
        (eq3, eq6) => below([eq1, eq2, eq3 + 1, eq4, eq5, eq6]),
    };
    let steps = [
        (
            distance(&values.reach, most_severe_reach(eq1)),
            [1, 4, 5].get(usize::from(eq1)),
            below([eq1 + 1, eq2, eq3, eq4, eq5, eq6]),
        ),
        (
            distance(&values.conditions, most_severe_conditions(eq2)),
            [1, 2].get(usize::from(eq2)),
            below([eq1, eq2 + 1, eq3, eq4, eq5, eq6]),
        ),
        (distance(&values.impact, both_worst), Some(&both_depth), both_below),
        (
            distance(&values.subsequent, most_severe_subsequent(eq4)),
            [6, 5, 4].get(usize::from(eq4)),
            below([eq1, eq2, eq3, eq4 + 1, eq5, eq6]),
        ),
        (0, Some(&1), below([eq1, eq2, eq3, eq4, eq5 + 1, eq6])),
    ];
    lowered(highest, &steps)
}

/// Takes the mean of the lowerings off, in integers, and rounds halves upwards.
fn lowered(highest: u8, steps: &[(i64, Option<&i64>, Option<u8>)]) -> u8 {
    let (mut count, mut sum) = (0_i64, 0_i64);
    for (distance, depth, below) in steps {
        let (Some(depth), Some(below)) = (depth, below) else { continue };
        count += 1;
        sum += i64::from(highest.saturating_sub(*below)) * distance * (COMMON / **depth);
    }
    let whole = COMMON * count.max(1);
    let score = i64::from(highest) * whole - sum;
    let tenths = (2 * score + whole).div_euclid(2 * whole);
    u8::try_from(tenths.clamp(0, 100)).unwrap_or(100)
}

/// Steps from the first of the most severe vectors that is nowhere less severe.
fn distance<const N: usize>(values: &[u8; N], most_severe: &[[u8; N]]) -> i64 {
    let reached = |worst: &&[u8; N]| values.iter().zip(*worst).all(|(value, worst)| value >= worst);
    let worst = most_severe.iter().find(reached).unwrap_or(values);
    values.iter().zip(worst).map(|(value, worst)| i64::from(*value) - i64::from(*worst)).sum()
}

// The most severe vectors of each level, as distances from the worst values.

fn most_severe_reach(eq1: u8) -> &'static [[u8; 3]] {
    match eq1 {
        0 => &[[0, 0, 0]],
        1 => &[[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        _ => &[[3, 0, 0], [1, 1, 1]],
    }
}

fn most_severe_conditions(eq2: u8) -> &'static [[u8; 2]] {
    if eq2 == 0 { &[[0, 0]] } else { &[[1, 0], [0, 1]] }
}

fn most_severe_impacts(eq3: u8, eq6: u8) -> (&'static [[u8; 6]], i64) {
    match (eq3, eq6) {
        (0, 0) => (&[[0, 0, 0, 0, 0, 0]], 7),
        (0, _) => (&[[0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 1]], 6),
        (1, 0) => (&[[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0]], 8),
        (1, _) => (
            &[
                [1, 0, 1, 0, 1, 0],
                [1, 0, 0, 0, 1, 1],
                [0, 1, 0, 1, 0, 1],
                [0, 1, 1, 1, 0, 0],
                [1, 1, 0, 0, 0, 1],
            ],
            8,
        ),
        _ => (&[[1, 1, 1, 0, 0, 0]], 10),
    }
}

fn most_severe_subsequent(eq4: u8) -> &'static [[u8; 3]] {
    match eq4 {
        0 => &[[1, 0, 0]],
        1 => &[[1, 1, 1]],
        _ => &[[2, 2, 2]],
    }
}

/// The score of the most severe vector of a MacroVector, in tenths; none where there is no such
/// MacroVector.
fn looked_up(levels: Levels) -> Option<u8> {
    static SCORES: OnceLock<Vec<Option<u8>>> = OnceLock::new();
    let scores = SCORES.get_or_init(|| {
        let mut scores = vec![None; 3_usize.pow(6)];
        for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
            let Some((key, score)) = line.split_once('\t') else { continue };
            let digits = key.bytes().map(|digit| digit.wrapping_sub(b'0'));
            if let Some(slot) = place(digits).and_then(|place| scores.get_mut(place)) {
                *slot = score.parse().ok();
            }
        }
        scores
    });
    *scores.get(place(levels.into_iter())?)?
}

fn place(mut levels: impl Iterator<Item = u8>) -> Option<usize> {
    levels.try_fold(0, |place, level| (level < 3).then(|| place * 3 + usize::from(level)))
}
