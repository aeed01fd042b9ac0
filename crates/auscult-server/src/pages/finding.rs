//! One finding: why it stands where it does, what shows it, and what people decide about it.

use askama::Template;
use auscult_assess::fact_value;
use auscult_model::{Facts, Finding, Known, Perspective, RiskDecision};
use auscult_store::{Build, BuildId, DecisionRevision, WhatIsDecided};
use axum::{
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{Frame, builds::Head, form::Fields, render, text};
use crate::{
    access::{Caller, Identity, Permission},
    api::{
        Asked, DecisionInput, FindingView, JUSTIFICATIONS, RESPONSES, decide, evaluated, find_build,
    },
    evaluate::Evaluated,
    problem::{Answer, Problem},
    state::App,
    summary::word,
};

/// Places that are shown.
const PLACES: usize = 20;

/// Which component of a build has the vulnerability.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    component: String,
    /// Whether a decision was just recorded.
    recorded: String,
}

/// A decision of a table, step by step.
struct PathView {
    title: String,
    outcome: String,
    due: Option<String>,
    points: Vec<(String, String, String, bool)>,
    would_change: Vec<String>,
    action: Option<String>,
}

impl PathView {
    fn of(decision: &RiskDecision) -> Self {
        let who = match decision.perspective {
            Perspective::Maker => "The maker",
            Perspective::Hospital => "The hospital",
        };
        let point = |one: &auscult_model::DecisionPoint| {
            (one.point.clone(), one.value.clone(), one.because.clone(), one.known)
        };
        Self {
            title: format!("{who}, by {}", decision.policy),
            outcome: word(&decision.outcome),
            due: decision.due.map(|due| due.to_string()),
            points: decision.path.iter().map(point).collect(),
            would_change: decision.would_change.to_vec(),
            action: decision.action.clone(),
        }
    }
}

/// A record that says that the component is affected.
struct RecordView {
    source: String,
    record: String,
    name: String,
    range: String,
    fixed: String,
    confidence: u8,
}

/// A choice of a form.
struct Choice {
    value: String,
    text: String,
    is_chosen: bool,
}

/// An entry of the history.
struct Past {
    revision: i64,
    at: String,
    actor: String,
    said: String,
    comment: String,
    more: Vec<String>,
}

/// The decision form.
struct Form {
    revision: i64,
    status: Vec<Choice>,
    justification: Vec<Choice>,
    response: Vec<Choice>,
    facts: Vec<Choice>,
    other_facts: String,
    comment: String,
    expires: String,
    is_decided: bool,
}

#[derive(Template)]
#[template(path = "finding.html")]
struct FindingPage {
    frame: Frame,
    head: Head,
    is: FindingView,
    tone: &'static str,
    title: Option<String>,
    description: Option<String>,
    epss: Option<String>,
    kev: Option<String>,
    scores: Vec<(String, String, String)>,
    paths: Vec<PathView>,
    evidence: Vec<String>,
    exposure: String,
    places: Vec<String>,
    more_places: usize,
    records: Vec<RecordView>,
    form: Option<Form>,
    history: Vec<Past>,
    error: Option<String>,
    recorded: bool,
}

/// A finding and what it is in.
struct Found {
    build: Build,
    evaluated: std::sync::Arc<Evaluated>,
    at: usize,
}

impl Found {
    async fn of(app: &App, who: &Identity, id: BuildId, name: &str, which: &Which) -> Answer<Self> {
        let build = find_build(app, who, id).await?;
        let evaluated = evaluated(app, who, &build).await?;
        let is_it = |one: &Finding| {
            let mut ids = std::iter::once(&one.id).chain(&one.aliases);
            ids.any(|id| id.0.eq_ignore_ascii_case(name))
                && (which.component.is_empty() || one.component == which.component)
        };
        let at = evaluated.result.findings().iter().position(is_it);
        let at = at.ok_or_else(|| Problem::not_found("finding"))?;
        Ok(Self { build, evaluated, at })
    }

    fn finding(&self) -> Answer<&Finding> {
        let finding = self.evaluated.result.findings().get(self.at);
        finding.ok_or_else(|| Problem::not_found("finding"))
    }
}

pub(super) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Path((build, name)): Path<(String, String)>,
    Asked(which): Asked<Which>,
) -> Answer<Response> {
    let id = build.parse().map_err(|_| Problem::not_found("build"))?;
    let found = Found::of(&app, &who, id, &name, &which).await?;
    page(&app, &who, &found, which.recorded == "yes", None).await
}

