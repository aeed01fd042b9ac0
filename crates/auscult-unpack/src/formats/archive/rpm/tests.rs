//! Packages made by rpmbuild, and one by hand with a payload without names.

use std::fs;

use auscult_model::Limits;
use auscult_testkit::stream;

use crate::{
    NodeKind, Tree,
    formats::testing::{
        hostile::{self, attribute, locators},
        reference::{container, run},
    },
};

/// Builds a package with this payload flag of rpm.
fn build(payload: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let top = folder.path();
    let spec = "Name: pump\nVersion: 1.2\nRelease: 3\nEpoch: 4\nSummary: A pump\nLicense: MIT\n\
                BuildArch: noarch\n%description\nd\n%install\nmkdir -p %{buildroot}/usr/bin\n\
                echo program > %{buildroot}/usr/bin/pump\n%files\n/usr/bin/pump\n";
    fs::write(top.join("pump.spec"), spec).unwrap();
    let script = format!(
        "rpmbuild -bb --define '_topdir {0}' --define '_binary_payload {payload}' \
         --define '_build_id_links none' {0}/pump.spec >/dev/null 2>&1",
        top.display()
    );
    let made = run("rpmbuild", &["--version"]) && run("sh", &["-c", &script]);
    made.then(|| fs::read(top.join("RPMS/noarch/pump-1.2-3.noarch.rpm")).unwrap())
}

#[test]
fn packages_of_the_reference_tool() {
    for (payload, codec) in [
        ("w9.gzdio", "gzip"),
        ("w9.bzdio", "bzip2"),
        ("w6.xzdio", "xz"),
        ("w6.lzdio", "lzma"),
        ("w3.zstdio", "zstd"),
    ] {
        let Some(package) = build(payload) else { return };
        let tree = Tree::from_bytes(package, &Limits::default());
        assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 0));
        let expected = [
            ("name", "pump"),
            ("version", "1.2"),
            ("release", "3"),
            ("epoch", "4"),
            ("arch", "noarch"),
            ("licence", "MIT"),
            ("type", "binary"),
            ("compression", codec),
        ];
        for (key, value) in expected {
            assert_eq!(attribute(&tree, "rpm", key).as_deref(), Some(value));
        }
        let inside = container(&tree, "cpio");
        let program = tree.member(inside, b"/usr/bin/pump");
        let program = program.unwrap_or_else(|| panic!("{:?}", locators(&tree)));
        assert_eq!(tree.bytes(program).unwrap(), "program\n");
    }
}

/// A header of these tags: number, type, count, data.
fn header(tags: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, kind, count, value) in tags {
        for word in [*tag, *kind, u32::try_from(data.len()).unwrap(), *count] {
            index.extend(word.to_be_bytes());
        }
        data.extend_from_slice(value);
    }
    let count = u32::try_from(tags.len()).unwrap().to_be_bytes();
    let size = u32::try_from(data.len()).unwrap().to_be_bytes();
    [&b"\x8e\xad\xe8\x01\0\0\0\0"[..], &count, &size, &index, &data].concat()
}

fn stripped() -> Vec<u8> {
    let mut cpio = b"07070X00000001\0\0content\0".to_vec();
    cpio.extend(b"07070X00000000\0\0");
    cpio.extend(b"07070X00000002\0\0x/y\0");
    cpio.extend(b"07070100000000");
    cpio.resize(cpio.len() + 110, b'0');
    let payload = stream::gzip(&cpio);
    let main = header(&[
        (1000, 6, 1, b"large\0"),
        (1030, 3, 3, b"\x41\xed\x81\xa4\xa1\xff"),
        (1034, 4, 3, &[0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]),
        (1036, 8, 3, b"\0\0x/y\0"),
        (1116, 4, 3, &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]),
        (1117, 8, 3, b"opt\0file\0link\0"),
        (1118, 8, 2, b"/\0/opt/\0"),
        (5008, 5, 3, &[[0; 8], [0, 0, 0, 0, 0, 0, 0, 7], [0, 0, 0, 0, 0, 0, 0, 3]].concat()),
    ]);
    let size = u32::try_from(main.len() + payload.len()).unwrap().to_be_bytes();
    let mut signature = header(&[(1000, 4, 1, &size)]);
    signature.resize(signature.len().next_multiple_of(8), 0);
    let mut lead = b"\xed\xab\xee\xdb\x03\0\0\0\0\x01large".to_vec();
    lead.resize(96, 0);
    lead[79] = 5;
    [lead, signature, main, payload].concat()
}

#[test]
fn a_payload_without_names_has_those_of_the_header() {
    let tree = Tree::from_bytes([stripped(), b"tail".to_vec()].concat(), &Limits::default());
    assert_eq!((tree.problems(), tree.coverage().bytes_unread), (&[][..], 4));
    let inside = container(&tree, "rpm");
    let node = |path: &str| tree.member(inside, path.as_bytes()).unwrap();
    assert_eq!(tree.bytes(node("/opt/file")).unwrap(), "content");
    assert_eq!(tree.node(node("/opt/file")).metadata.mode, Some(0o644));
    let link = crate::EntryKind::Symlink("x/y".into());
    assert_eq!(tree.node(node("/opt/link")).kind, NodeKind::Member(link));
}

#[test]
fn damage_does_no_harm() {
    let package = stripped();
    hostile::check(&package, package.len());
}
