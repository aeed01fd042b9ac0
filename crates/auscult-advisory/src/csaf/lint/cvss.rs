//! Tests 6.1.8 to 6.1.10: CVSS objects.
//!
//! The objects follow the JSON schemas of FIRST: required properties, vectors, and words for the
//! metrics. All scores are computed.

use auscult_model::{
    Severity,
    cvss::{CvssVector, CvssVersion},
};
use serde_json::{Map, Value};

use super::{Report, items};
use crate::csaf::at;

/// A metric: its sign in vectors, its property, its values as `SIGN=WORD`; base metrics are marked
/// with `!`.
type Metric = (&'static str, &'static str, &'static str);

const V2: &[Metric] = &[
    ("AV", "accessVector", "! L=LOCAL A=ADJACENT_NETWORK N=NETWORK"),
    ("AC", "accessComplexity", "! H=HIGH M=MEDIUM L=LOW"),
    ("Au", "authentication", "! M=MULTIPLE S=SINGLE N=NONE"),
    ("C", "confidentialityImpact", "! N=NONE P=PARTIAL C=COMPLETE"),
    ("I", "integrityImpact", "! N=NONE P=PARTIAL C=COMPLETE"),
    ("A", "availabilityImpact", "! N=NONE P=PARTIAL C=COMPLETE"),
    ("E", "exploitability", "U=UNPROVEN POC=PROOF_OF_CONCEPT F=FUNCTIONAL H=HIGH ND=NOT_DEFINED"),
    (
        "RL",
        "remediationLevel",
        "OF=OFFICIAL_FIX TF=TEMPORARY_FIX W=WORKAROUND U=UNAVAILABLE ND=NOT_DEFINED",
    ),
    ("RC", "reportConfidence", "UC=UNCONFIRMED UR=UNCORROBORATED C=CONFIRMED ND=NOT_DEFINED"),
    (
        "CDP",
        "collateralDamagePotential",
        "N=NONE L=LOW LM=LOW_MEDIUM MH=MEDIUM_HIGH H=HIGH ND=NOT_DEFINED",
    ),
    ("TD", "targetDistribution", "N=NONE L=LOW M=MEDIUM H=HIGH ND=NOT_DEFINED"),
    ("CR", "confidentialityRequirement", "L=LOW M=MEDIUM H=HIGH ND=NOT_DEFINED"),
    ("IR", "integrityRequirement", "L=LOW M=MEDIUM H=HIGH ND=NOT_DEFINED"),
    ("AR", "availabilityRequirement", "L=LOW M=MEDIUM H=HIGH ND=NOT_DEFINED"),
];

const V3: &[Metric] = &[
    ("AV", "attackVector", "! N=NETWORK A=ADJACENT_NETWORK L=LOCAL P=PHYSICAL"),
    ("AC", "attackComplexity", "! L=LOW H=HIGH"),
    ("PR", "privilegesRequired", "! N=NONE L=LOW H=HIGH"),
    ("UI", "userInteraction", "! N=NONE R=REQUIRED"),
    ("S", "scope", "! U=UNCHANGED C=CHANGED"),
    ("C", "confidentialityImpact", "! N=NONE L=LOW H=HIGH"),
    ("I", "integrityImpact", "! N=NONE L=LOW H=HIGH"),
    ("A", "availabilityImpact", "! N=NONE L=LOW H=HIGH"),
    ("E", "exploitCodeMaturity", "U=UNPROVEN P=PROOF_OF_CONCEPT F=FUNCTIONAL H=HIGH X=NOT_DEFINED"),
    (
        "RL",
        "remediationLevel",
        "O=OFFICIAL_FIX T=TEMPORARY_FIX W=WORKAROUND U=UNAVAILABLE X=NOT_DEFINED",
    ),
    ("RC", "reportConfidence", "U=UNKNOWN R=REASONABLE C=CONFIRMED X=NOT_DEFINED"),
    ("CR", "confidentialityRequirement", "L=LOW M=MEDIUM H=HIGH X=NOT_DEFINED"),
    ("IR", "integrityRequirement", "L=LOW M=MEDIUM H=HIGH X=NOT_DEFINED"),
    ("AR", "availabilityRequirement", "L=LOW M=MEDIUM H=HIGH X=NOT_DEFINED"),
    (
        "MAV",
        "modifiedAttackVector",
        "N=NETWORK A=ADJACENT_NETWORK L=LOCAL P=PHYSICAL X=NOT_DEFINED",
    ),
    ("MAC", "modifiedAttackComplexity", "L=LOW H=HIGH X=NOT_DEFINED"),
    ("MPR", "modifiedPrivilegesRequired", "N=NONE L=LOW H=HIGH X=NOT_DEFINED"),
    ("MUI", "modifiedUserInteraction", "N=NONE R=REQUIRED X=NOT_DEFINED"),
    ("MS", "modifiedScope", "U=UNCHANGED C=CHANGED X=NOT_DEFINED"),
    ("MC", "modifiedConfidentialityImpact", "N=NONE L=LOW H=HIGH X=NOT_DEFINED"),
    ("MI", "modifiedIntegrityImpact", "N=NONE L=LOW H=HIGH X=NOT_DEFINED"),
    ("MA", "modifiedAvailabilityImpact", "N=NONE L=LOW H=HIGH X=NOT_DEFINED"),
];

const V4: &[Metric] = &[
    ("AV", "attackVector", "! N=NETWORK A=ADJACENT L=LOCAL P=PHYSICAL"),
    ("AC", "attackComplexity", "! L=LOW H=HIGH"),
    ("AT", "attackRequirements", "! N=NONE P=PRESENT"),
    ("PR", "privilegesRequired", "! N=NONE L=LOW H=HIGH"),
    ("UI", "userInteraction", "! N=NONE P=PASSIVE A=ACTIVE"),
    ("VC", "vulnConfidentialityImpact", "! N=NONE L=LOW H=HIGH"),
    ("VI", "vulnIntegrityImpact", "! N=NONE L=LOW H=HIGH"),
    ("VA", "vulnAvailabilityImpact", "! N=NONE L=LOW H=HIGH"),
    ("SC", "subConfidentialityImpact", "! N=NONE L=LOW H=HIGH"),
    ("SI", "subIntegrityImpact", "! N=NONE L=LOW H=HIGH"),
    ("SA", "subAvailabilityImpact", "! N=NONE L=LOW H=HIGH"),
    ("E", "exploitMaturity", "U=UNREPORTED P=PROOF_OF_CONCEPT A=ATTACKED X=NOT_DEFINED"),
    ("CR", "confidentialityRequirement", "L=LOW M=MEDIUM H=HIGH X=NOT_DEFINED"),
    ("IR", "integrityRequirement", "L=LOW M=MEDIUM H=HIGH X=NOT_DEFINED"),
    ("AR", "availabilityRequirement", "L=LOW M=MEDIUM H=HIGH X=NOT_DEFINED"),
    ("MAV", "modifiedAttackVector", "N=NETWORK A=ADJACENT L=LOCAL P=PHYSICAL X=NOT_DEFINED"),
    ("MAC", "modifiedAttackComplexity", "L=LOW H=HIGH X=NOT_DEFINED"),
    ("MAT", "modifiedAttackRequirements", "N=NONE P=PRESENT X=NOT_DEFINED"),
    ("MPR", "modifiedPrivilegesRequired", "N=NONE L=LOW H=HIGH X=NOT_DEFINED"),
    ("MUI", "modifiedUserInteraction", "N=NONE P=PASSIVE A=ACTIVE X=NOT_DEFINED"),
    ("MVC", "modifiedVulnConfidentialityImpact", "N=NONE L=LOW H=HIGH X=NOT_DEFINED"),
    ("MVI", "modifiedVulnIntegrityImpact", "N=NONE L=LOW H=HIGH X=NOT_DEFINED"),
    ("MVA", "modifiedVulnAvailabilityImpact", "N=NONE L=LOW H=HIGH X=NOT_DEFINED"),
    ("MSC", "modifiedSubConfidentialityImpact", "N=NEGLIGIBLE L=LOW H=HIGH X=NOT_DEFINED"),
    ("MSI", "modifiedSubIntegrityImpact", "N=NEGLIGIBLE L=LOW H=HIGH S=SAFETY X=NOT_DEFINED"),
    ("MSA", "modifiedSubAvailabilityImpact", "N=NEGLIGIBLE L=LOW H=HIGH S=SAFETY X=NOT_DEFINED"),
    ("S", "Safety", "N=NEGLIGIBLE P=PRESENT X=NOT_DEFINED"),
    ("AU", "Automatable", "N=NO Y=YES X=NOT_DEFINED"),
    ("R", "Recovery", "A=AUTOMATIC U=USER I=IRRECOVERABLE X=NOT_DEFINED"),
    ("V", "valueDensity", "D=DIFFUSE C=CONCENTRATED X=NOT_DEFINED"),
    ("RE", "vulnerabilityResponseEffort", "L=LOW M=MODERATE H=HIGH X=NOT_DEFINED"),
    ("U", "providerUrgency", "Clear=CLEAR Green=GREEN Amber=AMBER Red=RED X=NOT_DEFINED"),
];

/// A CVSS object with what its version asks for.
struct Object<'a> {
    path: String,
    kind: &'static str,
    value: &'a Map<String, Value>,
    metrics: &'static [Metric],
    /// Sign and value of each metric of the vector; `None` where the vector is no vector.
    vector: Option<Vec<(&'a str, &'a str)>>,
}

