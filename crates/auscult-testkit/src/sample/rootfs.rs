//! The root file system of the sample: what a Buildroot system with a package manager looks like.

use crate::packages::{Package, opkg_status};
use crate::stream::base64;
use crate::tree::Tree;

/// The whole tree.
pub(super) fn tree() -> Tree {
    let tree = programs(directories(Tree::new()));
    let tree = secrets(accounts(configuration(start_scripts(tree))));
    packages(links(tree)).with_parents()
}

fn directories(tree: Tree) -> Tree {
    tree.directory("/root", 0o700)
        .directory("/tmp", 0o1777)
        .directory("/proc", 0o755)
        .directory("/sys", 0o755)
        .directory("/var/lib/pumpd", 0o755)
        .directory("/home/service", 0o755)
        .owned_by(1000, 1000)
        .character_device("/dev/console", 0o600, (5, 1))
        .character_device("/dev/null", 0o666, (1, 3))
        .block_device("/dev/mtdblock3", 0o640, (31, 3))
}

fn programs(tree: Tree) -> Tree {
    super::programs::all()
        .into_iter()
        .fold(tree, |tree, program| tree.file(program.path, program.mode, program.bytes))
}

fn start_scripts(tree: Tree) -> Tree {
    let scripts = [
        ("rcS", include_str!("../../data/sample/init.d/rcS")),
        ("rcK", include_str!("../../data/sample/init.d/rcK")),
        ("S40network", include_str!("../../data/sample/init.d/S40network")),
        ("S45ntp", include_str!("../../data/sample/init.d/S45ntp")),
        ("S50dropbear", include_str!("../../data/sample/init.d/S50dropbear")),
        ("S50lighttpd", include_str!("../../data/sample/init.d/S50lighttpd")),
        ("S60telnetd", include_str!("../../data/sample/init.d/S60telnetd")),
        ("S70dnsmasq", include_str!("../../data/sample/init.d/S70dnsmasq")),
        ("S90pumpd", include_str!("../../data/sample/init.d/S90pumpd")),
    ];
    let tree = tree.file("/etc/inittab", 0o644, include_str!("../../data/sample/inittab"));
    scripts
        .into_iter()
        .fold(tree, |tree, (name, text)| tree.file(format!("/etc/init.d/{name}"), 0o755, text))
}

fn configuration(tree: Tree) -> Tree {
    tree.file("/usr/lib/os-release", 0o644, include_str!("../../data/sample/os-release"))
        .symlink("/etc/os-release", "../usr/lib/os-release")
        .file("/etc/hostname", 0o644, "vl200\n")
        .file("/etc/issue", 0o644, "VL-200 infusion pump\n")
        .file("/etc/vl200-release", 0o644, "VL-200 3.2.1\n")
        .file("/etc/fstab", 0o644, "tmpfs /tmp tmpfs mode=1777 0 0\ntmpfs /var/run tmpfs 0 0\n")
        .file("/etc/sudoers", 0o440, "root ALL=(ALL) ALL\nservice ALL=(ALL) NOPASSWD: ALL\n")
        .file("/etc/ntp.conf", 0o644, "server pumpserver.hospital.example iburst\n")
        .file("/etc/dnsmasq.conf", 0o644, include_str!("../../data/sample/dnsmasq.conf"))
        .file("/etc/pumpd.conf", 0o644, include_str!("../../data/sample/pumpd.conf"))
        .file("/etc/lighttpd/lighttpd.conf", 0o644, include_str!("../../data/sample/lighttpd.conf"))
        .file(
            "/etc/wpa_supplicant.conf",
            0o644,
            include_str!("../../data/sample/wpa_supplicant.conf"),
        )
        .file("/www/index.html", 0o644, include_str!("../../data/sample/www/index.html"))
        .file("/www/cgi-bin/status.cgi", 0o755, include_str!("../../data/sample/www/status.cgi"))
        .file(
            "/www/js/jquery-1.8.3.min.js",
            0o644,
            include_str!("../../data/sample/www/jquery-1.8.3.min.js"),
        )
}

/// The accounts. The passwords are "root" and "service", hashed with MD5 crypt.
fn accounts(tree: Tree) -> Tree {
    tree.file("/etc/passwd", 0o644, include_str!("../../data/sample/passwd"))
        .file("/etc/shadow", 0o640, include_str!("../../data/sample/shadow"))
        .file("/etc/group", 0o644, include_str!("../../data/sample/group"))
}

/// A key that every unit shares, because it is part of the image.
fn secrets(tree: Tree) -> Tree {
    tree.file("/etc/ssl/private/pumplink.key", 0o644, sample_key())
}

