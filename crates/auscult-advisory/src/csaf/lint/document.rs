//! Tests 6.1.15, 6.1.26 and 6.1.28: the document's own words.

use super::{Report, Standard};

/// Values of the profiles of 2.0, without the base.
const PROFILES: &[&str] = &[
    "csaf_security_incident_response",
    "csaf_informational_advisory",
    "csaf_security_advisory",
    "csaf_vex",
];
/// Those that 2.1 adds.
const PROFILES_21: &[&str] =
    &["csaf_deprecated_security_advisory", "csaf_withdrawn", "csaf_superseded"];

/// 6.1.15: a translator names the language that was translated.
pub(super) fn translator(report: &mut Report<'_>) {
    let category = report.text(&["document", "publisher", "category"]);
    if category == "translator" && report.text(&["document", "source_lang"]).is_empty() {
        report.fail("/document/source_lang", "a translator must name the source language");
    }
}

/// 6.1.26: a category of one's own is not the name of a profile.
pub(super) fn category(report: &mut Report<'_>) {
    let category = report.text(&["document", "category"]);
    let later = if report.standard == Standard::V21 { PROFILES_21 } else { &[] };
    let profiles = || PROFILES.iter().chain(later);
    if category == "csaf_base" || profiles().any(|profile| *profile == category) {
        return;
    }
    let plain = |text: &str| -> String {
        let lower = text.to_lowercase();
        lower.chars().filter(|c| c.is_alphanumeric()).collect()
    };
    let given = plain(category);
    let is_name = profiles().any(|profile| {
        let value = plain(profile);
        given == value || Some(given.as_str()) == value.strip_prefix("csaf")
    });
    if is_name || given == "csafbase" || category.to_lowercase().starts_with("csaf_") {
        report.fail("/document/category", format!("{category:?} reads as the name of a profile"));
    }
}

/// 6.1.28: a translation is in another language.
pub(super) fn translation(report: &mut Report<'_>) {
    let language = report.text(&["document", "lang"]);
    let source = report.text(&["document", "source_lang"]);
    if !language.is_empty() && language.eq_ignore_ascii_case(source) {
        report.fail("/document/source_lang", format!("both languages are {language}"));
    }
}
