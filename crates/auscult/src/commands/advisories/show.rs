//! `auscult advisories show`: everything that a snapshot knows of vulnerabilities.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
};

use anyhow::Context as _;
use auscult_advisory::{AdvisoryView, ClaimView};
use auscult_model::{Exploitation, SnapshotInfo};

use super::{super::judge, format::Format};
use crate::{args::ShowArgs, exit::Exit, output};

pub(super) fn run(arguments: &ShowArgs) -> anyhow::Result<Exit> {
    let outputs = output::parse(arguments.output.as_slice(), Format::Table)?;
    let snapshot = judge::unchecked_snapshot(arguments.advisories.as_deref())?;
    let info = snapshot.info();
    let (mut views, mut exit) = (Vec::<AdvisoryView>::new(), Exit::Done);
    for id in &arguments.ids {
        let found = snapshot.show_all(id).context("read the snapshot")?;
        if found.is_empty() {
            let id = auscult_report::clean(id);
            let (date, coverage) = (info.date, auscult_report::clean(&info.coverage));
            let mut stderr = io::stderr().lock();
            writeln!(stderr, "{id}: no data in this snapshot ({date}, {coverage})")?;
            exit = Exit::Inconclusive;
        }
        for view in found {
            // Two names may lead to one vulnerability.
            if !views.iter().any(|known| known.id == view.id) {
                views.push(view);
            }
        }
    }
    if views.is_empty() && arguments.ids.len() == 1 {
        return Ok(exit);
    }
    for output in outputs {
        let text = match output.format {
            Format::Table => {
                let texts: Vec<String> = views.iter().map(|view| text(view, &info)).collect();
                texts.join("\n")
            }
            Format::Json => json(&views, arguments.ids.len())?,
        };
        output::write(&output, text.as_bytes())?;
    }
    Ok(exit)
}

/// One vulnerability that was asked for by one id is an object, everything else an array.
fn json(views: &[AdvisoryView], asked: usize) -> anyhow::Result<String> {
    let mut text = match views {
        [view] if asked == 1 => serde_json::to_string_pretty(view)?,
        views => serde_json::to_string_pretty(views)?,
    };
    text.push('\n');
    Ok(text)
}

/// A page in lines. Everything that reaches it is cleaned of what a terminal would obey.
#[derive(Default)]
struct Page(String);

impl Page {
    fn line(&mut self, indent: usize, text: &str) {
        // Line ends of a description are blanks here.
        let words: Vec<&str> = text.split(['\n', '\r', '\t']).collect();
        self.0.extend(std::iter::repeat_n(' ', indent));
        self.0.push_str(auscult_report::clean(&words.join(" ")).trim_end());
        self.0.push('\n');
    }

    fn pair(&mut self, name: &str, text: &str) {
        self.line(2, &format!("{name:14}{text}"));
    }

    fn pairs(&mut self, name: &str, texts: impl IntoIterator<Item = String>) {
        let mut name = name;
        for text in texts {
            self.pair(name, &text);
            name = "";
        }
    }
}

fn text(view: &AdvisoryView, info: &SnapshotInfo) -> String {
    let mut page = Page::default();
    page.line(0, &format!("{}  {}", view.id, view.title.as_deref().unwrap_or_default()));
    if !view.withdrawn_by.is_empty() {
        page.pair("withdrawn", &format!("by {}: never reported", view.withdrawn_by.join(", ")));
    }
    if !view.aliases.is_empty() {
        page.pair("aliases", &view.aliases.join(", "));
    }
    match view.description.as_deref() {
        Some("") => {}
        Some(description) => page.pair("description", description),
        None if info.layers.contains_key("prose") => {}
        None => page.pair("description", "unknown: this snapshot holds no prose"),
    }
    scores(&mut page, view);
    if !view.weaknesses.is_empty() {
        page.pair("weaknesses", &view.weaknesses.join(", "));
    }
    exploitation(&mut page, view, info);
    if !view.program_files.is_empty() {
        page.pair("files", &view.program_files.join(", "));
    }
    claims(&mut page, &view.claims);
    page.0
}

fn scores(page: &mut Page, view: &AdvisoryView) {
    if view.cvss.is_empty() {
        page.pair("cvss", "unknown: no source gives a score");
    }
    let scores = view.cvss.iter().map(|score| {
        let (whole, tenth) = (score.score_tenths / 10, score.score_tenths % 10);
        let severity = format!("{:?}", score.severity).to_lowercase();
        format!("{whole}.{tenth} {severity}  {}  {}", score.vector, score.source)
    });
    page.pairs("cvss", scores);
}

fn exploitation(page: &mut Page, view: &AdvisoryView, info: &SnapshotInfo) {
    let source = |name: &str| info.sources.iter().find(|source| source.name == name);
    let kev = match (&view.kev, source("kev")) {
        (Some(entry), _) => {
            let ransomware = if entry.ransomware { ", used by ransomware" } else { "" };
            format!("yes, in CISA's catalogue since {}{ransomware}", entry.added)
        }
        (None, Some(kev)) => {
            let date = kev.date.map_or_else(String::new, |date| format!(" of {date}"));
            format!("not in CISA's catalogue{date}")
        }
        (None, None) => "unknown: this snapshot does not hold CISA's catalogue".to_owned(),
    };
    page.pair("exploited", &kev);
    let strength = |sign: Exploitation| match sign {
        Exploitation::None => "none known",
        Exploitation::PublicPoc => "public exploit",
        Exploitation::Active => "exploited",
    };
    let mut by_strength = BTreeMap::<Exploitation, Vec<&str>>::new();
    for sign in &view.signs {
        by_strength.entry(sign.exploitation).or_default().push(&sign.source);
    }
    let signs = by_strength.iter().rev();
    page.pairs(
        "signs",
        signs.map(|(sign, from)| format!("{}: {}", strength(*sign), from.join(", "))),
    );
    let part = |e5: u32| format!("{}.{:03} %", e5 / 1000, e5 % 1000);
    let epss = match (view.epss, source("epss").and_then(|source| source.date)) {
        (Some(epss), day) => {
            let day = day.map_or_else(String::new, |day| format!(", of {day}"));
            let (score, percentile) = (part(epss.score_e5), part(epss.percentile_e5));
            format!("{score} within 30 days, percentile {percentile}{day}")
        }
        (None, _) => "unknown".to_owned(),
    };
    page.pair("epss", &epss);
    let answer =
        |value: Option<bool>, yes, no| value.map_or("unknown", |v| if v { yes } else { no });
    page.pair("automatable", answer(view.automatable, "yes", "no"));
    page.pair("impact", answer(view.technical_impact_total, "total", "partial"));
}

/// Claims by source and record.
fn claims(page: &mut Page, claims: &[ClaimView]) {
    if claims.is_empty() {
        page.pair("products", "unknown: no source names one, so that no component can match");
        return;
    }
    let mut by_record = BTreeMap::<(&str, &str), Vec<&ClaimView>>::new();
    for claim in claims {
        by_record.entry((&claim.source, &claim.record)).or_default().push(claim);
    }
    page.pair("products", &format!("{} claims in {} records", claims.len(), by_record.len()));
    for ((source, record), claims) in by_record {
        page.line(4, &format!("{source} {record}"));
        for claim in claims {
            let release = match claim.release.as_str() {
                "" => String::new(),
                release => format!(" ({release})"),
            };
            let range = if claim.range.is_empty() { "no version affected" } else { &claim.range };
            page.line(6, &format!("{}{release}  {range}", claim.product));
            for one_of in &claim.requires {
                page.line(8, &format!("only with {}", one_of.join(" or ")));
            }
        }
    }
}
