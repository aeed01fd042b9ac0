//! Accounts and keys.

use std::collections::BTreeMap;

use askama::Template;
use auscult_store::{Account, AccountId, ApiKey, ApiKeyId, PageRequest};
use axum::{
    extract::{Request, State},
    response::Response,
};

use super::{
    Frame,
    form::{Fields, lead_on, told},
    reach, render, text,
};
use crate::{
    access::{Caller, Identity, Permission, Role},
    api::{
        AccountInput, Id, KeyInput, NewKeyView, end, make_account, make_key, take_factor_away,
        update, visible,
    },
    problem::Answer,
    state::App,
};

/// Accounts that are listed.
const ACCOUNTS: u32 = 1_000;

struct KeyRow {
    id: String,
    name: String,
    account: String,
    scopes: String,
    expires: String,
    used: String,
    is_revoked: bool,
}

impl KeyRow {
    fn of(key: &ApiKey, accounts: &BTreeMap<AccountId, String>) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.is.name.clone(),
            account: accounts.get(&key.is.account).cloned().unwrap_or_else(|| "you".to_owned()),
            scopes: key.is.scopes.join(", "),
            expires: key.is.expires_at.map_or_else(|| "never".to_owned(), text::time),
            used: key.used_at.map_or_else(|| "never".to_owned(), text::time),
            is_revoked: key.revoked_at.is_some(),
        }
    }
}

struct AccountRow {
    id: String,
    name: String,
    display_name: String,
    disabled: bool,
    roles: Vec<(&'static str, bool)>,
    is_own: bool,
    /// Who signs it in, where that is not this server.
    elsewhere: Option<String>,
    has_factor: bool,
    /// The sites and products that it is limited to, in words.
    reach: String,
}

impl AccountRow {
    fn of(account: &Account, who: &Identity, has_factor: bool) -> Self {
        let source = &account.source.word;
        let has = |role: &Role| account.is.roles.iter().any(|one| one == role.word());
        Self {
            id: account.id.to_string(),
            name: account.is.name.clone(),
            display_name: account.is.display_name.clone(),
            disabled: account.is.disabled,
            roles: Role::ALL.iter().map(|role| (role.word(), has(role))).collect(),
            is_own: account.id == who.account.id,
            elsewhere: (source != "local").then(|| source.clone()),
            has_factor,
            reach: reach::in_words(&account.is.reach),
        }
    }
}

#[derive(Template)]
#[template(path = "administration.html")]
struct AdministrationPage {
    frame: Frame,
    keys: Vec<KeyRow>,
    scopes: Vec<&'static str>,
    accounts: Vec<AccountRow>,
    roles: Vec<&'static str>,
    /// Ids and names of the products that a new account may be limited to.
    products: Vec<(String, String)>,
    administers: bool,
    made: Option<NewKeyView>,
    error: Option<String>,
}

pub(super) async fn show(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    page(&app, &who, None, None).await
}

async fn page(
    app: &App,
    who: &Identity,
    made: Option<NewKeyView>,
    error: Option<String>,
) -> Answer<Response> {
    let administers = who.may(Permission::Administer);
    let accounts = if administers {
        app.store.accounts(who.organisation, &PageRequest::first(ACCOUNTS)).await?.items
    } else {
        Vec::new()
    };
    let names = accounts.iter().map(|one| (one.id, one.is.name.clone())).collect();
    let keys = visible(app, who).await?;
    let scopes = Permission::SCOPES.into_iter().filter(|scope| who.may(*scope));
    let secured = app.store.with_second_factor(who.organisation).await?;
    let row = |one: &Account| AccountRow::of(one, who, secured.contains(&one.id));
    let page = AdministrationPage {
        frame: Frame::of(app, "Administration", "/administration", who).await?,
        keys: keys.iter().map(|key| KeyRow::of(key, &names)).collect(),
        scopes: scopes.map(Permission::word).collect(),
        accounts: accounts.iter().map(row).collect(),
        roles: Role::ALL.iter().map(|role| role.word()).collect(),
        products: if administers { reach::products(app, who).await? } else { Vec::new() },
        administers,
        made,
        error,
    };
    render(&page)
}

/// Shows the page again with what was wrong, or goes back to it.
async fn back(app: &App, who: &Identity, done: Answer<()>) -> Answer<Response> {
    let done = done.map(|()| "/administration".to_owned());
    lead_on(done, async |problem| page(app, who, None, Some(told(problem))).await).await
}

pub(super) async fn new_key(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let input = KeyInput {
        name: fields.get("name").to_owned(),
        scopes: fields.all("scopes"),
        days: fields.get("days").parse().ok(),
    };
    match make_key(&app, &who, &input).await {
        Ok(made) => page(&app, &who, Some(made), None).await,
        Err(problem) => back(&app, &who, Err(problem)).await,
    }
}

pub(super) async fn revoke_key(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<ApiKeyId>,
    request: Request,
) -> Answer<Response> {
    Fields::of(&who, request).await?;
    let done = end(&app, &who, id).await;
    back(&app, &who, done).await
}

fn input(fields: &Fields) -> AccountInput {
    AccountInput {
        name: fields.get("name").to_owned(),
        display_name: fields.get("display_name").to_owned(),
        roles: fields.all("roles"),
        password: Some(fields.get("password").to_owned()),
        disabled: fields.get("disabled") == "yes",
        ..AccountInput::default()
    }
}

pub(super) async fn new_account(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let (sites, products) = (Some(reach::sites(&fields)), Some(fields.all("products")));
    let input = AccountInput { sites, products, ..input(&fields) };
    let done = make_account(&app, &who, input).await.map(drop);
    back(&app, &who, done).await
}

/// Takes the second factor of an account away.
pub(super) async fn remove_factor(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<AccountId>,
    request: Request,
) -> Answer<Response> {
    Fields::of(&who, request).await?;
    let done = take_factor_away(&app, &who, id).await;
    back(&app, &who, done).await
}

pub(super) async fn change_account(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<AccountId>,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let done = update(&app, &who, id, input(&fields)).await;
    back(&app, &who, done).await
}
