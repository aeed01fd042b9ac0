//! The findings as comma-separated values (RFC 4180), for spreadsheets and trackers.
//!
//! One row per finding, and one per component that could not be judged, so that a file without
//! findings does not read as clean. A field that a spreadsheet would take for a formula gets an
//! apostrophe in front.

use auscult_model::{Finding, Perspective, RiskDecision};

use crate::{Error, ScanResult, Unmatched, json::word, rank, text::clean};

const HEADER: [&str; 22] = [
    "row",
    "id",
    "aliases",
    "component",
    "version",
    "purl",
    "severity",
    "cvss_score",
    "cvss_vector",
    "kev_added",
    "kev_ransomware",
    "epss_score",
    "epss_percentile",
    "exploitation",
    "vex_status",
    "vex_justification",
    "outcome",
    "maker_outcome",
    "due",
    "fixed_version",
    "sources",
    "locators_or_reason",
];

/// Writes the findings as CSV with a header.
///
/// # Errors
/// Fails when no advisories were asked: an empty list would read as "no findings".
pub fn csv(result: &ScanResult) -> Result<String, Error> {
    let assessment = result.assessed()?;
    let mut text = String::new();
    push_row(&mut text, &HEADER.map(str::to_owned));
    for finding in &assessment.findings {
        push_row(&mut text, &finding_row(finding));
    }
    for (row, list) in
        [("no-data", &assessment.no_data), ("version-unknown", &assessment.version_unknown)]
    {
        for one in list {
            push_row(&mut text, &unmatched_row(row, one));
        }
    }
    Ok(text)
}

fn finding_row(finding: &Finding) -> [String; HEADER.len()] {
    let highest = finding.cvss.iter().max_by_key(|score| score.score_tenths);
    let outcome = |decision: Option<&RiskDecision>| {
        decision.map(|decision| word(&decision.outcome)).unwrap_or_default()
    };
    let makers = finding.decisions.iter().find(|one| one.perspective == Perspective::Maker);
    let due = finding.decisions.iter().filter_map(|decision| decision.due).min();
    let fixed = finding.matches.iter().filter_map(|matched| matched.fixed.as_ref());
    let sources = finding.matches.iter().map(|one| &one.source);
    [
        if rank::is_open(finding) { "open" } else { "closed" }.to_owned(),
        finding.id.to_string(),
        joined(finding.aliases.iter()),
        finding.component.clone(),
        finding.version.to_string(),
        finding.purl.clone().unwrap_or_default(),
        finding.severity().map(|severity| word(&severity)).unwrap_or_default(),
        highest
            .map(|s| format!("{}.{}", s.score_tenths / 10, s.score_tenths % 10))
            .unwrap_or_default(),
        highest.map(|score| score.vector.clone()).unwrap_or_default(),
        finding.kev.as_ref().map(|kev| kev.added.to_string()).unwrap_or_default(),
        finding.kev.as_ref().map(|kev| kev.ransomware.to_string()).unwrap_or_default(),
        finding.epss.map(|epss| hundred_thousandths(epss.score_e5)).unwrap_or_default(),
        finding.epss.map(|epss| hundred_thousandths(epss.percentile_e5)).unwrap_or_default(),
        word(&finding.exploitation),
        word(&finding.vex.status),
        finding.vex.justification.clone().unwrap_or_default(),
        outcome(rank::primary(finding)),
        outcome(makers),
        due.map(|due| due.to_string()).unwrap_or_default(),
        joined(fixed),
        joined(sources.map(|source| format!("{}:{}", source.source, source.record))),
        joined(finding.locators.iter()),
    ]
}

fn unmatched_row(row: &str, one: &Unmatched) -> [String; HEADER.len()] {
    let mut fields: [String; HEADER.len()] = std::array::from_fn(|_| String::new());
    let [first, .., last] = &mut fields;
    row.clone_into(first);
    last.clone_from(&one.reason);
    for (name, value) in [("component", &one.name), ("version", &one.version)] {
        let at = HEADER.iter().position(|header| *header == name);
        if let Some(field) = at.and_then(|at| fields.get_mut(at)) {
            field.clone_from(value);
        }
    }
    fields
}

fn joined<T: ToString>(list: impl Iterator<Item = T>) -> String {
    list.map(|one| one.to_string()).collect::<Vec<_>>().join(" ")
}

fn hundred_thousandths(value: u32) -> String {
    format!("{}.{:05}", value / 100_000, value % 100_000)
}

fn push_row(text: &mut String, fields: &[String; HEADER.len()]) {
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        text.push_str(&escaped(field));
    }
    text.push_str("\r\n");
}

/// Quotes a field where it must be, and disarms what a spreadsheet would calculate.
fn escaped(field: &str) -> String {
    let field = clean(field);
    let armed = field.trim_start().starts_with(['=', '+', '-', '@']);
    let field = if armed { format!("'{field}") } else { field.into_owned() };
    if field.contains([',', '"', '\r', '\n']) || field.trim() != field {
        return format!("\"{}\"", field.replace('"', "\"\""));
    }
    field
}

#[cfg(test)]
mod tests {
    use super::{HEADER, escaped};

    #[test]
    fn fields_are_quoted_and_disarmed() {
        for (field, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "'=1+1"),
            (" @SUM(A1)", "' @SUM(A1)"),
            (" b", "\" b\""),
            ("a\nb", r"a\nb"),
            ("", ""),
        ] {
            assert_eq!(escaped(field), expected);
        }
    }

    #[test]
    fn headers_are_unique() {
        let mut headers = HEADER;
        headers.sort_unstable();
        assert!(headers.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
