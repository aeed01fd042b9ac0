//! HTTPS with an authority of the user's own, against the server of `openssl`.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use auscult_testkit::feeds::{Vulnerability, shapes};

use super::{Bench, records};
use crate::support::{code, stderr, stdout, text};

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    command.args(arguments.split(' ')).current_dir(folder).stderr(Stdio::null());
    assert!(command.status().expect("openssl starts").success(), "{arguments}");
}

/// An authority, and a certificate for the loopback address that it signed.
fn certificates(folder: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    openssl(folder, &format!("req -x509 {key} -keyout ca.key -out ca.pem -subj /CN=authority"));
    openssl(folder, &format!("req -new {key} -keyout key.pem -out server.csr -subj /CN=server"));
    let names = "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n";
    fs::write(folder.join("names"), names).expect("write the names");
    let sign = "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
    openssl(folder, &format!("{sign} -extfile names -out server.pem"));
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Serves the files of a folder over TLS; gives its port.
fn serve(folder: &Path) -> (Server, u16) {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let port = free.expect("a free port").port();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-WWW", "-cert", "server.pem", "-key", "key.pem", "-accept"]);
    command.arg(format!("127.0.0.1:{port}")).current_dir(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let server = Server(command.spawn().expect("openssl starts"));
    let up = (0..200).any(|_| {
        thread::sleep(Duration::from_millis(20));
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    assert!(up, "the server listens");
    (server, port)
}

#[test]
fn an_authority_of_ones_own_is_trusted_only_where_it_is_named() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("SKIPPED: HTTPS with an own authority needs the program openssl");
        return;
    }
    let bench = Bench::new(&[]);
    let folder = bench.folder.path();
    certificates(folder);
    let kev = shapes::kev(&Vulnerability::some(3), "2026-11-21");
    fs::write(folder.join("kev.json"), kev).expect("write the feed");
    let (_server, port) = serve(folder);
    let settings = format!("[feeds.kev]\nurl = \"https://127.0.0.1:{port}/kev.json\"\n");
    fs::write(folder.join("feeds.toml"), settings).expect("write the settings");
    let output = bench.update(&["--only", "kev", "--quiet"]);
    assert_eq!(code(&output), 1, "{}", stdout(&output));
    assert!(stderr(&output).contains("not trusted"), "{}", stderr(&output));
    let authority = folder.join("ca.pem");
    let output = bench.update(&["--only", "kev", "--quiet", "--ca-file", text(&authority)]);
    assert_eq!(code(&output), 0, "{}{}", stdout(&output), stderr(&output));
    assert_eq!(records(&bench.info(), "kev"), Some(3));
}
