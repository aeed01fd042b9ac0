//! How people sign in: a directory, a provider, second factors.

use auscult_store::AccountId;
use axum::{Json, extract::State, http::StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{
    accounts::{check_product, reached},
    extract::{Asked, Body, Id},
};
use crate::{
    access::{Caller, Identity, SignInSettings, known_to_directory},
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// Tells how people sign in; never the secrets of it.
#[utoipa::path(get, path = "/api/v1/sign-in", responses(
    (status = 200, description = "How people sign in", body = SignInSettings),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
) -> Answer<Json<SignInSettings>> {
    Ok(Json(SignInSettings::of(&app, who.organisation).await?.shown()))
}

/// Says how people sign in. Secrets that are not sent stay as they were, as long as what they belong to
/// does.
#[utoipa::path(put, path = "/api/v1/sign-in", request_body = SignInSettings, responses(
    (status = 204, description = "It holds from now on"),
    (status = 422, description = "It cannot work", body = ProblemBody),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn change(
    State(app): State<App>,
    Caller(who): Caller,
    Body(input): Body<SignInSettings>,
) -> Answer<StatusCode> {
    keep(&app, &who, input).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn keep(app: &App, who: &Identity, mut input: SignInSettings) -> Answer<()> {
    input.keep_secrets_of(SignInSettings::of(app, who.organisation).await?);
    input.check()?;
    let (ldap, oidc) = (input.ldap.iter(), input.oidc.iter());
    let groups = ldap.flat_map(|ldap| &ldap.roles).chain(oidc.flat_map(|oidc| &oidc.roles));
    for product in groups.flat_map(|group| &group.products) {
        check_product(app, who, *product).await?;
    }
    let body = serde_json::to_string(&input)
        .map_err(|error| Problem::internal("write how people sign in", &error))?;
    app.store.set_sign_in_settings(who.organisation, &body, Timestamp::now()).await?;
    let ldap = input.ldap.as_ref().map(|ldap| (&ldap.url, &ldap.roles));
    let oidc = input.oidc.as_ref().map(|oidc| (&oidc.issuer, &oidc.roles));
    let detail = json!({ "ldap": ldap, "oidc": oidc, "public_url": input.public_url,
        "needs_second_factor": input.needs_second_factor });
    app.record(who, "change-sign-in", "sign-in", detail).await
}

/// Who is looked for in the directory.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PersonInput {
    /// The name that is typed at sign-in.
    name: String,
}

/// Somebody in the directory.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonView {
    /// The distinguished name.
    pub(crate) dn: String,
    /// Roles that follow from the groups; without any, nobody gets in.
    pub(crate) roles: Vec<String>,
    /// The sites that they are for; all where none is named.
    pub(crate) sites: Vec<String>,
    /// Ids of the products that they are for; all where none is named.
    pub(crate) products: Vec<String>,
}

/// Tells whom the directory finds by a name, and which roles follow: to try settings out without a
/// password.
#[utoipa::path(get, path = "/api/v1/sign-in/directory", params(PersonInput), responses(
    (status = 200, description = "The person", body = PersonView),
    (status = 404, description = "It finds nobody, or several", body = ProblemBody),
    (status = 503, description = "It did not answer", body = ProblemBody)))]
pub(crate) async fn directory(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(PersonInput { name }): Asked<PersonInput>,
) -> Answer<Json<PersonView>> {
    person(&app, &who, &name).await.map(Json)
}

pub(crate) async fn person(app: &App, who: &Identity, name: &str) -> Answer<PersonView> {
    let settings = SignInSettings::of(app, who.organisation).await?;
    let found = known_to_directory(&settings, name).await?;
    let (dn, is) = found.ok_or_else(|| Problem::not_found("person in the directory"))?;
    let (sites, products) = reached(is.reach);
    Ok(PersonView { dn, roles: is.roles, sites, products })
}

/// Takes the second factor of an account away, as for somebody who lost it.
#[utoipa::path(delete, path = "/api/v1/accounts/{account}/second-factor",
    params(("account" = String, Path)), responses(
    (status = 204, description = "It has none"),
    (status = 404, description = "There is no such account", body = ProblemBody)))]
pub(crate) async fn remove_factor(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<AccountId>,
) -> Answer<StatusCode> {
    take_factor_away(&app, &who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn take_factor_away(app: &App, who: &Identity, id: AccountId) -> Answer<()> {
    let account = app.store.account(who.organisation, id).await?;
    account.ok_or_else(|| Problem::not_found("account"))?;
    app.store.remove_second_factor(who.organisation, id).await?;
    app.record(who, "remove-second-factor", &id.to_string(), json!({})).await
}
