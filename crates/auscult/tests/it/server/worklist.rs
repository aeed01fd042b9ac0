//! The worklist: one row for each vulnerability, with the builds and devices that it touches.

use serde_json::{Value, json};

use super::support::{Server, busybox, databases};

fn ready(server: &Server, cookie: &str, product: &str, label: &str, body: &[u8]) -> String {
    let client = server.as_session(cookie);
    let path = format!("/api/v1/products/{product}/builds?label={label}&wait=60");
    let view = client.upload(&path, body).json();
    assert_eq!(view["state"], "ready", "{view}");
    view["id"].as_str().expect("an id").to_owned()
}

fn entry<'a>(list: &'a Value, id: &str) -> &'a Value {
    let items = list["items"].as_array().expect("a list");
    items.iter().find(|one| one["id"] == id).unwrap_or_else(|| panic!("no {id}: {list}"))
}

#[test]
fn one_row_tells_every_build_and_device_of_a_vulnerability() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        assert_eq!(client.get("/api/v1/worklist").json()["total"], 0);
        let (pump, monitor) = (client.product("Pump"), client.product("Monitor"));
        // BusyBox before 1.35 has CVE-2022-28391, and 1.35 has CVE-2022-48174.
        let first = ready(&server, &root, &pump, "1", &busybox("1.34.1"));
        let second = ready(&server, &root, &monitor, "1", &busybox("1.33.0"));
        for (tag, build) in
            [("A", Some(&first)), ("B", Some(&first)), ("C", Some(&second)), ("D", None)]
        {
            let device = client.post("/api/v1/devices", &json!({ "asset_tag": tag })).json();
            let path = format!("/api/v1/devices/{}/build", device["id"].as_str().expect("an id"));
            let Some(build) = build else { continue };
            let body = json!({ "basis": "exact", "build": build, "why": "read on its label" });
            let said = client.send("PUT", &path, "application/json", body.to_string().as_bytes());
            assert_eq!(said.status, 200, "{}", said.body);
        }
        let list = client.get("/api/v1/worklist?limit=1000").json();
        assert_eq!((&list["unknown"], &list["devices_of_unknown_build"]), (&json!(0), &json!(1)));
        let both = entry(&list, "CVE-2022-28391");
        assert_eq!((&both["devices"], &both["builds"]), (&json!(3), &json!(2)));
        assert_eq!(both["components"], json!(["busybox 1.33.0", "busybox 1.34.1"]));
        let of_monitor =
            client.get(&format!("/api/v1/worklist?limit=1000&product={monitor}")).json();
        let of_pump = client.get(&format!("/api/v1/worklist?limit=1000&product={pump}")).json();
        // It came with the fix of an earlier one, and 1.34 does not have it.
        let ids = |list: &Value| list["items"].as_array().expect("a list").len();
        assert!(ids(&of_monitor) > ids(&of_pump), "{of_monitor} {of_pump}");
        let page = client.get("/worklist?q=CVE-2022-28391").body;
        for text in ["/where-used?q=CVE-2022-28391", "busybox 1.33.0, busybox 1.34.1", "1 devices"]
        {
            assert!(page.contains(text), "{text}: {page}");
        }
        let csv = client.get("/worklist.csv?q=CVE-2022-28391").body;
        let line = "\"busybox 1.33.0, busybox 1.34.1\",2,3";
        assert!(csv.lines().count() == 2 && csv.contains(line), "{csv}");
        let nothing = client.get("/worklist?q=nothing-of-that-name").body;
        assert!(nothing.contains("Nothing is like that"), "{nothing}");
    }
}
