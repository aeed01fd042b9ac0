//! Products, uploads, verdicts, and snapshots.

use serde_json::{Value, json};

use super::{
    monitoring::wait,
    support::{Client, Server, busybox, databases, image},
};
use crate::support::{auscult, sample, stdout, text};

fn upload(client: &Client<'_>, product: &str, label: &str, body: &[u8]) -> Value {
    let path = format!("/api/v1/products/{product}/builds?label={label}&wait=120");
    let said = client.upload(&path, body);
    assert!(matches!(said.status, 200 | 201), "{} {}", said.status, said.body);
    said.json()
}

fn id(view: &Value) -> &str {
    view["id"].as_str().expect("an id")
}

#[test]
fn an_image_is_inspected_judged_and_given_out_as_scan_would() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let product = client.product("Pump");
        let build = upload(&client, &product, "1.0", &image());
        assert_eq!((&build["state"], &build["kind"]), (&json!("ready"), &json!("image")));
        let verdict = &build["evaluation"]["verdict"];
        assert_eq!(verdict["outcome"], "fail", "{verdict}");
        // The same content is the same build, whatever it is called.
        let again = upload(&client, &product, "1.0-again", &image());
        assert_eq!((id(&again), &again["label"]), (id(&build), &json!("1.0")));
        let path = format!("/api/v1/builds/{}", id(&build));
        let result = client.get(&format!("{path}/result")).json();
        let output =
            auscult(&["scan", text(&sample()), "-o", "json", "--fail-on", "immediate,kev"]);
        let scanned: Value = serde_json::from_str(&stdout(&output)).expect("JSON");
        for part in ["components", "findings", "verdict", "coverage", "input", "snapshot"] {
            assert_eq!(result[part], scanned[part], "{part}");
        }
        let csv = client.get(&format!("{path}/result?format=csv"));
        assert!(csv.body.contains("CVE-2014-0160"), "{}", csv.body);
        let name = csv.header("content-disposition").expect("a name");
        assert_eq!(name, "attachment; filename=\"1.0.csv\"");
        for format in ["cyclonedx", "openvex", "csaf-vex"] {
            client.get(&format!("{path}/result?format={format}")).json();
        }
        let wrong = client.get(&format!("{path}/result?format=word"));
        assert_eq!(wrong.status, 400, "{}", wrong.body);
        // Facts go to another product, or another server, without the image.
        let facts = client.get(&format!("{path}/facts"));
        let other = client.product("Pump 2");
        let copied = upload(&client, &other, "1.0", facts.body.as_bytes());
        assert_eq!(copied["kind"], "facts");
        assert_eq!(copied["facts_sha256"], build["facts_sha256"]);
        assert_eq!(copied["evaluation"]["counts"], build["evaluation"]["counts"]);
    }
}

#[test]
fn lists_come_in_pages_that_join_and_totals_that_are_true() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        for number in 0..7 {
            client.product(&format!("Pump {number}"));
        }
        let product = client.product("Monitor");
        let build = upload(&client, &product, "1", &image());
        let walk = |path: &str, limit: usize| -> (Vec<Value>, Value) {
            let (mut items, mut after) = (Vec::new(), String::new());
            loop {
                let joint = if path.contains('?') { '&' } else { '?' };
                let said = client.get(&format!("{path}{joint}limit={limit}&after={after}"));
                assert_eq!(said.status, 200, "{}", said.body);
                let page = said.json();
                let list = page["items"].as_array().expect("a list");
                assert!(list.len() <= limit);
                items.extend(list.clone());
                match page["next"].as_str() {
                    Some(next) => after = next.to_owned(),
                    None => return (items, page["total"].clone()),
                }
            }
        };
        let (products, total) = walk("/api/v1/products", 3);
        assert_eq!((products.len(), total), (8, json!({ "count": 8, "is_exact": true })));
        let path = format!("/api/v1/builds/{}", id(&build));
        let counts = &build["evaluation"]["counts"];
        let (findings, total) = walk(&format!("{path}/findings"), 1000);
        assert_eq!(json!(findings.len()), counts["findings"]);
        assert_eq!(total["count"], counts["findings"]);
        let (again, _) = walk(&format!("{path}/findings"), 400);
        assert!(findings == again, "pages of another length give another list");
        let (components, _) = walk(&format!("{path}/components"), 5);
        assert_eq!(json!(components.len()), counts["components"]);
        for (filter, expected) in [
            ("status=open", &counts["open"]),
            ("status=open&kev=yes", &counts["known_exploited"]),
            ("status=open&outcome=immediate", &counts["immediate"]),
            ("status=open&risk=uncontrolled", &counts["uncontrolled"]),
        ] {
            let (found, _) = walk(&format!("{path}/findings?{filter}"), 1000);
            assert_eq!(&json!(found.len()), expected, "{filter}");
        }
        let (found, _) = walk(&format!("{path}/findings?q=cve-2014-0160"), 10);
        assert!(found.iter().any(|one| one["id"] == "CVE-2014-0160"), "{found:?}");
        for wrong in ["limit=0", "limit=1001", "limit=x", "after=zz"] {
            let said = client.get(&format!("{path}/findings?{wrong}"));
            assert!(matches!(said.status, 400 | 422), "{wrong}: {}", said.body);
        }
    }
}

