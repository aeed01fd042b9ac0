//! A running server, and somebody who talks to it.

use std::{io::Read as _, ops::Deref, path::Path, time::Duration};

use auscult_testkit::{Postgres, Serving};
use serde_json::Value;
use ureq::{
    Agent,
    http::{Request, Response},
};

use crate::support::root;

/// A password that everybody has here.
pub(super) const PASSWORD: &str = "vier Wagen im Nebel";

/// A server process with a database of its own.
pub(super) struct Server(Serving);

impl Deref for Server {
    type Target = Serving;

    fn deref(&self) -> &Serving {
        &self.0
    }
}

/// What a server said.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Said {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// The session's cookie.
    pub(super) fn cookie(&self) -> Option<String> {
        let cookie = self.header("set-cookie")?.split(';').next()?;
        (!cookie.ends_with('=')).then(|| cookie.to_owned())
    }
}

/// Databases of each kind, with the folder in which they or nothing are.
pub(super) fn databases() -> Vec<(String, tempfile::TempDir)> {
    let folder = || tempfile::tempdir().expect("a temporary folder");
    let sqlite = folder();
    let mut all = vec![(format!("sqlite:{}", sqlite.path().join("server.db").display()), sqlite)];
    all.extend(Postgres::get().map(|postgres| (postgres.new_database(), folder())));
    all
}

impl Server {
    pub(super) fn start(database: &str, data: &Path) -> Self {
        Self::start_with(database, data, &[])
    }

    pub(super) fn start_with(database: &str, data: &Path, more: &[&str]) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_auscult"));
        Self(Serving::start(program, database, data, more))
    }

    fn agent(&self) -> Agent {
        self.0.agent(Duration::from_mins(2))
    }

    /// Sends a request with these headers.
    pub(super) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Said {
        send(&self.agent(), &format!("{}{path}", self.url), method, headers, body)
    }

    pub(super) fn get(&self, path: &str) -> Said {
        self.send("GET", path, &[], b"")
    }

    /// Asks whoever has the certificate of this server, wherever that is.
    pub(super) fn ask(&self, method: &str, url: &str, cookie: &str, body: &[u8]) -> Said {
        let kind = if method == "POST" { "application/x-www-form-urlencoded" } else { "" };
        send(&self.agent(), url, method, &[("cookie", cookie), ("content-type", kind)], body)
    }

    /// Sends a form as a browser does.
    pub(super) fn form(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Said {
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", escaped(value))).collect();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
            ("cookie", cookie),
        ];
        self.send("POST", path, &headers, body.join("&").as_bytes())
    }

    /// What forms of a session carry.
    pub(super) fn form_token(&self, cookie: &str) -> String {
        let page = self.as_session(cookie).get("/").body;
        let rest = page.split_once("name=\"csrf\" value=\"").expect("a token").1;
        rest.split('"').next().expect("a token").to_owned()
    }

    /// Makes the first administrator and returns his cookie.
    pub(super) fn set_up(&self) -> String {
        let link = self.set_up.as_ref().expect("a link");
        let token = link.split_once("token=").expect("a token").1;
        let fields = [
            ("token", token),
            ("name", "root"),
            ("display_name", "Ada"),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        let said = self.form("/set-up", "", &fields);
        assert_eq!(said.status, 303, "{}", said.body);
        said.cookie().expect("a session")
    }

    pub(super) fn sign_in(&self, name: &str) -> String {
        let said = self.form("/sign-in", "", &[("name", name), ("password", PASSWORD)]);
        assert_eq!(said.status, 303, "{}", said.body);
        said.cookie().expect("a session")
    }

    /// A somebody of the REST interface.
    pub(super) fn as_session<'a>(&'a self, cookie: &'a str) -> Client<'a> {
        Client { server: self, agent: self.agent(), header: ("cookie", cookie.to_owned()) }
    }

    pub(super) fn as_key(&self, key: &str) -> Client<'_> {
        let header = ("authorization", format!("Bearer {key}"));
        Client { server: self, agent: self.agent(), header }
    }

    /// Ends it as a power failure would, while others still talk to it.
    pub(super) fn kill_now(&self) {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::KILL).expect("it runs");
    }

    fn pid(&self) -> rustix::process::Pid {
        let pid = i32::try_from(self.process.id()).ok().and_then(rustix::process::Pid::from_raw);
        pid.expect("a process")
    }

    /// The same, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        self.0.process.kill().expect("it runs");
        self.0.process.wait().expect("it ends");
    }

    /// Asks it to stop, and returns its exit code.
    pub(super) fn stop(&mut self) -> Option<i32> {
        rustix::process::kill_process(self.pid(), rustix::process::Signal::TERM).expect("it runs");
        self.0.process.wait().expect("it ends").code()
    }
}

