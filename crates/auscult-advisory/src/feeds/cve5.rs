//! CVE records, format 5.0 to 5.2 (CVEProject cve-schema), with their ADP containers.
//!
//! The containers of the Linux kernel's and of OpenSSL's own CNA are sources of their own, as
//! they are the authority for their product wherever the record was copied to.

use auscult_model::Exploitation;
use auscult_version::{Bound, Scheme};
use jiff::civil::Date;
use serde::Deserialize;

use crate::{
    cpe::{Name, normalise, product_key},
    cvss,
    feeds::{Recognised, Record, claim, day, nvd, scheme_of},
    record::{Claim, Entry, Span, Status},
};

/// The organisation ids of CNAs with sources of their own.
const KERNEL_ORG: &str = "f4215fc3-5b6b-47ff-a258-f7189bd81038";
const OPENSSL_ORG: &str = "3a12439a-ef3a-4c79-92e6-6081a721f1e5";

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "cveMetadata")]
    metadata: Metadata,
    containers: Containers,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "cveId", alias = "cveID")]
    id: String,
    state: String,
    #[serde(rename = "dateUpdated")]
    updated: Option<String>,
    #[serde(rename = "assignerOrgId", default)]
    assigner: String,
}

#[derive(Deserialize)]
struct Containers {
    cna: Container,
    #[serde(default)]
    adp: Vec<Container>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container {
    affected: Vec<Affected>,
    metrics: Vec<Metric>,
    problem_types: Vec<ProblemType>,
    title: Option<String>,
    descriptions: Vec<Text>,
    cpe_applicability: Vec<nvd::Configuration>,
    provider_metadata: Provider,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Provider {
    org_id: String,
    short_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    #[serde(default)]
    lang: String,
    #[serde(default, alias = "description")]
    value: String,
    #[serde(default)]
    cwe_id: Option<String>,
}

#[derive(Deserialize)]
struct ProblemType {
    #[serde(default)]
    descriptions: Vec<Text>,
}

/// A product of `affected[]`; NVD passes the same structure through.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Affected {
    #[serde(default)]
    vendor: String,
    #[serde(default)]
    product: String,
    #[serde(default, rename = "collectionURL")]
    collection_url: String,
    #[serde(default)]
    package_name: String,
    #[serde(default)]
    cpes: Vec<String>,
    #[serde(default)]
    default_status: Option<String>,
    #[serde(default)]
    versions: Vec<VersionEntry>,
    #[serde(default)]
    program_files: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionEntry {
    #[serde(default)]
    version: String,
    #[serde(default)]
    status: String,
    version_type: Option<String>,
    less_than: Option<String>,
    less_than_or_equal: Option<String>,
    #[serde(default)]
    changes: Vec<Change>,
}

#[derive(Deserialize)]
struct Change {
    at: String,
    status: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Metric {
    #[serde(rename = "cvssV4_0")]
    v4_0: Option<Score>,
    #[serde(rename = "cvssV3_1")]
    v3_1: Option<Score>,
    #[serde(rename = "cvssV3_0")]
    v3_0: Option<Score>,
    #[serde(rename = "cvssV2_0")]
    v2_0: Option<Score>,
    other: Option<Other>,
}

/// A CVSS object, as CVE records and NVD carry it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Score {
    vector_string: String,
    base_score: Option<f64>,
}

#[derive(Deserialize)]
struct Other {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    content: serde_json::Value,
}

impl Score {
    /// The vector with the published score, or else the one computed from it.
    pub(crate) fn read(&self) -> Option<(String, u8)> {
        let published = self.base_score.and_then(cvss::published);
        let score = published.or_else(|| cvss::base_score(&self.vector_string))?;
        Some((self.vector_string.clone(), score))
    }
}

/// Reads a CVE record.
pub(crate) fn parse(path: &str, bytes: &[u8], archived: Option<Date>) -> Recognised {
    let Ok(document) = serde_json::from_slice::<Document>(bytes) else {
        return Recognised::failed("cve5");
    };
    let metadata = document.metadata;
    let source = match metadata.assigner.as_str() {
        KERNEL_ORG => "kernel-cna",
        OPENSSL_ORG => "openssl",
        _ if document.containers.cna.provider_metadata.short_name == "openssl" => "openssl",
        _ => "cve5",
    };
    // The kernel CNA keeps rejected ids in a folder of their own, in their last published form.
    let withdrawn = metadata.state != "PUBLISHED" || path.split('/').any(|part| part == "rejected");
    // The kernel CNA's files carry no date; its archive's is that of the last change.
    let archived = archived.filter(|_| source == "kernel-cna");
    let date = metadata.updated.as_deref().and_then(day).or(archived);
    let new = |source: &'static str| Record {
        source,
        unique: metadata.id.clone(),
        id: metadata.id.clone(),
        updated: metadata.updated.clone(),
        ..Record::default()
    };
    let mut record = Record { withdrawn, ..new(source) };
    let mut assessment = new("cve5-adp");
    if !withdrawn {
        fill(&mut record, document.containers.cna);
        for container in document.containers.adp {
            // The CVE programme's own container repeats the CNA's references only.
            if container.provider_metadata.short_name != "CVE" {
                fill(&mut assessment, container);
            }
        }
    }
    let mut records = vec![record];
    let says = !assessment.claims.is_empty()
        || !assessment.cvss.is_empty()
        || assessment.sign.is_some()
        || assessment.kev.is_some()
        || assessment.automatable.is_some();
    if says {
        assessment.title.clear();
        records.push(assessment);
    }
    Recognised::Records { source, records, failures: 0, date }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Enrichment {
    additional_metadata: EnrichmentMetadata,
    adp: Container,
}

#[derive(Deserialize)]
struct EnrichmentMetadata {
    #[serde(rename = "cveId")]
    id: String,
}

/// Reads an enrichment: an ADP container beside the id it belongs to.
pub(crate) fn parse_enrichment(bytes: &[u8], archived: Option<Date>) -> Recognised {
    const SOURCE: &str = "cve-enrichment";
    let Ok(enrichment) = serde_json::from_slice::<Enrichment>(bytes) else {
        return Recognised::failed(SOURCE);
    };
    let id = enrichment.additional_metadata.id;
    let mut record = Record { source: SOURCE, unique: id.clone(), id, ..Record::default() };
    fill(&mut record, enrichment.adp);
    Recognised::Records { source: SOURCE, records: vec![record], failures: 0, date: archived }
}

fn fill(record: &mut Record, container: Container) {
    for affected in &container.affected {
        record.files.extend(affected.program_files.iter().cloned());
        record.claims.extend(claims(&record.id, affected));
    }
    if record.source != "kernel-cna" && record.claims.is_empty() {
        record.claims.extend(nvd::claims(&record.id, &container.cpe_applicability));
    }
    record.files.sort();
    record.files.dedup();
    for metric in &container.metrics {
        let scores = [&metric.v4_0, &metric.v3_1, &metric.v3_0, &metric.v2_0];
        record.cvss.extend(scores.into_iter().flatten().filter_map(Score::read));
        if let Some(other) = &metric.other {
            fill_other(record, other);
        }
    }
    let weaknesses = container.problem_types.iter().flat_map(|problem| &problem.descriptions);
    record.weaknesses.extend(weaknesses.filter_map(|text| text.cwe_id.clone()));
    record.title = container.title.unwrap_or_default();
    let english = container.descriptions.iter().find(|text| text.lang.starts_with("en"));
    record.description = english.map(|text| text.value.clone()).unwrap_or_default();
}

/// CISA's SSVC answers and KEV flag.
fn fill_other(record: &mut Record, other: &Other) {
    let text = |value: &serde_json::Value| value.as_str().map(str::to_ascii_lowercase);
    match other.kind.as_str() {
        "ssvc" => {
            let options = other.content.get("options").and_then(|options| options.as_array());
            for option in options.into_iter().flatten() {
                let answer = |key| option.get(key).and_then(text);
                if let Some(answer) = answer("Exploitation") {
                    record.sign = match answer.as_str() {
                        "active" => Some(Exploitation::Active),
                        "poc" | "public poc" => Some(Exploitation::PublicPoc),
                        "none" => Some(Exploitation::None),
                        _ => record.sign,
                    };
                }
                if let Some(answer) = answer("Automatable") {
                    record.automatable = Some(answer == "yes");
                }
                if let Some(answer) = answer("Technical Impact") {
                    record.impact_total = Some(answer == "total");
                }
            }
        }
        "kev" => {
            let added = other.content.get("dateAdded").and_then(|date| date.as_str());
            record.kev = added.map(|added| (added.to_owned(), false));
        }
        _ => {}
    }
}

fn status(text: &str) -> Status {
    match text {
        "affected" => Status::Affected,
        "unaffected" => Status::Unaffected,
        _ => Status::Unknown,
    }
}

/// The claims of a product, one per name it is known by.
pub(crate) fn claims(id: &str, affected: &Affected) -> Vec<(String, Claim)> {
    let default = affected.default_status.as_deref().map_or(Status::Unknown, status);
    let mut found = Vec::new();
    for (key, part, target, version) in product_names(affected) {
        let scheme = scheme_of(&key).unwrap_or_else(|| scheme_of_entries(affected));
        let mut entries: Vec<Entry> =
            affected.versions.iter().flat_map(|version| entry(version, scheme)).collect();
        let only_commits = entries.is_empty() && !affected.versions.is_empty();
        if affected.versions.is_empty() {
            // Without versions a concrete version of the CPE name is the statement.
            entries.extend(version.map(|version| {
                Entry::new(Status::Affected, Span::Exactly { version, any_update: true })
            }));
        }
        // Commits say nothing about release numbers, not even by what they leave out.
        let default = if only_commits { Status::Unknown } else { default };
        if entries.is_empty() && default != Status::Affected {
            continue;
        }
        let claim = Claim { part, target, ..claim(id, scheme, default, entries) };
        if !found.contains(&(key.clone(), claim.clone())) {
            found.push((key, claim));
        }
    }
    found
}

type ProductName = (String, char, String, Option<String>);

fn product_names(affected: &Affected) -> Vec<ProductName> {
    let blank = |text: &str| {
        matches!(
            text.to_ascii_lowercase().as_str(),
            "" | "n/a" | "-" | "*" | "unknown" | "unspecified"
        )
    };
    // Red Hat's packages are no products of their upstream: their versions are the distribution's.
    if affected.collection_url.contains("access.redhat.com") {
        return Vec::new();
    }
    let mut names: Vec<ProductName> = Vec::new();
    for cpe in affected.cpes.iter().filter_map(|cpe| Name::parse(cpe)) {
        let version = cpe.full_version();
        names.push((kernel_key(cpe.key()), cpe.part, cpe.target, version));
    }
    let repository = affected.collection_url.trim_end_matches('/').rsplit_once("github.com/");
    let owner_and_name = repository.and_then(|(_, path)| path.split_once('/'));
    let own = if blank(&affected.vendor) || blank(&affected.product) {
        let package = !blank(&affected.package_name);
        owner_and_name.filter(|_| package).map(|(owner, name)| product_key(owner, name))
    } else {
        let (vendor, product) = (normalise(&affected.vendor), normalise(&affected.product));
        Some(kernel_key(product_key(&vendor, &product)))
    };
    if let Some(own) = own
        && !names.iter().any(|(key, ..)| *key == own)
    {
        names.push((own, '*', String::new(), None));
    }
    names
}

fn kernel_key(key: String) -> String {
    if scheme_of(&key) == Some(Scheme::Kernel) { "k:linux".to_owned() } else { key }
}

fn scheme_of_entries(affected: &Affected) -> Scheme {
    let kinds = affected.versions.iter().filter_map(|version| version.version_type.as_deref());
    let mut kinds = kinds.filter(|kind| *kind != "git");
    match kinds.next() {
        Some("semver") => Scheme::Semver,
        Some("python") => Scheme::Pep440,
        Some("rpm") => Scheme::Rpm,
        Some("dpkg" | "deb") => Scheme::Debian,
        _ => Scheme::Generic,
    }
}

fn unnamed(version: &str) -> bool {
    matches!(version.to_ascii_lowercase().as_str(), "" | "n/a" | "-" | "unspecified" | "unknown")
}

/// An entry of `versions[]`; commits are left out, and a text of operators is several spans.
fn entry(given: &VersionEntry, scheme: Scheme) -> Vec<Entry> {
    if given.version_type.as_deref() == Some("git") {
        return Vec::new();
    }
    let status = status(&given.status);
    let open = |version: &str| matches!(version, "0" | "*") || unnamed(version);
    let lower = (!open(&given.version)).then(|| Bound::Inclusive(given.version.clone()));
    let upper = match (&given.less_than, &given.less_than_or_equal) {
        (Some(limit), _) if limit != "*" => Some(Bound::Exclusive(limit.clone())),
        (None, Some(limit)) if limit != "*" => Some(Bound::Inclusive(limit.clone())),
        _ => None,
    };
    let span = if given.less_than.is_some() || given.less_than_or_equal.is_some() {
        Span::Between { lower, upper }
    } else if given.version == "*" {
        Span::Between { lower: None, upper: None }
    } else if unnamed(&given.version) {
        Span::Unreadable(given.version.clone())
    } else if let Some(spans) = operators(&given.version) {
        return spans.into_iter().map(|span| Entry::new(status, span)).collect();
    } else if given.changes.is_empty() {
        Span::Exactly { version: given.version.clone(), any_update: scheme != Scheme::Kernel }
    } else {
        // With changes the version is where they start from.
        Span::Between { lower, upper: None }
    };
    let changes = given.changes.iter();
    let changes = changes.map(|change| (change.at.clone(), self::status(&change.status))).collect();
    vec![Entry { status, span, changes }]
}

/// Reads a text such as `>= 1.0, < 1.2.3`, which some CNAs write into `version`.
fn operators(text: &str) -> Option<Vec<Span>> {
    if !text.trim_start().starts_with(['<', '>', '=']) {
        return None;
    }
    let mut spans = Vec::new();
    for alternative in text.split("||") {
        let (mut lower, mut upper) = (None, None);
        for condition in alternative.split(',') {
            let condition = condition.trim();
            let end = condition.find(|c| !matches!(c, '<' | '>' | '=')).unwrap_or(condition.len());
            let (operator, version) = condition.split_at_checked(end)?;
            let version = version.trim().to_owned();
            if version.is_empty() || version.contains(char::is_whitespace) {
                return None;
            }
            match operator {
                "<" => upper = Some(Bound::Exclusive(version)),
                "<=" => upper = Some(Bound::Inclusive(version)),
                ">" => lower = Some(Bound::Exclusive(version)),
                ">=" => lower = Some(Bound::Inclusive(version)),
                "=" | "==" => {
                    (lower, upper) =
                        (Some(Bound::Inclusive(version.clone())), Some(Bound::Inclusive(version)));
                }
                _ => return None,
            }
        }
        spans.push(Span::Between { lower, upper });
    }
    Some(spans)
}
