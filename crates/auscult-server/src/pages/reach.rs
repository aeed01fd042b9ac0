//! The sites and products that an account is limited to.

use askama::Template;
use auscult_store::{Account, AccountId, Reach};
use axum::{
    extract::{Request, State},
    response::Response,
};

use super::{
    Frame,
    form::{Fields, lead_on, told},
    render,
    text::by_name,
};
use crate::{
    access::{Caller, Identity},
    api::{AccountInput, Id, update},
    problem::{Answer, Problem},
    state::App,
};

/// A product that can be chosen: its id, its name, and whether it is.
type Choice = (String, String, bool);

#[derive(Template)]
#[template(path = "reach.html")]
struct ReachPage {
    frame: Frame,
    id: String,
    name: String,
    roles: String,
    /// One a line.
    sites: String,
    products: Vec<Choice>,
    /// Who signs it in and says at each sign-in what it reaches, where that is not this server.
    elsewhere: Option<String>,
    error: Option<String>,
}

/// Ids and names of all products, by name.
pub(super) async fn products(app: &App, who: &Identity) -> Answer<Vec<(String, String)>> {
    Ok(by_name(crate::fleet::products(app, who.organisation, who.within()).await?))
}

/// The sites of a form, one a line.
pub(super) fn sites(fields: &Fields) -> Vec<String> {
    let lines = fields.get("sites").lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What an account is limited to; empty where it reaches all.
pub(super) fn in_words(reach: &Reach) -> String {
    let counted = |count: usize, what: &str| match count {
        0 => None,
        1 => Some(format!("1 {what}")),
        count => Some(format!("{count} {what}s")),
    };
    let parts = [counted(reach.sites.len(), "site"), counted(reach.products.len(), "product")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

async fn found(app: &App, who: &Identity, id: AccountId) -> Answer<Account> {
    let account = app.store.account(who.organisation, id).await?;
    account.ok_or_else(|| Problem::not_found("account"))
}

pub(super) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<AccountId>,
) -> Answer<Response> {
    let account = found(&app, &who, id).await?;
    let chosen = account.is.reach.products.iter().map(ToString::to_string).collect();
    let sites = account.is.reach.sites.iter().cloned().collect();
    page(&app, &who, &account, (sites, chosen), None).await
}

async fn page(
    app: &App,
    who: &Identity,
    account: &Account,
    (sites, chosen): (Vec<String>, Vec<String>),
    error: Option<String>,
) -> Answer<Response> {
    let choice = |(id, name): (String, String)| {
        let is_chosen = chosen.contains(&id);
        (id, name, is_chosen)
    };
    let source = &account.source.word;
    let page = ReachPage {
        frame: Frame::of(app, "Sites and products", "/administration", who).await?,
        id: account.id.to_string(),
        name: account.is.name.clone(),
        roles: account.is.roles.join(", "),
        sites: sites.join("\n"),
        products: products(app, who).await?.into_iter().map(choice).collect(),
        elsewhere: (source != "local").then(|| source.clone()),
        error,
    };
    render(&page)
}

pub(super) async fn change(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<AccountId>,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let account = found(&app, &who, id).await?;
    let given = (sites(&fields), fields.all("products"));
    let input = AccountInput {
        name: account.is.name.clone(),
        display_name: account.is.display_name.clone(),
        roles: account.is.roles.clone(),
        password: None,
        disabled: account.is.disabled,
        sites: Some(given.0.clone()),
        products: Some(given.1.clone()),
    };
    let done = update(&app, &who, id, input).await;
    let again = async |problem| page(&app, &who, &account, given, Some(told(problem))).await;
    lead_on(done.map(|()| "/administration".to_owned()), again).await
}

#[cfg(test)]
mod tests {
    use auscult_store::Reach;

    use super::in_words;

    #[test]
    fn a_reach_is_told_by_its_numbers() {
        let product = "00000000-0000-7000-8000-000000000001".parse().unwrap();
        let sites = ["North".to_owned(), "South".to_owned()].into();
        let both = Reach { sites, products: [product].into() };
        assert_eq!(in_words(&both), "2 sites, 1 product");
        assert_eq!(in_words(&Reach::default()), "");
    }
}
