//! The result as one HTML page: no script, nothing loaded from elsewhere, fit to print.
//!
//! A [`Markup`] is the only place that writes into the page, and it escapes every text. The page
//! also forbids the browser to run or load anything, should that ever fail.

use std::fmt::Write as _;

use auscult_model::{Finding, Known, Verdict, VerdictOutcome, looks_like};

use crate::{
    Assessment, ScanResult, Unmatched,
    json::word,
    rank,
    text::{clean, number, percent, size, things},
};

const STYLE: &str = include_str!("html.css");

/// Findings of which the way to the decision is in the page; it grows by kilobytes with each.
const EXPLAINED_MAX: usize = 200;

/// Draws the page.
pub fn html(result: &ScanResult) -> String {
    let mut page = Markup(String::new());
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw(concat!(
        "<meta http-equiv=\"Content-Security-Policy\" ",
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n",
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
        "<title>auscult result</title>\n<style>\n"
    ));
    page.raw(STYLE);
    page.raw("</style>\n</head>\n<body>\n");
    head(&mut page, result);
    verdict(&mut page, result);
    assessment(&mut page, result);
    components(&mut page, result);
    coverage(&mut page, result);
    problems(&mut page, result);
    page.raw("</body>\n</html>\n");
    page.0
}

/// The page under construction.
struct Markup(String);

impl Markup {
    /// Writes markup of our own.
    fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// Writes a text from anywhere.
    fn text(&mut self, text: &str) {
        for character in clean(text).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
    }

    /// Writes an element that holds only a text. Tag and class are our own words.
    fn element(&mut self, tag: &'static str, class: &'static str, text: &str) {
        // Writing to a String cannot fail.
        _ = if class.is_empty() {
            write!(self.0, "<{tag}>")
        } else {
            write!(self.0, "<{tag} class=\"{class}\">")
        };
        self.text(text);
        _ = writeln!(self.0, "</{tag}>");
    }

    fn pair(&mut self, label: &str, text: &str) {
        self.element("dt", "", label);
        self.element("dd", "", text);
    }

