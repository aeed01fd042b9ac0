//! Lists of builds, and one build: verdict, findings, components.

use std::sync::Arc;

use askama::Template;
use auscult_model::{Component, VerdictOutcome};
use auscult_store::{Build, BuildId, BuildState};
use axum::{
    extract::{Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{
    After, Frame,
    form::Fields,
    render,
    text::{self, Pager},
};
use crate::{
    access::{Caller, Identity, Permission},
    api::{
        Asked, ComponentView, FindingFilter, FindingView, Id, ReasonView, VerdictView, again,
        component, cut, find_build,
    },
    evaluate::Evaluated,
    fleet::{Fleet, Row},
    problem::Answer,
    state::App,
    summary::Counts,
};

/// Entries of a page.
const LIMIT: usize = 50;

/// A build in a list.
pub(super) struct BuildRow {
    pub(super) href: String,
    pub(super) label: String,
    pub(super) product: String,
    pub(super) product_href: String,
    pub(super) kind: String,
    pub(super) at: String,
    /// What is shown in the place of a verdict, and its tone.
    pub(super) verdict: &'static str,
    pub(super) tone: &'static str,
    pub(super) counts: Option<Counts>,
}

impl BuildRow {
    pub(super) fn of(row: &Row) -> Self {
        let (verdict, tone) = standing(&row.build, row.outcome());
        Self {
            href: format!("/builds/{}", row.build.id),
            label: row.build.label.clone(),
            product: row.product.clone(),
            product_href: format!("/products/{}", row.build.product),
            kind: text::kind(row.build.kind).to_owned(),
            at: text::time(row.build.created_at),
            verdict,
            tone,
            counts: row.summary.as_ref().map(|summary| summary.counts),
        }
    }
}

/// How a build stands, in a word, and the tone of it.
fn standing(build: &Build, outcome: Option<VerdictOutcome>) -> (&'static str, &'static str) {
    match (&build.state, outcome) {
        (BuildState::Queued, _) => ("queued", "warn"),
        (BuildState::Inspecting, _) => ("being inspected", "warn"),
        (BuildState::Failed { .. }, _) => ("not inspected", "bad"),
        (BuildState::Ready(_), None) => ("being judged", "warn"),
        (BuildState::Ready(_), Some(outcome)) => verdict_of(outcome),
    }
}

fn verdict_of(outcome: VerdictOutcome) -> (&'static str, &'static str) {
    let word = match outcome {
        VerdictOutcome::Pass => "pass",
        VerdictOutcome::Fail => "fail",
        VerdictOutcome::Inconclusive => "inconclusive",
    };
    (word, tone_of(word))
}

/// The tone of a verdict, by its word.
pub(super) fn tone_of(verdict: &str) -> &'static str {
    match verdict {
        "pass" => "good",
        "fail" => "bad",
        _ => "warn",
    }
}

/// Which builds are wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct BuildsFilter {
    /// `pass`, `fail`, `inconclusive`, `waiting` or `failed`.
    verdict: String,
    kev: String,
    q: String,
    after: String,
}

impl BuildsFilter {
    pub(super) fn admits(&self, row: &Row) -> bool {
        let verdict = match self.verdict.as_str() {
            "" => true,
            "failed" => matches!(row.build.state, BuildState::Failed { .. }),
            "waiting" => row.is_waiting(),
            wanted => row.outcome().is_some_and(|outcome| verdict_of(outcome).0 == wanted),
        };
        let kev = self.kev != "yes" || row.is_exploited();
        let wanted = self.q.trim().to_lowercase();
        let named = wanted.is_empty()
            || row.build.label.to_lowercase().contains(&wanted)
            || row.product.to_lowercase().contains(&wanted)
            || row.build.input.to_string().starts_with(&wanted);
        verdict && kev && named
    }
}

#[derive(Template)]
#[template(path = "builds.html")]
struct BuildsPage {
    frame: Frame,
    filter: BuildsFilter,
    rows: Vec<BuildRow>,
    pager: Pager,
}

