//! Programs made here; what real build tools write was compared by hand.

use std::{io::Write as _, sync::Arc};

use auscult_model::Limits;
use auscult_testkit::{
    Endian, Tree as Files,
    elf::{Elf, ElfClass},
    squashfs::{SquashfsOptions, squashfs},
};
use auscult_unpack::{Extent, Tree, Vault};
use flate2::{Compression, write::ZlibEncoder};

use super::{Carried, read, version_info, windows};
use crate::packages::{Packages, Row};

fn length(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.len();
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap();
        rest >>= 7;
        bytes.push(if rest > 0 { low | 0x80 } else { low });
        if rest == 0 {
            return bytes;
        }
    }
}

const MODULES: &str = "path\texample.org/pump/cmd\nmod\texample.org/Pump\tv1.4.0\th1:x=\n\
    dep\tgithub.com/acme/valve\tv0.3.1\th1:y=\n=>\tgithub.com/fork/valve\tv0.3.2\th1:z=\n\
    dep\tgithub.com/acme/local\tv9.9.9\n=>\t../local\t\n\
    dep\tgolang.org/x/net\tv0.17.0\th1:w=\nbuild\t-compiler=gc\n";

fn fenced(text: &str) -> Vec<u8> {
    [&[0x30; 16], text.as_bytes(), &[0xf9; 16]].concat()
}

/// The form since Go 1.18.
fn inline(version: &str, modules: &str) -> Vec<u8> {
    let modules = fenced(modules);
    let mut info = [&b"\xff Go buildinf:"[..], &[8, 2], &[0; 16]].concat();
    for text in [version.as_bytes(), &modules] {
        info.extend(length(text));
        info.extend(text);
    }
    info
}

/// Reads a program that lies in a file system at this path.
fn carried(path: &str, bytes: &[u8]) -> Carried {
    let files = Files::new().file(path, 0o755, bytes);
    let tree = Tree::from_bytes(squashfs(&files, SquashfsOptions::default()), &Limits::default());
    let (file, content) = tree
        .nodes()
        .find(|(_, node)| node.is_file() && node.name.0.ends_with(path.as_bytes()))
        .map(|(id, node)| (id, node.content.clone().unwrap()))
        .unwrap();
    read(&tree, file, Some(file), &content)
}

fn list(rows: &[Row]) -> Vec<String> {
    let purl = |row: &Row| crate::packages::component(row, None).purl.unwrap().0;
    rows.iter().map(|row| format!("{} {}", purl(row), row.version)).collect()
}

/// Every cut and many flips: nothing panics.
fn damage(path: &str, whole: &[u8], step: usize) {
    let look = |bytes: &[u8]| {
        let tree = Tree::from_bytes(vec![0xa5; 8], &Limits::default());
        let content = Extent::from_memory(&Arc::new(Vault::new(Limits::default())), bytes.to_vec());
        drop(read(&tree, tree.root(), None, &content));
    };
    for length in (0..whole.len()).step_by(step) {
        look(&whole[..length]);
    }
    for at in (0..whole.len()).step_by(step) {
        for value in [0xff, 0x80, 0x00] {
            let mut broken = whole.to_vec();
            broken[at] = value;
            look(&broken);
        }
    }
    assert!(!path.is_empty());
}

#[test]
fn modules_of_go_are_read_from_text() {
    let info = inline("go1.21.5 X:arenas", MODULES);
    let sections: &[(&str, &[u8])] = &[(".go.buildinfo", &info)];
    let program = Elf { class: ElfClass::Elf64, machine: 62, sections, ..Elf::default() }.build();
    let found = carried("usr/bin/pump", &program);
    assert_eq!(
        list(&found.rows),
        [
            "pkg:golang/stdlib@1.21.5 1.21.5",
            "pkg:golang/example.org/pump@v1.4.0 v1.4.0",
            "pkg:golang/github.com/fork/valve@v0.3.2 v0.3.2",
            "pkg:golang/github.com/acme/local unknown",
            "pkg:golang/golang.org/x/net@v0.17.0 v0.17.0",
        ]
    );
    assert_eq!(found.rows[1].carriers.len(), 1);
    assert_eq!(found.rows[0].cpes[0].0, "cpe:2.3:a:golang:go:1.21.5:*:*:*:*:*:*:*");
    damage("go", &program, 3);
}

