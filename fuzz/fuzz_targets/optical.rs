//! Any bytes as file systems of optical discs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::formats(&["iso9660", "udf"], bytes));
