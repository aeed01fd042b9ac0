//! Import of an inventory: a file, how it is read, what it would change, and the import.

use std::collections::BTreeMap;

use askama::Template;
use auscult_fleet::{ColumnTarget, Mapping, Table};
use auscult_model::{DateOrder, DeviceField};
use axum::{
    extract::{FromRequest as _, Multipart, Request, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{Frame, devices::label, entry::check_form, form::Fields, render};
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

/// What a form with a file says.
#[derive(Default)]
struct Given {
    mapping: String,
    action: String,
    table: Option<Answer<Table>>,
}

/// Takes the form with a file. Its token comes first, so that nothing is read for a stranger.
pub(super) async fn upload(
    State(app): State<App>,
    Caller(who): Caller,
    request: Request,
) -> Answer<Response> {
    let Given { mapping, action, table } = given(&app, &who, request).await?;
    let missing = || Err(Problem::invalid("the form holds no file"));
    let table = match table.unwrap_or_else(missing) {
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

async fn given(app: &App, who: &Identity, request: Request) -> Answer<Given> {
    let wrong = |why: String| Problem::new(StatusCode::BAD_REQUEST, why);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|rejection| wrong(rejection.body_text()))?;
    let (mut given, mut is_ours) = (Given::default(), false);
    while let Some(field) = form.next_field().await.map_err(|error| wrong(error.body_text()))? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" && is_ours {
            given.table = Some(table_of(app, field).await);
            return Ok(given);
        }
        let text = field.text().await.map_err(|error| wrong(error.body_text()))?;
        match name.as_str() {
            "csrf" => {
                check_form(who, &text)?;
                is_ours = true;
            }
            "mapping" => given.mapping = text,
            "action" => given.action = text,
            _ => {}
        }
    }
    check_form(who, "")?;
    Ok(given)
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
