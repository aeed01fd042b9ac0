//! Accounts.

use auscult_store::{Account, AccountId, NewAccount, ProductId, Reach};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{
    extract::{Asked, Body, Id, Paging},
    views::ListView,
};
use crate::{
    access::{Caller, Identity, Role, password, reach},
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// Who sends the request.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MeView {
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    /// What this session or key may do.
    pub(crate) permissions: Vec<String>,
    /// The sites that these are for; all where none is named.
    pub(crate) sites: Vec<String>,
    /// Ids of the products that these are for; all where none is named.
    pub(crate) products: Vec<String>,
}

/// An account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AccountView {
    pub(crate) id: String,
    /// The name that is typed at sign-in.
    pub(crate) name: String,
    pub(crate) display_name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) disabled: bool,
    /// The sites that the roles are for; all where none is named.
    pub(crate) sites: Vec<String>,
    /// Ids of the products that the roles are for; all where none is named.
    pub(crate) products: Vec<String>,
    pub(crate) created_at: String,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        let (sites, products) = reached(account.is.reach);
        Self {
            id: account.id.to_string(),
            name: account.is.name,
            display_name: account.is.display_name,
            roles: account.is.roles,
            disabled: account.is.disabled,
            sites,
            products,
            created_at: account.created_at.to_string(),
        }
    }
}

/// What somebody reaches, as texts: sites, and ids of products.
pub(crate) fn reached(reach: Reach) -> (Vec<String>, Vec<String>) {
    let products = reach.products.iter().map(ToString::to_string).collect();
    (reach.sites.into_iter().collect(), products)
}

/// What is said of an account.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccountInput {
    /// The name that is typed at sign-in.
    pub(crate) name: String,
    /// The name for people; the same where nothing is said.
    #[serde(default)]
    pub(crate) display_name: String,
    /// At least one of `administrator`, `product-security`, `regulatory`, `clinical-engineering`,
    /// `security-operations`, `auditor`, `viewer`.
    pub(crate) roles: Vec<String>,
    /// The password; as before where nothing is said.
    pub(crate) password: Option<String>,
    /// Whether it may not sign in.
    #[serde(default)]
    pub(crate) disabled: bool,
    /// The sites that its roles are for, named as devices name theirs; all where the list is empty. As
    /// before where nothing is said. An administrator reaches everything.
    #[serde(default)]
    pub(crate) sites: Option<Vec<String>>,
    /// Ids of the products that its roles are for; all where the list is empty. As before where nothing
    /// is said.
    #[serde(default)]
    pub(crate) products: Option<Vec<String>>,
}

/// Tells who you are.
#[utoipa::path(get, path = "/api/v1/me", responses(
    (status = 200, description = "Who sends the request", body = MeView),
    (status = 401, description = "Nobody who is known", body = ProblemBody)))]
pub(crate) async fn me(Caller(who): Caller) -> Json<MeView> {
    let permissions = who.permissions.iter().map(|one| one.word().to_owned()).collect();
    let (sites, products) = reached(who.account.is.reach);
    let (name, roles) = (who.account.is.name, who.account.is.roles);
    Json(MeView { name, roles, permissions, sites, products })
}

/// Lists accounts by name.
#[utoipa::path(get, path = "/api/v1/accounts", params(Paging), responses(
    (status = 200, description = "A page of accounts", body = ListView<AccountView>),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<ListView<AccountView>>> {
    let page = app.store.accounts(who.organisation, &paging.request()?).await?;
    Ok(Json(ListView::of(page, AccountView::from)))
}

/// Makes an account.
#[utoipa::path(post, path = "/api/v1/accounts", request_body = AccountInput, responses(
    (status = 201, description = "The account", body = AccountView),
    (status = 409, description = "There is another one of this name", body = ProblemBody),
    (status = 422, description = "A role that there is not, or a password that is guessed easily", body = ProblemBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(who): Caller,
    Body(input): Body<AccountInput>,
) -> Answer<Response> {
    let account = make(&app, &who, input).await?;
    Ok((StatusCode::CREATED, Json(AccountView::from(account))).into_response())
}

pub(crate) async fn make(app: &App, who: &Identity, input: AccountInput) -> Answer<Account> {
    let new = said(input, None).await?;
    check_reach(app, who, &new.reach).await?;
    let account = app.store.create_account(who.organisation, &new, Timestamp::now()).await?;
    let (sites, products) = (&new.reach.sites, &new.reach.products);
    let detail =
        json!({ "name": new.name, "roles": new.roles, "sites": sites, "products": products });
    app.record(who, "make-account", &account.id.to_string(), detail).await?;
    Ok(account)
}

