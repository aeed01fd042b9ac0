//! Tests of the whole inspection, on images made here and on real ones.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "these are tests")]

mod corpus;
mod made;
mod packages;
mod ranges;

use auscult_inspect::inspect;
use auscult_model::{Component, Facts, Input, InputKind, Limits, Sha256};
use auscult_unpack::Tree;

/// Inspects these bytes.
fn facts(bytes: Vec<u8>) -> Facts {
    let limits = Limits::default();
    let size = u64::try_from(bytes.len()).unwrap();
    let input = Input { sha256: Sha256::of(&bytes), size, kind: InputKind::Image };
    inspect(&Tree::from_bytes(bytes, &limits), input, &limits)
}

/// The components of this name.
fn named<'facts>(facts: &'facts Facts, name: &str) -> Vec<&'facts Component> {
    facts.components.iter().filter(|component| component.name == name).collect()
}
