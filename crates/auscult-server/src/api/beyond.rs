//! Rows of an inventory that are beyond somebody's reach: each is a fault, and nothing is told of the
//! device that it is about.

use std::collections::HashSet;

use auscult_fleet::{ColumnTarget, Fault, Mapping, Plan, Reading};
use auscult_model::{DeviceField, DeviceIdentity};
use auscult_store::{DeviceId, KeptDevice};

use crate::{access::Identity, problem::Answer, state::App};

/// The column that tells the site, if one does.
pub(super) fn site_column(mapping: &Mapping) -> Option<String> {
    let is_site = |target: &ColumnTarget| *target == ColumnTarget::Field(DeviceField::Site);
    let found = mapping.columns.iter().find(|(_, target)| is_site(target));
    found.map(|(name, _)| name.clone())
}

/// Refuses rows that are about known devices that are not reached, before anything is compared.
pub(super) async fn refuse_known(
    app: &App,
    who: &Identity,
    reading: &mut Reading,
    known: &[KeptDevice],
) -> Answer<()> {
    if !who.reach.is_limited() {
        return Ok(());
    }
    let mut beyond: HashSet<DeviceIdentity> = HashSet::new();
    for device in known {
        if !who.reach.has_device(app, who.organisation, device).await? {
            beyond.extend(device.is.identities());
        }
    }
    let Reading { devices, faults } = reading;
    devices.retain(|row| {
        let is_beyond = row.device.identities().iter().any(|one| beyond.contains(one));
        if is_beyond {
            let why = "it is a known device that you do not reach".to_owned();
            faults.push(Fault { row: row.row, column: None, why });
        }
        !is_beyond
    });
    Ok(())
}

/// Refuses rows that would make a device where it is not reached, or move it there.
pub(super) fn refuse_planned(
    who: &Identity,
    planned: &mut Plan<DeviceId>,
    site_column: Option<&str>,
) {
    let Plan { new, updates, faults, .. } = planned;
    let fault = |row: usize, column: Option<&str>, why: Option<String>| {
        Some(Fault { row, column: column.map(str::to_owned), why: why? })
    };
    // That a new device is of no product is no matter of its site.
    let column = site_column.filter(|_| who.reach.has_all_products());
    let made = new.iter().map(|row| fault(row.row, column, who.reach.refusal_of_new(&row.device)));
    let moved = updates
        .iter()
        .map(|update| fault(update.row, site_column, who.reach.refusal_of(&update.device)));
    let refused: Vec<Fault> = made.chain(moved).flatten().collect();
    let rows: HashSet<usize> = refused.iter().map(|fault| fault.row).collect();
    new.retain(|row| !rows.contains(&row.row));
    updates.retain(|update| !rows.contains(&update.row));
    faults.extend(refused);
    faults.sort_by_key(|fault| fault.row);
}