impl<'a> Object<'a> {
    fn text(&self, key: &str) -> &'a str {
        self.value.get(key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The word for the value of a metric.
fn word(metric: &Metric, sign: &str) -> Option<&'static str> {
    let pairs = metric.2.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(known, _)| *known == sign).map(|(_, word)| word)
}

fn objects<'a>(report: &Report<'a>) -> Vec<Object<'a>> {
    let mut found = Vec::new();
    for (path, vulnerability) in report.vulnerabilities() {
        let scores = items(vulnerability, &path, "scores");
        let metrics = items(vulnerability, &path, "metrics").filter_map(|(path, metric)| {
            Some((format!("{path}/content"), at(metric, &["content"])?))
        });
        for (path, content) in scores.chain(metrics) {
            for (kind, metrics) in [("cvss_v2", V2), ("cvss_v3", V3), ("cvss_v4", V4)] {
                let Some(value) = content.get(kind).and_then(Value::as_object) else { continue };
                let vector = value.get("vectorString").and_then(Value::as_str).unwrap_or_default();
                let vector = parts(kind, vector);
                found.push(Object { path: format!("{path}/{kind}"), kind, value, metrics, vector });
            }
        }
    }
    found
}

/// The metrics of a vector.
fn parts<'a>(kind: &str, vector: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let body = match kind {
        "cvss_v2" => vector,
        "cvss_v3" => {
            vector.strip_prefix("CVSS:3.0/").or_else(|| vector.strip_prefix("CVSS:3.1/"))?
        }
        _ => vector.strip_prefix("CVSS:4.0/")?,
    };
    body.split('/').map(|part| part.split_once(':')).collect()
}

