//! The REST interface, `/api/v1`, described by its own handlers (OpenAPI 3.1).

mod accounts;
mod audit;
mod beyond;
mod builds;
mod check_in;
mod decisions;
mod derived;
mod description;
mod devices;
mod events;
mod extract;
mod fleet;
mod inventory;
mod keys;
mod notifications;
mod products;
mod release;
mod sign_in;
mod snapshots;
mod systems;
mod trust;
mod upload;
mod views;
mod worklist;

pub(crate) use accounts::{AccountInput, make as make_account, said, update};
pub(crate) use audit::VerificationView;
use axum::{
    Router,
    http::{HeaderValue, header},
    routing::get,
};
pub(crate) use builds::{again, evaluated, find as find_build};
pub(crate) use check_in::{
    VerdictGroup, VerdictOfDevice, issue as issue_challenge, kept_verdict, open_challenge,
    take as take_evidence,
};
pub(crate) use decisions::{DecisionInput, JUSTIFICATIONS, RESPONSES, decide};
pub(crate) use derived::{ComponentView, FindingFilter, FindingView, Part, component, cut};
pub(crate) use devices::{
    CustodyInput, DeviceBuildView, DevicesInput, found as find_device, place_build, take_step,
};
pub(crate) use events::{EventView, EventsInput};
pub(crate) use extract::{Asked, Id, page_request};
pub(crate) use inventory::{
    ColumnsView, ImportView, Wanted, columns_of, import_of, keep_mapping, mapping_names, table_of,
};
pub(crate) use keys::{KeyInput, NewKeyView, end, make as make_key, visible};
pub(crate) use notifications::{
    RuleInput, RuleView, delete as delete_rule, keep_mail_server, make as make_rule, rules,
    try_out, update as update_rule,
};
pub(crate) use products::{find as find_product, make as make_product};
pub(crate) use release::WaiverInput;
pub(crate) use sign_in::{
    PersonView, keep as keep_sign_in, person as person_in_directory, take_factor_away,
};
pub(crate) use snapshots::{SnapshotsView, take as take_snapshot, view as snapshots};
pub(crate) use trust::{Purpose, TrustInput, distrust, take_reference, trust};
pub(crate) use upload::{Given, limit, take};
use utoipa::{
    Modify, OpenApi,
    openapi::{
        OpenApi as Description,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};
pub(crate) use views::{ReasonView, SnapshotView, VerdictView};
pub(crate) use worklist::WorkFilter;

use crate::{problem::ProblemBody, state::App};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "auscult",
        description = "Products, builds, findings, decisions and devices. Errors are application/problem+json \
                       (RFC 9457). Lists come in pages: `next` of one is `after` of the following; \
                       `total.is_exact` tells whether the list was counted to its end."
    ),
    components(schemas(ProblemBody)),
    modifiers(&Keys),
    security(("key" = []))
)]
struct Api;

/// Says that keys are sent as bearer tokens.
struct Keys;

impl Modify for Keys {
    fn modify(&self, description: &mut Description) {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        let components = description.components.get_or_insert_with(Default::default);
        components.add_security_scheme("key", SecurityScheme::Http(bearer));
    }
}

/// The routes and their description.
pub(crate) fn routes() -> (Router<App>, Description) {
    let (router, mut description) = OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(accounts::me))
        .routes(routes!(products::list, products::create))
        .routes(routes!(products::show, products::change))
        .routes(routes!(builds::list_of_product, upload::upload))
        .routes(routes!(builds::list))
        .routes(routes!(builds::show))
        .routes(routes!(builds::retry))
        .routes(routes!(builds::facts))
        .routes(routes!(builds::result))
        .routes(routes!(derived::components))
        .routes(routes!(derived::findings))
        .routes(routes!(decisions::list, decisions::record))
        .routes(routes!(worklist::worklist))
        .routes(routes!(fleet::where_used))
        .routes(routes!(devices::list, devices::create))
        .routes(routes!(inventory::import))
        .routes(routes!(inventory::columns))
        .routes(routes!(inventory::mappings))
        .routes(routes!(inventory::save_mapping))
        .routes(routes!(devices::show, devices::change))
        .routes(routes!(devices::set_build))
        .routes(routes!(devices::history))
        .routes(routes!(devices::step))
        .routes(routes!(systems::list))
        .routes(routes!(check_in::challenge))
        .routes(routes!(check_in::list, check_in::verify))
        .routes(routes!(check_in::verdict))
        .routes(routes!(check_in::waivers))
        .routes(routes!(release::record))
        .routes(routes!(release::record_key))
        .routes(routes!(trust::references, trust::add_reference))
        .routes(routes!(trust::list, trust::add))
        .routes(routes!(trust::revoke))
        .routes(routes!(snapshots::list, snapshots::load))
        .routes(routes!(events::list))
        .routes(routes!(notifications::list, notifications::create))
        .routes(routes!(notifications::change, notifications::remove))
        .routes(routes!(notifications::test))
        .routes(routes!(notifications::mail_server, notifications::set_mail_server))
        .routes(routes!(keys::list, keys::create))
        .routes(routes!(keys::revoke))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::change))
        .routes(routes!(sign_in::remove_factor))
        .routes(routes!(sign_in::show, sign_in::change))
        .routes(routes!(sign_in::directory))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .split_for_parts();
    description::complete(&mut description);
    (router, description)
}

/// The description itself.
pub(crate) fn description_route(description: &Description) -> Router<App> {
    let text = description.to_pretty_json().unwrap_or_default();
    let kind = HeaderValue::from_static("application/json");
    let answer = move || async move { ([(header::CONTENT_TYPE, kind)], text) };
    Router::new().route("/api/v1/openapi.json", get(answer))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::ENDPOINTS;

    /// The description lists what the table of access lists, and the other way round.
    #[test]
    fn the_description_and_the_table_of_access_name_the_same_endpoints() {
        let (_, description) = super::routes();
        let described: serde_json::Value = serde_json::to_value(&description).unwrap();
        assert_eq!(described["openapi"], "3.1.0");
        let paths = described["paths"].as_object().unwrap().iter();
        let described: BTreeSet<(String, String)> = paths
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| (method.to_uppercase(), path.clone()))
            })
            .collect();
        let listed: BTreeSet<(String, String)> = ENDPOINTS
            .iter()
            .filter(|one| one.path.starts_with("/api/") && !one.path.ends_with("openapi.json"))
            .map(|one| (one.method.to_owned(), one.path.to_owned()))
            .collect();
        assert_eq!(described, listed);
    }
}
