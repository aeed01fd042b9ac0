//! The steps of a walk through the pages. What has no page (which build a device runs, keys
//! that are trusted, references, advisories) goes by the REST interface, as a program would do it.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use super::{
    super::support::{Client, PASSWORD, Server, image},
    driver::Browser,
    look::Look,
};
use crate::{
    integrity::{Bench, done, kinds},
    support::text,
};

/// Devices of the inventory, as a hospital of some size has them.
const DEVICES: usize = 5_000;
/// So many of them are known to run the build.
pub(super) const PUMPS: usize = 12;
/// The one that goes out.
const PUMP: &str = "BM-1007";
/// A vulnerability that only the newer advisories know.
pub(super) const NEWER: &str = "CVE-2099-0001";

/// Somebody at a browser, and what lies on the desk.
pub(super) struct Walk<'a> {
    pub(super) server: &'a Server,
    pub(super) browser: &'a Browser,
    look: &'a Look,
    pub(super) desk: tempfile::TempDir,
}

impl<'a> Walk<'a> {
    pub(super) fn new(server: &'a Server, browser: &'a Browser, look: &'a Look) -> Self {
        let desk = tempfile::tempdir().expect("a temporary folder");
        Self { server, browser, look, desk }
    }

    fn put(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.desk.path().join(name);
        fs::write(&path, content).expect("write a file");
        path
    }

    pub(super) fn seen(&self, name: &str) {
        self.look.at(self.browser, name);
    }

