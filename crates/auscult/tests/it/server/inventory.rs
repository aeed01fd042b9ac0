//! Inventories: read by a mapping, shown first, imported whole or not at all.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::support::{Server, databases};

/// Devices of a file, as a hospital of some size has them.
const DEVICES: usize = 5_000;

/// A file of so many devices; the room is another in each edition.
fn inventory(devices: usize, edition: &str) -> String {
    let mut text = "Equipment No;Maker;Model;Serial No;Room;Remark\n".to_owned();
    for number in 0..devices {
        let room = if number == 7 { edition } else { "E 1" };
        writeln!(text, "BM-{number};Acme;VL-200;S{number};{room};x").expect("a line");
    }
    text
}

fn mapping() -> Value {
    let field = |name: &str| json!({ "field": name });
    json!({ "columns": {
        "Equipment No": field("asset_tag"), "Maker": field("manufacturer"), "Model": field("model"),
        "Serial No": field("serial"), "Room": field("room"), "Remark": "ignored",
    } })
}

#[test]
fn an_inventory_is_shown_then_imported_then_compared() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let file = inventory(DEVICES, "E 1");
        let columns = client.upload("/api/v1/devices/import/columns", file.as_bytes()).json();
        assert_eq!(columns["rows"], DEVICES);
        assert!(columns["unmapped"].to_string().contains("Remark"), "{columns}");
        let unsaid = client.upload("/api/v1/devices/import?dry_run=true", file.as_bytes());
        assert!(unsaid.status == 422 && unsaid.body.contains("Remark"), "{}", unsaid.body);
        let body = mapping().to_string();
        let path = "/api/v1/devices/mappings/Acme";
        let saved = client.send("PUT", path, "application/json", body.as_bytes());
        assert_eq!(saved.status, 204, "{}", saved.body);
        let import = |query: &str, file: &str| {
            client.upload(&format!("/api/v1/devices/import?mapping=Acme{query}"), file.as_bytes())
        };
        let shown = import("&dry_run=true", &file).json();
        assert_eq!((&shown["is_imported"], &shown["created"]), (&json!(false), &json!(DEVICES)));
        let count = || client.get("/api/v1/devices?limit=1").json()["total"]["count"].clone();
        assert_eq!(count(), 0);
        let done = import("", &file);
        assert_eq!((done.status, &done.json()["created"]), (200, &json!(DEVICES)));
        assert_ne!(count(), 0);
        let moved = import("", &inventory(DEVICES, "E 9")).json();
        assert_eq!((&moved["updated"], &moved["unchanged"]), (&json!(1), &json!(DEVICES - 1)));
        let change = &moved["told_changes"][0];
        assert_eq!(
            (&change["row"], &change["old"], &change["new"]),
            (&json!(9), &json!("E 1"), &json!("E 9"))
        );
        assert_eq!(client.get("/api/v1/devices?q=E%209").json()["total"]["count"], 1);
    }
}

#[test]
fn a_file_with_one_wrong_row_imports_nothing() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let client = server.as_session(&root);
    let import = |file: &[u8]| client.upload("/api/v1/devices/import", file);
    let file = "asset_tag;serial;next_pm\nBM-1;S1;2026-12-31\nBM-2;S2;soon\nBM-1;S3;\n";
    let said = import(file.as_bytes());
    assert_eq!(said.status, 422, "{}", said.body);
    let faults = said.json()["told_faults"].clone();
    assert_eq!((&faults[0]["row"], &faults[0]["column"]), (&json!(3), &json!("next_pm")));
    assert_eq!(faults[1]["row"], 4, "{faults}");
    assert_eq!(client.get("/api/v1/devices").json()["total"]["count"], 0);
    for (file, why) in
        [(&b"PK\x03\x04 no workbook"[..], "workbook"), (b"", "empty"), (b"a;b\n1;2;3\n", "cells")]
    {
        let said = import(file);
        assert!(said.status == 422 && said.body.contains(why), "{why}: {}", said.body);
    }
}

#[test]
fn the_page_reads_keeps_a_mapping_and_imports() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let token = server.form_token(&root);
    let send = |action: &str, mapping: &str| {
        let parts = [("csrf", token.as_str()), ("mapping", mapping), ("action", action)];
        let body = multipart(&parts, &inventory(3, "E 1"));
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        server.as_session(&root).send("POST", "/devices/import", &kind, body.as_bytes())
    };
    let columns = send("columns", "");
    assert!(columns.status == 200 && columns.body.contains("Equipment No"), "{}", columns.body);
    let mut fields = vec![("csrf", token.as_str()), ("name", "Acme"), ("date_order", "unsaid")];
    fields.extend([("column-0", "Equipment No"), ("target-0", "asset_tag")]);
    fields.extend([("column-1", "Maker"), ("target-1", "ignored")]);
    fields.extend([("column-2", "Model"), ("target-2", "ignored")]);
    fields.extend([("column-3", "Serial No"), ("target-3", "ignored")]);
    fields.extend([("column-4", "Room"), ("target-4", "room")]);
    fields.extend([("column-5", "Remark"), ("target-5", "ignored")]);
    let kept = server.form("/devices/mappings", &root, &fields);
    assert!(kept.status == 200 && kept.body.contains("is kept"), "{}", kept.body);
    let shown = send("dry-run", "Acme");
    assert!(shown.body.contains("3 new, 0 changed"), "{}", shown.body);
    let done = send("import", "Acme");
    assert!(done.body.contains("Imported"), "{}", done.body);
    let devices = server.as_session(&root).get("/devices");
    assert!(devices.body.contains("BM-2"), "{}", devices.body);
}

const BOUNDARY: &str = "a-boundary-that-is-nowhere-else";

fn multipart(fields: &[(&str, &str)], file: &str) -> String {
    let mut body = String::new();
    for (name, value) in fields {
        let head = format!("Content-Disposition: form-data; name=\"{name}\"");
        write!(body, "--{BOUNDARY}\r\n{head}\r\n\r\n{value}\r\n").expect("a part");
    }
    let head = "Content-Disposition: form-data; name=\"file\"; filename=\"devices.csv\"";
    write!(body, "--{BOUNDARY}\r\n{head}\r\n\r\n{file}\r\n--{BOUNDARY}--\r\n").expect("a part");
    body
}
