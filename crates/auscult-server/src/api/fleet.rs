//! Where something is: from a vulnerability or a component to builds.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::extract::Asked;
use crate::{
    access::Caller,
    fleet::{Fleet, Use},
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// What is looked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// The id of a vulnerability, by any of its names, or the name of a component.
    q: String,
}

/// The builds in which something is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WhereUsedView {
    /// Builds that hold it, the newest first.
    pub(crate) uses: Vec<UseView>,
    /// Builds of which nobody can say, as they are not inspected or not judged yet.
    pub(crate) unknown: usize,
    /// Whether the advisories know a vulnerability of this name. Where they do not, that no build is
    /// listed says nothing.
    pub(crate) advisories_know_it: bool,
}

/// A build that holds it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UseView {
    /// The build's id.
    pub(crate) build: String,
    pub(crate) label: String,
    /// The product's id.
    pub(crate) product: String,
    pub(crate) product_name: String,
    /// Versions of the component in it.
    pub(crate) versions: Vec<String>,
    /// Findings that are open.
    pub(crate) open: usize,
    /// Findings that do not apply or are repaired.
    pub(crate) closed: usize,
}

impl From<&Use<'_>> for UseView {
    fn from(found: &Use<'_>) -> Self {
        let open = found.touches.iter().filter(|touch| touch.is_open).count();
        Self {
            build: found.row.build.id.to_string(),
            label: found.row.build.label.clone(),
            product: found.row.build.product.to_string(),
            product_name: found.row.product.clone(),
            versions: found.versions.iter().map(|version| (*version).to_owned()).collect(),
            open,
            closed: found.touches.len() - open,
        }
    }
}

/// Tells which builds a vulnerability touches, or which hold a component.
#[utoipa::path(get, path = "/api/v1/where-used", params(Wanted), responses(
    (status = 200, description = "The builds", body = WhereUsedView),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn where_used(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(Wanted { q }): Asked<Wanted>,
) -> Answer<Json<WhereUsedView>> {
    let wanted = q.trim();
    if wanted.is_empty() || wanted.len() > 200 {
        return Err(Problem::invalid("`q` is empty or longer than 200 bytes"));
    }
    let fleet = Fleet::of(&app, who.organisation).await?;
    let advisories = app.evaluator.advisories(&app, who.organisation).await?;
    Ok(Json(WhereUsedView {
        uses: fleet.where_used(wanted).iter().map(UseView::from).collect(),
        unknown: fleet.silent(),
        advisories_know_it: advisories.judge.knows(wanted)?,
    }))
}
