//! Roots made for tests.

use auscult_model::{BootEntry, BootState, Limits, Listener, RootOperation};
use auscult_testkit::{
    Tree as Made,
    archive::cpio_newc,
    elf::{Elf, ElfKind},
};
use auscult_unpack::Tree;

use super::{files::Files, read, roots};
use crate::examine;

/// Looks at the files of the first root of a tree.
pub(super) fn made(tree: &Made, look: impl FnOnce(&Files<'_>)) {
    let image = cpio_newc(&tree.clone().with_parents());
    let tree = Tree::from_bytes(image, &Limits::default());
    let root = roots(&tree).into_iter().next().unwrap();
    look(&Files::new(&tree, root, u64::MAX));
}

/// What is answered about every root of a tree, and how many problems there were.
pub(super) fn answers(tree: &Made) -> (Vec<RootOperation>, usize) {
    let image = cpio_newc(&tree.clone().with_parents());
    let limits = Limits::default();
    let tree = Tree::from_bytes(image, &limits);
    let (operation, problems) = read(&tree, &examine::all(&tree, &limits));
    (operation.roots().to_vec(), problems.len())
}

/// What is answered about the only root of a tree.
pub(super) fn answer(tree: &Made) -> RootOperation {
    let (mut roots, _) = answers(tree);
    assert_eq!(roots.len(), 1, "{:?}", roots.iter().map(|root| &root.root).collect::<Vec<_>>());
    roots.remove(0)
}

/// A program with these imports and libraries.
pub(super) fn program(imports: &[&str], needed: &[&str]) -> Vec<u8> {
    let kind = ElfKind::Executable;
    Elf { kind, interpreter: Some("/lib/ld.so.1"), imports, needed, ..Elf::default() }.build()
}

/// A library with these imports and libraries.
pub(super) fn library(imports: &[&str], needed: &[&str]) -> Vec<u8> {
    let kind = ElfKind::Shared;
    Elf { kind, soname: Some("lib.so"), imports, needed, exports: &["f"], ..Elf::default() }.build()
}

/// Every entry as `STATE NAME: COMMAND ARGUMENTS (TRIGGER)`.
pub(super) fn boot(answer: &RootOperation) -> Vec<String> {
    let line = |entry: &BootEntry| {
        let state = match entry.state {
            BootState::StartsAtBoot => "boot",
            BootState::OnDemand => "demand",
            BootState::Disabled => "disabled",
        };
        let words = [std::slice::from_ref(&entry.command), &entry.arguments].concat().join(" ");
        format!("{state} {}: {words} ({})", entry.name, entry.trigger)
    };
    answer.boot.known().into_iter().flatten().map(line).collect()
}

/// Every listener as `NAME TRANSPORT ADDRESS:PORT CERTAINTY STARTED`.
pub(super) fn listeners(answer: &RootOperation) -> Vec<String> {
    let line = |one: &Listener| {
        let address = one.address.known().map_or("?", String::as_str);
        let port = one.port.known().map_or_else(|| "?".to_owned(), ToString::to_string);
        let started = one.started.known().map_or_else(|| "?".to_owned(), |is| format!("{is:?}"));
        let (transport, certainty) = (one.transport, one.certainty);
        format!("{} {transport:?} {address}:{port} {certainty:?} {started}", one.name)
    };
    answer.listeners.known().into_iter().flatten().map(line).collect()
}

/// Asserts that a list holds an item.
pub(super) fn holds(list: &[String], item: &str) {
    assert!(list.iter().any(|one| one == item), "{item:?} is not in {list:#?}");
}

/// Asserts that a list holds no item with this part.
pub(super) fn lacks(list: &[String], part: &str) {
    assert!(!list.iter().any(|one| one.contains(part)), "{part:?} is in {list:#?}");
}
