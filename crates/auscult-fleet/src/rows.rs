//! Rows to devices.

use auscult_model::{Device, DeviceField, FieldValue, InvalidDevice, Udi};
use jiff::civil::Date;
use serde::Serialize;

use crate::{ColumnTarget, InvalidMapping, Mapping, Table, TableRow, export};

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The row, as a spreadsheet counts.
    pub row: usize,
    /// The name of the column; none where the row as a whole is at fault.
    pub column: Option<String>,
    /// What is wrong with it, and what it should be.
    pub why: String,
}

/// A device with the row that told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowDevice {
    /// The row.
    pub row: usize,
    /// What it says.
    pub device: Device,
}

/// Everything that a table says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The devices of the rows without a fault.
    pub devices: Vec<RowDevice>,
    /// Every fault of the other rows, in the order of the file.
    pub faults: Vec<Fault>,
}

/// Makes a device of every row. `today` tells the century of barcodes.
pub fn read_devices(
    table: &Table,
    mapping: &Mapping,
    today: Date,
) -> Result<Reading, Vec<InvalidMapping>> {
    let targets = mapping.targets(&table.header)?;
    let mut reading = Reading::default();
    for row in &table.rows {
        let before = reading.faults.len();
        let device = device(table, row, &targets, mapping, today, &mut reading.faults);
        if reading.faults.len() > before {
            continue;
        }
        match device.check() {
            Ok(()) => reading.devices.push(RowDevice { row: row.number, device }),
            Err(error) => reading.faults.push(whole(row, &error)),
        }
    }
    Ok(reading)
}

fn whole(row: &TableRow, error: &InvalidDevice) -> Fault {
    Fault { row: row.number, column: None, why: error.to_string() }
}

/// Columns first, then barcodes, which are compared with them, then what holds for all rows.
fn device(
    table: &Table,
    row: &TableRow,
    targets: &[ColumnTarget],
    mapping: &Mapping,
    today: Date,
    faults: &mut Vec<Fault>,
) -> Device {
    let mut device = Device::default();
    let cells = || table.header.iter().zip(targets).zip(&row.cells);
    let fault = |name: &str, why| Fault { row: row.number, column: Some(name.to_owned()), why };
    for ((name, target), cell) in cells() {
        if let ColumnTarget::Field(field) = target
            && let Err(why) = set(*field, cell, mapping, &mut device)
        {
            faults.push(fault(name, why));
        }
    }
    for ((name, target), cell) in cells() {
        if *target == ColumnTarget::UdiBarcode
            && let Err(why) = barcode(cell, today, &mut device)
        {
            faults.push(fault(name, why));
        }
    }
    for (field, text) in &mapping.defaults {
        // The mapping was checked.
        if device.get(*field).is_none()
            && let Ok(value) = FieldValue::parse(*field, text, mapping.date_order)
        {
            device.set(*field, value);
        }
    }
    device
}

fn set(
    field: DeviceField,
    cell: &str,
    mapping: &Mapping,
    device: &mut Device,
) -> Result<(), String> {
    let text = mapping.meaning(field, unguarded(cell));
    match FieldValue::parse(field, text, mapping.date_order) {
        Ok(None) => Ok(()),
        Ok(value) => {
            device.set(field, value);
            Ok(())
        }
        Err(error) => Err(format!("{:?} is not {}", error.text, error.expected)),
    }
}

/// Takes away the apostrophe that an export puts before what a spreadsheet would take for a formula.
fn unguarded(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| rest.starts_with(export::FORMULA)).unwrap_or(cell)
}

/// Takes what a barcode says. A column of its own that says another thing wins nothing: both are
/// told.
fn barcode(cell: &str, today: Date, device: &mut Device) -> Result<(), String> {
    if cell.trim().is_empty() {
        return Ok(());
    }
    let udi = Udi::parse(cell, today).map_err(|error| error.to_string())?;
    let day = |day: Option<Date>| day.map(FieldValue::Day);
    for (field, value) in [
        (DeviceField::UdiDeviceIdentifier, Some(FieldValue::Text(udi.device_identifier))),
        (DeviceField::Serial, udi.serial.map(FieldValue::Text)),
        (DeviceField::Lot, udi.lot.map(FieldValue::Text)),
        (DeviceField::Manufactured, day(udi.manufactured)),
        (DeviceField::Expires, day(udi.expires)),
        (DeviceField::SoftwareVersion, udi.software_version.map(FieldValue::Text)),
    ] {
        let Some(value) = value else { continue };
        if let Some(other) = device.get(field).filter(|other| **other != value) {
            return Err(format!("its {field} is {value}, another column says {other}"));
        }
        device.set(field, Some(value));
    }
    Ok(())
}
