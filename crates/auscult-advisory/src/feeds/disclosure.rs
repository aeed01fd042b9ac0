//! Disclosures entered by hand: what a maker says in a letter, a mail or a PDF, written down as TOML
//! with its provenance (`docs/disclosures.md`).
//!
//! A disclosure is turned into a CSAF 2.0 document and read as one, so that it joins the same
//! matching: by purl, CPE name, and by maker, product and version as people write them. Its source
//! tells who entered it from what.

use std::collections::BTreeMap;

use auscult_model::Purl;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    cpe::Name,
    feeds::{
        Recognised,
        csaf::{self, Origin},
        is_cve,
    },
};

/// How a remedy is called (CSAF 2.0 section 3.2.3.12.1).
const REMEDIES: &[&str] =
    &["mitigation", "no_fix_planned", "none_available", "vendor_fix", "workaround"];

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Document {
    disclosure: Head,
    #[serde(default)]
    vulnerability: Vec<Vulnerability>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Head {
    id: String,
    maker: String,
    /// The day on which the maker said so.
    date: toml::value::Datetime,
    /// What it was read from: `letter to customers, page 2`.
    from: String,
    /// Digest or place of the document that was kept.
    kept: Option<String>,
    entered_by: String,
    entered: toml::value::Datetime,
    #[serde(default)]
    withdrawn: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Vulnerability {
    cve: Option<String>,
    /// The maker's own number of it.
    id: Option<String>,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    cvss: Vec<String>,
    #[serde(default)]
    product: Vec<Product>,
    #[serde(default)]
    remedy: Vec<Remedy>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Product {
    name: String,
    /// Who makes it, where that is not the maker of the disclosure.
    maker: Option<String>,
    #[serde(default)]
    models: Vec<String>,
    cpe: Option<String>,
    purl: Option<String>,
    #[serde(default)]
    affected: Vec<String>,
    #[serde(default)]
    fixed: Vec<String>,
    #[serde(default)]
    not_affected: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Remedy {
    kind: String,
    text: String,
}

/// Tells whether a text is a disclosure: the first line that says something opens its head.
pub(crate) fn is_disclosure(text: &str) -> bool {
    let mut lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.find(|line| !line.is_empty()) == Some("[disclosure]")
}

/// Reads a disclosure.
pub(crate) fn parse(text: &str) -> Recognised {
    csaf::of_document(Origin::ByHand, read(text).map(|document| document.csaf()))
}

/// The id of a disclosure whose every part is understood.
///
/// # Errors
/// What is wrong with it, and where.
pub fn check_disclosure(text: &str) -> Result<String, String> {
    if !is_disclosure(text) {
        return Err("it does not begin with [disclosure]".to_owned());
    }
    read(text).map(|document| document.disclosure.id)
}

/// A disclosure whose every part is understood, or what is wrong with it.
fn read(text: &str) -> Result<Document, String> {
    let document: Document =
        toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
    match document.fault() {
        None => Ok(document),
        Some(fault) => Err(fault),
    }
}

/// The day of a date in TOML.
fn day(date: &toml::value::Datetime) -> Option<Date> {
    crate::feeds::day(&date.to_string())
}

impl Document {
    /// What is missing or cannot be understood.
    fn fault(&self) -> Option<String> {
        let head = &self.disclosure;
        let texts = [
            ("id", &head.id),
            ("maker", &head.maker),
            ("from", &head.from),
            ("entered-by", &head.entered_by),
        ];
        if let Some((name, _)) = texts.iter().find(|(_, text)| text.trim().is_empty()) {
            return Some(format!("disclosure.{name} is empty"));
        }
        let dates = [("date", &head.date), ("entered", &head.entered)];
        if let Some((name, _)) = dates.iter().find(|(_, date)| day(date).is_none()) {
            return Some(format!("disclosure.{name} is no day, such as 2026-11-20"));
        }
        if self.vulnerability.is_empty() {
            return Some("no [[vulnerability]] is told".to_owned());
        }
        let mut all = self.vulnerability.iter().enumerate();
        all.find_map(|(at, one)| Some(format!("vulnerability {}: {}", at + 1, one.fault()?)))
    }

    fn csaf(&self) -> Value {
        let head = &self.disclosure;
        let kept = head.kept.as_ref().map(|kept| format!(", kept as {kept}")).unwrap_or_default();
        let provenance =
            format!("entered by {} on {} from: {}{kept}", head.entered_by, head.entered, head.from);
        let mut branches = Vec::new();
        let mut vulnerabilities = Vec::new();
        for vulnerability in &self.vulnerability {
            vulnerabilities.push(vulnerability.csaf(&head.maker, &provenance, &mut branches));
        }
        json!({
            "document": {
                "category": if head.withdrawn { "csaf_withdrawn" } else { "csaf_security_advisory" },
                "csaf_version": "2.0",
                "title": format!("{} {}", head.maker, head.id),
                "publisher": {
                    "name": head.maker,
                    "namespace": "entered by hand",
                    "category": "translator",
                },
                "distribution": { "text": provenance },
                "tracking": {
                    "id": head.id,
                    "status": "final",
                    "version": "1",
                    "current_release_date": day(&head.date).map(|day| format!("{day}T00:00:00Z")),
                },
            },
            "product_tree": { "branches": branches },
            "vulnerabilities": vulnerabilities,
        })
    }
}

impl Vulnerability {
    fn fault(&self) -> Option<String> {
        if let Some(cve) = self.cve.as_ref().filter(|cve| !is_cve(cve)) {
            return Some(format!("{cve:?} is no CVE id"));
        }
        if let Some(vector) = self.cvss.iter().find(|one| crate::cvss::base_score(one).is_none()) {
            return Some(format!("{vector:?} is no CVSS vector"));
        }
        if let Some(remedy) = self.remedy.iter().find(|one| !REMEDIES.contains(&&*one.kind)) {
            return Some(format!(
                "{:?} is no kind of remedy: {}",
                remedy.kind,
                REMEDIES.join(", ")
            ));
        }
        if self.product.is_empty() {
            return Some("no [[vulnerability.product]] is told".to_owned());
        }
        self.product.iter().find_map(Product::fault)
    }

    /// As CSAF says it; its products are added to the tree.
    fn csaf(&self, maker: &str, provenance: &str, branches: &mut Vec<Value>) -> Value {
        let mut status: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for product in &self.product {
            for (list, versions) in product.lists() {
                for version in versions {
                    let id = format!("P{}", branches.len());
                    branches.push(product.branch(maker, version, &id));
                    status.entry(list).or_default().push(id);
                }
            }
        }
        let scores = self.cvss.iter().map(|vector| {
            let key = match vector.get(..8) {
                Some("CVSS:4.0") => "cvss_v4",
                Some("CVSS:3.0" | "CVSS:3.1") => "cvss_v3",
                _ => "cvss_v2",
            };
            json!({ key: { "vectorString": vector } })
        });
        let description = match self.description.trim() {
            "" => format!("({provenance})"),
            text => format!("{text} ({provenance})"),
        };
        let remedies = self.remedy.iter();
        let remedies = remedies.map(|one| json!({ "category": one.kind, "details": one.text }));
        let ids = self.id.iter().map(|id| json!({ "system_name": maker, "text": id }));
        json!({
            "cve": self.cve,
            "title": self.title,
            "ids": ids.collect::<Vec<_>>(),
            "notes": [{ "category": "description", "text": description }],
            "product_status": status,
            "scores": scores.collect::<Vec<_>>(),
            "remediations": remedies.collect::<Vec<_>>(),
        })
    }
}

impl Product {
    fn fault(&self) -> Option<String> {
        let name = &self.name;
        if name.trim().is_empty() {
            return Some("a product has no name".to_owned());
        }
        if self.lists().iter().all(|(_, versions)| versions.is_empty()) {
            return Some(format!("{name}: no version is told: affected, fixed or not-affected"));
        }
        if let Some(cpe) = self.cpe.as_ref().filter(|cpe| Name::parse(cpe).is_none()) {
            return Some(format!("{name}: {cpe:?} is no CPE name"));
        }
        let purl = self.purl.as_ref().filter(|purl| Purl::parse(purl).is_err());
        purl.map(|purl| format!("{name}: {purl:?} is no package URL"))
    }

    /// The lists of `product_status` with their versions.
    fn lists(&self) -> [(&'static str, &[String]); 3] {
        [
            ("known_affected", &self.affected),
            ("fixed", &self.fixed),
            ("known_not_affected", &self.not_affected),
        ]
    }

    fn branch(&self, maker: &str, version: &str, id: &str) -> Value {
        let maker = self.maker.as_deref().unwrap_or(maker);
        let helper = json!({ "cpe": self.cpe, "purl": self.purl, "model_numbers": self.models });
        json!({
            "category": "vendor", "name": maker, "branches": [{
                "category": "product_name", "name": self.name, "branches": [{
                    "category": "product_version_range", "name": version, "product": {
                        "product_id": id,
                        "name": format!("{maker} {} {version}", self.name),
                        "product_identification_helper": helper,
                    },
                }],
            }],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, check_disclosure, parse};
    use crate::feeds::{Recognised, csaf::source_name};

    const TEXT: &str = r#"
# A letter.
[disclosure]  # by hand
id = "ACME-2026-03"
maker = "Acme Medical"
date = 2026-11-18
from = "letter to customers, page 2"
kept = "sha256:00ff"
entered-by = "J. Doe"
entered = 2026-11-20

[[vulnerability]]
cve = "CVE-2026-90001"
title = "Commands without a password"
cvss = ["CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"]

[[vulnerability.product]]
name = "Pumpd"
purl = "pkg:generic/pumpd"
cpe = "cpe:2.3:a:acme:pumpd:*:*:*:*:*:*:*:*"
affected = ["< 2.4.1"]
fixed = ["2.4.1"]

[[vulnerability.remedy]]
kind = "mitigation"
text = "Take it off the network."
"#;

    #[test]
    fn a_letter_is_an_advisory_with_its_provenance() {
        assert_eq!(check_disclosure(TEXT).as_deref(), Ok("ACME-2026-03"));
        let Recognised::Csaf { advisory, .. } = parse(TEXT) else { panic!("no advisory") };
        let record = &advisory.records[0];
        assert_eq!((record.id.as_str(), record.cvss[0].1), ("CVE-2026-90001", 98));
        assert!(record.description.contains("J. Doe on 2026-11-20 from: letter to customers"));
        assert!(advisory.terms.contains("entered by J. Doe"), "{}", advisory.terms);
        let keys: Vec<&str> = record.claims.iter().map(|(key, _)| key.as_str()).collect();
        assert!(
            keys.contains(&"p:pkg:generic/pumpd") && keys.contains(&"c:acme:pumpd"),
            "{keys:?}"
        );
        assert_eq!(record.statements[0].label, "mitigation");
    }

    /// Only the way that a document came says so: an unsigned one must not pass by its name.
    #[test]
    fn no_publisher_can_call_itself_entered_by_hand() {
        let Recognised::Csaf { advisory, .. } = parse(TEXT) else { panic!("no advisory") };
        let name = source_name(advisory.origin, &advisory.publisher);
        assert_eq!(name, "disclosure-acme-medical");
        let posing = source_name(Origin::Published, "disclosure: Acme Medical");
        assert_eq!(posing, "csaf-disclosure-acme-medical");
    }

    #[test]
    fn of_a_time_the_day_counts() {
        for date in ["2026-11-18", "2026-11-18T23:59:00-05:00"] {
            let text = TEXT.replace("date = 2026-11-18", &format!("date = {date}"));
            let Recognised::Csaf { advisory, .. } = parse(&text) else { panic!("no advisory") };
            assert_eq!(advisory.records[0].updated.as_deref(), Some("2026-11-18T00:00:00Z"));
        }
    }

    #[test]
    fn what_is_not_understood_is_told() {
        for (from, to, expect) in [
            ("CVE-2026-90001", "CVE-26", "vulnerability 1: \"CVE-26\" is no CVE id"),
            ("cvss = [\"CVSS:3.1", "cvss = [\"CVSS:9", "no CVSS vector"),
            ("affected = [\"< 2.4.1\"]\nfixed", "fixes", "unknown field"),
            ("affected = [\"< 2.4.1\"]\nfixed = [\"2.4.1\"]", "", "no version is told"),
            ("kind = \"mitigation\"", "kind = \"hope\"", "no kind of remedy"),
            ("pkg:generic/pumpd", "pumpd", "no package URL"),
            ("cpe:2.3:a:acme:pumpd:*:*:*:*:*:*:*:*", "cpe:x", "no CPE name"),
            ("date = 2026-11-18", "date = 10:00:00", "disclosure.date is no day"),
            ("maker = \"Acme Medical\"", "maker = \" \"", "disclosure.maker is empty"),
            ("[disclosure]  #", "[other]  #", "does not begin"),
        ] {
            assert!(TEXT.contains(from), "{from}");
            let error = check_disclosure(&TEXT.replace(from, to)).unwrap_err();
            assert!(error.contains(expect), "{error}");
        }
    }
}
