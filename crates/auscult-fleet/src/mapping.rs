//! Which column of a file is which field, as a person said it and saved it.

use std::collections::{BTreeMap, BTreeSet};

use auscult_model::{DateOrder, DeviceField, FieldKind, FieldValue};
use serde::{Deserialize, Serialize};

/// What a column becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ColumnTarget {
    /// This field.
    Field(DeviceField),
    /// A whole UDI barcode: device identifier, serial number, lot and dates.
    UdiBarcode,
    /// Nothing: somebody looked at it and does not want it.
    Ignored,
}

/// How to read the files of one maintenance system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Targets by the name of their column in the header.
    pub columns: BTreeMap<String, ColumnTarget>,
    /// Which number of a date with slashes is which.
    #[serde(default)]
    pub date_order: DateOrder,
    /// Values of every row that does not say otherwise, such as the site that a file is from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub defaults: BTreeMap<DeviceField, String>,
    /// Words for a choice or an answer, as the system writes them, and what they mean:
    /// `Biomed Hold` is `in-maintenance`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<DeviceField, BTreeMap<String, String>>,
}

/// Why a mapping cannot be used with a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMapping {
    /// A column that it names is not in the file.
    #[error("the file has no column {0:?}, which the mapping needs: is it another export?")]
    NoColumn(String),
    /// A column of the file that it says nothing of.
    #[error("the mapping says nothing of the column {0:?}: give it a field, or ignore it")]
    Unmapped(String),
    /// Two columns for one field.
    #[error("two columns become {0}: choose one")]
    TwiceTaken(DeviceField),
    /// Nothing that tells a device from others is taken.
    #[error(
        "no column becomes asset_tag, or serial with manufacturer and model, or a UDI: devices \
         could not be told apart"
    )]
    NoIdentity,
    /// A default or a word that is no value of its field.
    #[error(transparent)]
    Value(#[from] auscult_model::InvalidValue),
}

impl Mapping {
    /// Proposes a mapping for a header, by the names that other systems use. What it does not know
    /// is left out, so that a person decides.
    pub fn suggest(header: &[String]) -> Self {
        let mut taken = BTreeSet::new();
        let mut columns = BTreeMap::new();
        for name in header.iter().filter(|name| !name.is_empty()) {
            let Some(field) = field_called(name) else { continue };
            if taken.insert(field) {
                columns.insert(name.clone(), ColumnTarget::Field(field));
            }
        }
        Self { columns, ..Self::default() }
    }

    /// The target of each column of a header, or everything that is wrong with the mapping.
    pub fn targets(&self, header: &[String]) -> Result<Vec<ColumnTarget>, Vec<InvalidMapping>> {
        let mut faults = Vec::new();
        let missing = self.columns.keys().filter(|name| !header.contains(name));
        faults.extend(missing.cloned().map(InvalidMapping::NoColumn));
        let mut targets = Vec::with_capacity(header.len());
        for name in header {
            match self.columns.get(name) {
                Some(target) => targets.push(*target),
                None if name.is_empty() => targets.push(ColumnTarget::Ignored),
                None => faults.push(InvalidMapping::Unmapped(name.clone())),
            }
        }
        faults.extend(self.faults_of_fields(&targets));
        if faults.is_empty() { Ok(targets) } else { Err(faults) }
    }

    fn faults_of_fields(&self, targets: &[ColumnTarget]) -> Vec<InvalidMapping> {
        let mut faults = Vec::new();
        let mut taken: BTreeSet<DeviceField> = BTreeSet::new();
        for target in targets {
            if let ColumnTarget::Field(field) = target
                && !taken.insert(*field)
            {
                faults.push(InvalidMapping::TwiceTaken(*field));
            }
        }
        for (field, text) in &self.defaults {
            if let Err(error) = FieldValue::parse(*field, text, self.date_order) {
                faults.push(error.into());
            }
            taken.insert(*field);
        }
        for (field, words) in &self.words {
            let meanings = words.values();
            let parsed = meanings.map(|text| FieldValue::parse(*field, text, self.date_order));
            faults.extend(parsed.filter_map(Result::err).map(InvalidMapping::Value));
        }
        let has = |field| taken.contains(&field);
        let unit = has(DeviceField::Serial)
            && (has(DeviceField::UdiDeviceIdentifier)
                || has(DeviceField::Manufacturer) && has(DeviceField::Model));
        let barcode = targets.contains(&ColumnTarget::UdiBarcode);
        if !(has(DeviceField::AssetTag) || unit || barcode) {
            faults.push(InvalidMapping::NoIdentity);
        }
        faults
    }

    /// A cell of a field, with the mapping's word for it.
    pub(crate) fn meaning<'a>(&'a self, field: DeviceField, cell: &'a str) -> &'a str {
        if !matches!(field.kind(), FieldKind::Choice(_) | FieldKind::Flag) {
            return cell;
        }
        let words = self.words.get(&field);
        words.and_then(|words| words.get(cell.trim())).map_or(cell, String::as_str)
    }
}

/// The field with this name or one of its aliases, whatever the case and the punctuation.
fn field_called(name: &str) -> Option<DeviceField> {
    let words: Vec<String> = name
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let (spaced, joined) = (words.join(" "), words.join("_"));
    let is_it =
        |field: &&DeviceField| field.name() == joined || field.aliases().contains(&spaced.as_str());
    DeviceField::ALL.iter().find(is_it).copied()
}
