//! The audit log.

use auscult_store::{AuditEntry, AuditVerdict};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    extract::{Asked, Paging},
    views::ListView,
};
use crate::{
    access::Caller,
    problem::{Answer, ProblemBody},
    state::App,
};

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EntryView {
    /// Counted from 1, without gaps.
    pub(crate) sequence: i64,
    pub(crate) at: String,
    /// Who did it.
    pub(crate) actor: String,
    /// What was done.
    pub(crate) action: String,
    /// To what.
    pub(crate) object: String,
    /// What else is worth knowing, as JSON.
    pub(crate) detail: String,
    /// The digest of the entry, which covers the one before.
    pub(crate) digest: String,
}

impl From<AuditEntry> for EntryView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            sequence: entry.sequence,
            at: entry.at.to_string(),
            actor: entry.actor,
            action: entry.action,
            object: entry.object,
            detail: entry.detail,
            digest: entry.digest.to_string(),
        }
    }
}

/// Whether the audit log is what was written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct VerificationView {
    pub(crate) is_whole: bool,
    /// Entries that hold together, from the first.
    pub(crate) entries: u64,
    /// The digest of the last of these; note it elsewhere, and a rewritten log shows.
    pub(crate) head: String,
    /// The first entry that does not hold.
    pub(crate) broken_at: Option<i64>,
    /// What is wrong with it.
    pub(crate) why: Option<String>,
}

impl From<AuditVerdict> for VerificationView {
    fn from(verdict: AuditVerdict) -> Self {
        let broken = verdict.first_break;
        Self {
            is_whole: broken.is_none(),
            entries: verdict.entries,
            head: verdict.head.to_string(),
            broken_at: broken.as_ref().map(|broken| broken.sequence),
            why: broken.map(|broken| broken.why.to_owned()),
        }
    }
}

/// Lists what was done, the newest first.
#[utoipa::path(get, path = "/api/v1/audit", params(Paging), responses(
    (status = 200, description = "A page of entries", body = ListView<EntryView>),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn list(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(paging): Asked<Paging>,
) -> Answer<Json<ListView<EntryView>>> {
    let page = app.store.audit_log(who.organisation, &paging.request()?).await?;
    Ok(Json(ListView::of(page, EntryView::from)))
}

/// Follows the chain of the audit log from its first entry to its head.
#[utoipa::path(get, path = "/api/v1/audit/verify", responses(
    (status = 200, description = "Whether it holds", body = VerificationView),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn verify(
    State(app): State<App>,
    Caller(who): Caller,
) -> Answer<Json<VerificationView>> {
    Ok(Json(app.store.verify_audit(who.organisation).await?.into()))
}
