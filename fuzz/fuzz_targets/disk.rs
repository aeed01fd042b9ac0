//! Any bytes as disks, volumes, virtual disks, encrypted volumes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::family("disk", bytes));
