//! A real PostgreSQL for tests, started once and gone with the process.
//!
//! Where none is installed the tests' half on it is skipped, and says so; where `CI` is set that is a
//! failure.

#![expect(clippy::print_stderr, reason = "a skipped half of a test is told")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// A server that belongs to the tests.
pub struct Postgres {
    socket: PathBuf,
    programs: PathBuf,
    databases: AtomicU32,
    /// While this is open the server runs; it ends with this process, however that ends.
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _program: Child,
}

/// Starts a server, says where, kills and starts it again for each line of its input, and takes it
/// away when that ends.
const SERVER: &str = r#"
set -e
folder=$(mktemp -d "${TMPDIR:-/tmp}/auscult-tests.XXXXXX")
trap 'rm -rf "$folder"' EXIT
"$1/initdb" -D "$folder/data" -A trust -U auscult -E UTF8 --locale=C.UTF-8 >"$folder/initdb.log"
"$1/pg_ctl" -D "$folder/data" -w -l "$folder/server.log" \
    -o "-k $folder -c listen_addresses= -c max_connections=200" start >"$folder/start.log" 2>&1
echo "$folder"
while read -r crash; do
    kill -9 "$(head -n 1 "$folder/data/postmaster.pid")"
    until "$1/pg_ctl" -D "$folder/data" -w -l "$folder/server.log" \
        -o "-k $folder -c listen_addresses= -c max_connections=200" start >"$folder/start.log" 2>&1
    do sleep 0.1; done
    echo "$crash"
done
"$1/pg_ctl" -D "$folder/data" -m immediate stop >"$folder/stop.log"
"#;

impl Postgres {
    /// The server of all tests of this process.
    pub fn get() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    /// Starts another server, for a test that does it harm.
    ///
    /// # Panics
    /// It does not start, or none is installed and `CI` is set.
    pub fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert!(std::env::var_os("CI").is_none(), "no PostgreSQL: install postgresql");
            eprintln!("\nSKIPPED on PostgreSQL: none is installed (Debian's package postgresql)\n");
            return None;
        };
        let mut command = unprivileged("sh");
        command.args(["-c", SERVER, "sh"]).arg(&programs).current_dir("/");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh");
        let mut line = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        output.read_line(&mut line).expect("a line");
        assert!(!line.is_empty(), "PostgreSQL did not start");
        let input = child.stdin.take().expect("a pipe");
        let socket = PathBuf::from(line.trim_end());
        let databases = AtomicU32::new(0);
        Some(Self { socket, programs, databases, input, output, _program: child })
    }

    /// Kills the server as a power failure would, and waits until it is back.
    ///
    /// # Panics
    /// It does not come back.
    pub fn crash(&mut self) {
        self.input.write_all(b"back\n").expect("the pipe is open");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        assert_eq!(line, "back\n");
    }

    /// Makes an empty database and returns its address.
    ///
    /// # Panics
    /// The server refuses it.
    pub fn new_database(&self) -> String {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        let mut command = unprivileged(self.programs.join("createdb"));
        command.arg("-h").arg(&self.socket).args(["-U", "auscult", &name]).current_dir("/");
        let made = command.output().expect("createdb starts");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        format!("postgres://auscult@localhost/{name}?host={}", self.socket.display())
    }
}

/// PostgreSQL refuses to run as root, which tests in containers often do.
fn unprivileged(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if !rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    command
}

/// The folder of the newest server, where Debian keeps it or on the path.
fn programs() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut all: Vec<PathBuf> = std::env::split_paths(&path).collect();
    all.extend(folders);
    all.into_iter().rev().find(|folder| folder.join("initdb").is_file())
}
