//! Pages: what people see, decide, and take to the next build.

use serde_json::{Value, json};

use super::support::{Client, PASSWORD, Said, Server, busybox, databases, image};

fn build(client: &Client<'_>, product: &str, label: &str, body: &[u8]) -> String {
    let path = format!("/api/v1/products/{product}/builds?label={label}&wait=120");
    let said = client.upload(&path, body);
    assert!(matches!(said.status, 200 | 201), "{} {}", said.status, said.body);
    said.json()["id"].as_str().expect("an id").to_owned()
}

/// A page that must be there.
fn page(client: &Client<'_>, path: &str) -> String {
    let said = client.get(path);
    assert_eq!(said.status, 200, "{path}: {}", said.body);
    said.body
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let product = client.product("Pump");
        build(&client, &product, "1.0", &busybox("1.30.0"));
        client.key(&["read"]);
        let mut seen = std::collections::BTreeSet::new();
        let mut waiting = vec!["/".to_owned()];
        while let Some(path) = waiting.pop() {
            if seen.len() >= 150 || !seen.insert(path.clone()) {
                continue;
            }
            let said = client.get(&path);
            assert_eq!(said.status, 200, "{path}: {}", said.body);
            let is_page = said.header("content-type").is_some_and(|kind| kind.contains("html"));
            // A downloaded page has links to elsewhere.
            if !is_page || path.starts_with("/api/") {
                continue;
            }
            assert!(said.body.contains("<main id=\"content\""), "{path}");
            let here = path.split('?').next().unwrap_or_default();
            let links = said.body.split("href=\"").skip(1);
            let links = links.filter_map(|rest| rest.split('"').next());
            waiting.extend(links.filter(|link| !link.contains('#')).map(|link| {
                let link = link.replace("&amp;", "&").replace("&#38;", "&");
                if link.starts_with('?') { format!("{here}{link}") } else { link }
            }));
        }
        for expected in ["/products", "/feeds", "/audit?verify=yes", "/administration"] {
            assert!(seen.contains(expected), "{expected} is linked from nowhere: {seen:?}");
        }
        assert!(seen.iter().any(|path| path.contains("/findings/")), "{seen:?}");
    }
}

/// Tries what says too little, or relies on what is not known.
fn check_refusals(why: (&str, &str), decide: impl Fn(&[(&str, &str)]) -> Said) {
    for (fields, told) in [
        (vec![("status", "not_affected"), why], "needs a justification"),
        (vec![("status", "affected")], "say why"),
        (vec![("status", "affected"), why, ("expires", "2020-01-01")], "over already"),
        (vec![("status", "affected"), why, ("relies_on", "listener:tcp/22")], "cannot rely on"),
        (vec![("status", "nothing"), why], "none of VEX"),
    ] {
        let said = decide(&fields);
        assert_eq!(said.status, 422, "{fields:?}: {}", said.body);
        assert!(said.body.contains(told), "{told}: {}", said.body);
    }
}

