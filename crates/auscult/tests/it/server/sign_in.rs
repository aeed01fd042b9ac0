//! Signing in by a directory, and with a second factor.

use std::time::Duration;

use auscult_testkit::Slapd;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use super::support::{Client, PASSWORD, Said, Server, databases};

pub(super) fn put(client: &Client<'_>, path: &str, body: &Value) -> Said {
    client.send("PUT", path, "application/json", body.to_string().as_bytes())
}

fn sign_in(server: &Server, name: &str, password: &str) -> Said {
    server.form("/sign-in", "", &[("name", name), ("password", password)])
}

/// Settings for the directory of the testkit.
fn settings(server: &Server, slapd: &Slapd) -> Value {
    let ca = std::fs::read_to_string(server.data.join("certificate.pem")).expect("it is kept");
    let (suffix, group) =
        (Slapd::SUFFIX, |name: &str| format!("CN={name}, ou=groups,{}", Slapd::SUFFIX));
    json!({ "ldap": {
        "url": slapd.url(), "ca": ca,
        "bind_dn": format!("cn=auscult,{suffix}"), "bind_password": "looks for people",
        "base": format!("ou=people,{suffix}"), "group_base": format!("ou=groups,{suffix}"),
        "roles": [{ "group": group("security"), "role": "security-operations" },
            { "group": group("clinic"), "role": "clinical-engineering" }] } })
}

#[test]
fn people_of_a_directory_get_in_by_their_groups_and_nobody_else() {
    if !Slapd::is_there() {
        return;
    }
    for (database, folder) in databases() {
        let server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let (certificate, key) = (server.data.join("certificate.pem"), server.data.join("key.pem"));
        let slapd = Slapd::start(&certificate, &key, folder.path());
        let wanted = settings(&server, &slapd);
        assert_eq!(sign_in(&server, "grace", PASSWORD).status, 422);
        let mut open = wanted.clone();
        open["ldap"]["url"] = "ldap://directory.example".into();
        open["ldap"]["roles"] = json!([]);
        assert_eq!(put(&client, "/api/v1/sign-in", &open).status, 422);
        assert_eq!(put(&client, "/api/v1/sign-in", &wanted).status, 204);
        let shown = client.get("/api/v1/sign-in");
        assert!(!shown.body.contains("looks for people"), "{}", shown.body);
        // What is read can be written: the password stays.
        assert_eq!(put(&client, "/api/v1/sign-in", &shown.json()).status, 204);
        let tried = client.get("/api/v1/sign-in/directory?name=Grace").json();
        assert_eq!(tried["roles"], json!(["clinical-engineering", "security-operations"]));
        assert_eq!(client.get("/api/v1/sign-in/directory?name=*").status, 404);
        let said = sign_in(&server, "Grace", PASSWORD);
        assert_eq!(said.status, 303, "{}", said.body);
        let cookie = said.cookie().expect("a session");
        let me = server.as_session(&cookie).get("/api/v1/me").json();
        assert_eq!((&me["name"], &me["roles"]), (&json!("grace"), &tried["roles"]));
        // A wrong or missing password, no group, somebody with the name of an account that is kept here,
        // and what would be a filter of its own.
        for (name, password) in [
            ("grace", "vier Wagen im Regen"),
            ("grace", ""),
            ("joan", "acht Boote am Steg"),
            ("ROOT", "zwei Wurzeln im Topf"),
            ("root", "zwei Wurzeln im Topf"),
            ("gra*", PASSWORD),
            ("*)(uid=grace", PASSWORD),
        ] {
            let said = sign_in(&server, name, password);
            assert_eq!(said.status, 422, "{name}: {}", said.body);
            assert!(said.body.contains("Name or password is wrong"), "{name}: {}", said.body);
        }
        let accounts = client.get("/api/v1/accounts").json();
        assert_eq!(accounts["items"].as_array().map(Vec::len), Some(2), "{accounts}");
        // Without its directory nobody of it gets in, is told so, and is not locked out by that.
        drop(slapd);
        for _ in 0..7 {
            let away = sign_in(&server, "grace", PASSWORD);
            assert_eq!(away.status, 503, "{}", away.body);
            assert!(away.body.contains("did not answer"), "{}", away.body);
        }
        assert_eq!(sign_in(&server, "root", PASSWORD).status, 303);
        let log = client.get("/api/v1/audit?limit=1000").body;
        assert!(log.contains("ldap") && !log.contains("looks for people"), "{log}");
    }
}

/// Seconds since 1970.
fn seconds() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).expect("after 1970")
}

/// The code that an app shows (RFC 6238).
pub(super) fn code(secret: &str, steps_ahead: u64) -> String {
    let digits = secret.bytes().map(|byte| match byte {
        b'A'..=b'Z' => u64::from(byte - b'A'),
        _ => u64::from(byte - b'2') + 26,
    });
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u64, 0);
    for digit in digits {
        (bits, held) = (bits << 5 | digit, held + 5);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 255).expect("a byte"));
        }
    }
    let step = seconds() / 30 + steps_ahead;
    let mut mac = Hmac::<sha1::Sha1>::new_from_slice(&bytes).expect("a key");
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest[19] & 15);
    let four = digest[offset..offset + 4].try_into().expect("four bytes");
    format!("{:06}", (u32::from_be_bytes(four) & 0x7fff_ffff) % 1_000_000)
}

/// Waits for a moment from which a step lasts long enough for what is done in it.
pub(super) fn at_the_beginning_of_a_step() {
    let left = 30 - seconds() % 30;
    if left < 8 {
        std::thread::sleep(Duration::from_secs(left));
    }
}

