//! `cargo xtask bench backtest`: would our order have put first what was exploited later?
//!
//! As of a day in the past: records published by then, the catalogue of known exploited
//! vulnerabilities and assessments (SSVC of CISA's enrichment) as they stood then, EPSS of that day,
//! no exploit lists, as these carry no dates. Cases are the entries that the catalogue got later.
//! A case's place is the share of all records that stand before it: 0 is the top.

#![expect(clippy::cast_precision_loss, reason = "counts of records are far below 2^52")]

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    io::Read as _,
    path::Path,
};

use anyhow::{Context as _, ensure};
use auscult_model::{
    AdvisoryId, CvssScore, Epss, Exploitation, Finding, KevEntry, Version, Vex, VexStatus,
    cvss::CvssVector,
};
use auscult_priority::{DecisionPolicy, decide};
use jiff::{Timestamp, civil::Date};
use serde_json::Value;

use super::unpacked;

/// The day of the oldest EPSS file at hand.
const AS_OF: Date = jiff::civil::date(2024, 8, 18);
/// Draws of the bootstrap, and its seed.
const DRAWS: usize = 2_000;
const SEED: u64 = 20_240_818;

pub(super) fn bench(shared: &Path) -> anyhow::Result<()> {
    let feeds = shared.join("feeds");
    let catalogue = kev(&feeds)?;
    let epss = epss(&feeds)?;
    let mut findings = findings(&feeds.join("cve5"), &epss)?;
    ensure!(findings.len() > 5_000, "only {} records", findings.len());
    for finding in &mut findings {
        if let Some(added) = catalogue.get(&finding.id.0).filter(|added| **added <= AS_OF) {
            finding.kev = Some(KevEntry { added: *added, ransomware: false });
            finding.exploitation = Exploitation::Active;
        }
        finding.decisions = decide(finding, None, AS_OF, DecisionPolicy::default());
    }
    let later: BTreeSet<&str> =
        catalogue.iter().filter(|(_, added)| **added > AS_OF).map(|(id, _)| id.as_str()).collect();
    // What was known then needs no prediction.
    findings.retain(|finding| finding.kev.is_none());
    let is_case = |finding: &Finding| later.contains(finding.id.0.as_str());
    let cases = findings.iter().filter(|finding| is_case(finding)).count();
    println!("back-test as of {AS_OF}: {} records, {cases} exploited later", findings.len());
    ensure!(cases >= 20, "too few cases");
    println!(
        "| order | mean place | 95 % of draws | median | in the first 5 % | in the first 10 % |"
    );
    println!("|---|---|---|---|---|---|");
    let orders: [(&str, Order); 3] = [
        ("ours, context unknown", auscult_report::compare),
        ("CVSS only", |one, other| scored(other).cmp(&scored(one))),
        ("EPSS only", |one, other| predicted(other).cmp(&predicted(one))),
    ];
    for (name, order) in orders {
        let mut sorted: Vec<&Finding> = findings.iter().collect();
        sorted.sort_by(|one, other| order(one, other));
        tell(name, &places(&sorted, order, is_case));
    }
    Ok(())
}

/// Which of two findings to look at first.
type Order = fn(&Finding, &Finding) -> Ordering;

fn scored(finding: &Finding) -> Option<u8> {
    finding.cvss.iter().map(|one| one.score_tenths).max()
}

fn predicted(finding: &Finding) -> u32 {
    finding.epss.map_or(0, |epss| epss.score_e5)
}

/// The place of each case, a share of all; equals have the middle of their places.
fn places(sorted: &[&Finding], order: Order, is_case: impl Fn(&Finding) -> bool) -> Vec<f64> {
    let mut places = Vec::new();
    let mut start = 0;
    while let Some(first) = sorted.get(start) {
        let rest = sorted.get(start..).unwrap_or_default();
        let length = rest.iter().take_while(|other| order(first, other).is_eq()).count().max(1);
        let middle = (start as f64) + (length as f64) / 2.0;
        let cases = rest.iter().take(length).filter(|one| is_case(one)).count();
        places.extend(std::iter::repeat_n(middle / sorted.len() as f64, cases));
        start += length;
    }
    places
}

fn tell(name: &str, places: &[f64]) {
    let mean = |list: &[f64]| list.iter().sum::<f64>() / list.len() as f64;
    let mut sorted = places.to_vec();
    let median = super::median(&mut sorted);
    let within = |share: f64| sorted.iter().filter(|place| **place <= share).count();
    let mut state = SEED;
    let mut means: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let drawn: Vec<f64> = places
                .iter()
                .map(|_| {
                    // A linear congruential generator (Knuth, MMIX): the same draws every time.
                    state = state
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let at = usize::try_from(state >> 33).unwrap_or_default() % places.len();
                    places.get(at).copied().unwrap_or_default()
                })
                .collect();
            mean(&drawn)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let bound = |at: usize| means.get(at).copied().unwrap_or_default() * 100.0;
    let all = places.len();
    println!(
        "| {name} | {:.1} % | {:.1}–{:.1} % | {:.1} % | {} of {all} | {} of {all} |",
        mean(places) * 100.0,
        bound(DRAWS / 40),
        bound(DRAWS - DRAWS / 40 - 1),
        median * 100.0,
        within(0.05),
        within(0.10),
    );
}

