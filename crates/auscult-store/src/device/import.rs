//! Many devices at once, all of them or none.

use std::collections::BTreeMap;

use auscult_model::{Device, DeviceIdentity};
use jiff::Timestamp;
use serde_json::json;

use super::{Counts, KeptDevice, change, device, insert};
use crate::{
    AuditEvent, DeviceId, OrganisationId, Result, Store, audit, database,
    value::{Value, check_name, check_text, values},
};

/// Bytes of what a device is recognised by: with the id behind it, it has to fit into a cursor.
const KEY_BYTES_MAX: usize = 900;
/// Identities that are asked for at once.
const IDENTITIES_AT_ONCE: usize = 64;
/// Between the parts of an identity; no text of a device has it.
const BETWEEN: char = '\u{1f}';

/// What a known device becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceUpdate {
    /// Which device.
    pub id: DeviceId,
    /// The revision from which the update was made.
    pub expected: i64,
    /// What it becomes.
    pub is: Device,
}

/// What an import came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Devices that were made.
    pub created: usize,
    /// Devices that changed.
    pub updated: usize,
}

impl Store {
    /// Makes and changes devices in one transaction, with one entry of the audit log. Where one of
    /// them is refused, all are: a device that was changed by somebody else since the plan was made,
    /// or one that is somebody else's by now.
    pub async fn import_devices(
        &self,
        organisation: OrganisationId,
        new: &[Device],
        updates: &[DeviceUpdate],
        actor: &str,
        now: Timestamp,
    ) -> Result<Imported> {
        check_name("actor", actor)?;
        let mut transaction = self.database.begin("import devices").await?;
        let mut counts = Counts::default();
        for update in updates {
            change(&mut transaction, organisation, update, (actor, now), &mut counts).await?;
        }
        insert(&mut transaction, organisation, new, (actor, now), &mut counts).await?;
        counts.keep(&mut transaction, organisation).await?;
        let event = AuditEvent {
            actor: actor.to_owned(),
            action: "import-devices".to_owned(),
            object: "devices".to_owned(),
            detail: json!({ "created": new.len(), "updated": updates.len() }),
        };
        audit::append(&mut transaction, organisation, &event, now).await?;
        transaction.commit().await?;
        Ok(Imported { created: new.len(), updated: updates.len() })
    }

    /// Every device that has one of these identities, each once.
    pub async fn devices_with(
        &self,
        organisation: OrganisationId,
        identities: &[DeviceIdentity],
    ) -> Result<Vec<KeptDevice>> {
        let mut transaction = self.database.begin_reading("find devices").await?;
        let select = database::made_of_constants(format!(
            "SELECT * FROM device WHERE organisation = $1 AND id IN (SELECT device
                FROM device_identity WHERE organisation = $1 AND identity IN ({}))",
            database::places(2, IDENTITIES_AT_ONCE)
        ));
        let mut found: BTreeMap<DeviceId, KeptDevice> = BTreeMap::new();
        for chunk in identities.chunks(IDENTITIES_AT_ONCE) {
            let mut keys = chunk.iter().map(key).collect::<Result<Vec<_>>>()?;
            // One statement for every number of them: the last is asked for again.
            let last = keys.last().cloned().unwrap_or_default();
            keys.resize(IDENTITIES_AT_ONCE, last);
            let mut values = values![organisation];
            values.extend(keys.into_iter().map(Value::from));
            for row in transaction.rows(select.clone(), values).await? {
                let device = device(&row)?;
                found.insert(device.id, device);
            }
        }
        Ok(found.into_values().collect())
    }
}

/// An identity as it is compared.
pub(super) fn key(identity: &DeviceIdentity) -> Result<String> {
    let key = match identity {
        DeviceIdentity::AssetTag(tag) => format!("tag{BETWEEN}{tag}"),
        DeviceIdentity::Udi(di, serial) => format!("udi{BETWEEN}{di}{BETWEEN}{serial}"),
        DeviceIdentity::Serial(maker, model, serial) => {
            format!("serial{BETWEEN}{maker}{BETWEEN}{model}{BETWEEN}{serial}")
        }
    };
    check_text("identity of a device", &key, KEY_BYTES_MAX)?;
    Ok(key)
}