pub(super) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(filter): Asked<BuildsFilter>,
) -> Answer<Response> {
    let frame = Frame::of(&app, "Builds", "/builds", &who).await?;
    let fleet = Fleet::of(&app, who.organisation, who.within()).await?;
    let wanted: Vec<&Row> = fleet.rows.iter().filter(|row| filter.admits(row)).collect();
    let part = cut(&wanted, Some(&filter.after), LIMIT, "builds")?;
    let query = [("verdict", &filter.verdict), ("kev", &filter.kev), ("q", &filter.q)];
    let page = BuildsPage {
        frame,
        rows: part.items.iter().map(|row| BuildRow::of(row)).collect(),
        pager: Pager::of(&part, &query).with_file("/builds.csv"),
        filter,
    };
    render(&page)
}

/// What the head of every page of a build shows.
pub(super) struct Head {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) product: String,
    pub(super) product_href: String,
    kind: &'static str,
    input: String,
    at: String,
    verdict: &'static str,
    tone: &'static str,
    reason: Option<String>,
    progress: Option<String>,
    may_retry: bool,
    is_waiting: bool,
}

impl Head {
    pub(super) async fn of(
        app: &App,
        who: &Identity,
        build: &Build,
        evaluated: Option<&Arc<Evaluated>>,
    ) -> Answer<Self> {
        let product = app.store.product(who.organisation, build.product).await?;
        let outcome = evaluated.map(|evaluated| evaluated.summary.verdict.outcome);
        let job = app.store.job_of_build(who.organisation, build.id).await?;
        let (verdict, tone) = standing(build, outcome);
        let reason = match &build.state {
            BuildState::Failed { reason } => Some(reason.clone()),
            BuildState::Queued => job.as_ref().and_then(|job| job.error.clone()),
            BuildState::Inspecting | BuildState::Ready(_) => None,
        };
        let is_waiting = matches!(build.state, BuildState::Queued | BuildState::Inspecting);
        Ok(Self {
            id: build.id.to_string(),
            label: build.label.clone(),
            product: product.map(|product| product.is.name).unwrap_or_default(),
            product_href: format!("/products/{}", build.product),
            kind: text::kind(build.kind),
            input: build.input.to_string(),
            at: text::time(build.created_at),
            verdict,
            tone,
            reason,
            progress: job.filter(|_| is_waiting).map(|job| job.progress.note),
            may_retry: matches!(build.state, BuildState::Failed { .. })
                && who.may(Permission::Upload),
            is_waiting,
        })
    }
}

/// A reason of the verdict, with links to its findings.
struct Reason {
    outcome: String,
    rule: String,
    text: String,
    findings: Vec<(String, String)>,
    more: usize,
}

impl Reason {
    /// Findings that are listed.
    const SHOWN: usize = 8;

    fn of(build: &str, reason: ReasonView) -> Self {
        let all = reason.findings.len();
        let findings = reason.findings.into_iter().take(Self::SHOWN).map(|finding| {
            let mut words = finding.split(' ');
            let (id, component) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
            (text::finding_href(build, id, component), finding.clone())
        });
        Self {
            outcome: reason.outcome,
            rule: reason.rule,
            text: reason.text,
            findings: findings.collect(),
            more: all.saturating_sub(Self::SHOWN),
        }
    }
}

/// A finding with its link.
struct FindingRow {
    href: String,
    is: FindingView,
    tone: &'static str,
}

#[derive(Template)]
#[template(path = "build.html")]
struct BuildPage {
    frame: Frame,
    head: Head,
    counts: Option<Counts>,
    reasons: Vec<Reason>,
    coverage: Option<String>,
    problems: usize,
    filter: FindingFilter,
    rows: Vec<FindingRow>,
    pager: Pager,
}

