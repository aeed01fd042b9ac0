//! Base scores of CVSS 2.0, 3.0 and 3.1 from their vectors (FIRST, "Complete Guide" 2.0 section
//! 3.2.1; "Specification Document" 3.0 and 3.1 section 7).
//!
//! CVSS 4.0 has no formula but a table; its published scores are taken as they are.

/// The base score in tenths; `None` where the vector is incomplete or of another version.
pub fn base_score(vector: &str) -> Option<u8> {
    if let Some(metrics) = vector.strip_prefix("CVSS:3.1/") {
        return version3(metrics, round_up_31);
    }
    if let Some(metrics) = vector.strip_prefix("CVSS:3.0/") {
        return version3(metrics, round_up_30);
    }
    if vector.starts_with("CVSS:") {
        return None;
    }
    version2(vector.trim_start_matches('(').trim_end_matches(')'))
}

/// Picks the weight of a metric.
fn weigh(metrics: &str, name: &str, weights: &[(&str, f64)]) -> Option<f64> {
    let value = metrics.split('/').find_map(|metric| {
        let (metric, value) = metric.split_once(':')?;
        (metric == name).then_some(value)
    })?;
    weights.iter().find(|(known, _)| *known == value).map(|(_, weight)| *weight)
}

fn version2(metrics: &str) -> Option<u8> {
    const IMPACT: [(&str, f64); 3] = [("N", 0.0), ("P", 0.275), ("C", 0.66)];
    let vector = weigh(metrics, "AV", &[("L", 0.395), ("A", 0.646), ("N", 1.0)])?;
    let complexity = weigh(metrics, "AC", &[("H", 0.35), ("M", 0.61), ("L", 0.71)])?;
    let authentication = weigh(metrics, "Au", &[("M", 0.45), ("S", 0.56), ("N", 0.704)])?;
    let rest = |name| weigh(metrics, name, &IMPACT).map(|weight| 1.0 - weight);
    let impact = 10.41 * (1.0 - rest("C")? * rest("I")? * rest("A")?);
    let exploitability = 20.0 * vector * complexity * authentication;
    let factor = if impact == 0.0 { 0.0 } else { 1.176 };
    tenths((((0.6 * impact) + (0.4 * exploitability) - 1.5) * factor * 10.0).round())
}

fn version3(metrics: &str, round_up: fn(f64) -> f64) -> Option<u8> {
    const IMPACT: [(&str, f64); 3] = [("N", 0.0), ("L", 0.22), ("H", 0.56)];
    let changed = weigh(metrics, "S", &[("U", 0.0), ("C", 1.0)])? > 0.5;
    let vector = weigh(metrics, "AV", &[("N", 0.85), ("A", 0.62), ("L", 0.55), ("P", 0.2)])?;
    let complexity = weigh(metrics, "AC", &[("L", 0.77), ("H", 0.44)])?;
    let (low, high) = if changed { (0.68, 0.5) } else { (0.62, 0.27) };
    let privileges = weigh(metrics, "PR", &[("N", 0.85), ("L", low), ("H", high)])?;
    let interaction = weigh(metrics, "UI", &[("N", 0.85), ("R", 0.62)])?;
    let rest = |name| weigh(metrics, name, &IMPACT).map(|weight| 1.0 - weight);
    let base = 1.0 - rest("C")? * rest("I")? * rest("A")?;
    let impact =
        if changed { 7.52 * (base - 0.029) - 3.25 * (base - 0.02).powi(15) } else { 6.42 * base };
    if impact <= 0.0 {
        return Some(0);
    }
    let exploitability = 8.22 * vector * complexity * privileges * interaction;
    let sum = (impact + exploitability) * if changed { 1.08 } else { 1.0 };
    tenths(round_up(sum.min(10.0)))
}

/// Version 3.0: the smallest tenth that is not below, with the noise of doubles as published.
fn round_up_30(score: f64) -> f64 {
    (score * 10.0).ceil()
}

/// Version 3.1, appendix A: rounding on integers, so that doubles cannot disagree.
fn round_up_31(score: f64) -> f64 {
    let scaled = (score * 100_000.0).round();
    if scaled % 10_000.0 == 0.0 { scaled / 10_000.0 } else { (scaled / 10_000.0).floor() + 1.0 }
}

/// A score in tenths, 0 to 100.
fn tenths(score: f64) -> Option<u8> {
    (0..=100_u8).find(|candidate| (f64::from(*candidate) - score).abs() < 0.5)
}

/// Reads a published score such as 9.8 into tenths.
pub(crate) fn published(score: f64) -> Option<u8> {
    tenths((score * 10.0).round())
}