    fn table(&mut self, headers: &[&'static str]) {
        self.raw("<table>\n<thead><tr>");
        for header in headers {
            self.element("th", "", header);
        }
        self.raw("</tr></thead>\n<tbody>\n");
    }

    fn end_table(&mut self) {
        self.raw("</tbody>\n</table>\n");
    }
}

fn head(page: &mut Markup, result: &ScanResult) {
    let facts = &result.facts;
    page.element("h1", "", "Inspection result");
    let tool = format!("{} {}, as of {}", facts.tool.name, facts.tool.version, result.as_of);
    page.element("p", "faint", &tool);
    page.raw("<dl>\n");
    page.pair("Input", &format!("sha256:{}", facts.input.sha256));
    let bytes = facts.input.size;
    page.pair("Size", &format!("{} ({} bytes)", size(bytes), number(bytes)));
    page.pair("Facts", &format!("sha256:{}", result.facts_digest));
    page.pair("Rules", &format!("sha256:{}", facts.tool.rules));
    let isolation = result.isolation.join(", ");
    let none = "none: the input was read without a sandbox";
    page.pair("Isolation", if isolation.is_empty() { none } else { &isolation });
    for identity in facts.identities.iter().take(12) {
        page.pair(&identity.key, &identity.value);
    }
    for kernel in &facts.kernels {
        page.pair("Kernel", &kernel.release);
    }
    page.raw("</dl>\n");
}

fn verdict(page: &mut Markup, result: &ScanResult) {
    page.raw("<div class=\"panel\">\n");
    match &result.verdict {
        None => page.element("p", "", "Verdict: none, no gate was asked for"),
        Some(Verdict { outcome, reasons }) => {
            let class = match outcome {
                VerdictOutcome::Pass => "good",
                VerdictOutcome::Inconclusive => "warning",
                VerdictOutcome::Fail => "alarm",
            };
            page.element("p", class, &format!("Verdict: {}", word(outcome)));
            page.raw("<ul>\n");
            for reason in reasons {
                let outcome = word(&reason.outcome);
                page.element("li", "", &format!("{outcome}: {}: {}", reason.rule, reason.text));
            }
            page.raw("</ul>\n");
        }
    }
    page.raw("</div>\n");
}

fn assessment(page: &mut Markup, result: &ScanResult) {
    match &result.assessment {
        Known::Unknown(reason) => {
            page.element("h2", "", "Findings: unknown");
            let text = format!("Advisories were not asked: {reason}. Nothing here says \"clean\".");
            page.element("p", "warning", &text);
        }
        Known::Known(assessment) => {
            snapshot(page, result, assessment);
            findings(page, &assessment.findings);
            let text = "The snapshot holds no record of these components. It cannot tell whether \
                        they have weaknesses.";
            unmatched(page, "No data", text, &assessment.no_data);
            let text = "Without an exact version these could not be matched, or not in full.";
            unmatched(page, "Version unknown", text, &assessment.version_unknown);
        }
    }
}

fn snapshot(page: &mut Markup, result: &ScanResult, assessment: &Assessment) {
    let snapshot = &assessment.snapshot;
    page.element("h2", "", "Advisory snapshot");
    page.raw("<dl>\n");
    let age = result.snapshot_age_days().unwrap_or(0);
    page.pair("Date", &format!("{}, {age} days old at {}", snapshot.date, result.as_of));
    page.pair("Digest", &format!("sha256:{}", snapshot.root));
    page.pair("Covers", &snapshot.coverage);
    for source in &snapshot.sources {
        let records = format!(
            "{} records, {} unreadable, {}",
            number(source.records),
            number(source.failures),
            source.licence
        );
        page.pair(&source.name, &records);
    }
    page.raw("</dl>\n");
    if result.snapshot_is_stale() {
        let limit = result.snapshot_age_days_max;
        let text =
            format!("Stale: older than {limit} days. What was published since is not in here.");
        page.element("p", "alarm", &text);
    } else if age < 0 {
        let text = "Newer than the date asked for: it knows what was not known then.";
        page.element("p", "warning", text);
    }
}

fn findings(page: &mut Markup, findings: &[Finding]) {
    let open = findings.iter().filter(|finding| rank::is_open(finding)).count();
    let title = format!("Findings: {} open, {} closed", open, findings.len() - open);
    page.element("h2", "", &title);
    if findings.is_empty() {
        let text = "No advisory of this snapshot touches a component whose version is known. See \
                    below what it could not tell.";
        page.element("p", "", text);
        return;
    }
    page.table(&[
        "ID",
        "Component",
        "Version",
        "CVSS",
        "KEV",
        "EPSS",
        "Outcome",
        "Risk",
        "Due",
        "VEX",
    ]);
    for finding in findings {
        row(page, finding);
    }
    page.end_table();
    page.element("h2", "", "Why");
    for finding in findings.iter().take(EXPLAINED_MAX) {
        explain(page, finding);
    }
    if findings.len() > EXPLAINED_MAX {
        let rest = things(findings.len() - EXPLAINED_MAX, "finding");
        page.element("p", "faint", &format!("The reasons of {rest} more are in -o json."));
    }
}

fn row(page: &mut Markup, finding: &Finding) {
    let score = rank::score_tenths(finding).map_or_else(
        || "unscored".to_owned(),
        |tenths| {
            let severity = finding.severity().map(|severity| word(&severity)).unwrap_or_default();
            format!("{}.{} {severity}", tenths / 10, tenths % 10)
        },
    );
    let kev = match &finding.kev {
        Some(entry) if entry.ransomware => format!("{}, ransomware", entry.added),
        Some(entry) => entry.added.to_string(),
        None => "-".to_owned(),
    };
    let epss =
        finding.epss.map_or_else(|| "-".to_owned(), |epss| percent(u64::from(epss.score_e5 / 10)));
    let outcome = |decision: Option<&auscult_model::RiskDecision>, none: &str| {
        decision.map_or_else(|| none.to_owned(), |decision| word(&decision.outcome))
    };
    let primary = outcome(rank::primary(finding), "undecided");
    let alarming = matches!(primary.as_str(), "immediate" | "undecided");
    let due = finding.decisions.iter().filter_map(|decision| decision.due).min();
    page.raw("<tr>");
    page.element("td", "id", &finding.id.0);
    page.element("td", "", &finding.component);
    page.element("td", "", &finding.version.0);
    page.element("td", "number", &score);
    page.element("td", if finding.kev.is_some() { "alarm" } else { "" }, &kev);
    page.element("td", "number", &epss);
    page.element("td", if alarming { "alarm" } else { "" }, &primary);
    page.element("td", "", &outcome(rank::makers(finding), "-"));
    page.element("td", "number", &due.map_or_else(|| "-".to_owned(), |due| due.to_string()));
    page.element("td", "", &word(&finding.vex.status).replace('_', " "));
    page.raw("</tr>\n");
}

fn explain(page: &mut Markup, finding: &Finding) {
    page.raw("<details>\n");
    let title = format!("{} in {} {}", finding.id, finding.component, finding.version);
    page.element("summary", "", &title);
    page.raw("<ul>\n");
    for matched in &finding.matches {
        let source = &matched.source;
        let fixed = matched.fixed.as_ref().map(|version| format!(", fixed in {version}"));
        let text = format!(
            "{} {} says {}: {}{}",
            source.source,
            source.record,
            matched.name,
            matched.range,
            fixed.unwrap_or_default()
        );
        page.element("li", "", &text);
    }
    for locator in finding.locators.iter().take(3) {
        page.element("li", "", &format!("at {locator}"));
    }
    if let Some(justification) = &finding.vex.justification {
        let evidence = finding.vex.evidence.join("; ");
        page.element("li", "", &format!("{justification}: {evidence}"));
    }
    for decision in &finding.decisions {
        let due = decision.due.map_or_else(String::new, |due| format!(", due {due}"));
        let (who, outcome) = (word(&decision.perspective), word(&decision.outcome));
        page.raw("<li>");
        page.text(&format!("{who} {}: {outcome}{due}", decision.policy));
        page.raw("<ul>\n");
        for point in decision.path.iter() {
            let mark = if point.known { "" } else { " [not known]" };
            let text = format!("{} = {}{mark}: {}", point.point, point.value, point.because);
            page.element("li", if point.known { "" } else { "warning" }, &text);
        }
        for sentence in decision.would_change.iter() {
            page.element("li", "faint", &format!("would change: {sentence}"));
        }
        if let Some(action) = &decision.action {
            page.element("li", "", &format!("to do: {action}"));
        }
        page.raw("</ul></li>\n");
    }
    page.raw("</ul>\n</details>\n");
}

fn unmatched(page: &mut Markup, title: &str, meaning: &str, list: &[Unmatched]) {
    if list.is_empty() {
        return;
    }
    page.element("h2", "", &format!("{title}: {}", things(list.len(), "component")));
    page.element("p", "warning", meaning);
    page.table(&["Component", "Version", "Reason"]);
    for one in list {
        page.raw("<tr>");
        for text in [&one.name, &one.version, &one.reason] {
            page.element("td", "", text);
        }
        page.raw("</tr>\n");
    }
    page.end_table();
}

fn components(page: &mut Markup, result: &ScanResult) {
    let components = &result.facts.components;
    page.element("h2", "", &format!("Inventory: {}", things(components.len(), "component")));
    if components.is_empty() {
        let text = "Nothing in the input could be named. That is no proof of anything: the result \
                    is inconclusive.";
        page.element("p", "warning", text);
        return;
    }
    page.table(&["Name", "Version", "Kind", "Sure", "Where"]);
    for component in components {
        let exact = component.version.exact().is_some();
        let place = component.evidence.first().map(|trace| trace.locator.to_string());
        page.raw("<tr>");
        page.element("td", "", &component.name);
        page.element("td", if exact { "" } else { "warning" }, &component.version.to_string());
        page.element("td", "", &word(&component.kind));
        page.element("td", "number", &format!("{} %", component.confidence()));
        page.element("td", "where", &place.unwrap_or_default());
        page.raw("</tr>\n");
    }
    page.end_table();
    conflicts(page, result);
}

/// Where a package and its own file tell different versions: one of the two is wrong.
fn conflicts(page: &mut Markup, result: &ScanResult) {
    let conflicts = &result.facts.conflicts;
    if conflicts.is_empty() {
        return;
    }
    page.element("h2", "", &format!("Contradictions: {}", conflicts.len()));
    page.table(&["Package", "It says", "Its file says", "Where"]);
    for conflict in conflicts {
        page.raw("<tr>");
        page.element("td", "", &conflict.component.0);
        page.element("td", "", &conflict.told.0);
        page.element("td", "warning", &conflict.seen.0);
        page.element("td", "where", &conflict.evidence.locator.to_string());
        page.raw("</tr>\n");
    }
    page.end_table();
}

fn coverage(page: &mut Markup, result: &ScanResult) {
    let coverage = &result.facts.coverage;
    page.element("h2", "", "Coverage");
    page.raw("<dl>\n");
    for (label, bytes) in [
        ("Read", coverage.bytes_read),
        ("Padding", coverage.bytes_padding),
        ("Unread", coverage.bytes_unread),
    ] {
        page.pair(label, &format!("{} ({} bytes)", size(bytes), number(bytes)));
    }
    for (question, reason) in &coverage.questions_unknown {
        page.pair(&format!("Unknown: {question}"), reason);
    }
    page.raw("</dl>\n");
    if coverage.regions_unread.is_empty() {
        return;
    }
    page.table(&["Unread region", "Size", "Why", "Looks like"]);
    for region in &coverage.regions_unread {
        page.raw("<tr>");
        page.element("td", "where", &region.locator.to_string());
        page.element("td", "number", &size(region.bytes));
        page.element("td", "", &region.reason);
        page.element("td", "", region.entropy_centibits.map(looks_like).unwrap_or_default());
        page.raw("</tr>\n");
    }
    page.end_table();
}

fn problems(page: &mut Markup, result: &ScanResult) {
    let problems = &result.facts.problems;
    if problems.is_empty() {
        return;
    }
    page.element("h2", "", &format!("Problems: {}", problems.len()));
    page.table(&["Where", "Could not", "Why"]);
    for problem in problems {
        page.raw("<tr>");
        page.element("td", "where", &problem.locator.to_string());
        page.element("td", "", &problem.what);
        page.element("td", "", &problem.why);
        page.raw("</tr>\n");
    }
    page.end_table();
}
