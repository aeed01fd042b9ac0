//! A server process of the program, and a way to ask it over TLS.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig, TlsProvider},
};

/// A server on a port of its choice; it ends with this value.
pub struct Serving {
    /// Its address.
    pub url: String,
    /// The link to the first administrator, where there is none yet.
    pub set_up: Option<String>,
    /// The folder with its certificate.
    pub data: PathBuf,
    /// The process.
    pub process: Child,
}

impl Serving {
    /// Starts the program over a database, and waits until it answers.
    ///
    /// # Panics
    /// It does not start, or ends before it answers.
    pub fn start(program: &Path, database: &str, data: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--database", database, "--data"]);
        command.arg(data).args(["--request-limit", "100000", "--log-level", "warn"]).args(more);
        command.env_remove("AUSCULT_ADVISORIES").env("AUSCULT_DATA", data);
        let mut process = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        let (mut url, mut set_up) = (None, None);
        for line in output.lines().map_while(Result::ok) {
            if line.starts_with("first administrator") {
                set_up = line.split(' ').next_back().map(str::to_owned);
            }
            url = line.strip_prefix("auscult answers at ").map(str::to_owned);
            if url.is_some() {
                break;
            }
        }
        let url = url.unwrap_or_else(|| panic!("the server ended: {:?}", process.wait()));
        Self { url, set_up, data: data.into(), process }
    }

    /// The certificate that it made.
    pub fn certificate(&self) -> PathBuf {
        self.data.join("certificate.pem")
    }

    /// Somebody who trusts this certificate and nothing else, follows no redirection, and waits so long
    /// for an answer, whatever it is.
    ///
    /// # Panics
    /// The certificate cannot be read.
    pub fn agent(&self, answer_max: Duration) -> Agent {
        let pem = std::fs::read(self.certificate()).expect("it is kept");
        let certificate = Certificate::from_pem(&pem).expect("a certificate").to_owned();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::new_with_certs(&[certificate]))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(answer_max))
            .build();
        config.new_agent()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
