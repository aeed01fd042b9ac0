//! The second part of a sign-in: a code, or the way back from a provider.

use askama::Template;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{AppendHeaders, IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;

use super::{
    Frame,
    entry::{Next, blocked, form},
    own_path, render,
    text::escaped,
};
use crate::{
    access::{
        self, SignedIn, second_factor,
        step::{self, Step},
    },
    api::Asked,
    problem::{Answer, Problem},
    router::address_of,
    state::App,
};

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage {
    frame: Frame,
    /// The secret of a second factor that is to be set up, and the address that apps read.
    secret: Option<String>,
    uri: String,
    /// Codes on paper, which are shown this once, and where to go then.
    codes: Vec<String>,
    next: String,
    error: Option<String>,
}

impl CodePage {
    fn new(error: Option<String>) -> Self {
        Self {
            frame: Frame::bare("Code"),
            secret: None,
            uri: String::new(),
            codes: Vec::new(),
            next: String::new(),
            error,
        }
    }
}

/// The address by which an app takes a secret.
pub(super) fn uri_of(name: &str, secret: &str) -> String {
    format!("otpauth://totp/auscult:{}?secret={secret}&issuer=auscult", escaped(name))
}

fn to_begin() -> Response {
    Redirect::to("/sign-in").into_response()
}

pub(super) async fn show_code(State(app): State<App>, headers: HeaderMap) -> Answer<Response> {
    let Some(token) = step::token_of(&headers) else { return Ok(to_begin()) };
    let step = step::look(&app, &token).await?;
    let Some(step) = step else { return Ok(to_begin()) };
    Ok(code_page(&app, &step, None).await?.unwrap_or_else(to_begin))
}

/// The page on which a code is typed; none where no code is asked for.
async fn code_page(app: &App, step: &Step, error: Option<String>) -> Answer<Option<Response>> {
    let Step::Code { account: id, .. } = step else { return Ok(None) };
    let account = app.store.account(app.organisation, *id).await?;
    let Some(account) = account else { return Ok(None) };
    let mut page = CodePage::new(error);
    if !second_factor::is_on(app, app.organisation, *id).await? {
        let secret = second_factor::offer(app, app.organisation, *id).await?;
        page.uri = uri_of(&account.is.name, &secret);
        page.secret = Some(secret);
    }
    render(&page).map(Some)
}

#[derive(Deserialize)]
struct CodeForm {
    code: String,
}

pub(super) async fn code(State(app): State<App>, request: Request) -> Answer<Response> {
    let (address, token) = (address_of(&request), step::token_of(request.headers()));
    let CodeForm { code } = form(request).await?;
    let Some(token) = token else { return Ok(to_begin()) };
    let step = step::look(&app, &token).await?;
    let Some(coded) = access::finish_with_code(&app, &token, &code, address).await? else {
        return Ok(to_begin());
    };
    match coded.came {
        SignedIn::Session(session) => {
            let cookies = cookies(access::cookie_of(&session)?, step::end_step_cookie());
            let next = own_path(&coded.next).to_owned();
            if coded.codes.is_empty() {
                return Ok((cookies, Redirect::to(&next)).into_response());
            }
            let page = CodePage { codes: coded.codes, next, ..CodePage::new(None) };
            Ok((cookies, render(&page)?).into_response())
        }
        SignedIn::Code(cookie) => {
            let Some(step) = step else { return Ok(to_begin()) };
            let error = Some("The code is wrong, or was used already.".to_owned());
            let page = code_page(&app, &step, error).await?.unwrap_or_else(to_begin);
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            Ok((status, [(header::SET_COOKIE, cookie)], page).into_response())
        }
        SignedIn::Blocked { seconds } => {
            let page = render(&CodePage::new(Some(blocked(seconds))))?;
            Ok((StatusCode::TOO_MANY_REQUESTS, page).into_response())
        }
        SignedIn::Refused => Ok(to_begin()),
    }
}

type Cookies = AppendHeaders<[(header::HeaderName, HeaderValue); 2]>;

fn cookies(one: HeaderValue, other: HeaderValue) -> Cookies {
    AppendHeaders([(header::SET_COOKIE, one), (header::SET_COOKIE, other)])
}

/// Sends the browser to the provider.
pub(super) async fn to_provider(
    State(app): State<App>,
    Asked(Next { next }): Asked<Next>,
) -> Answer<Response> {
    let (url, cookie) = access::begin_at_provider(&app, own_path(&next)).await?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&url)).into_response())
}

/// What a provider sends along.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct FromProvider {
    state: String,
    code: String,
    error: String,
    error_description: String,
}

/// The browser is back from the provider. It came from another site, so that the cookie of the session is
/// set here and the page after it is our own.
pub(super) async fn from_provider(
    State(app): State<App>,
    Asked(came): Asked<FromProvider>,
    request: Request,
) -> Answer<Response> {
    if !came.error.is_empty() {
        let detail = format!("the provider refused: {} {}", came.error, came.error_description);
        return Err(Problem::new(StatusCode::FORBIDDEN, detail).hint("begin the sign-in again"));
    }
    let token = step::token_of(request.headers());
    let given = (came.state.as_str(), came.code);
    let (session, next) =
        access::came_from_provider(&app, token, given, address_of(&request)).await?;
    let cookies = cookies(access::cookie_of(&session)?, step::end_step_cookie());
    Ok((cookies, Redirect::to(own_path(&next))).into_response())
}