/// 6.1.8: the object follows its schema.
pub(super) fn invalid(report: &mut Report<'_>) {
    for object in objects(report) {
        let versions: &[&str] = match object.kind {
            "cvss_v2" => &["2.0"],
            "cvss_v3" => &["3.0", "3.1"],
            _ => &["4.0"],
        };
        let version = object.text("version");
        if !versions.contains(&version) {
            report.fail(format!("{}/version", object.path), format!("the version is {version:?}"));
        }
        let mut required = vec!["vectorString", "baseScore"];
        if object.kind != "cvss_v2" {
            required.push("baseSeverity");
        }
        for key in required.iter().filter(|key| !object.value.contains_key(**key)) {
            report.fail(format!("{}/{key}", object.path), format!("{key} is missing"));
        }
        if let Some(reason) = bad_vector(&object, version) {
            report.fail(format!("{}/vectorString", object.path), reason);
        }
        for (key, value) in object.value {
            if let Some(reason) = bad_property(&object, key, value) {
                report.fail(format!("{}/{key}", object.path), reason);
            }
        }
    }
}

/// What is wrong with the vector of an object. One that is missing is told as a missing property.
fn bad_vector(object: &Object<'_>, version: &str) -> Option<String> {
    let text = object.text("vectorString");
    if text.is_empty() {
        return None;
    }
    match CvssVector::parse_strict(text) {
        Err(fault) => Some(fault.to_string()),
        Ok(vector) if vector.version().number() != version => {
            Some(format!("it is no vector of version {version}"))
        }
        Ok(_) => None,
    }
}

