//! Units of the fleet: what is known of each, which build runs on it, and all that happened to it.

mod count;
mod custody;
mod import;
mod list;
mod mapping;
mod system;
mod verify;
mod waiver;

use std::slice;

use auscult_model::{Device, DeviceField};
use jiff::Timestamp;
use serde_json::json;

use count::Counts;
pub use count::{DevicesAtPlace, DevicesOfBuild};
pub use custody::{Custody, CustodyStep, Released};
pub use import::{DeviceUpdate, Imported};
pub use list::DeviceFilter;
pub use mapping::SavedMapping;
pub use system::System;
pub use waiver::{KeptWaiver, Waiver};

use crate::{
    BuildId, DeviceId, Error, OrganisationId, Result, Store,
    database::{ROWS_AT_ONCE, Row, Transaction},
    value::{Value, check_name, check_text, values},
};

/// Bytes of what is known of a device.
const BODY_BYTES_MAX: usize = 64 << 10;
/// Bytes of a reason.
const WHY_BYTES_MAX: usize = 2_000;

/// Which build runs on a device, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceBuild {
    /// Nobody knows.
    Unknown,
    /// Concluded: by the version that its label or its screen shows, for example.
    Inferred {
        /// The build.
        build: BuildId,
        /// From what it was concluded.
        why: String,
    },
    /// Measured, or taken from what was installed.
    Exact {
        /// The build.
        build: BuildId,
        /// Who or what says so.
        why: String,
    },
}

impl DeviceBuild {
    /// The build, if one is known at all.
    pub fn build(&self) -> Option<BuildId> {
        match self {
            Self::Unknown => None,
            Self::Inferred { build, .. } | Self::Exact { build, .. } => Some(*build),
        }
    }

    /// How it is known: `unknown`, `inferred` or `exact`.
    pub fn basis(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inferred { .. } => "inferred",
            Self::Exact { .. } => "exact",
        }
    }

    /// From what it is known.
    pub fn why(&self) -> &str {
        match self {
            Self::Unknown => "",
            Self::Inferred { why, .. } | Self::Exact { why, .. } => why,
        }
    }
}

/// A device as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDevice {
    /// Its id.
    pub id: DeviceId,
    /// What is known of it.
    pub is: Device,
    /// Which build runs on it.
    pub build: DeviceBuild,
    /// Where it is on its way out to maintenance and back.
    pub custody: Custody,
    /// Counts its changes.
    pub revision: i64,
    /// When it was first told of.
    pub created_at: Timestamp,
    /// When anything of it changed last.
    pub changed_at: Timestamp,
}

/// Something that happened to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceEvent {
    /// The revision that it made.
    pub revision: i64,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: String,
    /// What was done, a word.
    pub action: String,
    /// What exactly.
    pub detail: serde_json::Value,
}

/// What is done to a device, and by whom.
struct Doing<'a> {
    actor: &'a str,
    action: &'a str,
    detail: serde_json::Value,
}

impl Store {
    /// Makes a device that is told of by itself. One of its identity is refused.
    pub async fn create_device(
        &self,
        organisation: OrganisationId,
        is: &Device,
        actor: &str,
        now: Timestamp,
    ) -> Result<KeptDevice> {
        check_name("actor", actor)?;
        let mut transaction = self.database.begin("make a device").await?;
        let mut counts = Counts::default();
        let new = slice::from_ref(is);
        let ids = insert(&mut transaction, organisation, new, (actor, now), &mut counts).await?;
        counts.keep(&mut transaction, organisation).await?;
        let id = ids.first().copied().ok_or_else(|| Error::not_found("device", "new"))?;
        let device = required(&mut transaction, organisation, id).await?;
        transaction.commit().await?;
        Ok(device)
    }

