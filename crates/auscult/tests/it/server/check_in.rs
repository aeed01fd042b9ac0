//! Check-in: a device that came back is measured, and released only where that passes.

use std::{fs, path::Path};

use auscult_dsse::{Envelope, PAYLOAD_TYPE, PublicKey};
use serde_json::{Value, json};

use super::support::{Client, PASSWORD, Said, Server, busybox, databases};
use crate::{
    integrity::{Bench, done, kinds},
    support::text,
};

/// A device with a build whose reference is known, out and back.
pub(super) struct Station<'a> {
    client: &'a Client<'a>,
    bench: &'a Bench,
    build: String,
    pub(super) device: String,
}

impl<'a> Station<'a> {
    pub(super) fn new(client: &'a Client<'a>, bench: &'a Bench) -> Self {
        let product = client.product("Pump");
        let path = format!("/api/v1/products/{product}/builds?label=1&wait=60");
        let build = id(&client.upload(&path, &busybox("1.30.0")));
        let station = Self { client, bench, build, device: String::new() };
        let manifest = fs::read(bench.at("reference")).expect("it was made");
        let refused = station.reference(&manifest);
        assert!(refused.status == 422 && refused.body.contains("maker"), "{}", refused.body);
        for (name, purpose) in [("maker", "maker"), ("bench", "bench")] {
            let pem = fs::read_to_string(bench.at(&format!("{name}.pub"))).expect("it was made");
            let key = json!({ "name": name, "purpose": purpose, "pem": pem });
            let said = client.post("/api/v1/trust", &key);
            assert_eq!(said.status, 201, "{}", said.body);
            assert_eq!(client.post("/api/v1/trust", &key).status, 422);
        }
        let said = station.reference(&manifest);
        assert_eq!(said.status, 201, "{}", said.body);
        Self { device: station.device("S1"), ..station }
    }

    fn reference(&self, manifest: &[u8]) -> Said {
        self.client.upload(&format!("/api/v1/builds/{}/references", self.build), manifest)
    }

    /// Makes a device of the build that is back.
    fn device(&self, serial: &str) -> String {
        let device = json!({ "asset_tag": serial, "serial": serial });
        let path = format!("/api/v1/devices/{}", id(&self.client.post("/api/v1/devices", &device)));
        let build = json!({ "basis": "exact", "build": self.build, "why": "installed" });
        let build = build.to_string();
        let said =
            self.client.send("PUT", &format!("{path}/build"), "application/json", build.as_bytes());
        assert_eq!(said.status, 200, "{}", said.body);
        self.step(&path, &json!({ "step": "return" }));
        path
    }

    fn step(&self, device: &str, step: &Value) {
        let said = self.client.post(&format!("{device}/custody"), step);
        assert_eq!(said.status, 200, "{}", said.body);
    }

    fn back_again(&self) {
        self.step(&self.device, &json!({ "step": "return" }));
    }

    /// Asks a device, and keeps the challenge as a file.
    fn challenge(&self, device: &str) {
        let said = self.client.post(&format!("{device}/challenge"), &json!({}));
        assert_eq!(said.status, 201, "{}", said.body);
        fs::write(self.bench.at("challenge"), said.body).expect("write the challenge");
    }

    /// Measures a unit, as an answer to the last challenge.
    pub(super) fn measure(&self, unit: &Path, more: &[&str]) -> Vec<u8> {
        let (challenge, out) = (self.bench.at("challenge"), self.bench.at("evidence"));
        let mut arguments = vec!["measure", text(unit), "--challenge", text(&challenge)];
        arguments.extend(["-o", text(&out)]);
        arguments.extend(more);
        let _ = fs::remove_file(&out);
        done(&arguments);
        fs::read(out).expect("it was made")
    }

    fn verify(&self, evidence: &[u8]) -> Value {
        let said = self.client.upload(&format!("{}/verifications", self.device), evidence);
        assert_eq!(said.status, 201, "{}", said.body);
        said.json()
    }

