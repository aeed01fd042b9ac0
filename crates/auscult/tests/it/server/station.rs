//! The check-in station: what stands on the sign over a device, from its return to its release.

use std::fs;

use serde_json::json;

use super::{
    check_in::Station,
    support::{Client, Said, Server, databases},
};
use crate::{
    integrity::{Bench, kinds},
    support::text,
};

/// The word on the sign.
fn sign(client: &Client<'_>, page: &str) -> String {
    let body = client.get(page).body;
    let word = body.split_once("<p class=\"word\">").map(|(_, rest)| rest.split('<').next());
    word.flatten().unwrap_or_else(|| panic!("no sign: {body}")).to_owned()
}

/// Sends evidence by the form.
fn hand_in(client: &Client<'_>, device: &str, token: &str, evidence: &[u8]) -> Said {
    let part = format!("--b\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{token}\r\n");
    let file = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"e\"\r\n\r\n";
    let mut body = (part + file).into_bytes();
    body.extend_from_slice(evidence);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let kind = "multipart/form-data; boundary=b";
    client.send("POST", &format!("{device}/evidence"), kind, &body)
}

#[test]
fn the_sign_over_a_device_says_whether_it_may_be_connected() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let (client, bench) = (server.as_session(&root), Bench::new());
        let station = Station::new(&client, &bench);
        let device = station.device.replace("/api/v1", "");
        let page = format!("{device}/check-in");
        let token = server.form_token(&root);
        let form = |path: &str, fields: &[(&str, &str)]| {
            let mut all = vec![("csrf", token.as_str())];
            all.extend(fields);
            let said = server.form(&format!("{device}{path}"), &root, &all);
            assert_eq!(said.status, 303, "{}", said.body);
        };
        // Whoever scans the asset tag is led to the device; what nobody knows is told.
        let scanned = client.get("/check-in?q=s1");
        assert_eq!(scanned.header("location"), Some(page.as_str()), "{}", scanned.body);
        assert!(client.get("/check-in?q=nothing").body.contains("No device is known by nothing"));
        assert_eq!(sign(&client, &page), "NOT VERIFIED");
        let key = bench.at("bench");
        let challenged = |unit: &std::path::Path| {
            form("/challenge", &[]);
            let challenge = client.get(&format!("{device}/challenge.json"));
            assert_eq!(challenge.status, 200, "{}", challenge.body);
            fs::write(bench.at("challenge"), challenge.body).expect("write the challenge");
            station.measure(unit, &["--key", text(&key)])
        };
        let (tamper, _, path, _) = kinds().remove(0);
        let unit = bench.unit("tampered");
        tamper(&unit);
        let evidence = challenged(&unit);
        assert_eq!(hand_in(&client, &device, "wrong", &evidence).status, 403);
        assert_eq!(hand_in(&client, &device, &token, b"nothing").status, 422);
        assert_eq!(hand_in(&client, &device, &token, &evidence).status, 303);
        assert_eq!(sign(&client, &page), "HOLD");
        let shown = client.get(&page).body;
        assert!(shown.contains("FAIL") && shown.contains(path), "{path}: {shown}");
        let verdict = shown.split("href=\"/api").nth(1).and_then(|rest| rest.split('"').next());
        let verdict = client.get(&format!("/api{}", verdict.expect("a link"))).json();
        assert_eq!(verdict["outcome"], "fail");
        form("/custody", &[("step", "return"), ("at", "station")]);
        assert_eq!(sign(&client, &page), "NOT VERIFIED");
        let evidence = challenged(&bench.unit("clean"));
        assert_eq!(hand_in(&client, &device, &token, &evidence).status, 303);
        assert_eq!(sign(&client, &page), "PASS");
        form("/custody", &[("step", "release"), ("released", "unchanged"), ("at", "station")]);
        assert_eq!(sign(&client, &page), "IN SERVICE");
        form("/custody", &[("step", "check-out"), ("custodian", "Maker"), ("reason", "repair")]);
        assert_eq!(sign(&client, &page), "AWAY");
        form("/custody", &[("step", "return"), ("at", "station")]);
        client.account("boss", &["administrator"]);
        let waiver = json!({ "approver": "boss", "reason": "an old build", "until": "2099-01-01" });
        let release = json!({ "step": "release", "released": "under-waiver", "waiver": waiver });
        let path = format!("{}/custody", station.device);
        assert_eq!(client.post(&path, &release).status, 200);
        assert_eq!(sign(&client, &page), "IN SERVICE");
        assert!(client.get(&page).body.contains("boss answers for it until 2099-01-01"));
        assert!(client.get("/check-in").body.contains("boss until 2099-01-01: an old build"));
    }
}
