//! `auscult push`: sends a build to a server, waits for its verdict, and exits as the gate says.

use std::{
    fs::File,
    io::Read as _,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use percent_encoding::{NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde_json::{Value, json};
use ureq::{
    Agent, Body, SendBody,
    http::{Request, Response, StatusCode},
    tls::{Certificate, RootCerts, TlsConfig, TlsProvider},
};

use crate::{
    args::PushArgs,
    exit::Exit,
    failure::Hinted,
    output::{self, Form},
    target::{self, Target},
};

/// Seconds that one request waits; longer waits are several of them.
const WAIT_ONCE_SECONDS: u64 = 60;
/// Findings of a reason that are told; the page of the build has all.
const FINDINGS_SHOWN: usize = 10;
/// Longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

pub(crate) fn run(arguments: &PushArgs) -> anyhow::Result<Exit> {
    let outputs = output::parse(arguments.output.as_slice(), Form::Table)?;
    let server = Server::of(arguments)?;
    let target = Target::open(&arguments.target)?;
    if target.kind == auscult_model::InputKind::Directory {
        return Err(Hinted::error(
            format!("push {}: it is a directory", arguments.target.display()),
            "pack it into one file (tar), or scan it here",
        ));
    }
    let product = server.product(&arguments.product, arguments.create)?;
    let label = label(arguments);
    let build = server.upload(&product, &label, target.file, arguments.wait)?;
    let exit = exit(&build)?;
    for wanted in &outputs {
        let bytes = match wanted.format {
            Form::Json => serde_json::to_vec_pretty(&build)?,
            Form::Table => told(&build, &server.url).into_bytes(),
        };
        output::write(wanted, &bytes)?;
    }
    Ok(exit)
}

/// The name of the build: what the user says, else that of the file.
fn label(arguments: &PushArgs) -> String {
    let name = || arguments.target.file_name().map(|name| name.to_string_lossy().into_owned());
    arguments.label.clone().or_else(name).unwrap_or_else(|| "build".to_owned())
}

/// A server, and the key that it knows us by.
struct Server {
    url: String,
    key: String,
    agent: Agent,
}

impl Server {
    fn of(arguments: &PushArgs) -> anyhow::Result<Self> {
        let url = arguments.server.trim_end_matches('/').to_owned();
        if !url.starts_with("https://") {
            return Err(Hinted::error(
                format!("push to {url}: a key is sent over https:// only"),
                "give the address that `auscult serve` prints",
            ));
        }
        let mut tls = TlsConfig::builder().provider(TlsProvider::Rustls);
        if let Some(path) = &arguments.ca_file {
            tls = tls.root_certs(RootCerts::new_with_certs(&certificates(path)?));
        }
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(30)))
            .timeout_recv_response(Some(Duration::from_secs(WAIT_ONCE_SECONDS * 3)))
            .build();
        Ok(Self { url, key: key(arguments)?, agent: config.new_agent() })
    }

    /// Sends a request and returns what the server says, or what it refuses and why.
    fn ask(&self, method: &str, path: &str, length: u64, body: SendBody) -> anyhow::Result<Value> {
        let doing = || format!("ask {}{path}", self.url);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {}", self.key));
        if method == "POST" {
            let kind = if length > 0 { "application/octet-stream" } else { "application/json" };
            request = request.header("content-type", kind);
        }
        if length > 0 {
            // What the server refuses need not be sent.
            request = request.header("content-length", length).header("expect", "100-continue");
        }
        let answer = if method == "GET" {
            self.agent.run(request.body(()).with_context(doing)?)
        } else {
            self.agent.run(request.body(body).with_context(doing)?)
        };
        let answer = answer.map_err(|error| unreachable_server(&self.url, &error))?;
        read(answer, &doing())
    }

    /// The id of the product of this name.
    fn product(&self, name: &str, create: bool) -> anyhow::Result<String> {
        let path = format!("/api/v1/products?name={}", escaped(name));
        let found = self.ask("GET", &path, 0, SendBody::none())?;
        let mut product = found.pointer("/items/0").cloned();
        if product.is_none() && create {
            let body = json!({ "name": name }).to_string().into_bytes();
            let body = SendBody::from_owned_reader(std::io::Cursor::new(body));
            product = Some(self.ask("POST", "/api/v1/products", 0, body)?);
        }
        let product = product.ok_or_else(|| {
            let hint = "make it on the page of products, or push with --create";
            Hinted::error(format!("push to {}: it has no product {name:?}", self.url), hint)
        })?;
        let id = product.get("id").and_then(Value::as_str).map(str::to_owned);
        id.context("read the answer of the server: the product has no id")
    }

    /// Uploads a build and waits until it is judged or failed, or the time is over.
    fn upload(&self, product: &str, label: &str, file: File, wait: u64) -> anyhow::Result<Value> {
        let deadline = Instant::now() + Duration::from_secs(wait);
        let length = file.metadata().context("measure the input")?.len();
        let path = format!("/api/v1/products/{product}/builds?label={}", escaped(label));
        let mut build = self.ask("POST", &path, length, SendBody::from_owned_reader(file))?;
        loop {
            let state = build.get("state").and_then(Value::as_str).unwrap_or_default();
            let left = deadline.saturating_duration_since(Instant::now()).as_secs();
            if matches!(state, "ready" | "failed") || left == 0 {
                return Ok(build);
            }
            let id = build.get("id").and_then(Value::as_str).unwrap_or_default();
            let seconds = left.min(WAIT_ONCE_SECONDS);
            let path = format!("/api/v1/builds/{id}?wait={seconds}");
            build = self.ask("GET", &path, 0, SendBody::none())?;
        }
    }
}

