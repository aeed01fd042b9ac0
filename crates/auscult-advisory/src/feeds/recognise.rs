//! Tells what a document is by its content.

use jiff::civil::Date;
use serde::{Deserialize, de::IgnoredAny};

use crate::feeds::{
    Recognised, alpine, curl, cve5, debian, epss, exploits, kev, nvd, osv, stream_fixes,
};

/// The top-level keys that tell JSON feeds apart.
#[derive(Deserialize)]
struct Probe {
    #[serde(rename = "dataType")]
    data_type: Option<IgnoredAny>,
    #[serde(rename = "catalogVersion")]
    catalog_version: Option<IgnoredAny>,
    format: Option<IgnoredAny>,
    vulnerabilities: Option<IgnoredAny>,
    #[serde(rename = "_annotation")]
    annotation: Option<IgnoredAny>,
    #[serde(rename = "additionalMetadata")]
    additional_metadata: Option<IgnoredAny>,
    cve: Option<IgnoredAny>,
    cves: Option<IgnoredAny>,
    adp: Option<IgnoredAny>,
    affected: Option<IgnoredAny>,
    modified: Option<IgnoredAny>,
    id: Option<IgnoredAny>,
}

/// Recognises a document and reads it. `archived` is the date that its archive gives it.
pub(crate) fn recognise(path: &str, bytes: &[u8], archived: Option<Date>) -> Recognised {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    match bytes.get(start) {
        Some(b'{') => json(path, bytes, archived),
        Some(_) => text(path, bytes),
        None => Recognised::Nothing,
    }
}

fn json(path: &str, bytes: &[u8], archived: Option<Date>) -> Recognised {
    let Ok(probe) = serde_json::from_slice::<Probe>(bytes) else {
        return Recognised::Nothing;
    };
    if probe.data_type.is_some() {
        return cve5::parse(path, bytes, archived);
    }
    if probe.catalog_version.is_some() && probe.vulnerabilities.is_some() {
        return kev::parse(bytes);
    }
    if probe.vulnerabilities.is_some() && probe.format.is_some() {
        return nvd::parse_feed(bytes);
    }
    if probe.annotation.is_some() && probe.cve.is_some() {
        return nvd::parse_override(bytes, archived);
    }
    if probe.additional_metadata.is_some() && probe.adp.is_some() {
        return cve5::parse_enrichment(bytes, archived);
    }
    if probe.cves.is_some() {
        return nvd::parse_map(bytes);
    }
    if probe.id.is_some() && probe.modified.is_some() && probe.affected.is_some() {
        return osv::parse_json(bytes);
    }
    stream_fixes::parse(bytes)
}

fn text(path: &str, bytes: &[u8]) -> Recognised {
    // Binary members of an archive are not looked at further. Old lists are in old encodings;
    // what is looked for in them is ASCII.
    if bytes.iter().take(1024).any(|byte| *byte == 0) {
        return Recognised::Nothing;
    }
    let text = &*String::from_utf8_lossy(bytes);
    let first = text.lines().next().unwrap_or_default();
    if epss::is_epss(text) {
        return epss::parse(path, text);
    }
    if curl::is_table(first) {
        return curl::parse(text);
    }
    if debian::is_list(first) {
        return debian::parse(text);
    }
    if alpine::is_secfixes(text) {
        return alpine::parse(path, text);
    }
    if osv::is_yaml(text) {
        return osv::parse_yaml(text);
    }
    exploits::parse(text)
}
