//! The cache changes how long a scan takes, and nothing else.

use std::{fs, path::Path};

use auscult_testkit::{
    Tree,
    elf::Elf,
    squashfs::{SquashfsOptions, squashfs},
};

use crate::support::{auscult, code, stderr, text};

/// An image of a hundred programs; the version of one of them can be chosen.
fn image(version: &str) -> Vec<u8> {
    let program = |text: &str| {
        let rodata = format!("{text}\0{}", "filler ".repeat(900)).into_bytes();
        Elf { rodata: &rodata, ..Elf::default() }.build()
    };
    let mut tree = Tree::new().file("/etc/motd", 0o644, "hello\n".repeat(4000));
    for number in 0..100 {
        let name = format!("/usr/bin/tool{number}");
        tree = tree.file(name, 0o755, program(&format!("tool{number} version 1.{number}")));
    }
    let dropbear = program(&format!("SSH-2.0-dropbear_{version}\r\n"));
    tree = tree.file("/usr/sbin/dropbear", 0o755, dropbear);
    squashfs(&tree, SquashfsOptions { block_bytes: 4096, time: 0 })
}

fn scan(image: &Path, cache: Option<&Path>) -> String {
    let json = image.with_extension("json");
    let output = format!("json={}", text(&json));
    let mut arguments = vec!["scan", text(image), "--facts-only", "-o", &output];
    arguments.extend(cache.into_iter().flat_map(|folder| ["--cache", text(folder)]));
    let done = auscult(&arguments);
    assert_eq!(code(&done), 0, "{}", stderr(&done));
    assert!(!stderr(&done).contains("warning"), "{}", stderr(&done));
    fs::read_to_string(json).expect("read the result")
}

#[test]
fn a_scan_with_the_cache_says_what_one_without_it_says() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (first, next) = (folder.path().join("first"), folder.path().join("next"));
    fs::write(&first, image("2022.83")).expect("write the image");
    fs::write(&next, image("2024.85")).expect("write the image");
    let cache = folder.path().join("cache");
    let (plain, plain_next) = (scan(&first, None), scan(&next, None));
    assert!(plain.contains("2022.83") && plain_next.contains("2024.85"));
    assert_eq!(scan(&first, Some(&cache)), plain);
    let files = |start: &str| {
        let entries = fs::read_dir(&cache).expect("list the cache").flatten();
        let names = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(start));
        names.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let kept = fs::metadata(&files("files-")[0]).expect("findings are kept").len();
    assert_eq!(scan(&first, Some(&cache)), plain);
    assert_eq!(scan(&next, Some(&cache)), plain_next);
    let grown = fs::metadata(&files("files-")[0]).expect("findings are kept").len();
    assert!(grown > kept && grown < kept * 3 / 2, "{kept} bytes of findings, then {grown}");
    // What is damaged is found again.
    for path in files("") {
        let mut bytes = fs::read(&path).expect("read the cache");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).expect("damage the cache");
    }
    assert_eq!(scan(&first, Some(&cache)), plain);
    assert_eq!(scan(&next, Some(&cache)), plain_next);
}
