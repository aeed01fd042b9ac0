//! Every endpoint, asked by people whose roles are for other sites or products: what is elsewhere is
//! not there. Made from the table of endpoints, so that a new one is asked, too.

use std::collections::BTreeSet;

use auscult_server::{Access, ENDPOINTS, Endpoint, Permission, Role};
use serde_json::{Value, json};

use super::{
    access::{Things, fitting},
    monitoring::wait,
    support::{Client, PASSWORD, Said, Server, busybox, databases},
};

/// Where the one device is; names of all that is not to be seen begin so.
const NORTH: &str = "Quassel North";

/// An id of a path that belongs to a product, to a device, or to neither.
const OF_PRODUCTS: [&str; 3] = ["{product}", "{build}", "{finding}"];
const OF_DEVICES: [&str; 2] = ["{device}", "{revision}"];
const OF_NEITHER: [&str; 4] = ["{account}", "{key}", "{rule}", "{mapping}"];

/// An organisation with one product, one build, and three devices at one site: one runs the build and is
/// in service under a waiver, one runs it and is back, and of one nobody knows what it runs. And a product
/// without anything.
fn world(client: &Client<'_>) -> (Things, String) {
    let product = client.product("Quassel pump");
    let path = format!("/api/v1/products/{product}/builds?label=quassel-1&wait=60");
    let build = id(&client.upload(&path, &busybox("1.30.0")));
    client.account("boss", &["administrator"]);
    let device = placed(client, "QTAG-1", NORTH, Some(&build));
    let back = placed(client, "QTAG-2", NORTH, Some(&build));
    placed(client, "QTAG-3", NORTH, None);
    let step = |device: &str, body: Value| {
        let said = client.post(&format!("/api/v1/devices/{device}/custody"), &body);
        assert_eq!(said.status, 200, "{}", said.body);
    };
    step(&back, json!({ "step": "return" }));
    step(&device, json!({ "step": "return" }));
    let waiver = json!({ "approver": "boss", "reason": "no reference", "until": "2099-01-01" });
    step(&device, json!({ "step": "release", "released": "under-waiver", "waiver": waiver }));
    let path = format!("/api/v1/devices/{device}/challenge");
    assert_eq!(client.post(&path, &json!({})).status, 201);
    wait("the event", || {
        (client.get("/api/v1/events").json()["total"]["count"] == 1).then_some(())
    });
    let findings = client.get(&format!("/api/v1/builds/{build}/findings")).json();
    let finding = findings["items"][0]["id"].as_str().expect("an id").to_owned();
    let (account, key) = ("none".to_owned(), "none".to_owned());
    (Things { product, build, account, key, finding, device }, client.product("Monitor"))
}

/// Makes a device at a site, which runs this build.
fn placed(client: &Client<'_>, tag: &str, site: &str, build: Option<&str>) -> String {
    let is = json!({ "asset_tag": tag, "site": site, "department": "ICU",
        "system": format!("QSystem {site}"), "next_pm": "2020-01-01" });
    let device = id(&client.post("/api/v1/devices", &is));
    if let Some(build) = build {
        let body = json!({ "basis": "exact", "build": build, "why": "read on its label" });
        let said = put(client, &format!("/api/v1/devices/{device}/build"), &body);
        assert_eq!(said.status, 200, "{}", said.body);
    }
    device
}

fn id(said: &Said) -> String {
    assert_eq!(said.status, 201, "{}", said.body);
    said.json()["id"].as_str().expect("an id").to_owned()
}

fn put(client: &Client<'_>, path: &str, body: &Value) -> Said {
    client.send("PUT", path, "application/json", body.to_string().as_bytes())
}

/// Makes an account of all roles but the administrator's for these sites and products, and signs in.
fn limited(server: &Server, root: &str, name: &str, sites: &[&str], products: &[&str]) -> String {
    let roles = Role::ALL.into_iter().filter(|role| *role != Role::Administrator);
    let roles: Vec<&str> = roles.map(Role::word).collect();
    let body = json!({ "name": name, "roles": roles, "password": PASSWORD, "sites": sites,
        "products": products });
    id(&server.as_session(root).post("/api/v1/accounts", &body));
    server.sign_in(name)
}