    /// Asserts that evidence has the device held, with a reason in its history that names this.
    fn assert_held(&self, evidence: &[u8], code: &str, reason: &str) {
        let verdict = self.verify(evidence);
        assert_eq!(verdict["outcome"], "fail", "{code}: {verdict:#}");
        assert!(verdict.to_string().contains(&format!("\"code\":\"{code}\"")), "{verdict:#}");
        assert_eq!(self.client.get(&self.device).json()["custody"], "held", "{code}");
        let events = self.client.get(&format!("{}/history", self.device)).json();
        let last = events.as_array().and_then(|all| all.last()).expect("an event");
        let said = last["detail"]["reason"].as_str().expect("a reason");
        assert!(said.contains(reason), "{code}: {said}");
        let release = json!({ "step": "release", "released": "unchanged" });
        assert_eq!(self.client.post(&format!("{}/custody", self.device), &release).status, 422);
        self.back_again();
    }
}

fn id(said: &Said) -> String {
    assert_eq!(said.status, 201, "{}", said.body);
    said.json()["id"].as_str().expect("an id").to_owned()
}

#[test]
fn a_clean_device_is_released_with_a_record_that_verifies() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let (client, bench) = (server.as_session(&root), Bench::new());
        let station = Station::new(&client, &bench);
        let (unit, key) = (bench.unit("unit"), bench.at("bench"));
        station.challenge(&station.device);
        let evidence = station.measure(&unit, &["--key", text(&key)]);
        let verdict = station.verify(&evidence);
        assert_eq!(verdict["outcome"], "pass", "{verdict:#}");
        assert_eq!(client.get(&station.device).json()["custody"], "returned");
        assert_eq!(client.get(&format!("{}/release-record", station.device)).status, 404);
        station.step(&station.device, &json!({ "step": "release", "released": "unchanged" }));
        let record = client.get(&format!("{}/release-record", station.device)).body;
        let pem = client.get("/api/v1/record-key").body;
        let keys = [PublicKey::from_pem(&pem).expect("a key")];
        let envelope: Envelope = serde_json::from_str(&record).expect("an envelope");
        let (payload, _) = envelope.open(PAYLOAD_TYPE, &keys).expect("signed by the server");
        let said: Value = serde_json::from_slice(&payload).expect("a statement");
        let predicate = &said["predicate"];
        assert_eq!(
            (&predicate["released"], &predicate["by"]),
            (&json!("unchanged"), &json!("root"))
        );
        assert_eq!(predicate["build"], station.build.as_str());
        let digest = auscult_model::Sha256::of(&evidence).to_string();
        assert_eq!(predicate["verification"]["evidence"], digest.as_str());
        // The pass of last time does not count when it comes back again.
        station.back_again();
        let release = json!({ "step": "release", "released": "unchanged" });
        let early = client.post(&format!("{}/custody", station.device), &release);
        assert!(early.status == 422 && early.body.contains("not verified"), "{}", early.body);
        // Nor does the evidence, whether or not a challenge is open.
        station.assert_held(&evidence, "evidence-replayed", "another challenge");
        station.challenge(&station.device);
        station.assert_held(&evidence, "evidence-replayed", "another challenge");
    }
}

#[test]
fn whatever_was_done_to_a_device_has_it_held() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let (client, bench) = (server.as_session(&root), Bench::new());
    let station = Station::new(&client, &bench);
    let key = bench.at("bench");
    for (number, (tamper, code, path, _)) in kinds().iter().enumerate() {
        let unit = bench.unit(&format!("unit-{number}"));
        tamper(&unit);
        station.challenge(&station.device);
        station.assert_held(&station.measure(&unit, &["--key", text(&key)]), code, path);
    }
    // An older build, as it was made.
    bench.old_build();
    let manifest = fs::read(bench.at("old")).expect("it was made");
    assert_eq!(station.reference(&manifest).status, 201);
    station.challenge(&station.device);
    let evidence = station.measure(&bench.old_unit("old-unit"), &["--key", text(&key)]);
    station.assert_held(&evidence, "rollback", "build-2 has 2");
}

