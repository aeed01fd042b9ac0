//! Any bytes as file systems of Windows and Macintosh.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::formats(
    &["fat", "exfat", "ntfs", "hfs", "hfsplus"],
    bytes
));
