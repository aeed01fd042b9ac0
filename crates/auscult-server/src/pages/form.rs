//! Forms: their fields, and whether they are ours.

use axum::{
    extract::{FromRequest as _, Multipart, Request, multipart::Field},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
};

use super::entry::check_form;
use crate::{
    access::Identity,
    problem::{Answer, Problem},
};

/// The fields of a form that a page of this session carried.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// Reads a form, and refuses one that does not belong to the session.
    pub(super) async fn of(who: &Identity, request: Request) -> Answer<Self> {
        let fields = super::entry::form::<Vec<(String, String)>>(request).await?;
        let fields = Self(fields);
        check_form(who, fields.get("csrf"))?;
        Ok(fields)
    }

    /// The value of a field; empty where it was not sent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(one, _)| one == name).map_or("", |(_, value)| value.as_str())
    }

    /// Every value of a field.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let named = self.0.iter().filter(|(one, _)| one == name);
        named.map(|(_, value)| value.clone()).filter(|value| !value.is_empty()).collect()
    }
}

/// Reads a form with a file that a page of this session carried, and hands the file on as it comes, with
/// the fields before it. The token comes first, so that nothing is read for a stranger.
pub(super) async fn with_file<T>(
    who: &Identity,
    request: Request,
    take: impl AsyncFnOnce(Fields, Field<'_>) -> Answer<T>,
) -> Answer<T> {
    let wrong = |why: String| Problem::new(StatusCode::BAD_REQUEST, why);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|rejection| wrong(rejection.body_text()))?;
    let (mut fields, mut is_ours) = (Fields(Vec::new()), false);
    while let Some(field) = form.next_field().await.map_err(|error| wrong(error.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" && is_ours {
            return take(fields, field).await;
        }
        let text = field.text().await.map_err(|error| wrong(error.body_text()))?;
        if name == "csrf" {
            check_form(who, &text)?;
            is_ours = true;
        }
        fields.0.push((name, text));
    }
    if !is_ours {
        check_form(who, "")?;
    }
    Err(Problem::invalid("the form holds no file"))
}

/// Leads on after a form was done, to a path, or shows the page of the form again with what was wrong. What
/// is the server's fault, and what somebody may not do, is told on a page of its own.
pub(super) async fn lead_on(
    done: Answer<String>,
    again: impl AsyncFnOnce(Problem) -> Answer<Response>,
) -> Answer<Response> {
    match done {
        Ok(path) => Ok(Redirect::to(&path).into_response()),
        Err(problem)
            if problem.status.is_client_error() && problem.status != StatusCode::FORBIDDEN =>
        {
            let status = problem.status;
            Ok((status, again(problem).await?).into_response())
        }
        Err(problem) => Err(problem),
    }
}

/// A problem in a line.
pub(super) fn told(problem: Problem) -> String {
    let hint = problem.hint.map(|hint| format!(" \u{2013} {hint}")).unwrap_or_default();
    format!("{}{hint}", problem.detail)
}
