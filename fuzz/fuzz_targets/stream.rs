//! Any bytes as compressed streams.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::family("stream", bytes));