pub(super) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let rest = text.split_once(start).unwrap_or_else(|| panic!("no {start}: {text}")).1;
    rest.split(end).next().expect("a part")
}

/// The cookie of a sign-in that waits for a code.
fn waiting(said: &Said) -> String {
    assert_eq!(
        (said.status, said.header("location")),
        (303, Some("/sign-in/code")),
        "{}",
        said.body
    );
    said.cookie().expect("a cookie")
}

#[test]
fn a_second_factor_is_asked_for_and_its_codes_are_good_once() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let token = server.form_token(&root);
    let account = |fields: &[(&str, &str)]| {
        let mut all = vec![("csrf", token.as_str())];
        all.extend(fields);
        server.form("/account", &root, &all)
    };
    let offered = account(&[("action", "factor")]).body;
    let secret = between(&offered, "<pre>", "<").to_owned();
    assert!(offered.contains(&format!("otpauth://totp/auscult:root?secret={secret}")), "{offered}");
    // It is not asked for before its owner has shown that it works.
    assert_eq!(sign_in(&server, "root", PASSWORD).header("location"), Some("/"));
    assert_eq!(account(&[("action", "confirm"), ("code", "000000")]).status, 422);
    at_the_beginning_of_a_step();
    let confirmed = account(&[("action", "confirm"), ("code", &code(&secret, 0))]);
    assert_eq!(confirmed.status, 200, "{}", confirmed.body);
    let on_paper = between(&confirmed.body, "<pre>", "<").to_owned();
    let on_paper: Vec<&str> = on_paper.lines().collect();
    assert_eq!(on_paper.len(), 10);
    let send = |cookie: &str, code: &str| server.form("/sign-in/code", cookie, &[("code", code)]);
    let cookie = waiting(&sign_in(&server, "root", PASSWORD));
    assert_eq!(server.as_session(&cookie).get("/api/v1/me").status, 401);
    // The code that was used already, and a wrong one; each leads to another try.
    let again = send(&cookie, &code(&secret, 0));
    assert_eq!(again.status, 422, "{}", again.body);
    let cookie = again.cookie().expect("a cookie");
    let entered = send(&cookie, &code(&secret, 1));
    assert_eq!(entered.status, 303, "{}", entered.body);
    // The token of the first part is used up.
    assert_eq!(send(&cookie, on_paper[0]).header("location"), Some("/sign-in"));
    for (code, status) in [(on_paper[0], 303), (on_paper[0], 422), (on_paper[1], 303)] {
        let cookie = waiting(&sign_in(&server, "root", PASSWORD));
        let said = send(&cookie, &code.to_lowercase());
        assert_eq!(said.status, status, "{code}: {}", said.body);
    }
    let mut cookie = waiting(&sign_in(&server, "root", PASSWORD));
    let mut last = 0;
    for _ in 0..8 {
        let said = send(&cookie, "123456");
        last = said.status;
        let Some(next) = said.cookie() else { break };
        cookie = next;
    }
    assert_eq!(last, 429, "guessing ends");
    // An administrator takes it away from whoever lost everything.
    let client = server.as_session(&root);
    let accounts = client.get("/api/v1/accounts").json();
    let id = accounts["items"][0]["id"].as_str().expect("an id");
    assert!(client.get("/administration").body.contains("second factor</span>"));
    let path = format!("/api/v1/accounts/{id}/second-factor");
    assert_eq!(client.send("DELETE", &path, "", b"").status, 204);
    assert!(!client.get("/administration").body.contains("second factor</span>"));
    assert_eq!(sign_in(&server, "root", PASSWORD).header("location"), Some("/"));
    // Where everybody needs one, it is set up before the first page.
    let needed = json!({ "needs_second_factor": true });
    assert_eq!(put(&client, "/api/v1/sign-in", &needed).status, 204);
    client.account("ada", &["viewer"]);
    let cookie = waiting(&sign_in(&server, "ada", PASSWORD));
    let page = server.send("GET", "/sign-in/code", &[("cookie", &cookie)], b"").body;
    let secret = between(&page, "<pre>", "<").to_owned();
    at_the_beginning_of_a_step();
    let said = send(&cookie, &code(&secret, 0));
    assert!(said.status == 200 && said.body.contains("I have kept them"), "{}", said.body);
    let ada = said.cookie().expect("a session");
    assert_eq!(server.as_session(&ada).get("/api/v1/me").json()["name"], "ada");
}

#[test]
fn a_new_password_takes_the_old_one_and_ends_every_session() {
    let (database, folder) = databases().remove(0);
    let server = Server::start(&database, folder.path());
    let root = server.set_up();
    let token = server.form_token(&root);
    let new = "drei Boote im Wind";
    let change = |old: &str, new: &str, again: &str| {
        let fields = [
            ("csrf", token.as_str()),
            ("action", "password"),
            ("old", old),
            ("new", new),
            ("again", again),
        ];
        server.form("/account", &root, &fields)
    };
    for (old, new, again) in
        [("wrong", new, new), (PASSWORD, new, "other"), (PASSWORD, "short", "short")]
    {
        assert_eq!(change(old, new, again).status, 422, "{old} {new}");
    }
    assert_eq!(change(PASSWORD, new, new).status, 200);
    assert_eq!(server.as_session(&root).get("/api/v1/me").status, 401);
    assert_eq!(sign_in(&server, "root", PASSWORD).status, 422);
    assert_eq!(sign_in(&server, "root", new).status, 303);
}
