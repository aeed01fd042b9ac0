//! A browser that does what a person does, over WebDriver
//! (<https://www.w3.org/TR/webdriver2/>): some requests of JSON to the driver that Debian ships
//! with Chromium.

#![expect(clippy::print_stderr, reason = "a skipped test is told")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use ureq::{Agent, http::Request};

use crate::support::text;

/// The member of an answer that names an element (section 12.3 of the standard).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How long a page may take; what takes longer has hung.
const PATIENCE: Duration = Duration::from_mins(1);

/// A window of a browser of its own.
pub(super) struct Browser {
    agent: Agent,
    /// The address of the session.
    session: String,
    driver: Child,
    /// Stays open, as the driver ends where nobody listens.
    _output: BufReader<ChildStdout>,
}

/// An element of the page that is shown.
pub(super) struct Element<'a> {
    browser: &'a Browser,
    id: String,
}

/// On what a page is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Screen {
    Desktop,
    Phone,
}

impl Screen {
    /// Width and height in pixels of style sheets.
    fn size(self) -> (u32, u32) {
        match self {
            Self::Desktop => (1280, 800),
            Self::Phone => (390, 844),
        }
    }
}

impl Browser {
    /// Starts one. Where none is installed the test is skipped, and says so; where `CI` is set
    /// that is a failure.
    pub(super) fn start() -> Option<Self> {
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null());
        let Ok(mut driver) = command.spawn() else {
            assert!(std::env::var_os("CI").is_none(), "no browser: install chromium-driver");
            eprintln!("\nSKIPPED: no browser is installed (Debian's package chromium-driver)\n");
            return None;
        };
        let mut output = BufReader::new(driver.stdout.take().expect("a pipe"));
        let port = port(&mut output);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(2 * PATIENCE))
            .build();
        let agent = config.new_agent();
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--lang=en-US"];
        let arguments =
            [&arguments[..], &["--disable-dev-shm-usage", "--hide-scrollbars"]].concat();
        let wanted = json!({
            "browserName": "chrome",
            // The server's certificate is made by itself, and the other tests compare it.
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments },
        });
        let address = format!("http://127.0.0.1:{port}/session");
        let wanted = json!({ "capabilities": { "alwaysMatch": wanted } });
        let said = send(&agent, "POST", &address, &wanted);
        let id = said["sessionId"].as_str().expect("a session");
        let browser = Self { session: format!("{address}/{id}"), agent, driver, _output: output };
        browser.show_on(Screen::Desktop);
        Some(browser)
    }

    fn post(&self, command: &str, body: &Value) -> Value {
        send(&self.agent, "POST", &format!("{}/{command}", self.session), body)
    }

    fn get(&self, command: &str) -> Value {
        send(&self.agent, "GET", &format!("{}/{command}", self.session), &Value::Null)
    }

    /// A command of the browser's own protocol, for what WebDriver has no words for.
    fn command(&self, command: &str, parameters: &Value) -> Value {
        self.post("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    pub(super) fn open(&self, address: &str) {
        self.post("url", &json!({ "url": address }));
    }

    /// The address of the page that is shown.
    pub(super) fn address(&self) -> String {
        self.get("url").as_str().expect("an address").to_owned()
    }

    /// The value of the session's cookie.
    pub(super) fn cookie(&self) -> String {
        let all = self.get("cookie");
        let one = all.as_array().and_then(|all| all.first()).expect("a cookie");
        let word = |name: &str| one[name].as_str().expect("a word").to_owned();
        format!("{}={}", word("name"), word("value"))
    }

    /// Runs a script in the page; the tests' own, not the page's, which has none.
    pub(super) fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// The same where the answer comes later: the script calls its last argument with it.
    pub(super) fn run_until_done(&self, script: &str) -> Value {
        self.post("execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Whether the page has a link of these words.
    pub(super) fn has_link(&self, words: &str) -> bool {
        self.find(&format!("//a[normalize-space(.)={}]", quoted(words))).is_some()
    }

    /// What a person reads on the page.
    pub(super) fn words(&self) -> String {
        self.run("return document.body.innerText").as_str().expect("a text").to_owned()
    }

    fn find(&self, path: &str) -> Option<Element<'_>> {
        let found = self.post("elements", &json!({ "using": "xpath", "value": path }));
        let id = found.as_array().and_then(|all| all.first())?[ELEMENT].as_str()?.to_owned();
        Some(Element { browser: self, id })
    }

    fn must_find(&self, what: &str, path: &str) -> Element<'_> {
        self.find(path).unwrap_or_else(|| {
            panic!("no {what} on {}:\n{}", self.address(), self.words());
        })
    }

    /// Clicks a link or a button by its words, and waits for the page that it leads to.
    pub(super) fn click(&self, words: &str) {
        let own = format!("normalize-space(.)={}", quoted(words));
        let found = self.must_find(words, &format!("//a[{own}]|//button[{own}]"));
        // The driver may answer before the browser began to leave the page.
        self.run("window.left = true");
        found.click();
        let arrived = "return !window.left && document.readyState === 'complete'";
        let started = Instant::now();
        while self.run(arrived) != json!(true) {
            assert!(started.elapsed() < PATIENCE, "{words} leads nowhere: {}", self.address());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Opens details by the words of their summary.
    pub(super) fn unfold(&self, words: &str) {
        let own = format!("normalize-space(.)={}", quoted(words));
        self.must_find(words, &format!("//summary[{own}]")).click();
    }

    /// Opens everything that can be opened.
    pub(super) fn unfold_all(&self) {
        self.run("document.querySelectorAll('details').forEach(one => { one.open = true })");
    }

    /// Clicks the box or the button of a choice by what the words beside it begin with.
    pub(super) fn choose(&self, words: &str) {
        let begins = format!("starts-with(normalize-space(.),{})", quoted(words));
        let path = format!("(//label[@class='check'][{begins}])[last()]");
        self.must_find(words, &path).click();
    }

    /// The field of a form by what its label begins with; the last one, as filters
    /// stand above forms.
    fn field(&self, label: &str) -> Element<'_> {
        let begins = format!("starts-with(normalize-space(.),{})", quoted(label));
        self.must_find(label, &format!("(//*[@id=//label[{begins}]/@for])[last()]"))
    }

    /// Types into a field, in place of what it holds.
    pub(super) fn fill(&self, label: &str, value: &str) {
        self.field(label).clear();
        self.field(label).keys(value);
    }

    /// The same by the field's name, where two have the same label, or where the page is not ours.
    pub(super) fn fill_named(&self, name: &str, value: &str) {
        let path = format!("(//*[@name={}])[last()]", quoted(name));
        self.must_find(name, &path).keys(value);
    }

    /// Chooses a file.
    pub(super) fn attach(&self, label: &str, file: &Path) {
        self.field(label).keys(text(file));
    }

    /// Chooses one of a list.
    pub(super) fn select(&self, label: &str, option: &str) {
        let begins = format!("starts-with(normalize-space(.),{})", quoted(label));
        let own = format!("normalize-space(.)={}", quoted(option));
        let path = format!("//select[@id=//label[{begins}]/@for]/option[{own}]");
        self.must_find(option, &path).click();
    }

    /// Shows pages in light or dark colours from now on.
    pub(super) fn colour(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.command("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Shows pages on such a screen from now on.
    pub(super) fn show_on(&self, screen: Screen) {
        let (width, height) = screen.size();
        let is_phone = screen == Screen::Phone;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1,
            "mobile": is_phone });
        self.command("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// A picture of the page from its top, as PNG in base64.
    pub(super) fn picture(&self, screen: Screen, longest: u32) -> String {
        let height = self.run("return document.documentElement.scrollHeight").as_u64();
        let height = u32::try_from(height.expect("a number")).expect("a page").min(longest);
        let clip = json!({ "x": 0, "y": 0, "width": screen.size().0,
            "height": height.max(screen.size().1.min(longest)), "scale": 1 });
        let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let said = self.command("Page.captureScreenshot", &wanted);
        said["data"].as_str().expect("a picture").to_owned()
    }

    /// What the browser complained about since it was asked last.
    pub(super) fn complaints(&self) -> Vec<String> {
        let said = self.post("se/log", &json!({ "type": "browser" }));
        let said = said.as_array().expect("a list").iter();
        // Below that it recommends.
        let complaints = said.filter(|one| one["level"] == "SEVERE" || one["level"] == "WARNING");
        complaints.map(Value::to_string).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The driver ends its browser where it is asked to, and not where it is killed.
        let request = Request::delete(&self.session).body(()).expect("a request");
        let _ = self.agent.run(request);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Element<'_> {
    fn click(&self) {
        self.browser.post(&format!("element/{}/click", self.id), &json!({}));
    }

    fn clear(&self) {
        self.browser.post(&format!("element/{}/clear", self.id), &json!({}));
    }

    fn keys(&self, keys: &str) {
        self.browser.post(&format!("element/{}/value", self.id), &json!({ "text": keys }));
    }
}

/// The port that the driver says it took.
fn port(output: &mut impl BufRead) -> u16 {
    let mut line = String::new();
    loop {
        line.clear();
        assert_ne!(output.read_line(&mut line).expect("a line"), 0, "the driver did not start");
        let port = line.split_once("successfully on port ").map(|(_, rest)| rest.trim());
        if let Some(port) = port {
            return port.trim_end_matches('.').parse().expect("a port");
        }
    }
}

fn send(agent: &Agent, method: &str, address: &str, body: &Value) -> Value {
    let request = Request::builder().method(method).uri(address);
    let request = request.header("content-type", "application/json");
    let answer = if body.is_null() {
        agent.run(request.body(()).expect("a request"))
    } else {
        agent.run(request.body(body.to_string()).expect("a request"))
    };
    let mut answer = answer.unwrap_or_else(|error| panic!("{method} {address}: {error}"));
    // A picture is larger than what is read without being asked.
    let read = answer.body_mut().with_config().limit(64 << 20).read_to_string();
    let said: Value = serde_json::from_str(&read.expect("a whole answer")).expect("JSON");
    assert!(answer.status().is_success(), "{method} {address} {body}: {}", said["value"]);
    said["value"].clone()
}

/// A text in XPath, which has no way to escape a quotation mark.
fn quoted(words: &str) -> String {
    assert!(!words.contains('"'), "{words}");
    format!("\"{words}\"")
}
