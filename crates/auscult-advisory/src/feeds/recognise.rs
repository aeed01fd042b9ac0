//! Tells what a document is by its content.

use jiff::civil::Date;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{
    csaf::trust,
    feeds::{
        Recognised, alpine, csaf, curl, cve5, debian, debian_tracker, disclosure, dyad, endoflife,
        epss, exploits, kev, nvd, osv, rustsec, stream_fixes,
    },
};

/// The top-level keys that tell JSON feeds apart.
#[derive(Deserialize)]
struct Probe<'a> {
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
    distroversion: Option<IgnoredAny>,
    packages: Option<IgnoredAny>,
    #[serde(borrow)]
    document: Option<&'a RawValue>,
    feed: Option<IgnoredAny>,
    canonical_url: Option<IgnoredAny>,
    schema_version: Option<IgnoredAny>,
    result: Option<IgnoredAny>,
}

/// Recognises a document and reads it. `archived` is the date that its archive gives it.
pub(crate) fn recognise(path: &str, bytes: &[u8], archived: Option<Date>) -> Recognised {
    let start = bytes.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    match bytes.get(start) {
        Some(b'{') => json(path, bytes, archived),
        Some(b'[') if bytes.get(start + 1..).is_some_and(is_list_of_objects) => {
            list(path, bytes, archived)
        }
        Some(_) => text(path, bytes, archived),
        None => Recognised::Nothing,
    }
}

/// Whether an opened list goes on with an object; lists of announcements begin with a bracket too.
fn is_list_of_objects(rest: &[u8]) -> bool {
    rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

fn json(path: &str, bytes: &[u8], archived: Option<Date>) -> Recognised {
    let Ok(probe) = serde_json::from_slice::<Probe<'_>>(bytes) else {
        // A damaged advisory is told; other documents cannot be told apart.
        return if trust::looks_like_csaf(bytes) {
            csaf::recognised(bytes)
        } else {
            Recognised::Nothing
        };
    };
    if probe.document.is_some_and(|document| trust::looks_like_csaf(document.get().as_bytes())) {
        return csaf::recognised(bytes);
    }
    // A ROLIE feed (RFC 8322), the metadata of a provider.
    if probe.feed.is_some() || probe.canonical_url.is_some() {
        return Recognised::List;
    }
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
    if probe.distroversion.is_some() && probe.packages.is_some() {
        return alpine::parse_json(path, bytes);
    }
    if probe.schema_version.is_some() && probe.result.is_some() {
        return endoflife::parse(bytes);
    }
    // Maps whose keys are their content.
    [stream_fixes::parse, debian_tracker::parse, exploits::parse_modules]
        .iter()
        .map(|parse| parse(bytes))
        .find(|recognised| !matches!(recognised, Recognised::Nothing))
        .unwrap_or(Recognised::Nothing)
}

/// A list of records, each of which could stand alone: curl serves its own advisories so.
fn list(path: &str, bytes: &[u8], archived: Option<Date>) -> Recognised {
    let Ok(items) = serde_json::from_slice::<Vec<&RawValue>>(bytes) else {
        return Recognised::Nothing;
    };
    let mut all = Recognised::Nothing;
    for item in items {
        all = all.and(json(path, item.get().as_bytes(), archived));
    }
    all
}

