//! Any bytes as makers' headers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::family("vendor", bytes));
