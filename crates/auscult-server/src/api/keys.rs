//! Keys of programs.

use auscult_store::{ApiKey, ApiKeyId, NewApiKey};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::extract::{Body, Id};
use crate::{
    access::{Caller, Identity, Permission, Secret},
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// What keys begin with, so that scanners for leaked secrets find them.
const PREFIX: &str = "auscult_";
/// Days that a key is good where nothing is said.
pub(crate) const DAYS: u16 = 365;
/// Days that a key may be good.
const DAYS_MAX: u16 = 730;

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyInput {
    /// What it is for.
    pub(crate) name: String,
    /// What it may do: `read`, `products`, `upload`, `decide`, `advisories`, `audit`; never more than
    /// the account for which it acts.
    pub(crate) scopes: Vec<String>,
    /// Days until it expires, 1 to 730; 365 where nothing is said.
    pub(crate) days: Option<u16>,
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyView {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The id of the account for which it acts.
    pub(crate) account: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) created_at: String,
    pub(crate) expires_at: Option<String>,
    pub(crate) revoked_at: Option<String>,
    /// When it was last used, to the minute.
    pub(crate) used_at: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        let text = |time: Option<Timestamp>| time.map(|time| time.to_string());
        Self {
            id: key.id.to_string(),
            name: key.is.name,
            account: key.is.account.to_string(),
            scopes: key.is.scopes,
            created_at: key.created_at.to_string(),
            expires_at: text(key.is.expires_at),
            revoked_at: text(key.revoked_at),
            used_at: text(key.used_at),
        }
    }
}

/// A key with its secret, which is told this once.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NewKeyView {
    pub(crate) id: String,
    /// What to send as `Authorization: Bearer`.
    pub(crate) secret: String,
    pub(crate) expires_at: String,
}

/// The keys that somebody may see: an administrator all, others their own.
pub(crate) async fn visible(app: &App, who: &Identity) -> Answer<Vec<ApiKey>> {
    let mut keys = app.store.api_keys(who.organisation).await?;
    keys.retain(|key| who.may(Permission::Administer) || key.is.account == who.account.id);
    Ok(keys)
}

/// Lists keys, the newest first: one's own, or everybody's for an administrator.
#[utoipa::path(get, path = "/api/v1/keys", responses(
    (status = 200, description = "The keys", body = Vec<KeyView>),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
) -> Answer<Json<Vec<KeyView>>> {
    let keys = visible(&app, &who).await?;
    Ok(Json(keys.into_iter().map(KeyView::from).collect()))
}

/// Makes a key that acts in one's own name.
#[utoipa::path(post, path = "/api/v1/keys", request_body = KeyInput, responses(
    (status = 201, description = "The key; its secret is told this once", body = NewKeyView),
    (status = 422, description = "A scope that there is not, or that you have not", body = ProblemBody),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(who): Caller,
    Body(input): Body<KeyInput>,
) -> Answer<Response> {
    let made = make(&app, &who, &input).await?;
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

pub(crate) async fn make(app: &App, who: &Identity, input: &KeyInput) -> Answer<NewKeyView> {
    if input.scopes.is_empty() {
        return Err(Problem::invalid("a key without a scope could do nothing"));
    }
    for word in &input.scopes {
        let scope = Permission::scope(word)
            .ok_or_else(|| Problem::invalid(format!("there is no scope {word:?}")))?;
        if !who.may(scope) {
            return Err(Problem::invalid(format!("you may not do {word:?} yourself")));
        }
    }
    let days = input.days.unwrap_or(DAYS);
    if !(1..=DAYS_MAX).contains(&days) {
        return Err(Problem::invalid(format!("days={days} is not 1 to {DAYS_MAX}")));
    }
    let now = Timestamp::now();
    let expires_at = now.checked_add(SignedDuration::from_hours(i64::from(days) * 24));
    let expires_at = expires_at.map_err(|error| Problem::internal("make a key", &error))?;
    let new = NewApiKey {
        name: input.name.trim().to_owned(),
        account: who.account.id,
        scopes: input.scopes.clone(),
        expires_at: Some(expires_at),
    };
    let secret = Secret::new(PREFIX)?;
    let id = app.store.create_api_key(who.organisation, &new, secret.bytes(), now).await?;
    let detail = json!({ "name": new.name, "scopes": new.scopes });
    app.record(who, "make-key", &id.to_string(), detail).await?;
    let secret = secret.text().to_owned();
    Ok(NewKeyView { id: id.to_string(), secret, expires_at: expires_at.to_string() })
}

/// Revokes a key. It stays listed.
#[utoipa::path(delete, path = "/api/v1/keys/{key}", params(("key" = String, Path)), responses(
    (status = 204, description = "It is revoked"),
    (status = 404, description = "There is none, or it is another's", body = ProblemBody)))]
pub(crate) async fn revoke(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<ApiKeyId>,
) -> Answer<StatusCode> {
    end(&app, &who, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn end(app: &App, who: &Identity, id: ApiKeyId) -> Answer<()> {
    if !visible(app, who).await?.iter().any(|key| key.id == id) {
        return Err(Problem::not_found("key"));
    }
    app.store.revoke_api_key(who.organisation, id, Timestamp::now()).await?;
    app.record(who, "revoke-key", &id.to_string(), json!({})).await
}
