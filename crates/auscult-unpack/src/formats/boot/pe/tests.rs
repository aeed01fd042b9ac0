//! Programs made by hand, and signed by the reference tools.

use std::fs;

use auscult_model::Limits;
use auscult_testkit::{
    stream,
    zip::{ZipMember, ZipMethod, zip},
};

use crate::{
    Tree,
    formats::testing::{
        hostile::{attribute, check, locators},
        reference::run,
    },
};

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// A section: its name and bytes, filled up to 512.
struct Section<'a>(&'a str, Vec<u8>);

/// A program for x86-64 with these sections, the one of resources in its directory.
fn program(sections: &[Section<'_>]) -> Vec<u8> {
    let mut bytes = b"MZ".to_vec();
    bytes.resize(0x3c, 0);
    bytes.extend(0x40_u32.to_le_bytes());
    bytes.extend(b"PE\0\0\x64\x86");
    bytes.extend(u16::try_from(sections.len()).unwrap().to_le_bytes());
    bytes.extend(words(&[0x6000_0000, 0, 0]));
    bytes.extend([240, 0, 0x22, 0]);
    let optional = bytes.len();
    bytes.extend([0x0b, 0x02, 14, 0]);
    bytes.extend(words(&[512, 0, 0, 0x1000, 0x1000, 0x40_0000, 0, 0x1000, 512]));
    bytes.extend([0; 16]);
    let memory = 0x1000 * (1 + u32::try_from(sections.len()).unwrap());
    bytes.extend(words(&[memory, 1024, 0]));
    bytes.extend([10, 0, 0, 0]);
    bytes.resize(optional + 108, 0);
    bytes.extend(16_u32.to_le_bytes());
    for directory in 0..16 {
        let place = (1..).zip(sections).find(|(_, one)| directory == 2 && one.0 == ".rsrc");
        let place = place
            .map_or([0, 0], |(number, one)| [0x1000 * number, u32::try_from(one.1.len()).unwrap()]);
        bytes.extend(words(&place));
    }
    let mut at = 1024;
    for (number, Section(name, data)) in (1..).zip(sections) {
        let mut field = name.as_bytes().to_vec();
        field.resize(8, 0);
        bytes.extend(field);
        let (size, raw) = (data.len(), data.len().next_multiple_of(512));
        let size = u32::try_from(size).unwrap();
        let raw = u32::try_from(raw).unwrap();
        bytes.extend(words(&[size, 0x1000 * number, raw, at, 0, 0, 0, 0x6000_0020]));
        at += raw;
    }
    bytes.resize(1024, 0);
    for Section(_, data) in sections {
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes
}

fn code() -> Section<'static> {
    Section(".text", vec![0xc3; 100])
}

/// Resources: version information, and data of type 10.
fn resources(data: &[u8], address: u32) -> Section<'static> {
    let mut version: Vec<u8> = vec![0; 6];
    for text in ["VS_VERSION_INFO", "CompanyName", "Acme Medical", "FileVersion", "1.2.3.4"] {
        version.extend(text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        version.resize(version.len().next_multiple_of(4), 0);
    }
    let head = |count: u32| words(&[0, 0, 0, count << 16]);
    let high = 0x8000_0000;
    // The root at 0, types at 32 and 80, languages at 56 and 104, data at 128 and 144.
    let mut bytes = [head(2), words(&[10, high + 32, 16, high + 80])].concat();
    bytes.extend([head(1), words(&[1, high + 56])].concat());
    bytes.extend([head(1), words(&[1033, 128])].concat());
    bytes.extend([head(1), words(&[1, high + 104])].concat());
    bytes.extend([head(1), words(&[1033, 144])].concat());
    let version_bytes = u32::try_from(version.len()).unwrap();
    let data_bytes = u32::try_from(data.len()).unwrap();
    bytes.extend(words(&[address + 160 + version_bytes, data_bytes, 0, 0]));
    bytes.extend(words(&[address + 160, version_bytes, 0, 0]));
    bytes.extend(version);
    bytes.extend(data);
    Section(".rsrc", bytes)
}

fn archive() -> Vec<u8> {
    zip(&[ZipMember::file("inside", ZipMethod::Stored, vec![7; 5000])])
}

#[test]
fn a_program_claims_what_its_headers_describe() {
    let sbat = Section(".sbat", b"sbat,1,SBAT Version\ngrub,3,FSF".to_vec());
    let file = program(&[code(), sbat]);
    let bytes = [&[1; 7][..], &file, b"PK no archive"].concat();
    let tree = Tree::from_bytes(bytes, &Limits::default());
    let found = locators(&tree);
    assert!(found.contains(&format!("image@{:#x}", 7 + file.len())), "{found:?}");
    let told = |key| attribute(&tree, "pe", key).unwrap();
    assert_eq!((told("machine"), told("subsystem")), ("x86_64".into(), "efi-application".into()));
    assert_eq!(
        (told("entry-point"), told("created")),
        ("0x401000".into(), "2021-01-14T08:25:36Z".into())
    );
    assert_eq!(told("sbat"), "sbat,1,SBAT Version; grub,3,FSF");
    check(&file[..1100], 500);
}

#[test]
fn archives_inside_and_behind_are_opened() {
    let file = program(&[code(), resources(&archive(), 0x2000)]);
    let tree = Tree::from_bytes([file.clone(), archive()].concat(), &Limits::default());
    let found = locators(&tree);
    let inside = "image@0x0/pe:/resource-10-1-1033@0x0/zip:/inside".to_owned();
    assert!(found.contains(&inside), "{found:?}");
    assert!(found.contains(&format!("image@{:#x}/zip:/inside", file.len())), "{found:?}");
    assert_eq!(attribute(&tree, "pe", "company").unwrap(), "Acme Medical");
    assert_eq!(attribute(&tree, "pe", "file-version").unwrap(), "1.2.3.4");
    check(&file[..2000], 0);
}

#[test]
fn in_an_archive_only_programs_with_something_inside_are_opened() {
    let member = |name, data: &[u8]| ZipMember::file(name, ZipMethod::Stored, data);
    let plain = program(&[code()]);
    let setup = [plain.clone(), archive()].concat();
    let bytes = zip(&[member("plain.exe", &plain), member("setup.exe", &setup)]);
    let tree = Tree::from_bytes(bytes, &Limits::default());
    let found = locators(&tree);
    let setup = "image@0x0/zip:/setup.exe@0x0/pe:/overlay@0x0/zip:/inside".to_owned();
    assert!(found.contains(&setup), "{found:?}");
    assert!(!found.iter().any(|locator| locator.contains("plain.exe@0x0/pe")), "{found:?}");
}

#[test]
fn a_kernel_with_its_ramdisk_in_one_program() {
    let ramdisk = stream::gzip(b"a ramdisk, a ramdisk, a ramdisk");
    let sections = [code(), Section(".cmdline", b"quiet".to_vec()), Section(".initrd", ramdisk)];
    let tree = Tree::from_bytes(program(&sections), &Limits::default());
    let found = locators(&tree);
    assert!(found.contains(&"image@0x0/pe:/initrd@0x0/gzip".to_owned()), "{found:?}");
    assert_eq!(attribute(&tree, "pe", "cmdline").unwrap(), "quiet");
}

#[test]
fn signatures_of_the_reference_tools_are_verified() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (key, certificate, input, output) = (path("key"), path("crt"), path("in"), path("out"));
    let mut request = vec!["req", "-batch", "-new", "-x509", "-newkey", "rsa:2048", "-nodes"];
    request.extend(["-subj", "/O=Acme/CN=Boot", "-keyout", &key, "-out", &certificate]);
    if !run("openssl", &request) {
        return;
    }
    fs::write(&input, program(&[code()])).unwrap();
    let tools: [&[&str]; 3] = [
        &["sbsign", "--key", &key, "--cert", &certificate, "--output", &output, &input],
        &[
            "osslsigncode",
            "sign",
            "-certs",
            &certificate,
            "-key",
            &key,
            "-in",
            &input,
            "-out",
            &output,
        ],
        &[
            "osslsigncode",
            "sign",
            "-h",
            "sha1",
            "-certs",
            &certificate,
            "-key",
            &key,
            "-in",
            &input,
            "-out",
            &output,
        ],
    ];
    for tool in tools {
        let _ = fs::remove_file(&output);
        if !run(tool[0], &tool[1..]) {
            continue;
        }
        let signed = fs::read(&output).unwrap();
        let tree = Tree::from_bytes(signed.clone(), &Limits::default());
        assert_eq!(tree.problems(), []);
        let told = attribute(&tree, "pe", "signature").unwrap();
        assert!(told.starts_with("CN=Boot, O=Acme, sha"), "{told}");
        let wanted = "digest verified, signature verified with the certificate inside";
        assert!(told.ends_with(wanted), "{tool:?}: {told}");
        assert_eq!(tree.coverage().bytes_read, signed.len() as u64, "{:?}", locators(&tree));
        let mut damaged = signed;
        damaged[1030] ^= 1;
        let tree = Tree::from_bytes(damaged, &Limits::default());
        let told = attribute(&tree, "pe", "signature").unwrap();
        assert!(told.contains("digest wrong, signature verified"), "{told}");
        assert_eq!(tree.problems().len(), 1);
    }
}
