//! What is done to the files of a unit.

use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{chown, symlink},
    path::Path,
};

use super::{Bench, assert_failed, items, set_mode};

/// A kind of tampering: what is done, and what must fail: the code, the path, a part of the reason.
pub(crate) type Kind = (fn(&Path), &'static str, &'static str, &'static str);

fn write(root: &Path, path: &str, content: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("it has a parent")).expect("create the folder");
    fs::write(path, content).expect("write");
}

fn append(root: &Path, path: &str, content: &str) {
    let mut file = OpenOptions::new().append(true).open(root.join(path)).expect("open");
    file.write_all(content.as_bytes()).expect("append");
}

/// Other bytes in a file of the same length that was changed at the same time.
fn swap_unseen(root: &Path) {
    let path = root.join("usr/lib/libz.so.1.2.11");
    let before = fs::metadata(&path).expect("look").modified().expect("a time");
    let mut content = fs::read(&path).expect("read");
    *content.last_mut().expect("it is not empty") ^= 1;
    fs::write(&path, content).expect("write");
    File::options().write(true).open(&path).expect("open").set_modified(before).expect("set");
}

fn replace_by_link(root: &Path, path: &str, target: &str) {
    fs::remove_file(root.join(path)).expect("remove");
    symlink(target, root.join(path)).expect("link");
}

fn pipe(root: &Path, path: &str) {
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::from_raw_mode(0o600));
    rustix::fs::mknodat(rustix::fs::CWD, root.join(path), kind, mode, 0).expect("make a pipe");
}

const KINDS: &[Kind] = &[
    (
        |at| write(at, "bin/tool", "#!/bin/sh\necho fool\n"),
        "content-changed",
        "/bin/tool",
        "same length",
    ),
    (|at| append(at, "bin/tool", "\n"), "longer", "/bin/tool", "1 more than 20"),
    (|at| write(at, "bin/tool", "#!/bin/sh\n"), "shorter", "/bin/tool", "10 less than 20"),
    (swap_unseen, "content-changed", "/usr/lib/libz.so.1.2.11", "same length"),
    (|at| fs::remove_file(at.join("bin/su")).expect("remove"), "missing", "/bin/su", "is missing"),
    (|at| write(at, "bin/extra", "x"), "file-added", "/bin/extra", "does not have"),
    (|at| write(at, "opt/x/y", "x"), "directory-added", "/opt/x", "does not have"),
    (|at| write(at, "var/log/run", b"\x7fELF"), "executable-in-data", "/var/log/run", "ELF"),
    (|at| write(at, "tmp/run", "#!/bin/sh\n"), "executable-in-data", "/tmp/run", "script"),
    (
        |at| {
            write(at, "var/log/run", "data");
            set_mode(&at.join("var/log/run"), 0o755);
        },
        "executable-in-data",
        "/var/log/run",
        "right to execute",
    ),
    (
        |at| {
            write(at, "var/log/run", "data");
            set_mode(&at.join("var/log/run"), 0o4644);
        },
        "setuid-in-data",
        "/var/log/run",
        "4644",
    ),
    (
        |at| symlink("/etc/shadow", at.join("var/log/s")).expect("link"),
        "link-out-of-data",
        "/var/log/s",
        "/etc/shadow",
    ),
    (|at| set_mode(&at.join("bin/su"), 0o4755), "setuid-added", "/bin/su", "4755, not 0755"),
    (
        |at| set_mode(&at.join("etc/shadow"), 0o644),
        "mode-loosened",
        "/etc/shadow",
        "0644, not 0600",
    ),
    (|at| set_mode(&at.join("root"), 0o777), "mode-loosened", "/root", "0777"),
    (|at| set_mode(&at.join("bin/tool"), 0o700), "mode-changed", "/bin/tool", "0700, not 0755"),
    (
        |at| replace_by_link(at, "bin/sh", "su"),
        "link-target-changed",
        "/bin/sh",
        "to su, not to tool",
    ),
    (
        |at| {
            fs::remove_file(at.join("bin/sh")).expect("remove");
            write(at, "bin/sh", "x");
        },
        "kind-changed",
        "/bin/sh",
        "symbolic link was replaced by a file",
    ),
    (
        |at| replace_by_link(at, "etc/passwd", "/tmp/passwd"),
        "kind-changed",
        "/etc/passwd",
        "file was replaced by a symbolic link",
    ),
    (
        |at| symlink("tool", at.join("bin/x")).expect("link"),
        "link-added",
        "/bin/x",
        "does not have",
    ),
    (|at| pipe(at, "etc/pipe"), "fifo-added", "/etc/pipe", "named pipe"),
    (
        |at| write(at, "etc/init.d/S99x", "#!/bin/sh\n"),
        "file-added",
        "/etc/init.d/S99x",
        "makes programs start",
    ),
    (
        |at| write(at, "root/.ssh/authorized_keys", "ssh-ed25519 AAAA"),
        "file-added",
        "/root/.ssh/authorized_keys",
        "may sign in",
    ),
    (
        |at| append(at, "etc/passwd", "back:x:0:0::/:/bin/sh\n"),
        "longer",
        "/etc/passwd",
        "who may sign in",
    ),
    (
        |at| append(at, "etc/inetd.conf", "telnet stream tcp nowait root /bin/sh sh\n"),
        "longer",
        "/etc/inetd.conf",
        "listens on the network",
    ),
    (
        |at| write(at, "usr/lib/libz.so.1.2.11", b"\x7fELF inflate 1.2.3 Copyright"),
        "shorter",
        "/usr/lib/libz.so.1.2.11",
        "library",
    ),
    (
        |at| write(at, "lib/modules/4.9.11/evil.ko", b"\x7fELF"),
        "file-added",
        "/lib/modules/4.9.11/evil.ko",
        "in the kernel",
    ),
    (
        |at| write(at, "etc/ld.so.preload", "/tmp/x.so\n"),
        "file-added",
        "/etc/ld.so.preload",
        "every program",
    ),
    (
        |at| {
            // Too large to be read at all, though it takes no room.
            let file = File::options().write(true).open(at.join("bin/tool")).expect("open");
            file.set_len(1 << 40).expect("make it sparse");
        },
        "longer",
        "/bin/tool",
        "1099511627756 more",
    ),
    (|at| write(at, "etc/limits", "rate=9\n"), "config-changed", "/etc/limits", "may not set it"),
];

