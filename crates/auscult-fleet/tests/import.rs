//! From a file to what an import would do.
#![expect(clippy::unwrap_used, reason = "a failed precondition is a failed test")]

use std::io::Write as _;

use auscult_fleet::{
    ColumnTarget, InvalidMapping, Mapping, Plan, Reading, Table, columns, plan, read_devices, row,
    written,
};
use auscult_model::{DateOrder, Device, DeviceField};
use jiff::civil::{Date, date};

const TODAY: Date = date(2026, 11, 27);

fn suggested(table: &Table) -> Mapping {
    let mut mapping = Mapping::suggest(&table.header);
    for name in &table.header {
        mapping.columns.entry(name.clone()).or_insert(ColumnTarget::Ignored);
    }
    mapping
}

fn read(text: &str) -> Reading {
    let table = Table::read(text.as_bytes()).unwrap();
    read_devices(&table, &suggested(&table), TODAY).unwrap()
}

fn known(text: &str) -> Vec<(usize, Device)> {
    read(text).devices.into_iter().map(|row| (row.row, row.device)).collect()
}

fn faults<K>(plan: &Plan<K>) -> Vec<String> {
    let told = |fault: &auscult_fleet::Fault| {
        format!("{} {}: {}", fault.row, fault.column.as_deref().unwrap_or("-"), fault.why)
    };
    plan.faults.iter().map(told).collect()
}

#[test]
fn headers_of_maintenance_systems_are_understood() {
    let header = "Control Number;Serial No.;Mfr;Model #;Next PM Date;Dept;Colour";
    let table = Table::read(header.as_bytes()).unwrap();
    let mapping = Mapping::suggest(&table.header);
    let target = |name: &str| mapping.columns.get(name).copied();
    let field = |field| Some(ColumnTarget::Field(field));
    assert_eq!(target("Control Number"), field(DeviceField::AssetTag));
    assert_eq!(target("Serial No."), field(DeviceField::Serial));
    assert_eq!(target("Mfr"), field(DeviceField::Manufacturer));
    assert_eq!(target("Next PM Date"), field(DeviceField::NextMaintenance));
    assert_eq!(target("Dept"), field(DeviceField::Department));
    assert_eq!(target("Colour"), None);
    let faults = mapping.targets(&table.header).unwrap_err();
    assert!(faults.contains(&InvalidMapping::Unmapped("Colour".into())), "{faults:?}");
    let other = vec!["Asset".to_owned()];
    let faults = mapping.targets(&other).unwrap_err();
    assert!(faults.contains(&InvalidMapping::NoColumn("Mfr".into())), "{faults:?}");
}

#[test]
fn every_mistake_is_told_by_row_and_column() {
    let reading = read(
        "Asset,Serial,Mac,Next PM,Life Support\n\
         1,A,00:1b:44:11:3a:b7,2026-12-01,yes\n\
         2,B,00:1b:44,03/04/2026,perhaps\n\
         ,C,,,\n\
         1,D,,,no\n",
    );
    let plan = plan(reading, &[] as &[(u8, Device)]);
    assert_eq!(plan.new.len(), 1);
    let told = faults(&plan);
    assert_eq!(told.len(), 5, "{told:?}");
    for (fault, begin) in
        told.iter().zip(["3 Mac: ", "3 Next PM: ", "3 Life Support: ", "4 -: ", "5 -: "])
    {
        assert!(fault.starts_with(begin), "{fault}");
    }
    assert!(told[4].ends_with("it is the device of row 2 again"), "{}", told[4]);
}

#[test]
fn a_second_import_changes_what_is_new_in_it() {
    let old = known("Asset,Serial,Manufacturer,Model,Room\n1,A,Acme,P,E1\n2,B,Acme,P,E2\n");
    // One is recognised by its tag, one by what its maker gave it.
    let new =
        read("Asset,Serial,Manufacturer,Model,Room\n1,A,Acme,P,E9\n,b,ACME,P,\n3,C,Acme,P,\n");
    let plan = plan(new, &old);
    assert_eq!(faults(&plan), [] as [String; 0]);
    assert_eq!((plan.new.len(), plan.updates.len()), (1, 2));
    let changes: Vec<String> = plan.updates[0]
        .changes
        .iter()
        .map(|change| format!("{} {}", change.field, change.new.as_ref().unwrap()))
        .collect();
    assert_eq!(changes, ["room E9"]);
    // Spelt otherwise: the room, of which nothing was said, stays.
    assert_eq!(plan.updates[1].device.text(DeviceField::Room), Some("E2"));
    let again = read("Asset,Room\n1,E1\n2,\n");
    let plan = auscult_fleet::plan(again, &old);
    assert_eq!((plan.unchanged.len(), plan.updates.len()), (2, 0));
}

#[test]
fn no_device_gets_the_history_of_another() {
    let old = known("Asset,Serial,Manufacturer,Model\n1,A,Acme,P\n2,B,Acme,P\n");
    let told = |text: &str| faults(&plan(read(text), &old)).join(" ");
    let swapped = told("Asset,Serial\n1,Z\n");
    assert!(swapped.contains("serial was A and would become Z"), "{swapped}");
    let both = told("Asset,Serial,Manufacturer,Model\n1,B,Acme,P\n");
    assert!(both.contains("it could be any of asset tag 1 and asset tag 2"), "{both}");
}