/// A PEM text in the structure of an RSA key (RFC 8017 appendix A.1.2) whose numbers are counted up:
/// it has the looks of a key and opens nothing.
fn sample_key() -> String {
    const INTEGER: u8 = 0x02;
    let number = |length: u8, seed: u8| {
        // Positive and not too regular: the first byte stays below 0x80.
        let digits = (0..length).map(|at| at.wrapping_mul(73).wrapping_add(seed) ^ (at >> 1));
        let mut digits: Vec<u8> = digits.collect();
        if let Some(first) = digits.first_mut() {
            *first = 0x5a;
        }
        [&[INTEGER, 0x81, length], digits.as_slice()].concat()
    };
    let mut body = vec![INTEGER, 1, 0];
    body.extend(number(128, 1));
    body.extend([INTEGER, 3, 1, 0, 1]);
    for (length, seed) in [(128, 2), (64, 3), (64, 4), (64, 5), (64, 6), (64, 7)] {
        body.extend(number(length, seed));
    }
    let length = u16::try_from(body.len()).expect("some hundred bytes").to_be_bytes();
    let der = [&[0x30, 0x82], &length[..], &body].concat();
    let label = "RSA PRIVATE KEY";
    let mut pem =
        format!("Sample key of the auscult project: throw-away.\n-----BEGIN {label}-----\n");
    for line in base64(&der).as_bytes().chunks(64) {
        pem.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        pem.push('\n');
    }
    pem + &format!("-----END {label}-----\n")
}

fn links(tree: Tree) -> Tree {
    let applets = ["sh", "cat", "hostname", "login", "ls", "mount", "ping", "ps", "tar", "umount"];
    let tree = applets
        .into_iter()
        .fold(tree, |tree, name| tree.symlink(format!("/bin/{name}"), "busybox"));
    let applets = ["getty", "init", "insmod", "ip", "rmmod", "syslogd", "udhcpc"];
    let tree = applets
        .into_iter()
        .fold(tree, |tree, name| tree.symlink(format!("/sbin/{name}"), "../bin/busybox"));
    tree.symlink("/usr/sbin/telnetd", "../../bin/busybox")
        .symlink("/usr/bin/killall", "../../bin/busybox")
        .symlink("/usr/bin/wget", "../../bin/busybox")
        .symlink("/lib/ld-uClibc.so.1", "ld-uClibc-1.0.22.so")
        .symlink("/lib/libc.so.1", "libuClibc-1.0.22.so")
        .symlink("/usr/lib/libz.so.1", "libz.so.1.2.11")
        .symlink("/usr/lib/libexpat.so.1", "libexpat.so.1.6.2")
        .symlink("/usr/lib/libsqlite3.so.0", "libsqlite3.so.0.8.6")
        .symlink("/usr/lib/libpcre.so.1", "libpcre.so.1.2.8")
        .symlink("/usr/lib/libcurl.so.4", "libcurl.so.4.4.0")
        .symlink("/etc/dropbear", "/var/run/dropbear")
}

/// The rows of the package database and the files that each package owns. zlib, expat and SQLite
/// have none: the maker built them into the image beside the package manager.
const PACKAGES: [(&str, &str, &str, &[&str]); 12] = [
    ("bash", "4.4.12-1", "GPL-3.0-or-later", &["/bin/bash"]),
    ("busybox", "1.26.2-1", "GPL-2.0-only", &["/bin/busybox", "/bin/sh", "/usr/sbin/telnetd"]),
    ("curl", "7.53.1-1", "curl", &["/usr/lib/libcurl.so.4.4.0"]),
    ("dnsmasq", "2.76-1", "GPL-2.0-or-later", &["/usr/sbin/dnsmasq"]),
    ("dropbear", "2016.74-1", "MIT", &["/usr/sbin/dropbear"]),
    ("lighttpd", "1.4.45-1", "BSD-3-Clause", &["/usr/sbin/lighttpd"]),
    ("ntp", "4.2.8p9-1", "NTP", &["/usr/sbin/ntpd"]),
    (
        "openssl",
        "1.0.2k-1",
        "OpenSSL",
        &["/usr/lib/libcrypto.so.1.0.0", "/usr/lib/libssl.so.1.0.0"],
    ),
    ("pcre", "8.40-1", "BSD-3-Clause", &["/usr/lib/libpcre.so.1.2.8"]),
    ("sudo", "1.8.19p2-1", "ISC", &["/usr/bin/sudo"]),
    (
        "uclibc-ng",
        "1.0.22-1",
        "LGPL-2.1-or-later",
        &["/lib/ld-uClibc-1.0.22.so", "/lib/libuClibc-1.0.22.so"],
    ),
    ("wpa-supplicant", "2.6-1", "BSD-3-Clause", &["/usr/sbin/wpa_supplicant"]),
];

fn packages(mut tree: Tree) -> Tree {
    const ARCHITECTURE: &str = "armv7a";
    let package = |name, version, licence| Package {
        name,
        version,
        architecture: ARCHITECTURE,
        licence: Some(licence),
        ..Package::default()
    };
    let rows: Vec<Package<'_>> = PACKAGES
        .iter()
        .map(|(name, version, licence, _)| package(*name, *version, *licence))
        .collect();
    tree = tree.file("/usr/lib/opkg/status", 0o644, opkg_status(&rows));
    for (name, version, licence, files) in PACKAGES {
        let list = files.join("\n") + "\n";
        let control = format!(
            "Package: {name}\nVersion: {version}\nLicense: {licence}\nArchitecture: {ARCHITECTURE}\n\
             Description: {name}, built for the VL-200\n"
        );
        tree = tree.file(format!("/usr/lib/opkg/info/{name}.list"), 0o644, list).file(
            format!("/usr/lib/opkg/info/{name}.control"),
            0o644,
            control,
        );
    }
    tree
}
