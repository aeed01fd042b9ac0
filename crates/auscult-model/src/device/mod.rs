//! A medical device of a hospital's inventory: one unit, with its serial number.

mod field;
mod value;

use std::{collections::BTreeMap, fmt};

use jiff::civil::Date;
use serde::{Deserialize, Serialize, Serializer};

pub use field::{DeviceField, FieldKind, UnknownField};
pub use value::{DateOrder, FieldValue, InvalidValue};

/// What is known of a unit. A field that is not in it is unknown: never a "no".
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<DeviceField, serde_json::Value>")]
pub struct Device {
    values: BTreeMap<DeviceField, FieldValue>,
}

/// A field that differs between two states of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The field.
    pub field: DeviceField,
    /// What was known before.
    pub old: Option<FieldValue>,
    /// What is known now.
    pub new: Option<FieldValue>,
}

/// Why a device cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDevice {
    /// Nothing tells it from others.
    #[error(
        "a device needs asset_tag, or serial with manufacturer and model, or serial with udi_di: \
         without them it cannot be told from another"
    )]
    NoIdentity,
    /// A value is none of its field.
    #[error(transparent)]
    Value(#[from] InvalidValue),
}

/// By what a device is recognised when it is told of again. An asset tag is the owner's own;
/// a serial number is unique within a model only.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeviceIdentity {
    /// The owner's number.
    AssetTag(String),
    /// The device identifier of the UDI and the serial number.
    Udi(String, String),
    /// Manufacturer, model and serial number, in lower case.
    Serial(String, String, String),
}

impl fmt::Display for DeviceIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AssetTag(tag) => write!(formatter, "asset tag {tag}"),
            Self::Udi(di, serial) => write!(formatter, "UDI {di} with serial {serial}"),
            Self::Serial(maker, model, serial) => {
                write!(formatter, "{maker} {model} with serial {serial}")
            }
        }
    }
}

impl Device {
    /// What is known of a field.
    pub fn get(&self, field: DeviceField) -> Option<&FieldValue> {
        self.values.get(&field)
    }

    /// Sets a field, or makes it unknown.
    pub fn set(&mut self, field: DeviceField, value: Option<FieldValue>) {
        match value {
            Some(value) => drop(self.values.insert(field, value)),
            None => drop(self.values.remove(&field)),
        }
    }

    /// Every field that is known.
    pub fn iter(&self) -> impl Iterator<Item = (DeviceField, &FieldValue)> {
        self.values.iter().map(|(field, value)| (*field, value))
    }