#[test]
fn modules_of_go_are_read_through_addresses() {
    for (endian, flag) in [(Endian::Little, 0), (Endian::Big, 1)] {
        let word = |number: u32| match endian {
            Endian::Little => number.to_le_bytes(),
            Endian::Big => number.to_be_bytes(),
        };
        let modules = fenced(MODULES);
        // A 32-bit program: one segment of the whole file at 0x10000, the data behind the headers.
        let (base, at) = (0x10000_u32, 0x80_u32);
        let (strings, texts) = (at + 32, at + 48);
        let version = b"go1.13.4";
        let count = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap();
        let mut data = [&b"\xff Go buildinf:"[..], &[4, flag]].concat();
        data.extend([word(base + strings), word(base + strings + 8)].concat());
        data.extend([0; 8]);
        data.extend([word(base + texts), word(count(version))].concat());
        data.extend([word(base + texts + count(version)), word(count(&modules))].concat());
        data.extend(version);
        data.extend(&modules);
        let mut file = vec![0_u8; 0x80];
        file[..6].copy_from_slice(&[0x7f, b'E', b'L', b'F', 1, 1 + flag]);
        let half = |number: u16| match endian {
            Endian::Little => number.to_le_bytes(),
            Endian::Big => number.to_be_bytes(),
        };
        file[28..32].copy_from_slice(&word(52));
        file[42..44].copy_from_slice(&half(32));
        file[44..46].copy_from_slice(&half(1));
        let bytes = 0x80 + count(&data);
        for (index, value) in [1, 0, base, base, bytes, bytes, 6, 4].iter().enumerate() {
            file[52 + 4 * index..56 + 4 * index].copy_from_slice(&word(*value));
        }
        file.extend(data);
        let found = carried("usr/bin/pump", &file);
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        assert_eq!(list(&found.rows)[0], "pkg:golang/stdlib@1.13.4 1.13.4");
        assert_eq!(found.rows.len(), 5);
        damage("go", &file, 1);
    }
}

#[test]
fn crates_are_read_from_the_list_or_else_from_paths() {
    let json = r#"{"packages":[{"name":"adler","version":"0.2.3","source":"crates.io"},
        {"name":"cc","version":"1.0.0","source":"crates.io","kind":"build"},
        {"name":"pump","version":"0.1.0","source":"local","root":true,"dependencies":[0,1]}]}"#;
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(json.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let paths =
        b"\0/root/.cargo/registry/src/index.crates.io-6f17d22bba15001f/serde-1.0.193/src/de\
        /mod.rs\0/usr/share/cargo/registry/regex-1.10.2/src/lib.rs\0/registry/src/short\0";
    let with_list =
        Elf { sections: &[(".dep-v0", &packed)], rodata: paths, ..Elf::default() }.build();
    let found = carried("usr/bin/pump", &with_list);
    assert_eq!(list(&found.rows), ["pkg:cargo/adler@0.2.3 0.2.3", "pkg:cargo/pump@0.1.0 0.1.0"]);
    let without = Elf { rodata: paths, ..Elf::default() }.build();
    let found = carried("usr/bin/pump", &without);
    assert_eq!(
        list(&found.rows),
        ["pkg:cargo/regex@1.10.2 1.10.2", "pkg:cargo/serde@1.0.193 1.0.193"]
    );
    damage("rust", &with_list, 1);
    let broken = Elf { sections: &[(".dep-v0", b"no zlib")], ..Elf::default() }.build();
    assert!(carried("usr/bin/pump", &broken).problems[0].what.contains("list of crates"));
}

