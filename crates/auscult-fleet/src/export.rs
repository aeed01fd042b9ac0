//! Tables that any spreadsheet opens (CSV, RFC 4180), and devices as their rows, which can be imported
//! again.

use auscult_model::{Device, DeviceField};

/// What makes a spreadsheet take a text for a formula.
pub(crate) const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Writes the lines of a table. A text that a spreadsheet would take for a formula gets an apostrophe before
/// it (OWASP, CSV injection).
pub fn written(lines: impl IntoIterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for line in lines {
        // Writing into memory does not fail, and lines may differ in length.
        let _ = writer.write_record(line.into_iter().map(harmless));
    }
    writer.into_inner().unwrap_or_default()
}

/// The columns of a table of devices: every field.
pub fn columns() -> Vec<String> {
    DeviceField::ALL.iter().map(|field| field.name().to_owned()).collect()
}

/// The row of a device, in the order of [`columns`]; empty where nothing is known.
pub fn row(device: &Device) -> Vec<String> {
    let cell = |field: &DeviceField| device.get(*field).map(ToString::to_string);
    DeviceField::ALL.iter().map(|field| cell(field).unwrap_or_default()).collect()
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: String) -> String {
    if cell.starts_with(FORMULA) { format!("'{cell}") } else { cell }
}