#[test]
fn whatever_was_done_to_the_papers_has_the_device_held() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let (client, bench) = (server.as_session(&root), Bench::new());
    let station = Station::new(&client, &bench);
    let (unit, key, stranger) = (bench.unit("unit"), bench.at("bench"), bench.at("stranger"));
    let (signed, maker) = (["--key", text(&key)], bench.at("maker"));
    station.challenge(&station.device);
    station.assert_held(&station.measure(&unit, &[]), "evidence-signature", "no signature");
    station.challenge(&station.device);
    for wrong in [&stranger, &maker] {
        let evidence = station.measure(&unit, &["--key", text(wrong)]);
        station.assert_held(&evidence, "evidence-signature", "not trusted");
        station.challenge(&station.device);
    }
    let mut stripped: Value =
        serde_json::from_slice(&station.measure(&unit, &signed)).expect("an envelope");
    stripped["signatures"] = json!([]);
    station.assert_held(stripped.to_string().as_bytes(), "evidence-stripped", "evidence");
    // An answer to an older challenge, to none, and to that of another device.
    station.challenge(&station.device);
    let early = station.measure(&unit, &signed);
    station.challenge(&station.device);
    station.assert_held(&early, "evidence-replayed", "another challenge");
    let other = station.device("S2");
    station.challenge(&other);
    let foreign = station.measure(&unit, &signed);
    station.challenge(&station.device);
    station.assert_held(&foreign, "evidence-replayed", "another challenge");
    let nothing = client.upload(&format!("{}/verifications", station.device), b"{}");
    assert_eq!(nothing.status, 422, "{}", nothing.body);
    // A key that is trusted no more.
    let keys = client.get("/api/v1/trust").json();
    let trusted = keys.as_array().expect("a list").iter().find(|one| one["purpose"] == "bench");
    let path = format!("/api/v1/trust/{}", trusted.expect("a key")["id"].as_str().expect("an id"));
    station.challenge(&station.device);
    let evidence = station.measure(&unit, &signed);
    assert_eq!(client.send("DELETE", &path, "application/json", b"").status, 204);
    station.assert_held(&evidence, "evidence-signature", "not trusted");
}

#[test]
fn a_waiver_takes_somebody_else_who_may_release_and_a_day() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let client = server.as_session(&root);
    client.account("boss", &["administrator"]);
    client.account("guest", &["viewer"]);
    let device = id(&client.post("/api/v1/devices", &json!({ "asset_tag": "1" })));
    let path = format!("/api/v1/devices/{device}/custody");
    assert_eq!(client.post(&path, &json!({ "step": "return" })).status, 200);
    let waived = |approver: &str, reason: &str, until: &str| {
        let waiver = json!({ "approver": approver, "reason": reason, "until": until });
        let release = json!({ "step": "release", "released": "under-waiver", "waiver": waiver });
        client.post(&path, &release).status
    };
    let bare = client.post(&path, &json!({ "step": "release", "released": "under-waiver" }));
    assert_eq!(bare.status, 422);
    for (approver, reason, until) in [
        ("root", "x", "2099-01-01"),
        ("guest", "x", "2099-01-01"),
        (PASSWORD, "x", "2099-01-01"),
        ("boss", " ", "2099-01-01"),
        ("boss", "x", "2020-01-01"),
    ] {
        assert_eq!(waived(approver, reason, until), 422, "{approver} {reason} {until}");
    }
    assert_eq!(waived("boss", "an old build", "2099-01-01"), 200);
    let waivers = client.get("/api/v1/waivers").json();
    assert_eq!(waivers[0]["device"], device.as_str());
    assert_eq!(
        (&waivers[0]["approver"], &waivers[0]["is_expired"]),
        (&json!("boss"), &json!(false))
    );
}
