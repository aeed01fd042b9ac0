//! Pages: rendered here, without scripts, with every filter in the URL.

mod account;
mod administration;
mod builds;
mod devices;
mod entry;
mod events;
mod export;
mod finding;
mod form;
mod home;
mod inventory;
mod notifications;
mod products;
mod reach;
mod records;
mod second_step;
mod sign_in;
mod station;
mod systems;
mod text;
mod trust;
mod where_used;
mod worklist;

use askama::Template;
use axum::{
    Router,
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse as _, Response},
    routing::{get, post},
};

use serde::Deserialize;
pub(crate) use text::escaped;

use crate::{
    access::{Identity, Permission},
    api::SnapshotView,
    problem::{Answer, Problem},
    state::App,
};

const STYLE: &str = include_str!("style.css");
const ICON: &str = include_str!("icon.svg");

/// The pages and their forms.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/style.css", get(async || file("text/css; charset=utf-8", STYLE)))
        .route("/icon.svg", get(async || file("image/svg+xml", ICON)))
        .route("/sign-in", get(entry::show_sign_in).post(entry::sign_in))
        .route("/sign-in/code", get(second_step::show_code).post(second_step::code))
        .route("/sign-in/provider", get(second_step::to_provider))
        .route("/sign-in/provider/callback", get(second_step::from_provider))
        .route("/account", get(account::show).post(account::change))
        .route("/account/end-sessions", post(account::end_sessions))
        .route("/sign-out", post(entry::sign_out))
        .route("/set-up", get(entry::show_set_up).post(entry::set_up))
        .route("/", get(home::show))
        .route("/products", get(products::list).post(products::make))
        .route("/products/{product}", get(products::show))
        .route("/products/{product}/upload", post(products::upload))
        .route("/builds", get(builds::list))
        .route("/builds.csv", get(export::builds))
        .route("/builds/{build}", get(builds::show))
        .route("/builds/{build}/retry", post(builds::retry))
        .route("/builds/{build}/components", get(builds::components))
        .route("/builds/{build}/references", get(trust::references).post(trust::add_reference))
        .route("/builds/{build}/components.csv", get(export::components))
        .route("/builds/{build}/findings.csv", get(export::findings))
        .route("/builds/{build}/findings/{finding}", get(finding::show).post(finding::record))
        .route("/worklist", get(worklist::show))
        .route("/worklist.csv", get(export::worklist))
        .route("/where-used", get(where_used::show))
        .route("/where-used.csv", get(export::where_is))
        .route("/devices", get(devices::list))
        .route("/devices.csv", get(export::devices))
        .route("/devices/import", get(inventory::show).post(inventory::upload))
        .route("/devices/mappings", post(inventory::save))
        .route("/devices/{device}", get(devices::show))
        .route("/devices/{device}/custody", post(devices::step))
        .route("/devices/{device}/build", post(devices::build))
        .route("/systems", get(systems::list))
        .route("/systems.csv", get(export::systems))
        .route("/check-in", get(station::list))
        .route("/devices/{device}/check-in", get(station::show))
        .route("/devices/{device}/challenge", post(station::ask))
        .route("/devices/{device}/challenge.json", get(crate::api::open_challenge))
        .route("/devices/{device}/evidence", post(station::answer))
        .route("/events", get(events::show))
        .route("/events.csv", get(export::events))
        .route("/feeds", get(records::feeds).post(records::load))
        .route("/audit", get(records::audit))
        .route("/audit.csv", get(export::audit))
        .route("/administration", get(administration::show))
        .route("/administration/notifications", get(notifications::show).post(notifications::make))
        .route("/administration/notifications/{rule}", post(notifications::change))
        .route("/administration/trust", get(trust::show).post(trust::add))
        .route("/administration/trust/{key}/revoke", post(trust::revoke))
        .route("/administration/sign-in", get(sign_in::show).post(sign_in::change))
        .route("/administration/mail-server", post(notifications::mail_server))
        .route("/administration/keys", post(administration::new_key))
        .route("/administration/keys/{key}/revoke", post(administration::revoke_key))
        .route("/administration/accounts", post(administration::new_account))
        .route("/administration/accounts/{account}", post(administration::change_account))
        .route("/administration/accounts/{account}/reach", get(reach::show).post(reach::change))
        .route(
            "/administration/accounts/{account}/second-factor",
            post(administration::remove_factor),
        )
}

