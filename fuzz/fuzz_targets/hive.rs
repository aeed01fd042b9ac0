//! Any bytes as a registry hive of Windows, or as its cells, and as a scheduled task beside it.
#![no_main]

use auscult_testkit::Tree;

/// Bytes of one hive.
const HIVE_BYTES_MAX: usize = 16 << 10;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let bytes = bytes.get(..HIVE_BYTES_MAX).unwrap_or(bytes);
    let mut hive = bytes.to_vec();
    if !bytes.starts_with(b"regf") {
        // A header whose root key is the first cell of the first bin.
        hive = auscult_testkit::hive::Key::new("x").build();
        hive.truncate(0x1000);
        hive.extend([0; 0x20]);
        hive.extend(bytes);
        hive.splice(0x24..0x28, 0x20_u32.to_le_bytes());
    }
    let root = ["SYSTEM", "SOFTWARE"].iter().fold(Tree::new(), |tree, name| {
        tree.file(format!("Windows/System32/config/{name}"), 0o644, hive.clone())
    });
    let root = root.file("Windows/System32/Tasks/x", 0o644, bytes);
    auscult_fuzz::inspect_twice(&auscult_testkit::archive::tar(&root));
});