#[test]
fn bad_uploads_are_refused_with_the_reason() {
    for (database, folder) in databases() {
        let arguments = ["--upload-limit", "2000000"];
        let server = Server::start_with(&database, folder.path(), &arguments);
        let root = server.set_up();
        let client = server.as_session(&root);
        let product = client.product("Pump");
        let path = |rest: &str| format!("/api/v1/products/{product}/builds?{rest}");
        let too_large = vec![0x41; 2_000_001];
        let spdx = br#"{"spdxVersion":"SPDX-2.3","name":"x"}"#;
        for (rest, body, status, told) in [
            ("label=1", &b""[..], 422, "empty"),
            ("label=", b"x", 422, "label"),
            ("label=1&kind=word", b"x", 400, "kind"),
            ("kind=image", b"x", 400, "label"),
            ("label=1", &too_large, 413, "more than 2000000 bytes"),
        ] {
            let said = client.upload(&path(rest), body);
            assert_eq!(said.status, status, "{rest}: {}", said.body);
            let problem = said.json();
            let detail = problem["detail"].as_str().expect("a detail");
            assert!(detail.contains(told), "{rest}: {detail}");
            assert_eq!(said.header("content-type"), Some("application/problem+json"));
        }
        // What is wrong inside comes out when it is read, and no attempt is repeated in vain.
        for (rest, body, told) in [
            ("label=1&kind=sbom&wait=60", &b"nothing"[..], "no document that this version reads"),
            ("label=2&kind=sbom&wait=60", br#"{"bomFormat":"CycloneDX"}"#, "read the SBOM"),
            ("label=3&kind=facts&wait=60", br#"{"schema":1}"#, "read the facts"),
            ("label=4&kind=facts&wait=60", b"[[[[", "read the facts"),
            ("label=5&wait=60", spdx, "SPDX"),
        ] {
            let said = client.upload(&path(rest), body);
            let view = said.json();
            if view["state"] == "ready" {
                assert_eq!(view["evaluation"]["verdict"]["outcome"], "inconclusive", "{rest}");
                continue;
            }
            assert_eq!(view["state"], "failed", "{rest}: {view}");
            let reason = view["reason"].as_str().expect("a reason");
            assert!(reason.contains(told), "{rest}: {reason}");
            let result = client.get(&format!("/api/v1/builds/{}/result", id(&view)));
            assert_eq!(result.status, 409, "{}", result.body);
            let retry = format!("/api/v1/builds/{}/retry", id(&view));
            assert_eq!(client.post(&retry, &json!({})).status, 202);
        }
        // Nothing in it is no clean device.
        let said = client.upload(&path("label=6&wait=60"), &[0x55; 4096]);
        assert_eq!(
            said.json()["evaluation"]["verdict"]["outcome"],
            "inconclusive",
            "{}",
            said.body
        );
    }
}

/// A snapshot with a single advisory, made by the program itself.
pub(super) fn other_snapshot() -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a folder");
    let (mirror, file) = (folder.path().join("mirror"), folder.path().join("new.snapshot"));
    std::fs::create_dir(&mirror).expect("a folder");
    crate::snapshot::feeds(&mirror);
    let made = auscult(&["advisories", "build", "--from", text(&mirror), "--out", text(&file)]);
    assert_eq!(made.status.code(), Some(0), "{}", crate::support::stderr(&made));
    std::fs::read(&file).expect("it was made")
}

#[test]
fn a_snapshot_is_checked_loaded_and_judged_by() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let before = client.get("/api/v1/snapshots").json();
        assert_eq!(before["current"]["is_built_in"], true);
        let damaged = client.upload("/api/v1/snapshots", b"no snapshot");
        assert_eq!(damaged.status, 422, "{}", damaged.body);
        assert!(damaged.json()["hint"].as_str().is_some_and(|hint| hint.contains("update")));
        let product = client.product("Pump");
        let build = upload(&client, &product, "1", &busybox("1.30.0"));
        assert!(build["evaluation"]["counts"]["open"].as_u64() > Some(0), "{build}");
        let bytes = other_snapshot();
        let said = client.upload("/api/v1/snapshots?older=true", &bytes);
        assert_eq!(said.status, 201, "{}", said.body);
        let after = client.get("/api/v1/snapshots").json();
        assert_ne!(after["current"]["root"], before["current"]["root"]);
        let path = format!("/api/v1/builds/{}", id(&build));
        let judged = client.get(&path).json();
        assert_eq!(judged["evaluation"]["snapshot"]["root"], after["current"]["root"]);
        assert_ne!(judged["evaluation"]["counts"], build["evaluation"]["counts"]);
        // Another process judges by it, too: nothing is kept outside of the store.
        drop(server);
        let server = Server::start(&database, folder.path());
        let judged = server.as_session(&root).get(&path).json();
        assert_eq!(judged["evaluation"]["snapshot"]["root"], after["current"]["root"]);
    }
}

