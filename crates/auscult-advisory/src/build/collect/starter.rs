//! What the starter snapshot keeps of everything: components most found in devices, the kernel,
//! RTOSes, and the products of makers of medical devices.

use std::collections::HashSet;

use super::Merged;
use crate::names;

/// Makers of medical devices whose products the starter keeps.
const MEDICAL_VENDORS: &[&str] = &[
    "abbott",
    "baxter",
    "bbraun",
    "b._braun",
    "bd",
    "biotronik",
    "boston_scientific",
    "bostonscientific",
    "carefusion",
    "carestream",
    "contec",
    "contechealth",
    "draeger",
    "fresenius-kabi",
    "fujifilm",
    "ge",
    "gehealthcare",
    "ge_healthcare",
    "getinge",
    "hillrom",
    "hill-rom",
    "hologic",
    "hospira",
    "icumed",
    "illumina",
    "insulet",
    "johnson_\\&_johnson",
    "medtronic",
    "mindray",
    "nihonkohden",
    "omnicell",
    "pfizer",
    "pifzer",
    "philips",
    "resmed",
    "roche",
    "santesoft",
    "siemens-healthineers",
    "smiths-medical",
    "smithsmedical",
    "spacelabshealthcare",
    "stryker",
    "varian",
    "welchallyn",
    "zoll",
    "softneta",
    "orthanc-server",
    "offis",
    "osirix",
    "pixmeo",
    "sectra",
    "silex",
    "capsuletech",
    "qualcomm_life",
];

/// How the ids of CISA's advisories for medical devices begin.
const MEDICAL_ADVISORY: &str = "ICSMA-";

impl Merged {
    /// Keeps what the starter is for.
    pub(super) fn keep_starter(&mut self) {
        self.products.retain(|key, claims| {
            if key.starts_with("m:") {
                claims.retain(|claim| claim.record.starts_with(MEDICAL_ADVISORY));
            }
            !claims.is_empty() && belongs_to_starter(key)
        });
        let claims = self.products.values().flatten();
        let mut ids: HashSet<String> = claims.map(|claim| claim.id.clone()).collect();
        let products = &self.products;
        self.vulnerabilities.retain(|id, (keys, vulnerability)| {
            keys.retain(|key| products.contains_key(key));
            // What was withdrawn must stay known, so that it is not taken for missing.
            ids.contains(id) || !vulnerability.withdrawn_by.is_empty()
        });
        let vulnerabilities = &self.vulnerabilities;
        self.details.retain(|id, _| vulnerabilities.contains_key(id));
        // The catalogue of exploited ones is small and answers questions by itself.
        self.exploits.retain(|id, exploits| ids.contains(id) || exploits.kev.is_some());
        let exploited = self.exploits.iter().filter(|(_, exploits)| exploits.kev.is_some());
        ids.extend(exploited.map(|(id, _)| id.clone()));
        self.prose.clear();
        self.statements.clear();
        self.epss.retain(|(id, ..)| ids.contains(id));
    }
}

/// Tells whether a product is one that the starter covers: a name of the table, upstream or as a
/// package of a distribution, the kernel, or a product of a medical maker.
fn belongs_to_starter(key: &str) -> bool {
    match key.split_once(':') {
        Some(("c", product)) => {
            let vendor = product.split(':').next().unwrap_or_default();
            names::owns_key(key) || MEDICAL_VENDORS.contains(&vendor)
        }
        Some(("d", package)) => package.split_once(':').is_some_and(|(_, n)| names::knows_name(n)),
        Some(("o", name)) => names::knows_name(name),
        Some(("k" | "m", _)) => true,
        _ => false,
    }
}
