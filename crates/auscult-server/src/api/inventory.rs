//! Inventories of devices from maintenance systems: what is in a file, how it is read, what its import
//! would change, and the import, which is whole or not at all.

use std::{
    collections::BTreeMap,
    io::{Seek as _, Write as _},
    sync::Arc,
};

use auscult_fleet::{Fault, InvalidMapping, Mapping, Plan, Table, plan, read_devices};
use auscult_model::{Device, DeviceIdentity};
use auscult_store::{DeviceId, DeviceUpdate, KeptDevice};
use axum::{
    Json,
    extract::{Path, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    beyond,
    extract::{Asked, Body},
    upload::{SILENCE_MAX, too_large},
};
use crate::{
    access::{Caller, Identity},
    evaluate::{blocking, today},
    problem::{Answer, Problem, ProblemBody},
    state::App,
};

/// Faults and changes that are told; the numbers count all of them.
const TOLD_MAX: usize = 1_000;

/// What is in a file, before anybody has said how it is read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ColumnsView {
    /// The names of the columns.
    pub(crate) columns: Vec<String>,
    /// Rows below them.
    pub(crate) rows: usize,
    /// A mapping by the names that other systems use; a person completes it.
    #[schema(value_type = Object)]
    pub(crate) mapping: Mapping,
    /// Columns that it says nothing of: each needs a field, or `ignored`.
    pub(crate) unmapped: Vec<String>,
}

/// A saved mapping.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MappingView {
    pub(crate) name: String,
    #[schema(value_type = Object)]
    pub(crate) mapping: Mapping,
    pub(crate) changed_at: String,
}

/// What an import came to, or would come to.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct ImportView {
    /// Whether the devices are what the file says now; false for a dry run, and where a row is wrong.
    pub(crate) is_imported: bool,
    /// Devices that are new.
    pub(crate) created: usize,
    /// Devices that change.
    pub(crate) updated: usize,
    /// Devices of which the file says nothing new.
    pub(crate) unchanged: usize,
    /// Rows that are wrong, or one for each fault of them.
    pub(crate) faults: usize,
    /// The first thousand of the faults.
    pub(crate) told_faults: Vec<FaultView>,
    /// The first thousand of the changes.
    pub(crate) told_changes: Vec<ChangeView>,
}

/// What is wrong with a row.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FaultView {
    /// The row as a spreadsheet counts.
    pub(crate) row: usize,
    /// The name of the column; absent where the row as a whole is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<String>,
    pub(crate) why: String,
}

/// A field that changes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ChangeView {
    pub(crate) row: usize,
    /// The device that is known.
    pub(crate) device: String,
    pub(crate) field: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) old: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) new: Option<String>,
}

impl From<Fault> for FaultView {
    fn from(Fault { row, column, why }: Fault) -> Self {
        Self { row, column, why }
    }
}

/// How a file is imported.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// The name of a saved mapping; the columns' own names tell where none is named.
    pub(crate) mapping: Option<String>,
    /// Only tell what would change.
    pub(crate) dry_run: bool,
}

/// Tells the columns of a CSV or XLSX file, which is the body, and proposes how to read them.
#[utoipa::path(post, path = "/api/v1/devices/import/columns",
    request_body(content_type = "application/octet-stream"), responses(
    (status = 200, description = "What is in it", body = ColumnsView),
    (status = 422, description = "It is no table", body = ProblemBody)))]
pub(crate) async fn columns(State(app): State<App>, request: Request) -> Answer<Json<ColumnsView>> {
    let table = table_of(&app, request.into_body().into_data_stream()).await?;
    Ok(Json(columns_of(&table)))
}

/// The columns of a table, with a proposal.
pub(crate) fn columns_of(table: &Table) -> ColumnsView {
    let mapping = Mapping::suggest(&table.header);
    let is_left = |name: &&String| !name.is_empty() && !mapping.columns.contains_key(*name);
    ColumnsView {
        columns: table.header.clone(),
        rows: table.rows.len(),
        unmapped: table.header.iter().filter(is_left).cloned().collect(),
        mapping,
    }
}