/// What was typed, and why it was refused.
struct Refused {
    input: DecisionInput,
    other_facts: String,
    error: String,
}

pub(super) async fn record(
    State(app): State<App>,
    Caller(who): Caller,
    Path((build, name)): Path<(String, String)>,
    Asked(which): Asked<Which>,
    request: Request,
) -> Answer<Response> {
    let id: BuildId = build.parse().map_err(|_| Problem::not_found("build"))?;
    let fields = Fields::of(&who, request).await?;
    let found = Found::of(&app, &who, id, &name, &which).await?;
    let finding = found.finding()?;
    let given = |name: &str| Some(fields.get(name).to_owned()).filter(|text| !text.is_empty());
    let other_facts = fields.get("other_facts").to_owned();
    let mut relies_on = fields.all("relies_on");
    relies_on.extend(other_facts.split_whitespace().map(str::to_owned));
    let is_withdrawn = fields.get("action") == "withdraw";
    let input = DecisionInput {
        build: id.to_string(),
        vulnerability: finding.id.0.clone(),
        component: finding.component.clone(),
        status: if is_withdrawn { None } else { Some(fields.get("status").to_owned()) },
        justification: given("justification"),
        response: fields.all("response"),
        comment: fields.get("comment").to_owned(),
        expires: given("expires"),
        relies_on,
        revision: fields.get("revision").parse().unwrap_or(0),
    };
    match decide(&app, &who, found.build.product, &input).await {
        Ok(_) => {
            let href = text::finding_href(&build, &finding.id.0, &finding.component);
            Ok(Redirect::to(&format!("{href}&recorded=yes")).into_response())
        }
        Err(problem) if problem.status == StatusCode::UNPROCESSABLE_ENTITY => {
            let refused = Refused { input, other_facts, error: problem.detail };
            let shown = page(&app, &who, &found, false, Some(refused)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
        Err(problem) => Err(problem),
    }
}

async fn page(
    app: &App,
    who: &Identity,
    found: &Found,
    recorded: bool,
    refused: Option<Refused>,
) -> Answer<Response> {
    let finding = found.finding()?;
    let what =
        WhatIsDecided { vulnerability: finding.id.0.clone(), component: finding.component.clone() };
    let product = found.build.product;
    let history = app.store.decision_history(who.organisation, product, &what).await?;
    let advisories = app.evaluator.advisories(app, who.organisation).await?;
    let prose = advisories.judge.prose(&finding.id.0)?;
    let (title, description) =
        prose.map_or((None, None), |(title, text)| (Some(title), Some(text)));
    let head = Head::of(app, who, &found.build, Some(&found.evaluated)).await?;
    let name = format!("{} in {}", finding.id, finding.component);
    let facts = &found.evaluated.result.facts;
    let error = refused.as_ref().map(|refused| refused.error.clone());
    let may_decide = who.may(Permission::Decide);
    let form = may_decide.then(|| form(finding, facts, &history, refused));
    let page = FindingPage {
        frame: Frame::of(app, &name, "/builds", who).await?,
        head,
        is: FindingView::of(finding),
        tone: text::tone_of(finding),
        title: title.filter(|text| !text.is_empty()),
        description: description.filter(|text| !text.is_empty()),
        epss: finding.epss.map(|epss| percent(epss.score_e5)),
        kev: finding.kev.as_ref().map(|kev| kev.added.to_string()),
        scores: finding.cvss.iter().map(score).collect(),
        paths: finding.decisions.iter().map(PathView::of).collect(),
        evidence: finding.vex.evidence.clone(),
        exposure: exposure(finding),
        places: finding.locators.iter().take(PLACES).map(ToString::to_string).collect(),
        more_places: finding.locators.len().saturating_sub(PLACES),
        records: finding.matches.iter().map(record_view).collect(),
        form,
        history: history.iter().rev().map(past).collect(),
        error,
        recorded,
    };
    render(&page)
}

/// Hundred-thousandths as a percentage.
fn percent(e5: u32) -> String {
    format!("{}.{:02} %", e5 / 1000, e5 % 1000 / 10)
}

fn score(score: &auscult_model::CvssScore) -> (String, String, String) {
    let tenths = score.score_tenths;
    (format!("{}.{}", tenths / 10, tenths % 10), score.vector.clone(), score.source.clone())
}

fn exposure(finding: &Finding) -> String {
    match &finding.exposure {
        Known::Known(measured) => word(&measured.reach),
        Known::Unknown(reason) => format!("unknown: {reason}"),
    }
}

fn record_view(one: &auscult_model::AffectedMatch) -> RecordView {
    RecordView {
        source: one.source.source.clone(),
        record: one.source.record.clone(),
        name: one.name.clone(),
        range: one.range.clone(),
        fixed: one.fixed.as_ref().map_or_else(|| "none named".to_owned(), ToString::to_string),
        confidence: one.confidence,
    }
}

/// The form, filled with what was typed, else with what is decided, else empty.
fn form(
    finding: &Finding,
    facts: &Facts,
    history: &[DecisionRevision],
    refused: Option<Refused>,
) -> Form {
    let last = history.last();
    let decided = last.and_then(|last| last.decision.clone());
    let is_decided = decided.is_some();
    let other_facts = refused.as_ref().map_or_else(String::new, |one| one.other_facts.clone());
    let said = match (refused, decided) {
        (Some(refused), _) => refused.input,
        (None, Some(decision)) => DecisionInput {
            status: Some(word(&decision.status)),
            justification: decision.justification,
            response: decision.response,
            comment: decision.comment,
            expires: decision.expires.map(|date| date.to_string()),
            relies_on: decision.relies_on.into_iter().map(|one| one.fact).collect(),
            ..DecisionInput::default()
        },
        (None, None) => DecisionInput::default(),
    };
    let status = said.status.unwrap_or_default();
    let justification = said.justification.unwrap_or_default();
    let words = ["affected", "not_affected", "fixed", "under_investigation"];
    Form {
        revision: last.map_or(0, |last| last.revision),
        status: choices(&words, |word| *word == status),
        justification: choices(&JUSTIFICATIONS, |word| *word == justification),
        response: choices(&RESPONSES, |word| said.response.iter().any(|one| one == word)),
        facts: proposed(finding, facts, &said.relies_on),
        other_facts,
        comment: said.comment,
        expires: said.expires.unwrap_or_default(),
        is_decided,
    }
}

fn choices(words: &[&str], is_chosen: impl Fn(&&str) -> bool) -> Vec<Choice> {
    let choice = |word: &&str| Choice {
        value: (*word).to_owned(),
        text: word.replace('_', " "),
        is_chosen: is_chosen(word),
    };
    words.iter().map(choice).collect()
}

/// Facts that a decision about this finding may well rely on, with their values in this build.
fn proposed(finding: &Finding, facts: &Facts, chosen: &[String]) -> Vec<Choice> {
    const FILES: usize = 5;
    let mut names = vec![format!("component:{}", finding.component)];
    let files = finding.locators.iter().filter_map(auscult_model::Locator::path);
    let files = files.filter_map(|path| String::from_utf8(path.0.clone()).ok());
    names.extend(files.map(|path| format!("file:{path}")).take(FILES));
    names.extend(chosen.iter().cloned());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let choice = |name: String| match fact_value(facts, &name) {
        Known::Known(value) if value != "absent" || chosen.contains(&name) => {
            let shown: String = value.chars().take(60).collect();
            let is_chosen = chosen.contains(&name);
            Some(Choice { text: format!("{name} ({shown})"), value: name, is_chosen })
        }
        _ => None,
    };
    names.into_iter().filter_map(choice).collect()
}

fn past(revision: &DecisionRevision) -> Past {
    let (mut more, mut comment) = (Vec::new(), String::new());
    let said = match &revision.decision {
        None => "withdrawn".to_owned(),
        Some(decision) => {
            comment.clone_from(&decision.comment);
            if !decision.response.is_empty() {
                more.push(format!("response: {}", decision.response.join(", ")).replace('_', " "));
            }
            if let Some(last) = decision.expires {
                more.push(format!("counts until {last}"));
            }
            more.extend(decision.relies_on.iter().map(|one| format!("relies on {}", one.fact)));
            let status = word(&decision.status);
            let why = decision.justification.as_ref().map(|why| format!(": {why}"));
            (status + &why.unwrap_or_default()).replace('_', " ")
        }
    };
    let (at, actor) = (text::time(revision.recorded_at), revision.actor.clone());
    Past { revision: revision.revision, at, actor, said, comment, more }
}