/// The ids in the path of an endpoint.
fn ids(endpoint: &Endpoint) -> Vec<&'static str> {
    let parts = endpoint.path.split('/').filter(|part| part.starts_with('{'));
    let ids: Vec<&str> = parts.collect();
    for id in &ids {
        let is_known = [&OF_PRODUCTS[..], &OF_DEVICES, &OF_NEITHER].concat().contains(id);
        assert!(is_known, "say whether {id} belongs to a product or to a device");
    }
    ids
}

/// Somebody from elsewhere, and what of the world that is.
struct Stranger {
    name: &'static str,
    cookie: String,
    /// Whether products and builds are elsewhere, too, and not only devices.
    is_of_products: bool,
}

impl Stranger {
    fn reaches(&self, endpoint: &Endpoint) -> bool {
        let is_beyond = |id: &&str| {
            OF_DEVICES.contains(id) || (self.is_of_products && OF_PRODUCTS.contains(id))
        };
        !ids(endpoint).iter().any(is_beyond)
    }

    /// What nothing may tell this person.
    fn secrets(&self, things: &Things) -> Vec<String> {
        let mut secrets = vec!["qtag-".to_owned(), things.device.clone()];
        secrets.push(format!("qsystem {NORTH}").to_lowercase());
        if self.is_of_products {
            secrets.push("quassel".to_owned());
            secrets.extend([things.product.clone(), things.build.clone()]);
        } else {
            secrets.push(NORTH.to_lowercase());
        }
        secrets
    }
}

#[test]
fn what_is_elsewhere_is_not_there() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let (things, monitor) = world(&server.as_session(&root));
        let stranger = |name, sites: &[&str], products: &[&str]| Stranger {
            name,
            cookie: limited(&server, &root, name, sites, products),
            is_of_products: !products.is_empty(),
        };
        let strangers = [
            stranger("of another site", &["South"], &[]),
            stranger("of a site that is written otherwise", &["quassel north"], &[]),
            stranger("of another product", &[], &[&monitor]),
            stranger("of this site and another product", &[NORTH], &[&monitor]),
        ];
        let own = limited(&server, &root, "of both", &[NORTH], &[&things.product]);
        for stranger in &strangers {
            check_ids(&server, stranger, &things);
            check_lists(&server, stranger, &things);
        }
        check_own(&server, &own, &things);
        check_neighbours(&server, (&root, &own), &things, &monitor);
        for (name, cookie) in [("both", &own), ("another", &strangers[0].cookie)] {
            let key = server.as_session(cookie).key(&["read"]);
            let seen = server.as_key(&key).get("/api/v1/devices").json()["total"]["count"].clone();
            assert_eq!(seen, if name == "both" { 2 } else { 0 }, "a key of {name}");
        }
    }
}

/// Whatever has an id answers as if there were no such thing.
fn check_ids(server: &Server, who: &Stranger, things: &Things) {
    let (client, token) = (server.as_session(&who.cookie), server.form_token(&who.cookie));
    for endpoint in ENDPOINTS.iter().filter(|one| !is_left_out(one)) {
        let path = things.path(endpoint).replace("{revision}", "1") + "?label=x";
        let (method, name) = (endpoint.method, who.name);
        if who.reaches(endpoint) {
            // Products and builds are at no site. Only what changes nothing is asked for.
            if method == "GET" && ids(endpoint).iter().any(|id| OF_PRODUCTS.contains(id)) {
                let said = client.get(&path);
                assert_eq!(said.status, 200, "{name}: {path}: {}", said.body);
            }
            continue;
        }
        let (kind, body) = fitting(endpoint, &token, things);
        let said = client.send(method, &path, kind, body.as_bytes());
        assert_eq!(said.status, 404, "{name}: {method} {path}: {}", said.body);
    }
}