/// Imports a CSV or XLSX file, which is the body: all of it, or nothing where a row is wrong.
#[utoipa::path(post, path = "/api/v1/devices/import", params(Wanted),
    request_body(content_type = "application/octet-stream"), responses(
    (status = 200, description = "Done, or what would be done", body = ImportView),
    (status = 409, description = "A device changed in between", body = ProblemBody),
    (status = 422, description = "Rows are wrong; nothing was imported", body = ImportView),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn import(
    State(app): State<App>,
    Caller(who): Caller,
    Asked(wanted): Asked<Wanted>,
    request: Request,
) -> Answer<Response> {
    let table = table_of(&app, request.into_body().into_data_stream()).await?;
    let view = import_of(&app, &who, table, &wanted).await?;
    let is_refused = !wanted.dry_run && !view.is_imported;
    let status = if is_refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, Json(view)).into_response())
}

/// Imports a table, or tells what an import would do.
pub(crate) async fn import_of(
    app: &App,
    who: &Identity,
    table: Table,
    wanted: &Wanted,
) -> Answer<ImportView> {
    let mapping = match wanted.mapping.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => named(app, who, name).await?,
        None => Mapping::suggest(&table.header),
    };
    let (day, site_column) = (today(), beyond::site_column(&mapping));
    let reading = blocking("read the inventory", move || read_devices(&table, &mapping, day));
    let mut reading = reading.await?.map_err(|faults| refused(&faults))?;
    let identities: Vec<DeviceIdentity> =
        reading.devices.iter().flat_map(|row| row.device.identities()).collect();
    let known = app.store.devices_with(who.organisation, &identities).await?;
    beyond::refuse_known(app, who, &mut reading, &known).await?;
    let known = Arc::new(known);
    let compared = Arc::clone(&known);
    let planned = blocking("plan the import", move || {
        let pairs = compared.iter().map(|device| (device.id, device.is.clone()));
        plan(reading, &pairs.collect::<Vec<_>>())
    });
    let mut planned = planned.await?;
    beyond::refuse_planned(who, &mut planned, site_column.as_deref());
    let mut view = told(&planned);
    if planned.faults.is_empty() && !wanted.dry_run {
        carry_out(app, who, planned, &known).await?;
        view.is_imported = true;
    }
    Ok(view)
}

async fn carry_out(
    app: &App,
    who: &Identity,
    planned: Plan<DeviceId>,
    known: &[KeptDevice],
) -> Answer<()> {
    let revisions: BTreeMap<DeviceId, i64> =
        known.iter().map(|device| (device.id, device.revision)).collect();
    let update = |update: auscult_fleet::PlannedUpdate<DeviceId>| DeviceUpdate {
        expected: revisions.get(&update.key).copied().unwrap_or_default(),
        id: update.key,
        is: update.device,
    };
    let updates: Vec<DeviceUpdate> = planned.updates.into_iter().map(update).collect();
    let new: Vec<Device> = planned.new.into_iter().map(|row| row.device).collect();
    let actor = who.actor();
    app.store.import_devices(who.organisation, &new, &updates, &actor, Timestamp::now()).await?;
    Ok(())
}

fn told(planned: &Plan<DeviceId>) -> ImportView {
    let changes = planned.updates.iter().flat_map(|update| {
        update.changes.iter().map(|change| ChangeView {
            row: update.row,
            device: update.key.to_string(),
            field: change.field.to_string(),
            old: change.old.as_ref().map(ToString::to_string),
            new: change.new.as_ref().map(ToString::to_string),
        })
    });
    ImportView {
        is_imported: false,
        created: planned.new.len(),
        updated: planned.updates.len(),
        unchanged: planned.unchanged.len(),
        faults: planned.faults.len(),
        told_faults: planned.faults.iter().take(TOLD_MAX).cloned().map(FaultView::from).collect(),
        told_changes: changes.take(TOLD_MAX).collect(),
    }
}

fn refused(faults: &[InvalidMapping]) -> Problem {
    let told: Vec<String> = faults.iter().take(20).map(ToString::to_string).collect();
    Problem::invalid(told.join("; "))
        .hint("save a mapping that says of each column which field it is, or that it is ignored")
}

