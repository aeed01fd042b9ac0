//! A small HTTP/1.1 server (RFC 9110, RFC 9112) with validators, ranges and faults.

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    checksum::{md5, sha256_hex},
    stream::base64,
};

/// What is served at a path.
#[derive(Clone, Debug, Default)]
pub struct Resource {
    /// The body.
    pub body: Vec<u8>,
    /// `Last-Modified`, as HTTP writes dates.
    pub last_modified: Option<String>,
    /// No `ETag`, and no date.
    pub without_validators: bool,
    /// MD5 in `x-goog-hash`, as Google's storage tells it.
    pub goog_hash: bool,
}

impl Resource {
    /// These bytes, with an `ETag` made of them.
    pub fn new(body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// The same, with a date.
    #[must_use]
    pub fn modified(mut self, date: &str) -> Self {
        self.last_modified = Some(date.to_owned());
        self
    }

    fn etag(&self) -> String {
        format!("\"{}\"", sha256_hex(&self.body))
    }
}

/// What goes wrong at a path.
#[derive(Clone, Debug)]
pub enum Fault {
    /// An error status, with `Retry-After` if there is a text for it.
    Status(u16, Option<String>),
    /// The connection ends after so many bytes of the body.
    Truncated(usize),
    /// The same, where no length was announced: the end looks like an end.
    TruncatedSilently(usize),
    /// A byte every tenth of a second.
    Drip,
    /// Leads to this address; to itself, it is a loop.
    Redirect(String),
    /// Another body: a wrong digest, a changed schema, a poisoned signature.
    Body(Vec<u8>),
    /// Ranges are ignored.
    NoRange,
    /// The connection ends before an answer.
    Hangup,
}

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// Path with query.
    pub target: String,
    /// Headers with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The status that was answered; 0 if there was no answer.
    pub status: u16,
}

impl Request {
    /// The path without query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A number of the query.
    pub fn number(&self, name: &str) -> Option<usize> {
        let (_, query) = self.target.split_once('?')?;
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).and_then(|(_, value)| value.parse().ok())
    }
}

/// How fast bodies are served.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Bytes written at once.
    pub bytes: usize,
    /// Wait after them.
    pub wait: Duration,
}

type Answer = dyn Fn(&Request) -> Option<Resource> + Send;

#[derive(Default)]
struct Content {
    resources: BTreeMap<String, Resource>,
    answers: BTreeMap<String, Box<Answer>>,
    faults: BTreeMap<String, VecDeque<(Fault, usize)>>,
    requests: Vec<Request>,
    pace: Option<Pace>,
}

#[derive(Default)]
struct Shared {
    content: Mutex<Content>,
    served: AtomicU64,
    stopped: AtomicBool,
}

impl Shared {
    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The server; it stops when it is dropped.
pub struct FeedServer {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl FeedServer {
    /// Listens on a free loopback port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if accepting.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let shared = Arc::clone(&accepting);
                thread::spawn(move || converse(&shared, stream));
            }
        });
        Self { address, shared }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Serves this at a path.
    pub fn put(&self, path: &str, resource: Resource) {
        self.shared.content().resources.insert(path.to_owned(), resource);
    }

    /// Serves nothing at a path any more.
    pub fn remove(&self, path: &str) {
        self.shared.content().resources.remove(path);
    }

    /// What is served at a path.
    pub fn get(&self, path: &str) -> Option<Resource> {
        self.shared.content().resources.get(path).cloned()
    }

    /// Computes what is served at a path from the request.
    pub fn answer(
        &self,
        path: &str,
        answer: impl Fn(&Request) -> Option<Resource> + Send + 'static,
    ) {
        self.shared.content().answers.insert(path.to_owned(), Box::new(answer));
    }

    /// Lets the next `times` requests of a path go wrong.
    pub fn fault(&self, path: &str, fault: Fault, times: usize) {
        let mut content = self.shared.content();
        content.faults.entry(path.to_owned()).or_default().push_back((fault, times));
    }

    /// Lets nothing go wrong any more.
    pub fn mend(&self) {
        self.shared.content().faults.clear();
    }

    /// Serves bodies no faster than this.
    pub fn pace(&self, pace: Option<Pace>) {
        self.shared.content().pace = pace;
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.content().requests.clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.shared.content().requests.clear();
    }

    /// Bytes of bodies served so far.
    pub fn served(&self) -> u64 {
        self.shared.served.load(Ordering::SeqCst)
    }
}

impl Drop for FeedServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; without a listener there is nothing to wake.
        drop(TcpStream::connect(self.address));
    }
}

/// Answers the requests of a connection until one side ends it.
fn converse(shared: &Shared, stream: TcpStream) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
    let _ = stream.set_nodelay(true);
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Some(mut request) = read_request(&mut reader) {
        // As a proxy it leads everywhere to itself.
        if request.method == "CONNECT" {
            request.status = 200;
            shared.content().requests.push(request);
            if writer.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").is_err() {
                return;
            }
            continue;
        }
        if !respond(shared, request, &mut writer) {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        let read = reader.by_ref().take(16 << 10).read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some(Request { method, target, headers, status: 0 })
}