    /// Changes what is known of a device. `expected` is the revision that the person saw.
    pub async fn update_device(
        &self,
        organisation: OrganisationId,
        update: &DeviceUpdate,
        actor: &str,
        now: Timestamp,
    ) -> Result<()> {
        check_name("actor", actor)?;
        let mut transaction = self.database.begin("change a device").await?;
        let mut counts = Counts::default();
        change(&mut transaction, organisation, update, (actor, now), &mut counts).await?;
        counts.keep(&mut transaction, organisation).await?;
        transaction.commit().await
    }

    /// Says which build runs on a device.
    pub async fn set_device_build(
        &self,
        organisation: OrganisationId,
        id: DeviceId,
        build: &DeviceBuild,
        actor: &str,
        now: Timestamp,
    ) -> Result<()> {
        check_name("actor", actor)?;
        check_text("reason", build.why(), WHY_BYTES_MAX)?;
        let mut transaction = self.database.begin("say which build runs on a device").await?;
        if let Some(build) = build.build() {
            check_build(&mut transaction, organisation, build).await?;
        }
        let old = required(&mut transaction, organisation, id).await?;
        let update = "UPDATE device SET build = $3, build_basis = $4, build_why = $5
                      WHERE organisation = $1 AND id = $2";
        let values = values![organisation, id, build.build(), build.basis(), build.why()];
        transaction.execute(update, values).await?;
        let told = |one: &DeviceBuild| json!({ "build": one.build(), "basis": one.basis(), "why": one.why() });
        let detail = json!({ "old": told(&old.build), "new": told(build) });
        let doing = Doing { actor, action: "build", detail };
        record(&mut transaction, organisation, &old, &doing, now).await?;
        let mut counts = Counts::default();
        counts.take(&old.is, old.build.build(), -1);
        counts.take(&old.is, build.build(), 1);
        counts.keep(&mut transaction, organisation).await?;
        transaction.commit().await
    }

    /// The device of this id.
    pub async fn device(
        &self,
        organisation: OrganisationId,
        id: DeviceId,
    ) -> Result<Option<KeptDevice>> {
        let values = values![organisation, id];
        let row = self.database.row("find a device", SELECT, values).await?;
        row.as_ref().map(device).transpose()
    }

    /// Everything that happened to a device, the oldest first.
    pub async fn device_events(
        &self,
        organisation: OrganisationId,
        id: DeviceId,
    ) -> Result<Vec<DeviceEvent>> {
        let select = "SELECT revision, at, actor, action, detail FROM device_event
                      WHERE organisation = $1 AND device = $2 ORDER BY revision";
        let values = values![organisation, id];
        let rows = self.database.rows("read the history of a device", select, values).await?;
        rows.iter().map(event).collect()
    }
}

const SELECT: &str = "SELECT * FROM device WHERE organisation = $1 AND id = $2";
const INSERT: &str = "INSERT INTO device (organisation, id, sorted_by, manufacturer, model, site,
    department, status, next_maintenance, end_of_support, searched, system, body, build_basis,
    build_why, custody, revision, created_at, changed_at)";
const INSERT_EVENT: &str = "INSERT INTO device_event
    (organisation, device, revision, at, actor, action, detail)";

async fn required(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    id: DeviceId,
) -> Result<KeptDevice> {
    let row = transaction.row(SELECT, values![organisation, id]).await?;
    device(&row.ok_or_else(|| Error::not_found("device", id))?)
}

async fn check_build(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    build: BuildId,
) -> Result<()> {
    let select = "SELECT 1 FROM build WHERE organisation = $1 AND id = $2";
    match transaction.row(select, values![organisation, build]).await? {
        Some(_) => Ok(()),
        None => Err(Error::not_found("build", build)),
    }
}

