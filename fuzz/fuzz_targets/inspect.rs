//! Any bytes as an image, inspected twice: no panic, equal facts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| auscult_fuzz::inspect_twice(bytes));
