//! Versions of libraries by what they export.

use auscult_inspect::symbols::{History, Library};
use auscult_model::{Component, VersionClaim};
use auscult_testkit::{
    Tree,
    elf::{Elf, ElfKind},
    squashfs::{SquashfsOptions, squashfs},
};

use crate::{facts, named};

fn zlib() -> &'static Library {
    History::builtin("zlib").unwrap().library("libz.so.1").unwrap()
}

/// What a zlib up to this step exports.
fn exports(last: &str) -> Vec<&'static str> {
    let library = zlib();
    let end = library.steps.iter().position(|step| step.since == last).unwrap();
    let steps = library.steps.iter().take(end + 1).flat_map(|step| &step.symbols);
    library.core.iter().chain(steps).map(String::as_str).collect()
}

/// The zlib of an image with this library.
fn found(exports: &[&str], rodata: &[u8]) -> Component {
    let library =
        Elf { kind: ElfKind::Shared, soname: Some("libz.so.1"), exports, rodata, ..Elf::default() };
    let tree = Tree::new().file("usr/lib/libz.so.1", 0o755, library.build());
    let facts = facts(squashfs(&tree, SquashfsOptions::default()));
    let components = named(&facts, "zlib");
    let [component] = components.as_slice() else { panic!("{} components", components.len()) };
    (*component).clone()
}

#[test]
fn a_library_without_a_version_string_has_a_range() {
    let component = found(&exports("1.2.9"), b"");
    assert_eq!(component.version.to_string(), "\u{2265} 1.2.9, < 1.2.12");
    let VersionClaim::Range { reason, .. } = &component.version else { panic!("no range") };
    assert!(reason.contains("crc32_z") && reason.contains("crc32_combine_gen"), "{reason}");
    assert_eq!(component.confidence(), 50);
    assert_eq!(component.purl.unwrap().0, "pkg:generic/zlib");
    let newest = zlib().steps.last().unwrap();
    let component = found(&exports(&newest.since), b"");
    assert_eq!(component.version.to_string(), format!("\u{2265} {}", newest.at_least));
}

#[test]
fn exports_that_are_not_of_this_library_tell_nothing() {
    let component = found(&["acme_open", "crc32_z", "gzfread", "inflateCodesUsed"], b"");
    assert_eq!(component.version.to_string(), "unknown");
}

#[test]
fn a_string_wins_and_a_contradiction_is_told() {
    let banner = |version: &str| {
        let text = format!("\0 inflate {version} Copyright 1995-2017 Mark Adler \0");
        found(&exports("1.2.9"), text.as_bytes())
    };
    let plain = banner("1.2.11");
    assert_eq!(plain.version.to_string(), "1.2.11");
    assert!(plain.confidence() > 80);
    let odd = banner("1.2.13");
    assert_eq!(odd.version.to_string(), "1.2.13");
    assert_eq!(odd.confidence(), 40);
    let told = odd.evidence.iter().find(|trace| trace.detail.starts_with("not 1.2.13")).unwrap();
    assert!(told.detail.contains("\u{2265} 1.2.9, < 1.2.12 by its exports"), "{}", told.detail);
}
