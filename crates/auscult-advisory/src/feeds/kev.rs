//! CISA's catalogue of known exploited vulnerabilities (JSON).

use auscult_model::Exploitation;
use serde::Deserialize;

use crate::feeds::{Recognised, Record, day, is_cve};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Catalogue {
    #[serde(default)]
    date_released: String,
    vulnerabilities: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    id: String,
    date_added: String,
    #[serde(default)]
    known_ransomware_campaign_use: String,
    #[serde(default)]
    vulnerability_name: String,
}

/// Reads the catalogue.
pub(crate) fn parse(bytes: &[u8]) -> Recognised {
    const SOURCE: &str = "kev";
    let Ok(catalogue) = serde_json::from_slice::<Catalogue>(bytes) else {
        return Recognised::failed(SOURCE);
    };
    let (mut records, mut failures) = (Vec::new(), 0);
    for value in catalogue.vulnerabilities {
        match serde_json::from_value::<Entry>(value) {
            Ok(entry) if is_cve(&entry.id) && day(&entry.date_added).is_some() => {
                records.push(Record {
                    source: SOURCE,
                    unique: entry.id.clone(),
                    id: entry.id,
                    updated: Some(catalogue.date_released.clone()),
                    kev: Some((entry.date_added, entry.known_ransomware_campaign_use == "Known")),
                    sign: Some(Exploitation::Active),
                    title: entry.vulnerability_name,
                    ..Record::default()
                });
            }
            _ => failures += 1,
        }
    }
    Recognised::Records { source: SOURCE, records, failures, date: day(&catalogue.date_released) }
}
