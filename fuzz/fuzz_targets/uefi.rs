//! Any bytes as firmware of PCs.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::family("uefi", bytes));
