//! What hostile code would try first, tried on purpose: for the tests of the walls.

use std::{fs::File, net::TcpListener, process::Command};

/// An attempt by name: whether it succeeded.
type Attempt = (&'static str, fn() -> bool);

const ATTEMPTS: &[Attempt] = &[
    ("read a file", || File::open("/etc/passwd").is_ok()),
    ("list a folder", || std::fs::read_dir("/").is_ok()),
    ("write a file", || File::create("/tmp/auscult-probe").is_ok()),
    ("make a folder", || std::fs::create_dir("/tmp/auscult-probe").is_ok()),
    ("remove a file", || std::fs::remove_file("/tmp/auscult-probe").is_ok()),
    ("open a socket", || TcpListener::bind("127.0.0.1:0").is_ok()),
    ("run a program", || Command::new("/bin/true").status().is_ok()),
    ("signal another process", || {
        let init = rustix::process::Pid::INIT;
        rustix::process::kill_process(init, rustix::process::Signal::CONT).is_ok()
    }),
];

/// Tries one thing; whether the walls let it through. Most attempts do not come back.
pub(super) fn attempt(name: &str) -> anyhow::Result<bool> {
    let found = ATTEMPTS.iter().find(|(known, _)| *known == name);
    Ok(found.ok_or_else(|| anyhow::anyhow!("try {name:?}: not known"))?.1())
}
