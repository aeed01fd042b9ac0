//! Signing in and out, and the set-up.

use askama::Template;
use auscult_store::AuditEvent;
use axum::{
    Form,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::{Frame, own_path, render};
use crate::{
    access::{self, By, Caller, Role, Secret, SignIn, SignInSettings, SignedIn},
    api::{AccountInput, Asked, said},
    problem::{Answer, Problem},
    router::address_of,
    state::App,
};

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    next: String,
    name: String,
    error: Option<String>,
    /// What the button says that leads to a provider.
    provider: Option<String>,
}

/// The page of the sign-in, with what was wrong.
async fn sign_in_page(
    app: &App,
    next: String,
    name: String,
    error: Option<String>,
) -> Answer<Response> {
    let settings = SignInSettings::of(app, app.organisation).await?;
    let provider = settings.oidc.map(|oidc| oidc.label);
    render(&SignInPage { frame: Frame::bare("Sign in"), next, name, error, provider })
}

/// Where to go after the sign-in.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Next {
    pub(super) next: String,
}

pub(super) async fn show_sign_in(
    State(app): State<App>,
    Asked(Next { next }): Asked<Next>,
) -> Answer<Response> {
    sign_in_page(&app, next, String::new(), None).await
}

#[derive(Deserialize)]
struct SignInForm {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// Reads a form; one that is none of ours is refused.
pub(super) async fn form<T: serde::de::DeserializeOwned>(request: Request) -> Answer<T> {
    use axum::extract::FromRequest as _;
    let refused = |rejection: axum::extract::rejection::FormRejection| {
        Problem::new(StatusCode::BAD_REQUEST, rejection.body_text())
    };
    let read = Form::<T>::from_request(request, &()).await;
    read.map(|Form(form)| form).map_err(refused)
}

pub(super) async fn sign_in(State(app): State<App>, request: Request) -> Answer<Response> {
    let address = address_of(&request);
    let SignInForm { name, password, next } = form(request).await?;
    let given = SignIn { name: name.trim(), password, address, next: &next };
    let (status, error) = match access::sign_in(&app, given).await {
        Ok(SignedIn::Session(session)) => {
            let cookie = access::cookie_of(&session)?;
            let target = Redirect::to(own_path(&next));
            return Ok(([(header::SET_COOKIE, cookie)], target).into_response());
        }
        Ok(SignedIn::Code(cookie)) => {
            let target = Redirect::to("/sign-in/code");
            return Ok(([(header::SET_COOKIE, cookie)], target).into_response());
        }
        Ok(SignedIn::Refused) => {
            (StatusCode::UNPROCESSABLE_ENTITY, "Name or password is wrong.".to_owned())
        }
        Ok(SignedIn::Blocked { seconds }) => (StatusCode::TOO_MANY_REQUESTS, blocked(seconds)),
        Err(problem) if problem.status == StatusCode::SERVICE_UNAVAILABLE => {
            let hint = problem.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
            (problem.status, format!("{}{hint}", problem.detail))
        }
        Err(problem) => return Err(problem),
    };
    Ok((status, sign_in_page(&app, next, name, Some(error)).await?).into_response())
}

pub(super) fn blocked(seconds: u64) -> String {
    format!("Too many attempts failed. Try again in {seconds} seconds.")
}

#[derive(Deserialize)]
struct Signed {
    csrf: String,
}

pub(super) async fn sign_out(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let Signed { csrf } = form(request).await?;
    check_form(&who, &csrf)?;
    if let By::Session(token) = &who.by {
        app.store.end_session(token.bytes()).await?;
    }
    app.record(&who, "sign-out", &who.account.id.to_string(), json!({})).await?;
    let target = Redirect::to("/sign-in");
    Ok(([(header::SET_COOKIE, access::end_cookie())], target).into_response())
}

/// Refuses a form that no page of this session carried.
pub(super) fn check_form(who: &access::Identity, csrf: &str) -> Answer<()> {
    let expected = who.form_token();
    if !expected.is_empty() && access::same(csrf, &expected) {
        return Ok(());
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "the form does not belong to this session")
        .hint("load the page again and send its form"))
}

#[derive(Template)]
#[template(path = "set_up.html")]
struct SetUpPage {
    frame: Frame,
    is_open: bool,
    token: String,
    name: String,
    display_name: String,
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SetUpLink {
    token: String,
}

pub(super) async fn show_set_up(
    State(app): State<App>,
    Asked(SetUpLink { token }): Asked<SetUpLink>,
) -> Answer<Response> {
    set_up_page(&app, token, String::new(), String::new(), None).await
}

async fn set_up_page(
    app: &App,
    token: String,
    name: String,
    display_name: String,
    error: Option<String>,
) -> Answer<Response> {
    let now = Timestamp::now();
    let is_open = app.store.setup_is_open(app.organisation, token.as_bytes(), now).await?;
    let status = match (&error, is_open) {
        (None, true) => StatusCode::OK,
        (Some(_), true) => StatusCode::UNPROCESSABLE_ENTITY,
        (_, false) => StatusCode::GONE,
    };
    let page =
        SetUpPage { frame: Frame::bare("Set up"), is_open, token, name, display_name, error };
    Ok((status, render(&page)?).into_response())
}

#[derive(Deserialize)]
struct SetUpForm {
    token: String,
    name: String,
    #[serde(default)]
    display_name: String,
    password: String,
    again: String,
}

/// Makes the first administrator, by one operation of the store that lets one in.
pub(super) async fn set_up(State(app): State<App>, request: Request) -> Answer<Response> {
    let SetUpForm { token, name, display_name, password, again } = form(request).await?;
    let now = Timestamp::now();
    if !app.store.setup_is_open(app.organisation, token.as_bytes(), now).await? {
        return set_up_page(&app, token, name, display_name, None).await;
    }
    if password != again {
        let error = Some("The two passwords differ.".to_owned());
        return set_up_page(&app, token, name, display_name, error).await;
    }
    let input = AccountInput {
        name: name.clone(),
        display_name: display_name.clone(),
        roles: vec![Role::Administrator.word().to_owned()],
        password: Some(password),
        ..AccountInput::default()
    };
    let new = match said(input, None).await {
        Ok(new) => new,
        Err(problem) if problem.status.is_client_error() => {
            return set_up_page(&app, token, name, display_name, Some(problem.detail)).await;
        }
        Err(problem) => return Err(problem),
    };
    let made = app.store.create_first_account(app.organisation, token.as_bytes(), &new, now).await;
    let account = match made {
        Ok(Some(account)) => account,
        Ok(None) => return set_up_page(&app, token, name, display_name, None).await,
        Err(error @ auscult_store::Error::Invalid { .. }) => {
            let error = Some(error.to_string());
            return set_up_page(&app, token, name, display_name, error).await;
        }
        Err(error) => return Err(error.into()),
    };
    let event = AuditEvent {
        actor: account.is.name.clone(),
        action: "set-up".to_owned(),
        object: account.id.to_string(),
        detail: json!({ "roles": account.is.roles }),
    };
    app.store.append_audit(app.organisation, &event, now).await?;
    let session: Secret = access::begin(&app, &account).await?;
    let cookie: HeaderValue = access::cookie_of(&session)?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}
