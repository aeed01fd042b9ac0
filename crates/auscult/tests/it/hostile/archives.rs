//! Attacks by names, links and kinds of members.

use auscult_testkit::zip::{ZipMember, ZipMethod, zip};

use super::{
    Attack,
    bytes::{TarMember, cpio, pax, tar, tar_file, tar_link},
};

pub(super) fn attacks() -> Vec<Attack> {
    [names(), links(), kinds(), tar_fields(), cpio_members(), zip_members()]
        .into_iter()
        .flatten()
        .collect()
}

const DATA: &[u8] = b"attacker's bytes\n";

fn names() -> Vec<Attack> {
    let one = |name: &'static str, path: &'static [u8], told: &'static [&'static str]| {
        Attack::new(name, tar(&[tar_file(path, DATA)]), told)
    };
    let long = [b"d/".repeat(40), b"f".to_vec()].concat();
    vec![
        one("tar: up at the start", b"../escape", &["leads out"]),
        one("tar: up in the middle", b"a/b/../../../escape", &["leads out"]),
        one("tar: up many times", b"../../../../../../../../tmp/escape", &["leads out"]),
        one("tar: absolute", b"/tmp/auscult-escape", &[]),
        one("tar: only dots", b"..", &["leads out"]),
        one("tar: a dot and slashes", b"././//./x", &[]),
        one("tar: not UTF-8", b"\xff\xfe\x80name", &[]),
        one("tar: control characters", b"a\x1b[2J\rb\nc", &[]),
        one("tar: a name of 100 bytes", &[b'n'; 100], &[]),
        one("tar: empty name", b"", &[]),
        Attack::new("tar: deep folders", tar(&[tar_file(&long, DATA)]), &[]),
        Attack::new(
            "tar: the same name many times",
            tar(&[tar_file(b"x", b"1"), tar_file(b"x", b"2"), tar_file(b"./x", b"3")]),
            &["repeat"],
        ),
        Attack::new(
            "tar: a file where a folder is needed",
            tar(&[tar_file(b"x", b"1"), tar_file(b"x/y", b"2")]),
            &["x"],
        ),
        Attack::new(
            "tar: names that meet the extractor's own",
            tar(&[tar_file(b"x.unpacked", b"1"), tar_file(b"x", &tar(&[tar_file(b"y", DATA)]))]),
            &[],
        ),
    ]
}

fn links() -> Vec<Attack> {
    let through = |link: &'static [u8]| {
        tar(&[tar_link(b"way", link), tar_file(b"way/escape", DATA), tar_file(b"way", DATA)])
    };
    vec![
        Attack::new("tar: a link out, written through", through(b"/tmp"), &["absolute"]),
        Attack::new("tar: a link up, written through", through(b".."), &[]),
        Attack::new(
            "tar: a link far up",
            tar(&[tar_link(b"a/b", b"../../../../etc")]),
            &["leads out"],
        ),
        Attack::new(
            "tar: a link to a secret",
            tar(&[tar_link(b"s", b"/etc/shadow")]),
            &["absolute"],
        ),
        Attack::new(
            "tar: links over links",
            tar(&[
                tar_link(b"a/b", b"."),
                tar_link(b"a/b/c", b".."),
                tar_link(b"a/b/c/d", b".."),
                tar_link(b"up", b"a/b/../.."),
                tar_file(b"a/b/c/d/escape", DATA),
            ]),
            &[],
        ),
        Attack::new(
            "tar: links in a circle",
            tar(&[tar_link(b"one", b"two"), tar_link(b"two", b"one"), tar_file(b"one/x", DATA)]),
            &[],
        ),
        Attack::new("tar: a link to itself", tar(&[tar_link(b"me", b"me")]), &[]),
        Attack::new("tar: a link without a target", tar(&[tar_link(b"none", b"")]), &[]),
        Attack::new(
            "tar: a hard link to a host's file",
            tar(&[TarMember {
                name: b"hard",
                kind: b'1',
                link: b"/etc/passwd",
                ..TarMember::default()
            }]),
            &["hardlink"],
        ),
        Attack::new(
            "tar: a hard link up",
            tar(&[TarMember {
                name: b"hard",
                kind: b'1',
                link: b"../canary",
                ..TarMember::default()
            }]),
            &["hardlink"],
        ),
        Attack::new(
            "tar: hard links in a circle",
            tar(&[
                TarMember { name: b"a", kind: b'1', link: b"b", ..TarMember::default() },
                TarMember { name: b"b", kind: b'1', link: b"a", ..TarMember::default() },
            ]),
            &["hardlink"],
        ),
    ]
}

