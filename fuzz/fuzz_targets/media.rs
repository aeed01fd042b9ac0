//! Any bytes as pictures and sound.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::family("media", bytes));
