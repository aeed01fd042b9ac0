//! Products: the list, one with its builds, and the form that uploads a build.

use askama::Template;
use auscult_store::{NewProduct, ProductId};
use axum::{
    extract::{Request, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    After, Frame,
    builds::BuildRow,
    form::{Fields, lead_on, with_file},
    render,
    text::Pager,
};
use crate::{
    access::{Caller, Identity, Permission},
    api::{Asked, Given, Id, cut, find_product, limit, make_product, take},
    fleet::{Fleet, Row},
    problem::{Answer, Problem},
    state::App,
};

/// Entries of a page.
const LIMIT: usize = 50;

/// A product in the list, with its newest build.
struct ProductRow {
    href: String,
    name: String,
    vendor: String,
    model: String,
    builds: usize,
    newest: Option<BuildRow>,
}

#[derive(Template)]
#[template(path = "products.html")]
struct ProductsPage {
    frame: Frame,
    rows: Vec<ProductRow>,
    q: String,
    pager: Pager,
    may_make: bool,
    error: Option<String>,
    given: NewProduct,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ProductsFilter {
    q: String,
    after: String,
}

pub(super) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(filter): Asked<ProductsFilter>,
) -> Answer<Response> {
    list_page(&app, &who, filter, None, NewProduct::default()).await
}

async fn list_page(
    app: &App,
    who: &Identity,
    filter: ProductsFilter,
    error: Option<String>,
    given: NewProduct,
) -> Answer<Response> {
    let fleet = Fleet::of(app, who.organisation, who.within()).await?;
    let wanted = filter.q.trim().to_lowercase();
    let mut named: Vec<(&ProductId, &String)> =
        fleet.products.iter().filter(|(_, name)| name.to_lowercase().contains(&wanted)).collect();
    named.sort_unstable_by_key(|(_, name)| name.to_lowercase());
    let ids: Vec<&ProductId> = named.iter().map(|(id, _)| *id).collect();
    let part = cut(&ids, Some(&filter.after), LIMIT, "products")?;
    let mut rows = Vec::new();
    for id in &part.items {
        let Some(product) = app.store.product(who.organisation, **id).await? else { continue };
        let builds: Vec<&Row> = fleet.rows.iter().filter(|row| row.build.product == **id).collect();
        rows.push(ProductRow {
            href: format!("/products/{id}"),
            name: product.is.name,
            vendor: product.is.vendor,
            model: product.is.model,
            builds: builds.len(),
            newest: builds.first().map(|row| BuildRow::of(row)),
        });
    }
    let page = ProductsPage {
        frame: Frame::of(app, "Products", "/products", who).await?,
        rows,
        pager: Pager::of(&part, &[("q", &filter.q)]),
        q: filter.q,
        may_make: who.may_make_product(),
        error,
        given,
    };
    render(&page)
}

pub(super) async fn make(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let text = |name: &str| fields.get(name).trim().to_owned();
    let udi_di = Some(text("udi_di")).filter(|text| !text.is_empty());
    let new =
        NewProduct { name: text("name"), vendor: text("vendor"), model: text("model"), udi_di };
    let done = make_product(&app, &who, &new).await;
    let done = done.map(|product| format!("/products/{}", product.id));
    let again = async |problem: Problem| {
        list_page(&app, &who, ProductsFilter::default(), Some(problem.detail), new).await
    };
    lead_on(done, again).await
}

#[derive(Template)]
#[template(path = "product.html")]
struct ProductPage {
    frame: Frame,
    id: String,
    is: NewProduct,
    rows: Vec<BuildRow>,
    pager: Pager,
    may_upload: bool,
    error: Option<String>,
}

pub(super) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<ProductId>,
    Asked(After { after }): Asked<After>,
) -> Answer<Response> {
    page(&app, &who, id, &after, None).await
}

async fn page(
    app: &App,
    who: &Identity,
    id: ProductId,
    after: &str,
    error: Option<String>,
) -> Answer<Response> {
    let product = find_product(app, who, id).await?;
    let fleet = Fleet::of(app, who.organisation, who.within()).await?;
    let rows: Vec<&Row> = fleet.rows.iter().filter(|row| row.build.product == id).collect();
    let part = cut(&rows, Some(after), LIMIT, "builds")?;
    let page = ProductPage {
        frame: Frame::of(app, &product.is.name, "/products", who).await?,
        id: id.to_string(),
        is: product.is,
        rows: part.items.iter().map(|row| BuildRow::of(row)).collect(),
        pager: Pager::of(&part, &[]),
        may_upload: who.may(Permission::Upload),
        error,
    };
    render(&page)
}

/// Takes the form with a file. Its token comes first, so that nothing is stored for a stranger.
pub(super) async fn upload(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<ProductId>,
    request: Request,
) -> Answer<Response> {
    find_product(&app, &who, id).await?;
    let taken = with_file(&who, request, async |fields, file| {
        let given = Given { product: id, label: fields.get("label").trim(), kind: None };
        let (build, _) = take(&app, &who, &given, file, limit(&app, None)).await?;
        Ok(format!("/builds/{}", build.id))
    });
    let again = async |problem: Problem| page(&app, &who, id, "", Some(problem.detail)).await;
    lead_on(taken.await, again).await
}
