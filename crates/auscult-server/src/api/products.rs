//! Products.

use auscult_store::{NewProduct, Product, ProductId};
use axum::{Json, extract::State, http::StatusCode, response::Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::{
    extract::{Asked, Body, Id, Paging},
    views::{ListView, ProductView, TotalView, placed},
};
use crate::{
    access::{Caller, Identity},
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// What is said of a product.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductInput {
    /// Its name, unlike every other's.
    pub(crate) name: String,
    /// Who makes it.
    #[serde(default)]
    pub(crate) vendor: String,
    /// The model as the maker names it.
    #[serde(default)]
    pub(crate) model: String,
    /// The device identifier of its unique device identification.
    #[serde(default)]
    pub(crate) udi_di: Option<String>,
}

impl From<ProductInput> for NewProduct {
    fn from(input: ProductInput) -> Self {
        let ProductInput { name, vendor, model, udi_di } = input;
        let udi_di = udi_di.filter(|text| !text.trim().is_empty());
        Self { name: name.trim().to_owned(), vendor, model, udi_di }
    }
}

/// Which products are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ProductFilter {
    /// The one of exactly this name.
    name: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

/// Lists products by name.
#[utoipa::path(get, path = "/api/v1/products", params(ProductFilter), responses(
    (status = 200, description = "A page of products", body = ListView<ProductView>),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(filter): Asked<ProductFilter>,
) -> Answer<Json<ListView<ProductView>>> {
    if let Some(name) = filter.name {
        let found = app.store.product_by_name(who.organisation, &name).await?;
        let found = found.filter(|product| who.reach.has_product(product.id));
        let items: Vec<ProductView> = found.into_iter().map(ProductView::from).collect();
        let total = TotalView { count: items.len() as u64, is_exact: true };
        return Ok(Json(ListView { items, next: None, total }));
    }
    let request = Paging { after: filter.after, limit: filter.limit }.request()?;
    let page = app.store.products(who.organisation, who.within(), &request).await?;
    Ok(Json(ListView::of(page, ProductView::from)))
}

/// Makes a product. Making the same one again returns it.
#[utoipa::path(post, path = "/api/v1/products", request_body = ProductInput, responses(
    (status = 201, description = "The product", body = ProductView),
    (status = 409, description = "There is another one of this name", body = ProblemBody),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn create(
    State(app): State<App>,
    Caller(who): Caller,
    Body(input): Body<ProductInput>,
) -> Answer<Response> {
    let product = make(&app, &who, &input.into()).await?;
    let id = product.id;
    let path = format!("/api/v1/products/{id}");
    placed(StatusCode::CREATED, &path, ProductView::from(product))
}

/// Makes a product. Who is limited to some products makes no other.
pub(crate) async fn make(app: &App, who: &Identity, new: &NewProduct) -> Answer<Product> {
    if !who.may_make_product() {
        let detail = "you are limited to some products, and would not see another";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail)
            .hint("ask somebody who reaches all products"));
    }
    let product = app.store.create_product(who.organisation, new, Timestamp::now()).await?;
    let detail = json!({ "name": product.is.name });
    app.record(who, "make-product", &product.id.to_string(), detail).await?;
    Ok(product)
}

/// A product within the caller's reach.
pub(crate) async fn find(app: &App, who: &Identity, id: ProductId) -> Answer<Product> {
    let product = app.store.product(who.organisation, id).await?;
    let product = product.filter(|product| who.reach.has_product(product.id));
    product.ok_or_else(|| Problem::not_found("product"))
}

/// Shows a product.
#[utoipa::path(get, path = "/api/v1/products/{product}", params(("product" = String, Path)), responses(
    (status = 200, description = "The product", body = ProductView),
    (status = 404, description = "There is none", body = ProblemBody)))]
pub(crate) async fn show(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<ProductId>,
) -> Answer<Json<ProductView>> {
    find(&app, &who, id).await.map(|product| Json(product.into()))
}

/// Says something else of a product.
#[utoipa::path(put, path = "/api/v1/products/{product}", params(("product" = String, Path)),
    request_body = ProductInput, responses(
    (status = 200, description = "The product", body = ProductView),
    (status = 404, description = "There is none", body = ProblemBody),
    (status = 409, description = "There is another one of this name", body = ProblemBody)))]
pub(crate) async fn change(
    State(app): State<App>,
    Caller(who): Caller,
    Id(id): Id<ProductId>,
    Body(input): Body<ProductInput>,
) -> Answer<Json<ProductView>> {
    find(&app, &who, id).await?;
    let is = NewProduct::from(input);
    app.store.update_product(who.organisation, id, &is).await?;
    app.record(&who, "change-product", &id.to_string(), json!({ "name": is.name })).await?;
    find(&app, &who, id).await.map(|product| Json(product.into()))
}
