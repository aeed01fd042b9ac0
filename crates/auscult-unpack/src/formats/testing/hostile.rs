//! What every format must survive: for the tests of the format modules.

use auscult_model::Limits;

use crate::{NodeKind, Tree};

/// Opens the fixture cut at every byte, and with each of its first bytes changed in several ways.
/// Nothing may panic, and every byte must stay accounted for.
pub(crate) fn check(fixture: &[u8], header_bytes: usize) {
    for length in 0..fixture.len() {
        open(&fixture[..length]);
    }
    for at in 0..header_bytes.min(fixture.len()) {
        for flip in [1, 0x10, 0x80, 0xff] {
            let mut damaged = fixture.to_vec();
            damaged[at] ^= flip;
            open(&damaged);
        }
        for value in [0, 0x7f, 0xff] {
            let mut damaged = fixture.to_vec();
            damaged[at] = value;
            open(&damaged);
        }
    }
}

fn open(bytes: &[u8]) {
    let limits = Limits { stream_bytes: 4 << 20, derived_bytes: 64 << 20, ..Limits::default() };
    let tree = Tree::from_bytes(bytes.to_vec(), &limits);
    let coverage = tree.coverage();
    let total = coverage.bytes_read + coverage.bytes_padding + coverage.bytes_unread;
    assert_eq!(total, bytes.len() as u64);
    for (_, node) in tree.nodes() {
        if let Some(content) = &node.content {
            let _ = content.read_up_to(0, 1 << 16);
        }
    }
}

/// An attribute of the first container of this format.
pub(crate) fn attribute(tree: &Tree, format: &str, key: &str) -> Option<String> {
    tree.nodes().find(|(_, node)| node.format() == Some(format)).and_then(|(_, node)| {
        match &node.kind {
            NodeKind::Container { attributes, .. } => attributes.get(key).cloned(),
            _ => None,
        }
    })
}

/// The locators of all nodes, as text.
pub(crate) fn locators(tree: &Tree) -> Vec<String> {
    tree.nodes().map(|(id, _)| tree.locator(id).to_string()).collect()
}

/// Bytes that do not pack: xorshift by Marsaglia, always the same.
pub(crate) fn noise(count: usize) -> Vec<u8> {
    let mut state = 2_463_534_242_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(count).collect()
}
