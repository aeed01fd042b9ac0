//! Every endpoint, asked by everybody: each role, a key, nobody, and another organisation.

use std::collections::BTreeMap;

use auscult_server::{Access, ENDPOINTS, Endpoint, Permission, Role};
use auscult_store::{NewProduct, Store};
use serde_json::json;

use super::support::{Client, Server, busybox, databases};

/// Ids of things that the organisation has.
pub(super) struct Things {
    pub(super) product: String,
    pub(super) build: String,
    pub(super) account: String,
    pub(super) key: String,
    pub(super) finding: String,
    pub(super) device: String,
}

impl Things {
    fn of(client: &Client<'_>) -> Self {
        let product = client.product("Pump");
        let path = format!("/api/v1/products/{product}/builds?label=1&wait=60");
        let said = client.upload(&path, &busybox("1.30.0"));
        assert_eq!(said.status, 201, "{}", said.body);
        let build = said.json()["id"].as_str().expect("an id").to_owned();
        let text = |path: &str, field: &str| {
            let list = client.get(path).json();
            let first = list.get("items").unwrap_or(&list)[0][field].clone();
            first.as_str().expect("an id").to_owned()
        };
        client.key(&["read"]);
        let (account, key) = (text("/api/v1/accounts", "id"), text("/api/v1/keys", "id"));
        let findings = text(&format!("/api/v1/builds/{build}/findings"), "id");
        let device = client.post("/api/v1/devices", &json!({ "asset_tag": "BM-1" })).json();
        let device = device["id"].as_str().expect("an id").to_owned();
        Self { product, build, account, key, finding: findings, device }
    }

    pub(super) fn path(&self, endpoint: &Endpoint) -> String {
        let names = [
            ("{product}", &self.product),
            ("{build}", &self.build),
            ("{account}", &self.account),
            ("{key}", &self.key),
            ("{finding}", &self.finding),
            ("{device}", &self.device),
        ];
        names.iter().fold(endpoint.path.to_owned(), |path, (name, id)| path.replace(name, id))
    }
}

/// Whether somebody with these permissions is let through.
fn admits(access: Access, permissions: Option<&[Permission]>) -> bool {
    match (access, permissions) {
        (Access::Public, _) => true,
        (Access::SignedIn, permissions) => permissions.is_some(),
        (Access::Needs(one), permissions) => permissions.is_some_and(|all| all.contains(&one)),
    }
}

/// The gate's own refusals; what comes after it (a missing field, a conflict) is no matter here.
fn is_refused(status: u16, location: Option<&str>) -> bool {
    matches!(status, 401 | 403)
        || status == 303 && location.is_some_and(|to| to.starts_with("/sign-in"))
}

/// Endpoints that end what the walk needs are walked last, or by nobody who may.
fn in_order() -> Vec<&'static Endpoint> {
    let is_last = |one: &&Endpoint| one.path == "/sign-out" || one.path == "/api/v1/keys/{key}";
    let (last, mut first): (Vec<_>, Vec<_>) = ENDPOINTS.iter().partition(is_last);
    first.extend(last);
    first
}

fn walk(things: &Things, who: &str, permissions: Option<&[Permission]>, client: &Client<'_>) {
    for endpoint in in_order() {
        let path = things.path(endpoint);
        // What is sent fits nothing, so that whoever is let through changes nothing.
        let said = client.send(endpoint.method, &path, "application/json", b"{}");
        // The second part of a sign-in leads back to its first, and refuses who began none.
        let refused =
            endpoint.access != Access::Public && is_refused(said.status, said.header("location"));
        let admitted = admits(endpoint.access, permissions);
        let (method, status) = (endpoint.method, said.status);
        // A form without its token is refused behind the gate; that it was reached is enough.
        let is_form = endpoint.method == "POST" && !endpoint.path.starts_with("/api/");
        if is_form && admitted {
            let told = said.body.contains("does not belong to this session");
            assert!(!refused || told, "{who}: {path}: {status} {}", said.body);
            continue;
        }
        assert_eq!(refused, !admitted, "{who}: {method} {path}: {status} {}", said.body);
        assert!(status < 500, "{who}: {method} {path}: {status} {}", said.body);
    }
}

