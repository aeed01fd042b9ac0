//! A server of the program under measurement, and somebody who asks it over TLS.

use std::{
    fs,
    io::Read as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use auscult_testkit::Serving;
use serde_json::Value;
use ureq::{Agent, http::Request};

/// The password of the administrator.
const PASSWORD: &str = "vier Wagen im Nebel";
/// No request may take longer.
const ANSWER_MAX: Duration = Duration::from_mins(10);

/// A process that answers; it ends with this value.
pub(crate) struct Server {
    pub(crate) is: Serving,
    /// From its start until it said that it answers.
    pub(crate) started_in: Duration,
}

/// What a server said.
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    cookie: Option<String>,
}

impl Said {
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("read the answer {}", String::from_utf8_lossy(&self.body)))
    }

    /// The answer to a request that must succeed.
    pub(crate) fn done(self) -> anyhow::Result<Self> {
        let told = || String::from_utf8_lossy(&self.body).chars().take(400).collect::<String>();
        ensure!((200..400).contains(&self.status), "the server said {}: {}", self.status, told());
        Ok(self)
    }
}

impl Server {
    /// Starts the program on a port of its choice.
    pub(crate) fn start(program: &Path, database: &str, data: &Path) -> Self {
        let begun = Instant::now();
        let is = Serving::start(program, database, data, &[]);
        Self { is, started_in: begun.elapsed() }
    }

    /// Somebody with connections that stay open; nobody yet.
    fn nobody(&self) -> Client {
        let agent = self.is.agent(ANSWER_MAX);
        Client { agent, url: self.is.url.clone(), cookie: String::new() }
    }

    /// Makes the first administrator.
    pub(crate) fn administrator(&self) -> anyhow::Result<Client> {
        let link = self.is.set_up.as_ref().context("the server has an administrator already")?;
        let token = link.split_once("token=").context("the link has no token")?.1;
        let password = PASSWORD.replace(' ', "+");
        let form = format!(
            "token={token}&name=root&display_name=Ada&password={password}&again={password}"
        );
        let nobody = self.nobody();
        let kind = "application/x-www-form-urlencoded";
        let said = nobody.send("POST", "/set-up", kind, form.as_bytes())?.done()?;
        let cookie = said.cookie.context("no session began")?;
        Ok(Client { cookie, ..nobody })
    }

    /// The same administrator, signed in at a server that was started again.
    pub(crate) fn with(&self, other: &Client) -> Client {
        Client { cookie: other.cookie.clone(), ..self.nobody() }
    }

    /// The most memory that it ever had, in MiB.
    pub(crate) fn peak_mib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.is.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        let kibibytes: f64 = number.context("no VmHWM")?.parse()?;
        Ok(kibibytes / 1024.0)
    }
}

/// Somebody who is signed in; copies share connections that stay open.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    url: String,
    cookie: String,
}

impl Client {
    /// The session, as a header carries it.
    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> anyhow::Result<Said> {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request = request.header("sec-fetch-site", "same-origin");
        let request =
            if self.cookie.is_empty() { request } else { request.header("cookie", &self.cookie) };
        let answer = if method == "GET" {
            self.agent.run(request.body(())?)
        } else {
            self.agent.run(request.header("content-type", kind).body(body)?)
        };
        let answer = answer.with_context(|| format!("{method} {path}"))?;
        let status = answer.status().as_u16();
        let cookie = answer.headers().get("set-cookie").and_then(|value| value.to_str().ok());
        let cookie = cookie.and_then(|text| text.split(';').next()).map(str::to_owned);
        let mut bytes = Vec::new();
        answer.into_body().into_reader().read_to_end(&mut bytes)?;
        Ok(Said { status, body: bytes, cookie })
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Said> {
        self.send("GET", path, "", b"")?.done()
    }

    pub(crate) fn get_json(&self, path: &str) -> anyhow::Result<Value> {
        self.get(path)?.json()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send("POST", path, "application/json", body.to_string().as_bytes())?.done()?.json()
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> anyhow::Result<Said> {
        self.send("PUT", path, "application/json", body.to_string().as_bytes())?.done()
    }

    pub(crate) fn upload(&self, path: &str, body: &[u8]) -> anyhow::Result<Value> {
        self.send("POST", path, "application/octet-stream", body)?.done()?.json()
    }

    /// Makes a product and returns its id.
    pub(crate) fn product(&self, name: &str) -> anyhow::Result<String> {
        text(&self.post("/api/v1/products", &serde_json::json!({ "name": name }))?, "id")
    }
}

/// A text of an answer.
pub(crate) fn text(answer: &Value, key: &str) -> anyhow::Result<String> {
    let found = answer.get(key).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no {key} in {answer}"))?.to_owned())
}

/// A number of an answer, by its pointer.
pub(crate) fn number(answer: &Value, pointer: &str) -> anyhow::Result<usize> {
    let found = answer.pointer(pointer).and_then(Value::as_u64);
    Ok(usize::try_from(found.with_context(|| format!("no {pointer} in {answer}"))?)?)
}
