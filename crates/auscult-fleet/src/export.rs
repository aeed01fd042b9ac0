//! Devices as a CSV file that any spreadsheet opens, and that can be imported again.

use auscult_model::{Device, DeviceField};

/// What makes a spreadsheet take a text for a formula.
pub(crate) const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Writes devices, with every field as a column. A text that a spreadsheet would take for a formula
/// gets an apostrophe before it (OWASP, CSV injection).
pub fn csv<'a>(devices: impl IntoIterator<Item = &'a Device>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    let header = DeviceField::ALL.iter().map(|field| field.name());
    // Writing into memory does not fail.
    let _ = writer.write_record(header);
    for device in devices {
        let cell = |field: &DeviceField| device.get(*field).map(ToString::to_string);
        let cells = DeviceField::ALL.iter().map(|field| harmless(cell(field).unwrap_or_default()));
        let _ = writer.write_record(cells);
    }
    writer.into_inner().unwrap_or_default()
}

/// A cell that no spreadsheet takes for a formula.
pub fn harmless(cell: String) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell }
}