/// Says something else of an account. Its sessions end.
#[utoipa::path(put, path = "/api/v1/accounts/{account}", params(("account" = String, Path)),
    request_body = AccountInput, responses(
    (status = 200, description = "The account", body = AccountView),
    (status = 404, description = "There is none", body = ProblemBody),
    (status = 409, description = "You would lock yourself out", body = ProblemBody)))]
pub(crate) async fn change(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<AccountId>,
    Body(input): Body<AccountInput>,
) -> Answer<Json<AccountView>> {
    update(&app, &who, id, input).await?;
    let account = app.store.account(who.organisation, id).await?;
    account.map(|account| Json(account.into())).ok_or_else(|| Problem::not_found("account"))
}

pub(crate) async fn update(
    app: &App,
    who: &Identity,
    id: AccountId,
    input: AccountInput,
) -> Answer<()> {
    let before = app.store.account(who.organisation, id).await?;
    let before = before.ok_or_else(|| Problem::not_found("account"))?;
    let is = said(input, Some(&before)).await?;
    check_reach(app, who, &is.reach).await?;
    let administers = is.roles.iter().any(|role| role == Role::Administrator.word());
    if id == who.account.id && (is.disabled || !administers) {
        let detail = "you would take your own rights to administer away";
        return Err(
            Problem::new(StatusCode::CONFLICT, detail).hint("let another administrator do it")
        );
    }
    app.store.update_account(who.organisation, id, &is, Timestamp::now()).await?;
    let has_new_password = is.password_hash != before.is.password_hash;
    let has_other_rights = is.roles != before.is.roles || is.reach != before.is.reach;
    if is.disabled || has_new_password || has_other_rights {
        app.store.end_sessions_of(who.organisation, id).await?;
    }
    let detail = json!({ "name": is.name, "roles": is.roles, "disabled": is.disabled,
        "new_password": has_new_password, "sites": is.reach.sites,
        "products": is.reach.products });
    app.record(who, "change-account", &id.to_string(), detail).await
}

/// Checks what is said of an account, and hashes its password.
pub(crate) async fn said(input: AccountInput, before: Option<&Account>) -> Answer<NewAccount> {
    let name = input.name.trim().to_owned();
    if input.roles.is_empty() {
        return Err(Problem::invalid("an account without a role could do nothing"));
    }
    for role in &input.roles {
        role.parse::<Role>().map_err(Problem::invalid)?;
    }
    let given = input.password.filter(|password| !password.is_empty());
    if given.is_some() && before.is_some_and(|before| before.source.word != "local") {
        return Err(Problem::invalid("another system keeps the password of this account"));
    }
    let password_hash = match (given, before) {
        (Some(given), _) => {
            password::check(&given, &name).map_err(Problem::invalid)?;
            Some(password::hashed(given).await?)
        }
        (None, Some(before)) => before.is.password_hash.clone(),
        (None, None) => return Err(Problem::invalid("a new account needs a password")),
    };
    let display_name = match input.display_name.trim() {
        "" => name.clone(),
        given => given.to_owned(),
    };
    let mut roles = input.roles;
    roles.sort();
    roles.dedup();
    let before = before.map(|before| before.is.reach.clone()).unwrap_or_default();
    let reach = reach_of(input.sites, input.products, before)?;
    reach::check(&roles, &reach).map_err(Problem::invalid)?;
    Ok(NewAccount { name, display_name, password_hash, roles, disabled: input.disabled, reach })
}

/// What is said of sites and products, and what was before where nothing is.
fn reach_of(
    sites: Option<Vec<String>>,
    products: Option<Vec<String>>,
    before: Reach,
) -> Answer<Reach> {
    let mut reach = before;
    if let Some(sites) = sites {
        reach.sites = sites.iter().map(|site| site.trim().to_owned()).collect();
    }
    if let Some(products) = products {
        let missing = |_| Problem::invalid("`products` names what is no id of a product");
        let ids = products.iter().map(|id| id.parse::<ProductId>().map_err(missing));
        reach.products = ids.collect::<Answer<_>>()?;
    }
    Ok(reach)
}

async fn check_reach(app: &App, who: &Identity, reach: &Reach) -> Answer<()> {
    for product in &reach.products {
        check_product(app, who, *product).await?;
    }
    Ok(())
}

/// Refuses a product that is not there.
pub(crate) async fn check_product(app: &App, who: &Identity, id: ProductId) -> Answer<()> {
    let product = app.store.product(who.organisation, id).await?;
    let missing = || Problem::invalid(format!("there is no product {id}"));
    product.map(drop).ok_or_else(missing)
}
