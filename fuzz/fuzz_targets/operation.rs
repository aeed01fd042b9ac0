//! Any text as what starts and listens: one text in every place of a root where such configuration
//! stands, in a plain archive.
#![no_main]

use auscult_model::{Input, InputKind, Limits, Sha256};
use auscult_unpack::Tree;

/// A file for each family of readers.
const PLACES: &[&str] = &[
    "etc/inittab",
    "etc/init.d/rcS",
    "etc/init.d/S50x",
    "etc/rc.d/S50x",
    "etc/passwd",
    "etc/shadow",
    "lib/systemd/system/x.service",
    "lib/systemd/system/x.socket",
    "etc/inetd.conf",
    "etc/xinetd.d/x",
    "etc/crontabs/root",
    "etc/udev/rules.d/x.rules",
    "etc/mdev.conf",
    "init.rc",
    "etc/modules",
    "etc/ssh/sshd_config",
    "etc/config/dropbear",
    "etc/config/firewall",
    "etc/nginx/nginx.conf",
    "etc/lighttpd/lighttpd.conf",
    "etc/snmp/snmpd.conf",
    "etc/dnsmasq.conf",
    "etc/samba/smb.conf",
    "etc/fstab",
    "service/x/run",
    "etc/modprobe.d/x.conf",
    "etc/iptables/rules.v4",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bytes = bytes.get(..4096).unwrap_or(bytes);
    let archive = PLACES.iter().flat_map(|place| member(place, bytes)).collect::<Vec<u8>>();
    let limits = Limits { time_ms: 20_000, ..Limits::default() };
    let input =
        Input { sha256: Sha256::of(b""), size: archive.len() as u64, kind: InputKind::Image };
    let tree = Tree::from_bytes(archive, &limits);
    let facts = auscult_inspect::inspect(&tree, input.clone(), &limits);
    assert_eq!(facts.digest().ok(), auscult_inspect::inspect(&tree, input, &limits).digest().ok());
});

/// A member of an archive (POSIX.1-1988, ustar).
fn member(path: &str, bytes: &[u8]) -> Vec<u8> {
    let mut header = vec![0_u8; 512];
    header[..path.len()].copy_from_slice(path.as_bytes());
    let octal = |header: &mut Vec<u8>, at: usize, width: usize, value: u64| {
        let text = format!("{value:0width$o}", width = width - 1);
        header[at..at + width - 1].copy_from_slice(text.as_bytes());
    };
    octal(&mut header, 100, 8, 0o755);
    octal(&mut header, 124, 12, bytes.len() as u64);
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u64 = header.iter().map(|&byte| u64::from(byte)).sum();
    octal(&mut header, 148, 7, sum);
    header[154] = 0;
    header.extend_from_slice(bytes);
    header.resize(header.len().next_multiple_of(512), 0);
    header
}