/// A file that is the same for everybody.
fn file(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
    ];
    (headers, content).into_response()
}

/// What every page shows around its content.
#[derive(Debug, Default)]
pub(crate) struct Frame {
    title: String,
    /// The path of the page.
    here: String,
    /// Who is signed in.
    who: Option<String>,
    /// What forms must send back.
    csrf: String,
    /// Something that everybody should know.
    warning: Option<String>,
    /// The address of this server.
    origin: String,
    permissions: Vec<Permission>,
}

/// A link of the navigation.
struct Link {
    href: &'static str,
    text: &'static str,
    is_here: bool,
}

impl Frame {
    /// The frame for somebody who is not signed in.
    fn bare(title: &str) -> Self {
        Self { title: title.to_owned(), ..Self::default() }
    }

    /// The frame for somebody who is.
    async fn of(app: &App, title: &str, here: &str, who: &Identity) -> Answer<Self> {
        let advisories = app.evaluator.advisories(app, who.organisation).await?;
        Ok(Self {
            title: title.to_owned(),
            here: here.to_owned(),
            who: Some(who.account.is.display_name.clone()),
            csrf: who.form_token(),
            warning: warning(&SnapshotView::of(&advisories)),
            origin: app.origin(),
            permissions: who.permissions.clone(),
        })
    }

    fn links(&self) -> Vec<Link> {
        let link = |href, text| Link { href, text, is_here: self.here == href };
        let mut links = vec![
            link("/", "Overview"),
            link("/worklist", "Worklist"),
            link("/products", "Products"),
            link("/builds", "Builds"),
            link("/devices", "Devices"),
            link("/check-in", "Check-in"),
            link("/where-used", "Where used"),
            link("/events", "Changes"),
            link("/feeds", "Feeds"),
        ];
        if self.permissions.contains(&Permission::Audit) {
            links.push(link("/audit", "Audit log"));
        }
        if self.permissions.contains(&Permission::Keys) {
            links.push(link("/administration", "Administration"));
        }
        links
    }
}

/// What everybody should know of the advisories: old or few ones call nothing clean.
fn warning(snapshot: &SnapshotView) -> Option<String> {
    if snapshot.sources.iter().all(|source| source.records == 0) {
        return Some("The advisories are empty: a build without findings is not clean.".to_owned());
    }
    let days = snapshot.age_days;
    snapshot.is_stale.then(|| {
        format!("The advisories are {days} days old: a build without findings is not clean.")
    })
}

/// Which part of a list is wanted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct After {
    after: String,
}

/// Writes a page.
fn render(page: &impl Template) -> Answer<Response> {
    let text = page.render().map_err(|error| Problem::internal("write the page", &error))?;
    Ok(Html(text).into_response())
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    title: &'a str,
    detail: &'a str,
    hint: Option<&'a str>,
}

/// A problem as a page.
pub(crate) fn of_problem(problem: &Problem) -> String {
    let title = match problem.status {
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::CONFLICT => "Somebody else was faster",
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => "That cannot be done",
        status => status.canonical_reason().unwrap_or("Error"),
    };
    let (detail, hint) = (problem.detail.as_str(), problem.hint.as_deref());
    let page = ProblemPage { frame: Frame::bare(title), title, detail, hint };
    page.render().unwrap_or_else(|_| detail.to_owned())
}

/// The way to the sign-in, and from there back.
pub(crate) fn to_sign_in(target: &str) -> String {
    if target == "/" {
        return "/sign-in".to_owned();
    }
    format!("/sign-in?next={}", text::escaped_path(target))
}

/// A path of this server to go to; anything else leads to the start.
fn own_path(next: &str) -> &str {
    let is_own = next.starts_with('/')
        && !next.starts_with("//")
        && !next.contains('\\')
        && next.bytes().all(|byte| byte.is_ascii_graphic());
    if is_own { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::{own_path, to_sign_in};

    #[test]
    fn nobody_is_led_away_from_this_server() {
        for next in ["//evil.example", "https://evil.example", "/\\evil.example", "", "/a\nb", "/ä"]
        {
            assert_eq!(own_path(next), "/", "{next:?}");
        }
        assert_eq!(own_path("/builds/1?status=open"), "/builds/1?status=open");
        assert_eq!(to_sign_in("/a b?c=d&e"), "/sign-in?next=/a%20b%3Fc%3Dd%26e");
    }
}
