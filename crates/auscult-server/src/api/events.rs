//! What changed for builds.

use auscult_store::{BuildId, Event};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    builds::find as find_build,
    extract::{Asked, Paging},
    views::ListView,
};
use crate::{
    access::Caller,
    monitor::told::Difference,
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// Which events are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsInput {
    /// The id of a build; of all where none is named.
    pub(crate) build: Option<String>,
    /// `next` of the page before.
    pub(crate) after: Option<String>,
    /// Entries of the page, 1 to 1000; 50 where nothing is said.
    pub(crate) limit: Option<u32>,
}

/// What changed for a build, or that it was judged for the first time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    pub(crate) id: String,
    /// When it was seen.
    pub(crate) at: String,
    /// The id of the build.
    pub(crate) build: String,
    pub(crate) is: Difference,
}

impl EventView {
    pub(crate) fn of(event: &Event) -> Answer<Self> {
        Ok(Self {
            id: event.id.to_string(),
            at: event.at.to_string(),
            build: event.build.to_string(),
            is: Difference::read(&event.body)?,
        })
    }
}

impl EventsInput {
    /// The build that is asked for, which must be there.
    pub(crate) async fn build(
        &self,
        app: &App,
        who: &crate::access::Identity,
    ) -> Answer<Option<BuildId>> {
        let Some(text) = self.build.as_deref().filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        let id = text.parse().map_err(|_| Problem::not_found("build"))?;
        Ok(Some(find_build(app, who, id).await?.id))
    }
}

/// Lists what changed for builds, the newest first.
#[utoipa::path(get, path = "/api/v1/events", params(EventsInput), responses(
    (status = 200, description = "A page of them", body = ListView<EventView>),
    (status = 404, description = "There is no such build", body = ProblemBody),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(input): Asked<EventsInput>,
) -> Answer<Json<ListView<EventView>>> {
    let build = input.build(&app, &who).await?;
    let request = Paging { after: input.after, limit: input.limit }.request()?;
    let page = app.store.events(who.organisation, build, who.within(), &request).await?;
    let items = page.items.iter().map(EventView::of).collect::<Answer<Vec<_>>>()?;
    let next = page.next.map(|next| next.as_str().to_owned());
    Ok(Json(ListView { items, next, total: page.total.into() }))
}