/// Makes devices that are told of for the first time, some hundred with one statement.
async fn insert(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    all: &[Device],
    (actor, now): (&str, Timestamp),
    counts: &mut Counts,
) -> Result<Vec<DeviceId>> {
    /// So many are few for whatever way a database finds them.
    const FEW: usize = 5 * ROWS_AT_ONCE;
    let mut ids = Vec::new();
    for some in all.chunks(ROWS_AT_ONCE) {
        if ids.len() == FEW {
            transaction.analyse("device, device_text").await?;
        }
        let some: Vec<(DeviceId, &Device)> =
            some.iter().map(|is| (DeviceId::new(now), is)).collect();
        let (mut rows, mut events) = (Vec::new(), Vec::new());
        for (id, is) in &some {
            let mut row = values![organisation, *id];
            row.extend(columns(is));
            row.extend(values![
                body(is)?,
                "unknown",
                "",
                Custody::InService.word(),
                1_i64,
                now,
                now
            ]);
            rows.push(row);
            let doing = Doing { actor, action: "create", detail: json!({ "device": is }) };
            events.push(event_row(organisation, *id, 1, &doing, now));
            counts.take(is, None, 1);
        }
        transaction.insert(INSERT, rows, "").await?;
        identify(transaction, organisation, &some).await?;
        transaction.insert(INSERT_EVENT, events, "").await?;
        ids.extend(some.into_iter().map(|(id, _)| id));
    }
    Ok(ids)
}

async fn change(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    update: &DeviceUpdate,
    (actor, now): (&str, Timestamp),
    counts: &mut Counts,
) -> Result<()> {
    let DeviceUpdate { id, expected, is } = update;
    let body = body(is)?;
    let old = required(transaction, organisation, *id).await?;
    if old.revision != *expected {
        let (expected, found) = (*expected, old.revision);
        return Err(Error::Changed { what: "device", expected, found });
    }
    let changes = old.is.changes(is);
    if changes.is_empty() {
        return Ok(());
    }
    let statement = "UPDATE device SET sorted_by = $3, manufacturer = $4, model = $5, site = $6,
            department = $7, status = $8, next_maintenance = $9, end_of_support = $10,
            searched = $11, system = $12, body = $13
        WHERE organisation = $1 AND id = $2";
    let mut row = values![organisation, *id];
    row.extend(columns(is));
    row.extend(values![body]);
    transaction.execute(statement, row).await?;
    if old.is.identities() != is.identities() {
        let delete = "DELETE FROM device_identity WHERE organisation = $1 AND device = $2";
        transaction.execute(delete, values![organisation, *id]).await?;
        identify(transaction, organisation, &[(*id, is)]).await?;
    }
    counts.take(&old.is, old.build.build(), -1);
    counts.take(is, old.build.build(), 1);
    let detail = json!({ "changes": changes });
    record(transaction, organisation, &old, &Doing { actor, action: "change", detail }, now).await
}

/// Counts a device's revision up from the one that was seen, and says what made it.
async fn record(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    seen: &KeptDevice,
    doing: &Doing<'_>,
    now: Timestamp,
) -> Result<()> {
    let update = "UPDATE device SET revision = $4, changed_at = $5
                  WHERE organisation = $1 AND id = $2 AND revision = $3";
    let next = seen.revision + 1;
    let values = values![organisation, seen.id, seen.revision, next, now];
    // Who saw the same revision and was slower is told so.
    if transaction.execute(update, values).await? == 0 {
        let (expected, found) = (seen.revision, next);
        return Err(Error::Changed { what: "device", expected, found });
    }
    append(transaction, organisation, seen.id, next, doing, now).await
}

async fn append(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    id: DeviceId,
    revision: i64,
    doing: &Doing<'_>,
    now: Timestamp,
) -> Result<()> {
    let row = event_row(organisation, id, revision, doing, now);
    transaction.insert(INSERT_EVENT, vec![row], "").await?;
    Ok(())
}

fn event_row(
    organisation: OrganisationId,
    id: DeviceId,
    revision: i64,
    doing: &Doing<'_>,
    now: Timestamp,
) -> Vec<Value> {
    let detail = doing.detail.to_string();
    values![organisation, id, revision, now, doing.actor, doing.action, detail]
}

