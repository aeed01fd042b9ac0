//! Finds the advisories for a device by its maker's and its model's name.

use std::collections::BTreeMap;

use serde::Serialize;

pub use super::judge::DeviceStatus;
use super::{
    judge::judge,
    names::{Model, Vendor},
};
use crate::{
    Result, Snapshot,
    affected::describe,
    record::{Claim, Span, Status},
};

/// What stands before the key of a device.
const PREFIX: &str = "m:";
/// Confidence of an answer that could not be decided, at most.
const OPEN_CONFIDENCE_MAX: u8 = 40;

/// An advisory that speaks of a device, or of one of a like name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceMatch {
    /// The vulnerability.
    pub id: String,
    /// Its other ids.
    pub aliases: Vec<String>,
    /// Name of the source.
    pub source: String,
    /// Id of the advisory in it.
    pub record: String,
    /// The maker as the advisory names it.
    pub vendor: String,
    /// The product as the advisory names it.
    pub product: String,
    /// What the advisory says about versions.
    pub range: String,
    /// The first repaired version, where the advisory names one.
    pub fixed: Option<String>,
    /// Whether the device is touched.
    pub status: DeviceStatus,
    /// Why.
    pub reason: String,
    /// Confidence that this device is meant and the status holds, in percent.
    pub confidence: u8,
}

/// What a snapshot says about a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum DeviceOutcome {
    /// At least one advisory touches the device, or may.
    Matches {
        /// Those, sorted by id; affected and undetermined ones.
        found: Vec<DeviceMatch>,
        /// Advisories for the product that do not touch this version.
        cleared: Vec<DeviceMatch>,
    },
    /// Advisories speak of the product, and none touches this version.
    NoMatch {
        /// Those advisories.
        cleared: Vec<DeviceMatch>,
    },
    /// No advisory names this product: that is no sign of safety.
    NoData {
        /// Whether the maker is known at all.
        vendor_known: bool,
        /// Products of the maker that advisories name.
        products_of_vendor: Vec<String>,
    },
}

struct Item {
    key: String,
    vendor_name: String,
    product_name: String,
    vendor: usize,
    model: Model,
}

/// All devices that a snapshot names.
pub(crate) struct Catalogue {
    vendors: Vec<Vendor>,
    items: Vec<Item>,
}

impl Catalogue {
    /// Reads the names of all devices.
    pub(crate) fn of(snapshot: &Snapshot) -> Result<Self> {
        let mut catalogue = Self { vendors: Vec::new(), items: Vec::new() };
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for key in snapshot.products_beginning(PREFIX)? {
            let names = key.strip_prefix(PREFIX).and_then(|names| names.split_once(':'));
            let Some((vendor_name, product_name)) = names else { continue };
            let (vendor_name, product_name) = (vendor_name.to_owned(), product_name.to_owned());
            let vendor = *known.entry(vendor_name.clone()).or_insert_with(|| {
                catalogue.vendors.push(Vendor::read(&vendor_name));
                catalogue.vendors.len() - 1
            });
            let Some(names) = catalogue.vendors.get(vendor) else { continue };
            let model = Model::read(&product_name, names);
            catalogue.items.push(Item { key, vendor_name, product_name, vendor, model });
        }
        Ok(catalogue)
    }
}

/// Finds the advisories that speak of a device: by the maker's name, the model's, and the version
/// where it is known. Spellings of a maker are brought together; a model must share its telling
/// words. An advisory whose text about versions is not understood is `Undetermined`.
///
/// # Errors
/// A part of the snapshot that is asked for is damaged.
pub fn match_device(
    snapshot: &Snapshot,
    vendor: &str,
    model: &str,
    version: Option<&str>,
) -> Result<DeviceOutcome> {
    let catalogue = snapshot.catalogue()?;
    let asked_vendor = Vendor::read(vendor);
    // Only makers that are the same are looked at.
    let same: Vec<Option<u8>> =
        catalogue.vendors.iter().map(|known| known.same(&asked_vendor)).collect();
    let (mut found, mut cleared, mut products) = (Vec::new(), Vec::new(), Vec::new());
    for item in &catalogue.items {
        let Some(Some(sure_of_vendor)) = same.get(item.vendor) else { continue };
        products.push(item.product_name.clone());
        let Some(known) = catalogue.vendors.get(item.vendor) else { continue };
        let asked = Model::read(model, known);
        let Some(sure_of_model) = item.model.meant(&asked) else { continue };
        for claim in snapshot.claims(&item.key)?.unwrap_or_default() {
            let matched =
                device_match(snapshot, item, &claim, version, sure_of_model.min(*sure_of_vendor))?;
            let list = match matched.status {
                DeviceStatus::NotAffected => &mut cleared,
                DeviceStatus::Affected | DeviceStatus::Undetermined => &mut found,
            };
            list.push(matched);
        }
    }
    for list in [&mut found, &mut cleared] {
        list.sort_by(|one, other| {
            let order = |m: &DeviceMatch| (m.id.clone(), m.status, u8::MAX - m.confidence);
            order(one)
                .cmp(&order(other))
                .then_with(|| (&one.record, &one.product).cmp(&(&other.record, &other.product)))
        });
    }
    Ok(if !found.is_empty() {
        DeviceOutcome::Matches { found, cleared }
    } else if !cleared.is_empty() {
        DeviceOutcome::NoMatch { cleared }
    } else {
        products.dedup();
        let vendor_known = !products.is_empty();
        DeviceOutcome::NoData { vendor_known, products_of_vendor: products }
    })
}

fn device_match(
    snapshot: &Snapshot,
    item: &Item,
    claim: &Claim,
    version: Option<&str>,
    sure_of_name: u8,
) -> Result<DeviceMatch> {
    let judged = judge(claim, version);
    let confidence = match judged.status {
        DeviceStatus::Undetermined => sure_of_name.min(OPEN_CONFIDENCE_MAX),
        DeviceStatus::Affected | DeviceStatus::NotAffected => sure_of_name,
    };
    let range = describe(claim);
    Ok(DeviceMatch {
        id: claim.id.clone(),
        aliases: snapshot.vulnerability(&claim.id)?.aliases,
        source: snapshot.source_name(claim.source),
        record: claim.record.clone(),
        vendor: item.vendor_name.clone(),
        product: item.product_name.clone(),
        range: if range.is_empty() { "no affected version named".to_owned() } else { range },
        fixed: fixed(claim),
        status: judged.status,
        reason: judged.reason,
        confidence,
    })
}

/// The repaired version, where the advisory names exactly one.
fn fixed(claim: &Claim) -> Option<String> {
    let mut repaired = claim.entries.iter().filter(|entry| entry.status == Status::Unaffected);
    let first = repaired.next()?;
    match (&first.span, repaired.next()) {
        (Span::Exactly { version, .. }, None) => Some(version.clone()),
        _ => None,
    }
}
