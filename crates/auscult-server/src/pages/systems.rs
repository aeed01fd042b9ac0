//! Systems: each with how many of its parts ask for something.

use askama::Template;
use auscult_store::System;
use axum::{extract::State, response::Response};

use super::{
    After, Frame, render,
    text::{Pager, escaped},
};
use crate::{
    access::Caller,
    api::{Asked, page_request},
    evaluate::today,
    problem::Answer,
    state::App,
};

/// Entries of a page.
const LIMIT: u32 = 50;

/// A system in the list.
struct SystemRow {
    href: String,
    is: System,
}

#[derive(Template)]
#[template(path = "systems.html")]
struct SystemsPage {
    frame: Frame,
    rows: Vec<SystemRow>,
    pager: Pager,
}

/// Where the parts of a system are listed.
pub(super) fn href(name: &str) -> String {
    format!("/devices?system={}", escaped(name))
}

pub(super) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(After { after }): Asked<After>,
) -> Answer<Response> {
    let request = page_request(Some(&after), LIMIT);
    let page = app.store.systems(who.organisation, who.within(), today(), &request).await?;
    let pager = Pager::of_page(&page, &[]).with_file("/systems.csv");
    let rows = page.items.into_iter().map(|is| SystemRow { href: href(&is.name), is });
    let frame = Frame::of(&app, "Systems", "/devices", &who).await?;
    render(&SystemsPage { frame, rows: rows.collect(), pager })
}
