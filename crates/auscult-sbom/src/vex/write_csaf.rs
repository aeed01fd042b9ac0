//! CSAF 2.0, profile VEX (OASIS Common Security Advisory Framework, section 4.5).

use std::collections::BTreeMap;

use auscult_model::{Facts, Finding, VexStatus};
use jiff::civil::Date;
use serde_json::{Value, json};

use super::write::{Subject, action, component, impact, justification};
use crate::Error;

/// The product id of the input as a whole.
const IMAGE: &str = "image";

/// Writes what was found out about each finding as a CSAF document of the VEX profile. Its publisher
/// is the program: who takes it over signs with an own name.
///
/// # Errors
/// Fails only when the document cannot be serialised.
pub fn write_csaf_vex(facts: &Facts, findings: &[Finding], as_of: Date) -> Result<Vec<u8>, Error> {
    let subject = Subject::of(facts, findings, as_of)?;
    let parts = parts(findings);
    let document = json!({
        "document": head(&subject),
        "product_tree": product_tree(&subject, &parts),
        "vulnerabilities": vulnerabilities(&subject, &parts),
    });
    crate::pretty(&document)
}

fn head(subject: &Subject<'_>) -> Value {
    let tool = &subject.facts.tool;
    json!({
        "category": "csaf_vex",
        "csaf_version": "2.0",
        "lang": "en",
        "title": format!("Vulnerabilities of {}", subject.image),
        "publisher": { "category": "other", "name": tool.name, "namespace": "urn:auscult:scan" },
        "tracking": {
            "id": subject.id,
            "status": "final",
            "version": "1",
            "initial_release_date": subject.time,
            "current_release_date": subject.time,
            "revision_history": [
                { "number": "1", "date": subject.time, "summary": "Result of a scan." },
            ],
            "generator": {
                "date": subject.time,
                "engine": { "name": tool.name, "version": tool.version },
            },
        },
    })
}

/// The components of findings with their product ids.
fn parts(findings: &[Finding]) -> BTreeMap<String, (String, &Finding)> {
    let mut parts: BTreeMap<String, (String, &Finding)> = BTreeMap::new();
    for finding in findings {
        parts.entry(component(finding)).or_insert((String::new(), finding));
    }
    for (number, (id, _)) in parts.values_mut().enumerate() {
        *id = format!("part-{}", number + 1);
    }
    parts
}

/// The id of a part within the image.
fn within(part: &str) -> String {
    format!("{IMAGE}:{part}")
}

fn product_tree(subject: &Subject<'_>, parts: &BTreeMap<String, (String, &Finding)>) -> Value {
    let digest = subject.facts.input.sha256.to_string();
    let mut products = vec![json!({
        "product_id": IMAGE,
        "name": subject.image,
        "product_identification_helper": {
            "hashes": [{
                "filename": "image",
                "file_hashes": [{ "algorithm": "sha256", "value": digest }],
            }],
        },
    })];
    let mut relationships = Vec::new();
    for (id, finding) in parts.values() {
        let name = format!("{} {}", finding.component, finding.version);
        let mut product = json!({ "product_id": id, "name": name });
        if let (Some(purl), Some(product)) = (&finding.purl, product.as_object_mut()) {
            let helper = json!({ "purl": purl });
            product.insert("product_identification_helper".to_owned(), helper);
        }
        products.push(product);
        relationships.push(json!({
            "category": "default_component_of",
            "product_reference": id,
            "relates_to_product_reference": IMAGE,
            "full_product_name": {
                "product_id": within(id),
                "name": format!("{name} in {}", subject.image),
            },
        }));
    }
    let mut tree = json!({ "full_product_names": products });
    if let (false, Some(tree)) = (relationships.is_empty(), tree.as_object_mut()) {
        tree.insert("relationships".to_owned(), json!(relationships));
    }
    tree
}

/// What is said of one vulnerability in all components.
#[derive(Default)]
struct Word {
    status: BTreeMap<&'static str, Vec<String>>,
    flags: BTreeMap<String, Vec<String>>,
    threats: BTreeMap<String, Vec<String>>,
    /// By category and words.
    remediations: BTreeMap<(&'static str, String), Vec<String>>,
}

impl Word {
    fn take(&mut self, finding: &Finding, product: String) {
        let vex = &finding.vex;
        let list = match vex.status {
            VexStatus::Affected => "known_affected",
            VexStatus::NotAffected => "known_not_affected",
            VexStatus::Fixed => "fixed",
            VexStatus::UnderInvestigation => "under_investigation",
        };
        match vex.status {
            VexStatus::NotAffected => {
                if let Some(word) = justification(vex) {
                    self.flags.entry(word.to_owned()).or_default().push(product.clone());
                }
                self.threats.entry(impact(vex)).or_default().push(product.clone());
            }
            VexStatus::Affected => {
                self.remediations.entry(action(finding)).or_default().push(product.clone());
            }
            VexStatus::Fixed | VexStatus::UnderInvestigation => {}
        }
        self.status.entry(list).or_default().push(product);
    }

    fn csaf(&self, finding: &Finding) -> Value {
        let id = finding.id.0.as_str();
        let flags = self.flags.iter();
        let flags = flags.map(|(label, ids)| json!({ "label": label, "product_ids": ids }));
        let threats = self.threats.iter();
        let threats = threats
            .map(|(why, ids)| json!({ "category": "impact", "details": why, "product_ids": ids }));
        let remediations = self.remediations.iter();
        let remediations = remediations.map(|((category, what), ids)| {
            json!({ "category": category, "details": what, "product_ids": ids })
        });
        let text = format!("{id} in the components of the image.");
        let mut all = json!({
            "notes": [{ "category": "description", "text": text }],
            "product_status": self.status,
        });
        let lists = [
            ("flags", flags.collect::<Vec<_>>()),
            ("threats", threats.collect()),
            ("remediations", remediations.collect()),
        ];
        if let Some(all) = all.as_object_mut() {
            // Empty lists are not allowed.
            for (key, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
                all.insert(key.to_owned(), json!(list));
            }
            let mut others: Vec<&str> =
                finding.aliases.iter().map(|alias| alias.0.as_str()).collect();
            if id.starts_with("CVE-") {
                all.insert("cve".to_owned(), json!(id));
            } else {
                others.insert(0, id);
            }
            let ids: Vec<Value> = others
                .into_iter()
                .map(|id| json!({ "system_name": system(id), "text": id }))
                .collect();
            if !ids.is_empty() {
                all.insert("ids".to_owned(), json!(ids));
            }
        }
        all
    }
}

/// Who numbers so: what stands in front of the first dash.
fn system(id: &str) -> &str {
    id.split('-').next().filter(|start| !start.is_empty()).unwrap_or("id")
}

fn vulnerabilities(
    subject: &Subject<'_>,
    parts: &BTreeMap<String, (String, &Finding)>,
) -> Vec<Value> {
    let mut words: BTreeMap<&str, (Word, &Finding)> = BTreeMap::new();
    for finding in subject.findings {
        let Some((part, _)) = parts.get(&component(finding)) else { continue };
        let (word, _) = words.entry(&finding.id.0).or_insert_with(|| (Word::default(), finding));
        word.take(finding, within(part));
    }
    words.values().map(|(word, finding)| word.csaf(finding)).collect()
}
