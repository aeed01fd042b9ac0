//! Any text as what starts and listens: one text in every place of a root where such configuration
//! stands, in a plain archive.
#![no_main]

use auscult_testkit::Tree;

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
    "upstart/sbin/init",
    "upstart/etc/init/x.conf",
    "upstart/etc/init/x.override",
    "units/lib/systemd/systemd",
    "units/sbin/init",
    "units/etc/crypttab",
    "units/boot/cmdline.txt",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bytes = bytes.get(..4096).unwrap_or(bytes);
    let root = PLACES.iter().fold(Tree::new(), |tree, place| tree.file(place, 0o755, bytes));
    auscult_fuzz::inspect_twice(&auscult_testkit::archive::tar(&root));
});