/// A body that the endpoint would take from its own.
pub(super) fn fitting(endpoint: &Endpoint, token: &str, things: &Things) -> (&'static str, String) {
    if endpoint.path.ends_with("/upload") {
        let part = "Content-Disposition: form-data; name=\"csrf\"";
        let body = format!("--x\r\n{part}\r\n\r\n{token}\r\n--x--\r\n");
        return ("multipart/form-data; boundary=x", body);
    }
    if !endpoint.path.starts_with("/api/") {
        let form =
            format!("csrf={token}&name=x&roles=viewer&status=affected&comment=x&step=return");
        return ("application/x-www-form-urlencoded", form);
    }
    let body = match endpoint.path {
        "/api/v1/accounts/{account}" => json!({ "name": "x", "roles": ["viewer"] }),
        "/api/v1/products/{product}" => json!({ "name": "x" }),
        "/api/v1/products/{product}/decisions" => json!({ "build": things.build,
            "vulnerability": "CVE-2022-48174", "component": "busybox", "revision": 0 }),
        "/api/v1/devices/{device}" => json!({ "revision": 1, "fields": { "asset_tag": "x" } }),
        "/api/v1/devices/{device}/build" => json!({ "basis": "unknown" }),
        "/api/v1/devices/{device}/custody" => json!({ "step": "return" }),
        _ => json!({}),
    };
    ("application/json", body.to_string())
}

#[test]
fn every_role_reaches_what_the_table_says_and_nothing_else() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let administrator = server.as_session(&root);
        let things = Things::of(&administrator);
        for role in Role::ALL {
            let name = format!("somebody-{role}");
            administrator.account(&name, &[role.word()]);
            let cookie = server.sign_in(&name);
            walk(&things, role.word(), Some(role.permissions()), &server.as_session(&cookie));
        }
        walk(&things, "nobody", None, &server.as_session(""));
        walk(&things, "a stale cookie", None, &server.as_session("__Host-auscult=stale"));
        for scope in Permission::SCOPES {
            let key = administrator.key(&[scope.word()]);
            walk(&things, scope.word(), Some(&[scope]), &server.as_key(&key));
        }
    }
}

#[test]
fn keys_do_no_more_than_their_account_and_end_with_it() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let administrator = server.as_session(&root);
    administrator.account("ci", &["security-operations"]);
    let cookie = server.sign_in("ci");
    let client = server.as_session(&cookie);
    let refused = client.post("/api/v1/keys", &json!({ "name": "x", "scopes": ["upload"] }));
    assert_eq!(refused.status, 422, "{}", refused.body);
    for scopes in [json!([]), json!(["administer"]), json!(["keys"]), json!(["nothing"])] {
        let said = administrator.post("/api/v1/keys", &json!({ "name": "x", "scopes": scopes }));
        assert_eq!(said.status, 422, "{scopes}: {}", said.body);
    }
    let key = client.key(&["read", "advisories"]);
    assert_eq!(server.as_key(&key).get("/api/v1/products").status, 200);
    assert_eq!(server.as_key(&format!("{key}x")).get("/api/v1/products").status, 401);
    // Another's keys are neither seen nor revoked by somebody who does not administer.
    let others = administrator.key(&["read"]);
    let all = administrator.get("/api/v1/keys").json();
    let all = all.as_array().expect("a list");
    let root_key = all.iter().find(|one| one["account"] != all[1]["account"]);
    let id = root_key.expect("a key of root")["id"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/keys/{id}");
    assert_eq!(client.get("/api/v1/keys").json().as_array().map(Vec::len), Some(1));
    assert_eq!(client.send("DELETE", &path, "application/json", b"").status, 404);
    assert_eq!(administrator.send("DELETE", &path, "application/json", b"").status, 204);
    assert_eq!(server.as_key(&others).get("/api/v1/products").status, 401);
    // A role that goes takes the key's scope along, and a disabled account all of it.
    let accounts = administrator.get("/api/v1/accounts").json();
    let ids: BTreeMap<String, String> = accounts["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            let text = |field: &str| one[field].as_str().expect("a text").to_owned();
            (text("name"), text("id"))
        })
        .collect();
    let change = |roles: &[&str], disabled: bool| {
        let body = json!({ "name": "ci", "roles": roles, "disabled": disabled }).to_string();
        let path = format!("/api/v1/accounts/{}", ids["ci"]);
        administrator.send("PUT", &path, "application/json", body.as_bytes()).status
    };
    assert_eq!(change(&["viewer"], false), 200);
    assert_eq!(client.get("/api/v1/me").status, 401);
    let said = server.as_key(&key).post("/api/v1/snapshots", &json!({}));
    assert_eq!(said.status, 403, "{}", said.body);
    assert_eq!(change(&["viewer"], true), 200);
    assert_eq!(server.as_key(&key).get("/api/v1/products").status, 401);
    let own = json!({ "name": "root", "roles": ["viewer"] }).to_string();
    let path = format!("/api/v1/accounts/{}", ids["root"]);
    let said = administrator.send("PUT", &path, "application/json", own.as_bytes());
    assert_eq!(said.status, 409, "{}", said.body);
}

