//! A real mail server for tests (`aiosmtpd`), which keeps what it takes in a maildir.
//!
//! Where none is installed the test is skipped, and says so; where `CI` is set that is a failure.

#![expect(clippy::print_stderr, reason = "a skipped test is told")]

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A server that takes mail on loopback, over TLS alone.
pub struct Mailbox {
    folder: PathBuf,
    process: Child,
}

impl Mailbox {
    /// Whether the server is installed.
    ///
    /// # Panics
    /// It is not, and `CI` is set.
    pub fn is_there() -> bool {
        let answers = Command::new("aiosmtpd").arg("--version").output();
        let is_there = answers.is_ok_and(|output| output.status.success());
        assert!(is_there || std::env::var_os("CI").is_none(), "install python3-aiosmtpd");
        if !is_there {
            eprintln!("\nSKIPPED: no mail server (Debian's package python3-aiosmtpd)\n");
        }
        is_there
    }

    /// Starts a server at this port, which has this certificate and keeps its mail in this folder.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(port: u16, certificate: &Path, key: &Path, folder: &Path) -> Self {
        let folder = folder.join("mail");
        let mut command = Command::new("aiosmtpd");
        command.args(["-n", "-l", &format!("127.0.0.1:{port}")]);
        command.arg("--tlscert").arg(certificate).arg("--tlskey").arg(key);
        command.args(["-c", "aiosmtpd.handlers.Mailbox"]).arg(&folder);
        let process = command.stderr(Stdio::null()).spawn().expect("aiosmtpd starts");
        let start = Instant::now();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "aiosmtpd does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { folder, process }
    }

    /// What was taken so far, in no order.
    pub fn mails(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.folder.join("new")) else { return Vec::new() };
        let text = |entry: std::fs::DirEntry| std::fs::read_to_string(entry.path()).ok();
        entries.filter_map(Result::ok).filter_map(text).collect()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port of loopback that nobody listens at.
///
/// # Panics
/// The system has none.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}