/// The fault whose turn it is at a path.
fn next_fault(content: &mut Content, path: &str) -> Option<Fault> {
    let queue = content.faults.get_mut(path)?;
    let (fault, times) = queue.front_mut()?;
    let fault = fault.clone();
    *times = times.saturating_sub(1);
    if *times == 0 {
        queue.pop_front();
    }
    Some(fault)
}

/// What is about to be sent.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }
}

/// Answers a request; false if the connection is to end.
fn respond(shared: &Shared, mut request: Request, writer: &mut TcpStream) -> bool {
    let (fault, resource, pace) = {
        let mut content = shared.content();
        let fault = next_fault(&mut content, request.path());
        let answered = content.answers.get(request.path()).and_then(|answer| answer(&request));
        let fixed = || {
            let exact = content.resources.get(&request.target);
            exact.or_else(|| content.resources.get(request.path())).cloned()
        };
        (fault, answered.or_else(fixed), content.pace)
    };
    let reply = match (&fault, resource) {
        (Some(Fault::Hangup), _) => {
            shared.content().requests.push(request);
            return false;
        }
        (Some(Fault::Status(status, retry_after)), _) => {
            let mut reply = Reply::empty(*status);
            reply.body = b"<html>please come back later</html>".to_vec();
            reply.headers.extend(retry_after.clone().map(|text| ("Retry-After", text)));
            reply
        }
        (Some(Fault::Redirect(to)), _) => {
            Reply { headers: vec![("Location", to.clone())], ..Reply::empty(302) }
        }
        (_, None) => Reply::empty(404),
        (Some(Fault::Body(body)), Some(resource)) => {
            serve(&request, &Resource { body: body.clone(), ..resource }, true)
        }
        (Some(Fault::NoRange), Some(resource)) => serve(&request, &resource, false),
        (_, Some(resource)) => serve(&request, &resource, true),
    };
    request.status = reply.status;
    shared.content().requests.push(request);
    send(shared, &reply, fault.as_ref(), pace, writer).unwrap_or(false)
}

/// The answer to a request for a resource, with its conditions and its range.
fn serve(request: &Request, resource: &Resource, ranges: bool) -> Reply {
    let mut headers = Vec::new();
    let etag = (!resource.without_validators).then(|| resource.etag());
    let date = resource.last_modified.clone().filter(|_| !resource.without_validators);
    headers.extend(etag.clone().map(|etag| ("ETag", etag)));
    headers.extend(date.clone().map(|date| ("Last-Modified", date)));
    if resource.goog_hash {
        headers
            .push(("x-goog-hash", format!("crc32c=AAAAAA==,md5={}", base64(&md5(&resource.body)))));
    }
    let header = |name: &str| request.headers.get(name).cloned();
    let not_modified = match (header("if-none-match"), header("if-modified-since")) {
        (Some(asked), _) => etag.as_ref() == Some(&asked),
        (None, Some(asked)) => date.as_ref() == Some(&asked),
        (None, None) => false,
    };
    if not_modified {
        return Reply { status: 304, headers, body: Vec::new() };
    }
    let fresh =
        header("if-range").is_none_or(|asked| etag == Some(asked.clone()) || date == Some(asked));
    let start = header("range")
        .filter(|_| ranges && fresh)
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let length = resource.body.len();
    match start {
        Some(start) if start >= length => {
            headers.push(("Content-Range", format!("bytes */{length}")));
            Reply { status: 416, headers, body: Vec::new() }
        }
        Some(start) => {
            headers.push(("Content-Range", format!("bytes {start}-{}/{length}", length - 1)));
            Reply { status: 206, headers, body: resource.body[start..].to_vec() }
        }
        None => Reply { status: 200, headers, body: resource.body.clone() },
    }
}

fn send(
    shared: &Shared,
    reply: &Reply,
    fault: Option<&Fault>,
    pace: Option<Pace>,
    writer: &mut TcpStream,
) -> std::io::Result<bool> {
    let silent = matches!(fault, Some(Fault::TruncatedSilently(_)));
    let mut head = format!("HTTP/1.1 {} Status\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if silent {
        head.push_str("Connection: close\r\n");
    } else if reply.status != 304 {
        head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
    }
    head.push_str("\r\n");
    writer.write_all(head.as_bytes())?;
    let cut = match fault {
        Some(Fault::Truncated(at) | Fault::TruncatedSilently(at)) => Some(*at),
        _ => None,
    };
    let body = &reply.body[..cut.unwrap_or(reply.body.len()).min(reply.body.len())];
    let pace = match fault {
        Some(Fault::Drip) => Some(Pace { bytes: 1, wait: Duration::from_millis(100) }),
        _ => pace,
    };
    let pace = pace.unwrap_or(Pace { bytes: 1 << 20, wait: Duration::ZERO });
    for chunk in body.chunks(pace.bytes.max(1)) {
        if shared.stopped.load(Ordering::SeqCst) {
            return Ok(false);
        }
        writer.write_all(chunk)?;
        writer.flush()?;
        shared.served.fetch_add(u64::try_from(chunk.len()).unwrap_or(0), Ordering::SeqCst);
        if !pace.wait.is_zero() {
            thread::sleep(pace.wait);
        }
    }
    Ok(cut.is_none())
}
