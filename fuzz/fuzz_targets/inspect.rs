//! Any bytes as an image, inspected twice: no panic, equal facts.
#![no_main]

use auscult_model::{Input, InputKind, Sha256};
use auscult_unpack::Tree;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let limits = auscult_fuzz::limits();
    let input =
        Input { sha256: Sha256::of(bytes), size: bytes.len() as u64, kind: InputKind::Image };
    let facts = || {
        let tree = Tree::from_bytes(bytes.to_vec(), &limits);
        let facts = auscult_inspect::inspect(&tree, input.clone(), &limits);
        // Where everything together is too much, the worker starts again on one thread.
        (!tree.is_exhausted()).then_some(facts)
    };
    if let (Some(one), Some(other)) = (facts(), facts()) {
        assert_eq!(one.canonical_bytes().unwrap(), other.canonical_bytes().unwrap());
    }
});