#[test]
fn the_description_is_openapi_and_the_audit_log_holds() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let description = server.get("/api/v1/openapi.json").json();
    assert_eq!(description["openapi"], "3.1.0");
    let root = server.set_up();
    let client = server.as_session(&root);
    let product = client.product("Pump");
    upload(&client, &product, "1", &busybox("1.30.0"));
    let log = client.get("/api/v1/audit").json();
    let entries = log["items"].as_array().expect("a list");
    let actions: Vec<&str> =
        entries.iter().rev().filter_map(|entry| entry["action"].as_str()).collect();
    assert_eq!(actions, ["set-up", "make-product", "upload-build"]);
    let verified = client.get("/api/v1/audit/verify").json();
    assert_eq!((&verified["is_whole"], &verified["entries"]), (&json!(true), &json!(3)));
}

/// What lists say of a build whose findings nobody has asked for yet is what they say afterwards: the one
/// is put together of what many builds share, the other is judged as a whole.
#[test]
fn a_build_in_short_is_the_build_as_a_whole() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let product = client.product("Pump");
        for (label, busybox, openssl) in [("1", "1.30.0", "1.0.1f"), ("2", "1.30.0", "3.0.1")] {
            let part = |name: &str, vendor: &str, version: &str| {
                json!({ "type": "library", "name": name, "version": version,
                    "cpe": format!("cpe:2.3:a:{vendor}:{name}:{version}:*:*:*:*:*:*:*") })
            };
            let zlib = part("zlib", "zlib", "1.2.11");
            let mut again = zlib.clone();
            again["purl"] = json!("pkg:generic/zlib@1.2.11");
            let parts = json!([part("busybox", "busybox", busybox), zlib, again,
                part("openssl", "openssl", openssl), part("nobody-knows-it", "nobody", "1.0"),
                { "type": "operating-system", "name": "linux", "version": "5.10.100",
                  "cpe": "cpe:2.3:o:linux:linux_kernel:5.10.100:*:*:*:*:*:*:*" },
                { "type": "library", "name": "curl" }]);
            let sbom =
                json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": parts });
            let path = format!("/api/v1/products/{product}/builds?label={label}&kind=sbom");
            let said = client.upload(&path, sbom.to_string().as_bytes());
            assert_eq!(said.status, 201, "{}", said.body);
        }
        let list = || client.get("/api/v1/builds").json()["items"].clone();
        let is_judged = |one: &Value| one["evaluation"]["counts"]["findings"].as_u64() > Some(10);
        wait("the judgement of both", || list().as_array()?.iter().all(is_judged).then_some(()));
        let seen = || {
            let uses = client.get("/api/v1/where-used?q=CVE-2018-25032").json();
            (list(), client.get("/api/v1/worklist?limit=1000").json(), uses)
        };
        let in_short = seen();
        for build in in_short.0.as_array().expect("a list") {
            let mut whole = client.get(&format!("/api/v1/builds/{}", id(build))).json();
            // Lists name no findings.
            let reasons = &mut whole["evaluation"]["verdict"]["reasons"];
            for reason in reasons.as_array_mut().expect("a list") {
                reason["findings"] = json!([]);
            }
            assert_eq!(whole["evaluation"], build["evaluation"]);
        }
        assert_eq!(in_short, seen());
        assert_eq!(in_short.2["uses"].as_array().map(Vec::len), Some(2), "{}", in_short.2);
    }
}
