//! Signing in with a password, and the cookie that follows.

use std::net::IpAddr;

use auscult_store::{AttemptLimit, AuditEvent};
use axum::http::HeaderValue;
use jiff::{SignedDuration, Timestamp};

use super::{Secret, password};
use crate::{
    problem::{Answer, Problem},
    state::App,
};

/// The name of the cookie; browsers take one of this prefix only with `Secure` and for this host.
pub(super) const COOKIE: &str = "__Host-auscult";

/// A session ends after this, whatever happens.
const SESSION_MAX: SignedDuration = SignedDuration::from_hours(12);

/// Failures of one account.
const OF_ACCOUNT: AttemptLimit = AttemptLimit {
    failures_max: 5,
    block: SignedDuration::from_secs(30),
    block_max: SignedDuration::from_mins(15),
    forget_after: SignedDuration::from_hours(24),
};

/// Failures from one address, behind which many people may sit.
const OF_ADDRESS: AttemptLimit = AttemptLimit { failures_max: 30, ..OF_ACCOUNT };

/// What is sent to sign in.
pub(crate) struct SignIn<'a> {
    pub(crate) name: &'a str,
    pub(crate) password: String,
    pub(crate) address: IpAddr,
}

/// What came of it.
pub(crate) enum SignedIn {
    /// A new session.
    Session(Secret),
    /// Name or password is wrong; which, nobody is told.
    Refused,
    /// Too many failures; until then nothing is looked at.
    Blocked {
        /// Seconds until the next attempt.
        seconds: u64,
    },
}

/// Compares a password and begins a session. Failures are counted before the password is looked at, so
/// that many attempts at once have no more tries than one after the other.
pub(crate) async fn sign_in(app: &App, given: SignIn<'_>) -> Answer<SignedIn> {
    let (store, organisation) = (&app.store, app.organisation);
    let now = Timestamp::now();
    let subjects = [
        (format!("account {}", given.name.to_lowercase()), OF_ACCOUNT),
        (format!("address {}", given.address), OF_ADDRESS),
    ];
    for (subject, _) in &subjects {
        let until = store.attempts(organisation, subject).await?.blocked_until;
        if let Some(until) = until.filter(|until| *until > now) {
            let seconds = u64::try_from(until.duration_since(now).as_secs()).unwrap_or(0) + 1;
            return Ok(SignedIn::Blocked { seconds });
        }
    }
    for (subject, limit) in &subjects {
        store.count_failure(organisation, subject, limit, now).await?;
    }
    let account = store.account_by_name(organisation, given.name).await?;
    let hash = account.as_ref().and_then(|account| account.is.password_hash.clone());
    let is_right = password::is_right(given.password, hash).await?;
    let Some(account) = account.filter(|account| is_right && !account.is.disabled) else {
        app.metrics.sign_in(false);
        tracing::warn!(address = %given.address, "a sign-in failed");
        return Ok(SignedIn::Refused);
    };
    for (subject, _) in &subjects {
        store.clear_failures(organisation, subject).await?;
    }
    app.metrics.sign_in(true);
    let token = begin(app, &account).await?;
    let event = AuditEvent {
        actor: account.is.name.clone(),
        action: "sign-in".to_owned(),
        object: account.id.to_string(),
        detail: serde_json::json!({ "address": given.address.to_string() }),
    };
    store.append_audit(organisation, &event, now).await?;
    Ok(SignedIn::Session(token))
}

/// Begins a session with a token of its own: one that was there before is never taken over.
pub(crate) async fn begin(app: &App, account: &auscult_store::Account) -> Answer<Secret> {
    let (token, now) = (Secret::new("")?, Timestamp::now());
    let expires_at = now
        .checked_add(SESSION_MAX)
        .map_err(|error| Problem::internal("begin a session", &error))?;
    app.store.create_session(app.organisation, account.id, token.bytes(), expires_at, now).await?;
    Ok(token)
}

/// The cookie of a session.
pub(crate) fn cookie_of(session: &Secret) -> Answer<HeaderValue> {
    let seconds = SESSION_MAX.as_secs();
    let text = format!(
        "{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}",
        session.text()
    );
    HeaderValue::from_str(&text).map_err(|error| Problem::internal("write the cookie", &error))
}

/// The cookie that takes the session's away.
pub(crate) fn end_cookie() -> HeaderValue {
    HeaderValue::from_static("__Host-auscult=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")
}
