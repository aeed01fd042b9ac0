//! Any bytes as an inventory or as a barcode: what is read as a device can be kept, and is read
//! again as it was written.
#![no_main]

use auscult_fleet::{ColumnTarget, Mapping, Table, columns, plan, read_devices, row, written};
use auscult_model::{Device, Udi};
use jiff::civil::date;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let today = date(2026, 11, 27);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Udi::parse(text, today);
        if let Ok(device) = serde_json::from_str::<Device>(text) {
            let written = serde_json::to_string(&device).expect("a device is written");
            assert_eq!(serde_json::from_str::<Device>(&written).expect("its own text"), device);
        }
    }
    let Ok(table) = Table::read(bytes) else { return };
    let mut mapping = Mapping::suggest(&table.header);
    for name in &table.header {
        let target = if name.contains("UDI") { ColumnTarget::UdiBarcode } else { ColumnTarget::Ignored };
        mapping.columns.entry(name.clone()).or_insert(target);
    }
    let Ok(reading) = read_devices(&table, &mapping, today) else { return };
    let plan = plan(reading, &[] as &[(u32, Device)]);
    let known: Vec<(u32, Device)> = (0..).zip(plan.new.into_iter().map(|row| row.device)).collect();
    let rows = known.iter().map(|(_, device)| row(device));
    let table = Table::read(&written(std::iter::once(columns()).chain(rows)));
    let (Ok(table), false) = (table, known.is_empty()) else { return };
    let reading = read_devices(&table, &Mapping::suggest(&table.header), today);
    let again = auscult_fleet::plan(reading.expect("its own header"), &known);
    assert!(again.faults.is_empty() && again.updates.is_empty() && again.new.is_empty(), "{again:?}");
    assert_eq!(again.unchanged.len(), known.len());
});