/// Takes the identities of devices, and refuses one that is another's.
async fn identify(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    some: &[(DeviceId, &Device)],
) -> Result<()> {
    let into = "INSERT INTO device_identity (organisation, identity, device)";
    let (mut rows, mut wanted) = (Vec::new(), Vec::new());
    for (id, is) in some {
        for identity in is.identities() {
            let key = import::key(&identity)?;
            rows.push(values![organisation, key.as_str(), *id]);
            wanted.push((key, *id, identity));
        }
    }
    if transaction.insert(into, rows, "ON CONFLICT DO NOTHING").await? == wanted.len() as u64 {
        return Ok(());
    }
    let select = "SELECT device FROM device_identity WHERE organisation = $1 AND identity = $2";
    for (key, id, identity) in wanted {
        let owner = transaction.row(select, values![organisation, key]).await?;
        let owner: Option<DeviceId> = owner.map(|row| row.parsed("device")).transpose()?;
        if owner != Some(id) {
            return Err(Error::Exists { what: "device", name: identity.to_string() });
        }
    }
    Ok(())
}

/// What lists are sorted by: what a device is first recognised by.
fn sorted_by(is: &Device) -> String {
    is.identities().first().map(ToString::to_string).unwrap_or_default()
}

/// What lists are chosen and sorted by, in the order of the columns.
fn columns(is: &Device) -> Vec<Value> {
    let text = |field| column(is, field);
    values![
        sorted_by(is),
        text(DeviceField::Manufacturer),
        text(DeviceField::Model),
        text(DeviceField::Site),
        text(DeviceField::Department),
        text(DeviceField::Status),
        text(DeviceField::NextMaintenance),
        text(DeviceField::EndOfSupport),
        searched(is),
        text(DeviceField::System),
    ]
}

/// A field as its column has it.
fn column(is: &Device, field: DeviceField) -> Option<String> {
    is.get(field).map(|value| indexed(&value.to_string()))
}

/// As much of a text as an index of PostgreSQL takes, beside what lists are sorted by.
fn indexed(text: &str) -> String {
    const BYTES_MAX: usize = 500;
    let mut text = text.to_owned();
    text.truncate(text.floor_char_boundary(BYTES_MAX));
    text
}

/// What a text is looked for in: all that is known of a device, in small letters, a value a line.
fn searched(is: &Device) -> String {
    let values = DeviceField::ALL.iter().filter_map(|field| is.get(*field));
    let values: Vec<String> = values.map(|value| value.to_string().to_lowercase()).collect();
    values.join("\n")
}

fn body(is: &Device) -> Result<String> {
    let invalid = |why: String| Error::Invalid { field: "device", why };
    is.check().map_err(|error| invalid(error.to_string()))?;
    let text = serde_json::to_string(is).map_err(|error| invalid(error.to_string()))?;
    check_text("device", &text, BODY_BYTES_MAX)?;
    Ok(text)
}

fn device(row: &Row) -> Result<KeptDevice> {
    let damaged = |why: String| Error::damaged("a device", why);
    let (basis, why) = (row.text("build_basis")?, row.text("build_why")?);
    let build = match (basis.as_str(), row.parsed_or_null("build")?) {
        ("unknown", None) => DeviceBuild::Unknown,
        ("inferred", Some(build)) => DeviceBuild::Inferred { build, why },
        ("exact", Some(build)) => DeviceBuild::Exact { build, why },
        _ => return Err(damaged(format!("its build is {basis:?}"))),
    };
    Ok(KeptDevice {
        id: row.parsed("id")?,
        is: serde_json::from_str(&row.text("body")?).map_err(|error| damaged(error.to_string()))?,
        build,
        custody: Custody::of_word(&row.text("custody")?)?,
        revision: row.int("revision")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    })
}

fn event(row: &Row) -> Result<DeviceEvent> {
    let detail = serde_json::from_str(&row.text("detail")?);
    Ok(DeviceEvent {
        revision: row.int("revision")?,
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        detail: detail.map_err(|error| Error::damaged("an event", error.to_string()))?,
    })
}
