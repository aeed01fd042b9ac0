//! Whose signatures count, and the reference manifests of a build.

use askama::Template;
use auscult_model::Sha256;
use auscult_store::BuildId;
use axum::{
    extract::{Request, State},
    response::Response,
};

use super::{
    Frame,
    form::{Fields, lead_on, told, with_file},
    render, text,
};
use crate::{
    access::{Caller, Identity, Permission},
    api::{Id, Purpose, TrustInput, distrust, find_build, take_reference, trust},
    problem::{Answer, Problem},
    state::App,
};

struct KeyRow {
    id: String,
    name: String,
    purpose: String,
    by: String,
    is_revoked: bool,
}

#[derive(Template)]
#[template(path = "trust.html")]
struct TrustPage {
    frame: Frame,
    keys: Vec<KeyRow>,
    error: Option<String>,
}

pub(super) async fn show(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    page(&app, &who, None).await
}

async fn page(app: &App, who: &Identity, error: Option<String>) -> Answer<Response> {
    let keys = app.store.trusted_keys(who.organisation).await?;
    let row = |key: auscult_store::TrustedKey| KeyRow {
        id: key.id.to_string(),
        name: key.name,
        purpose: key.purpose,
        by: format!("{} on {}", key.actor, text::time(key.added_at)),
        is_revoked: key.revoked_at.is_some(),
    };
    let page = TrustPage {
        frame: Frame::of(app, "Trusted keys", "/administration", who).await?,
        keys: keys.into_iter().map(row).collect(),
        error,
    };
    render(&page)
}

async fn back(app: &App, who: &Identity, done: Answer<()>) -> Answer<Response> {
    let done = done.map(|()| "/administration/trust".to_owned());
    lead_on(done, async |problem| page(app, who, Some(told(problem))).await).await
}

pub(super) async fn add(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let purpose = match fields.get("purpose") {
        "maker" => Ok(Purpose::Maker),
        "bench" => Ok(Purpose::Bench),
        _ => Err(Problem::invalid("say what the key signs")),
    };
    let (name, pem) = (fields.get("name").to_owned(), fields.get("pem").to_owned());
    let done = match purpose {
        Ok(purpose) => trust(&app, &who, &TrustInput { name, purpose, pem }).await.map(drop),
        Err(problem) => Err(problem),
    };
    back(&app, &who, done).await
}

pub(super) async fn revoke(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<Sha256>,
    request: Request,
) -> Answer<Response> {
    Fields::of(&who, request).await?;
    let done = distrust(&app, &who, id).await;
    back(&app, &who, done).await
}

struct ReferenceRow {
    manifest: String,
    by: String,
}

#[derive(Template)]
#[template(path = "references.html")]
struct ReferencesPage {
    frame: Frame,
    id: String,
    label: String,
    rows: Vec<ReferenceRow>,
    may_add: bool,
    error: Option<String>,
}

pub(super) async fn references(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
) -> Answer<Response> {
    references_page(&app, &who, id, None).await
}

async fn references_page(
    app: &App,
    who: &Identity,
    id: BuildId,
    error: Option<String>,
) -> Answer<Response> {
    let build = find_build(app, who, id).await?;
    let kept = app.store.references(who.organisation, id).await?;
    let row = |one: auscult_store::KeptReference| ReferenceRow {
        manifest: one.manifest.to_string(),
        by: format!("{} on {}", one.actor, text::time(one.added_at)),
    };
    let page = ReferencesPage {
        frame: Frame::of(app, &format!("References of {}", build.label), "/builds", who).await?,
        id: id.to_string(),
        label: build.label,
        rows: kept.into_iter().map(row).collect(),
        may_add: who.may(Permission::Upload),
        error,
    };
    render(&page)
}

/// Takes the form with a reference manifest.
pub(super) async fn add_reference(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<BuildId>,
    request: Request,
) -> Answer<Response> {
    find_build(&app, &who, id).await?;
    let taken = with_file(&who, request, async |_, file| {
        take_reference(&app, &who, id, file).await.map(|_| format!("/builds/{id}/references"))
    });
    let again = async |problem| references_page(&app, &who, id, Some(told(problem))).await;
    lead_on(taken.await, again).await
}