#[test]
fn a_decision_is_made_on_the_page_and_carried_to_the_next_build() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let product = client.product("Pump");
        let first = build(&client, &product, "1.0", &busybox("1.30.0"));
        let findings = client.get(&format!("/api/v1/builds/{first}/findings?status=open")).json();
        let id = findings["items"][0]["id"].as_str().expect("a finding").to_owned();
        let path = |build: &str| format!("/builds/{build}/findings/{id}?component=busybox");
        assert!(page(&client, &path(&first)).contains("Nobody has decided about it yet"));
        let token = server.form_token(&root);
        let decide = |fields: &[(&str, &str)]| {
            let mut all = vec![("csrf", token.as_str()), ("action", "decide")];
            all.extend(fields);
            server.form(&path(&first), &root, &all)
        };
        let why = ("comment", "the applet is <not> started");
        check_refusals(why, decide);
        let good = [
            ("status", "not_affected"),
            ("justification", "vulnerable_code_not_in_execute_path"),
            ("response", "workaround_available"),
            ("response", "update"),
            why,
            ("relies_on", "component:busybox"),
            ("revision", "0"),
        ];
        assert_eq!(decide(&good).status, 303);
        // Who did not see it does not overwrite it.
        assert_eq!(decide(&good).status, 409);
        let shown = page(&client, &path(&first));
        assert!(shown.contains("not affected: vulnerable code not in execute path"), "{shown}");
        assert!(shown.contains("the applet is &#60;not&#62; started"), "{shown}");
        assert!(shown.contains("response: workaround available, update"), "{shown}");
        let status = |build: &str| -> Value {
            let list = client.get(&format!("/api/v1/builds/{build}/findings?q={id}")).json();
            list["items"][0]["status"].clone()
        };
        assert_eq!(status(&first), "not_affected");
        // The next build has the same fact, the one after that has not.
        let mut same = busybox("1.30.0");
        same.push(b'\n');
        let second = build(&client, &product, "1.1", &same);
        assert_ne!(second, first);
        assert_eq!(status(&second), "not_affected");
        let third = build(&client, &product, "1.2", &busybox("1.29.0"));
        assert_eq!(status(&third), "affected");
        assert!(page(&client, &path(&third)).contains("open again"));
        let other = client.product("Monitor");
        let elsewhere = build(&client, &other, "1.0", &busybox("1.30.0"));
        assert_eq!(status(&elsewhere), "affected");
        // What `scan --decisions` reads is what was decided.
        let said = client.get(&format!("/api/v1/products/{product}/decisions")).json();
        assert_eq!(said["schema"], "auscult-decisions/1");
        assert_eq!(said["decisions"][0]["by"], "root");
        let withdrawn = [("csrf", token.as_str()), ("action", "withdraw"), ("revision", "1")];
        assert_eq!(server.form(&path(&first), &root, &withdrawn).status, 303);
        assert_eq!(status(&second), "affected");
        assert!(page(&client, &path(&first)).contains("withdrawn"));
    }
}

#[test]
fn where_used_tells_builds_and_what_nobody_knows() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let (pump, monitor) = (client.product("Pump"), client.product("Monitor"));
        let first = build(&client, &pump, "1.0", &image());
        let second = build(&client, &monitor, "1.0", &busybox("1.30.0"));
        let failed = client.upload(
            &format!("/api/v1/products/{pump}/builds?label=x&kind=sbom&wait=60"),
            b"nothing",
        );
        assert_eq!(failed.json()["state"], "failed");
        let uses = |wanted: &str| {
            let said = client.get(&format!("/api/v1/where-used?q={wanted}")).json();
            let uses = said["uses"].as_array().expect("a list").iter();
            let builds: Vec<String> =
                uses.map(|one| one["build"].as_str().expect("an id").to_owned()).collect();
            (builds, said["unknown"].clone(), said["advisories_know_it"].clone())
        };
        assert_eq!(uses("cve-2014-0160"), (vec![first.clone()], json!(1), json!(true)));
        assert_eq!(uses("BusyBox"), (vec![second, first], json!(1), json!(false)));
        assert_eq!(uses("CVE-1999-99999"), (vec![], json!(1), json!(false)));
        let shown = page(&client, "/where-used?q=CVE-1999-99999");
        assert!(shown.contains("hold no record"), "{shown}");
        assert!(shown.contains("of 1 nobody can say"), "{shown}");
        let shown = page(&client, "/where-used?q=CVE-2014-0160");
        assert!(shown.contains("CVE-2014-0160 in openssl 1.0.1e"), "{shown}");
        assert_eq!(client.get("/api/v1/where-used?q=").status, 422);
    }
}