/// All kinds that can be tried here.
pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = KINDS.to_vec();
    if rustix::process::getuid().is_root() {
        let give_away =
            |at: &Path| chown(at.join("bin/tool"), Some(4242), None).expect("give it away");
        kinds.push((give_away, "owner-changed", "/bin/tool", "owner 4242"));
    } else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: only root can give a file to somebody else");
    }
    kinds
}

#[test]
fn every_kind_of_tampering_with_files_is_found_with_its_own_reason() {
    let bench = Bench::new();
    assert!(KINDS.len() >= 25);
    for (number, (tamper, code, path, reason)) in kinds().iter().enumerate() {
        let unit = bench.unit(&format!("unit-{number}"));
        tamper(&unit);
        let (exit, verdict) = bench.verify(&unit, &[]);
        assert_eq!(exit, 3, "{code} {path}");
        assert_failed(&verdict, code, path, reason);
        let failed = items(&verdict).iter().filter(|item| item[0] == "fail").count();
        assert!(failed <= 3, "{code} {path}: {:#?}", items(&verdict));
    }
}

#[test]
fn what_may_change_in_use_passes() {
    let bench = Bench::new();
    let unit = bench.unit("unit");
    write(&unit, "var/log/messages", "started\nstopped\n");
    write(&unit, "var/log/old/messages.1", "started\n");
    write(&unit, "tmp/scratch", "numbers");
    write(&unit, "etc/config/site", "name=ward 4\n");
    symlink("messages", unit.join("var/log/latest")).expect("link");
    let (exit, verdict) = bench.verify(&unit, &[]);
    assert_eq!(exit, 0, "{:#?}", items(&verdict));
}