/// The one file in a folder whose name begins so.
fn beginning(folder: &Path, start: &str) -> anyhow::Result<std::path::PathBuf> {
    let mut entries = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let named = |path: &std::path::PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start))
    };
    entries.find(named).with_context(|| format!("{start}* in {}", folder.display()))
}

fn kev(feeds: &Path) -> anyhow::Result<BTreeMap<String, Date>> {
    let path = beginning(&feeds.join("kev"), "known_exploited_vulnerabilities.2")?;
    let document: Value = serde_json::from_slice(&unpacked(&path)?)?;
    let entries =
        document.get("vulnerabilities").and_then(Value::as_array).context("no entries")?;
    let entry = |entry: &Value| {
        let added = entry["dateAdded"].as_str()?.parse().ok()?;
        Some((entry["cveID"].as_str()?.to_owned(), added))
    };
    Ok(entries.iter().filter_map(entry).collect())
}

fn epss(feeds: &Path) -> anyhow::Result<BTreeMap<String, Epss>> {
    let path = beginning(&feeds.join("epss"), &format!("epss_scores-{AS_OF}"))?;
    let text = String::from_utf8(unpacked(&path)?)?;
    // Hundred-thousandths, cut off.
    let e5 = |text: &str| {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let part: String = part.chars().chain("00000".chars()).take(5).collect();
        format!("{whole}{part}").parse::<u32>().ok()
    };
    let row = |line: &str| {
        let mut cells = line.split(';');
        let (id, score, percentile) = (cells.next()?, cells.next()?, cells.next()?);
        let epss = Epss { score_e5: e5(score)?, percentile_e5: e5(percentile)? };
        Some((id.to_owned(), epss))
    };
    Ok(text.lines().skip(1).filter_map(row).collect())
}

fn findings(folder: &Path, epss: &BTreeMap<String, Epss>) -> anyhow::Result<Vec<Finding>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder)?.flatten() {
        let bytes = unpacked(&entry.path())?;
        for member in tar::Archive::new(bytes.as_slice()).entries()? {
            let mut text = Vec::new();
            let mut member = member?;
            member.read_to_end(&mut text)?;
            let Ok(record) = serde_json::from_slice::<Value>(&text) else { continue };
            if let Some(finding) = finding(&record, epss) {
                found.insert(finding.id.clone(), finding);
            }
        }
    }
    Ok(found.into_values().collect())
}

/// A record as it could be read on that day; none where it was not published, had no score yet or no
/// EPSS.
fn finding(record: &Value, epss: &BTreeMap<String, Epss>) -> Option<Finding> {
    let at = |value: &Value, key: &str| -> Option<Timestamp> { value[key].as_str()?.parse().ok() };
    let then = |time: Timestamp| jiff::tz::TimeZone::UTC.to_datetime(time).date() <= AS_OF;
    let meta = &record["cveMetadata"];
    let id = meta["cveId"].as_str()?.to_owned();
    at(meta, "datePublished").filter(|time| then(*time))?;
    let epss = *epss.get(&id)?;
    let containers = &record["containers"];
    let mut cvss = Vec::new();
    let (mut automatable, mut total, mut proof) = (None, None, false);
    for container in std::iter::once(&containers["cna"]).chain(containers["adp"].as_array()?) {
        for metric in container["metrics"].as_array().into_iter().flatten() {
            for key in ["cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0"] {
                let vector = metric.get(key).and_then(|one| one.get("vectorString"));
                cvss.extend(vector.and_then(Value::as_str).and_then(score));
            }
            let Some(assessed) = metric.pointer("/other/content") else { continue };
            if at(assessed, "timestamp").is_some_and(then) {
                for option in assessed["options"].as_array().into_iter().flatten() {
                    let says = |key: &str, word: &str| {
                        option[key].as_str().map(|text| text.eq_ignore_ascii_case(word))
                    };
                    automatable = automatable.or(says("Automatable", "yes"));
                    total = total.or(says("Technical Impact", "total"));
                    proof |= says("Exploitation", "poc") == Some(true);
                }
            }
        }
    }
    if cvss.is_empty() {
        return None;
    }
    let exploitation = if proof { Exploitation::PublicPoc } else { Exploitation::None };
    let (status, component) = (VexStatus::Affected, "back-test".to_owned());
    let vex = Vex { status, justification: None, strength: None, evidence: Vec::new() };
    Some(Finding {
        id: AdvisoryId(id),
        aliases: Vec::new(),
        component,
        version: Version(String::new()),
        purl: None,
        locators: Vec::new(),
        matches: Vec::new(),
        vex,
        kev: None,
        epss: Some(epss),
        cvss,
        exploitation,
        automatable,
        technical_impact_total: total,
        exposure: Finding::unmeasured(),
        decisions: Vec::new(),
    })
}

fn score(text: &str) -> Option<CvssScore> {
    let vector = CvssVector::parse(text).ok()?;
    let score_tenths = vector.scores().base;
    Some(CvssScore {
        source: "record".to_owned(),
        vector: text.to_owned(),
        score_tenths,
        severity: vector.version().severity(score_tenths),
    })
}