/// Endpoints of what belongs to the whole organisation.
fn is_left_out(endpoint: &Endpoint) -> bool {
    use Permission::{Administer, Advisories, Audit};
    endpoint.access == Access::Public
        || matches!(endpoint.access, Access::Needs(Administer | Advisories | Audit))
}

/// Every list, page and file without an id, with what it takes to have something in it.
fn lists() -> impl Iterator<Item = (&'static Endpoint, String)> {
    let asked = |one: &Endpoint| {
        let is_search = one.path.contains("where-used");
        if is_search { format!("{}?q=busybox", one.path) } else { one.path.to_owned() }
    };
    let all = ENDPOINTS.iter().filter(|one| one.method == "GET" && ids(one).is_empty());
    all.filter(|one| one.access != Access::Public).map(move |one| (one, asked(one)))
}

/// No list names anything of elsewhere, or counts it.
fn check_lists(server: &Server, who: &Stranger, things: &Things) {
    let (client, secrets) = (server.as_session(&who.cookie), who.secrets(things));
    for (endpoint, path) in lists() {
        let said = client.get(&path);
        let is_refused = is_left_out(endpoint) || endpoint.path == "/metrics";
        let expect = if is_refused { 403 } else { 200 };
        assert_eq!(said.status, expect, "{}: {path}: {}", who.name, said.body);
        let body = said.body.to_lowercase();
        for secret in &secrets {
            // These tell people what they are limited to.
            let is_own = matches!(endpoint.path, "/api/v1/me" | "/account");
            assert!(
                is_own || !body.contains(secret),
                "{}: {path} tells {secret}: {body}",
                who.name
            );
        }
        if is_refused {
            continue;
        }
        let of_devices = ["devices", "systems", "waivers"];
        let is_of_devices = of_devices.iter().any(|one| path.contains(one));
        let is_empty = who.is_of_products || is_of_devices;
        if is_empty && path.contains(".csv") {
            assert_eq!(said.body.lines().count(), 1, "{}: {path}: {}", who.name, said.body);
        }
        let list = serde_json::from_str::<Value>(&said.body).unwrap_or_default();
        if let (true, Some(count)) = (is_empty, list["total"].get("count").and_then(Value::as_u64))
        {
            let expect = u64::from(path == "/api/v1/products");
            assert_eq!(count, expect, "{}: {path}: {}", who.name, said.body);
        }
    }
    check_counts(&client, who);
    for q in ["qtag-1", "icu"] {
        let found = client.get(&format!("/check-in?q={q}"));
        assert_eq!(found.status, 200, "{}: {}", who.name, found.body);
        assert!(!found.body.contains(&things.device), "{}: {}", who.name, found.body);
    }
    let named = client.get("/api/v1/products?name=Quassel%20pump").json()["total"]["count"].clone();
    assert_eq!(named, usize::from(!who.is_of_products), "{}", who.name);
}

