//! Any bytes as an image: every node is read, every byte accounted for, every locator leads back.
#![no_main]

use auscult_unpack::Tree;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let tree = Tree::from_bytes(bytes.to_vec(), &auscult_fuzz::limits());
    let coverage = tree.coverage();
    let sum = coverage.bytes_read + coverage.bytes_padding + coverage.bytes_unread;
    assert_eq!((sum, coverage.bytes_total), (bytes.len() as u64, bytes.len() as u64));
    for (id, _) in tree.nodes() {
        let _ = tree.bytes(id);
        let locator = tree.locator(id);
        assert_eq!(locator.to_string().parse(), Ok(locator));
    }
});
