//! Forms: their fields, and whether they are ours.

use axum::extract::Request;

use super::entry::check_form;
use crate::{access::Identity, problem::Answer};

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