/// Numbers that stand in no list.
fn check_counts(client: &Client<'_>, who: &Stranger) {
    let work = client.get("/api/v1/worklist").json();
    let used = client.get("/api/v1/where-used?q=busybox").json();
    assert_eq!(work["devices_of_unknown_build"], 0, "{}: {work}", who.name);
    assert_eq!(used["devices_of_unknown_build"], 0, "{}: {used}", who.name);
    assert_eq!(used["wards"], json!([]), "{}: {used}", who.name);
    let home = client.get("/").body;
    assert!(!home.contains("</strong> devices"), "{}: {home}", who.name);
    if who.is_of_products {
        assert_eq!((&work["total"], &work["unknown"]), (&json!(0), &json!(0)), "{work}");
        assert_eq!((&used["uses"], &used["unknown"]), (&json!([]), &json!(0)), "{used}");
        let tile = |count: u32, text: &str| format!("<strong>{count}</strong> {text}");
        for tile in [tile(1, "products"), tile(0, "builds"), tile(0, "builds fail the gate")] {
            assert!(home.contains(&tile), "{}: {tile}: {home}", who.name);
        }
        // Nor is a form shown that would be refused.
        assert!(!home.contains("Make a product"), "{}: {home}", who.name);
        assert!(!client.get("/products").body.contains("id=\"make\""), "{}", who.name);
        return;
    }
    let page = client.get("/where-used?q=busybox").body;
    assert!(page.contains("<h2>0 devices</h2>") && !page.contains("more devices"), "{page}");
    assert_ne!(work["total"], 0, "{}: {work}", who.name);
    for one in work["items"].as_array().expect("a list") {
        assert_eq!(one["devices"], 0, "{}: {one}", who.name);
    }
    assert_eq!(used["uses"][0]["devices"], 0, "{}: {used}", who.name);
    for path in ["/builds.csv", "/worklist.csv", "/where-used.csv?q=busybox"] {
        let file = client.get(path).body;
        assert!(file.lines().count() > 1, "{path}: {file}");
        let mut devices = file.lines().skip(1).map(|line| line.rsplit(',').next());
        assert!(devices.all(|count| count == Some("0")), "{}: {path}: {file}", who.name);
    }
}

/// Who is limited to just this sees it everywhere: otherwise the others' empty lists would say nothing.
fn check_own(server: &Server, cookie: &str, things: &Things) {
    let client = server.as_session(cookie);
    let marks = ["quassel", "qtag-", &things.product, &things.build, &things.device];
    let tells = |path: &String| {
        let body = client.get(path).body.to_lowercase();
        marks.iter().any(|mark| body.contains(*mark))
    };
    let told: BTreeSet<String> = lists().map(|(_, path)| path).filter(tells).collect();
    let expect = [
        "/",
        "/account",
        "/api/v1/builds",
        "/api/v1/devices",
        "/api/v1/events",
        "/api/v1/me",
        "/api/v1/products",
        "/api/v1/systems",
        "/api/v1/waivers",
        "/api/v1/where-used?q=busybox",
        "/api/v1/worklist",
        "/builds",
        "/builds.csv",
        "/check-in",
        "/devices",
        "/devices.csv",
        "/events",
        "/events.csv",
        "/products",
        "/systems",
        "/systems.csv",
        "/where-used.csv?q=busybox",
        "/where-used?q=busybox",
        "/worklist",
    ];
    assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>(), expect);
    let has_id = |one: &&Endpoint| one.method == "GET" && !ids(one).is_empty();
    for endpoint in ENDPOINTS.iter().filter(has_id).filter(|one| !is_left_out(one)) {
        let said = client.get(&things.path(endpoint).replace("{revision}", "1"));
        // Nobody verified the device.
        let expect = if endpoint.path.contains("{revision}") { 404 } else { 200 };
        assert_eq!(said.status, expect, "{}: {}", endpoint.path, said.body);
    }
    assert_eq!(client.get("/check-in?q=qtag-1").status, 303);
}

/// Devices elsewhere with the same build, and builds of another product, are not counted and not offered.
fn check_neighbours(server: &Server, (root, own): (&str, &str), things: &Things, monitor: &str) {
    let (administrator, client) = (server.as_session(root), server.as_session(own));
    placed(&administrator, "A-1", "Annex", Some(&things.build));
    let path = format!("/api/v1/products/{monitor}/builds?label=annex-1&wait=60");
    id(&administrator.upload(&path, &busybox("1.31.0")));
    let used = client.get("/api/v1/where-used?q=busybox").json();
    let ward = json!({ "site": NORTH, "department": "ICU", "devices": 2 });
    assert_eq!(used["wards"], json!([ward]), "{used}");
    assert_eq!(
        (&used["uses"][0]["devices"], &used["uses"][1]),
        (&json!(2), &Value::Null),
        "{used}"
    );
    assert_eq!(used["devices_of_unknown_build"], 0, "{used}");
    let page = client.get("/where-used?q=busybox").body;
    assert!(page.contains("<h2>2 devices</h2>") && !page.contains("Annex"), "{page}");
    for path in ["/devices", "/check-in", &format!("/devices/{}", things.device)] {
        let page = client.get(path).body.to_lowercase();
        assert!(page.contains("qtag-1") && !page.contains("annex"), "{path}: {page}");
    }
}