#[test]
fn things_of_another_organisation_are_not_there() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let administrator = server.as_session(&root);
        let theirs = Things::of(&administrator);
        // Another organisation of the same database, whose people sign in at another process.
        let second = tempfile::tempdir().expect("a folder");
        let arguments = ["--organisation", "Hospital"];
        let hospital = Server::start_with(&database, second.path(), &arguments);
        let cookie = hospital.set_up();
        let stranger = hospital.as_session(&cookie);
        let token = hospital.form_token(&cookie);
        let list = stranger.get("/api/v1/products").json();
        assert_eq!(list["total"]["count"], 0);
        // People name mappings, so that each organisation may have one of a name.
        let mapping = br#"{"columns":{"Tag":{"field":"asset_tag"}}}"#;
        let path = "/api/v1/devices/mappings/Acme";
        assert_eq!(administrator.send("PUT", path, "application/json", mapping).status, 204);
        assert_eq!(stranger.get("/api/v1/devices/mappings").json(), json!([]));
        let has_id = |path: &str| path.contains('{') && !path.ends_with("/mappings/{mapping}");
        for endpoint in ENDPOINTS.iter().filter(|one| has_id(one.path)) {
            let path = theirs.path(endpoint) + "?label=x";
            let (kind, body) = fitting(endpoint, &token, &theirs);
            let said = stranger.send(endpoint.method, &path, kind, body.as_bytes());
            let method = endpoint.method;
            assert_eq!(said.status, 404, "{method} {path}: {}", said.body);
        }
        // Cookies and keys of one work at the other's door, and show their own things alone.
        let key = stranger.key(&["read"]);
        assert_eq!(server.as_key(&key).get("/api/v1/products").json()["total"]["count"], 0);
        let path = format!("/api/v1/builds/{}", theirs.build);
        assert_eq!(server.as_key(&key).get(&path).status, 404);
        for id in ["1", "../1", "00000000-0000-0000-0000-000000000000"] {
            let path = format!("/api/v1/builds/{id}");
            assert_eq!(administrator.get(&path).status, 404, "{id}");
        }
    }
}

/// What the store holds of a product, as another process would see it.
#[test]
fn what_was_acknowledged_is_in_the_database() {
    for (database, folder) in databases() {
        let mut server = Server::start(&database, folder.path());
        let root = server.set_up();
        server.as_session(&root).product("Pump");
        server.kill();
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let store = Store::open(&database).await.expect("the store opens");
            let organisation = store.organisations().await.expect("a list").remove(0).id;
            let product = store.product_by_name(organisation, "Pump").await.expect("it answers");
            let expected = NewProduct { name: "Pump".to_owned(), ..NewProduct::default() };
            assert_eq!(product.map(|product| product.is), Some(expected));
            store.close().await;
        });
    }
}
