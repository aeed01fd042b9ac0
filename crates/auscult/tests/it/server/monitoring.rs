//! Monitoring: a newer snapshot changes a build once, and who asked for it is told, whatever is away.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use auscult_testkit::{Mailbox, free_port};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};

use super::{
    builds::other_snapshot,
    support::{Client, Server, busybox, databases},
};

/// No message takes longer: the first attempt fails, and the second comes ten seconds later.
const ARRIVAL_MAX: Duration = Duration::from_mins(1);

/// Asks again and again until there is an answer.
pub(super) fn wait<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < ARRIVAL_MAX, "{what} did not come");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A request that a receiver took.
struct Call {
    headers: Vec<(String, String)>,
    body: String,
}

impl Call {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name));
        &found.unwrap_or_else(|| panic!("no header {name}")).1
    }
}

/// A program that is called: it refuses the first request and takes the others.
fn receiver() -> (String, Receiver<Call>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}/changes", listener.local_addr().expect("an address"));
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let mut reader = BufReader::new(stream);
            let mut headers = Vec::new();
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some((name, value)) = line.trim_end().split_once(": ") {
                    headers.push((name.to_owned(), value.to_owned()));
                }
                line.clear();
            }
            let call = Call { headers, body: String::new() };
            let length = call.header("content-length").parse().expect("a length");
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the body");
            let body = String::from_utf8(body).expect("text");
            let status = if number == 0 { "500 Broken" } else { "204 Taken" };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            reader.get_mut().write_all(answer.as_bytes()).expect("it listens");
            if number > 0 && sender.send(Call { body, ..call }).is_err() {
                break;
            }
        }
    });
    (url, receiver)
}

fn check_signature(call: &Call, secret: &str) {
    let key = secret.strip_prefix("whsec_").expect("a secret");
    let key = BASE64_STANDARD.decode(key).expect("Base64");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("a key");
    let (id, time) = (call.header("webhook-id"), call.header("webhook-timestamp"));
    mac.update(format!("{id}.{time}.{}", call.body).as_bytes());
    let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(call.header("webhook-signature"), signature);
}

fn rule(client: &Client<'_>, name: &str, way: &Value) -> Value {
    let rule = json!({ "when": "at-once", "verdicts": false, "way": way });
    let said = client.post("/api/v1/notification-rules", &json!({ "name": name, "rule": rule }));
    assert_eq!(said.status, 201, "{}", said.body);
    said.json()
}

fn ready(client: &Client<'_>, product: &str, version: &str) -> String {
    let path = format!("/api/v1/products/{product}/builds?label={version}&wait=60");
    let view = client.upload(&path, &busybox(version)).json();
    assert_eq!(view["state"], "ready", "{view}");
    view["id"].as_str().expect("an id").to_owned()
}

/// A device that runs this build.
fn device(client: &Client<'_>, build: &str) {
    let device = client.post("/api/v1/devices", &json!({ "asset_tag": "A-1" })).json();
    let path = format!("/api/v1/devices/{}/build", device["id"].as_str().expect("an id"));
    let body = json!({ "basis": "exact", "build": build, "why": "read on its label" });
    let said = client.send("PUT", &path, "application/json", body.to_string().as_bytes());
    assert_eq!(said.status, 200, "{}", said.body);
}

fn events(client: &Client<'_>, build: &str) -> Vec<Value> {
    let said = client.get(&format!("/api/v1/events?build={build}"));
    assert_eq!(said.status, 200, "{}", said.body);
    said.json()["items"].as_array().expect("a list").clone()
}

/// Says where mail goes; nobody listens there yet.
fn mail_server(client: &Client<'_>, server: &Server) -> u16 {
    let port = free_port();
    let ca = std::fs::read_to_string(server.data.join("certificate.pem")).expect("it is kept");
    let body =
        json!({ "host": "127.0.0.1", "port": port, "from": "auscult@hospital.example", "ca": ca });
    let put = |body: &Value| {
        client.send("PUT", "/api/v1/mail-server", "application/json", body.to_string().as_bytes())
    };
    let mut open = body.clone();
    open["security"] = "none".into();
    open["user"] = "auscult".into();
    open["password"] = "secret".into();
    assert_eq!(put(&open).status, 422, "a password goes nowhere unprotected");
    assert_eq!(put(&body).status, 204);
    port
}

/// Both ways fail at first, and the page says so.
fn both_fail(client: &Client<'_>) {
    let failing = wait("a failure", || {
        let rules = rules(client);
        rules.iter().all(|rule| rule["error"].is_string()).then_some(rules)
    });
    assert_eq!(failing[0]["pending"], 1, "{failing:?}");
    let page = client.get("/administration/notifications").body;
    assert!(page.contains("1 pending") && page.contains("it answers 500"), "{page}");
}