fn text(path: &str, bytes: &[u8], archived: Option<Date>) -> Recognised {
    // Binary members of an archive are not looked at further. Old lists are in old encodings;
    // what is looked for in them is ASCII.
    if bytes.iter().take(1024).any(|byte| *byte == 0) {
        return Recognised::Nothing;
    }
    let text = &*String::from_utf8_lossy(bytes);
    let first = text.lines().next().unwrap_or_default();
    if dyad::is_dyad(first) {
        return dyad::parse(path, text);
    }
    if endoflife::is_page(text) {
        return endoflife::parse_page(text, archived);
    }
    if epss::is_epss(text) {
        return epss::parse(path, text);
    }
    if csaf::is_list(text) {
        return Recognised::List;
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
    if disclosure::is_disclosure(text) {
        return disclosure::parse(text);
    }
    if rustsec::is_advisory(text) {
        return rustsec::parse(text);
    }
    if osv::is_yaml(text) {
        return osv::parse_yaml(text);
    }
    exploits::parse(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::recognise;

    /// Beginnings that lead into every parser.
    const SEEDS: [&str; 22] = [
        r#"{"document":{"csaf_version":"2.0","tracking":{"id":"A-1","current_release_date":"2026-01-01"}},
            "product_tree":{"branches":[{"category":"vendor","name":"V","branches":[{"category":
            "product_name","name":"P","branches":[{"category":"product_version_range","name":
            ">= 1 | < 2","product":{"product_id":"X","name":"V P"}}]}]}]},"vulnerabilities":[{"cve":
            "CVE-2026-0001","product_status":{"known_affected":["X"]}}]}"#,
        r#"{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-2026-0001","state":"PUBLISHED"},
            "containers":{"cna":{"affected":[{"vendor":"a","product":"b","versions":[
            {"version":">= 1, < 2","status":"affected","lessThan":"3"}]}]}}}"#,
        r#"{"catalogVersion":"1","dateReleased":"2026-01-01","vulnerabilities":[{"cveID":"x"}]}"#,
        r#"{"format":"NVD_CVE","vulnerabilities":[{"cve":{"id":"CVE-2026-0001","configurations":
            [{"nodes":[{"operator":"OR","cpeMatch":[{"vulnerable":true,
            "criteria":"cpe:2.3:a:b:c:1\\:2:*:*:*:*:*:*:*"}]}]}]}}]}"#,
        r#"{"id":"OSV-1","modified":"2026","affected":[{"package":{"name":"a"},"versions":["v1"]}]}"#,
        r#"{"CVE-2026-0001":{"4.4":{"cmt_id":"x","fixed_version":"4.4.9"}}}"#,
        "#model_version:v1,score_date:2026-01-01T00:00:00\ncve,epss,percentile\nCVE-2026-0001,0.1,1",
        "first_vulnerable,last_vulnerable,cve\n1,2,CVE-2026-0001",
        "[02 Feb 2026] DSA-6000-1 a - b\n\t{CVE-2026-0001}\n\t[bookworm] - a 1:1.2-3\n",
        "distroversion: v3.10\n\npackages:\n  - pkg:\n      name: a\n      secfixes:\n        1-r0:\n          - CVE-2026-0001\n",
        "id: OSV-1\nmodified: '2026'\naffected:\n- package:\n    name: a\n  versions:\n  - a-1_2\n",
        "/a/b.rb:CVE-2026-0001\n",
        "12;Title (CVE 2026-0001)\n",
        "```toml\n[advisory]\nid = \"RUSTSEC-2026-0001\"\npackage = \"a\"\n[versions]\npatched = [\">= 1.2, < 2\"]\n```\n# T\n",
        r#"{"a": {"CVE-2026-0001": {"releases": {"sid": {"status": "resolved", "fixed_version": "1"}}}}}"#,
        r#"{"exploit/a": {"references": ["CVE-2026-0001"]}}"#,
        "# dyad version: 1\n5.4.1:a:5.4.9:b\n6.5:a:0:0\n",
        r#"{"schema_version":"1","generated_at":"2026-01-01","result":[{"name":"a","identifiers":[
            {"id":"cpe:2.3:a:b:c","type":"cpe"}],"releases":[{"name":"1","eolFrom":"2026-01-01"}]}]}"#,
        "---\npermalink: /a\nidentifiers:\n- purl: pkg:generic/a\nreleases:\n- releaseCycle: '1'\n  eol: 2026-01-01\n---\n",
        "id,file,description,codes\n1,a.py,Text,CVE-2026-0001;OSVDB-1\n",
        r#"[{"id":"OSV-1","modified":"2026","affected":[{"package":{"name":"a"},"versions":["v1"]}]}]"#,
        "[disclosure]\nid = \"A\"\nmaker = \"B\"\ndate = 2026-01-01\nfrom = \"c\"\nentered-by = \"d\"\n\
         entered = 2026-01-02\n[[vulnerability]]\n[[vulnerability.product]]\nname = \"e\"\n\
         affected = [\"< 2\"]\n",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

        #[test]
        fn damaged_feeds_are_survived(
            seed in 0..SEEDS.len(),
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = SEEDS[seed].as_bytes().to_vec();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.truncate(cut.index(bytes.len() * 2).max(1));
            // Whatever it is taken for, it must not panic.
            drop(recognise("folder/file", &bytes, None));
        }
    }
}