#[test]
fn a_browser_makes_products_uploads_builds_keys_and_accounts() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let token = server.form_token(&root);
        let csrf = ("csrf", token.as_str());
        let made = server.form("/products", &root, &[csrf, ("name", "Pump"), ("model", "IP-3")]);
        assert_eq!(made.status, 303, "{}", made.body);
        let product = made.header("location").expect("its page").to_owned();
        // What CI is told to call is where the server is.
        assert!(page(&client, &product).contains(&format!("--server {}", server.url)));
        let again = server.form("/products", &root, &[csrf, ("name", "Pump")]);
        assert_eq!(again.status, 409);
        assert!(again.body.contains("another one of this name"), "{}", again.body);
        let part = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let file =
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.img\"\r\n\r\n";
        let upload = |token: &str, label: &str, content: &[u8]| {
            let mut body = (part("csrf", token) + &part("label", label) + file).into_bytes();
            body.extend_from_slice(content);
            body.extend_from_slice(b"\r\n--b--\r\n");
            client.send(
                "POST",
                &format!("{product}/upload"),
                "multipart/form-data; boundary=b",
                &body,
            )
        };
        assert_eq!(upload("wrong", "1.0", &image()).status, 403);
        assert_eq!(upload(&token, "1.0", b"").status, 422);
        let uploaded = upload(&token, "1.0", &image());
        assert_eq!(uploaded.status, 303, "{}", uploaded.body);
        let path = uploaded.header("location").expect("its page").to_owned();
        client.get(&format!("/api/v1{path}?wait=120"));
        let shown = page(&client, &path);
        assert!(shown.contains("Why this verdict") && shown.contains("CVE-2014-0160"), "{shown}");
        assert!(page(&client, &format!("{path}/components?q=busy")).contains("busybox"));
        let shown = page(&client, &format!("{path}?severity=critical&status=open"));
        assert!(shown.contains("selected>critical"), "{shown}");
        // The starter snapshot is old, and no page hides that.
        assert!(shown.contains("is not clean"), "{shown}");
        let key = server.form(
            "/administration/keys",
            &root,
            &[csrf, ("name", "CI"), ("scopes", "read"), ("scopes", "upload"), ("days", "30")],
        );
        let secret = key.body.split("<pre>").nth(1).and_then(|rest| rest.split('<').next());
        let secret = secret.expect("a secret").to_owned();
        assert_eq!(server.as_key(&secret).get("/api/v1/products").status, 200);
        assert!(!page(&client, "/administration").contains(&secret));
        let fields = [csrf, ("name", "grace"), ("roles", "viewer"), ("password", PASSWORD)];
        assert_eq!(server.form("/administration/accounts", &root, &fields).status, 303);
        let cookie = server.sign_in("grace");
        let viewer = server.as_session(&cookie);
        assert!(!page(&viewer, &product).contains("Upload a build"));
        assert!(!page(&viewer, "/").contains("/administration"));
        assert_eq!(viewer.get("/administration").status, 403);
        let log = page(&client, "/audit?verify=yes");
        assert!(log.contains("The log is whole") && log.contains("make-account"), "{log}");
    }
}

#[test]
fn every_list_is_there_as_a_file_with_the_filters_of_its_page() {
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let product = client.product("=Pump");
        let first = build(&client, &product, "1.0", &busybox("1.30.0"));
        build(&client, &product, "2.0", &busybox("99.0"));
        for tag in ["A-1", "B-2"] {
            let said = client.post("/api/v1/devices", &json!({ "asset_tag": tag }));
            assert_eq!(said.status, 201, "{}", said.body);
        }
        let lines = |path: &str| {
            let said = client.get(path);
            let kind = said.header("content-type").unwrap_or_default();
            assert!(said.status == 200 && kind.starts_with("text/csv"), "{path}: {}", said.body);
            said.body.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!((lines("/builds.csv").len(), lines("/builds.csv?q=2.0").len()), (3, 2));
        // What a spreadsheet would compute is a text.
        assert!(lines("/builds.csv?q=2.0")[1].contains(",'=Pump,2.0,SBOM,"));
        assert_eq!((lines("/devices.csv").len(), lines("/devices.csv?q=B-2").len()), (3, 2));
        let open = client.get(&format!("/api/v1/builds/{first}/findings?status=open")).json();
        let findings = lines(&format!("/builds/{first}/findings.csv?status=open"));
        assert_eq!(json!(findings.len() - 1), open["total"]["count"], "{open}");
        assert_eq!(lines(&format!("/builds/{first}/components.csv")).len(), 2);
        assert_eq!(lines("/where-used.csv?q=busybox").len(), 3);
        assert!(lines("/audit.csv").len() > 4);
        assert!(lines("/worklist.csv").len() > 1);
        let page = page(&client, "/builds?q=2.0");
        assert!(page.contains("/builds.csv?q=2.0"), "{page}");
    }
}