#[test]
fn nobody_changes_what_is_elsewhere_or_moves_something_there() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let administrator = server.as_session(&root);
        let (things, monitor) = world(&administrator);
        let south = limited(&server, &root, "south", &["South"], &[]);
        let south = server.as_session(&south);
        let made = south.post("/api/v1/devices", &json!({ "asset_tag": "S-1", "site": "South" }));
        let path = format!("/api/v1/devices/{}", id(&made));
        for site in [json!({ "asset_tag": "S-2", "site": NORTH }), json!({ "asset_tag": "S-2" })] {
            assert_eq!(south.post("/api/v1/devices", &site).status, 422, "{site}");
            let body = json!({ "revision": 1, "fields": site });
            assert_eq!(put(&south, &path, &body).status, 422, "{site}");
        }
        let room = json!({ "revision": 1, "fields": { "asset_tag": "S-1", "site": "South",
            "room": "E 7" } });
        assert_eq!(put(&south, &path, &room).status, 200);
        check_imports(&south);
        // Products are at no site.
        south.product("Scale");
        let pump = limited(&server, &root, "pump", &[], &[&things.product]);
        let pump = server.as_session(&pump);
        let said = pump.post("/api/v1/products", &json!({ "name": "Another" }));
        assert_eq!(said.status, 403, "{}", said.body);
        let body = json!({ "name": "Quassel pump", "vendor": "Acme" });
        assert_eq!(put(&pump, &format!("/api/v1/products/{}", things.product), &body).status, 200);
        assert_eq!(pump.post("/api/v1/devices", &json!({ "asset_tag": "P-1" })).status, 422);
        let import = pump.upload("/api/v1/devices/import", b"asset_tag;site\nP-1;South\n");
        assert!(import.status == 422 && import.body.contains("of your products"), "{import:?}");
        // A build of another product is not there, and without one the device would not be.
        let upload = format!("/api/v1/products/{monitor}/builds?label=1&wait=60");
        assert_eq!(pump.upload(&upload, &busybox("1.31.0")).status, 404);
        let other = id(&administrator.upload(&upload, &busybox("1.31.0")));
        let path = format!("/api/v1/devices/{}/build", things.device);
        let exact = |build: &str| json!({ "basis": "exact", "build": build, "why": "x" });
        assert_eq!(put(&pump, &path, &exact(&other)).status, 404);
        assert_eq!(put(&pump, &path, &json!({ "basis": "unknown" })).status, 422);
        assert_eq!(put(&pump, &path, &exact(&things.build)).status, 200);
        // Who answers for a device reaches it.
        let path = format!("/api/v1/devices/{}/custody", things.device);
        assert_eq!(pump.post(&path, &json!({ "step": "return" })).status, 200);
        let waived = |approver: &str| {
            let waiver = json!({ "approver": approver, "reason": "x", "until": "2099-01-01" });
            let step = json!({ "step": "release", "released": "under-waiver", "waiver": waiver });
            administrator.post(&path, &step).status
        };
        assert_eq!((waived("south"), waived("pump")), (422, 200));
    }
}