async fn named(app: &App, who: &Identity, name: &str) -> Answer<Mapping> {
    let saved = app.store.mappings(who.organisation).await?;
    let saved = saved.into_iter().find(|mapping| mapping.name == name);
    parsed(&saved.ok_or_else(|| Problem::not_found("mapping"))?.body)
}

fn parsed(body: &str) -> Answer<Mapping> {
    serde_json::from_str(body).map_err(|error| Problem::internal("read a saved mapping", &error))
}

/// The names of the saved mappings.
pub(crate) async fn mapping_names(app: &App, who: &Identity) -> Answer<Vec<String>> {
    let saved = app.store.mappings(who.organisation).await?;
    Ok(saved.into_iter().map(|mapping| mapping.name).collect())
}

/// Lists the saved mappings.
#[utoipa::path(get, path = "/api/v1/devices/mappings", responses(
    (status = 200, description = "All of them", body = Vec<MappingView>)))]
pub(crate) async fn mappings(
    State(app): State<App>,
    Caller(who): Caller,
) -> Answer<Json<Vec<MappingView>>> {
    let saved = app.store.mappings(who.organisation).await?;
    let view = |saved: auscult_store::SavedMapping| {
        let changed_at = saved.changed_at.to_string();
        Ok(MappingView { mapping: parsed(&saved.body)?, name: saved.name, changed_at })
    };
    saved.into_iter().map(view).collect::<Answer<Vec<_>>>().map(Json)
}

/// Saves a mapping, over the one of its name: for each column `{"field": NAME}`, `"udi-barcode"` or
/// `"ignored"`.
#[utoipa::path(put, path = "/api/v1/devices/mappings/{mapping}", params(("mapping" = String, Path)),
    request_body = Object, responses(
    (status = 204, description = "Saved"),
    (status = "default", description = "Refused", body = ProblemBody)))]
pub(crate) async fn save_mapping(
    State(app): State<App>,
    Caller(who): Caller,
    Path(name): Path<String>,
    Body(mapping): Body<Mapping>,
) -> Answer<StatusCode> {
    keep_mapping(&app, &who, &name, &mapping).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Saves a mapping that could be used.
pub(crate) async fn keep_mapping(
    app: &App,
    who: &Identity,
    name: &str,
    mapping: &Mapping,
) -> Answer<()> {
    let header: Vec<String> = mapping.columns.keys().cloned().collect();
    mapping.targets(&header).map_err(|faults| refused(&faults))?;
    let body = serde_json::to_string(mapping);
    let body = body.map_err(|error| Problem::internal("write a mapping", &error))?;
    app.store.save_mapping(who.organisation, name, &body, Timestamp::now()).await?;
    app.record(who, "save-mapping", name, serde_json::json!({})).await
}

/// Takes a file and has it read as a table, behind the walls that images are read behind.
pub(crate) async fn table_of<E>(
    app: &App,
    mut chunks: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Answer<Table> {
    let failed = |error| Problem::internal("write a temporary file", &error);
    let mut file = tempfile::tempfile().map_err(failed)?;
    let (mut bytes, limit) = (0, Table::BYTES_MAX as u64);
    loop {
        let silent = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "the upload stopped coming");
        let chunk = tokio::time::timeout(SILENCE_MAX, chunks.next()).await.map_err(silent)?;
        let Some(chunk) = chunk else { break };
        let broken = |_| Problem::new(StatusCode::BAD_REQUEST, "the upload was cut off");
        let chunk = chunk.map_err(broken)?;
        bytes += chunk.len() as u64;
        if bytes > limit {
            return Err(too_large(limit));
        }
        file.write_all(&chunk).map_err(failed)?;
    }
    if bytes == 0 {
        return Err(Problem::invalid("the file is empty (0 bytes)"));
    }
    file.rewind().map_err(failed)?;
    let engine = Arc::clone(&app.engine);
    Ok(blocking("read the inventory", move || engine.read_table(file)).await??)
}
