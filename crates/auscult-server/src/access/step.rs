//! A sign-in in two parts: what the first left behind, kept in the store under a token that only the
//! browser has which began it. Any replica can go on with it.

use auscult_store::AccountId;
use axum::http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{Secret, identity::cookie_named};
use crate::{
    problem::{Answer, Problem},
    state::App,
};

const COOKIE: &str = "__Host-auscult-step";
/// How long the second part may take.
const STEP_MAX: SignedDuration = SignedDuration::from_mins(10);

/// What the second part has to know.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Step {
    /// The password was right, and a code is asked for, or a second factor is to be set up.
    Code {
        account: AccountId,
        /// Where to go then.
        next: String,
    },
    /// The browser is at the provider.
    Provider { nonce: String, verifier: String, next: String },
}

/// Remembers a step. The browser gets the cookie.
pub(crate) async fn remember(app: &App, token: &Secret, step: &Step) -> Answer<HeaderValue> {
    let body = serde_json::to_string(step)
        .map_err(|error| Problem::internal("remember a sign-in", &error))?;
    let now = Timestamp::now();
    let until = now.checked_add(STEP_MAX).unwrap_or(now);
    app.store.begin_sign_in(app.organisation, token.bytes(), &body, until).await?;
    let seconds = STEP_MAX.as_secs();
    let text = format!(
        "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}",
        token.text()
    );
    HeaderValue::from_str(&text).map_err(|error| Problem::internal("write the cookie", &error))
}

/// The cookie that takes the step's away.
pub(crate) fn end_step_cookie() -> HeaderValue {
    HeaderValue::from_static(
        "__Host-auscult-step=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0",
    )
}

/// The token of the browser that goes on with a sign-in.
pub(crate) fn token_of(headers: &HeaderMap) -> Option<Secret> {
    cookie_named(headers, COOKIE).map(Secret::given)
}

/// What a token stands for, without using it up.
pub(crate) async fn look(app: &App, token: &Secret) -> Answer<Option<Step>> {
    read(app.store.sign_in_step(app.organisation, token.bytes(), Timestamp::now()).await?)
}

/// What a token stands for; it is used up.
pub(crate) async fn take(app: &App, token: &Secret) -> Answer<Option<Step>> {
    read(app.store.finish_sign_in(app.organisation, token.bytes(), Timestamp::now()).await?)
}

fn read(body: Option<String>) -> Answer<Option<Step>> {
    let read = |body: String| {
        serde_json::from_str(&body).map_err(|error| Problem::internal("read a sign-in", &error))
    };
    body.map(read).transpose()
}
