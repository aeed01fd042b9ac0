//! Any bytes as file systems of raw flash and small devices.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::formats(
    &["jffs2", "ubi", "ubifs", "yaffs", "cramfs", "romfs", "littlefs", "minix"],
    bytes
));
