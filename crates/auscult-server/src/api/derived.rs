//! Lists that are derived: components and findings of a build.
//!
//! They have no rows anywhere. A page is a part of one result, and its cursor names that result: where
//! something changed in between, the list begins anew instead of skipping entries.

use auscult_model::Finding;
use auscult_report::{makers, primary};
use auscult_store::BuildId;
use axum::{Json, extract::State, http::StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    builds,
    extract::{Asked, Id, Paging},
    views::{ListView, TotalView},
};
use crate::{
    access::Caller,
    evaluate::Evaluated,
    problem::{Answer, Problem, ProblemBody},
    state::App,
    summary::{outcome_of, word},
};

/// A component of a build.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ComponentView {
    pub(crate) name: String,
    /// Its version as text, or why it is not known.
    pub(crate) version: String,
    pub(crate) supplier: Option<String>,
    pub(crate) purl: Option<String>,
    pub(crate) licences: Vec<String>,
    /// How sure it is, in percent.
    pub(crate) confidence: u8,
    /// Places in the image.
    pub(crate) locators: Vec<String>,
    /// Findings that are open.
    pub(crate) open: usize,
    /// Whether the advisories hold any record of it; without one nobody can say that it is clean.
    pub(crate) has_data: bool,
}

/// A finding of a build.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FindingView {
    pub(crate) id: String,
    pub(crate) aliases: Vec<String>,
    pub(crate) component: String,
    pub(crate) version: String,
    /// VEX status.
    pub(crate) status: String,
    pub(crate) justification: Option<String>,
    /// `proven`, `strong`, `weak`, `stated` or `decided`.
    pub(crate) strength: Option<String>,
    /// The worst published severity.
    pub(crate) severity: Option<String>,
    /// The highest published base score.
    pub(crate) score: Option<String>,
    pub(crate) known_exploited: bool,
    /// Probability of exploitation within 30 days, in hundred-thousandths.
    pub(crate) epss_e5: Option<u32>,
    /// What the hospital's table makes of it.
    pub(crate) outcome: String,
    /// What the maker's table makes of it.
    pub(crate) risk: Option<String>,
    /// When it is due.
    pub(crate) due: Option<String>,
    /// The first version that repairs it, where a record names one.
    pub(crate) fixed: Option<String>,
}

impl FindingView {
    pub(crate) fn of(finding: &Finding) -> Self {
        let score = finding.cvss.iter().map(|score| score.score_tenths).max();
        let fixed = finding.matches.iter().find_map(|one| one.fixed.as_ref());
        let due = primary(finding).and_then(|decision| decision.due);
        Self {
            id: finding.id.0.clone(),
            aliases: finding.aliases.iter().map(|id| id.0.clone()).collect(),
            component: finding.component.clone(),
            version: finding.version.to_string(),
            status: word(&finding.vex.status),
            justification: finding.vex.justification.clone(),
            strength: finding.vex.strength.clone(),
            severity: finding.severity().map(|severity| word(&severity)),
            score: score.map(|tenths| format!("{}.{}", tenths / 10, tenths % 10)),
            known_exploited: finding.kev.is_some(),
            epss_e5: finding.epss.map(|epss| epss.score_e5),
            outcome: outcome_of(finding),
            risk: makers(finding).map(|decision| word(&decision.outcome)),
            due: due.map(|due| due.to_string()),
            fixed: fixed.map(ToString::to_string),
        }
    }
}

/// Which findings are wanted; all conditions hold at once.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct FindingFilter {
    /// `open`, `decided`, or a VEX status: `affected`, `under_investigation`, `not_affected`, `fixed`.
    pub(crate) status: String,
    /// `immediate`, `out-of-cycle`, `scheduled` or `defer`.
    pub(crate) outcome: String,
    /// `uncontrolled` or `controlled`.
    pub(crate) risk: String,
    /// `critical`, `high`, `medium`, `low`, `none`, or `unknown` where none is published.
    pub(crate) severity: String,
    /// `yes` for those that are known to be exploited.
    pub(crate) kev: String,
    /// The name of the component.
    pub(crate) component: String,
    /// A part of an id or of a component's name.
    pub(crate) q: String,
}

