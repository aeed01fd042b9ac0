//! One's own account: password and second factor.

use askama::Template;
use auscult_store::NewAccount;
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    Frame,
    form::{Fields, told},
    render,
    second_step::uri_of,
};
use crate::{
    access::{By, Caller, Identity, password, second_factor, show_again},
    problem::{Answer, Problem},
    state::App,
};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    name: String,
    display_name: String,
    roles: String,
    /// The sites and products that they are for; empty where they are for all.
    only: String,
    /// Who signs it in, where that is not this server.
    elsewhere: Option<String>,
    has_factor: bool,
    codes_left: u64,
    /// The secret of a second factor that is to be set up, and the address that apps read.
    secret: Option<(String, String)>,
    /// Codes on paper, which are shown this once.
    codes: Vec<String>,
    done: Option<&'static str>,
    error: Option<String>,
}

/// What is said on the page.
#[derive(Default)]
struct Said {
    secret: Option<String>,
    codes: Vec<String>,
    done: Option<&'static str>,
    error: Option<String>,
}

pub(super) async fn show(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    page(&app, &who, Said::default()).await
}

async fn page(app: &App, who: &Identity, said: Said) -> Answer<Response> {
    let (of, account) = (who.organisation, &who.account);
    let source = &account.source.word;
    let page = AccountPage {
        frame: Frame::of(app, "Your account", "/account", who).await?,
        name: account.is.name.clone(),
        display_name: account.is.display_name.clone(),
        roles: account.is.roles.join(", "),
        only: only(app, who).await?,
        elsewhere: (source != "local").then(|| source.clone()),
        has_factor: second_factor::is_on(app, of, account.id).await?,
        codes_left: app.store.recovery_codes(of, account.id).await?,
        secret: said.secret.map(|secret| {
            let uri = uri_of(&account.is.name, &secret);
            (secret, uri)
        }),
        codes: said.codes,
        done: said.done,
        error: said.error,
    };
    render(&page)
}

/// The sites and products that somebody is limited to, by name.
async fn only(app: &App, who: &Identity) -> Answer<String> {
    let mut names: Vec<String> = who.account.is.reach.sites.iter().cloned().collect();
    if !who.reach.has_all_products() {
        let products = super::reach::products(app, who).await?;
        names.extend(products.into_iter().map(|(_, name)| name));
    }
    Ok(names.join(", "))
}

/// Does what a form asks for.
pub(super) async fn change(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let done = match fields.get("action") {
        "password" => new_password(&app, &who, &fields).await,
        "factor" => offer(&app, &who).await,
        "confirm" => confirm(&app, &who, &fields).await,
        "factor-off" => off(&app, &who, &fields).await,
        _ => Err(Problem::invalid("there is nothing like that to do")),
    };
    match done {
        Ok(said) => page(&app, &who, said).await,
        Err(problem) if problem.status.is_server_error() => Err(problem),
        Err(problem) => {
            let (status, error) = (problem.status, Some(told(problem)));
            let shown = page(&app, &who, Said { error, ..Said::default() }).await?;
            Ok((status, shown).into_response())
        }
    }
}

async fn new_password(app: &App, who: &Identity, fields: &Fields) -> Answer<Said> {
    let account = &who.account;
    if account.source.word != "local" {
        return Err(Problem::invalid("another system keeps your password: change it there"));
    }
    let (old, new) = (fields.get("old").to_owned(), fields.get("new").to_owned());
    let is_right = password::is_right(old, account.is.password_hash.clone());
    if !show_again(app, account, is_right).await? {
        return Err(Problem::invalid("the old password is wrong"));
    }
    if new != fields.get("again") {
        return Err(Problem::invalid("the two new passwords differ"));
    }
    password::check(&new, &account.is.name).map_err(Problem::invalid)?;
    let hash = password::hashed(new).await?;
    let is = NewAccount { password_hash: Some(hash), ..account.is.clone() };
    app.store.update_account(who.organisation, account.id, &is, Timestamp::now()).await?;
    // Whoever knew the old one is out; so is this session, which begins anew.
    app.store.end_sessions_of(who.organisation, account.id).await?;
    app.record(who, "change-password", &account.id.to_string(), json!({})).await?;
    Ok(Said { done: Some("The password is changed. Sign in with it."), ..Said::default() })
}

async fn offer(app: &App, who: &Identity) -> Answer<Said> {
    let secret = second_factor::offer(app, who.organisation, who.account.id).await?;
    Ok(Said { secret: Some(secret), ..Said::default() })
}

async fn confirm(app: &App, who: &Identity, fields: &Fields) -> Answer<Said> {
    let (of, id) = (who.organisation, who.account.id);
    if second_factor::is_on(app, of, id).await? {
        return Err(Problem::invalid("there is a second factor already"));
    }
    let codes = second_factor::confirm(app, of, id, fields.get("code")).await?;
    app.record(who, "set-up-second-factor", &id.to_string(), json!({})).await?;
    Ok(Said { codes, ..Said::default() })
}

async fn off(app: &App, who: &Identity, fields: &Fields) -> Answer<Said> {
    let (of, id) = (who.organisation, who.account.id);
    let is_right = second_factor::take(app, of, id, fields.get("code"));
    if !show_again(app, &who.account, is_right).await? {
        return Err(Problem::invalid("the code is wrong, or was used already"));
    }
    app.store.remove_second_factor(of, id).await?;
    app.record(who, "turn-off-second-factor", &id.to_string(), json!({})).await?;
    Ok(Said { done: Some("The second factor is off."), ..Said::default() })
}

/// Ends every session of one's own, this one, too.
pub(super) async fn end_sessions(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    Fields::of(&who, request).await?;
    let By::Session(_) = &who.by else {
        return Err(Problem::new(StatusCode::FORBIDDEN, "a key has no sessions"));
    };
    app.store.end_sessions_of(who.organisation, who.account.id).await?;
    app.record(&who, "end-sessions", &who.account.id.to_string(), json!({})).await?;
    Ok(Redirect::to("/sign-in").into_response())
}
