//! Lists of devices.

use std::fmt::Write as _;

use jiff::civil::Date;

use super::{KeptDevice, device, indexed, sorted_by};
use crate::{
    AccountId, BuildId, OrganisationId, Page, PageRequest, Result, Store, Total, Within,
    database::{in_places, made_of_constants, places},
    reach::{AT_SITE_REACHED, OF_PRODUCT_REACHED},
    value::{Value, values},
};

/// Devices that are asked for at once.
const IDS_AT_ONCE: usize = 100;

/// What means something else in a pattern, with our escape or with that of PostgreSQL.
const SPECIAL: &[char] = &['%', '_', '!', '\\'];

/// Which devices are wanted: every part that is given holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceFilter {
    /// Those of this maker.
    pub manufacturer: Option<String>,
    /// Those of this model.
    pub model: Option<String>,
    /// Those at this site.
    pub site: Option<String>,
    /// Those of this department.
    pub department: Option<String>,
    /// Those that are parts of this system.
    pub system: Option<String>,
    /// Those in this state of their life.
    pub status: Option<String>,
    /// Those in this state of custody, as [`super::Custody::word`] names it.
    pub custody: Option<String>,
    /// Those whose build is known so: `exact`, `inferred` or `unknown`.
    pub basis: Option<String>,
    /// Those that run this build.
    pub build: Option<BuildId>,
    /// Those whose maintenance was due before this day.
    pub due_before: Option<Date>,
    /// Those that this text stands in: their tag, serial number, address, room, anything.
    pub text: Option<String>,
    /// Those that somebody reaches.
    pub within: Within,
}

impl Store {
    /// Devices, by their tag or whatever else they are first recognised by.
    pub async fn devices(
        &self,
        organisation: OrganisationId,
        filter: &DeviceFilter,
        request: &PageRequest,
    ) -> Result<Page<KeptDevice>> {
        let after = request.key_or("")?;
        let (last, id) = after.rsplit_once('\n').unwrap_or_default();
        if let Some(few) = self.few(organisation, filter).await? {
            let total = Total::Exact(few.len() as u64);
            let after = (last.to_owned(), id.to_owned());
            let rest = few.into_iter().filter(|device| place(device) > after).collect();
            return Ok(Page::of(request, rest, total, key));
        }
        let (chosen, values) = self::chosen(organisation, filter);
        let place = values.len() + 1;
        // In this form both databases begin at the key, however far into the list it is.
        let select = format!(
            "SELECT * FROM device WHERE {chosen} AND (sorted_by, id) > (${place}, ${})
             ORDER BY sorted_by, id LIMIT ${}",
            place + 1,
            place + 2
        );
        let count = format!(
            "SELECT COUNT(*) AS counted
             FROM (SELECT 1 FROM device WHERE {chosen} LIMIT ${place}) AS listed"
        );
        let (mut wanted, mut counted) = (values.clone(), values);
        wanted.extend(values![last, id, request.rows()]);
        counted.extend(values![Total::rows()]);
        let select = (made_of_constants(select), wanted);
        let count = (made_of_constants(count), counted);
        let mut transaction = self.database.begin_reading("list the devices").await?;
        Page::read(&mut transaction, request, select, count, device, key).await
    }

    /// All devices that are wanted, where those in which the text stands are not many; none where no text
    /// is looked for, or where it stands in so many that those of a page are soon found in the order of
    /// the list.
    async fn few(
        &self,
        organisation: OrganisationId,
        filter: &DeviceFilter,
    ) -> Result<Option<Vec<KeptDevice>>> {
        const FEW: usize = 1_000;
        let Some(text) = &filter.text else { return Ok(None) };
        // PostgreSQL looks for escapes in the pattern anew for each row.
        let find = if text.contains(SPECIAL) {
            "SELECT id FROM device_text
             WHERE organisation = $1 AND searched LIKE $2 ESCAPE '!' LIMIT $3"
        } else {
            "SELECT id FROM device_text WHERE organisation = $1 AND searched LIKE $2 LIMIT $3"
        };
        let more = i64::try_from(FEW).unwrap_or(i64::MAX).saturating_add(1);
        let mut transaction = self.database.begin_reading("look for devices").await?;
        let found = transaction.rows(find, values![organisation, pattern(text), more]).await?;
        if found.len() > FEW {
            return Ok(None);
        }
        let ids: Vec<String> = found.iter().map(|row| row.text("id")).collect::<Result<_>>()?;
        let rest = DeviceFilter { text: None, ..filter.clone() };
        let (chosen, values) = chosen(organisation, &rest);
        let select = made_of_constants(format!(
            "SELECT * FROM device WHERE {chosen} AND id IN ({})",
            places(values.len() + 1, IDS_AT_ONCE)
        ));
        let mut devices = Vec::new();
        for some in ids.chunks(IDS_AT_ONCE) {
            let mut values = values.clone();
            values.extend(in_places(some, IDS_AT_ONCE));
            let rows = transaction.rows(select.clone(), values).await?;
            devices.extend(rows.iter().map(device).collect::<Result<Vec<_>>>()?);
        }
        devices.sort_by_cached_key(place);
        Ok(Some(devices))
    }
}

/// What a device is listed by.
fn place(device: &KeptDevice) -> (String, String) {
    (sorted_by(&device.is), device.id.to_string())
}

/// The pattern of what holds a text.
fn pattern(text: &str) -> String {
    let escaped = text.to_lowercase().replace('!', "!!").replace('%', "!%");
    format!("%{}%", escaped.replace('_', "!_"))
}

/// The conditions that are wanted, and their values. Those that are not wanted are left out: databases
/// choose how they read before they know the values.
fn chosen(organisation: OrganisationId, filter: &DeviceFilter) -> (String, Vec<Value>) {
    let pattern = filter.text.as_deref().map(pattern);
    let text = |wanted: &Option<String>| wanted.as_deref().map(indexed);
    let account = |of: Option<AccountId>| of.map(|account| account.to_string());
    let due = filter.due_before.map(|day| day.to_string());
    let parts = [
        ("manufacturer = $", text(&filter.manufacturer), ""),
        ("model = $", text(&filter.model), ""),
        ("site = $", text(&filter.site), ""),
        ("department = $", text(&filter.department), ""),
        ("system = $", text(&filter.system), ""),
        ("status = $", text(&filter.status), ""),
        ("custody = $", filter.custody.clone(), ""),
        ("build_basis = $", filter.basis.clone(), ""),
        ("build = $", filter.build.map(|build| build.to_string()), ""),
        ("next_maintenance < $", due, ""),
        ("searched LIKE $", pattern, " ESCAPE '!'"),
        (AT_SITE_REACHED, account(filter.within.sites), ")"),
        (OF_PRODUCT_REACHED, account(filter.within.products), ")"),
    ];
    let (mut text, mut values) = ("organisation = $1".to_owned(), values![organisation]);
    for (before, value, after) in parts {
        if let Some(value) = value {
            values.push(Value::from(value));
            // Writing into a text cannot fail.
            let _ = write!(text, " AND {before}{}{after}", values.len());
        }
    }
    (text, values)
}

fn key(device: &KeptDevice) -> String {
    let (sorted_by, id) = place(device);
    format!("{sorted_by}\n{id}")
}
