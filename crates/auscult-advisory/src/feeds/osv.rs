//! OSV records (OSV schema 1.7), as JSON and as the YAML of OSS-Fuzz.
//!
//! Ranges of commits are not evaluated; the versions that such a record lists are taken instead,
//! their tags brought to release numbers (`curl-7_88_1` is 7.88.1).

use auscult_model::Purl;
use auscult_version::{Bound, Scheme};
use serde::Deserialize;

use crate::{
    cvss,
    feeds::{Recognised, Record, claim, day, debian::codename, is_cve, yaml},
    record::{Claim, Entry, Span, Status},
};

const SOURCE: &str = "osv";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    id: String,
    modified: String,
    withdrawn: Option<String>,
    aliases: Vec<String>,
    upstream: Vec<String>,
    related: Vec<String>,
    summary: String,
    details: String,
    severity: Vec<Severity>,
    affected: Vec<Affected>,
}

#[derive(Deserialize)]
struct Severity {
    score: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Affected {
    package: Package,
    ranges: Vec<OsvRange>,
    versions: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Package {
    ecosystem: String,
    name: String,
    purl: Option<String>,
}

#[derive(Deserialize)]
struct OsvRange {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    events: Vec<OsvEvent>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct OsvEvent {
    introduced: Option<String>,
    fixed: Option<String>,
    last_affected: Option<String>,
}

/// Tells whether a text is a record in YAML.
pub(crate) fn is_yaml(text: &str) -> bool {
    let has = |key: &str| text.lines().any(|line| line.starts_with(key));
    has("id:") && has("affected:") && has("modified:")
}

/// Reads a record in YAML.
pub(crate) fn parse_yaml(text: &str) -> Recognised {
    let document = yaml::parse(text).and_then(|value| serde_json::from_value(value).ok());
    document.map_or_else(|| Recognised::failed(SOURCE), |document| recognised(&document))
}

/// Reads a record in JSON.
pub(crate) fn parse_json(bytes: &[u8]) -> Recognised {
    serde_json::from_slice(bytes)
        .map_or_else(|_| Recognised::failed(SOURCE), |document| recognised(&document))
}

fn recognised(document: &Document) -> Recognised {
    let date = day(&document.modified);
    if document.id.is_empty() {
        return Recognised::failed(SOURCE);
    }
    Recognised::Records { source: SOURCE, records: records(document), failures: 0, date }
}

/// A record for each vulnerability that a document speaks of. An announcement of a distribution
/// often repairs several, which are different things that it names in `upstream`; AlmaLinux and
/// Rocky Linux named them in `related`, where others put what only resembles.
fn records(document: &Document) -> Vec<Record> {
    let of = |names: &[String]| names.iter().filter(|name| is_cve(name)).cloned().collect();
    let mut repaired: Vec<String> = of(&document.upstream);
    if repaired.is_empty() && document.is_announcement() {
        repaired = of(&document.related);
    }
    repaired.sort();
    repaired.dedup();
    let is_one = is_cve(&document.id) || document.aliases.iter().any(|alias| is_cve(alias));
    if is_one || repaired.len() < 2 {
        return vec![record(document, repaired.first().map(String::as_str))];
    }
    // The announcement is no other name of any of them, as they would become one vulnerability, and
    // the worst score of several is not that of each.
    let part = |cve: &String| Record {
        unique: format!("{}/{cve}", document.id),
        aliases: Vec::new(),
        cvss: Vec::new(),
        ..record(document, Some(cve))
    };
    repaired.iter().map(part).collect()
}

impl Document {
    /// Whether it speaks of packages of distributions only.
    fn is_announcement(&self) -> bool {
        let distributed = |one: &Affected| ecosystem(&one.package).0.starts_with("d:");
        !self.affected.is_empty() && self.affected.iter().all(distributed)
    }
}

/// A document as the word on one vulnerability; `repaired` is what it calls its upstream.
fn record(document: &Document, repaired: Option<&str>) -> Record {
    // A CVE among the aliases is the name under which all sources meet.
    let aliases = document.aliases.iter().map(String::as_str);
    let cve = aliases.chain(repaired).find(|alias| is_cve(alias));
    let id = if is_cve(&document.id) { &document.id } else { cve.unwrap_or(&document.id) };
    let id = id.to_owned();
    let mut aliases = document.aliases.clone();
    aliases.push(document.id.clone());
    aliases.retain(|alias| *alias != id);
    aliases.sort();
    aliases.dedup();
    let scores = document.severity.iter();
    let scores = scores.filter_map(|s| Some((s.score.clone(), cvss::base_score(&s.score)?)));
    let claims = document.affected.iter().filter_map(|affected| {
        let (key, mut claim) = package_claim(&id, affected)?;
        if document.id != id {
            claim.record.clone_from(&document.id);
        }
        Some((key, claim))
    });
    Record {
        source: SOURCE,
        unique: document.id.clone(),
        claims: claims.collect(),
        updated: Some(document.modified.clone()),
        withdrawn: document.withdrawn.is_some(),
        cvss: scores.collect(),
        title: document.summary.clone(),
        description: document.details.clone(),
        aliases,
        id,
        ..Record::default()
    }
}

/// Ecosystems whose packages are a distribution's, with the name that its os-release gives it.
const DISTRIBUTIONS: &[(&str, &str)] = &[
    ("AlmaLinux", "almalinux"),
    ("Alpine", "alpine"),
    ("Chainguard", "chainguard"),
    ("Debian", "debian"),
    ("Mageia", "mageia"),
    ("Red Hat", "rhel"),
    ("Rocky Linux", "rocky"),
    ("SUSE", "sles"),
    ("Ubuntu", "ubuntu"),
    ("Wolfi", "wolfi"),
    ("openEuler", "openeuler"),
    ("openSUSE", "opensuse"),
];

/// Ecosystems whose name is not the type of their package URL.
const PURL_TYPES: &[(&str, &str)] = &[
    ("crates.io", "cargo"),
    ("Go", "golang"),
    ("RubyGems", "gem"),
    ("Packagist", "composer"),
    ("ConanCenter", "conan"),
    ("SwiftURL", "swift"),
];

/// Key, scheme and release of a package by its ecosystem.
fn ecosystem(package: &Package) -> (String, Scheme, String) {
    let (name, release) = package.ecosystem.split_once(':').unwrap_or((&package.ecosystem, ""));
    if name == "OSS-Fuzz" {
        return (fuzz_key(&package.name), Scheme::Generic, String::new());
    }
    let scheme = Scheme::of_osv_ecosystem(&package.ecosystem).unwrap_or(Scheme::Generic);
    if let Some((_, system)) = DISTRIBUTIONS.iter().find(|(known, _)| *known == name) {
        return (format!("d:{system}:{}", package.name), scheme, release_of(system, release));
    }
    if name == "Linux" {
        return ("k:linux".to_owned(), Scheme::Kernel, String::new());
    }
    let kind = PURL_TYPES.iter().find(|(known, _)| *known == name);
    let kind = kind.map_or_else(|| name.to_lowercase(), |(_, kind)| (*kind).to_owned());
    // Maven's names are `group:artifact`.
    let written = || format!("pkg:{kind}/{}", package.name.replace(':', "/"));
    let purl = package.purl.clone().unwrap_or_else(written);
    let bare = |purl: &str| purl.split(['@', '?', '#']).next().unwrap_or(purl).to_owned();
    let purl = Purl::canonical(&purl)
        .map_or_else(|_| bare(&purl), |purl| purl.without_version().to_owned());
    (format!("p:{purl}"), scheme, String::new())
}

/// A release as its data and os-release both can name it.
fn release_of(system: &str, release: &str) -> String {
    match system {
        "debian" => codename(release),
        "alpine" => release.trim_start_matches('v').to_owned(),
        // `22.04:LTS`, `Pro:18.04:LTS`
        "ubuntu" => {
            let number = |part: &&str| part.starts_with(|c: char| c.is_ascii_digit());
            release.split(':').find(number).unwrap_or(release).to_owned()
        }
        // `enterprise_linux:9::baseos`
        "rhel" => release.split(':').nth(1).unwrap_or(release).to_owned(),
        _ => release.to_owned(),
    }
}

/// Key of a project of OSS-Fuzz.
pub(crate) fn fuzz_key(name: &str) -> String {
    format!("o:{}", name.to_lowercase())
}

fn package_claim(id: &str, affected: &Affected) -> Option<(String, Claim)> {
    let (key, scheme, release) = ecosystem(&affected.package);
    let mut entries = Vec::new();
    for range in affected.ranges.iter().filter(|range| range.kind != "GIT") {
        entries.extend(spans(&range.events).into_iter().map(|s| Entry::new(Status::Affected, s)));
    }
    if entries.is_empty() {
        entries.extend(affected.versions.iter().filter_map(|tag| {
            let version = release_of_tag(tag)?;
            Some(Entry::new(Status::Affected, Span::Exactly { version, any_update: false }))
        }));
    }
    let known = !entries.is_empty() && !affected.package.name.is_empty();
    known.then(|| (key, Claim { release, ..claim(id, scheme, Status::Unaffected, entries) }))
}

/// Pairs the events of a range.
fn spans(events: &[OsvEvent]) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut open: Option<Option<Bound>> = None;
    for event in events {
        if let Some(introduced) = &event.introduced {
            let lower = (introduced != "0").then(|| Bound::Inclusive(introduced.clone()));
            open = open.or(Some(lower));
        }
        let end = event.fixed.clone().map(Bound::Exclusive);
        let end = end.or_else(|| event.last_affected.clone().map(Bound::Inclusive));
        if end.is_some() {
            spans.extend(open.take().map(|lower| Span::Between { lower, upper: end }));
        }
    }
    spans.extend(open.map(|lower| Span::Between { lower, upper: None }));
    spans
}

/// The release number of a tag: `v2.86`, `curl-7_88_1`, `OpenSSL_1_1_1k`.
fn release_of_tag(tag: &str) -> Option<String> {
    let start = tag.find(|c: char| c.is_ascii_digit())?;
    let version = tag.get(start..)?;
    Some(if version.contains('.') { version.to_owned() } else { version.replace('_', ".") })
}
