//! RustSec advisories: a front matter in TOML, then Markdown (the database's `README.md`, "Advisory
//! Format").
//!
//! Versions are requirements as Cargo writes them: what neither `patched` nor `unaffected` allows is
//! affected. Notices that a crate is no longer maintained are no vulnerabilities.

use auscult_version::{Bound, Scheme};
use serde::Deserialize;

use crate::{
    cvss,
    feeds::{Recognised, Record, claim, is_cve},
    record::{Entry, Span, Status},
};

const SOURCE: &str = "rustsec";
const FENCE: &str = "```toml";

#[derive(Deserialize)]
struct Document {
    advisory: Advisory,
    #[serde(default)]
    versions: Versions,
}

#[derive(Deserialize)]
struct Advisory {
    id: String,
    package: String,
    #[serde(default)]
    aliases: Vec<String>,
    cvss: Option<String>,
    date: Option<String>,
    withdrawn: Option<String>,
    informational: Option<String>,
    collection: Option<String>,
}

#[derive(Default, Deserialize)]
struct Versions {
    #[serde(default)]
    patched: Vec<String>,
    #[serde(default)]
    unaffected: Vec<String>,
}

/// Tells whether a text is an advisory.
pub(crate) fn is_advisory(text: &str) -> bool {
    text.strip_prefix(FENCE).is_some_and(|rest| rest.trim_start().starts_with("[advisory]"))
}

/// Reads an advisory.
pub(crate) fn parse(text: &str) -> Recognised {
    let front = text.strip_prefix(FENCE).and_then(|rest| rest.split_once("\n```"));
    let parsed = front.and_then(|(front, prose)| Some((toml::from_str(front).ok()?, prose)));
    let Some((document, prose)) = parsed else { return Recognised::failed(SOURCE) };
    let date = document_date(&document);
    match record(document, prose) {
        Ok(records) => Recognised::Records { source: SOURCE, records, failures: 0, date },
        Err(_) => Recognised::failed(SOURCE),
    }
}

fn document_date(document: &Document) -> Option<jiff::civil::Date> {
    crate::feeds::day(document.advisory.date.as_deref()?)
}

/// A requirement that cannot be read.
struct Unreadable;

fn record(document: Document, prose: &str) -> Result<Vec<Record>, Unreadable> {
    let Document { advisory, versions } = document;
    // Only "unsound" speaks of a weakness in the code.
    if advisory.informational.is_some_and(|kind| kind != "unsound") {
        return Ok(Vec::new());
    }
    let cve = advisory.aliases.iter().find(|alias| is_cve(alias));
    let id = cve.unwrap_or(&advisory.id).clone();
    let mut aliases = advisory.aliases;
    aliases.push(advisory.id.clone());
    aliases.retain(|alias| *alias != id);
    aliases.sort();
    aliases.dedup();
    let mut entries = Vec::new();
    for requirement in versions.patched.iter().chain(&versions.unaffected) {
        let span = span(requirement).ok_or(Unreadable)?;
        entries.push(Entry::new(Status::Unaffected, span));
    }
    let mut claim = claim(&id, Scheme::Semver, Status::Affected, entries);
    claim.record.clone_from(&advisory.id);
    // Programs of the toolchain (`rust`) are no crates.
    let kind = if advisory.collection.as_deref() == Some("rust") { "generic" } else { "cargo" };
    let key = format!("p:pkg:{kind}/{}", advisory.package);
    let mut lines = prose.lines().map(str::trim).filter(|line| !line.is_empty());
    let title = lines.next().unwrap_or_default().trim_start_matches('#').trim().to_owned();
    let scores =
        advisory.cvss.and_then(|vector| Some((vector.clone(), cvss::base_score(&vector)?)));
    Ok(vec![Record {
        source: SOURCE,
        unique: advisory.id,
        updated: advisory.date,
        withdrawn: advisory.withdrawn.is_some(),
        claims: vec![(key, claim)],
        cvss: scores.into_iter().collect(),
        title,
        description: lines.collect::<Vec<_>>().join("\n"),
        aliases,
        id,
        ..Record::default()
    }])
}