    /// Goes to a page by its address.
    fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.server.url));
    }

    pub(super) fn assert_shows(&self, words: &str) {
        let shown = self.browser.words();
        assert!(shown.contains(words), "{words} is not on {}:\n{shown}", self.browser.address());
    }

    /// The path of the page that is shown.
    fn path(&self) -> String {
        let address = self.browser.address();
        let path = address.strip_prefix(&self.server.url).expect("a page of the server");
        path.split(['?', '#']).next().unwrap_or_default().to_owned()
    }

    /// Does something as a program that has the session of the browser.
    fn as_program<T>(&self, what: impl FnOnce(&Client<'_>) -> T) -> T {
        what(&self.server.as_session(&self.browser.cookie()))
    }

    pub(super) fn first_start(&self) {
        let browser = self.browser;
        browser.open(self.server.set_up.as_ref().expect("a link"));
        self.seen("set-up");
        browser.fill("Name to sign in with", "root");
        browser.fill("Your name", "Ada Lovelace");
        browser.fill("Password", PASSWORD);
        browser.fill("The password again", PASSWORD);
        browser.click("Make the account");
        self.assert_shows("There is no build yet");
        browser.click("Sign out");
        self.seen("sign-in");
        browser.fill("Name", "root");
        browser.fill("Password", PASSWORD);
        browser.click("Sign in");
        self.assert_shows("Ada Lovelace");
    }

    /// Every page of a server that knows nothing.
    pub(super) fn nothing_yet(&self) {
        for (link, name) in [
            ("Overview", "overview-empty"),
            ("Worklist", "worklist-empty"),
            ("Products", "products-empty"),
            ("Builds", "builds-empty"),
            ("Devices", "devices-empty"),
            ("Check-in", "check-in-empty"),
            ("Where used", "where-used-empty"),
            ("Changes", "changes-empty"),
            ("Feeds", "feeds-empty"),
        ] {
            self.browser.click(link);
            self.seen(name);
        }
    }

    pub(super) fn first_build(&self) {
        let browser = self.browser;
        browser.click("Products");
        browser.fill("Name", "Infusion pump");
        browser.fill("Vendor", "Acme");
        browser.fill("Model", "IP-3");
        browser.click("Make");
        self.seen("product-empty");
        self.upload("1.0", &image());
        self.assert_shows("Why this verdict");
        self.seen("build");
        browser.click("Components");
        self.seen("components");
    }

    /// Uploads a build on the page of its product, and waits as long as its inspection takes.
    fn upload(&self, label: &str, content: &[u8]) {
        let image = self.put(&format!("pump-{label}.img"), content);
        self.browser.fill("Version or tag", label);
        self.browser.attach("Firmware image", &image);
        self.browser.click("Upload");
        let path = self.path();
        if self.browser.has_link("Look again") {
            self.seen(&format!("build-{label}-waiting"));
        }
        self.as_program(|program| program.get(&format!("/api/v1{path}?wait=120")));
        self.open(&path);
    }

    pub(super) fn decide(&self) {
        let browser = self.browser;
        browser.click("Verdict and findings");
        browser.fill("CVE or component", "CVE-2014-0160");
        browser.click("Filter");
        self.seen("build-filtered");
        browser.click("CVE-2014-0160");
        self.seen("finding");
        browser.select("Status", "not affected");
        browser.select("Justification", "vulnerable code not in execute path");
        browser.fill("Why", "TLS ends at the gateway; the pump's own service is never started.");
        browser.choose("component:openssl");
        browser.click("Record the decision");
        self.assert_shows("The decision is recorded");
        self.seen("finding-decided");
    }

    pub(super) fn next_build(&self) {
        let browser = self.browser;
        browser.click("Products");
        browser.click("Infusion pump");
        // The same flash with more of it erased behind the last partition.
        let mut next = image();
        next.resize(next.len() + 0x1000, 0xff);
        self.upload("1.1", &next);
        browser.fill("CVE or component", "CVE-2014-0160");
        browser.click("Filter");
        browser.click("CVE-2014-0160");
        self.assert_shows("TLS ends at the gateway");
        self.assert_shows("not affected: vulnerable code not in execute path (decided)");
        self.seen("finding-carried");
        for (link, name) in
            [("Products", "products"), ("Builds", "builds"), ("Overview", "overview")]
        {
            browser.click(link);
            self.seen(name);
        }
        browser.click("Products");
        browser.click("Infusion pump");
        self.seen("product");
    }

    pub(super) fn import_devices(&self) {
        let browser = self.browser;
        let file = self.put("devices.csv", inventory().as_bytes());
        browser.click("Devices");
        browser.click("Import an inventory");
        self.seen("inventory");
        browser.attach("File", &file);
        browser.select("What to do", "Say which column is what");
        browser.click("Go on");
        self.assert_shows("5000 rows");
        self.seen("inventory-columns");
        browser.select("Equipment No", "Asset tag");
        browser.fill("Name of the mapping", "Maintenance system");
        browser.click("Keep");
        self.assert_shows("is kept");
        for (what, told, name) in [
            ("Show what would change", "5000 new", "inventory-shown"),
            ("Import it", "Imported", "inventory-imported"),
        ] {
            browser.attach("File", &file);
            browser.select("How it is read", "Maintenance system");
            browser.select("What to do", what);
            browser.click("Go on");
            self.assert_shows(told);
            self.seen(name);
        }
        browser.click("Devices");
        self.seen("devices");
        browser.click("Systems");
        self.seen("systems");
        browser.click("Monitoring Surgery");
        browser.click("BM-1027");
        self.assert_shows("It is its central station");
        self.seen("device-of-system");
        browser.click("Devices");
        browser.fill("Anything", PUMP);
        browser.click("Filter");
        browser.click(PUMP);
        self.seen("device-unknown-build");
        browser.unfold("Say which build runs on it");
        browser.select("Build", "Infusion pump 1.1");
        browser.fill("From what", "read on its screen");
        browser.click("Keep it");
        self.assert_shows("read on its screen");
    }

    /// The pumps run the newest build; who installed it says so.
    pub(super) fn place_builds(&self) {
        self.browser.click("Builds");
        self.browser.click("1.1");
        let build = self.path().rsplit('/').next().expect("an id").to_owned();
        self.as_program(|program| {
            for number in 0..PUMPS {
                let tag = format!("BM-{}", 1_001 + number);
                let found = program.get(&format!("/api/v1/devices?q={tag}")).json();
                let device = found["items"][0]["id"].as_str().expect("a device");
                let body = json!({ "basis": "exact", "build": build, "why": "installed by Acme" });
                let path = format!("/api/v1/devices/{device}/build");
                let body = body.to_string();
                let said = program.send("PUT", &path, "application/json", body.as_bytes());
                assert_eq!(said.status, 200, "{}", said.body);
            }
        });
    }

    pub(super) fn worklist(&self) {
        let browser = self.browser;
        browser.click("Worklist");
        self.seen("worklist");
        browser.click("Overview");
        browser.fill("Where is it?", "busybox");
        browser.click("Find builds");
        self.assert_shows(&format!("{PUMPS} devices"));
        self.seen("where-used");
    }

    pub(super) fn newer_advisories(&self) {
        let browser = self.browser;
        browser.click("Feeds");
        browser.unfold("Load newer advisories");
        browser.attach("Snapshot", &self.snapshot());
        browser.click("Load them");
        // Builds are judged one after the other, and a list does not wait for them.
        let started = std::time::Instant::now();
        let unknown = || self.as_program(|program| program.get("/api/v1/worklist").json());
        while unknown()["unknown"] != 0 {
            assert!(started.elapsed().as_secs() < 60, "no verdict: {}", unknown());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        self.browser.click("Worklist");
        self.assert_shows(NEWER);
        self.seen("worklist-newer");
        self.browser.click(NEWER);
        self.assert_shows(&format!("{PUMPS} devices"));
        self.browser.click("Feeds");
        self.seen("feeds");
    }

    /// Advisories that know of one vulnerability, which is exploited.
    fn snapshot(&self) -> PathBuf {
        let mirror = self.desk.path().join("mirror");
        fs::create_dir(&mirror).expect("create the mirror");
        crate::snapshot::feeds(&mirror);
        let out = self.desk.path().join("newer.snapshot");
        done(&["advisories", "build", "--from", text(&mirror), "--out", text(&out)]);
        out
    }

    pub(super) fn check_out(&self) {
        let browser = self.browser;
        browser.click("Devices");
        browser.fill("Anything", PUMP);
        browser.click("Filter");
        browser.click(PUMP);
        browser.fill("Handed to", "Acme Service");
        browser.fill("Why", "battery replaced");
        browser.fill("Work order", "WO-4711");
        browser.click("Check out");
        self.assert_shows("Acme Service");
        self.seen("device");
        browser.click("Check-in");
        self.seen("check-in");
    }

    /// The pump comes back: what was changed on it has it held, and as it was it is released.
    pub(super) fn check_in(&self) {
        let (browser, bench) = (self.browser, Bench::new());
        self.trust(&bench);
        browser.click("Check-in");
        browser.fill("Scan or type a device", PUMP);
        browser.click("Open");
        self.assert_shows("AWAY");
        browser.click("It is back");
        self.assert_shows("NOT VERIFIED");
        self.seen("station-returned");
        for (number, (tamper, _, changed, reason)) in kinds().iter().enumerate() {
            let unit = bench.unit(&format!("tampered-{number}"));
            tamper(&unit);
            self.held(&bench, &unit, &[changed, reason]);
            if number == 0 {
                self.seen("station-hold");
            }
            browser.click("Verify again");
        }
        self.held(&bench, &bench.old_unit("older"), &["rollback", "build-2 has 2"]);
        browser.click("Verify again");
        self.verify(&bench, &bench.unit("clean"));
        self.assert_shows("PASS");
        self.seen("station-pass");
        browser.choose("as it was");
        browser.click("Release");
        self.assert_shows("IN SERVICE");
        self.seen("station-released");
    }

    /// A unit is held, and the page says why.
    fn held(&self, bench: &Bench, unit: &Path, why: &[&str]) {
        self.verify(bench, unit);
        self.assert_shows("HOLD");
        for words in why {
            self.assert_shows(words);
        }
    }

    /// Trusts the keys of the maker and of the bench, and gives the build its reference.
    fn trust(&self, bench: &Bench) {
        let browser = self.browser;
        browser.click("Administration");
        browser.click("Trusted keys");
        for (name, purpose) in
            [("maker", "reference manifests (maker)"), ("bench", "evidence of devices (bench)")]
        {
            let pem = fs::read_to_string(bench.at(&format!("{name}.pub"))).expect("a key");
            // Where no key is trusted yet, the form is open.
            if name != "maker" {
                browser.unfold("Trust a key");
            }
            browser.fill("Whose it is", name);
            browser.select("What it signs", purpose);
            browser.fill("Public key (PEM)", &pem);
            browser.click("Trust it");
        }
        self.seen("trusted-keys");
        browser.click("Builds");
        browser.click("1.1");
        browser.click("References");
        browser.attach("Signed reference manifest", &bench.at("reference"));
        browser.click("Add it");
        self.assert_shows("root on");
        self.seen("references");
        browser.click("Builds");
        browser.click("1.0");
        browser.click("References");
        bench.old_build();
        browser.attach("Signed reference manifest", &bench.at("old"));
        browser.click("Add it");
        self.assert_shows("root on");
    }

    /// Asks the device, measures it, and hands the evidence in.
    fn verify(&self, bench: &Bench, unit: &Path) {
        let browser = self.browser;
        browser.click("Make a challenge");
        let path = self.path().replace("/check-in", "/challenge.json");
        let challenge: Value = self.as_program(|program| program.get(&path).json());
        let challenge = self.put("challenge.json", challenge.to_string().as_bytes());
        let evidence = self.desk.path().join("device.evidence");
        let _ = fs::remove_file(&evidence);
        let mut arguments = vec!["measure", text(unit), "--challenge", text(&challenge)];
        let key = bench.at("bench");
        arguments.extend(["--key", text(&key), "-o", text(&evidence)]);
        done(&arguments);
        browser.attach("Evidence", &evidence);
        browser.click("Verify");
    }

    pub(super) fn administer(&self) {
        let browser = self.browser;
        browser.click("Changes");
        self.seen("changes");
        browser.click("Administration");
        self.seen("administration");
        browser.unfold("Make a key that acts in your name");
        browser.fill("What for", "CI of the pump");
        browser.choose("read");
        browser.click("Make the key");
        self.assert_shows("shown this once");
        self.seen("administration-key");
        browser.unfold("Make an account");
        browser.fill("Name to sign in with", "mary");
        browser.fill("Password", PASSWORD);
        browser.choose("viewer");
        browser.click("Make the account");
        self.assert_shows("mary");
        self.limit("mary");
        browser.click("Notifications");
        self.seen("notifications");
        browser.click("Administration");
        browser.click("Sign-in");
        self.seen("sign-in-settings");
        browser.click("Ada Lovelace");
        self.seen("account");
        browser.click("Audit log");
        browser.click("Verify the log");
        self.assert_shows("The log is whole");
        self.seen("audit");
    }

    /// Limits an account to a site.
    fn limit(&self, name: &str) {
        let accounts = self.as_program(|program| program.get("/api/v1/accounts").json());
        let all = accounts["items"].as_array().expect("a list");
        let account = all.iter().find(|one| one["name"] == name).expect("an account");
        let id = account["id"].as_str().expect("an id");
        self.open(&format!("/administration/accounts/{id}/reach"));
        self.browser.fill("Sites", "North");
        self.seen("reach");
        self.browser.click("Limit it so");
        self.assert_shows("1 site");
    }
}

/// A file as a maintenance system exports it.
fn inventory() -> String {
    let kinds = [
        ("Acme", "IP-3", "Infusion pump"),
        ("Acme", "VL-200", "Ventilator"),
        ("Corvita", "Monitor 8", "Patient monitor"),
        ("Lumen", "US-12", "Ultrasound"),
    ];
    let wards = ["Intensive care", "Surgery", "Cardiology", "Emergency", "Paediatrics"];
    let mut text =
        "Equipment No;Maker;Model;Serial No;Ward;Room;Description;System;Role in system;PM due\n"
            .to_owned();
    for number in 0..DEVICES {
        // The pumps come first.
        let (maker, model, kind) = if number < PUMPS { kinds[0] } else { kinds[number % 4] };
        let (ward, tag) = (wards[number % 5], 1_001 + number);
        let (room, month) = (number % 40 + 1, number % 12 + 1);
        let line = format!("BM-{tag};{maker};{model};S{tag};{ward};E {room};{kind}");
        let system = match (kind, number < 40) {
            ("Patient monitor", true) => format!("Monitoring {ward};central station"),
            ("Patient monitor", false) => format!("Monitoring {ward};bedside monitor"),
            _ => ";".to_owned(),
        };
        writeln!(text, "{line};{system};2027-{month:02}-15").expect("a line");
    }
    text
}
