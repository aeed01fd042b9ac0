//! A real provider of OpenID Connect for tests (npm's `oidc-provider`), with people of a hospital.
//!
//! It is installed once, into the target folder, from a lock file. Where there is no Node the test is
//! skipped, and says so; where `CI` is set that is a failure.

#![expect(clippy::print_stderr, reason = "a skipped test is told")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// What is installed, and what runs on it.
const FILES: [(&str, &str); 3] = [
    ("package.json", include_str!("../oidc-provider/package.json")),
    ("package-lock.json", include_str!("../oidc-provider/package-lock.json")),
    ("provider.mjs", include_str!("../oidc-provider/provider.mjs")),
];

/// Where a provider tells the groups of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupsIn {
    /// In the signed token.
    IdToken,
    /// Only where it is asked with the access token.
    UserInfo,
}

/// A provider over TLS on loopback. It knows `grace` (groups `security` and `clinic`), `joan` (`kitchen`)
/// and somebody who is called `root` (`security`), each with any password.
pub struct OidcProvider {
    process: Child,
    issuer: String,
    /// While this is open the provider runs; it ends with this process, however that ends.
    _input: ChildStdin,
    /// It says something now and then, and would not survive that nobody listens.
    _output: Lines<BufReader<ChildStdout>>,
}

impl OidcProvider {
    /// What the provider calls the server that it signs people in for.
    pub const CLIENT: &str = "auscult";
    /// What the two of them know.
    pub const SECRET: &str = "known to both";

    /// Whether a provider can be started.
    ///
    /// # Panics
    /// It cannot, and `CI` is set.
    pub fn is_there() -> bool {
        let answers = |program| Command::new(program).arg("--version").output().is_ok();
        let is_there = answers("node") && answers("npm");
        assert!(is_there || std::env::var_os("CI").is_none(), "install nodejs and npm");
        if !is_there {
            eprintln!("\nSKIPPED: no provider (Debian's packages nodejs and npm)\n");
        }
        is_there
    }

    /// Starts a provider with this certificate, for a server to which people are sent back at `callback`.
    ///
    /// # Panics
    /// It cannot be installed or does not start.
    pub fn start(certificate: &Path, key: &Path, callback: &str, groups: GroupsIn) -> Self {
        let mut command = Command::new("node");
        command.arg("provider.mjs").args([certificate, key]).arg(callback);
        command.arg(match groups {
            GroupsIn::IdToken => "id-token",
            GroupsIn::UserInfo => "user-info",
        });
        command.current_dir(installed()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.stderr(Stdio::null()).spawn().expect("node starts");
        let mut output = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let said = output.by_ref().map_while(Result::ok);
        let mut issuers = said.filter_map(|line| line.strip_prefix("at ").map(str::to_owned));
        let issuer = issuers.next().expect("the provider says where it is");
        let input = process.stdin.take().expect("a pipe");
        Self { process, issuer, _input: input, _output: output }
    }

    /// Its name, which is where it is.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder of the provider; it is installed there where it is not yet. Other processes wait meanwhile.
fn installed() -> PathBuf {
    let program = std::env::current_exe().expect("a program");
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let folder = target.expect("a target folder").join("oidc-provider");
    fs::create_dir_all(&folder).expect("a folder");
    let lock = fs::File::create(folder.join("installing")).expect("a file");
    lock.lock().expect("the lock");
    let done = folder.join("installed");
    let wanted: String = FILES.iter().map(|(_, text)| *text).collect();
    if fs::read_to_string(&done).is_ok_and(|known| known == wanted) {
        return folder;
    }
    for (name, text) in FILES {
        fs::write(folder.join(name), text).expect("written");
    }
    let mut command = Command::new("npm");
    command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
    let run = command.output().expect("npm starts");
    assert!(run.status.success(), "npm ci: {}", String::from_utf8_lossy(&run.stderr));
    fs::write(done, wanted).expect("written");
    folder
}
