//! NVD, JSON 2.0: the API's and the yearly feeds' shape, overrides of it, and a bare map of ids.
//!
//! A configuration is a formula over CPE names. What is marked `vulnerable: false` is only where
//! the product runs; it never matches by itself and becomes a condition of the claims beside it.

use std::collections::BTreeMap;

use auscult_version::{Bound, Scheme};
use jiff::civil::Date;
use serde::Deserialize;

use crate::{
    cpe::Name,
    cvss,
    feeds::{Recognised, Record, claim, cve5, day, scheme_of},
    record::{Claim, Entry, Span, Status},
};

/// Names kept of one condition; more only tell the reader what he can look up.
const CONDITION_NAMES_MAX: usize = 16;

#[derive(Deserialize)]
struct Feed {
    vulnerabilities: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Item {
    cve: Cve,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cve {
    id: String,
    #[serde(default)]
    last_modified: Option<String>,
    #[serde(default)]
    vuln_status: String,
    #[serde(default)]
    metrics: BTreeMap<String, Vec<Metric>>,
    #[serde(default)]
    weaknesses: Vec<Weakness>,
    #[serde(default)]
    configurations: Vec<Configuration>,
    #[serde(default)]
    descriptions: Vec<Text>,
    /// The CNA's own data, passed through since 2026.
    #[serde(default)]
    affected: Vec<PassedThrough>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PassedThrough {
    #[serde(default)]
    affected_data: Vec<cve5::Affected>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    cvss_data: cve5::Score,
}

#[derive(Deserialize)]
struct Weakness {
    #[serde(default)]
    description: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    lang: String,
    #[serde(default)]
    value: String,
}

/// A configuration, also found in CVE records as `cpeApplicability`.
#[derive(Deserialize)]
pub(crate) struct Configuration {
    #[serde(default)]
    operator: String,
    #[serde(default)]
    negate: bool,
    #[serde(default)]
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(default)]
    operator: String,
    #[serde(default)]
    negate: bool,
    #[serde(default)]
    cpe_match: Vec<Match>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Match {
    #[serde(default)]
    vulnerable: bool,
    criteria: String,
    version_start_including: Option<String>,
    version_start_excluding: Option<String>,
    version_end_including: Option<String>,
    version_end_excluding: Option<String>,
}

/// Reads a page of the API or a yearly feed.
pub(crate) fn parse_feed(bytes: &[u8]) -> Recognised {
    const SOURCE: &str = "nvd";
    let Ok(feed) = serde_json::from_slice::<Feed>(bytes) else {
        return Recognised::failed(SOURCE);
    };
    let (mut records, mut failures, mut date) = (Vec::new(), 0, None);
    for value in feed.vulnerabilities {
        match serde_json::from_value::<Item>(value) {
            Ok(item) => {
                let modified = item.cve.last_modified.as_deref().and_then(day);
                date = date.max(modified);
                records.push(record(item.cve));
            }
            Err(_) => failures += 1,
        }
    }
    Recognised::Records { source: SOURCE, records, failures, date }
}

fn record(cve: Cve) -> Record {
    let mut record = Record {
        source: "nvd",
        unique: cve.id.clone(),
        withdrawn: cve.vuln_status.eq_ignore_ascii_case("rejected"),
        updated: cve.last_modified,
        claims: claims(&cve.id, &cve.configurations),
        ..Record::default()
    };
    for affected in cve.affected.iter().flat_map(|passed| &passed.affected_data) {
        record.claims.extend(cve5::claims(&cve.id, affected));
    }
    record.cvss = cve.metrics.values().flatten().filter_map(|m| m.cvss_data.read()).collect();
    let weaknesses = cve.weaknesses.iter().flat_map(|weakness| &weakness.description);
    record.weaknesses =
        weaknesses.filter(|t| t.value.starts_with("CWE-")).map(|t| t.value.clone()).collect();
    let english = cve.descriptions.iter().find(|text| text.lang == "en");
    record.description = english.map(|text| text.value.clone()).unwrap_or_default();
    record.id = cve.id;
    record
}

#[derive(Deserialize)]
struct Override {
    #[serde(rename = "_annotation")]
    annotation: Annotation,
    cve: OverrideCve,
}

#[derive(Deserialize)]
struct Annotation {
    cve_id: String,
}

#[derive(Deserialize)]
struct OverrideCve {
    #[serde(default)]
    configurations: Vec<Configuration>,
}

/// Reads an override: configurations for an id that NVD did not enrich.
pub(crate) fn parse_override(bytes: &[u8], archived: Option<Date>) -> Recognised {
    const SOURCE: &str = "nvd-overrides";
    let Ok(given) = serde_json::from_slice::<Override>(bytes) else {
        return Recognised::failed(SOURCE);
    };
    let id = given.annotation.cve_id;
    let claims = claims(&id, &given.cve.configurations);
    let record = Record { source: SOURCE, unique: id.clone(), id, claims, ..Record::default() };
    Recognised::Records { source: SOURCE, records: vec![record], failures: 0, date: archived }
}

#[derive(Deserialize)]
struct Map {
    cves: BTreeMap<String, Mapped>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Mapped {
    #[serde(rename = "lastModified")]
    last_modified: Option<String>,
    configurations: Vec<Configuration>,
    cwe: Vec<String>,
    cvss2: Option<(String, f64)>,
    cvss30: Option<(String, f64)>,
    cvss31: Option<(String, f64)>,
}

/// Reads a map from id to configurations.
pub(crate) fn parse_map(bytes: &[u8]) -> Recognised {
    let Ok(map) = serde_json::from_slice::<Map>(bytes) else { return Recognised::Nothing };
    let mut date = None;
    let mut records = Vec::new();
    for (id, given) in map.cves {
        date = date.max(given.last_modified.as_deref().and_then(day));
        let scores = [given.cvss31, given.cvss30, given.cvss2].into_iter().flatten();
        records.push(Record {
            source: "nvd",
            unique: id.clone(),
            claims: claims(&id, &given.configurations),
            cvss: scores.filter_map(|(v, score)| Some((v, cvss::published(score)?))).collect(),
            weaknesses: given.cwe,
            updated: given.last_modified,
            id,
            ..Record::default()
        });
    }
    Recognised::Records { source: "nvd", records, failures: 0, date }
}

/// Brings configurations to claims.
pub(crate) fn claims(id: &str, configurations: &[Configuration]) -> Vec<(String, Claim)> {
    let mut found = Vec::new();
    for configuration in configurations.iter().filter(|configuration| !configuration.negate) {
        for legs in conjunctions(configuration) {
            for (index, leg) in legs.iter().enumerate() {
                let others = legs.iter().enumerate().filter(|(other, _)| *other != index);
                let conditions: Vec<Vec<String>> = others
                    .map(|(_, leg)| condition(leg))
                    .filter(|names| !names.is_empty())
                    .collect();
                for new in leg_claims(id, leg, &conditions) {
                    if !found.contains(&new) {
                        found.push(new);
                    }
                }
            }
        }
    }
    found
}

/// The conjunctions of a configuration, each a list of legs, each leg a list of alternatives. A
/// negated node cannot be decided from an inventory; its conjunction is left out.
fn conjunctions(configuration: &Configuration) -> Vec<Vec<Vec<&Match>>> {
    if configuration.operator == "AND" {
        let negated = configuration.nodes.iter().any(|node| node.negate);
        let legs = configuration.nodes.iter().flat_map(legs).collect();
        return if negated { Vec::new() } else { vec![legs] };
    }
    configuration.nodes.iter().filter(|node| !node.negate).map(legs).collect()
}

fn legs(node: &Node) -> Vec<Vec<&Match>> {
    if node.operator == "AND" {
        node.cpe_match.iter().map(|given| vec![given]).collect()
    } else {
        vec![node.cpe_match.iter().collect()]
    }
}

fn condition(leg: &[&Match]) -> Vec<String> {
    let mut names: Vec<String> = leg
        .iter()
        .filter_map(|given| Name::parse(&given.criteria))
        .map(|name| format!("{}:{}:{}", name.part, name.vendor, name.product))
        .collect();
    names.sort();
    names.dedup();
    names.truncate(CONDITION_NAMES_MAX);
    names
}

/// The claims of a leg: one per product and target, its criteria as entries.
fn leg_claims(id: &str, leg: &[&Match], conditions: &[Vec<String>]) -> Vec<(String, Claim)> {
    let mut groups: BTreeMap<(String, char, String), Vec<Entry>> = BTreeMap::new();
    for given in leg.iter().filter(|given| given.vulnerable) {
        let Some(name) = Name::parse(&given.criteria) else { continue };
        let entry = span(given, &name).map(|span| Entry::new(Status::Affected, span));
        groups.entry((name.key(), name.part, name.target)).or_default().extend(entry);
    }
    let to_claim = |((key, part, target), entries): ((String, char, String), Vec<Entry>)| {
        let scheme = scheme_of(&key).unwrap_or(Scheme::Generic);
        let key = if scheme == Scheme::Kernel { "k:linux".to_owned() } else { key };
        let conditions = conditions.to_vec();
        let claim =
            Claim { part, target, conditions, ..claim(id, scheme, Status::Unaffected, entries) };
        (key, claim)
    };
    groups.into_iter().map(to_claim).collect()
}

/// The versions of a criterion; none where it says "not applicable", which no known version is.
fn span(given: &Match, name: &Name) -> Option<Span> {
    let lower = given.version_start_including.clone().map(Bound::Inclusive);
    let lower = lower.or_else(|| given.version_start_excluding.clone().map(Bound::Exclusive));
    let upper = given.version_end_excluding.clone().map(Bound::Exclusive);
    let upper = upper.or_else(|| given.version_end_including.clone().map(Bound::Inclusive));
    if lower.is_some() || upper.is_some() || name.version == "*" {
        return Some(Span::Between { lower, upper });
    }
    let version = name.full_version()?;
    Some(Span::Exactly { version, any_update: name.update == "*" })
}