/// Rows of elsewhere are faults with row and column, and nothing of the file is imported.
fn check_imports(south: &Client<'_>) {
    let count = || south.get("/api/v1/devices").json()["total"]["count"].clone();
    let before = count();
    for (rows, row, column) in [
        (format!("S-9;South;E 1\nS-10;{NORTH};E 1\n"), 3, json!("site")),
        ("S-9;South;E 1\nS-10;;E 1\n".to_owned(), 3, json!("site")),
        (format!("S-1;{NORTH};E 1\n"), 2, json!("site")),
        ("QTAG-1;South;E 1\nS-9;South;E 1\n".to_owned(), 2, Value::Null),
    ] {
        let file = format!("asset_tag;site;room\n{rows}");
        for query in ["?dry_run=true", ""] {
            let said = south.upload(&format!("/api/v1/devices/import{query}"), file.as_bytes());
            let expect = if query.is_empty() { 422 } else { 200 };
            assert_eq!(said.status, expect, "{rows}: {}", said.body);
            let view = said.json();
            assert_eq!((&view["faults"], &view["is_imported"]), (&json!(1), &json!(false)));
            let fault = &view["told_faults"][0];
            assert_eq!((&fault["row"], &fault["column"]), (&json!(row), &column), "{view}");
            assert_eq!(view["told_changes"], json!([]), "{view}");
            assert_eq!(count(), before);
        }
    }
    let said = south.upload("/api/v1/devices/import", b"asset_tag;room\nS-1;E 9\n");
    assert!(said.status == 200 && said.body.contains("E 9"), "{}", said.body);
}

#[test]
fn an_account_says_what_it_reaches_and_an_administrator_reaches_all() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let administrator = server.as_session(&root);
        let pump = administrator.product("Pump");
        let cookie = limited(&server, &root, "north", &[" North ", "Südhaus, West"], &[&pump]);
        let me = server.as_session(&cookie).get("/api/v1/me").json();
        let sites = json!(["North", "Südhaus, West"]);
        assert_eq!((&me["sites"], &me["products"]), (&sites, &json!([pump])));
        let words: Vec<&str> = Permission::ALL.iter().map(|one| one.word()).collect();
        let left =
            words.into_iter().filter(|word| !["advisories", "administer", "audit"].contains(word));
        assert_eq!(me["permissions"], json!(left.collect::<Vec<_>>()));
        let accounts = administrator.get("/api/v1/accounts").json();
        let north = accounts["items"].as_array().expect("a list");
        let north = north.iter().find(|one| one["name"] == "north").expect("an account");
        assert_eq!((&north["sites"], &north["products"]), (&sites, &json!([pump])));
        let path = format!("/api/v1/accounts/{}", north["id"].as_str().expect("an id"));
        // What is not said stays; an empty list lifts the limit.
        for (more, sites, products) in [
            (json!({}), sites.clone(), json!([pump])),
            (json!({ "sites": [] }), json!([]), json!([pump])),
            (json!({ "sites": ["South"], "products": [] }), json!(["South"]), json!([])),
        ] {
            let mut body = json!({ "name": "north", "roles": ["auditor"] });
            body.as_object_mut()
                .expect("an object")
                .extend(more.as_object().cloned().expect("one"));
            let said = put(&administrator, &path, &body).json();
            assert_eq!((&said["sites"], &said["products"]), (&sites, &products), "{said}");
        }
        assert_eq!(server.as_session(&cookie).get("/api/v1/me").status, 401);
        assert_eq!(server.as_session(&server.sign_in("north")).get("/audit").status, 403);
        for bad in [
            json!({ "roles": ["administrator"] }),
            json!({ "roles": ["administrator", "viewer"], "sites": [], "products": [pump] }),
            json!({ "roles": ["viewer"], "products": ["00000000-0000-7000-8000-000000000000"] }),
            json!({ "roles": ["viewer"], "products": ["Pump"] }),
            json!({ "roles": ["viewer"], "sites": [" "] }),
        ] {
            let mut body = json!({ "name": "north" });
            body.as_object_mut().expect("an object").extend(bad.as_object().cloned().expect("one"));
            let said = put(&administrator, &path, &body);
            assert_eq!(said.status, 422, "{bad}: {}", said.body);
        }
    }
}