    /// The text of a field.
    pub fn text(&self, field: DeviceField) -> Option<&str> {
        match self.get(field)? {
            FieldValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The answer of a field.
    pub fn flag(&self, field: DeviceField) -> Option<bool> {
        match self.get(field)? {
            FieldValue::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The day of a field.
    pub fn day(&self, field: DeviceField) -> Option<Date> {
        match self.get(field)? {
            FieldValue::Day(day) => Some(*day),
            _ => None,
        }
    }

    /// Everything that it may be recognised by, the surest first; none if it is a device without
    /// identity.
    pub fn identities(&self) -> Vec<DeviceIdentity> {
        let text = |field| self.text(field).map(str::to_lowercase);
        let mut identities = Vec::new();
        if let Some(tag) = text(DeviceField::AssetTag) {
            identities.push(DeviceIdentity::AssetTag(tag));
        }
        let Some(serial) = text(DeviceField::Serial) else { return identities };
        if let Some(di) = text(DeviceField::UdiDeviceIdentifier) {
            identities.push(DeviceIdentity::Udi(di, serial.clone()));
        }
        if let (Some(maker), Some(model)) =
            (text(DeviceField::Manufacturer), text(DeviceField::Model))
        {
            identities.push(DeviceIdentity::Serial(maker, model, serial));
        }
        identities
    }

    /// Whether it can be kept.
    pub fn check(&self) -> Result<(), InvalidDevice> {
        if self.identities().is_empty() { Err(InvalidDevice::NoIdentity) } else { Ok(()) }
    }

    /// This device with what a later report tells of it. What the report says nothing about stays:
    /// a file without a column does not know that the value is gone.
    #[must_use]
    pub fn updated(&self, report: &Self) -> Self {
        let mut device = self.clone();
        device.values.extend(report.values.clone());
        device
    }

    /// What differs from this state to a new one.
    pub fn changes(&self, new: &Self) -> Vec<FieldChange> {
        let differing =
            DeviceField::ALL.iter().filter(|field| self.get(**field) != new.get(**field));
        let change = |&field: &DeviceField| FieldChange {
            field,
            old: self.get(field).cloned(),
            new: new.get(field).cloned(),
        };
        differing.map(change).collect()
    }

    /// Whether its maintenance was due before this day. `None`: nobody said when it is due.
    pub fn is_overdue(&self, today: Date) -> Option<bool> {
        self.day(DeviceField::NextMaintenance).map(|due| due < today)
    }
}

impl Serialize for Device {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.values.serialize(serializer)
    }
}

impl TryFrom<BTreeMap<DeviceField, serde_json::Value>> for Device {
    type Error = InvalidValue;

    /// Reads JSON values as a person's, so that `true`, `"yes"` and `"Yes"` are one.
    fn try_from(fields: BTreeMap<DeviceField, serde_json::Value>) -> Result<Self, InvalidValue> {
        let mut device = Self::default();
        for (field, value) in fields {
            let text = match value {
                serde_json::Value::Null => continue,
                serde_json::Value::String(text) => text,
                serde_json::Value::Array(list) => {
                    let texts: Vec<&str> =
                        list.iter().filter_map(serde_json::Value::as_str).collect();
                    texts.join(",")
                }
                other => other.to_string(),
            };
            device.set(field, FieldValue::parse(field, &text, DateOrder::Unsaid)?);
        }
        Ok(device)
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::{DateOrder, Device, DeviceField, DeviceIdentity, FieldValue, InvalidDevice};

    fn parse(field: DeviceField, text: &str) -> Result<Option<FieldValue>, String> {
        FieldValue::parse(field, text, DateOrder::Unsaid).map_err(|error| error.to_string())
    }

    fn device(values: &[(DeviceField, &str)]) -> Device {
        let mut device = Device::default();
        for (field, text) in values {
            device.set(*field, parse(*field, text).unwrap());
        }
        device
    }

    #[test]
    fn names_of_fields_are_unique_and_round() {
        for field in DeviceField::ALL {
            assert_eq!(field.name().parse(), Ok(*field));
            assert!(!field.meaning().is_empty());
        }
        let mut aliases: Vec<&str> = DeviceField::ALL
            .iter()
            .flat_map(|field| field.aliases().iter().copied().chain([field.name()]))
            .collect();
        aliases.sort_unstable();
        let twice = aliases.windows(2).find(|pair| pair[0] == pair[1]);
        assert_eq!(twice, None);
    }

    #[test]
    fn values_have_one_form() {
        use DeviceField::{Ip, LifeSupport, Mac, NextMaintenance, Ownership, Room, Spares};
        for (field, text, expected) in [
            (LifeSupport, "Yes", "yes"),
            (LifeSupport, "0", "no"),
            (Mac, "AABB.CCDD.EEFF; 00-1B-44-11-3A-B7", "00:1b:44:11:3a:b7, aa:bb:cc:dd:ee:ff"),
            (Ip, "010.1.2.3", ""),
            (Ip, "10.1.2.3/24 fe80:0::1", "10.1.2.3, fe80::1"),
            (NextMaintenance, "2026-12-31 00:00:00", "2026-12-31"),
            (NextMaintenance, "31.12.2026", "2026-12-31"),
            (NextMaintenance, "12/31/2026", "2026-12-31"),
            (NextMaintenance, "31/12/2026", "2026-12-31"),
            (Ownership, "Leased", "leased"),
            (Room, "  E 2\n14 ", "E 2 14"),
            (Spares, "3.0", "3"),
        ] {
            let told = parse(field, text).map(|value| value.unwrap().to_string());
            assert_eq!(told.unwrap_or_default(), expected, "{field} {text}");
        }
    }

    #[test]
    fn nothing_said_is_no_value() {
        for text in ["", " ", "N/A", "unknown", "-", "TBD", "none"] {
            assert_eq!(parse(DeviceField::Room, text), Ok(None), "{text}");
            assert_eq!(parse(DeviceField::LifeSupport, text), Ok(None), "{text}");
        }
        // Where "none" is an answer it is one.
        let none = parse(DeviceField::HealthInformation, "None").unwrap();
        assert_eq!(none, Some(FieldValue::Text("none".to_owned())));
    }

    #[test]
    fn what_is_no_value_is_refused_with_what_it_should_be() {
        use DeviceField::{LifeSupport, Mac, NextMaintenance, Ownership, Spares};
        for (field, text, message) in [
            (LifeSupport, "maybe", "life_support: \"maybe\" is not yes or no"),
            (Mac, "00:00:00:00:00:00", "stands for none or for all"),
            (Mac, "00:1b:44", "00:1b:44:11:3a:b7"),
            (NextMaintenance, "03/04/2026", "days or months come first"),
            (NextMaintenance, "2026-02-30", "2026-12-31"),
            (NextMaintenance, "1/2/26", "four digits"),
            (Ownership, "borrowed", "one of: owned, leased"),
            (Spares, "-1", "whole number"),
        ] {
            let error = parse(field, text).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        let first = FieldValue::parse(NextMaintenance, "03/04/2026", DateOrder::DayFirst).unwrap();
        assert_eq!(first, Some(FieldValue::Day(date(2026, 4, 3))));
    }

    #[test]
    fn a_device_is_recognised_by_what_is_unique() {
        use DeviceField::{AssetTag, Manufacturer, Model, Serial, UdiDeviceIdentifier};
        assert_eq!(device(&[(Serial, "7")]).check(), Err(InvalidDevice::NoIdentity));
        let full = device(&[
            (AssetTag, "BM-1"),
            (Serial, "Ab7"),
            (UdiDeviceIdentifier, "09506000134352"),
            (Manufacturer, "Acme"),
            (Model, "Pump 2"),
        ]);
        assert_eq!(
            full.identities(),
            [
                DeviceIdentity::AssetTag("bm-1".into()),
                DeviceIdentity::Udi("09506000134352".into(), "ab7".into()),
                DeviceIdentity::Serial("acme".into(), "pump 2".into(), "ab7".into()),
            ]
        );
    }

    #[test]
    fn a_report_changes_what_it_tells_and_nothing_else() {
        use DeviceField::{AssetTag, NextMaintenance, Room};
        let old = device(&[(AssetTag, "1"), (Room, "A"), (NextMaintenance, "2026-01-01")]);
        let new = old.updated(&device(&[(AssetTag, "1"), (Room, "B")]));
        let changes = old.changes(&new);
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].field, Room);
        assert_eq!(new.is_overdue(date(2026, 1, 2)), Some(true));
        assert_eq!(new.is_overdue(date(2026, 1, 1)), Some(false));
        assert_eq!(device(&[(AssetTag, "1")]).is_overdue(date(2026, 1, 1)), None);
    }

    #[test]
    fn json_says_the_same_in_both_directions() {
        let text = r#"{"asset_tag":"1","last_pm":"2026-01-01","mac":["00:1b:44:11:3a:b7"],
            "life_support":true,"spares":2,"room":null}"#;
        let device: Device = serde_json::from_str(text).unwrap();
        let written = serde_json::to_string(&device).unwrap();
        assert_eq!(serde_json::from_str::<Device>(&written).unwrap(), device);
        assert!(written.contains(r#""life_support":true"#), "{written}");
        let error = serde_json::from_str::<Device>(r#"{"colour":"red"}"#).unwrap_err();
        assert!(error.to_string().contains("no field of a device is called \"colour\""), "{error}");
    }

    proptest! {
        #[test]
        fn a_value_is_read_as_it_is_written(index in 0..64_usize, text in "[ -~]{0,24}") {
            let field = DeviceField::ALL[index % DeviceField::ALL.len()];
            if let Ok(Some(value)) = parse(field, &text) {
                prop_assert_eq!(parse(field, &value.to_string()), Ok(Some(value)));
            }
        }
    }
}