impl FindingFilter {
    /// The fields with what they hold.
    pub(crate) fn pairs(&self) -> [(&'static str, &String); 7] {
        [
            ("status", &self.status),
            ("outcome", &self.outcome),
            ("risk", &self.risk),
            ("severity", &self.severity),
            ("kev", &self.kev),
            ("component", &self.component),
            ("q", &self.q),
        ]
    }

    /// The fields that hold one of a few words: name, what people call it, the words, and the present.
    pub(crate) fn selects(
        &self,
    ) -> [(&'static str, &'static str, &'static [&'static str], &str); 5] {
        const STATUS: &[&str] =
            &["open", "decided", "affected", "under_investigation", "not_affected", "fixed"];
        const OUTCOME: &[&str] = &["immediate", "out-of-cycle", "scheduled", "defer"];
        const SEVERITY: &[&str] = &["critical", "high", "medium", "low", "none", "unknown"];
        [
            ("status", "Status", STATUS, &self.status),
            ("outcome", "Hospital", OUTCOME, &self.outcome),
            ("risk", "Maker", &["uncontrolled", "controlled"], &self.risk),
            ("severity", "Severity", SEVERITY, &self.severity),
            ("kev", "Exploited", &["yes"], &self.kev),
        ]
    }

    /// Whether anything is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        self.pairs().into_iter().all(|(_, value)| value.is_empty())
    }

    pub(crate) fn admits(&self, finding: &Finding) -> bool {
        let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
        let severity = finding.severity().map_or_else(|| "unknown".to_owned(), |one| word(&one));
        let risk = makers(finding).map(|one| word(&one.outcome)).unwrap_or_default();
        let status = word(&finding.vex.status);
        let status_is = match self.status.as_str() {
            "open" => finding.vex.status.is_open(),
            "decided" => finding.vex.strength.as_deref() == Some(auscult_assess::DECIDED),
            wanted => is(wanted, &status),
        };
        status_is
            && is(&self.outcome, &outcome_of(finding))
            && is(&self.risk, &risk)
            && is(&self.severity, &severity)
            && is(&self.component, &finding.component)
            && (self.kev != "yes" || finding.kev.is_some())
            && self.matches_text(finding)
    }

    fn matches_text(&self, finding: &Finding) -> bool {
        let wanted = self.q.trim().to_lowercase();
        let ids = std::iter::once(&finding.id).chain(&finding.aliases);
        wanted.is_empty()
            || finding.component.to_lowercase().contains(&wanted)
            || ids.into_iter().any(|id| id.0.to_lowercase().contains(&wanted))
    }
}

/// A part of a list that is in memory.
#[derive(Debug)]
pub(crate) struct Part<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
    pub(crate) total: usize,
    /// How many come before it.
    pub(crate) start: usize,
}

impl<T> Part<T> {
    /// The same with what is made of each.
    pub(crate) fn map<U>(self, make: impl FnMut(T) -> U) -> Part<U> {
        let Self { items, next, total, start } = self;
        Part { items: items.into_iter().map(make).collect(), next, total, start }
    }
}

/// Cuts a page out of a list; `tag` names what the list was derived from.
pub(crate) fn cut<'a, T>(
    all: &[&'a T],
    after: Option<&str>,
    limit: usize,
    tag: &str,
) -> Answer<Part<&'a T>> {
    let start = match after.filter(|after| !after.is_empty()) {
        None => 0,
        Some(after) => place(after, tag)?,
    };
    let rest = all.get(start..).unwrap_or_default();
    let items: Vec<&T> = rest.iter().take(limit).copied().collect();
    let end = start + items.len();
    let next = (end < all.len()).then(|| format!("{tag}-{end}"));
    Ok(Part { items, next, total: all.len(), start })
}

fn place(after: &str, tag: &str) -> Answer<usize> {
    let parts = after.split_once('-').and_then(|(tag, at)| Some((tag, at.parse::<usize>().ok()?)));
    match parts {
        Some((found, at)) if found == tag => Ok(at),
        Some(_) => Err(Problem::new(
            StatusCode::CONFLICT,
            "the list changed: advisories, decisions or the day are others now",
        )
        .hint("begin with its first page")),
        None => Err(Problem::new(StatusCode::BAD_REQUEST, "`after` is none of our cursors")),
    }
}

