//! Captures made by hand, and one of this very machine.

use std::process::{Command, Stdio};

use super::{Capture, Joined, NoCapture};
use crate::stated::made;

const TEXT: &str = "auscult-capture\t1\nkernel\t6.1.50\nroot\tyes\nprocess\t7\t0\t/usr/sbin/sshd\t/usr/sbin/sshd -D\n\
    map\t7\t/lib/libc.so\nsocket\t99\t7\nlisten\ttcp\t00000000:0016\t99\nlisten\ttcp6\t\
    00000000000000000000000000000000:0016\t99\nlisten\tudp\t0100007F:0035\t1\nmodules\tknown\nmodule\tsnd-usb\nend\n";

#[test]
fn processes_sockets_and_modules_are_read() {
    let capture = Capture::parse(TEXT).unwrap();
    let listeners: Vec<String> = capture
        .listeners
        .iter()
        .map(|one| format!("{} {} {} {:?}", one.transport, one.address, one.port, one.programs))
        .collect();
    assert_eq!(
        listeners,
        [
            "tcp 0.0.0.0 22 [\"/usr/sbin/sshd\"]",
            "tcp :: 22 [\"/usr/sbin/sshd\"]",
            "udp 127.0.0.1 53 []"
        ]
    );
    assert!(capture.modules.unwrap().contains("snd_usb"));
    assert!(capture.gaps.is_empty() && capture.processes[&7].maps.contains("/lib/libc.so"));
}

#[test]
fn a_capture_that_lacks_something_says_so() {
    let cut = TEXT.replace("end\n", "nonsense\tx\n").replace("root\tyes", "root\tno");
    assert_eq!(Capture::parse(&cut).unwrap().gaps.len(), 3);
    for text in ["", "auscult-capture\t2\n", "{}"] {
        assert_eq!(Capture::parse(text), Err(NoCapture::Start));
    }
    // Nothing that a unit may write stops the reader.
    for line in [
        "process\tx\t\t\t",
        "listen\ttcp\tzz:1\t1",
        "listen\ttcp\t\u{e9}0000000:0016\t1",
        "map\t\t",
    ] {
        assert!(!Capture::parse(&format!("{TEXT}{line}\n")).unwrap().gaps.is_empty(), "{line}");
    }
}

/// The addresses of a capture with these in its tables.
fn addresses(told: &str, written: &[&str]) -> Vec<String> {
    let listen = |hex: &&str| {
        let table = if hex.len() > 8 { "tcp6" } else { "tcp" };
        format!("listen\t{table}\t{hex}:0016\t1\n")
    };
    let lines: String = written.iter().map(listen).collect();
    let text = format!("auscult-capture\t1\n{told}root\tyes\n{lines}end\n");
    let capture = Capture::parse(&text).unwrap();
    assert_eq!(capture.gaps, [] as [String; 0]);
    capture.listeners.into_iter().map(|one| one.address).collect()
}

#[test]
fn one_address_that_shows_the_byte_order_tells_it_for_all() {
    let (big, little) = ("byte-order\tbig\n", "byte-order\tlittle\n");
    for (told, written, expected) in [
        ("", &["0100007F", "0101A8C0"][..], &["127.0.0.1", "192.168.1.1"][..]),
        ("", &["7F000001", "C0A80101"], &["127.0.0.1", "192.168.1.1"]),
        ("", &["C0A80101", "00000000000000000000000000000001"], &["192.168.1.1", "::1"]),
        (
            "",
            &["0101A8C0", "0000000000000000FFFF00000101A8C0"],
            &["192.168.1.1", "::ffff:192.168.1.1"],
        ),
        // Nothing shows it: little-endian, as most units are.
        ("", &["C0A80101"], &["1.1.168.192"]),
        (big, &["C0A80101", "00000000"], &["0.0.0.0", "192.168.1.1"]),
        (little, &["0101A8C0"], &["192.168.1.1"]),
        // It is told, whatever a single address looks like.
        (big, &["0100007F"], &["1.0.0.127"]),
    ] {
        let mut seen = addresses(told, written);
        seen.sort();
        assert_eq!(seen, expected, "{told} {written:?}");
    }
}

#[test]
fn what_runs_and_is_not_in_the_image_is_told() {
    let capture = Capture::parse(TEXT).unwrap();
    let facts = made::facts();
    let joined = Joined::of(&capture, &facts);
    let view = joined.view(&facts);
    assert_eq!(view.programs_not_in_image, ["/usr/sbin/sshd"]);
    assert_eq!(view.modules_not_in_image, ["snd_usb"]);
    assert!(!view.kernel_in_image && view.listeners.iter().all(|one| !one.told_by_image));
    assert_eq!(joined.sentence(&made::finding()), None, "nothing is known of its files");
}

/// The script as it is shipped, in the shell of this machine.
#[test]
fn the_script_makes_a_capture() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/capture.sh");
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    // Whatever stands in somebody's arguments stays on its line.
    let mut odd = Command::new("sh")
        .args(["-c", "read x # \\n\\tone\ntwo\tthree"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let done = Command::new("sh").arg(script).output().unwrap();
    odd.kill().unwrap();
    odd.wait().unwrap();
    let capture = Capture::parse(&String::from_utf8_lossy(&done.stdout)).unwrap();
    let own = std::env::current_exe().unwrap();
    let own = own.to_str().unwrap();
    assert!(capture.processes.values().any(|process| process.program == own));
    let seen = capture.listeners.iter().find(|one| one.port == port).unwrap();
    assert_eq!(
        (seen.address.as_str(), seen.programs.as_slice()),
        ("127.0.0.1", &[own.to_owned()][..])
    );
    assert!(capture.processes.values().any(|one| one.maps.iter().any(|map| map.contains("libc"))));
    assert!(
        !capture.gaps.iter().any(|gap| gap.contains("cut off") || gap.contains("understood")),
        "{:?}",
        capture.gaps
    );
}
