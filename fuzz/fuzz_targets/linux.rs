//! Any bytes as Linux's other file systems.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::formats(
    &["btrfs", "f2fs", "erofs", "xfs", "reiserfs", "jfs"],
    bytes
));