const SCORES: [&str; 3] = ["baseScore", "temporalScore", "environmentalScore"];
const SEVERITIES: [&str; 3] = ["baseSeverity", "temporalSeverity", "environmentalSeverity"];

fn bad_property(object: &Object<'_>, key: &str, value: &Value) -> Option<String> {
    let beyond_base = key.starts_with("temporal") || key.starts_with("environmental");
    if SCORES.contains(&key) && !(object.kind == "cvss_v4" && beyond_base) {
        let score = value.as_f64().filter(|score| (0.0..=10.0).contains(score));
        return score.is_none().then(|| "it is no score from 0 to 10".to_owned());
    }
    if SEVERITIES.contains(&key)
        && object.kind != "cvss_v2"
        && !(object.kind == "cvss_v4" && beyond_base)
    {
        let known = ["NONE", "LOW", "MEDIUM", "HIGH", "CRITICAL"];
        let rating = value.as_str().filter(|word| known.contains(word));
        return rating.is_none().then(|| "it is no severity".to_owned());
    }
    if let Some(metric) = object.metrics.iter().find(|(_, property, _)| *property == key) {
        let mut words = metric.2.split(' ').filter_map(|pair| pair.split_once('='));
        let known = value.as_str().is_some_and(|given| words.any(|(_, word)| word == given));
        return (!known).then(|| format!("{value} is no value of it"));
    }
    // The schema of version 4.0 allows no properties but its own.
    let own = ["version", "vectorString"].contains(&key);
    (object.kind == "cvss_v4" && !own).then(|| "it is no property of a CVSS 4.0 object".to_owned())
}

/// 6.1.9: scores and severities are those of the vector.
pub(super) fn computation(report: &mut Report<'_>) {
    for object in objects(report) {
        let Ok(vector) = CvssVector::parse(object.text("vectorString")) else { continue };
        for ((score, severity), right) in SCORES.into_iter().zip(SEVERITIES).zip(computed(&vector))
        {
            let published = object.value.get(score).and_then(Value::as_f64);
            let same = |tenths: &u8| {
                published.is_none_or(|score| (score * 10.0 - f64::from(*tenths)).abs() < 0.05)
            };
            if !right.iter().any(same) {
                let [tenths, _] = right;
                let message = format!("the vector gives {}.{}", tenths / 10, tenths % 10);
                report.fail(format!("{}/{score}", object.path), message);
            }
            let published = object.text(severity);
            let known = right.iter().any(|tenths| published == rating(*tenths));
            if !published.is_empty() && object.kind != "cvss_v2" && !known {
                let [tenths, _] = right;
                let message = format!("the vector gives {}", rating(tenths));
                report.fail(format!("{}/{severity}", object.path), message);
            }
        }
    }
}

/// Base, temporal and environmental score in tenths, each in the two ways that it may be meant: of
/// 4.0 an object has one score, of the base or of all metrics; without environmental metrics the
/// equation of 3.1 may be a tenth off the temporal score.
fn computed(vector: &CvssVector) -> [[u8; 2]; 3] {
    let scores = vector.scores();
    let whole = if vector.version() == CvssVersion::V4 { scores.overall() } else { scores.base };
    let temporal = scores.temporal.unwrap_or(scores.base);
    let plain = scores.environmental.unwrap_or(temporal);
    [[scores.base, whole], [temporal; 2], [plain, vector.environmental_equation()]]
}

fn rating(tenths: u8) -> &'static str {
    match Severity::of_tenths(tenths) {
        Severity::None => "NONE",
        Severity::Low => "LOW",
        Severity::Medium => "MEDIUM",
        Severity::High => "HIGH",
        Severity::Critical => "CRITICAL",
    }
}

/// 6.1.10: the properties say what the vector says.
pub(super) fn inconsistent(report: &mut Report<'_>) {
    for object in objects(report) {
        let Some(vector) = &object.vector else { continue };
        for metric in object.metrics {
            let Some(given) = object.value.get(metric.1).and_then(Value::as_str) else { continue };
            let said = vector.iter().find(|(sign, _)| *sign == metric.0);
            let said = said.and_then(|(_, value)| word(metric, value)).unwrap_or("NOT_DEFINED");
            if said != given {
                let message = format!("{given} stands against {said} in the vector");
                report.fail(format!("{}/{}", object.path, metric.1), message);
            }
        }
    }
}
