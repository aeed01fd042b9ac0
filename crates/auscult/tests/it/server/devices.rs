//! Devices: known once, changed by whoever saw the last state, released by nobody but a person.

use serde_json::json;

use super::support::{Server, databases};

#[test]
fn a_device_goes_out_and_comes_back() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let pump = json!({ "asset_tag": "BM-1", "serial": "S1", "room": "E 7",
            "next_pm": "2020-01-01", "life_support": "yes" });
        let said = client.post("/api/v1/devices", &pump);
        assert_eq!(said.status, 201, "{}", said.body);
        let device = said.json();
        let path = format!("/api/v1/devices/{}", device["id"].as_str().expect("an id"));
        assert_eq!(said.header("location"), Some(path.as_str()));
        assert_eq!(device["fields"]["life_support"], true);
        assert_eq!((&device["custody"], &device["overdue"]), (&json!("in-service"), &json!(true)));
        assert_eq!(client.post("/api/v1/devices", &pump).status, 409);
        let bad = client.post("/api/v1/devices", &json!({ "asset_tag": "2", "spares": "many" }));
        assert!(bad.status == 422 && bad.body.contains("spares"), "{}", bad.body);
        let count = |query: &str| {
            client.get(&format!("/api/v1/devices?{query}")).json()["total"]["count"].clone()
        };
        assert_eq!((count("q=e%207"), count("overdue=true")), (json!(1), json!(1)));
        assert_eq!((count("custody=held"), count("basis=exact")), (json!(0), json!(0)));
        let put = |body: &serde_json::Value| {
            client.send("PUT", &path, "application/json", body.to_string().as_bytes())
        };
        let moved = json!({ "revision": 1, "fields": { "asset_tag": "BM-1", "room": "E 8" } });
        assert_eq!(put(&moved).json()["fields"], json!({ "asset_tag": "BM-1", "room": "E 8" }));
        assert_eq!(put(&moved).status, 409);
        let step = |body: serde_json::Value| client.post(&format!("{path}/custody"), &body);
        let out = json!({ "step": "check-out", "custodian": "Acme", "reason": "battery" });
        assert_eq!(step(out).json()["custody"], "checked-out");
        client.account("boss", &["administrator"]);
        let waiver = json!({ "approver": "boss", "reason": "no reference", "until": "2099-01-01" });
        let release = json!({ "step": "release", "released": "under-waiver", "waiver": waiver });
        let unseen = json!({ "step": "release", "released": "unchanged" });
        let early = step(release.clone());
        assert!(early.status == 422 && early.body.contains("checked-out"), "{}", early.body);
        assert_eq!(step(json!({ "step": "return" })).json()["custody"], "returned");
        let hold = json!({ "step": "hold", "reason": "a new listener" });
        assert_eq!(step(hold).json()["custody"], "held");
        assert_eq!(step(unseen.clone()).status, 422);
        assert_eq!(step(json!({ "step": "return" })).status, 200);
        let refused = step(unseen);
        assert!(refused.status == 422 && refused.body.contains("not verified"), "{}", refused.body);
        assert_eq!(step(release).json()["custody"], "in-service");
        let page = client.get(&path.replace("/api/v1", ""));
        for text in ["a new listener", "Acme", "E 7 → E 8", "things are unknown"] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
        let events = client.get(&format!("{path}/history")).json();
        let actions: Vec<&str> = events
            .as_array()
            .expect("a list")
            .iter()
            .map(|event| event["action"].as_str().expect("a word"))
            .collect();
        let expected = ["create", "change", "check-out", "return", "hold", "return", "release"];
        assert_eq!(actions, expected);
    }
}

#[test]
fn a_system_is_seen_with_its_parts() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let part = |tag: &str, role: &str| {
            let is = json!({ "asset_tag": tag, "system": "Monitors & more", "system_role": role,
                "next_pm": "2020-01-01" });
            let said = client.post("/api/v1/devices", &is);
            format!("/devices/{}", said.json()["id"].as_str().expect("an id"))
        };
        let (monitor, station) = (part("M-1", "bedside monitor"), part("M-2", "central station"));
        assert_eq!(client.post("/api/v1/devices", &json!({ "asset_tag": "X-3" })).status, 201);
        let system = json!({ "name": "Monitors & more", "devices": 2, "out_of_service": 0,
            "devices_of_unknown_build": 2, "overdue": 2 });
        let list = client.get("/api/v1/systems").json();
        assert_eq!((&list["items"], &list["total"]["count"]), (&json!([system]), &json!(1)));
        let parts = "devices?system=Monitors%20%26%20more";
        assert_eq!(client.get(&format!("/api/v1/{parts}")).json()["total"]["count"], 2);
        let page = client.get("/systems").body;
        assert!(page.contains(parts) && page.contains("Monitors &#38; more"), "{page}");
        let page = client.get(&format!("/{parts}")).body;
        assert!(page.contains(&monitor) && page.contains("/devices.csv?system="), "{page}");
        let page = client.get(&monitor).body;
        for text in ["Part of", "It is its bedside monitor", "central station", station.as_str()] {
            assert!(page.contains(text), "{text}: {page}");
        }
        let file = client.get("/systems.csv").body;
        assert!(file.contains("Monitors & more,2,0,2,2"), "{file}");
    }
}

#[test]
fn the_page_of_a_device_takes_it_further() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let client = server.as_session(&root);
    let device = client.post("/api/v1/devices", &json!({ "asset_tag": "BM-<1>" })).json();
    let path = format!("/devices/{}", device["id"].as_str().expect("an id"));
    assert!(client.get("/devices").body.contains("BM-&#60;1&#62;"));
    let token = server.form_token(&root);
    let step = |fields: &[(&str, &str)]| {
        let mut all = vec![("csrf", token.as_str())];
        all.extend(fields);
        server.form(&format!("{path}/custody"), &root, &all)
    };
    let refused = step(&[("step", "hold"), ("reason", "x")]);
    assert!(refused.status == 422 && refused.body.contains("no hold follows"), "{}", refused.body);
    assert_eq!(step(&[("step", "return"), ("note", "a loaner")]).status, 303);
    assert_eq!(step(&[("step", "release"), ("released", "unchanged")]).status, 422);
    client.account("boss", &["administrator"]);
    let waived = |approver: &str| {
        let waiver = [("approver", approver), ("reason", "no reference"), ("until", "2099-01-01")];
        step(&[&[("step", "release"), ("released", "under-waiver")], &waiver[..]].concat())
    };
    assert_eq!(waived("root").status, 422);
    assert_eq!(waived("boss").status, 303);
    assert!(client.get(&path).body.contains("a loaner"));
    assert_eq!(server.form(&format!("{path}/custody"), &root, &[("step", "return")]).status, 403);
}