/// The key: from a file or the environment, never from the command line, which everybody sees.
fn key(arguments: &PushArgs) -> anyhow::Result<String> {
    let text = match (&arguments.key_file, std::env::var("AUSCULT_KEY")) {
        (Some(path), _) => target::read_text(path, "key")?,
        (None, Ok(key)) => key,
        (None, Err(_)) => {
            return Err(Hinted::error(
                "push: there is no key",
                "make one under Administration, and give it in AUSCULT_KEY or with --key-file",
            ));
        }
    };
    let key = text.trim();
    if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        bail!("push: the key is empty or holds blanks");
    }
    Ok(key.to_owned())
}

fn certificates(path: &Path) -> anyhow::Result<Vec<Certificate<'static>>> {
    let text = target::read_bytes(path, "certificate")?;
    let items = ureq::tls::parse_pem(&text);
    let mut found = Vec::new();
    for item in items {
        let item = item.with_context(|| format!("read {}", path.display()))?;
        if let ureq::tls::PemItem::Certificate(certificate) = item {
            found.push(certificate);
        }
    }
    if found.is_empty() {
        bail!("read {}: there is no certificate in it (PEM)", path.display());
    }
    Ok(found)
}

fn unreachable_server(url: &str, error: &ureq::Error) -> anyhow::Error {
    let told = error.to_string();
    let hint = if told.contains("ertificate") || told.contains("Issuer") {
        "trust the server's certificate with --ca-file FILE (certificate.pem in its data folder)"
    } else {
        "check the address, and whether the server runs"
    };
    Hinted::error(format!("reach {url}: {told}"), hint)
}

/// Reads an answer; a problem becomes an error with its hint.
fn read(answer: Response<Body>, doing: &str) -> anyhow::Result<Value> {
    let status = answer.status();
    let mut bytes = Vec::new();
    let mut reader = answer.into_body().into_reader().take(ANSWER_BYTES_MAX);
    reader.read_to_end(&mut bytes).with_context(|| format!("{doing}: read the answer"))?;
    let value: Option<Value> = serde_json::from_slice(&bytes).ok();
    if status.is_success() {
        return value.with_context(|| format!("{doing}: the answer is no JSON"));
    }
    let text = |name: &str| {
        let value = value.as_ref().and_then(|value| value.get(name)).and_then(Value::as_str);
        value.map(|text| auscult_report::clean(text).into_owned())
    };
    let detail = text("detail").unwrap_or_else(|| {
        status.canonical_reason().unwrap_or("it is no auscult server").to_owned()
    });
    let message = format!("{doing}: {} {detail}", status.as_u16());
    let usual = || (status == StatusCode::NOT_FOUND).then(|| "check the address".to_owned());
    match text("hint").or_else(usual) {
        Some(hint) => Err(Hinted::error(message, hint)),
        None => bail!(message),
    }
}

/// The exit code of a build as the server has it.
fn exit(build: &Value) -> anyhow::Result<Exit> {
    let text = |path: &str| build.pointer(path).and_then(Value::as_str);
    match (text("/state"), text("/evaluation/verdict/outcome")) {
        (Some("failed"), _) => {
            let reason = auscult_report::clean(text("/reason").unwrap_or("no reason is told"));
            bail!("push: the build could not be inspected: {reason}")
        }
        (_, Some("pass")) => Ok(Exit::Done),
        (_, Some("fail")) => Ok(Exit::GateFailed),
        (_, Some("inconclusive")) => Ok(Exit::Inconclusive),
        (state, _) => {
            let state = auscult_report::clean(state.unwrap_or("unknown"));
            Err(Hinted::error(
                format!("push: there is no verdict yet, the build is {state}"),
                "wait longer with --wait SECONDS, or push it again: that does not upload it twice",
            ))
        }
    }
}

/// The verdict for people, with what led to it on the same lines.
fn told(build: &Value, url: &str) -> String {
    let text = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str).unwrap_or_default();
        auscult_report::clean(text).into_owned()
    };
    let empty = json!([]);
    let verdict = build.pointer("/evaluation/verdict").unwrap_or(&Value::Null);
    let mut lines = vec![format!("VERDICT  {}", text(verdict, "outcome"))];
    for reason in verdict.get("reasons").unwrap_or(&empty).as_array().into_iter().flatten() {
        let (outcome, rule) = (text(reason, "outcome"), text(reason, "rule"));
        lines.push(format!("  {outcome} {rule}: {}", text(reason, "text")));
        let findings = reason.get("findings").unwrap_or(&empty).as_array();
        let findings = findings.into_iter().flatten().filter_map(Value::as_str);
        let shown = findings.take(FINDINGS_SHOWN);
        lines.extend(shown.map(|finding| format!("    {}", auscult_report::clean(finding))));
    }
    let count = |name: &str| build.pointer(&format!("/evaluation/counts/{name}")).cloned();
    let number = |name: &str| count(name).and_then(|value| value.as_u64()).unwrap_or_default();
    let (open, exploited) = (number("open"), number("known_exploited"));
    let components = number("components");
    lines.push(format!(
        "{open} open findings, {exploited} known exploited, in {components} components"
    ));
    lines.push(format!("{url}/builds/{}\n", text(build, "id")));
    lines.join("\n")
}

/// A text as a part of a URL.
fn escaped(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, NON_ALPHANUMERIC)
}
