//! Any bytes as archives and packages.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::family("archive", bytes));