#[test]
fn barcodes_defaults_and_words_of_a_site_are_taken() {
    let text = "Barcode,State,Site\n(01)09506000134352(21)S1(10)L7,Biomed Hold,\n\
                (01)09506000134353(21)S2,In Service,North\n";
    let table = Table::read(text.as_bytes()).unwrap();
    let mut mapping = suggested(&table);
    mapping.columns.insert("Barcode".into(), ColumnTarget::UdiBarcode);
    mapping.defaults.insert(DeviceField::Site, "Main".into());
    let words = [("Biomed Hold".to_owned(), "in-maintenance".to_owned())];
    mapping.words.insert(DeviceField::Status, words.into());
    let reading = read_devices(&table, &mapping, TODAY).unwrap();
    let device = &reading.devices[0].device;
    let told = |field| device.text(field);
    assert_eq!(told(DeviceField::UdiDeviceIdentifier), Some("09506000134352"));
    assert_eq!(told(DeviceField::Serial), Some("S1"));
    assert_eq!(told(DeviceField::Lot), Some("L7"));
    assert_eq!(told(DeviceField::Site), Some("Main"));
    assert_eq!(told(DeviceField::Status), Some("in-maintenance"));
    assert!(reading.faults[0].why.contains("check character"), "{:?}", reading.faults);
    let saved = serde_json::to_string(&mapping).unwrap();
    assert_eq!(serde_json::from_str::<Mapping>(&saved).unwrap(), mapping);
}

#[test]
fn what_was_exported_is_imported_without_a_change() {
    let old =
        known("Asset,Serial,Room,Mac,Next PM,Life Support\n1,A,-1,aabbccddeeff,31.12.2026,y\n");
    let rows = old.iter().map(|(_, device)| row(device));
    let bytes = written(std::iter::once(columns()).chain(rows));
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("'-1"), "{text}");
    let plan = plan(read(&text), &old);
    assert_eq!((plan.unchanged.len(), faults(&plan).len()), (1, 0));
}

#[test]
fn a_hundred_thousand_rows_of_mistakes_are_all_named() {
    let mut text = String::from("Asset,Serial,Spares,Next PM\n");
    for row in 0..100_000 {
        let spares = if row % 2 == 0 { "many" } else { "1" };
        let day = if row % 3 == 0 { "soon" } else { "2026-12-01" };
        text.extend([format!("T{row},S{row},{spares},{day}\n")]);
    }
    let plan = plan(read(&text), &[] as &[(u8, Device)]);
    assert_eq!(plan.faults.len(), 50_000 + 33_334);
    assert_eq!(plan.new.len(), 33_333);
}

/// The least that a program takes for a workbook.
fn workbook(sheet: &str) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let relations = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    for (name, text) in [
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>"
                .to_owned(),
        ),
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"r1\" \
                 Type=\"{relations}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{relations}\"><sheets>\
                 <sheet name=\"Devices\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"r1\" \
                 Type=\"{relations}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                "<styleSheet xmlns=\"{main}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/>\
                 <xf numFmtId=\"14\"/></cellXfs></styleSheet>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{main}\"><sheetData>{sheet}</sheetData></worksheet>"),
        ),
    ] {
        zip.start_file(name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn workbooks_are_read_with_their_days_and_numbers() {
    let text =
        |at: &str, text: &str| format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let sheet = format!(
        "<row r=\"3\">{}{}{}</row><row r=\"5\">\
         <c r=\"A5\"><v>4711</v></c><c r=\"B5\"><v>123456789012</v></c>\
         <c r=\"C5\" s=\"1\"><v>46357</v></c></row>",
        text("A3", "Asset Tag"),
        text("B3", "Serial"),
        text("C3", "Next PM"),
    );
    let table = Table::read(&workbook(&sheet)).unwrap();
    assert_eq!(table.header, ["Asset Tag", "Serial", "Next PM"]);
    assert_eq!(
        (table.rows[0].number, table.rows[0].cells.clone()),
        (5, vec!["4711".to_owned(), "123456789012".to_owned(), "2026-12-01".to_owned()])
    );
}

#[test]
fn a_workbook_with_a_cell_in_the_far_corner_is_refused_at_once() {
    let sheet = "<row r=\"1\"><c r=\"A1\"><v>1</v></c></row>\
                 <row r=\"1048576\"><c r=\"XFD1048576\"><v>2</v></c></row>";
    let error = Table::read(&workbook(sheet)).unwrap_err().to_string();
    assert!(error.contains("512 columns"), "{error}");
}

#[test]
fn dates_of_a_site_are_read_in_its_order() {
    let table = Table::read(b"Asset,Next PM\n1,03/04/2026\n").unwrap();
    let mut mapping = suggested(&table);
    mapping.date_order = DateOrder::MonthFirst;
    let reading = read_devices(&table, &mapping, TODAY).unwrap();
    let due = reading.devices[0].device.day(DeviceField::NextMaintenance);
    assert_eq!(due, Some(date(2026, 3, 4)));
}