fn rules(client: &Client<'_>) -> Vec<Value> {
    client.get("/api/v1/notification-rules").json().as_array().expect("a list").clone()
}

fn nothing_is_pending(client: &Client<'_>) {
    wait("an empty outbox", || {
        let is_told = |rule: &Value| rule["pending"] == 0 && rule["error"].is_null();
        rules(client).iter().all(is_told).then_some(())
    });
}

fn check_mail(mail: &str) {
    for text in [
        "To: sec@hospital.example",
        "Subject: auscult: CVE-2099-0001 (",
        "known to be exploited (new)",
        "in busybox 1.30.0",
        "1 devices of Pump 1.30.0",
        // Where people reach the server, which is not where it listens.
        "https://auscult.hospital.example/where-used?q=CVE-2099-0001",
    ] {
        assert!(mail.contains(text), "{text}: {mail}");
    }
}

#[test]
fn who_asked_is_told_once_of_what_a_newer_snapshot_changes() {
    if !Mailbox::is_there() {
        return;
    }
    for (database, folder) in databases() {
        let mut server = Server::start(&database, folder.path());
        let root = server.set_up();
        let client = server.as_session(&root);
        let port = mail_server(&client, &server);
        let reached = json!({ "public_url": "https://auscult.hospital.example/" }).to_string();
        let said = client.send("PUT", "/api/v1/sign-in", "application/json", reached.as_bytes());
        assert_eq!(said.status, 204, "{}", said.body);
        let (url, calls) = receiver();
        let mail =
            rule(&client, "people", &json!({ "by": "mail", "to": ["sec@hospital.example"] }));
        let hook = rule(&client, "program", &json!({ "by": "webhook", "url": url }));
        let product = client.product("Pump");
        let (old, new) = (ready(&client, &product, "1.30.0"), ready(&client, &product, "99.0.0"));
        device(&client, &old);
        let first =
            |build: &str| wait("the first verdict", || events(&client, build).first().cloned());
        assert_eq!(
            (&first(&old)["is"]["changes"], &first(&new)["is"]["open"]),
            (&json!([]), &json!(0))
        );
        // The advisories that are loaded now know one thing, which touches the older build alone.
        let loaded = client.upload("/api/v1/snapshots?older=true", &other_snapshot());
        assert_eq!(loaded.status, 201, "{}", loaded.body);
        let changed = wait("the change", || {
            let events = events(&client, &old);
            (events.len() == 2).then(|| events.first().cloned()).flatten()
        });
        let change = &changed["is"]["changes"][0];
        assert_eq!((&change["id"], &change["kind"]), (&json!("CVE-2099-0001"), &json!("new")));
        assert_eq!(change["known_exploited"], true, "{changed}");
        both_fail(&client);
        let key = server.data.join("key.pem");
        let mailbox =
            Mailbox::start(port, &server.data.join("certificate.pem"), &key, folder.path());
        let arrived = wait("the mail", || mailbox.mails().first().cloned());
        check_mail(&arrived);
        let call = calls.recv_timeout(ARRIVAL_MAX).expect("a call");
        check_signature(&call, hook["secret"].as_str().expect("a secret"));
        let body: Value = serde_json::from_str(&call.body).expect("JSON");
        assert_eq!(body["vulnerabilities"][0]["builds"][0]["id"], old.as_str());
        nothing_is_pending(&client);
        // Another process compares everything anew and finds nothing to tell.
        assert_eq!(server.stop(), Some(0));
        let server = Server::start(&database, folder.path());
        let client = server.as_session(&root);
        client.get(&format!("/builds/{old}"));
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!((events(&client, &old).len(), mailbox.mails().len()), (2, 1));
        let page = client.get(&format!("/events?build={old}")).body;
        assert!(
            page.contains("CVE-2099-0001") && page.contains("judged for the first time"),
            "{page}"
        );
        let path = format!("/api/v1/notification-rules/{}", mail["id"].as_str().expect("an id"));
        assert_eq!(client.send("POST", &format!("{path}/test"), "", b"").status, 204);
        wait("the test", || {
            mailbox.mails().iter().any(|mail| mail.contains("This is a test")).then_some(())
        });
        assert_eq!(client.send("DELETE", &path, "", b"").status, 204);
        assert_eq!(client.send("DELETE", &path, "", b"").status, 404);
    }
}