/// Somebody who is known to a server.
pub(super) struct Client<'a> {
    server: &'a Server,
    agent: Agent,
    header: (&'static str, String),
}

impl Client<'_> {
    pub(super) fn send(&self, method: &str, path: &str, kind: &str, body: &[u8]) -> Said {
        let (name, value) = &self.header;
        let headers =
            [(*name, value.as_str()), ("sec-fetch-site", "same-origin"), ("content-type", kind)];
        send(&self.agent, &format!("{}{path}", self.server.url), method, &headers, body)
    }

    pub(super) fn get(&self, path: &str) -> Said {
        self.send("GET", path, "application/json", b"")
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Said {
        self.send("POST", path, "application/json", body.to_string().as_bytes())
    }

    pub(super) fn upload(&self, path: &str, body: &[u8]) -> Said {
        self.send("POST", path, "application/octet-stream", body)
    }

    /// The same where the server may be gone before it answers.
    pub(super) fn try_upload(&self, path: &str, body: &[u8]) -> Option<Said> {
        let (name, value) = &self.header;
        let request = Request::builder().method("POST").uri(format!("{}{path}", self.server.url));
        let request = request.header(*name, value).body(body).expect("a request");
        try_said(self.agent.run(request).ok()?)
    }

    /// Makes a product and returns its id.
    pub(super) fn product(&self, name: &str) -> String {
        let said = self.post("/api/v1/products", &serde_json::json!({ "name": name }));
        assert_eq!(said.status, 201, "{}", said.body);
        said.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Makes a key and returns its secret.
    pub(super) fn key(&self, scopes: &[&str]) -> String {
        let body = serde_json::json!({ "name": "test", "scopes": scopes });
        let said = self.post("/api/v1/keys", &body);
        assert_eq!(said.status, 201, "{}", said.body);
        said.json()["secret"].as_str().expect("a secret").to_owned()
    }

    /// Makes an account of these roles, with the password that everybody has.
    pub(super) fn account(&self, name: &str, roles: &[&str]) {
        let body = serde_json::json!({ "name": name, "roles": roles, "password": PASSWORD });
        let said = self.post("/api/v1/accounts", &body);
        assert_eq!(said.status, 201, "{}", said.body);
    }
}

fn send(agent: &Agent, url: &str, method: &str, headers: &[(&str, &str)], body: &[u8]) -> Said {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    let answer = if body.is_empty() && method == "GET" {
        agent.run(request.body(()).expect("a request"))
    } else {
        agent.run(request.body(body).expect("a request"))
    };
    said(answer.unwrap_or_else(|error| panic!("{method} {url}: {error}")))
}

fn said(answer: Response<ureq::Body>) -> Said {
    try_said(answer).expect("a whole answer")
}

fn try_said(answer: Response<ureq::Body>) -> Option<Said> {
    let status = answer.status().as_u16();
    let text = |value: &ureq::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers =
        answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let mut bytes = Vec::new();
    answer.into_body().into_reader().read_to_end(&mut bytes).ok()?;
    Some(Said { status, body: String::from_utf8_lossy(&bytes).into_owned(), headers })
}

fn escaped(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let escape = |byte: u8| {
        if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(escape).collect()
}

/// A small SBOM: a BusyBox of this version.
pub(super) fn busybox(version: &str) -> Vec<u8> {
    serde_json::json!({ "bomFormat": "CycloneDX", "specVersion": "1.6", "components": [{
        "type": "application", "name": "busybox", "version": version,
        "cpe": format!("cpe:2.3:a:busybox:busybox:{version}:*:*:*:*:*:*:*") }] })
    .to_string()
    .into_bytes()
}

/// The sample image.
pub(super) fn image() -> Vec<u8> {
    std::fs::read(root().join("samples").join("infusion-pump.img")).expect("the sample is there")
}
