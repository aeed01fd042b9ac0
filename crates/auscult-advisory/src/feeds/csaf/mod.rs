//! CSAF 2.0 and 2.1 documents (OASIS Common Security Advisory Framework): security advisories and
//! VEX documents of vendors and coordinators.
//!
//! Each vulnerability of a document is a record. What it says of a product is said under every
//! name that the document gives: purl, CPE name, vendor and product, and under the device key that
//! [`crate::device`] searches by words.

mod claims;
mod products;

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use auscult_model::Exploitation;
use jiff::{Timestamp, civil::Date};
use products::Products;
use serde_json::Value;

use crate::{
    csaf::{
        at, is_json, list, text, texts,
        trust::{Checked, Signature},
        version_order,
    },
    cvss,
    feeds::{Recognised, Record, Statement, day, is_cve},
};

/// A longer list of vulnerabilities is cut, with a failure counted.
const VULNERABILITIES_MAX: usize = 20_000;

/// How a document came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Its publisher serves it.
    #[default]
    Published,
    /// Somebody entered what it says: nothing lies beside it.
    ByHand,
}

/// An advisory that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Advisory {
    pub(crate) origin: Origin,
    /// The publisher's name and its licence-like terms.
    pub(crate) publisher: String,
    pub(crate) terms: String,
    /// `document.tracking.id`.
    pub(crate) id: String,
    pub(crate) release: Release,
    pub(crate) date: Option<Date>,
    pub(crate) records: Vec<Record>,
    /// Vulnerabilities that could not be read.
    pub(crate) failures: u64,
}

/// What puts copies of a document in order: the time of the release, then the version's number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Release {
    /// As written, with any time zone.
    date: String,
    version: String,
}

impl Ord for Release {
    fn cmp(&self, other: &Self) -> Ordering {
        let time = |release: &Self| release.date.parse::<Timestamp>().ok();
        let dates = time(self).cmp(&time(other));
        let versions = dates.then_with(|| version_order(&self.version, &other.version));
        versions.then_with(|| (&self.date, &self.version).cmp(&(&other.date, &other.version)))
    }
}