#[test]
fn notes_name_the_package() {
    let json = br#"{"type":"rpm","name":"pump","version":"1.2-3.fc40","architecture":"aarch64",
        "osCpe":"cpe:/o:fedoraproject:fedora:40","appCpe":"cpe:2.3:a:acme:pump:1.2"}"#;
    let mut note = Vec::new();
    for word in [4, u32::try_from(json.len() + 1).unwrap(), 0xcafe_1a7e] {
        note.extend(word.to_le_bytes());
    }
    note.extend(b"FDO\0");
    note.extend(json);
    note.push(0);
    // The builder writes such sections as plain data: the program header tells it is a note.
    let mut file = vec![0_u8; 0x80];
    file[..6].copy_from_slice(b"\x7fELF\x01\x01");
    file[28] = 52;
    (file[42], file[44]) = (32, 1);
    let bytes = u32::try_from(note.len()).unwrap();
    for (index, value) in [4, 0x80, 0x80, 0x80, bytes, bytes, 4, 4].iter().enumerate() {
        file[52 + 4 * index..56 + 4 * index].copy_from_slice(&u32::to_le_bytes(*value));
    }
    file.extend(note);
    let found = carried("usr/bin/pump", &file);
    assert_eq!(list(&found.rows), ["pkg:rpm/rpm/pump@1.2-3.fc40?arch=aarch64 1.2-3.fc40"]);
    assert_eq!(found.rows[0].cpes[0].0, "cpe:2.3:a:acme:pump:1.2:*:*:*:*:*:*:*");
    damage("note", &file, 1);
}

/// A version resource with these texts.
fn version_resource(numbers: [u16; 4], texts: &[(&str, &str)]) -> Vec<u8> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mut info = vec![0; 40];
    info[6..36].copy_from_slice(&wide("VS_VERSION_INFO"));
    info.extend([0xbd, 0x04, 0xef, 0xfe, 0, 0, 1, 0]);
    let [major, minor, build, private] = numbers;
    for _ in 0..2 {
        for number in [minor, major, private, build] {
            info.extend(number.to_le_bytes());
        }
    }
    info.resize(40 + 52, 0);
    for (name, value) in texts {
        info.resize(info.len().next_multiple_of(4), 0);
        info.extend([0, 0, 0, 0, 1, 0]);
        info.extend(wide(name));
        info.extend([0, 0]);
        info.resize(info.len().next_multiple_of(4), 0);
        info.extend(wide(value));
        info.extend([0, 0]);
    }
    info
}

/// A PE file with one section, which holds a version resource.
fn portable(wide: bool, library: bool, subsystem: u8, managed: bool, resource: &[u8]) -> Vec<u8> {
    let mut file = vec![0_u8; 0x400];
    file[..2].copy_from_slice(b"MZ");
    file[0x3c] = 0x80;
    file[0x80..0x84].copy_from_slice(b"PE\0\0");
    let optional = if wide { 240_u8 } else { 224 };
    (file[0x86], file[0x94]) = (1, optional);
    file[0x97] = if library { 0x20 } else { 0 };
    file[0x98..0x9a].copy_from_slice(if wide { &[0x0b, 0x02] } else { &[0x0b, 0x01] });
    // The base of the image.
    file[0x98 + if wide { 26 } else { 30 }] = 0x40;
    file[0x98 + 68] = subsystem;
    let directories = 0x98 + if wide { 112 } else { 96 };
    let word = |file: &mut Vec<u8>, at: usize, value: u32| {
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
    };
    word(&mut file, directories + 16, 0x1000);
    word(&mut file, directories + 20, 0x200);
    if managed {
        word(&mut file, directories + 14 * 8, 0x1000);
        word(&mut file, directories + 14 * 8 + 4, 72);
    }
    let section = 0x98 + usize::from(optional);
    file[section..section + 5].copy_from_slice(b".rsrc");
    word(&mut file, section + 12, 0x1000);
    word(&mut file, section + 16, 0x2000);
    word(&mut file, section + 20, 0x400);
    // Type 16, name 1, language 0x409, then address and size.
    let mut tree = vec![0_u8; 0x60];
    for (at, key, target) in [(0, 16, 0x8000_0018), (0x18, 1, 0x8000_0030), (0x30, 0x409, 0x48)] {
        tree[at + 14] = 1;
        word(&mut tree, at + 16, key);
        word(&mut tree, at + 20, target);
    }
    word(&mut tree, 0x48, 0x1060);
    word(&mut tree, 0x4c, u32::try_from(resource.len()).unwrap());
    file.extend(tree);
    file.extend(resource);
    file.resize(0x2400, 0);
    file
}

