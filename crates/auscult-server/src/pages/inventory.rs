//! Import of an inventory: a file, how it is read, what it would change, and the import.

use std::collections::BTreeMap;

use askama::Template;
use auscult_fleet::{ColumnTarget, Mapping};
use auscult_model::{DateOrder, DeviceField};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{
    Frame,
    devices::label,
    form::{Fields, with_file},
    render,
};
use crate::{
    access::{Caller, Identity},
    api::{
        ColumnsView, ImportView, Wanted, columns_of, import_of, keep_mapping, mapping_names,
        table_of,
    },
    problem::{Answer, Problem},
    state::App,
};

/// Fields of the form that choose a column's target are called so, with the number of the column.
const COLUMN: &str = "column-";
const TARGET: &str = "target-";

/// A column with what it could be.
struct ColumnRow {
    name: String,
    /// The field that is proposed.
    chosen: &'static str,
}

/// A field that a column can become.
struct Choice {
    word: &'static str,
    label: String,
}

/// What is shown below the form.
enum Shown {
    Nothing,
    Columns { rows: usize, columns: Vec<ColumnRow>, choices: Vec<Choice> },
    Result(ImportView),
}

#[derive(Template)]
#[template(path = "inventory.html")]
struct InventoryPage {
    frame: Frame,
    mappings: Vec<String>,
    chosen: String,
    error: Option<String>,
    told: Option<String>,
    shown: Shown,
}

async fn page(
    app: &App,
    who: &Identity,
    chosen: &str,
    said: Result<Option<String>, Problem>,
    shown: Shown,
) -> Answer<Response> {
    let (told, error) = match said {
        Ok(told) => (told, None),
        Err(problem) if problem.status.is_server_error() => return Err(problem),
        Err(problem) => (None, Some(problem)),
    };
    let status = error.as_ref().map_or(StatusCode::OK, |problem| problem.status);
    let in_words = |problem: Problem| match problem.hint {
        Some(hint) => format!("{}. {hint}", problem.detail),
        None => problem.detail,
    };
    let page = InventoryPage {
        frame: Frame::of(app, "Import an inventory", "/devices", who).await?,
        mappings: mapping_names(app, who).await?,
        chosen: chosen.to_owned(),
        error: error.map(in_words),
        told,
        shown,
    };
    Ok((status, render(&page)?).into_response())
}

pub(super) async fn show(State(app): State<App>, Caller(who): Caller) -> Answer<Response> {
    page(&app, &who, "", Ok(None), Shown::Nothing).await
}

/// Takes the form with a file. Its token comes first, so that nothing is read for a stranger.
pub(super) async fn upload(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let taken =
        with_file(&who, request, async |fields, file| Ok((fields, table_of(&app, file).await)));
    let (fields, table) = match taken.await {
        Ok(taken) => taken,
        Err(problem) if problem.status == StatusCode::UNPROCESSABLE_ENTITY => {
            return page(&app, &who, "", Err(problem), Shown::Nothing).await;
        }
        Err(problem) => return Err(problem),
    };
    let (mapping, action) = (fields.get("mapping").to_owned(), fields.get("action"));
    let table = match table {
        Ok(table) => table,
        Err(problem) => return page(&app, &who, &mapping, Err(problem), Shown::Nothing).await,
    };
    if action == "columns" {
        return page(&app, &who, &mapping, Ok(None), columns_shown(columns_of(&table))).await;
    }
    let columns = columns_of(&table);
    let wanted = Wanted { mapping: Some(mapping.clone()), dry_run: action != "import" };
    match import_of(&app, &who, table, &wanted).await {
        Ok(view) => page(&app, &who, &mapping, Ok(None), Shown::Result(view)).await,
        Err(problem) => page(&app, &who, &mapping, Err(problem), columns_shown(columns)).await,
    }
}

fn columns_shown(view: ColumnsView) -> Shown {
    let ColumnsView { columns, rows, mapping, .. } = view;
    let row = |name: String| ColumnRow { chosen: word(mapping.columns.get(&name)), name };
    let mut choices: Vec<Choice> = DeviceField::ALL
        .iter()
        .map(|field| Choice { word: field.name(), label: label(*field) })
        .collect();
    choices.sort_by(|one, other| one.label.cmp(&other.label));
    let columns = columns.into_iter().filter(|name| !name.is_empty()).map(row).collect();
    Shown::Columns { rows, columns, choices }
}

fn word(target: Option<&ColumnTarget>) -> &'static str {
    match target {
        Some(ColumnTarget::Field(field)) => field.name(),
        Some(ColumnTarget::UdiBarcode) => "udi-barcode",
        Some(ColumnTarget::Ignored) | None => "ignored",
    }
}

/// Keeps what was said of the columns as a mapping.
pub(super) async fn save(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let fields = Fields::of(&who, request).await?;
    let name = fields.get("name").trim().to_owned();
    let saved = match mapping_of(&fields) {
        Ok(mapping) => keep_mapping(&app, &who, &name, &mapping).await,
        Err(problem) => Err(problem),
    };
    let told = || Some(format!("The mapping {name:?} is kept. Choose the file once more."));
    let said = saved.map(|()| told());
    page(&app, &who, &name, said, Shown::Nothing).await
}

fn mapping_of(fields: &Fields) -> Answer<Mapping> {
    let mut columns = BTreeMap::new();
    for number in 0.. {
        let name = fields.get(&format!("{COLUMN}{number}"));
        if name.is_empty() {
            break;
        }
        let target = fields.get(&format!("{TARGET}{number}"));
        columns.insert(name.to_owned(), target_of(target)?);
    }
    let order = serde_json::Value::String(fields.get("date_order").to_owned());
    let date_order: DateOrder = serde_json::from_value(order)
        .map_err(|_| Problem::invalid("say how dates with slashes are written"))?;
    Ok(Mapping { columns, date_order, ..Mapping::default() })
}

fn target_of(word: &str) -> Answer<ColumnTarget> {
    match word {
        "ignored" => Ok(ColumnTarget::Ignored),
        "udi-barcode" => Ok(ColumnTarget::UdiBarcode),
        name => {
            let field = DeviceField::ALL.iter().find(|field| field.name() == name);
            let missing = || Problem::invalid(format!("there is no field {name:?}"));
            field.copied().map(ColumnTarget::Field).ok_or_else(missing)
        }
    }
}
