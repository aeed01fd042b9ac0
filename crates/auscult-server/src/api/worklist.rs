//! What to do first, over all builds.

use auscult_store::ProductId;
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    derived::{Part, cut},
    extract::{Asked, Paging},
};
use crate::{
    access::Caller,
    problem::{Answer, Problem, ProblemBody},
    state::App,
    worklist::{self, Work, Worklist},
};

/// Builds that an entry names.
const NEWEST_MAX: usize = 20;

/// Which part of the work is wanted: every part that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct WorkFilter {
    /// `immediate`, `out-of-cycle`, `scheduled`, or another word of the table that decided.
    pub(crate) outcome: Option<String>,
    /// Only what is known to be exploited.
    pub(crate) kev: Option<bool>,
    /// The id of a product.
    pub(crate) product: Option<String>,
    /// A text in the id or in the name of a component.
    pub(crate) q: Option<String>,
    pub(crate) after: Option<String>,
    pub(crate) limit: Option<u32>,
}

impl WorkFilter {
    /// The work that is wanted, in its order.
    pub(crate) fn chosen<'a>(&self, all: &Worklist<'a>) -> Answer<Vec<&'a Work>> {
        let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let product = said(&self.product).map(|text| text.parse::<ProductId>()).transpose();
        let product = product.map_err(|_| Problem::not_found("product"))?;
        let (outcome, text) = (said(&self.outcome), said(&self.q).map(|text| text.to_lowercase()));
        let is_wanted = |work: &&Work| {
            let has = |text: &String| {
                let mut names = work.components.iter().map(|(name, _)| name);
                work.id.to_lowercase().contains(text)
                    || names.any(|name| name.to_lowercase().contains(text))
            };
            outcome.as_ref().is_none_or(|outcome| *outcome == work.outcome)
                && (!self.kev.unwrap_or(false) || work.is_exploited)
                && product.is_none_or(|product| work.products.contains(&product))
                && text.as_ref().is_none_or(has)
        };
        Ok(all.works.iter().copied().filter(is_wanted).collect())
    }

    /// A page of the work that is wanted; the next one must be of a list as long.
    pub(crate) fn part<'a>(&self, all: &Worklist<'a>, limit: usize) -> Answer<Part<&'a Work>> {
        let chosen = self.chosen(all)?;
        cut(&chosen, self.after.as_deref(), limit, &format!("work{}", chosen.len()))
    }
}

/// A vulnerability to do something about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorkView {
    pub(crate) id: String,
    /// What the most urgent of its findings asks for.
    pub(crate) outcome: String,
    pub(crate) known_exploited: bool,
    /// The first day by which something is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<String>,
    pub(crate) components: Vec<String>,
    /// Builds in which it is open.
    pub(crate) builds: usize,
    /// Ids of the newest of them, at most 20; `/api/v1/where-used` tells all.
    pub(crate) newest_builds: Vec<String>,
    /// Devices that are known to run one of them.
    pub(crate) devices: u64,
}

impl WorkView {
    fn of(work: &Work, list: &Worklist<'_>) -> Self {
        let component = |(name, version): &(String, String)| format!("{name} {version}");
        let newest = list.newest_builds(work, NEWEST_MAX);
        Self {
            id: work.id.clone(),
            outcome: work.outcome.clone(),
            known_exploited: work.is_exploited,
            due: work.due.map(|due| due.to_string()),
            components: work.components.iter().map(component).collect(),
            builds: work.builds(),
            newest_builds: newest.iter().map(ToString::to_string).collect(),
            devices: list.devices(work),
        }
    }
}

/// What is to be done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WorklistView {
    /// What comes first at the beginning.
    pub(crate) items: Vec<WorkView>,
    /// `after` of the next page; absent on the last.
    pub(crate) next: Option<String>,
    /// Entries of the whole list.
    pub(crate) total: usize,
    /// Builds of which nobody can say, as they are not inspected or not judged yet.
    pub(crate) unknown: usize,
    /// Devices of which nobody knows the build: each may have any of it.
    pub(crate) devices_of_unknown_build: u64,
}

/// Tells what to do first, over all builds: one entry for each vulnerability.
#[utoipa::path(get, path = "/api/v1/worklist", params(WorkFilter), responses(
    (status = 200, description = "A page of it", body = WorklistView),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn worklist(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(filter): Asked<WorkFilter>,
) -> Answer<Json<WorklistView>> {
    let limit = Paging { after: None, limit: filter.limit }.limit()?;
    let view = move |list: &Worklist<'_>| {
        let part = filter.part(list, limit as usize)?.map(|work| WorkView::of(work, list));
        Ok(WorklistView {
            items: part.items,
            next: part.next,
            total: part.total,
            unknown: list.fleet.silent(),
            devices_of_unknown_build: list.devices_of_unknown_build,
        })
    };
    worklist::ask(&app, (who.organisation, who.within()), view).await?.map(Json)
}