#[test]
fn version_resources_name_products_drivers_and_assemblies() {
    let product = version_resource(
        [5, 15, 2, 0],
        &[
            ("CompanyName", "The Qt Company Ltd."),
            ("ProductName", "Qt5"),
            ("FileVersion", "5.15.2.0"),
        ],
    );
    for wide in [false, true] {
        let file = portable(wide, true, 2, false, &product);
        let found = carried("app/Qt5Core.dll", &file);
        assert_eq!(list(&found.rows), ["pkg:generic/qt5@5.15.2 5.15.2"]);
        assert_eq!(found.rows[0].supplier.as_deref(), Some("The Qt Company Ltd."));
        damage("pe", &file[..0x700], 5);
    }
    let driver = version_resource(
        [2, 0, 1, 7],
        &[
            ("ProductName", "Acme Suite"),
            ("ProductVersion", "9.9"),
            ("OriginalFilename", "Acme.SYS"),
        ],
    );
    let found = carried("acme.sys", &portable(true, false, 1, false, &driver));
    assert_eq!(list(&found.rows), ["pkg:generic/acme.sys@2.0.1.7 2.0.1.7"]);
    let assembly = version_resource(
        [13, 0, 1, 25517],
        &[
            ("ProductName", "Json.NET"),
            ("ProductVersion", "13.0.1+ae9fe44e"),
            ("OriginalFilename", "Newtonsoft.Json.dll"),
            ("Assembly Version", "13.0.0.0"),
        ],
    );
    let found = carried("Newtonsoft.Json.dll", &portable(false, true, 3, true, &assembly));
    assert_eq!(list(&found.rows), ["pkg:nuget/Newtonsoft.Json@13.0.1 13.0.1"]);
    assert_eq!(version_info::parse(b""), version_info::VersionInfo::default());
}

#[test]
fn windows_is_known_by_its_kernel() {
    let texts = |name| {
        [
            ("CompanyName", "Microsoft Corporation"),
            ("ProductName", "Microsoft® Windows® Operating System"),
            ("OriginalFilename", name),
        ]
    };
    let kernel = version_resource([6, 1, 7601, 24384], &texts("ntkrnlmp.exe"));
    let other = version_resource([6, 1, 7600, 16385], &texts("notepad.exe.mui"));
    let old = version_resource([6, 1, 7600, 16385], &texts("ntkrnlmp.exe"));
    let files = Files::new()
        .file("Windows/System32/ntoskrnl.exe", 0o644, portable(true, false, 1, false, &kernel))
        .file("Windows/winsxs/a/b/ntoskrnl.exe", 0o644, portable(true, false, 1, false, &old))
        .file("Windows/notepad.exe", 0o644, portable(true, false, 2, false, &other));
    let tree = Tree::from_bytes(squashfs(&files, SquashfsOptions::default()), &Limits::default());
    let mut examined = crate::examine::all(&tree, &Limits::default());
    let mut packages = Packages::default();
    packages.add_carried(&tree, &mut examined);
    assert_eq!(list(&packages.rows), ["pkg:generic/windows@6.1.7601.24384 6.1.7601.24384"]);
    assert_eq!(packages.rows[0].carriers.len(), 3);
    assert_eq!(
        packages.rows[0].cpes[0].0,
        "cpe:2.3:o:microsoft:windows_7:6.1.7601.24384:*:*:*:*:*:*:*"
    );
    assert!(packages.unanswered().is_some());
    // A part of Windows that somebody took along stands for itself.
    let alone = carried("app/notepad.exe", &portable(true, false, 2, false, &other));
    let file = alone.system_file.unwrap();
    let rows = windows::assemble(&tree, std::iter::once((tree.root(), None, &file)));
    assert_eq!(list(&rows), ["pkg:generic/notepad.exe@6.1.7600.16385 6.1.7600.16385"]);
}