fn kinds() -> Vec<Attack> {
    let special = |kind: u8| tar(&[TarMember { name: b"dev", kind, ..TarMember::default() }]);
    vec![
        Attack::new("tar: a character device", special(b'3'), &["character-device"]),
        Attack::new("tar: a block device", special(b'4'), &["block-device"]),
        Attack::new("tar: a pipe", special(b'6'), &["fifo"]),
        Attack::new("tar: an unknown kind", special(b'Z'), &[]),
        Attack::new(
            "tar: setuid and setgid",
            tar(&[TarMember { name: b"su", mode: 0o6755, data: DATA, ..TarMember::default() }]),
            &[],
        ),
        Attack::new(
            "tar: a folder that nobody may enter",
            tar(&[
                TarMember { name: b"shut/", kind: b'5', mode: 0, ..TarMember::default() },
                tar_file(b"shut/file", DATA),
            ]),
            &[],
        ),
    ]
}

fn tar_fields() -> Vec<Attack> {
    let sized = |size: &'static [u8]| {
        tar(&[TarMember { size: Some(size), data: DATA, ..TarMember::default() }])
    };
    let extended = |key: &str, value: &[u8]| {
        let record = pax(key, value);
        let header = TarMember { name: b"p", kind: b'x', data: &record, ..TarMember::default() };
        tar(&[header, tar_file(b"plain", DATA)])
    };
    let long_name = [b"x/".repeat(3000), b"y\0".to_vec()].concat();
    let long =
        TarMember { name: b"@LongLink", kind: b'L', data: &long_name, ..TarMember::default() };
    vec![
        Attack::new("tar: a size past the end", sized(b"77777777777\0"), &["cut off"]),
        Attack::new(
            "tar: the largest size",
            sized(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"),
            &[],
        ),
        Attack::new(
            "tar: a negative size",
            sized(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
            &[],
        ),
        Attack::new(
            "tar: pax says another path",
            extended("path", b"../../escape"),
            &["leads out"],
        ),
        Attack::new("tar: pax says another link", extended("linkpath", b"/etc/passwd"), &[]),
        Attack::new("tar: pax says another size", extended("size", b"99999999999999999999"), &[]),
        Attack::new(
            "tar: a sparse file of exabytes",
            extended("GNU.sparse.realsize", b"1152921504606846976"),
            &[],
        ),
        Attack::new(
            "tar: a name of thousands of bytes",
            tar(&[long, tar_file(b"s", DATA)]),
            &["path-bytes"],
        ),
    ]
}

fn cpio_members() -> Vec<Attack> {
    let file = 0o100_644;
    vec![
        Attack::new("cpio: up", cpio(&[(b"../../escape", file, None, DATA)]), &["leads out"]),
        Attack::new("cpio: absolute", cpio(&[(b"/tmp/auscult-escape", file, None, DATA)]), &[]),
        Attack::new("cpio: a link out", cpio(&[(b"l", 0o120_777, None, b"/etc")]), &["absolute"]),
        Attack::new(
            "cpio: a size of gigabytes",
            cpio(&[(b"x", file, Some(0xffff_ffff), DATA)]),
            &[],
        ),
        Attack::new("cpio: a device", cpio(&[(b"x", 0o060_644, None, b"")]), &["block-device"]),
        Attack::new("cpio: setuid", cpio(&[(b"x", 0o104_755, None, DATA)]), &[]),
    ]
}

fn zip_members() -> Vec<Attack> {
    let file = |name: &str| zip(&[ZipMember::file(name, ZipMethod::Deflate, DATA)]);
    let mut link = ZipMember::file("link", ZipMethod::Stored, "/etc/shadow");
    link.unix_mode = 0o120_777;
    let lying = |at_field: usize, value: [u8; 4]| {
        let mut bytes = file("x");
        let central = bytes.windows(4).position(|four| four == b"PK\x01\x02").expect("there");
        bytes[central + at_field..central + at_field + 4].copy_from_slice(&value);
        bytes
    };
    // Two entries of the directory for the same bytes, as in bombs of one kernel.
    let overlapping = {
        let mut bytes = zip(&[
            ZipMember::file("a", ZipMethod::Stored, DATA),
            ZipMember::file("b", ZipMethod::Stored, DATA),
        ]);
        let central = bytes.windows(4).rposition(|four| four == b"PK\x01\x02").expect("there");
        bytes[central + 42..central + 46].copy_from_slice(&[0; 4]);
        bytes
    };
    vec![
        Attack::new("zip: up", file("../../escape"), &["leads out"]),
        Attack::new("zip: absolute", file("/tmp/auscult-escape"), &[]),
        Attack::new("zip: backslashes", file("..\\..\\escape"), &[]),
        Attack::new("zip: a drive", file("C:\\Windows\\evil.dll"), &[]),
        Attack::new("zip: a link out", zip(&[link]), &["absolute"]),
        Attack::new("zip: members over each other", overlapping, &["lies over another"]),
        Attack::new("zip: a size that is no match", lying(24, [0xff, 0xff, 0xff, 0x7f]), &[]),
        Attack::new("zip: packed bytes past the end", lying(20, [0xff, 0xff, 0xff, 0x7f]), &[]),
        Attack::new("zip: a place past the end", lying(42, [0xff, 0xff, 0xff, 0x7f]), &[]),
    ]
}
