//! What it takes to release a device: a verification that passed since it came back, or somebody who
//! answers for it until a day.

use jiff::civil::Date;
use serde::Serialize;

use super::{KeptDevice, Released};
use crate::{
    DeviceId, Error, OrganisationId, Result, Store, Within,
    database::{Row, Transaction},
    reach::device_reached,
    value::{check_name, check_text, values},
};

/// Bytes of a reason.
const REASON_BYTES_MAX: usize = 4_000;

/// Somebody answers for a device that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiver {
    /// The name of the account that answers for it.
    pub approver: String,
    /// What is not as it should be, and why the device is used nevertheless.
    pub reason: String,
    /// The last day on which it holds.
    pub until: Date,
}

/// A waiver under which a device is in service now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptWaiver {
    /// The device.
    pub device: DeviceId,
    /// The waiver.
    pub is: Waiver,
}

impl Store {
    /// Waivers of devices within somebody's reach that are in service under them, the first to end first.
    /// One that has ended is still listed: the device is in service all the same.
    pub async fn waivers(
        &self,
        organisation: OrganisationId,
        within: Within,
    ) -> Result<Vec<KeptWaiver>> {
        let select = concat!(
            "SELECT waiver.device AS device, approver, reason, until FROM waiver
            JOIN device ON device.organisation = waiver.organisation AND device.id = waiver.device
            WHERE waiver.organisation = $1 AND custody = 'in-service'
                AND NOT EXISTS (SELECT 1 FROM device_event AS later
                    WHERE later.organisation = waiver.organisation
                        AND later.device = waiver.device AND later.action = 'release'
                        AND later.revision > waiver.revision)
                AND ",
            device_reached!("device.site", "device.build", "$2", "$3"),
            " ORDER BY until, waiver.device"
        );
        let mut values = values![organisation];
        values.extend(within.of_devices());
        let rows = self.database.rows("list the waivers", select, values).await?;
        rows.iter().map(kept).collect()
    }
}

fn kept(row: &Row) -> Result<KeptWaiver> {
    let is = Waiver {
        approver: row.text("approver")?,
        reason: row.text("reason")?,
        until: row.parsed("until")?,
    };
    Ok(KeptWaiver { device: row.parsed("device")?, is })
}

/// Whether a device may be released so. A waiver is kept.
pub(super) async fn check(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    device: &KeptDevice,
    seen: i64,
    released: Released,
    waiver: Option<&Waiver>,
) -> Result<()> {
    if device.revision != seen {
        return Err(Error::Changed { what: "device", expected: seen, found: device.revision });
    }
    match (released, waiver) {
        (Released::UnderWaiver, Some(waiver)) => {
            check_name("approver", &waiver.approver)?;
            if waiver.reason.trim().is_empty() {
                return Err(invalid("the reason of the waiver is empty"));
            }
            check_text("reason", &waiver.reason, REASON_BYTES_MAX)?;
            let insert = "INSERT INTO waiver
                    (organisation, device, revision, approver, reason, until)
                VALUES ($1, $2, $3, $4, $5, $6)";
            let mut values = values![organisation, device.id, seen + 1];
            let Waiver { approver, reason, until } = waiver;
            values.extend(values![approver.as_str(), reason.as_str(), until.to_string()]);
            transaction.execute(insert, values).await?;
            Ok(())
        }
        (Released::Unchanged | Released::WithChange, None) => {
            passed(transaction, organisation, device, released).await
        }
        _ => Err(invalid("a release under a waiver has one, and no other has")),
    }
}

fn invalid(why: &str) -> Error {
    Error::Invalid { field: "release", why: why.to_owned() }
}

/// Refuses a device whose last verification since it came back did not pass.
async fn passed(
    transaction: &mut Transaction,
    organisation: OrganisationId,
    device: &KeptDevice,
    released: Released,
) -> Result<()> {
    let select = "SELECT outcome, build FROM verification AS one
        WHERE organisation = $1 AND device = $2 AND revision > (
            SELECT COALESCE(MAX(revision), 0) FROM device_event
            WHERE device_event.organisation = one.organisation
                AND device_event.device = one.device AND action = 'return')
        ORDER BY revision DESC LIMIT 1";
    let row = transaction.row(select, values![organisation, device.id]).await?;
    let row = row.ok_or_else(|| invalid("the device was not verified since it came back"))?;
    if row.text("outcome")? != "pass" {
        return Err(invalid("the last verification did not pass"));
    }
    let build = row.parsed_or_null("build")?;
    if released == Released::Unchanged && device.build.build().is_some_and(|one| build != Some(one))
    {
        return Err(invalid("another build was found on the device than it had: it did change"));
    }
    Ok(())
}