impl PartialOrd for Release {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Reads a document. What was checked of it is not known yet.
pub(crate) fn recognised(bytes: &[u8]) -> Recognised {
    let document = serde_json::from_slice::<Value>(bytes).map_err(|error| error.to_string());
    of_document(Origin::Published, document)
}

/// The same of a document, or of why there is none.
pub(crate) fn of_document(origin: Origin, document: Result<Value, String>) -> Recognised {
    match document.and_then(|document| read_document(&document)) {
        Ok(advisory) => {
            let checked = Checked { digest: false, signature: Signature::None };
            let advisory = Box::new(Advisory { origin, ..advisory });
            Recognised::Csaf { advisory, checked }
        }
        Err(reason) => Recognised::Refused { origin, publisher: String::new(), reason },
    }
}

/// Tells whether a text is the list of a provider's documents: `index.txt`, `changes.csv`.
pub(crate) fn is_list(text: &str) -> bool {
    let path = |line: &str| line.split(',').next().unwrap_or_default().trim_matches('"').to_owned();
    let mut lines = text.lines().filter(|line| !line.trim().is_empty()).peekable();
    lines.peek().is_some() && lines.all(|line| is_json(&path(line.trim())))
}

/// More publishers in one program are one source.
const SOURCES_MAX: usize = 1024;

/// The name of a publisher as a source: `csaf-cisa`, `disclosure-acme-medical`. Names of sources are
/// few and live as long as the program, as those of the other feeds do.
pub(crate) fn source_name(origin: Origin, publisher: &str) -> &'static str {
    static KNOWN: Mutex<BTreeMap<String, &'static str>> = Mutex::new(BTreeMap::new());
    let mut name = match origin {
        Origin::Published => "csaf-",
        Origin::ByHand => "disclosure-",
    }
    .to_owned();
    for character in publisher.chars().flat_map(char::to_lowercase).take(60) {
        if character.is_alphanumeric() {
            name.push(character);
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_end_matches('-').to_owned();
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = known.get(&name) {
        return name;
    }
    if known.len() >= SOURCES_MAX {
        return "csaf";
    }
    let kept: &'static str = Box::leak(name.clone().into_boxed_str());
    known.insert(name, kept);
    kept
}

fn read_document(document: &Value) -> Result<Advisory, String> {
    let version = text(document, &["document", "csaf_version"]);
    if !matches!(version, "2.0" | "2.1") {
        return Err(format!("CSAF version {version:?} is not known"));
    }
    let tracking = at(document, &["document", "tracking"]).unwrap_or(&Value::Null);
    let (id, released) = (text(tracking, &["id"]), text(tracking, &["current_release_date"]));
    if id.is_empty() {
        return Err("document.tracking.id is missing".to_owned());
    }
    let mut advisory = Advisory {
        publisher: text(document, &["document", "publisher", "name"]).to_owned(),
        terms: terms(document),
        id: id.to_owned(),
        release: Release {
            date: released.to_owned(),
            version: text(tracking, &["version"]).to_owned(),
        },
        date: day(released),
        ..Advisory::default()
    };
    // A draft is no word of its publisher yet.
    if text(tracking, &["status"]) == "draft" {
        return Ok(advisory);
    }
    let withdrawn = text(document, &["document", "category"]).to_ascii_lowercase();
    let withdrawn = matches!(withdrawn.as_str(), "csaf_withdrawn" | "csaf_superseded");
    let products = Products::of(document);
    let all = list(document, &["vulnerabilities"]);
    for (place, vulnerability) in all.iter().enumerate().take(VULNERABILITIES_MAX) {
        match record(document, &advisory, &products, vulnerability, place, all.len()) {
            Some(record) => advisory.records.push(Record { withdrawn, ..record }),
            None => advisory.failures = advisory.failures.saturating_add(1),
        }
    }
    let cut = all.len().saturating_sub(VULNERABILITIES_MAX);
    advisory.failures = advisory.failures.saturating_add(u64::try_from(cut).unwrap_or(u64::MAX));
    Ok(advisory)
}

/// What a reader may do with the document, and whom it comes from.
fn terms(document: &Value) -> String {
    let publisher = |key| text(document, &["document", "publisher", key]);
    let distribution = |path: &[&str]| {
        let path: Vec<&str> =
            ["document", "distribution"].into_iter().chain(path.iter().copied()).collect();
        text(document, &path).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let mut terms = format!("{} ({})", publisher("name"), publisher("namespace"));
    let label = distribution(&["tlp", "label"]);
    if !label.is_empty() {
        terms.push_str(", TLP:");
        terms.push_str(&label);
    }
    let licence = text(document, &["document", "license_expression"]);
    for part in [licence.to_owned(), distribution(&["text"])] {
        if !part.is_empty() {
            terms.push_str(", ");
            terms.extend(part.chars().take(120));
        }
    }
    terms
}

/// The id under which sources meet, and the other ids.
fn ids(vulnerability: &Value, advisory: &str, place: usize, count: usize) -> (String, Vec<String>) {
    let mut all: Vec<String> = Vec::new();
    let cve = text(vulnerability, &["cve"]);
    if is_cve(cve) {
        all.push(cve.to_owned());
    }
    for id in list(vulnerability, &["ids"]) {
        let (system, id) = (text(id, &["system_name"]), text(id, &["text"]).trim());
        // A bare number of a bug tracker means nothing without the tracker.
        let telling = id.chars().any(char::is_alphabetic) && id.chars().any(char::is_numeric);
        match (telling, id.is_empty()) {
            (true, _) => all.push(id.to_owned()),
            (false, false) if !system.is_empty() => all.push(format!("{system} {id}")),
            _ => {}
        }
    }
    // A document about one vulnerability is a name of it.
    if count == 1 {
        all.push(advisory.to_owned());
    }
    let id = if all.is_empty() {
        format!("{advisory}#{}", place.saturating_add(1))
    } else {
        all.remove(0)
    };
    all.sort();
    all.dedup();
    all.retain(|alias| *alias != id);
    (id, all)
}

fn record(
    document: &Value,
    advisory: &Advisory,
    products: &Products,
    vulnerability: &Value,
    place: usize,
    count: usize,
) -> Option<Record> {
    vulnerability.as_object()?;
    let (id, aliases) = ids(vulnerability, &advisory.id, place, count);
    let mut record = Record {
        source: "csaf",
        unique: format!("{}/{id}", advisory.id),
        claims: claims::claims(&id, &advisory.id, products, vulnerability),
        statements: statements(&advisory.id, products, vulnerability),
        aliases,
        updated: Some(advisory.release.date.clone()).filter(|date| !date.is_empty()),
        title: first_of(&[text(vulnerability, &["title"]), text(document, &["document", "title"])]),
        description: description(document, vulnerability),
        weaknesses: weaknesses(vulnerability),
        sign: sign(vulnerability),
        ..Record::default()
    };
    for score in list(vulnerability, &["scores"]) {
        record.cvss.extend(scores(score));
    }
    for metric in list(vulnerability, &["metrics"]) {
        record.cvss.extend(at(metric, &["content"]).map(scores).unwrap_or_default());
    }
    record.cvss.sort();
    record.cvss.dedup();
    record.id = id;
    Some(record)
}

fn first_of(texts: &[&str]) -> String {
    texts.iter().find(|text| !text.is_empty()).copied().unwrap_or_default().to_owned()
}

fn weaknesses(vulnerability: &Value) -> Vec<String> {
    let one = at(vulnerability, &["cwe"]).into_iter();
    let all = one.chain(list(vulnerability, &["cwes"]));
    all.map(|cwe| text(cwe, &["id"]).to_owned()).filter(|id| !id.is_empty()).collect()
}

/// Vectors with their scores: `cvss_v2`, `cvss_v3`, `cvss_v4`.
fn scores(content: &Value) -> Vec<(String, u8)> {
    let read = |key: &&str| {
        let score = content.get(key)?;
        let vector = text(score, &["vectorString"]);
        let published = score.get("baseScore").and_then(Value::as_f64).and_then(cvss::published);
        let tenths = published.or_else(|| cvss::base_score(vector))?;
        (!vector.is_empty()).then(|| (vector.to_owned(), tenths))
    };
    ["cvss_v4", "cvss_v3", "cvss_v2"].iter().filter_map(read).collect()
}

/// A date of first exploitation is a sign of it; texts about exploitation are left to people.
fn sign(vulnerability: &Value) -> Option<Exploitation> {
    let exploited = !list(vulnerability, &["first_known_exploitation_dates"]).is_empty();
    exploited.then_some(Exploitation::Active)
}

/// The notes that describe the vulnerability, or else the document's summary.
fn description(document: &Value, vulnerability: &Value) -> String {
    let of = |value: &Value, categories: &[&str]| {
        let notes = list(value, &["notes"]).iter();
        let wanted = notes.filter(|note| categories.contains(&text(note, &["category"])));
        wanted
            .map(|note| text(note, &["text"]))
            .find(|text| !text.is_empty())
            .map(ToOwned::to_owned)
    };
    let own = of(vulnerability, &["description", "summary", "details", "general"]);
    let whole = at(document, &["document"]);
    own.or_else(|| of(whole?, &["summary", "description"])).unwrap_or_default()
}

/// What the publisher says beside the ranges: remediations, threats, and why a product is not
/// affected.
fn statements(advisory: &str, products: &Products, vulnerability: &Value) -> Vec<Statement> {
    let mut statements = Vec::new();
    let mut add = |kind: &str, label: &str, about: &Value, prose: String| {
        let names = products.names(about);
        statements.push(Statement {
            source: 0,
            record: advisory.to_owned(),
            kind: kind.to_owned(),
            label: label.to_owned(),
            products: names,
            prose,
        });
    };
    for flag in list(vulnerability, &["flags"]) {
        add("justification", text(flag, &["label"]), flag, String::new());
    }
    for threat in list(vulnerability, &["threats"]) {
        add("threat", text(threat, &["category"]), threat, text(threat, &["details"]).to_owned());
    }
    for remediation in list(vulnerability, &["remediations"]) {
        let (details, url) = (text(remediation, &["details"]), text(remediation, &["url"]));
        let prose = if url.is_empty() { details.to_owned() } else { format!("{details} {url}") };
        add("remediation", text(remediation, &["category"]), remediation, prose);
    }
    for id in texts(vulnerability, &["product_status", "recommended"]) {
        if let Some(product) = products.get(id) {
            statements.push(Statement {
                record: advisory.to_owned(),
                kind: "recommended".to_owned(),
                products: vec![product.name.clone()],
                ..Statement::default()
            });
        }
    }
    statements
}
