//! Any bytes as images of microcontrollers.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::family("mcu", bytes));