/// Lists the components of a build by name.
#[utoipa::path(get, path = "/api/v1/builds/{build}/components",
    params(("build" = String, Path), Paging), responses(
    (status = 200, description = "A page of components", body = ListView<ComponentView>),
    (status = 409, description = "The build is not inspected yet", body = ProblemBody)))]
pub(crate) async fn components(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<ListView<ComponentView>>> {
    let build = builds::find(&app, &who, id).await?;
    let evaluated = builds::evaluated(&app, &who, &build).await?;
    let all: Vec<_> = evaluated.result.facts.components.iter().collect();
    let limit = usize::try_from(paging.limit()?).unwrap_or(usize::MAX);
    let part = cut(&all, paging.after.as_deref(), limit, &evaluated.basis.tag())?;
    let items = part.items.iter().map(|one| component(&evaluated, one)).collect();
    Ok(Json(ListView { items, next: part.next, total: exactly(part.total) }))
}

/// Lists the findings of a build, the most urgent first.
#[utoipa::path(get, path = "/api/v1/builds/{build}/findings",
    params(("build" = String, Path), FindingFilter, Paging), responses(
    (status = 200, description = "A page of findings", body = ListView<FindingView>),
    (status = 409, description = "The build is not inspected yet", body = ProblemBody)))]
pub(crate) async fn findings(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    Asked(filter): Asked<FindingFilter>,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<ListView<FindingView>>> {
    let build = builds::find(&app, &who, id).await?;
    let evaluated = builds::evaluated(&app, &who, &build).await?;
    let findings = evaluated.result.findings().iter();
    let all: Vec<_> = findings.filter(|finding| filter.admits(finding)).collect();
    let limit = usize::try_from(paging.limit()?).unwrap_or(usize::MAX);
    let part = cut(&all, paging.after.as_deref(), limit, &evaluated.basis.tag())?;
    let items = part.items.iter().map(|one| FindingView::of(one)).collect();
    Ok(Json(ListView { items, next: part.next, total: exactly(part.total) }))
}

fn exactly(count: usize) -> TotalView {
    TotalView { count: count as u64, is_exact: true }
}

/// A component as it is given out.
pub(crate) fn component(
    evaluated: &Evaluated,
    component: &auscult_model::Component,
) -> ComponentView {
    let version = component.version.to_string();
    let is_it = |touch: &&std::sync::Arc<crate::summary::Touch>| {
        touch.is_open && touch.component == component.name && touch.version == version
    };
    let assessment = evaluated.result.assessment.known();
    let no_data = assessment.is_none_or(|assessment| {
        assessment.no_data.iter().any(|one| one.name == component.name && one.version == version)
    });
    let mut locators: Vec<String> =
        component.evidence.iter().map(|one| one.locator.to_string()).collect();
    locators.dedup();
    ComponentView {
        name: component.name.clone(),
        open: evaluated.summary.touches.iter().filter(is_it).count(),
        version,
        supplier: component.supplier.clone(),
        purl: component.purl.as_ref().map(ToString::to_string),
        licences: component.licences.clone(),
        confidence: component.confidence(),
        locators,
        has_data: !no_data,
    }
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn pages_join_and_a_cursor_of_another_list_is_refused() {
        let all: Vec<&u8> = [1, 2, 3, 4, 5].iter().collect();
        let first = cut(&all, None, 2, "aa").unwrap();
        assert_eq!((first.items, first.total), (vec![&1, &2], 5));
        let second = cut(&all, first.next.as_deref(), 2, "aa").unwrap();
        let third = cut(&all, second.next.as_deref(), 2, "aa").unwrap();
        assert_eq!((second.items, third.items, third.next), (vec![&3, &4], vec![&5], None));
        assert_eq!(cut(&all, first.next.as_deref(), 2, "bb").unwrap_err().status, 409);
        assert_eq!(cut(&all, Some("x"), 2, "aa").unwrap_err().status, 400);
        assert!(cut(&all, Some("aa-99"), 2, "aa").unwrap().items.is_empty());
    }
}