/// The versions that a requirement allows (The Cargo Book, "Specifying Dependencies").
fn span(requirement: &str) -> Option<Span> {
    let (mut lower, mut upper) = (None, None);
    for part in requirement.split(',').map(str::trim) {
        let (operator, version) = part.split_at(part.find(|c: char| c.is_ascii_digit())?);
        let version = version.trim().to_owned();
        match operator.trim() {
            ">=" => lower = Some(Bound::Inclusive(version)),
            ">" => lower = Some(Bound::Exclusive(version)),
            "<" => upper = Some(Bound::Exclusive(version)),
            "<=" => upper = Some(Bound::Inclusive(version)),
            "=" => return Some(Span::Exactly { version, any_update: false }),
            "" | "^" => {
                upper = Some(Bound::Exclusive(next(&version, caret_place(&version)?)?));
                lower = Some(Bound::Inclusive(version));
            }
            "~" => {
                let parts = version.split('.').count();
                upper = Some(Bound::Exclusive(next(&version, parts.min(2) - 1)?));
                lower = Some(Bound::Inclusive(version));
            }
            _ => return None,
        }
    }
    Some(Span::Between { lower, upper })
}

/// The place of the first number that is not zero, which a compatible release keeps.
fn caret_place(version: &str) -> Option<usize> {
    let core = version.split(['-', '+']).next()?;
    let parts: Vec<&str> = core.split('.').collect();
    Some(parts.iter().position(|part| *part != "0").unwrap_or(parts.len() - 1))
}

/// The version whose number at this place is one higher.
fn next(version: &str, place: usize) -> Option<String> {
    let core = version.split(['-', '+']).next()?;
    let mut numbers: Vec<u64> =
        core.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    numbers.truncate(place + 1);
    let last = numbers.last_mut()?;
    *last = last.checked_add(1)?;
    numbers.resize(3, 0);
    Some(numbers.iter().map(u64::to_string).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use auscult_version::Bound;

    use super::{is_advisory, parse, span};
    use crate::{feeds::Recognised, record::Span};

    #[test]
    fn requirements_are_those_of_cargo() {
        let between = |requirement: &str| match span(requirement) {
            Some(Span::Between { lower, upper }) => {
                let show = |bound: Option<Bound>| bound.map(|b| b.version().to_owned());
                (show(lower), show(upper))
            }
            other => panic!("{requirement}: {other:?}"),
        };
        let pair = |lower: &str, upper: &str| (Some(lower.to_owned()), Some(upper.to_owned()));
        assert_eq!(between("^1.2.3"), pair("1.2.3", "2.0.0"));
        assert_eq!(between("0.2.3"), pair("0.2.3", "0.3.0"));
        assert_eq!(between("^0.0.3"), pair("0.0.3", "0.0.4"));
        assert_eq!(between("~1.2"), pair("1.2", "1.3.0"));
        assert_eq!(between("~1.2.3"), pair("1.2.3", "1.3.0"));
        assert_eq!(between(">= 1.2, < 1.4.1"), pair("1.2", "1.4.1"));
        assert!(span("*").is_none() && span(">> 1").is_none());
    }

    #[test]
    fn notices_are_no_vulnerabilities() {
        let text = |extra: &str| {
            format!(
                "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"acme\"\n{extra}\
                 [versions]\npatched = [\"^1.2\"]\n```\n\n# A title\n\nWords.\n"
            )
        };
        let count = |text: &str| match parse(text) {
            Recognised::Records { records, failures: 0, .. } => records.len(),
            _ => panic!("{text}"),
        };
        assert!(is_advisory(&text("")));
        assert_eq!(count(&text("")), 1);
        assert_eq!(count(&text("informational = \"unmaintained\"\n")), 0);
        assert_eq!(count(&text("informational = \"unsound\"\n")), 1);
        let bad = text("").replace("^1.2", "soon");
        assert!(matches!(parse(&bad), Recognised::Records { failures: 1, .. }));
    }
}
