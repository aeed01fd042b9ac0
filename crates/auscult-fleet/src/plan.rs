//! What an import would do.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
};

use auscult_model::{Device, DeviceIdentity, FieldChange};

use crate::{Fault, Reading, RowDevice};

/// What an import would make and change. It is carried out whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan<K> {
    /// Devices that are not known yet.
    pub new: Vec<RowDevice>,
    /// Known devices that the file says something else of.
    pub updates: Vec<PlannedUpdate<K>>,
    /// Known devices of which it says nothing new.
    pub unchanged: Vec<K>,
    /// Everything that is wrong, by row.
    pub faults: Vec<Fault>,
}

/// A known device with what changes in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedUpdate<K> {
    /// The row.
    pub row: usize,
    /// Which device.
    pub key: K,
    /// What it becomes.
    pub device: Device,
    /// What changes.
    pub changes: Vec<FieldChange>,
}

/// Compares what was read with the devices that are known. `known` must hold every device that has
/// an identity in common with one of the rows.
///
/// A row that is two known devices, by its tag the one and by its serial number the other, is a
/// fault: a wrong guess would give one device the history of another.
pub fn plan<K: Clone + Ord + Hash>(reading: Reading, known: &[(K, Device)]) -> Plan<K> {
    let mut index: HashMap<DeviceIdentity, usize> = HashMap::new();
    for (at, (_, device)) in known.iter().enumerate() {
        index.extend(device.identities().into_iter().map(|identity| (identity, at)));
    }
    let mut plan = Plan {
        new: Vec::new(),
        updates: Vec::new(),
        unchanged: Vec::new(),
        faults: reading.faults,
    };
    let mut seen: BTreeMap<DeviceIdentity, usize> = BTreeMap::new();
    for row in reading.devices {
        let identities = row.device.identities();
        if let Some(first) = identities.iter().find_map(|identity| seen.get(identity)) {
            let why = format!("it is the device of row {first} again");
            plan.faults.push(Fault { row: row.row, column: None, why });
            continue;
        }
        let matches: BTreeSet<usize> =
            identities.iter().filter_map(|identity| index.get(identity)).copied().collect();
        seen.extend(identities.into_iter().map(|identity| (identity, row.row)));
        match sole(&matches) {
            Ok(None) => plan.new.push(row),
            Ok(Some(at)) => plan.compare(&row, known.get(at)),
            Err(()) => plan.faults.push(ambiguous(&row, &matches, known)),
        }
    }
    plan.faults.sort_by_key(|fault| fault.row);
    plan
}

/// The one match, if there is one; an error if there are more.
fn sole(matches: &BTreeSet<usize>) -> Result<Option<usize>, ()> {
    if matches.len() > 1 { Err(()) } else { Ok(matches.first().copied()) }
}

fn ambiguous<K>(row: &RowDevice, matches: &BTreeSet<usize>, known: &[(K, Device)]) -> Fault {
    let name = |at: &usize| {
        let identities = known.get(*at).map(|(_, device)| device.identities());
        identities.and_then(|all| all.into_iter().next()).map(|one| one.to_string())
    };
    let names: Vec<String> = matches.iter().filter_map(name).collect();
    let why = format!("it could be any of {}: correct its tag or its serial", names.join(" and "));
    Fault { row: row.row, column: None, why }
}

impl<K: Clone> Plan<K> {
    fn compare(&mut self, row: &RowDevice, known: Option<&(K, Device)>) {
        let Some((key, old)) = known else { return };
        let device = old.updated(&row.device);
        let changes = old.changes(&device);
        // A device that is known by its tag may not become one with another's serial number: that
        // is a label on the wrong device, or a new device under an old tag.
        if let Some(change) = changes.iter().find(|change| is_swap(change)) {
            let (old, new) = (shown(change.old.as_ref()), shown(change.new.as_ref()));
            let why = format!(
                "{} was {old} and would become {new}: another device under a known tag; give it \
                 a tag of its own, or correct the known device first",
                change.field
            );
            self.faults.push(Fault { row: row.row, column: None, why });
        } else if changes.is_empty() {
            self.unchanged.push(key.clone());
        } else {
            self.updates.push(PlannedUpdate { row: row.row, key: key.clone(), device, changes });
        }
    }
}

fn is_swap(change: &FieldChange) -> bool {
    change.field == auscult_model::DeviceField::Serial
        && change.old.is_some()
        && shown(change.old.as_ref()).to_lowercase() != shown(change.new.as_ref()).to_lowercase()
}

fn shown(value: Option<&auscult_model::FieldValue>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}
