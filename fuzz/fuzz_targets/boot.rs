//! Any bytes as what boot loaders load.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::family("boot", bytes));