#[test]
fn a_group_is_limited_by_what_there_is_and_never_administers_a_part() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let client = server.as_session(&root);
    let pump = client.product("Pump");
    let keep = |role: &str, sites: &[&str], products: &[&str]| {
        let group = json!({ "group": "cn=a,dc=x", "role": role, "sites": sites,
            "products": products });
        let ldap = json!({ "url": "ldaps://a.example", "base": "dc=x", "roles": [group] });
        put(&client, "/api/v1/sign-in", &json!({ "ldap": ldap })).status
    };
    let unknown = "00000000-0000-7000-8000-000000000000";
    assert_eq!(keep("viewer", &["North"], &[unknown]), 422);
    assert_eq!(keep("viewer", &[" "], &[]), 422);
    assert_eq!(keep("administrator", &["North"], &[]), 422);
    assert_eq!(keep("administrator", &[], &[&pump]), 422);
    assert_eq!(keep("viewer", &["North"], &[&pump]), 204);
    // The form shows names, and keeps what it showed.
    let page = client.get("/administration/sign-in").body;
    let shown = "viewer = cn=a,dc=x | site North | product Pump";
    assert!(page.contains(shown), "{page}");
    let token = server.form_token(&root);
    let form = |roles: &str| {
        let fields = [("csrf", token.as_str()), ("has_ldap", "yes"), ("ldap_roles", roles)];
        let more =
            [("ldap_url", "ldaps://a.example"), ("base", "dc=x"), ("filter", "(uid={name})")];
        server.form("/administration/sign-in", &root, &[&fields[..], &more].concat()).status
    };
    assert_eq!(form("viewer = cn=a,dc=x | product Scale"), 422);
    assert_eq!(form(shown), 303);
    let kept = client.get("/api/v1/sign-in").json()["ldap"]["roles"][0].clone();
    assert_eq!((&kept["sites"], &kept["products"]), (&json!(["North"]), &json!([pump])));
}

#[test]
fn an_administrator_limits_an_account_in_the_browser() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        for (tag, site) in [("N-1", "North"), ("S-1", "South")] {
            id(&client.post("/api/v1/devices", &json!({ "asset_tag": tag, "site": site })));
        }
        let pump = client.product("Pump");
        let (token, name) = (server.form_token(&root), "nora");
        let form = |path: &str, fields: &[(&str, &str)]| {
            let fields: Vec<_> = [("csrf", token.as_str())].iter().chain(fields).copied().collect();
            server.form(path, &root, &fields)
        };
        let new = [("name", name), ("password", PASSWORD), ("roles", "clinical-engineering")];
        let limited = [&new[..], &[("sites", "North\r\n\r\n"), ("products", &pump)]].concat();
        let said = form("/administration/accounts", &limited);
        assert_eq!(said.status, 303, "{}", said.body);
        let page = client.get("/administration").body;
        assert!(page.contains("1 site, 1 product"), "{page}");
        let sees = |cookie: &str| {
            let page = server.as_session(cookie).get("/devices").body;
            (page.contains("N-1"), page.contains("S-1"))
        };
        let nora = server.sign_in(name);
        assert_eq!(sees(&nora), (false, false), "no device runs a build of the pump");
        let path = page.split("href=\"").find(|link| link.contains("Sites and products of nora"));
        let path = path.and_then(|link| link.split('"').next()).expect("a link").to_owned();
        let page = client.get(&path).body;
        assert!(page.contains(">North</textarea>") && page.contains("checked"), "{page}");
        assert_eq!(form(&path, &[("sites", "South")]).status, 303);
        assert_eq!(server.as_session(&nora).get("/api/v1/me").status, 401, "the session ended");
        let nora = server.sign_in(name);
        assert_eq!(sees(&nora), (false, true));
        assert_eq!(server.as_session(&nora).get(&path).status, 403);
        // What is changed on the page of accounts leaves the limits alone.
        let account = path.trim_end_matches("/reach");
        let change = |role: &str| form(account, &[("name", name), ("roles", role)]);
        assert_eq!(change("viewer").status, 303);
        assert_eq!(sees(&server.sign_in(name)), (false, true));
        let refused = change("administrator");
        assert!(refused.status == 422 && refused.body.contains("reaches all"), "{}", refused.body);
        assert_eq!(form(&path, &[("sites", "")]).status, 303);
        assert_eq!(sees(&server.sign_in(name)), (true, true));
    }
}
