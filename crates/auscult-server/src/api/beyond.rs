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
    let made = new.iter().map(|row| (row.row, who.reach.refusal_of_new(&row.device)));
    let moved = updates.iter().map(|update| (update.row, who.reach.refusal_of(&update.device)));
    let refused = made.chain(moved).filter_map(|(row, why)| {
        let column = site_column.filter(|_| who.reach.has_all_products()).map(str::to_owned);
        Some(Fault { row, column, why: why? })
    });
    let refused: Vec<Fault> = refused.collect();
    let rows: HashSet<usize> = refused.iter().map(|fault| fault.row).collect();
    new.retain(|row| !rows.contains(&row.row));
    updates.retain(|update| !rows.contains(&update.row));
    faults.extend(refused);
    faults.sort_by_key(|fault| fault.row);
}
