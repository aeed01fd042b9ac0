//! The HTTP client: redirections, retries, waits, and bodies that must keep coming.

mod pace;
pub(crate) mod url;

use std::{
    collections::BTreeMap,
    io::Read,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use pace::{LeastRate, Pace};
use ureq::{Agent, Body, Proxy, http::HeaderMap, tls};

use crate::{
    Config, Error, Result, Secret,
    config::{Rate, Transfer},
};

pub(crate) use pace::backoff;

/// What is asked for.
pub(crate) struct Request<'a> {
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// A header that only the host of this address may see.
    pub(crate) secret: Option<(&'static str, &'a Secret, &'a str)>,
    /// What the host allows.
    pub(crate) rate: Option<Rate>,
    /// Whether everything must be encrypted.
    pub(crate) secure: bool,
    /// Told how long we wait and why.
    pub(crate) waiting: &'a dyn Fn(Duration, &str),
}

/// The beginning of an answer, with its body to come.
pub(crate) struct Response {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Body,
}

/// The client, shared by all threads.
pub(crate) struct Client {
    agent: Agent,
    pub(crate) transfer: Transfer,
    rewrite: BTreeMap<String, String>,
    pace: Pace,
    /// When the program asked the clock, and the same instant.
    started: (Timestamp, Instant),
}

/// How one attempt ended that another may mend.
enum Failed {
    /// The server's answer, and the wait that it asks for.
    Status(u16, Option<Duration>),
    Error(Error),
}

impl Client {
    pub(crate) fn new(config: &Config, user_agent: &str, now: Timestamp) -> Result<Self> {
        let transfer = config.transfer.clone();
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let proxy = match &config.proxy {
            // The reason would repeat the address, and with it a password.
            Some(Secret(proxy)) => Some(Proxy::new(proxy).map_err(|_| {
                Error::Config("proxy: not of the form http://[user:password@]host:port".to_owned())
            })?),
            None => Proxy::try_from_env(),
        };
        let mut tls_config = tls::TlsConfig::builder();
        if let Some(path) = &config.ca_file {
            tls_config = tls_config.root_certs(authorities(path)?);
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            // Followed by ourselves: limits, keys and encryption are checked at each step.
            .max_redirects(0)
            .user_agent(user_agent)
            .accept_encoding("identity")
            .timeout_connect(seconds(transfer.connect_s))
            .timeout_recv_response(seconds(transfer.answer_s))
            .timeout_per_read(seconds(transfer.answer_s.min(transfer.slow_s)))
            .tls_config(tls_config.build())
            .proxy(proxy)
            .build()
            .new_agent();
        let started = (now, Instant::now());
        let (rewrite, pace) = (config.rewrite.clone(), Pace::default());
        Ok(Self { agent, transfer, rewrite, pace, started })
    }

    /// Asks until there is an answer that says something about the file: it is there, it has not
    /// changed, it does not exist, the range is wrong. Anything else is an error.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Response> {
        let mut attempt = 1;
        loop {
            let failed = match self.follow(request) {
                Ok(response) => return Ok(response),
                Err(failed) => failed,
            };
            let (wait, error, why) = match failed {
                Failed::Status(status, asked) => {
                    let url = request.url.to_owned();
                    let wait = asked.unwrap_or_else(|| backoff(&self.transfer, attempt));
                    if wait > Duration::from_secs(self.transfer.longest_wait_s) {
                        return Err(Error::Later { url, status, seconds: wait.as_secs() });
                    }
                    (wait, Error::Status { url, status }, format!("status {status}"))
                }
                Failed::Error(error) if error.is_passing() => {
                    let why = error.to_string();
                    (backoff(&self.transfer, attempt), error, why)
                }
                Failed::Error(error) => return Err(error),
            };
            if attempt >= self.transfer.attempts {
                return Err(error);
            }
            attempt += 1;
            (request.waiting)(wait, &why);
            thread::sleep(wait);
        }
    }

    /// One attempt, through all redirections.
    fn follow(&self, request: &Request<'_>) -> std::result::Result<Response, Failed> {
        let fail = |reason| Failed::Error(Error::Redirect { url: request.url.to_owned(), reason });
        // Checked before it is rewritten: a plain mirror is the user's own word.
        let checked = |url: &str| {
            if request.secure && !url.starts_with("https://") {
                return Err(fail("it leads from an encrypted connection to a plain one"));
            }
            Ok(self.rewritten(url))
        };
        let mut url = checked(request.url)?;
        for _ in 0..=self.transfer.redirects {
            let response = self.once(request, &url)?;
            match response.status {
                200 | 206 | 304 | 404 | 410 | 416 => return Ok(response),
                301 | 302 | 303 | 307 | 308 => {
                    let Some(location) = response.header("location") else {
                        return Err(fail("it leads to no address"));
                    };
                    url = checked(&url::resolve(&url, location))?;
                }
                status => return Err(self.refused(request.url, status, &response)),
            }
        }
        Err(fail("it leads on and on"))
    }

    fn once(&self, request: &Request<'_>, url: &str) -> std::result::Result<Response, Failed> {
        if let Some(rate) = request.rate {
            let wait = self.pace.book(url::host(url), rate, Instant::now());
            if !wait.is_zero() {
                (request.waiting)(wait, "the server allows no more requests");
                thread::sleep(wait);
            }
        }
        let mut call = self.agent.get(url);
        for (name, value) in &request.headers {
            call = call.header(*name, value);
        }
        if let Some((name, Secret(value), base)) = request.secret
            && url::origin(&self.rewritten(base)) == url::origin(url)
        {
            call = call.header(name, value);
        }
        let connection = |error: ureq::Error| {
            let (url, reason) = (request.url.to_owned(), error.to_string());
            Failed::Error(match error {
                ureq::Error::Rustls(_) | ureq::Error::Tls(_) => Error::Untrusted { url, reason },
                // What comes of rustls through a socket.
                ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
                    Error::Untrusted { url, reason }
                }
                _ => Error::Connection { url, reason },
            })
        };
        let (parts, body) = call.call().map_err(connection)?.into_parts();
        Ok(Response { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// What an answer with an error means: come back later, or never.
    fn refused(&self, url: &str, status: u16, response: &Response) -> Failed {
        let asked = self.retry_after(response);
        let limited = response.header("x-ratelimit-remaining") == Some("0");
        let passing = matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
            || (status == 403 && (asked.is_some() || limited));
        if passing {
            Failed::Status(status, asked)
        } else {
            Failed::Error(Error::Status { url: url.to_owned(), status })
        }
    }

    /// The wait that the server asks for: seconds or a date (RFC 9110 section 10.2.3), or the end
    /// of GitHub's hour.
    fn retry_after(&self, response: &Response) -> Option<Duration> {
        let (start, instant) = self.started;
        let until = |at: Timestamp| {
            let now = start.as_second().saturating_add_unsigned(instant.elapsed().as_secs());
            let seconds = at.as_second().saturating_sub(now);
            Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
        };
        if let Some(text) = response.header("retry-after") {
            if let Ok(seconds) = text.trim().parse() {
                return Some(Duration::from_secs(seconds));
            }
            let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?;
            return until(date.timestamp());
        }
        if response.header("x-ratelimit-remaining") == Some("0") {
            let reset = response.header("x-ratelimit-reset")?.trim().parse().ok()?;
            return until(Timestamp::from_second(reset).ok()?);
        }
        None
    }

    /// The address at the mirror that the user named.
    pub(crate) fn rewritten(&self, url: &str) -> String {
        let fits = self.rewrite.iter().filter(|(from, _)| url.starts_with(from.as_str()));
        let longest = fits.max_by_key(|(from, _)| from.len());
        let rewritten = longest.and_then(|(from, to)| {
            url.strip_prefix(from.as_str()).map(|rest| format!("{to}{rest}"))
        });
        rewritten.unwrap_or_else(|| url.to_owned())
    }
}

impl Response {
    /// A header of the answer, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The length announced for this body.
    pub(crate) fn length(&self) -> Option<u64> {
        self.header("content-length").and_then(|text| text.trim().parse().ok())
    }

    /// The range of this body and the length of the whole (RFC 9110 section 14.4).
    pub(crate) fn range(&self) -> Option<(u64, Option<u64>)> {
        let text = self.header("content-range")?.trim().strip_prefix("bytes ")?;
        let (range, whole) = text.split_once('/')?;
        let start = range.split_once('-')?.0.trim().parse().ok()?;
        Some((start, whole.trim().parse().ok()))
    }

    /// Gives the body to a function as it comes. The body must keep coming, and have its length.
    pub(crate) fn pump(
        self,
        url: &str,
        transfer: &Transfer,
        mut sink: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let expected = self.length();
        let mut reader = self.body.into_reader();
        let mut buffer = vec![0; 64 << 10];
        let (mut rate, mut received) = (LeastRate::begin(Instant::now()), 0_u64);
        let slow = || Error::TooSlow {
            url: url.to_owned(),
            bytes: transfer.slow_bytes,
            seconds: transfer.slow_s,
        };
        let short = |received| Error::Truncated { url: url.to_owned(), received };
        loop {
            let read = match reader.read(&mut buffer) {
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) if is_timeout(&error) => return Err(slow()),
                Err(_) => return Err(short(received)),
            };
            if read == 0 {
                break;
            }
            let count = u64::try_from(read).unwrap_or(u64::MAX);
            received = received.saturating_add(count);
            sink(buffer.get(..read).unwrap_or_default())?;
            if !rate.enough(transfer, count, Instant::now()) {
                return Err(slow());
            }
        }
        if expected.is_some_and(|expected| received < expected) {
            return Err(short(received));
        }
        Ok(())
    }
}

fn is_timeout(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    matches!(error.kind(), std::io::ErrorKind::TimedOut | std::io::ErrorKind::WouldBlock)
        || matches!(inner, Some(ureq::Error::Timeout(_)))
}

/// The certificates of a file in PEM.
fn authorities(path: &Path) -> Result<tls::RootCerts> {
    let text = std::fs::read(path).map_err(Error::io(path))?;
    let wrong = |reason: &str| Error::Config(format!("ca_file {}: {reason}", path.display()));
    let mut certificates = Vec::new();
    for item in tls::parse_pem(&text) {
        if let tls::PemItem::Certificate(certificate) =
            item.map_err(|error| wrong(&error.to_string()))?
        {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(wrong("no certificate in it"));
    }
    Ok(tls::RootCerts::new_with_certs(&certificates))
}