pub(super) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    Asked(filter): Asked<FindingFilter>,
    Asked(After { after }): Asked<After>,
) -> Answer<Response> {
    let build = find_build(&app, &who, id).await?;
    let evaluated = app.evaluator.evaluate(&app, who.organisation, &build).await?;
    let head = Head::of(&app, &who, &build, evaluated.as_ref()).await?;
    let title = format!("{} {}", head.product, head.label);
    let frame = Frame::of(&app, &title, "/builds", &who).await?;
    let mut page = BuildPage {
        frame,
        head,
        counts: None,
        reasons: Vec::new(),
        coverage: None,
        problems: 0,
        rows: Vec::new(),
        pager: Pager::default(),
        filter,
    };
    if let Some(evaluated) = &evaluated {
        fill(&mut page, evaluated, &after)?;
    }
    render(&page)
}

fn fill(page: &mut BuildPage, evaluated: &Evaluated, after: &str) -> Answer<()> {
    let (id, filter) = (page.head.id.as_str(), &page.filter);
    let findings = evaluated.result.findings().iter();
    let wanted: Vec<_> = findings.filter(|finding| filter.admits(finding)).collect();
    let part = cut(&wanted, Some(after), LIMIT, &evaluated.basis.tag())?;
    let row = |finding: &&auscult_model::Finding| FindingRow {
        href: text::finding_href(id, &finding.id.0, &finding.component),
        is: FindingView::of(finding),
        tone: text::tone_of(finding),
    };
    page.rows = part.items.iter().map(row).collect();
    let file = format!("/builds/{id}/findings.csv");
    page.pager = Pager::of(&part, &filter.pairs()).with_file(&file);
    page.counts = Some(evaluated.summary.counts);
    let verdict = VerdictView::of(evaluated);
    page.reasons = verdict.reasons.into_iter().map(|reason| Reason::of(id, reason)).collect();
    let coverage = &evaluated.result.facts.coverage;
    page.coverage = (coverage.bytes_total > 0).then(|| {
        let points = coverage.read_basis_points();
        format!("{}.{:02} % of {} bytes", points / 100, points % 100, coverage.bytes_total)
    });
    page.problems = evaluated.result.facts.problems.len();
    Ok(())
}

#[derive(Template)]
#[template(path = "components.html")]
struct ComponentsPage {
    frame: Frame,
    head: Head,
    rows: Vec<ComponentView>,
    q: String,
    pager: Pager,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ComponentsFilter {
    q: String,
    after: String,
}

impl ComponentsFilter {
    /// The components that are wanted.
    pub(super) fn chosen<'a>(&self, evaluated: &'a Evaluated) -> Vec<&'a Component> {
        let wanted = self.q.trim().to_lowercase();
        let all = evaluated.result.facts.components.iter();
        all.filter(|one| one.name.to_lowercase().contains(&wanted)).collect()
    }
}

pub(super) async fn components(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    Asked(filter): Asked<ComponentsFilter>,
) -> Answer<Response> {
    let build = find_build(&app, &who, id).await?;
    let evaluated = crate::api::evaluated(&app, &who, &build).await?;
    let head = Head::of(&app, &who, &build, Some(&evaluated)).await?;
    let title = format!("Components of {} {}", head.product, head.label);
    let all = filter.chosen(&evaluated);
    let part = cut(&all, Some(&filter.after), LIMIT, &evaluated.basis.tag())?;
    let page = ComponentsPage {
        frame: Frame::of(&app, &title, "/builds", &who).await?,
        head,
        rows: part.items.iter().map(|one| component(&evaluated, one)).collect(),
        pager: Pager::of(&part, &[("q", &filter.q)])
            .with_file(&format!("/builds/{id}/components.csv")),
        q: filter.q,
    };
    render(&page)
}

pub(super) async fn retry(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    request: Request,
) -> Answer<Response> {
    Fields::of(&who, request).await?;
    let build = find_build(&app, &who, id).await?;
    again(&app, &who, &build).await?;
    Ok(Redirect::to(&format!("/builds/{id}")).into_response())
}
