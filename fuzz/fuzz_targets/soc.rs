//! Any bytes as what boot ROMs load.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::family("soc", bytes));
