//! Any bytes as SquashFS of every version.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::formats(&["squashfs"], bytes));
